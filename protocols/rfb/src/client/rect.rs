//! One rectangle of an update (RFC 6143, 7.7 and 7.8).

use porthole_pixel::{Rect, Size};

use super::handshake::text;
use super::{
    Client, Cursor, DecodeError, Event, Phase, Picture, Step, cursor_fits, hextile, picture, pixel,
};
use crate::qemu::Leds;
use crate::spec::Encoding;
use crate::wire::Reader;

impl Client {
    /// Decodes a rectangle once all of it is here.
    pub(super) fn rect(&mut self, input: &mut Reader<'_>) -> Result<Step, DecodeError> {
        let (Some(x), Some(y), Some(width), Some(height), Some(number)) =
            (input.u16(), input.u16(), input.u16(), input.u16(), input.i32())
        else {
            return Ok(Step::NeedMore);
        };
        let encoding = Encoding::from_number(number)
            .filter(|encoding| self.asked.contains(encoding))
            .ok_or(DecodeError::Encoding(number))?;
        let rect = Rect::new(i32::from(x), i32::from(y), i32::from(width), i32::from(height));
        let event = match encoding {
            Encoding::Raw | Encoding::CopyRect | Encoding::Hextile | Encoding::Zrle => {
                self.picture.check(rect)?;
                self.pixels(encoding, rect, input)?.map(|()| Event::Rect { rect, encoding })
            }
            Encoding::Cursor => self.cursor(rect, input)?.map(Event::Cursor),
            Encoding::DesktopSize => Some(self.resized(rect.size(), None)?),
            Encoding::ExtendedDesktopSize => match screens(input, rect.size())? {
                Some(()) => Some(self.resized(rect.size(), Some((x, y)))?),
                None => None,
            },
            Encoding::LastRect => {
                if !matches!(self.phase, Phase::Update(None)) {
                    return Err(DecodeError::Field("LastRect inside of a counted update"));
                }
                self.phase = Phase::Update(Some(0));
                return Ok(Step::Next);
            }
            Encoding::QemuExtendedKey => Some(Event::ExtendedKey),
            Encoding::QemuPointerMotion if x <= 1 => Some(Event::Relative(x == 0)),
            Encoding::QemuPointerMotion => {
                return Err(DecodeError::Field("the pointer's kind"));
            }
            Encoding::QemuLeds => match input.u8() {
                Some(byte) if byte > 7 => return Err(DecodeError::Field("the lamps")),
                byte => byte.map(|byte| Event::Leds(Leds::from_wire(byte))),
            },
            Encoding::DesktopName => text(input, "the name")?.map(Event::Name),
        };
        let Some(event) = event else { return Ok(Step::NeedMore) };
        if let Phase::Update(Some(rest)) = &mut self.phase {
            *rest = rest.saturating_sub(1);
        }
        Ok(Step::Event(event))
    }

    fn pixels(
        &mut self,
        encoding: Encoding,
        rect: Rect,
        input: &mut Reader<'_>,
    ) -> Result<Option<()>, DecodeError> {
        let count = usize::try_from(rect.area()).unwrap_or(usize::MAX);
        match encoding {
            Encoding::CopyRect => {
                let (Some(x), Some(y)) = (input.u16(), input.u16()) else { return Ok(None) };
                let from = Rect { x: i32::from(x), y: i32::from(y), ..rect };
                self.picture.check(from)?;
                self.picture.copy(rect, from);
                Ok(Some(()))
            }
            Encoding::Hextile => hextile::decode(self.format, rect, input, &mut self.picture),
            Encoding::Zrle => self.inflate.decode(self.format, rect, input, &mut self.picture),
            _ => {
                let values = pixel::pixels(self.format, count, input);
                Ok(values.map(|values| self.picture.write(rect, &values)))
            }
        }
    }

    fn cursor(&self, rect: Rect, input: &mut Reader<'_>) -> Result<Option<Cursor>, DecodeError> {
        let size = rect.size();
        if !cursor_fits(size) {
            return Err(DecodeError::Size(size));
        }
        let (width, height) = (size.width as usize, size.height as usize);
        let Some(values) = pixel::pixels(self.format, width * height, input) else {
            return Ok(None);
        };
        let row_bytes = width.div_ceil(8);
        let Some(bits) = input.bytes(row_bytes * height) else { return Ok(None) };
        let row_mask = |row: &[u8]| {
            row.iter()
                .flat_map(|byte| (0..8).map(move |bit| byte << bit & 0x80 != 0))
                .take(width)
                .collect::<Vec<bool>>()
        };
        let mask = bits.chunks(row_bytes.max(1)).flat_map(row_mask).collect();
        let hotspot = (u16::try_from(rect.x).unwrap_or(0), u16::try_from(rect.y).unwrap_or(0));
        Ok(Some(Cursor { size, hotspot, values, mask }))
    }

    fn resized(&mut self, size: Size, layout: Option<(u16, u16)>) -> Result<Event, DecodeError> {
        picture::check_size(size)?;
        if size != self.picture.size() {
            self.picture = Picture::new(size);
        }
        Ok(Event::Resized { size, layout })
    }
}

/// The screens of ExtendedDesktopSize; all must lie inside of the picture.
fn screens(input: &mut Reader<'_>, size: Size) -> Result<Option<()>, DecodeError> {
    let Some(count) = input.u8().filter(|_| input.bytes(3).is_some()) else { return Ok(None) };
    if count == 0 {
        return Err(DecodeError::Field("a layout without screens"));
    }
    for _ in 0..count {
        let (Some(_id), Some(x), Some(y), Some(width), Some(height), Some(_flags)) =
            (input.u32(), input.u16(), input.u16(), input.u16(), input.u16(), input.u32())
        else {
            return Ok(None);
        };
        let screen = Rect::new(i32::from(x), i32::from(y), i32::from(width), i32::from(height));
        if !Rect::from_size(size).contains_rect(screen) {
            return Err(DecodeError::Outside(screen));
        }
    }
    Ok(Some(()))
}
