//! One connection to the server, from hello to end.

mod events;
mod flow;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use porthole_client::present::{Guest, GuestState, Lamps, Show, Told, Ways};
use porthole_pixel::Size;
use porthole_rfb::client::{Client, DecodeError, Event};
use porthole_rfb::{ClipboardWays, CursorImage, Password};

use self::flow::Flow;
use crate::cli::{Cli, Preferred};
use crate::input::Input;
use crate::keymap::Keymap;
use crate::screen::Screen;
use crate::wire::Wire;

/// How long a server may take to be reached and to say who it is.
const HELLO: Duration = Duration::from_secs(20);
/// Bytes taken at once.
const PIECE: usize = 64 << 10;
/// Pixels decoded in one turn, about; then everything else has its turn.
const PIXELS_PER_TURN: u64 = 16 << 20;
/// What anything that is no picture counts.
const EVENT_COST: u64 = 1 << 12;

/// Why a connection is over.
#[derive(Debug, thiserror::Error)]
pub(crate) enum End {
    /// The server has ended it.
    #[error("it has ended the connection")]
    Closed,
    /// The connection has failed, or was never made.
    #[error(transparent)]
    System(#[from] io::Error),
    /// The server says what no server may say, or refuses us.
    #[error(transparent)]
    Protocol(#[from] DecodeError),
    /// It offers no security that we have what it takes for.
    #[error("it wants a password: name a file that holds it with --password-file")]
    Password,
    /// It does not speak.
    #[error("it did not say who it is within {} s", HELLO.as_secs())]
    Silent,
    /// There is no memory for the picture.
    #[error("the picture cannot be held: {0}")]
    Memory(String),
}

impl End {
    /// Whether trying again at once makes no sense.
    pub(crate) const fn is_refusal(&self) -> bool {
        !matches!(self, Self::Closed | Self::System(_))
    }
}

/// What every connection is made with.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    password: Option<Password>,
    shared: bool,
    preferred: Option<Preferred>,
    jpeg: Option<u8>,
    view_only: bool,
    clipboard: Ways,
}

impl Options {
    pub(crate) fn new(cli: &Cli, password: Option<Password>) -> Self {
        Self {
            password,
            shared: !cli.exclusive,
            preferred: cli.encoding,
            jpeg: cli.jpeg,
            view_only: cli.view_only,
            clipboard: cli.ways(),
        }
    }
}

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Session {
    wire: Wire,
    client: Client<Screen>,
    options: Options,
    stage: Stage,
    input: Input,
    flow: Flow,
    lamps: Option<Lamps>,
    /// The cursor's image, where it has one.
    cursor: Option<CursorImage>,
    /// Somebody has said where the pointer is; until then nobody sees a cursor.
    placed: bool,
    /// What the server has copied, or that it has nothing any more, until that is passed on.
    copied: Option<Option<Arc<str>>>,
    /// What is to be shown.
    shows: Vec<Show>,
    /// Bytes that came are not looked at yet.
    more: bool,
    /// Nothing is looked at until a buffer is free again.
    stalled: bool,
    /// Whole updates that came.
    updates: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// The connection is on its way.
    Connecting(Instant),
    /// The server has not said who it is.
    Greeting(Instant),
    Running,
}

impl Session {
    /// A connection that is on its way, since now.
    pub(crate) fn new(wire: Wire, options: Options, screen: Screen, now: Instant) -> Self {
        let mut client = Client::onto(screen, options.password.clone(), options.shared);
        let Ways { into, out } = options.clipboard;
        client.set_clipboard_ways(ClipboardWays { give: into, take: out });
        Self {
            wire,
            client,
            options,
            stage: Stage::Connecting(now + HELLO),
            input: Input::default(),
            flow: Flow::default(),
            lamps: None,
            cursor: None,
            placed: false,
            copied: None,
            shows: Vec::new(),
            more: false,
            stalled: false,
            updates: 0,
        }
    }

    pub(crate) const fn wire(&self) -> &Wire {
        &self.wire
    }

    pub(crate) const fn screen(&mut self) -> &mut Screen {
        self.client.canvas_mut()
    }

    /// The connection is over.
    pub(crate) fn into_screen(self) -> Screen {
        self.client.into_canvas()
    }

    /// How many whole updates came.
    pub(crate) const fn updates(&self) -> u64 {
        self.updates
    }

    /// Whether the connection is on its way: it is made, or has failed, when it can be written to.
    pub(crate) const fn is_connecting(&self) -> bool {
        matches!(self.stage, Stage::Connecting(_))
    }

    /// What is to be shown.
    pub(crate) fn take_shows(&mut self) -> Vec<Show> {
        // Of all that was copied the newest counts.
        self.shows.extend(self.copied.take().map(Show::Copied));
        std::mem::take(&mut self.shows)
    }

    /// A person has copied something else, or has nothing any more.
    pub(crate) fn set_clipboard(&mut self, text: Option<Arc<str>>) {
        self.client.set_clipboard(text);
    }

    /// Whether there is something to do though nothing comes.
    pub(crate) const fn has_more(&self) -> bool {
        self.more && !self.stalled
    }

    /// Whether the server is not heard, because the compositor has not shown what it said already. That
    /// holds a server back that sends faster than anybody can look.
    pub(crate) const fn is_stalled(&self) -> bool {
        self.stalled
    }

    /// When something is to be done though nothing comes; none while nothing is waited for.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.stage {
            Stage::Connecting(until) | Stage::Greeting(until) => Some(until),
            Stage::Running => self.flow.deadline(),
        }
    }

    /// How the guest behind the server is.
    pub(crate) fn guest(&self) -> Guest {
        let screen = self.client.canvas();
        let state = match (screen.is_known(), screen.is_shown()) {
            (true, true) => GuestState::Running,
            (_, true) => GuestState::Suspended,
            (_, false) => GuestState::Off,
        };
        let relative = self.input.relative && !self.options.view_only;
        Guest { state, lamps: self.lamps, relative, pens: false, rate_mhz: 0 }
    }

    /// Somebody sees the layer, or nobody: then the server is asked for nothing.
    pub(crate) const fn set_visible(&mut self, visible: bool) {
        self.flow.visible = visible;
    }

    /// The layer has this size.
    pub(crate) fn want_size(&mut self, size: Option<Size>) {
        if !self.options.view_only {
            self.flow.want_size(size);
        }
    }

    /// A seat did something.
    pub(crate) fn tell(&mut self, what: &Told, keymap: &mut Keymap) {
        if self.stage == Stage::Running
            && !self.options.view_only
            && self.input.tell(what, keymap, &mut self.client)
        {
            self.place_cursor(self.input.place());
        }
    }

    /// Does what there is to do; true when nothing waits to be sent any more. `writable` is set once
    /// the connection is made or has failed.
    ///
    /// # Errors
    /// [`End`]: the connection is over.
    pub(crate) fn turn(&mut self, writable: bool, now: Instant) -> Result<bool, End> {
        if let Stage::Connecting(until) = self.stage
            && writable
        {
            self.wire.made()?;
            self.stage = Stage::Greeting(until);
        }
        match self.stage {
            Stage::Connecting(until) | Stage::Greeting(until) if until <= now => {
                return Err(End::Silent);
            }
            Stage::Connecting(_) => return Ok(true),
            Stage::Greeting(_) | Stage::Running => {}
        }
        let heard = self.hear();
        if let Some(fault) = self.screen().take_fault() {
            return Err(End::Memory(fault));
        }
        heard?;
        if self.stage == Stage::Running {
            self.flow.settle(&mut self.client, now);
        }
        Ok(self.send()?)
    }

    /// Takes what has come, as much as is fair.
    fn hear(&mut self) -> Result<(), End> {
        let mut left = PIXELS_PER_TURN;
        loop {
            self.stalled = self.client.canvas().is_full();
            if self.stalled {
                return Ok(());
            }
            while let Some(event) = self.client.next_event().map_err(explain)? {
                let shown = matches!(event, Event::UpdateDone);
                left = left.saturating_sub(self.take(event));
                self.stalled = shown && self.client.canvas().is_full();
                if self.stalled {
                    self.more = true;
                    return Ok(());
                }
                if left == 0 {
                    self.more = true;
                    return Ok(());
                }
            }
            self.more = left == 0;
            if self.more {
                return Ok(());
            }
            // Answers to the hello, and to fences, before more is asked for.
            self.send()?;
            match self.client.feed_with(|input| self.wire.read(PIECE, input))? {
                None => return Ok(()),
                Some(0) => return Err(End::Closed),
                Some(count) => left = left.saturating_sub(count as u64),
            }
        }
    }

    /// Sends what there is. What is copied is told when nothing else waits, so that it is one text at most
    /// that a server has waiting which does not read.
    fn send(&mut self) -> io::Result<bool> {
        loop {
            let out = self.client.take_output();
            let all = self.wire.send(&out)?;
            if !all || self.stage != Stage::Running || !self.client.tell_clipboard() {
                return Ok(all);
            }
        }
    }
}

/// What a server says that wants a password and gets none is not that it broke the protocol.
fn explain(error: DecodeError) -> End {
    const VNC_AUTH: u8 = 2;
    match error {
        DecodeError::Security(kinds) if kinds.contains(&VNC_AUTH) => End::Password,
        error => End::Protocol(error),
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
