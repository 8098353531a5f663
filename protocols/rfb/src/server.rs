//! One viewer's connection, seen from the server.

use std::sync::Arc;

use porthole_pixel::{Rect, Region, Size};

use crate::clipboard::{Clipboard, ClipboardWays, Heard, Malformed};
use crate::convert;
use crate::cursor::CursorImage;
use crate::error::ProtocolError;
use crate::frame::{Frame, FrameError, check_size};
use crate::handshake::{Handshake, Security, Step};
use crate::message::{self, Message};
use crate::moves::Move;
use crate::pixel_format::{Colour, PixelFormat};
use crate::qemu::{self, Leds};
use crate::screen::Screen;
use crate::spec::{Encoding, to_client};
use crate::wire::{Put, Reader};

/// Longer names are cut; viewers show them in a title bar.
const MAX_NAME: usize = 1024;

/// Buffers up to this are always kept.
const KEPT_BUFFER: usize = 64 * 1024;

/// What a connection starts with.
#[derive(Clone, Debug)]
pub struct Config {
    /// Who may come in.
    pub security: Security,
    /// The picture's name, shown by viewers.
    pub name: String,
    /// The picture's size in pixels.
    pub size: Size,
}

/// What a viewer said. Formats, encodings and requests are already taken into account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// The handshake is over.
    Ready {
        /// False where the viewer wants to be the only one.
        shared: bool,
    },
    /// The viewer has chosen its pixels.
    PixelFormat(PixelFormat),
    /// The viewer has said what it can decode; see [`Server::offers`].
    Encodings,
    /// The viewer waits for an update.
    UpdateRequest {
        /// True where only changes are wanted.
        incremental: bool,
        /// The area that is wanted, as the viewer said it.
        area: Rect,
    },
    /// A key, by its symbol (X11 keysym).
    Key {
        /// The X11 keysym.
        keysym: u32,
        /// True when pressed.
        down: bool,
    },
    /// A key, by the scancode of the viewer's keyboard.
    ExtendedKey {
        /// The X11 keysym, 0 where the viewer has none.
        keysym: u32,
        /// XT scancode set 1, 0x80 set for keys with the prefix 0xe0.
        scancode: u32,
        /// True when pressed.
        down: bool,
    },
    /// The pointer, absolute, with all buttons.
    Pointer {
        /// Column in the viewer's picture.
        x: u16,
        /// Row in the viewer's picture.
        y: u16,
        /// Bit 0 left, 1 middle, 2 right, 3 to 6 wheel up, down, left, right, 7 back.
        buttons: u8,
    },
    /// The pointer moved, for viewers that were told to say so; see [`Server::set_relative`].
    PointerMotion {
        /// To the right.
        dx: i32,
        /// Down.
        dy: i32,
        /// As in [`Event::Pointer`].
        buttons: u8,
    },
    /// The viewer's clipboard, Latin-1 (RFC 6143, 7.5.6).
    CutText(Vec<u8>),
    /// What the viewer has copied, by the extended clipboard; none where it has nothing any more.
    Copied(Option<Arc<str>>),
    /// The viewer has copied something that is left where it is, and why.
    CopyLeft(&'static str),
    /// The viewer asks for another size: answer with [`Server::grant_resize`] or
    /// [`Server::refuse_resize`].
    ResizeWanted(Size),
}

/// What [`Server::update`] wrote.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Update {
    /// Rectangles, pseudo-rectangles included.
    pub rects: u32,
    /// Pixels that were encoded.
    pub pixels: u64,
    /// Bytes that were appended to the output.
    pub bytes: usize,
}

/// See the module's text.
#[derive(Debug)]
pub struct Server {
    phase: Phase,
    input: Vec<u8>,
    /// Bytes of `input` that were parsed.
    parsed: usize,
    /// Bytes of cut text that are thrown away as they come.
    skip: usize,
    output: Vec<u8>,
    /// Bytes of `output` that the caller took.
    sent: usize,
    /// Bytes that an update had of late: each one that has less lets it shrink by a part.
    usual: usize,
    screen: Screen,
    /// The viewer's format needs a colour map. It goes out with the next update, once, however
    /// often the viewer asks: its answer to a few bytes must not be a growing heap.
    colour_map_due: bool,
    clipboard: Clipboard,
}

#[derive(Debug)]
enum Phase {
    Handshake(Handshake),
    Running,
    Failed,
}

impl Server {
    /// Starts a connection; our version is in the output at once.
    ///
    /// # Errors
    /// [`FrameError::Size`] where RFB cannot name the size.
    pub fn new(config: Config) -> Result<Self, FrameError> {
        check_size(config.size)?;
        let mut output = Vec::new();
        let handshake = Handshake::new(config.security, &mut output);
        Ok(Self {
            phase: Phase::Handshake(handshake),
            input: Vec::new(),
            parsed: 0,
            skip: 0,
            output,
            sent: 0,
            usual: 0,
            screen: Screen::new(config.size, cut_name(config.name)),
            colour_map_due: false,
            clipboard: Clipboard::default(),
        })
    }

    /// Takes bytes of the viewer. Callers take all events before they feed more: memory is
    /// bounded by one message (at most 1 MiB) and what is fed at once.
    pub fn feed(&mut self, bytes: &[u8]) {
        if matches!(self.phase, Phase::Failed) {
            return;
        }
        self.input.drain(..self.parsed);
        self.parsed = 0;
        let skipped = self.skip.min(bytes.len());
        self.skip -= skipped;
        self.input.extend_from_slice(bytes.get(skipped..).unwrap_or_default());
    }

    /// The next thing that the viewer said; `None` until more bytes are fed.
    ///
    /// # Errors
    /// [`ProtocolError`] once; afterwards the connection says and hears nothing more. Send what
    /// is left in the output, then close.
    pub fn next_event(&mut self) -> Result<Option<Event>, ProtocolError> {
        let result = self.parse();
        if result.is_err() {
            self.phase = Phase::Failed;
            self.input = Vec::new();
            self.parsed = 0;
        }
        result
    }

    fn parse(&mut self) -> Result<Option<Event>, ProtocolError> {
        loop {
            let mut reader = Reader::new(self.input.get(self.parsed..).unwrap_or_default());
            match &mut self.phase {
                Phase::Failed => return Ok(None),
                Phase::Handshake(handshake) => {
                    let step = handshake.step(&mut reader, &mut self.output)?;
                    self.parsed += reader.taken();
                    match step {
                        Step::NeedMore => return Ok(None),
                        Step::Next => {}
                        Step::Done { shared } => {
                            self.start();
                            return Ok(Some(Event::Ready { shared }));
                        }
                    }
                }
                Phase::Running => {
                    let extended = self.clipboard.is_wanted()
                        && self.screen.offers(Encoding::ExtendedClipboard);
                    let Some(message) = message::parse(&mut reader, extended)? else {
                        self.shrink_input();
                        return Ok(None);
                    };
                    self.parsed += reader.taken();
                    if let Some(event) = self.take(message)? {
                        return Ok(Some(event));
                    }
                }
            }
        }
    }

    /// Sends ServerInit (RFC 6143, 7.3.2).
    fn start(&mut self) {
        self.phase = Phase::Running;
        let Size { width, height } = self.screen.viewer_size();
        for side in [width, height] {
            self.output.put_u16(u16::try_from(side).unwrap_or(u16::MAX));
        }
        self.output.put(&PixelFormat::BGRX.to_wire());
        let name = self.screen.name();
        self.output.put_u32(u32::try_from(name.len()).unwrap_or(0));
        self.output.put(name.as_bytes());
    }

    fn take(&mut self, message: Message) -> Result<Option<Event>, ProtocolError> {
        Ok(match message {
            Message::SetPixelFormat(format) => {
                self.screen.set_format(format);
                self.colour_map_due = format.colour() == Colour::Map;
                Some(Event::PixelFormat(format))
            }
            Message::SetEncodings(numbers) => {
                self.screen.set_encodings(&numbers);
                self.clipboard.offered(self.screen.offers(Encoding::ExtendedClipboard));
                Some(Event::Encodings)
            }
            Message::UpdateRequest { incremental, x, y, width, height } => {
                let [x, y, width, height] = [x, y, width, height].map(i32::from);
                let area = Rect::new(x, y, width, height);
                self.screen.request(incremental, area);
                Some(Event::UpdateRequest { incremental, area })
            }
            Message::Key { keysym, down } => Some(Event::Key { keysym, down }),
            Message::ExtendedKey { keysym, scancode, down } => {
                Some(Event::ExtendedKey { keysym, scancode, down })
            }
            Message::Pointer { x, y, buttons } => Some(self.pointer(x, y, buttons)),
            Message::CutText(text) => Some(Event::CutText(text)),
            Message::LongCutText { length } => {
                let here = (self.input.len() - self.parsed).min(length as usize);
                self.parsed += here;
                self.skip = length as usize - here;
                self.clipboard.skipped().map(Event::from)
            }
            Message::Clipboard(message) => {
                let heard = self.clipboard.heard(&message);
                heard.map_err(|Malformed(why)| ProtocolError::Clipboard(why))?.map(Event::from)
            }
            Message::SetDesktopSize { width, height } => {
                Some(Event::ResizeWanted(Size::new(u32::from(width), u32::from(height))))
            }
        })
    }

    /// What a pointer's message means to a viewer that may have been told to send motion.
    fn pointer(&self, x: u16, y: u16, buttons: u8) -> Event {
        match qemu::motion(x, y).filter(|_| self.screen.offers(Encoding::QemuPointerMotion)) {
            Some((dx, dy)) if self.screen.told_relative() => {
                Event::PointerMotion { dx, dy, buttons }
            }
            // It was sent before the viewer heard that places count, or that they do not.
            Some(_) => Event::PointerMotion { dx: 0, dy: 0, buttons },
            None if self.screen.told_relative() => Event::PointerMotion { dx: 0, dy: 0, buttons },
            None => Event::Pointer { x, y, buttons },
        }
    }

    /// Sends SetColourMapEntries (RFC 6143, 7.6.2).
    fn put_colour_map(&mut self) {
        self.output.put(&[to_client::COLOUR_MAP, 0]);
        self.output.put_u16(0);
        self.output.put_u16(256);
        for channel in convert::colour_map().flatten() {
            self.output.put_u16(channel);
        }
    }

    fn shrink_input(&mut self) {
        if self.parsed == self.input.len() && self.input.capacity() > KEPT_BUFFER {
            self.input = Vec::new();
            self.parsed = 0;
        }
    }

    /// The bytes that wait for the viewer.
    #[must_use]
    pub fn output(&self) -> &[u8] {
        self.output.get(self.sent..).unwrap_or_default()
    }

    /// Drops the first `count` bytes of the output, which were sent.
    pub fn consume(&mut self, count: usize) {
        self.sent = (self.sent + count).min(self.output.len());
        if self.sent == self.output.len() {
            // A film's next picture takes as much again, and memory that is new each time costs more
            // than filling it. What stays idle was a part of one picture, and becomes less soon.
            self.usual = self.output.len().max(self.usual - self.usual / 4);
            self.output.clear();
            if self.output.capacity() / 2 > self.usual.max(KEPT_BUFFER / 2) {
                self.output.shrink_to(self.usual.max(KEPT_BUFFER));
            }
            self.sent = 0;
        }
    }

    /// True once the handshake is over and while nothing went wrong.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        matches!(self.phase, Phase::Running)
    }

    /// True where the viewer can decode this.
    #[must_use]
    pub fn offers(&self, encoding: Encoding) -> bool {
        self.screen.offers(encoding)
    }

    /// The size that the viewer was told last; its pointer positions refer to it.
    #[must_use]
    pub const fn viewer_size(&self) -> Size {
        self.screen.viewer_size()
    }

    /// The viewer's wish comes true: the picture has this size, or will have it with the next frame.
    pub fn grant_resize(&mut self, size: Size) {
        self.screen.grant_resize(size);
    }

    /// The viewer's wish for another size does not come true.
    pub fn refuse_resize(&mut self) {
        self.screen.refuse_resize();
    }

    /// The picture has this size from now on. Sizes that RFB cannot name are left out; no frame
    /// can have them either.
    pub fn resize(&mut self, size: Size) {
        if check_size(size).is_err() {
            return;
        }
        if let Phase::Handshake(_) = self.phase {
            self.screen.start_with(size);
        } else {
            self.screen.resize(size);
        }
    }

    /// The picture has changed here.
    pub fn damage(&mut self, damage: &Region) {
        self.screen.damage(damage);
    }

    /// The cursor looks like this from now on; shown by viewers that offer
    /// [`Encoding::Cursor`].
    pub fn set_cursor(&mut self, cursor: CursorImage) {
        self.screen.set_cursor(cursor);
    }

    /// The keyboard's lamps are so; shown by viewers that offer [`Encoding::QemuLeds`].
    pub fn set_leds(&mut self, leds: Leds) {
        self.screen.set_leds(leds);
    }

    /// From now on the pointer's motion counts, or its place. Viewers that offer
    /// [`Encoding::QemuPointerMotion`] are told and send [`Event::PointerMotion`], others go on to send
    /// places.
    pub fn set_relative(&mut self, relative: bool) {
        self.screen.set_relative(relative);
    }

    /// Which way copied text goes; nothing does before this is said, which is best done at once.
    pub fn set_clipboard_ways(&mut self, ways: ClipboardWays) {
        self.clipboard.set_ways(ways);
    }

    /// Something else is copied here, or nothing any more; told with [`Server::tell_clipboard`].
    pub fn set_clipboard(&mut self, text: Option<Arc<str>>) {
        self.clipboard.set(text);
    }

    /// Writes at most one message about the clipboard into the output, if nothing else is in it; whether
    /// it did.
    pub fn tell_clipboard(&mut self) -> bool {
        let may = self.is_ready() && self.output().is_empty();
        may && self.clipboard.say(to_client::CUT_TEXT, &mut self.output)
    }

    /// The picture has a new name.
    pub fn set_name(&mut self, name: String) {
        self.screen.set_name(cut_name(name));
    }

    /// True where the viewer shows exactly the picture whose damage was told so far.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.screen.is_current()
    }

    /// True where the viewer waits for an update and one would say something.
    #[must_use]
    pub fn wants_update(&self) -> bool {
        self.is_ready() && self.screen.wants_update()
    }

    /// Writes at most one update into the output; `None` where [`Server::wants_update`] is
    /// false. `moved` may only be given where [`Server::is_current`] was true before the damage
    /// of this frame was told, and where it was found between that picture and this one.
    pub fn update(&mut self, frame: &Frame<'_>, moved: Option<Move>) -> Option<Update> {
        if !self.is_ready() {
            return None;
        }
        let before = self.output.len();
        if self.wants_update() && std::mem::take(&mut self.colour_map_due) {
            self.put_colour_map();
        }
        let written = self.screen.update(frame, moved, &mut self.output)?;
        let bytes = self.output.len() - before;
        Some(Update { rects: written.rects, pixels: written.pixels, bytes })
    }
}

impl From<Heard> for Event {
    fn from(heard: Heard) -> Self {
        match heard {
            Heard::Copied(text) => Self::Copied(text),
            Heard::Left(why) => Self::CopyLeft(why),
        }
    }
}

fn cut_name(mut name: String) -> String {
    name.truncate(name.floor_char_boundary(MAX_NAME));
    name
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
