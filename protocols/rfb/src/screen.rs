//! One viewer's picture: what it has, what it waits for, and the update that brings the two
//! together. A viewer is told nothing that it did not ask for (RFC 6143, 7.5.3).

mod update;

use porthole_pixel::{Rect, Region, Size};

use crate::convert::Converter;
use crate::cursor::CursorImage;
use crate::encode::Encoder;
use crate::pixel_format::PixelFormat;
use crate::qemu::Leds;
use crate::spec::{COMPRESSION_LEVEL_0, Encoding};

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Screen {
    /// What the viewer can decode, in its order of preference.
    offered: Vec<Encoding>,
    converter: Converter,
    encoder: Encoder,
    /// The size that the viewer was told last.
    viewer_size: Size,
    /// The size of our picture.
    picture_size: Size,
    /// Where the viewer's picture differs from ours, inside `viewer_size`.
    pending: Region,
    /// The area that the viewer waits for.
    request: Option<Rect>,
    /// `None` until the first image is known: the viewer shows its own until then.
    cursor: Option<CursorImage>,
    name: String,
    /// `None` until they are known: viewers show their own until then.
    leds: Option<Leds>,
    /// Whether the pointer's motion counts, and whether the viewer was told that it does.
    relative: bool,
    told_relative: bool,
    due: Due,
    /// The size that the viewer was promised and did not get yet.
    granted: Option<Size>,
}

/// Pseudo-rectangles that go out with the next update.
#[derive(Clone, Copy, Default, Debug)]
struct Due {
    cursor: bool,
    name: bool,
    extended_key: bool,
    leds: bool,
    pointer: bool,
    layout: Option<Layout>,
}

/// Why an ExtendedDesktopSize rectangle is sent; the numbers are those of rfbproto.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Layout {
    reason: u16,
    status: u16,
}

/// The server's own doing.
const OWN_LAYOUT: Layout = Layout { reason: 0, status: 0 };
/// "Resize is administratively prohibited", to the viewer that asked.
const PROHIBITED: Layout = Layout { reason: 1, status: 1 };
/// What the viewer asked for came about.
const GRANTED: Layout = Layout { reason: 1, status: 0 };

impl Screen {
    pub(crate) fn new(size: Size, name: String) -> Self {
        Self {
            offered: vec![Encoding::Raw],
            converter: Converter::new(PixelFormat::BGRX),
            encoder: Encoder::new(),
            viewer_size: size,
            picture_size: size,
            pending: Region::from_rect(Rect::from_size(size)),
            request: None,
            cursor: None,
            name,
            leds: None,
            relative: false,
            told_relative: false,
            due: Due::default(),
            granted: None,
        }
    }

    /// The size that the viewer works with.
    pub(crate) const fn viewer_size(&self) -> Size {
        self.viewer_size
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn offers(&self, encoding: Encoding) -> bool {
        self.offered.contains(&encoding)
    }

    pub(crate) fn set_format(&mut self, format: PixelFormat) {
        self.converter = Converter::new(format);
    }

    /// Takes a SetEncodings list; what the viewer learnt just now is told with the next update.
    pub(crate) fn set_encodings(&mut self, numbers: &[i32]) {
        let before = std::mem::take(&mut self.offered);
        for number in numbers {
            match Encoding::from_number(*number) {
                Some(encoding) if !self.offered.contains(&encoding) => self.offered.push(encoding),
                Some(_) => {}
                None => {
                    if let Ok(level @ 0..=9) =
                        u32::try_from(number.saturating_sub(COMPRESSION_LEVEL_0))
                    {
                        self.encoder.set_level(level);
                    }
                }
            }
        }
        let learnt = |encoding| self.offers(encoding) && !before.contains(&encoding);
        let (cursor, extended_key) = (learnt(Encoding::Cursor), learnt(Encoding::QemuExtendedKey));
        let layout = learnt(Encoding::ExtendedDesktopSize);
        let (leds, pointer) = (learnt(Encoding::QemuLeds), learnt(Encoding::QemuPointerMotion));
        self.due.cursor |= cursor;
        self.due.extended_key |= extended_key;
        self.due.leds |= leds;
        self.due.pointer |= pointer;
        // A viewer that takes it back sends places.
        self.told_relative &= self.offers(Encoding::QemuPointerMotion);
        if layout {
            self.due.layout.get_or_insert(OWN_LAYOUT);
        }
    }

    /// Takes a request. Without `incremental` the viewer has lost what it had (RFC 6143, 7.5.3).
    pub(crate) fn request(&mut self, incremental: bool, area: Rect) {
        let Some(area) = area.intersect(Rect::from_size(self.viewer_size)) else { return };
        if !incremental {
            self.pending.add(area);
            if self.offers(Encoding::ExtendedDesktopSize) {
                self.due.layout.get_or_insert(OWN_LAYOUT);
            }
        }
        self.request = Some(self.request.map_or(area, |open| open.union(area)));
    }

    /// Answers SetDesktopSize: the picture keeps its size.
    pub(crate) fn refuse_resize(&mut self) {
        self.due.layout = Some(PROHIBITED);
    }

    /// Answers SetDesktopSize: the picture has this size now, or will have it with the next frame.
    pub(crate) fn grant_resize(&mut self, size: Size) {
        if self.picture_size == size && self.viewer_size == size {
            self.due.layout = Some(GRANTED);
        } else {
            self.granted = Some(size);
        }
    }

    pub(crate) fn resize(&mut self, size: Size) {
        if size != self.picture_size {
            self.picture_size = size;
            self.pending = Region::from_rect(Rect::from_size(self.viewer_size));
        }
    }

    /// Before a viewer was told any size.
    pub(crate) fn start_with(&mut self, size: Size) {
        self.viewer_size = size;
        self.picture_size = size;
        self.pending = Region::from_rect(Rect::from_size(size));
    }

    pub(crate) fn damage(&mut self, damage: &Region) {
        self.pending.union(&damage.intersect(Rect::from_size(self.viewer_size)));
    }

    pub(crate) fn set_cursor(&mut self, cursor: CursorImage) {
        if self.cursor.as_ref() != Some(&cursor) {
            self.cursor = Some(cursor);
            self.due.cursor = true;
        }
    }

    pub(crate) fn set_leds(&mut self, leds: Leds) {
        self.due.leds |= self.leds.replace(leds) != Some(leds);
    }

    pub(crate) fn set_relative(&mut self, relative: bool) {
        self.due.pointer |= std::mem::replace(&mut self.relative, relative) != relative;
    }

    /// Whether the viewer was told to send how far its pointer goes.
    pub(crate) const fn told_relative(&self) -> bool {
        self.told_relative
    }

    pub(crate) fn set_name(&mut self, name: String) {
        if name != self.name {
            self.name = name;
            self.due.name = true;
        }
    }

    /// True where the viewer shows our picture exactly.
    pub(crate) fn is_current(&self) -> bool {
        self.pending.is_empty() && self.viewer_size == self.picture_size
    }

    /// True where the viewer waits and there is something to say.
    pub(crate) fn wants_update(&self) -> bool {
        self.request.is_some_and(|area| {
            self.may_resize() || self.has_due() || !self.pending.intersect(area).is_empty()
        })
    }

    /// True where the viewer has to be told a new size, and can be.
    fn may_resize(&self) -> bool {
        self.viewer_size != self.picture_size
            && (self.offers(Encoding::ExtendedDesktopSize) || self.offers(Encoding::DesktopSize))
    }

    fn has_due(&self) -> bool {
        let Due { cursor, name, extended_key, leds, pointer, layout } = self.due;
        (cursor && self.cursor.is_some() && self.offers(Encoding::Cursor))
            || (name && self.offers(Encoding::DesktopName))
            || (extended_key && self.offers(Encoding::QemuExtendedKey))
            || (leds && self.leds.is_some() && self.offers(Encoding::QemuLeds))
            || (pointer && self.offers(Encoding::QemuPointerMotion))
            || (layout.is_some() && self.offers(Encoding::ExtendedDesktopSize))
    }

    /// The viewer's favourite among the encodings of pictures.
    fn picture_encoding(&self) -> Encoding {
        let picture =
            |e: &&Encoding| matches!(e, Encoding::Zrle | Encoding::Hextile | Encoding::Raw);
        self.offered.iter().find(picture).copied().unwrap_or(Encoding::Raw)
    }
}
