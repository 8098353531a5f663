//! What the server says.

use std::sync::Arc;

use porthole_client::present::{Lamps, Show};
use porthole_client::texts::MAX_TEXT;
use porthole_pixel::Size;
use porthole_rfb::client::{Event, Levels};
use porthole_rfb::{CursorImage, Encoding, PixelFormat, from_latin1};

use super::{EVENT_COST, Session, Stage};
use crate::cli::Preferred;
use crate::screen::SCANOUT;

/// Encodings of pictures, the best for a machine nearby first.
const PICTURES: [Encoding; 6] = [
    Encoding::Zrle,
    Encoding::Tight,
    Encoding::Hextile,
    Encoding::Zlib,
    Encoding::Rre,
    Encoding::Raw,
];

/// Everything else that is understood.
const OTHERS: [Encoding; 15] = [
    Encoding::CopyRect,
    Encoding::AlphaCursor,
    Encoding::Cursor,
    Encoding::XCursor,
    Encoding::PointerPlace,
    Encoding::DesktopSize,
    Encoding::ExtendedDesktopSize,
    Encoding::LastRect,
    Encoding::QemuPointerMotion,
    Encoding::QemuExtendedKey,
    Encoding::QemuLeds,
    Encoding::DesktopName,
    Encoding::Fence,
    Encoding::ContinuousUpdates,
    Encoding::Raw,
];

impl Session {
    /// Takes an event; what it cost.
    pub(super) fn take(&mut self, event: Event) -> u64 {
        match event {
            Event::Ready { size, name, .. } => self.ready(size, &name),
            Event::Rect { rect, .. } => {
                self.screen().drawn(rect);
                return rect.area() + EVENT_COST;
            }
            Event::UpdateDone => self.updated(),
            Event::Resized { size, layout } => self.flow.resized(size, layout),
            Event::Cursor(cursor) => self.cursor(cursor.image(PixelFormat::BGRX)),
            Event::CursorImage(image) => self.cursor(image),
            Event::PointerPlace { x, y } => self.place_cursor((x, y)),
            Event::ExtendedKey => self.input.scancodes = true,
            Event::Leds(leds) => {
                let lamps = Lamps { num: leds.num, caps: leds.caps, scroll: leds.scroll };
                self.lamps = Some(lamps);
            }
            Event::Relative(relative) => self.input.relative = relative,
            Event::ContinuousUpdates => self.flow.continuous_told(),
            Event::Name(name) => tracing::debug!(name, "the server has another name"),
            Event::CutText(bytes) => {
                if let Some(text) = from_latin1(&bytes) {
                    self.copies(Some(text));
                }
            }
            Event::Copied(text) => self.copies(text),
            Event::CopyLeft(why) => tracing::info!("what the server has copied is left: {why}"),
            // Sounds have no way to anybody.
            Event::ColourMap { .. } | Event::Bell => {}
        }
        EVENT_COST
    }

    fn ready(&mut self, size: Size, name: &str) {
        tracing::info!(name, %size, "connected to the server");
        self.stage = Stage::Running;
        self.client.set_format(PixelFormat::BGRX);
        let first = self.options.preferred.map(|preferred| match preferred {
            Preferred::Raw => Encoding::Raw,
            Preferred::Rre => Encoding::Rre,
            Preferred::Hextile => Encoding::Hextile,
            Preferred::Zlib => Encoding::Zlib,
            Preferred::Tight => Encoding::Tight,
            Preferred::Zrle => Encoding::Zrle,
        });
        // Tight alone knows JPEG.
        let first = first.or(self.options.jpeg.map(|_| Encoding::Tight));
        let mut encodings: Vec<Encoding> = first.into_iter().collect();
        if self.options.clipboard.any() {
            encodings.push(Encoding::ExtendedClipboard);
        }
        for encoding in PICTURES.into_iter().chain(OTHERS) {
            if !encodings.contains(&encoding) {
                encodings.push(encoding);
            }
        }
        let levels = Levels { quality: self.options.jpeg, compression: None };
        self.client.set_encodings_with(&encodings, levels);
        self.flow.begin(size);
    }

    /// The server has copied something, or has nothing any more.
    fn copies(&mut self, text: Option<Arc<str>>) {
        if !self.options.clipboard.out {
            return;
        }
        if text.as_ref().is_some_and(|text| text.len() > MAX_TEXT) {
            tracing::info!("what the server has copied is left: it has more than {MAX_TEXT} bytes");
            return;
        }
        self.copied = Some(text);
    }

    fn updated(&mut self) {
        self.updates += 1;
        self.flow.updated();
        if let Some(frame) = self.screen().frame() {
            self.shows.push(Show::Frame(frame));
            let retired = self.screen().take_retired();
            if !retired.is_empty() {
                self.shows.push(Show::Retired(retired));
            }
        }
        let known = self.client.canvas().is_known();
        self.flow.known = known;
    }

    fn cursor(&mut self, image: CursorImage) {
        if image.size().is_empty() {
            self.cursor = None;
            self.shows.push(Show::CursorHidden { scanout: SCANOUT });
            return;
        }
        self.cursor = Some(image);
        if self.placed {
            self.show_cursor();
            self.place_cursor(self.input.place());
        }
    }

    fn show_cursor(&mut self) {
        let Some(image) = &self.cursor else { return };
        let pixels: Vec<u8> = image.pixels().iter().flat_map(|pixel| pixel.to_le_bytes()).collect();
        let pixels: Arc<[u8]> = pixels.into();
        let (x, y) = image.hotspot();
        let (hot, size) = ((x.unsigned_abs(), y.unsigned_abs()), image.size());
        self.shows.push(Show::CursorImage { scanout: SCANOUT, size, pixels, hot });
    }

    /// The cursor's image goes where its hot spot is at this place.
    pub(super) fn place_cursor(&mut self, (x, y): (u16, u16)) {
        if !std::mem::replace(&mut self.placed, true) {
            self.show_cursor();
        }
        if let Some(image) = &self.cursor {
            let (hot_x, hot_y) = image.hotspot();
            let (x, y) = (i32::from(x) - hot_x, i32::from(y) - hot_y);
            self.shows.push(Show::CursorMoved { scanout: SCANOUT, x, y });
        }
    }
}
