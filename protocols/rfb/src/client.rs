//! The viewer's side: a strict decoder. It refuses everything that the specification does not
//! allow or that was not asked for, with [`DecodeError`]; that makes it the judge of our own
//! server, and fit for foreign servers, whose bytes are no more to be trusted.
//!
//! What comes is decoded where it is to lie, on a [`Canvas`]; nothing of a picture is kept beside it but
//! the bytes of what is not whole yet. Those are bounded by the picture's size, and a length is looked at
//! before it is waited for. One call of [`Client::next_event`] decodes one rectangle at most, so that who
//! calls can do something else in between however much a server sends.

mod canvas;
mod cursor;
mod error;
mod handshake;
mod hextile;
mod inflate;
mod jpeg;
mod messages;
mod picture;
mod pixel;
mod rect;
mod requests;
mod rre;
mod tight;
mod tile;
mod zrle;

use std::sync::Arc;

use porthole_pixel::{Rect, Size};

pub use canvas::{Canvas, CanvasError};
pub use cursor::Cursor;
pub use error::DecodeError;
pub use picture::{MAX_PICTURE, Picture};
pub use requests::Levels;

use crate::clipboard::Clipboard;
use crate::cursor::CursorImage;
use crate::pixel_format::PixelFormat;
use crate::qemu::Leds;
use crate::security::Password;
use crate::spec::Encoding;
use crate::wire::Reader;
use handshake::Handshake;
use inflate::Inflate;
use tight::Tight;

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
    /// The cursor has a new image, which came with colours of its own.
    CursorImage(CursorImage),
    /// The pointer is here.
    PointerPlace {
        /// Pixels from the left.
        x: u16,
        /// Pixels from the top.
        y: u16,
    },
    /// The picture has a new size, and is what its canvas is after that; or the server refuses another
    /// one.
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
    /// The server's clipboard, Latin-1; longer ones than [`MAX_CUT_TEXT`](crate::MAX_CUT_TEXT) are
    /// skipped.
    CutText(Vec<u8>),
    /// What the server has copied, by the extended clipboard; none where it has nothing any more.
    Copied(Option<Arc<str>>),
    /// The server has copied something that is left where it is, and why.
    CopyLeft(&'static str),
    /// The server sends updates that are not asked for one by one, where that is asked for; see
    /// [`Client::set_continuous`]. Comes again when it has stopped.
    ContinuousUpdates,
}

/// See the module's text.
#[derive(Debug)]
pub struct Client<C = Picture> {
    phase: Phase,
    input: Vec<u8>,
    parsed: usize,
    output: Vec<u8>,
    format: PixelFormat,
    /// What was asked for; all else is refused.
    asked: Vec<Encoding>,
    /// JPEG was asked for.
    lossy: bool,
    canvas: C,
    zrle: Inflate,
    zlib: Inflate,
    tight: Tight,
    clipboard: Clipboard,
}

#[derive(Debug)]
enum Phase {
    Handshake(Handshake),
    Running,
    /// Inside of an update: rectangles that are still to come, `None` until LastRect.
    Update(Option<u16>),
    /// Inside of a rectangle of an update.
    Pixels {
        rect: Rect,
        work: rect::Work,
        rest: Option<u16>,
    },
    /// Bytes that nobody wants.
    Skip(u32),
    Failed,
}

impl Client {
    /// Starts a connection. A `password` is used if the server asks for one.
    #[must_use]
    pub fn new(password: Option<Password>, shared: bool) -> Self {
        Self::onto(Picture::new(Size::new(0, 0)), password, shared)
    }

    /// The picture as it is now; complete at [`Event::UpdateDone`].
    #[must_use]
    pub const fn picture(&self) -> &Picture {
        &self.canvas
    }
}

impl<C: Canvas> Client<C> {
    /// Starts a connection whose picture is drawn on `canvas`.
    #[must_use]
    pub fn onto(canvas: C, password: Option<Password>, shared: bool) -> Self {
        Self {
            phase: Phase::Handshake(Handshake::new(password, shared)),
            input: Vec::new(),
            parsed: 0,
            output: Vec::new(),
            format: PixelFormat::BGRX,
            asked: vec![Encoding::Raw],
            lossy: false,
            canvas,
            zrle: Inflate::new(),
            zlib: Inflate::new(),
            tight: Tight::new(),
            clipboard: Clipboard::default(),
        }
    }

    /// What is drawn on.
    #[must_use]
    pub const fn canvas(&self) -> &C {
        &self.canvas
    }

    /// What is drawn on, for what has nothing to do with the server.
    pub const fn canvas_mut(&mut self) -> &mut C {
        &mut self.canvas
    }

    /// The connection is over: what was drawn stays.
    #[must_use]
    pub fn into_canvas(self) -> C {
        self.canvas
    }

    /// How many bytes wait for the server.
    #[must_use]
    pub const fn pending_output(&self) -> usize {
        self.output.len()
    }

    /// Takes bytes of the server.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.feed_with(|input| input.extend_from_slice(bytes));
    }

    /// Has bytes of the server put behind those in the buffer that they are decoded from. What is received
    /// right there is not copied before it is drawn.
    pub fn feed_with<R>(&mut self, append: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        self.input.drain(..self.parsed);
        self.parsed = 0;
        append(&mut self.input)
    }

    /// Takes the bytes that wait for the server.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// Whether an update has begun to arrive and is not complete.
    #[must_use]
    pub const fn is_updating(&self) -> bool {
        matches!(self.phase, Phase::Update(_) | Phase::Pixels { .. })
    }

    /// The format of the picture's values.
    #[must_use]
    pub const fn format(&self) -> PixelFormat {
        self.format
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
                    self.format = *format;
                    self.phase = Phase::Running;
                    self.resize(*size)?;
                }
                Ok(step)
            }
            Phase::Running => match input.u8() {
                None => Ok(Step::NeedMore),
                Some(kind) => self.message(kind, input),
            },
            Phase::Skip(left) => {
                let now = input.remaining().min(*left as usize);
                input.bytes(now);
                *left = left.saturating_sub(u32::try_from(now).unwrap_or(u32::MAX));
                if *left == 0 {
                    self.phase = Phase::Running;
                    return Ok(Step::Next);
                }
                Ok(if now == 0 { Step::NeedMore } else { Step::Next })
            }
            Phase::Update(Some(0)) => {
                self.phase = Phase::Running;
                Ok(Step::Event(Event::UpdateDone))
            }
            Phase::Update(_) => self.rect(input),
            Phase::Pixels { rect, work, rest } => {
                let work = (*rect, *work, *rest);
                self.work(work, input)
            }
        }
    }
}

/// What one step of parsing led to.
#[derive(Debug)]
enum Step {
    NeedMore,
    Next,
    Event(Event),
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

#[cfg(test)]
mod foreign_tests;
#[cfg(test)]
mod raw_tests;
