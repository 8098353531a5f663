//! The viewer's side: a strict decoder. It refuses everything that the specification does not
//! allow or that was not asked for, with [`DecodeError`]; that makes it the judge of our own
//! server, and fit for foreign servers, whose bytes are no more to be trusted.

mod error;
mod handshake;
mod hextile;
mod picture;
mod pixel;
mod rect;
mod tile;
mod zrle;

use porthole_pixel::{Rect, Size};

pub use error::DecodeError;
pub use picture::{MAX_PICTURE, Picture};

use crate::cursor::MAX_CURSOR_SIDE;
use crate::message::MAX_CUT_TEXT;
use crate::pixel_format::PixelFormat;
use crate::qemu::{CENTRE, Leds};
use crate::security::Password;
use crate::spec::{Encoding, to_client, to_server};
use crate::wire::{Put, Reader};
use handshake::Handshake;

/// What the server said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// The handshake is over; the picture is black.
    Ready {
        /// Size in pixels.
        size: Size,
        /// The picture's name.
        name: String,
        /// The server's own format, in force until another one is asked for.
        format: PixelFormat,
    },
    /// One rectangle was decoded.
    Rect {
        /// The area, or what the encoding means by it.
        rect: Rect,
        /// How it came.
        encoding: Encoding,
    },
    /// The cursor has a new image.
    Cursor(Cursor),
    /// The picture has a new size and is black.
    Resized {
        /// Size in pixels.
        size: Size,
        /// Reason and status of ExtendedDesktopSize; `None` for DesktopSize.
        layout: Option<(u16, u16)>,
    },
    /// The picture has a new name.
    Name(String),
    /// The server understands scancodes.
    ExtendedKey,
    /// The keyboard's lamps.
    Leds(Leds),
    /// Whether the server wants to hear of motion (`true`) or of places; see [`Client::motion`].
    Relative(bool),
    /// The update is complete.
    UpdateDone,
    /// Colours of the map, from an index on: red, green, blue of 16 bits each.
    ColourMap {
        /// The first index.
        first: u16,
        /// The colours.
        colours: Vec<[u16; 3]>,
    },
    /// A sound.
    Bell,
    /// The server's clipboard, Latin-1.
    CutText(Vec<u8>),
}

/// A cursor as it came: pixel values and a mask.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cursor {
    /// Size in pixels.
    pub size: Size,
    /// The pixel that points.
    pub hotspot: (u16, u16),
    /// Pixel values in rows.
    pub values: Vec<u32>,
    /// True where the cursor is seen.
    pub mask: Vec<bool>,
}

/// See the module's text.
#[derive(Debug)]
pub struct Client {
    phase: Phase,
    input: Vec<u8>,
    parsed: usize,
    output: Vec<u8>,
    format: PixelFormat,
    /// What was asked for; all else is refused.
    asked: Vec<Encoding>,
    picture: Picture,
    inflate: zrle::Stream,
}

#[derive(Debug)]
enum Phase {
    Handshake(Handshake),
    Running,
    /// Inside of an update: rectangles that are still to come, `None` until LastRect.
    Update(Option<u16>),
    Failed,
}

impl Client {
    /// Starts a connection. A `password` is used if the server asks for one.
    #[must_use]
    pub fn new(password: Option<Password>, shared: bool) -> Self {
        Self {
            phase: Phase::Handshake(Handshake::new(password, shared)),
            input: Vec::new(),
            parsed: 0,
            output: Vec::new(),
            format: PixelFormat::BGRX,
            asked: vec![Encoding::Raw],
            picture: Picture::new(Size::new(0, 0)),
            inflate: zrle::Stream::new(),
        }
    }

    /// Takes bytes of the server.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.input.drain(..self.parsed);
        self.parsed = 0;
        self.input.extend_from_slice(bytes);
    }

    /// Takes the bytes that wait for the server.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// Whether an update has begun to arrive and is not complete.
    #[must_use]
    pub const fn is_updating(&self) -> bool {
        matches!(self.phase, Phase::Update(_))
    }

    /// The picture as it is now; complete at [`Event::UpdateDone`].
    #[must_use]
    pub const fn picture(&self) -> &Picture {
        &self.picture
    }

    /// The format of the picture's values.
    #[must_use]
    pub const fn format(&self) -> PixelFormat {
        self.format
    }

    /// Asks for pixels of this format; to be used while no update is under way.
    pub fn set_format(&mut self, format: PixelFormat) {
        self.output.put(&[to_server::SET_PIXEL_FORMAT, 0, 0, 0]);
        self.output.put(&format.to_wire());
        self.format = format;
    }

    /// Asks for these encodings, the favourite first. Raw is always allowed.
    pub fn set_encodings(&mut self, encodings: &[Encoding]) {
        self.output.put(&[to_server::SET_ENCODINGS, 0]);
        self.output.put_u16(u16::try_from(encodings.len()).unwrap_or(0));
        for encoding in encodings {
            self.output.put_i32(encoding.number());
        }
        self.asked = encodings.to_vec();
        self.asked.push(Encoding::Raw);
    }

    /// Asks for an update of the whole picture.
    pub fn request_update(&mut self, incremental: bool) {
        self.request_area(incremental, Rect::from_size(self.picture.size()));
    }

    /// Asks for an update of an area inside of the picture.
    pub fn request_area(&mut self, incremental: bool, area: Rect) {
        self.output.put(&[to_server::UPDATE_REQUEST, u8::from(incremental)]);
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
    pub fn motion(&mut self, dx: i16, dy: i16, buttons: u8) {
        let at = |went: i16| CENTRE.wrapping_add_signed(went);
        self.pointer(at(dx), at(dy), buttons);
    }

    /// Sends a clipboard.
    pub fn cut_text(&mut self, text: &[u8]) {
        self.output.put(&[to_server::CUT_TEXT, 0, 0, 0]);
        self.output.put_u32(u32::try_from(text.len()).unwrap_or(u32::MAX));
        self.output.put(text);
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

    /// The next thing that the server said; `None` until more bytes are fed.
    ///
    /// # Errors
    /// [`DecodeError`] once; the connection is of no use afterwards.
    pub fn next_event(&mut self) -> Result<Option<Event>, DecodeError> {
        let result = self.parse();
        if result.is_err() {
            self.phase = Phase::Failed;
        }
        result
    }

    fn parse(&mut self) -> Result<Option<Event>, DecodeError> {
        loop {
            // Decoders borrow the input while they change the picture.
            let input = std::mem::take(&mut self.input);
            let mut reader = Reader::new(input.get(self.parsed..).unwrap_or_default());
            let step = self.step(&mut reader);
            let taken = reader.taken();
            self.input = input;
            match step? {
                Step::NeedMore => return Ok(None),
                Step::Next => self.parsed += taken,
                Step::Event(event) => {
                    self.parsed += taken;
                    return Ok(Some(event));
                }
            }
        }
    }

    fn step(&mut self, input: &mut Reader<'_>) -> Result<Step, DecodeError> {
        match &mut self.phase {
            Phase::Failed => Ok(Step::NeedMore),
            Phase::Handshake(handshake) => {
                let step = handshake.step(input, &mut self.output)?;
                if let Step::Event(Event::Ready { size, format, .. }) = &step {
                    picture::check_size(*size)?;
                    self.picture = Picture::new(*size);
                    self.format = *format;
                    self.phase = Phase::Running;
                }
                Ok(step)
            }
            Phase::Running => match input.u8() {
                None => Ok(Step::NeedMore),
                Some(kind) => self.message(kind, input),
            },
            Phase::Update(Some(0)) => {
                self.phase = Phase::Running;
                Ok(Step::Event(Event::UpdateDone))
            }
            Phase::Update(_) => self.rect(input),
        }
    }

    fn message(&mut self, kind: u8, input: &mut Reader<'_>) -> Result<Step, DecodeError> {
        let event = match kind {
            to_client::UPDATE => {
                let Some(count) = input.u8().and_then(|_padding| input.u16()) else {
                    return Ok(Step::NeedMore);
                };
                let endless = count == u16::MAX && self.asked.contains(&Encoding::LastRect);
                self.phase = Phase::Update(if endless { None } else { Some(count) });
                return Ok(Step::Next);
            }
            to_client::COLOUR_MAP => colour_map(input),
            to_client::BELL => Some(Event::Bell),
            to_client::CUT_TEXT => {
                let Some(length) = input.bytes(3).and_then(|_padding| input.u32()) else {
                    return Ok(Step::NeedMore);
                };
                if length as usize > MAX_CUT_TEXT {
                    return Err(DecodeError::TooLong("cut text", length));
                }
                input.bytes(length as usize).map(|text| Event::CutText(text.to_vec()))
            }
            unknown => return Err(DecodeError::UnknownMessage(unknown)),
        };
        Ok(event.map_or(Step::NeedMore, Step::Event))
    }
}

/// What one step of parsing led to.
#[derive(Debug)]
enum Step {
    NeedMore,
    Next,
    Event(Event),
}

fn colour_map(input: &mut Reader<'_>) -> Option<Event> {
    input.u8()?;
    let (first, count) = (input.u16()?, input.u16()?);
    let mut colours = Vec::new();
    for _ in 0..count {
        colours.push([input.u16()?, input.u16()?, input.u16()?]);
    }
    Some(Event::ColourMap { first, colours })
}

/// True for cursors that our own limit allows.
fn cursor_fits(size: Size) -> bool {
    size.width <= MAX_CURSOR_SIDE && size.height <= MAX_CURSOR_SIDE
}

#[cfg(test)]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "test pictures have sides below 200 pixels"
)]
#[path = "client_tests.rs"]
mod tests;
