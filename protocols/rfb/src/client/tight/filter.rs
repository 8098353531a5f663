//! What a row of bytes means.

use porthole_pixel::Rect;

use super::Shifts;
use crate::client::DecodeError;
use crate::wire::Reader;

const COPY: u8 = 0;
const PALETTE: u8 = 1;
const GRADIENT: u8 = 2;

/// The filter of a rectangle with what it needs.
#[derive(Debug)]
pub(super) struct Filter {
    kind: Kind,
    shifts: Shifts,
    width: usize,
    /// The row's values.
    values: Vec<u32>,
}

#[derive(Debug)]
enum Kind {
    Copy,
    /// Indices into colours: single bits where there are two.
    Palette(Vec<u32>),
    /// Differences to what the pixels above and to the left let expect; the row above.
    Gradient(Vec<[u8; 3]>),
}

impl Filter {
    /// Reads which filter it is, where that is `explicit`, and its palette.
    pub(super) fn read(
        explicit: bool,
        shifts: Shifts,
        rect: Rect,
        input: &mut Reader<'_>,
    ) -> Result<Option<Self>, DecodeError> {
        let width = usize::try_from(rect.width).unwrap_or(0);
        let Some(number) = (if explicit { input.u8() } else { Some(COPY) }) else {
            return Ok(None);
        };
        let kind = match number {
            COPY => Kind::Copy,
            PALETTE => {
                let Some(count) = input.u8().map(|last| usize::from(last) + 1) else {
                    return Ok(None);
                };
                if count < 2 {
                    return Err(DecodeError::Tile("a Tight palette of one colour"));
                }
                let Some(bytes) = input.bytes(count * 3) else { return Ok(None) };
                let (colours, _) = bytes.as_chunks::<3>();
                Kind::Palette(colours.iter().map(|rgb| shifts.value(*rgb)).collect())
            }
            GRADIENT => Kind::Gradient(vec![[0; 3]; width]),
            _ => return Err(DecodeError::Tile("a Tight filter that does not exist")),
        };
        Ok(Some(Self { kind, shifts, width, values: Vec::new() }))
    }

    /// How long a row is.
    pub(super) fn row_bytes(&self) -> usize {
        match &self.kind {
            Kind::Palette(colours) if colours.len() == 2 => self.width.div_ceil(8),
            Kind::Palette(_) => self.width,
            Kind::Copy | Kind::Gradient(_) => self.width * 3,
        }
    }

    /// The values of a row's bytes.
    pub(super) fn row(&mut self, bytes: &[u8]) -> Result<&[u32], DecodeError> {
        self.values.clear();
        let values = &mut self.values;
        match &mut self.kind {
            Kind::Copy => {
                let (pixels, _) = bytes.as_chunks::<3>();
                values.extend(pixels.iter().map(|rgb| self.shifts.value(*rgb)));
            }
            Kind::Palette(colours) => {
                if let [zero, one] = colours[..] {
                    let bits = bytes.iter().flat_map(|byte| (0..8).map(move |n| byte << n & 0x80));
                    let colour = |bit: u8| if bit == 0 { zero } else { one };
                    values.extend(bits.map(colour).take(self.width));
                } else {
                    for index in bytes {
                        let colour = colours.get(usize::from(*index)).copied();
                        let colour =
                            colour.ok_or(DecodeError::Tile("an index past the Tight palette"))?;
                        values.push(colour);
                    }
                }
            }
            Kind::Gradient(above) => {
                let (pixels, _) = bytes.as_chunks::<3>();
                let (mut left, mut corner) = ([0; 3], [0; 3]);
                for (difference, above) in pixels.iter().zip(above) {
                    let mut rgb = [0; 3];
                    let parts = rgb.iter_mut().zip(difference).zip(left.iter().zip(*above));
                    for (((value, difference), (left, above)), corner) in parts.zip(corner) {
                        *value = predicted(*left, above, corner).wrapping_add(*difference);
                    }
                    corner = *above;
                    *above = rgb;
                    left = rgb;
                    values.push(self.shifts.value(rgb));
                }
            }
        }
        Ok(values)
    }
}

/// What a value is expected to be: on a plane through its three neighbours.
fn predicted(left: u8, above: u8, corner: u8) -> u8 {
    let plane = i16::from(left) + i16::from(above) - i16::from(corner);
    u8::try_from(plane.clamp(0, 255)).unwrap_or(0)
}
