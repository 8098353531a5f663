//! Files: scenarios as text or packed, and the packed bytes inside of them.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use flate2::read::{GzDecoder, ZlibDecoder};

use super::scenario::Scenario;
use crate::LoadError;

/// No scenario, and no block of memory in one, is larger.
const LARGEST: u64 = 64 << 20;

/// The scenarios of a folder, by name.
pub(super) fn files(folder: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let refused = |error| LoadError::Read { path: folder.to_owned(), error };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(refused)? {
        let path = entry.map_err(refused)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.ends_with(".json") || name.ends_with(".json.gz") {
            files.push(path);
        }
    }
    if files.is_empty() {
        return Err(LoadError::Empty(folder.to_owned()));
    }
    files.sort();
    Ok(files)
}

/// Reads a scenario.
pub(super) fn load(path: &Path) -> Result<Scenario, String> {
    let text = read(path).map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| error.to_string())
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let file = fs::File::open(path)?;
    if path.extension().is_some_and(|extension| extension == "gz") {
        GzDecoder::new(file).take(LARGEST).read_to_string(&mut text)?;
    } else {
        file.take(LARGEST).read_to_string(&mut text)?;
    }
    Ok(text)
}

/// Unpacks bytes that were deflated and written in base 64.
///
/// # Errors
/// When they are neither.
pub fn inflate(text: &str) -> Result<Vec<u8>, String> {
    let packed = base64(text).ok_or("no base 64")?;
    let mut bytes = Vec::new();
    let mut inflater = ZlibDecoder::new(packed.as_slice()).take(LARGEST);
    inflater.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}

fn base64(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut bits, mut have) = (Vec::new(), 0_u32, 0);
    for digit in text.trim_end_matches('=').bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        have += 6;
        if have >= 8 {
            have -= 8;
            let [byte, ..] = (bits >> have).to_le_bytes();
            bytes.push(byte);
            bits &= (1 << have) - 1;
        }
    }
    Some(bytes)
}
