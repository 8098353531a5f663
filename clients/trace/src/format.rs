//! The file: a head, and chunks of records with a checksum each.

use postcard::ser_flavors::Flavor;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::event::Event;

/// The first bytes of every trace.
pub const MAGIC: [u8; 8] = *b"PORTRACE";

/// The format that is written. Those before it have fewer kinds of records, and are read as well.
pub const VERSION: u32 = 3;

/// Most bytes of a chunk, its head apart.
pub const MAX_CHUNK: usize = 1 << 20;

/// Longest piece of memory or state that one record holds; longer ones come in several.
pub const PIECE: usize = 1 << 16;

/// Bytes of a chunk's head: length and checksum of what follows.
pub(crate) const CHUNK_HEAD: usize = 8;

/// Bytes in front of the records of a chunk: microseconds since the start.
pub(crate) const CHUNK_TIME: usize = 8;

/// What a trace begins with, as JSON.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Start {
    /// The program that wrote it.
    pub program: String,
    /// Its version.
    pub version: String,
    /// The guest.
    pub guest: String,
    /// Milliseconds since 1970.
    pub started_ms: u64,
    /// The devices, by the number that records name them with.
    pub devices: Vec<DeviceInfo>,
}

/// A device of a trace.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct DeviceInfo {
    /// What it is: `gpu`, `keyboard`, `tablet`, `mouse`, `touch`, `pen`.
    pub kind: String,
    /// What a device must be made with to do the same again.
    pub options: Value,
}

/// A record as it is written.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Record<'a> {
    /// Microseconds since the record before, or since the chunk's time.
    pub(crate) after_us: u64,
    pub(crate) device: u8,
    #[serde(borrow)]
    pub(crate) event: Event<'a>,
}

/// Adds to a vector, whole slices at once.
struct Into<'a>(&'a mut Vec<u8>);

impl Flavor for Into<'_> {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// Appends a record. What cannot be written leaves nothing behind.
pub(crate) fn append(record: &Record<'_>, into: &mut Vec<u8>) -> bool {
    let before = into.len();
    let fine = postcard::serialize_with_flavor(record, Into(into)).is_ok();
    if !fine {
        into.truncate(before);
    }
    fine
}

/// Appends a record but for its time, which comes first. What cannot be written leaves nothing behind.
pub(crate) fn append_untimed(device: u8, event: Event<'_>, into: &mut Vec<u8>) -> bool {
    let before = into.len();
    let fine = postcard::serialize_with_flavor(&(device, event), Into(into)).is_ok();
    if !fine {
        into.truncate(before);
    }
    fine
}

/// Appends the time of a record.
pub(crate) fn append_time(after_us: u64, into: &mut Vec<u8>) {
    // A number always has its form.
    let _ = postcard::serialize_with_flavor(&after_us, Into(into));
}

/// Begins a chunk: room for its head, and its time.
pub(crate) fn begin_chunk(chunk: &mut Vec<u8>, time_us: u64) {
    chunk.clear();
    chunk.extend([0; CHUNK_HEAD]);
    chunk.extend(time_us.to_le_bytes());
}

/// Whether a chunk is not too long for its head.
pub(crate) const fn fits(chunk: &[u8]) -> bool {
    chunk.len() <= MAX_CHUNK + CHUNK_HEAD
}

/// Writes a chunk's head. Nothing that is too long gets one.
pub(crate) fn finish_chunk(chunk: &mut [u8]) -> bool {
    let Some((head, body)) = chunk.split_first_chunk_mut::<CHUNK_HEAD>() else { return false };
    let Some(length) = u32::try_from(body.len()).ok().filter(|_| body.len() <= MAX_CHUNK) else {
        return false;
    };
    let [a, b, c, d] = length.to_le_bytes();
    let [e, f, g, h] = crc32fast::hash(body).to_le_bytes();
    *head = [a, b, c, d, e, f, g, h];
    true
}

/// The head of a file with its first chunk.
pub(crate) fn head(start: &Start) -> Option<Vec<u8>> {
    let mut chunk = vec![0; CHUNK_HEAD];
    serde_json::to_writer(&mut chunk, start).ok()?;
    finish_chunk(&mut chunk).then_some(())?;
    let mut bytes = MAGIC.to_vec();
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend(chunk);
    Some(bytes)
}
