//! The files.

use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Why scenarios cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The system refuses a file or directory.
    #[error("cannot read {path}: {error}")]
    Read {
        /// Which one.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file is no scenario.
    #[error("{path} is no scenario: {error}")]
    Parse {
        /// Which one.
        path: PathBuf,
        /// Why.
        error: serde_json::Error,
    },
    /// There is no scenario.
    #[error("{0} holds no scenario (no *.json file)")]
    Empty(PathBuf),
}

/// One scenario: steps that are done one after the other on a fresh device.
#[derive(Debug, Deserialize)]
pub(crate) struct Scenario {
    pub(crate) name: String,
    pub(crate) steps: Vec<Step>,
}

/// One step. A kind that is not known here is an error, not a success.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    /// Offset and bytes in hexadecimal digits.
    GuestWrite(u64, String),
    /// Offset, length and seed of a generator.
    GuestLcg(u64, usize, u32),
    Ctrl(Request),
    Cursor(Request),
    /// Offset and bytes of the configuration space.
    Config(u64, String),
    /// Scanout 0 shows the pixels of a PNG file.
    Screen(String),
    /// This scanout shows nothing.
    Inactive(usize),
    Note(serde::de::IgnoredAny),
}

#[derive(Debug, Deserialize)]
pub(crate) struct Request {
    pub(crate) name: String,
    pub(crate) req: String,
    #[serde(default)]
    pub(crate) split: Option<Vec<usize>>,
    #[serde(default)]
    pub(crate) resp_len: usize,
    /// Hexadecimal digits; an ellipsis stands for any rest.
    #[serde(default)]
    pub(crate) resp: String,
    #[serde(default)]
    pub(crate) used_len: Option<usize>,
}

/// The files of a directory that hold scenarios, by name.
pub(crate) fn files(directory: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let unreadable = |error| LoadError::Read { path: directory.to_owned(), error };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            paths.push(path);
        }
    }
    paths.sort();
    if paths.is_empty() {
        return Err(LoadError::Empty(directory.to_owned()));
    }
    Ok(paths)
}

/// Reads one scenario.
pub(crate) fn load(path: &Path) -> Result<Scenario, LoadError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| LoadError::Read { path: path.to_owned(), error })?;
    let parsed = serde_json::from_str(&text);
    parsed.map_err(|error| LoadError::Parse { path: path.to_owned(), error })
}

/// Bytes from hexadecimal digits.
pub(crate) fn unhex(text: &str) -> Result<Vec<u8>, String> {
    let digit = |c: char| c.to_digit(16).and_then(|value| u8::try_from(value).ok());
    let digits: Option<Vec<u8>> = text.chars().map(digit).collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2));
    let digits = digits.ok_or_else(|| format!("not hexadecimal: {text}"))?;
    let byte = |two: &[u8]| two.iter().fold(0, |byte, digit| byte << 4 | digit);
    Ok(digits.chunks(2).map(byte).collect())
}

/// Hexadecimal digits of some bytes.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
