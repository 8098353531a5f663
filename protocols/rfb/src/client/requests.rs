//! What a viewer says.

use std::sync::Arc;

use porthole_pixel::Rect;

use super::{Canvas, Client};
use crate::clipboard::ClipboardWays;
use crate::pixel_format::PixelFormat;
use crate::qemu::CENTRE;
use crate::spec::{COMPRESSION_LEVEL_0, Encoding, QUALITY_LEVEL_0, to_server};
use crate::wire::Put;

/// How much effort and how much loss are wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Levels {
    /// JPEG's quality, 0 to 9; without it nothing may be lost, and JPEG is refused.
    pub quality: Option<u8>,
    /// Effort of compression, 0 to 9.
    pub compression: Option<u8>,
}

impl<C: Canvas> Client<C> {
    /// Asks for pixels of this format; to be used while no update is under way.
    pub fn set_format(&mut self, format: PixelFormat) {
        self.output.put(&[to_server::SET_PIXEL_FORMAT, 0, 0, 0]);
        self.output.put(&format.to_wire());
        self.format = format;
    }

    /// Asks for these encodings, the favourite first. Raw is always allowed.
    pub fn set_encodings(&mut self, encodings: &[Encoding]) {
        self.set_encodings_with(encodings, Levels::default());
    }

    /// The same with levels.
    pub fn set_encodings_with(&mut self, encodings: &[Encoding], levels: Levels) {
        let level =
            |level: Option<u8>, first: i32| level.map(|level| first + i32::from(level.min(9)));
        let levels_asked = [
            level(levels.quality, QUALITY_LEVEL_0),
            level(levels.compression, COMPRESSION_LEVEL_0),
        ];
        let numbers = encodings.iter().map(|encoding| encoding.number());
        let numbers: Vec<i32> = numbers.chain(levels_asked.into_iter().flatten()).collect();
        self.output.put(&[to_server::SET_ENCODINGS, 0]);
        self.output.put_u16(u16::try_from(numbers.len()).unwrap_or(0));
        for number in numbers {
            self.output.put_i32(number);
        }
        self.lossy = levels.quality.is_some();
        self.asked = encodings.to_vec();
        self.asked.push(Encoding::Raw);
    }

    /// Asks for an update of the whole picture.
    pub fn request_update(&mut self, incremental: bool) {
        self.request_area(incremental, Rect::from_size(self.canvas.size()));
    }

    /// Asks for an update of an area inside of the picture.
    pub fn request_area(&mut self, incremental: bool, area: Rect) {
        self.output.put(&[to_server::UPDATE_REQUEST, u8::from(incremental)]);
        self.put_area(area);
    }

    /// Asks for updates of an area until it is taken back; after [`Event::ContinuousUpdates`] only.
    ///
    /// [`Event::ContinuousUpdates`]: super::Event::ContinuousUpdates
    pub fn set_continuous(&mut self, on: bool, area: Rect) {
        self.output.put(&[to_server::CONTINUOUS_UPDATES, u8::from(on)]);
        self.put_area(area);
    }

    fn put_area(&mut self, area: Rect) {
        for field in [area.x, area.y, area.width, area.height] {
            self.output.put_u16(u16::try_from(field).unwrap_or(u16::MAX));
        }
    }

    /// Presses or releases a key by its X11 keysym.
    pub fn key(&mut self, keysym: u32, down: bool) {
        self.output.put(&[to_server::KEY, u8::from(down), 0, 0]);
        self.output.put_u32(keysym);
    }

    /// Presses or releases a key by its XT scancode; after [`Event::ExtendedKey`] only.
    ///
    /// [`Event::ExtendedKey`]: super::Event::ExtendedKey
    pub fn extended_key(&mut self, keysym: u32, scancode: u32, down: bool) {
        self.output.put(&[to_server::QEMU, to_server::QEMU_EXTENDED_KEY, 0, u8::from(down)]);
        self.output.put_u32(keysym);
        self.output.put_u32(scancode);
    }

    /// Moves the pointer and says which buttons are pressed.
    pub fn pointer(&mut self, x: u16, y: u16, buttons: u8) {
        self.output.put(&[to_server::POINTER, buttons]);
        self.output.put_u16(x);
        self.output.put_u16(y);
    }

    /// Says how far the pointer went; after [`Event::Relative`] only.
    ///
    /// [`Event::Relative`]: super::Event::Relative
    pub fn motion(&mut self, dx: i16, dy: i16, buttons: u8) {
        let at = |went: i16| CENTRE.wrapping_add_signed(went);
        self.pointer(at(dx), at(dy), buttons);
    }

    /// Sends a clipboard as it is, in Latin-1.
    pub fn cut_text(&mut self, text: &[u8]) {
        self.output.put(&[to_server::CUT_TEXT, 0, 0, 0]);
        self.output.put_u32(u32::try_from(text.len()).unwrap_or(u32::MAX));
        self.output.put(text);
    }

    /// Which way copied text goes; to be said before [`Encoding::ExtendedClipboard`] is asked for.
    pub fn set_clipboard_ways(&mut self, ways: ClipboardWays) {
        self.clipboard.set_ways(ways);
    }

    /// Something else is copied here, or nothing any more; told with [`Client::tell_clipboard`].
    pub fn set_clipboard(&mut self, text: Option<Arc<str>>) {
        self.clipboard.set(text);
    }

    /// Writes at most one message about the clipboard into the output, if nothing else is in it; whether
    /// it did. To be used once the handshake is over.
    pub fn tell_clipboard(&mut self) -> bool {
        self.output.is_empty() && self.clipboard.say(to_server::CUT_TEXT, &mut self.output)
    }

    /// Asks for another size, one screen.
    pub fn set_desktop_size(&mut self, width: u16, height: u16) {
        self.output.put(&[to_server::SET_DESKTOP_SIZE, 0]);
        self.output.put_u16(width);
        self.output.put_u16(height);
        self.output.put(&[1, 0]);
        self.output.put(&[0; 8]);
        self.output.put_u16(width);
        self.output.put_u16(height);
        self.output.put_u32(0);
    }
}
