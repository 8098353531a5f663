//! A trace as text, a line for each record.

use std::io::{BufWriter, Read, Write};

use porthole_trace::{Event, ReadError, Reader, Start};
use porthole_virtio_gpu::{Header, wire};

const CURSOR: u8 = 1;

/// Writes all records.
pub(super) fn run<R: Read>(
    start: &Start,
    mut reader: Reader<R>,
    output: impl Write,
) -> Result<(), ReadError> {
    let mut output = BufWriter::new(output);
    writeln!(output, "{} {} of guest {}", start.program, start.version, start.guest)?;
    while let Some((time_us, device, event)) = reader.next()? {
        let kind = start.devices.get(usize::from(device)).map_or("?", |info| info.kind.as_str());
        let seconds = time_us as f64 / 1e6;
        write!(output, "{seconds:>12.6} {kind:<8} ")?;
        match event {
            Event::Request { queue, writable, bytes, .. } if kind == "gpu" => {
                let (name, length) = (command_name(queue, bytes), bytes.len());
                writeln!(output, "{name}, {length} bytes, room for {writable}")?;
            }
            Event::Memory { address, bytes } => {
                writeln!(output, "memory {address:#x}, {} bytes", bytes.len())?;
            }
            Event::Answer { token, bytes } => {
                let kind = bytes.first_chunk().map_or(0, |kind| u32::from_le_bytes(*kind));
                writeln!(output, "answer {kind:#x}, {} bytes, waits for {token:?}", bytes.len())?;
            }
            Event::CursorImage { scanout, hot, .. } => {
                writeln!(output, "cursor-image on {scanout}, hot {hot:?}")?;
            }
            Event::State { last, bytes } => {
                writeln!(output, "state, {} bytes, last {last}", bytes.len())?;
            }
            event => writeln!(output, "{event:?}")?,
        }
    }
    writeln!(output, "{} records, {:?}", reader.records(), reader.ending())?;
    output.flush()?;
    Ok(())
}

/// What a request of a GPU asks for.
pub(super) fn command_name(queue: u8, bytes: &[u8]) -> &'static str {
    use wire::request;

    let Some(Header { kind, .. }) = Header::parse(bytes) else { return "short" };
    match (queue, kind) {
        (CURSOR, request::UPDATE_CURSOR) => "UPDATE_CURSOR",
        (CURSOR, request::MOVE_CURSOR) => "MOVE_CURSOR",
        (_, request::GET_DISPLAY_INFO) => "GET_DISPLAY_INFO",
        (_, request::RESOURCE_CREATE_2D) => "RESOURCE_CREATE_2D",
        (_, request::RESOURCE_UNREF) => "RESOURCE_UNREF",
        (_, request::SET_SCANOUT) => "SET_SCANOUT",
        (_, request::RESOURCE_FLUSH) => "RESOURCE_FLUSH",
        (_, request::TRANSFER_TO_HOST_2D) => "TRANSFER_TO_HOST_2D",
        (_, request::RESOURCE_ATTACH_BACKING) => "RESOURCE_ATTACH_BACKING",
        (_, request::RESOURCE_DETACH_BACKING) => "RESOURCE_DETACH_BACKING",
        (_, request::GET_EDID) => "GET_EDID",
        (_, request::RESOURCE_ASSIGN_UUID) => "RESOURCE_ASSIGN_UUID",
        (_, request::RESOURCE_CREATE_BLOB) => "RESOURCE_CREATE_BLOB",
        (_, request::SET_SCANOUT_BLOB) => "SET_SCANOUT_BLOB",
        // A guest may make up any number; one name for all of them keeps the counts small.
        _ => "unknown",
    }
}
