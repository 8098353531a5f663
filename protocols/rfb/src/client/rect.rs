//! One rectangle of an update (RFC 6143, 7.7 and 7.8).

use porthole_pixel::{Rect, Size};

use super::handshake::text;
use super::hextile::Hextile;
use super::{Canvas, Client, DecodeError, Event, Phase, Step, cursor, pixel, rre, zrle};
use crate::qemu::Leds;
use crate::spec::Encoding;
use crate::wire::Reader;

/// A rectangle whose pixels are taken as they come.
#[derive(Clone, Copy, Debug)]
pub(super) enum Work {
    /// Pixels in rows, from this one on.
    Raw(u64),
    Hextile(Hextile),
}

impl<C: Canvas> Client<C> {
    /// Decodes a rectangle once all of it is here, or begins with it.
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
            Encoding::Raw | Encoding::Hextile => {
                self.check(rect)?;
                self.begin(rect);
                let work = match encoding {
                    Encoding::Hextile => Work::Hextile(Hextile::new(rect)),
                    _ => Work::Raw(0),
                };
                let Phase::Update(rest) = self.phase else { return Ok(Step::NeedMore) };
                self.phase = Phase::Pixels { rect, work, rest };
                return Ok(Step::Next);
            }
            Encoding::CopyRect
            | Encoding::Rre
            | Encoding::Zlib
            | Encoding::Tight
            | Encoding::Zrle => {
                self.check(rect)?;
                self.pixels(encoding, rect, input)?.map(|()| Event::Rect { rect, encoding })
            }
            Encoding::Cursor | Encoding::XCursor | Encoding::AlphaCursor => {
                cursor::read(encoding, self.format, rect, input)?.map(|read| match read {
                    cursor::Read::Masked(cursor) => Event::Cursor(cursor),
                    cursor::Read::Image(image) => Event::CursorImage(image),
                })
            }
            Encoding::PointerPlace => Some(Event::PointerPlace { x, y }),
            Encoding::DesktopSize => Some(self.resized(rect.size(), None)?),
            Encoding::ExtendedDesktopSize => match screens(input, rect.size())? {
                // A refusal says what the size is or what it was asked to be.
                Some(()) if y != 0 => {
                    Some(Event::Resized { size: self.canvas.size(), layout: Some((x, y)) })
                }
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
            Encoding::Fence | Encoding::ContinuousUpdates | Encoding::ExtendedClipboard => {
                return Err(DecodeError::Encoding(number));
            }
        };
        let Some(event) = event else { return Ok(Step::NeedMore) };
        if let Phase::Update(Some(rest)) = &mut self.phase {
            *rest = rest.saturating_sub(1);
        }
        Ok(Step::Event(event))
    }

    /// Goes on with a rectangle whose pixels are taken as they come.
    pub(super) fn work(
        &mut self,
        (rect, work, rest): (Rect, Work, Option<u16>),
        input: &mut Reader<'_>,
    ) -> Result<Step, DecodeError> {
        let before = input.taken();
        let (work, encoding, done) = match work {
            Work::Raw(first) => {
                let next = self.raw(rect, first, input);
                (Work::Raw(next), Encoding::Raw, next >= rect.area())
            }
            Work::Hextile(mut hextile) => {
                let done = hextile.decode(self.format, input, &mut self.canvas)?;
                (Work::Hextile(hextile), Encoding::Hextile, done)
            }
        };
        if done {
            self.phase = Phase::Update(rest.map(|rest| rest.saturating_sub(1)));
            return Ok(Step::Event(Event::Rect { rect, encoding }));
        }
        self.phase = Phase::Pixels { rect, work, rest };
        Ok(if input.taken() > before { Step::Next } else { Step::NeedMore })
    }

    /// Takes the pixels that are here, whole rows at once and what there is of the last one; which pixel is
    /// next.
    fn raw(&mut self, rect: Rect, first: u64, input: &mut Reader<'_>) -> u64 {
        let (width, mut next) = (u64::from(rect.size().width), first);
        loop {
            let here = (input.remaining() / self.format.bytes_per_pixel()) as u64;
            let here = here.min(rect.area() - next.min(rect.area()));
            if here == 0 {
                return next;
            }
            let (line, column) = (next / width, next % width);
            let (wide, high) = if column == 0 && here >= width {
                (width, here / width)
            } else {
                (here.min(width - column), 1)
            };
            let Some(piece) = part(rect, [column, line, wide, high]) else { return next };
            if pixel::draw(self.format, piece, input, &mut self.canvas).is_none() {
                return next;
            }
            next += wide * high;
        }
    }

    fn pixels(
        &mut self,
        encoding: Encoding,
        rect: Rect,
        input: &mut Reader<'_>,
    ) -> Result<Option<()>, DecodeError> {
        let (format, canvas) = (self.format, &mut self.canvas);
        match encoding {
            Encoding::CopyRect => {
                let (Some(x), Some(y)) = (input.u16(), input.u16()) else { return Ok(None) };
                let from = Rect { x: i32::from(x), y: i32::from(y), ..rect };
                self.check(from)?;
                if !rect.is_empty() {
                    self.canvas.copy(rect, from);
                }
                Ok(Some(()))
            }
            Encoding::Rre => rre::decode(format, rect, input, canvas),
            Encoding::Zlib => zrle::plain(&mut self.zlib, format, rect, input, canvas),
            Encoding::Tight => self.tight.decode((format, self.lossy), rect, input, canvas),
            _ => zrle::decode(&mut self.zrle, format, rect, input, canvas),
        }
    }

    fn begin(&mut self, rect: Rect) {
        if !rect.is_empty() {
            self.canvas.begin(rect);
        }
    }

    /// Fails where `rect` leaves the picture.
    fn check(&self, rect: Rect) -> Result<(), DecodeError> {
        if Rect::from_size(self.canvas.size()).contains_rect(rect) {
            Ok(())
        } else {
            Err(DecodeError::Outside(rect))
        }
    }

    fn resized(&mut self, size: Size, layout: Option<(u16, u16)>) -> Result<Event, DecodeError> {
        if size != self.canvas.size() {
            self.resize(size)?;
        }
        Ok(Event::Resized { size, layout })
    }

    pub(super) fn resize(&mut self, size: Size) -> Result<(), DecodeError> {
        if size.is_empty() {
            return Err(DecodeError::Size(size));
        }
        self.canvas.resize(size).map_err(|source| DecodeError::Canvas { size, source })
    }
}

/// A part of a rectangle, by its place in it and its size.
fn part(rect: Rect, inside: [u64; 4]) -> Option<Rect> {
    let [Ok(x), Ok(y), Ok(width), Ok(height)] = inside.map(i32::try_from) else { return None };
    Some(Rect::new(rect.x + x, rect.y + y, width, height))
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
