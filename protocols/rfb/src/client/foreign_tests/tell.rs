//! A server in a few lines.

use std::collections::BTreeSet;

use flate2::{Compress, Compression, FlushCompress};
use porthole_pixel::{Rect, Size};

use crate::pixel_format::PixelFormat;
use crate::spec::Encoding;

/// Everything that the client reads.
pub(super) const ALL: [Encoding; 18] = [
    Encoding::CopyRect,
    Encoding::Rre,
    Encoding::Hextile,
    Encoding::Zlib,
    Encoding::Tight,
    Encoding::Zrle,
    Encoding::Cursor,
    Encoding::XCursor,
    Encoding::AlphaCursor,
    Encoding::PointerPlace,
    Encoding::DesktopSize,
    Encoding::LastRect,
    Encoding::QemuPointerMotion,
    Encoding::QemuExtendedKey,
    Encoding::QemuLeds,
    Encoding::DesktopName,
    Encoding::Fence,
    Encoding::ContinuousUpdates,
];

/// What comes before the first message: no security, a picture of this size, the name "n".
pub(super) fn hello(size: Size) -> Vec<u8> {
    let mut bytes = b"RFB 003.008\n\x01\x01\0\0\0\0".to_vec();
    for side in [size.width, size.height] {
        bytes.extend(u16::try_from(side).unwrap().to_be_bytes());
    }
    bytes.extend(PixelFormat::BGRX.to_wire());
    bytes.extend(b"\0\0\0\x01n");
    bytes
}

/// A deflate stream.
pub(super) struct Stream(Compress);

impl Stream {
    pub(super) fn new() -> Self {
        Self(Compress::new(Compression::new(5), true))
    }

    pub(super) fn deflate(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len() + 4096);
        self.0.compress_vec(bytes, &mut out, FlushCompress::Sync).unwrap();
        out
    }
}

/// Bytes in a stream of their own.
pub(super) fn deflated(bytes: &[u8]) -> Vec<u8> {
    Stream::new().deflate(bytes)
}

/// Tight's lengths.
pub(super) fn tight_length(length: usize) -> Vec<u8> {
    let byte = |bits: usize| u8::try_from(bits & 0xff).unwrap();
    match length {
        0..0x80 => vec![byte(length)],
        0x80..0x4000 => vec![byte(length & 0x7f | 0x80), byte(length >> 7)],
        _ => vec![byte(length & 0x7f | 0x80), byte(length >> 7 & 0x7f | 0x80), byte(length >> 14)],
    }
}

/// How many colours there are.
pub(super) fn colours(values: &[u32]) -> usize {
    values.iter().collect::<BTreeSet<_>>().len()
}

fn rgb(value: u32) -> [u8; 3] {
    let [blue, green, red, _] = value.to_le_bytes();
    [red, green, blue]
}

/// Rows behind a filter; a palette where the picture is fit for one.
pub(super) fn tight_rows(
    stream: &mut Stream,
    (number, filter): (u8, u8),
    rect: Rect,
    values: &[u32],
) -> Vec<u8> {
    let palette: Vec<u32> = values.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
    let width = usize::try_from(rect.width).unwrap();
    let filter = if filter == 1 && !(2..=256).contains(&palette.len()) { 0 } else { filter };
    // No filter is named now and then, which means to copy.
    let mut body = if filter == 0 && number % 2 == 0 {
        vec![number << 4]
    } else {
        vec![0x40 | number << 4, filter]
    };
    let rows: Vec<u8> = match filter {
        0 => values.iter().flat_map(|value| rgb(*value)).collect(),
        1 => {
            body.push(u8::try_from(palette.len() - 1).unwrap());
            body.extend(palette.iter().flat_map(|value| rgb(*value)));
            let index = |value: &u32| palette.binary_search(value).unwrap();
            if palette.len() == 2 {
                let byte = |bits: &[u32]| {
                    bits.iter().zip((0..8).rev()).fold(0, |byte, (value, bit)| {
                        byte | u8::try_from(index(value)).unwrap() << bit
                    })
                };
                values.chunks(width).flat_map(|row| row.chunks(8).map(byte)).collect()
            } else {
                values.iter().map(|value| u8::try_from(index(value)).unwrap()).collect()
            }
        }
        _ => gradient(width, values),
    };
    if rows.len() < 12 {
        body.extend(rows);
    } else {
        let data = stream.deflate(&rows);
        body.extend(tight_length(data.len()));
        body.extend(data);
    }
    body
}

fn gradient(width: usize, values: &[u32]) -> Vec<u8> {
    let at = |x: usize, y: usize| rgb(values[y * width + x]);
    let mut out = Vec::new();
    for (index, value) in values.iter().enumerate() {
        let (x, y) = (index % width, index / width);
        let left = if x > 0 { at(x - 1, y) } else { [0; 3] };
        let above = if y > 0 { at(x, y - 1) } else { [0; 3] };
        let corner = if x > 0 && y > 0 { at(x - 1, y - 1) } else { [0; 3] };
        for channel in 0..3 {
            let plane =
                i32::from(left[channel]) + i32::from(above[channel]) - i32::from(corner[channel]);
            let expected = u8::try_from(plane.clamp(0, 255)).unwrap();
            out.push(rgb(*value)[channel].wrapping_sub(expected));
        }
    }
    out
}

/// The first pixel as the background, and each run of another colour as a rectangle.
pub(super) fn rre(rect: Rect, values: &[u32]) -> Vec<u8> {
    let width = usize::try_from(rect.width).unwrap();
    let (mut parts, mut count) = (Vec::new(), 0_u32);
    for (y, row) in values.chunks(width).enumerate() {
        let mut x = 0;
        for run in row.chunk_by(|left, right| left == right) {
            if run[0] != values[0] {
                parts.extend(run[0].to_le_bytes());
                for field in [x, y, run.len(), 1] {
                    parts.extend(u16::try_from(field).unwrap().to_be_bytes());
                }
                count += 1;
            }
            x += run.len();
        }
    }
    [&count.to_be_bytes()[..], &values[0].to_le_bytes(), &parts].concat()
}
