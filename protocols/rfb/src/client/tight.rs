//! Tight (rfbproto, "Tight Encoding"): one colour, JPEG, or rows behind a filter in one of four deflate
//! streams.

mod filter;

use porthole_pixel::Rect;

use self::filter::Filter;
use super::inflate::Inflate;
use super::{Canvas, DecodeError, jpeg};
use crate::pixel_format::{Channel, Colour, PixelFormat};
use crate::wire::Reader;

/// Less than this is not compressed.
const PLAIN: u64 = 12;

/// The streams.
#[derive(Debug)]
pub(super) struct Tight([Inflate; 4]);

/// Where the three colours of a pixel lie in its value: Tight sends red, green and blue, a byte each,
/// whatever the format, provided that it has eight bits of each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shifts([u8; 3]);

impl Shifts {
    fn of(format: PixelFormat) -> Result<Self, DecodeError> {
        let Colour::True { red, green, blue } = format.colour() else {
            return Err(DecodeError::Field("Tight with a colour map"));
        };
        let full = |channel: Channel| channel.max == 255;
        if format.bytes_per_pixel() != 4 || !(full(red) && full(green) && full(blue)) {
            return Err(DecodeError::Field("Tight with other pixels than those of 24 bits"));
        }
        Ok(Self([red.shift, green.shift, blue.shift]))
    }

    /// The value of a colour.
    pub(super) fn value(self, rgb: [u8; 3]) -> u32 {
        let parts = rgb.iter().zip(self.0);
        parts.fold(0, |value, (part, shift)| value | u32::from(*part) << shift)
    }
}

impl Tight {
    pub(super) fn new() -> Self {
        Self([(); 4].map(|()| Inflate::new()))
    }

    /// Decodes a rectangle once all of it is here. `lossy` says whether JPEG was asked for.
    pub(super) fn decode(
        &mut self,
        (format, lossy): (PixelFormat, bool),
        rect: Rect,
        input: &mut Reader<'_>,
        canvas: &mut impl Canvas,
    ) -> Result<Option<()>, DecodeError> {
        let shifts = Shifts::of(format)?;
        let Some(control) = input.u8() else { return Ok(None) };
        let done = match control >> 4 {
            kind @ 0..=7 => self.rows((control & 0x0f, kind), shifts, rect, input, canvas)?,
            8 => input.array().map(|rgb| {
                self.reset(control & 0x0f);
                if !rect.is_empty() {
                    canvas.begin(rect);
                    canvas.fill(rect, shifts.value(rgb));
                }
            }),
            9 if lossy => {
                let Some(length) = compact_length(input) else { return Ok(None) };
                let Some(data) = input.bytes(length) else { return Ok(None) };
                self.reset(control & 0x0f);
                jpeg::decode(data, rect, shifts, canvas)?;
                Some(())
            }
            9 => return Err(DecodeError::Tile("JPEG that was not asked for")),
            _ => return Err(DecodeError::Tile("a kind of Tight rectangle that does not exist")),
        };
        Ok(done)
    }

    /// Begins the named streams anew.
    fn reset(&mut self, bits: u8) {
        for (number, stream) in self.0.iter_mut().enumerate() {
            if bits >> number & 1 != 0 {
                stream.reset();
            }
        }
    }

    fn rows(
        &mut self,
        (resets, kind): (u8, u8),
        shifts: Shifts,
        rect: Rect,
        input: &mut Reader<'_>,
        canvas: &mut impl Canvas,
    ) -> Result<Option<()>, DecodeError> {
        let explicit = kind & 4 != 0;
        let Some(mut filter) = Filter::read(explicit, shifts, rect, input)? else {
            return Ok(None);
        };
        let row_bytes = filter.row_bytes();
        let total = row_bytes as u64 * u64::from(rect.size().height);
        let length =
            if total < PLAIN { usize::try_from(total).ok() } else { compact_length(input) };
        let Some(data) = length.and_then(|length| input.bytes(length)) else { return Ok(None) };
        self.reset(resets);
        if !rect.is_empty() {
            canvas.begin(rect);
        }
        let mut rows = rect.top()..rect.bottom();
        let mut take = |piece: &[u8]| {
            let mut reader = Reader::new(piece);
            while reader.remaining() >= row_bytes
                && let Some(y) = rows.next()
            {
                let row = reader.bytes(row_bytes).unwrap_or_default();
                canvas.write(Rect { y, height: 1, ..rect }, filter.row(row)?);
            }
            Ok(reader.taken())
        };
        if total < PLAIN {
            take(data)?;
        } else if let Some(stream) = self.0.get_mut(usize::from(kind & 3)) {
            stream.run(data, (total, row_bytes), take)?;
        }
        if rows.next().is_some() && row_bytes > 0 {
            return Err(DecodeError::Deflate("less data than the rectangle has pixels"));
        }
        Ok(Some(()))
    }
}

/// A length of one to three bytes: seven bits, seven bits, eight bits, the lowest first.
fn compact_length(input: &mut Reader<'_>) -> Option<usize> {
    let first = usize::from(input.u8()?);
    if first & 0x80 == 0 {
        return Some(first);
    }
    let second = usize::from(input.u8()?);
    let low = first & 0x7f | (second & 0x7f) << 7;
    if second & 0x80 == 0 {
        return Some(low);
    }
    Some(low | usize::from(input.u8()?) << 14)
}
