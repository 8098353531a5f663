//! Seeds from traces: what a real guest sent, as scripts for the target `gpu`.
//!
//! The target's device is small: it has 1 MiB for pictures and 1 MiB of guest memory. So sides are
//! divided by [`SMALLER`], and addresses moved to where that memory is. What a guest does, and in which
//! order, stays.

mod vga;

use std::io::Read;

use porthole_trace::{Event, ReadError, Reader};

pub use vga::of_trace as of_vga_trace;

use crate::targets::gpu::{BASE, LEN, PRESENT, RAW, RAW_MOST};

/// What each side of a picture is divided by.
const SMALLER: u32 = 16;
/// How long a script may be: longer ones bring nothing new.
const LONGEST: usize = 2048;
/// One display, blob resources, and identities for resources; see `targets::gpu::run`.
const FLAGS: u8 = 4 | 8;
/// Bytes of a command's head.
const HEAD: usize = 24;

/// The scripts of a trace: each goes on where the one before it ended, with a device of its own.
///
/// # Errors
/// When the file is none; one that was cut gives what is there.
pub fn of_trace(source: impl Read) -> Result<Vec<Vec<u8>>, ReadError> {
    let (start, mut reader) = Reader::open(source)?;
    let is_gpu = |device: u8| {
        start.devices.get(usize::from(device)).is_some_and(|device| device.kind == "gpu")
    };
    let (mut scripts, mut script) = (Vec::new(), vec![FLAGS]);
    while let Ok(Some((_, device, event))) = reader.next() {
        let Event::Request { queue: 0, bytes, .. } = event else { continue };
        if !is_gpu(device) {
            continue;
        }
        let request = fitted(bytes);
        let length = u8::try_from(request.len()).unwrap_or(u8::MAX);
        // The answer has room enough; then the presenter takes what there is, and keeps it.
        let step = [&[RAW, length], &request[..], &[0, PRESENT, 0]].concat();
        if script.len() + step.len() > LONGEST {
            scripts.push(std::mem::replace(&mut script, vec![FLAGS]));
        }
        script.extend(step);
    }
    if script.len() > 1 {
        scripts.push(script);
    }
    Ok(scripts)
}

/// A request for the target's small device: as a guest with small displays would have sent it.
fn fitted(bytes: &[u8]) -> Vec<u8> {
    let mut request = bytes.get(..bytes.len().min(RAW_MOST - 1)).unwrap_or_default().to_vec();
    let kind = request.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
    let sides: &[usize] = match kind {
        // CREATE_2D: id, format, width, height.
        0x101 => &[2, 3],
        // SET_SCANOUT, FLUSH, TRANSFER_TO_HOST_2D and SET_SCANOUT_BLOB begin with a rectangle.
        0x103..=0x105 | 0x10d => &[0, 1, 2, 3],
        _ => &[],
    };
    for word in sides {
        change(&mut request, HEAD + 4 * word, |side| side.div_ceil(SMALLER));
    }
    match kind {
        // The offset of a transfer: rows and columns are fewer.
        0x105 => change(&mut request, HEAD + 16, |offset| offset / SMALLER / SMALLER),
        // ATTACH_BACKING and CREATE_BLOB end with entries: address, length.
        0x106 => entries(&mut request, HEAD + 4, HEAD + 8),
        0x10c => entries(&mut request, HEAD + 12, HEAD + 32),
        _ => {}
    }
    request
}

/// Leaves as many entries as there is room for, in the target's memory.
fn entries(request: &mut Vec<u8>, count: usize, first: usize) {
    let fit = request.len().saturating_sub(first) / 16;
    request.truncate(first + 16 * fit);
    let fit = u32::try_from(fit).unwrap_or(u32::MAX);
    change(request, count, |claimed| claimed.min(fit));
    for entry in (first..request.len()).step_by(16) {
        let length = u32::try_from(LEN / 8).unwrap_or(u32::MAX);
        change(request, entry, |low| {
            // A page of the first half, which has no gap.
            let page = (u64::from(low) % (LEN / 4)) & !0xfff;
            u32::try_from(BASE + page).unwrap_or(u32::MAX)
        });
        change(request, entry + 4, |_| 0);
        change(request, entry + 8, |bytes| bytes.min(length));
    }
}

fn change(request: &mut [u8], at: usize, change: impl FnOnce(u32) -> u32) {
    if let Some(word) = request.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<4>()) {
        *word = change(u32::from_le_bytes(*word)).to_le_bytes();
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Seek, SeekFrom};

    use porthole_trace::{DeviceInfo, Limits, Start, Tracer};

    use super::*;
    use crate::targets::gpu::outcome;

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    fn command(kind: u32, rest: &[u32]) -> Vec<u8> {
        words(&[&[kind, 0, 0, 0, 0, 0], rest].concat())
    }

    /// What a guest of 640x480 sends until its first picture.
    fn trace() -> File {
        let mut file = tempfile::tempfile().unwrap();
        let device = |kind: &str| DeviceInfo { kind: kind.to_owned(), options: Default::default() };
        let start = Start {
            program: "porthole-gpu".to_owned(),
            version: "0".to_owned(),
            guest: "ivi".to_owned(),
            started_ms: 0,
            devices: vec![device("keyboard"), device("gpu")],
        };
        let tracer = Tracer::start(file.try_clone().unwrap(), &start, Limits::default()).unwrap();
        let tap = tracer.tap(1);
        for request in [
            command(0x100, &[]),
            command(0x101, &[3, 2, 640, 480]),
            command(0x106, &[3, 2, 0x7654_3000, 0, 0x10_0000, 0, 0x3000, 0, 0x2_c000, 0]),
            command(0x103, &[0, 0, 640, 480, 0, 3]),
            command(0x105, &[0, 0, 640, 480, 0, 0, 3, 0]),
            command(0x104, &[0, 0, 640, 480, 3, 0]),
        ] {
            tap.record(|| Event::Request {
                queue: 0,
                writable: 4096,
                truncated: false,
                bytes: &request,
            });
        }
        tracer.flush();
        drop(tap);
        drop(tracer);
        file.seek(SeekFrom::Start(0)).unwrap();
        file
    }

    #[test]
    fn what_a_guest_sent_is_a_script_that_shows_a_picture() {
        let scripts = of_trace(trace()).unwrap();
        let [script] = &scripts[..] else { panic!("{} scripts", scripts.len()) };
        let kinds: Vec<&[u8]> = script.windows(4).filter(|w| w[1..] == [1, 0, 0]).collect();
        assert_eq!(kinds.len(), 6, "{script:?}");
        let create = script.windows(HEAD + 16).find(|w| w[..4] == [1, 1, 0, 0]).unwrap();
        assert_eq!(create[HEAD + 8..], words(&[40, 30]));
        assert_eq!(outcome(script), (0, 1), "no refusal, one frame");
        (crate::target("gpu").unwrap().run)(script);
    }

    #[test]
    fn any_request_is_fitted() {
        for kind in 0x100..0x10e {
            for len in 0..200 {
                let mut request = command(kind, &[u32::MAX; 50]);
                request.truncate(len);
                assert!(fitted(&request).len() < RAW_MOST);
            }
        }
    }
}
