//! The event loop: what happens, to whom it goes.

mod link;

use std::io;
use std::sync::Arc;
use std::time::Instant;

use calloop::LoopHandle;
use porthole_client::present::{
    Guest, GuestState, Options as PresenterOptions, Presenter, Show, Told,
};
use porthole_client::program::{Events, Program, tell_ready};
use porthole_pixel::Size;

use self::link::Link;
use crate::cli::Cli;
use crate::failure::Failure;
use crate::keymap::Keymap;
use crate::reach::{Agent, Patience};
use crate::screen::Screen;
use crate::session::{Options, Session};
use crate::{confine, password};

/// What the loop works on.
pub(crate) struct State {
    server: String,
    options: Options,
    once: bool,
    agent: Agent,
    patience: Patience,
    link: Link,
    presenter: Option<Presenter>,
    keymap: Keymap,
    /// Somebody sees the layer.
    visible: bool,
    /// What a person has copied who has the layer's keyboard.
    copied: Option<Arc<str>>,
    /// The size that the layer wants the picture to have.
    wish: Option<Size>,
    /// What the presenter was told of the guest.
    guest: Guest,
    /// Bytes and updates of connections that are over.
    received: u64,
    updates: u64,
    /// How it ends.
    end: Option<Result<(), Failure>>,
    handle: LoopHandle<'static, State>,
}

/// Runs until a signal ends it.
///
/// # Errors
/// [`Failure`] where the program cannot work. A server that is not there is none.
pub fn run(cli: &Cli) -> Result<(), Failure> {
    // Inherited descriptors are taken over before anything else is opened.
    let ready = cli.common.take_ready_fd().map_err(Failure::ReadyFd)?;
    let password = cli.password_file.as_deref().map(password::read).transpose()?;
    let keymap = Keymap::of_layout(&cli.layout)?;
    let numbers =
        cli.server.resolve().map_err(|error| Failure::Unknown(cli.server.clone(), error))?;
    if numbers.iter().any(|number| !number.ip().is_loopback()) {
        tracing::warn!(
            "what {} sends and is sent can be read on the way: VNC is not encrypted",
            cli.server
        );
    }
    let (events, tell) = Events::new()?;
    let (agent, held) = confine::confine(cli, numbers)
        .map_err(|error| Failure::System("starting the connector", error))?;
    // Threads inherit the blocked signals and the sandbox, so they start after them.
    let options = cli.common.presenter(&cli.guest, 1);
    let options = options.map(|options| PresenterOptions { clipboard: cli.ways(), ..options });
    let presenter = options.map(|options| Presenter::spawn(options, tell)).transpose();
    let presenter = presenter.map_err(|error| Failure::System("starting the presenter", error))?;
    if let Some(presenter) = &presenter {
        // That a buffer is free again matters when something is drawn, and not before.
        presenter.set_patient(true);
    }
    if let Some(fd) = ready {
        let (guest, server) = (cli.guest.clone().into(), cli.server.to_string().into());
        tell_ready(fd, held, [("guest", guest), ("server", server)])
            .map_err(|error| Failure::System("writing to the ready descriptor", error))?;
    }
    let mut state = State {
        server: cli.server.to_string(),
        options: Options::new(cli, password),
        once: cli.once,
        agent,
        patience: Patience::default(),
        link: Link::away(Screen::new(u64::from(cli.max_memory) << 20), Some(Instant::now())),
        visible: presenter.is_none(),
        presenter,
        keymap,
        copied: None,
        wish: None,
        guest: Guest::default(),
        received: 0,
        updates: 0,
        end: None,
        handle: events.handle(),
    };
    events.run(&mut state)
}

impl State {
    /// Buffers that are free again.
    fn news(&mut self) {
        let news = self.presenter.as_ref().map(Presenter::news).unwrap_or_default();
        for told in news {
            self.told(told);
        }
    }

    /// Gives the presenter something; without one every buffer is free at once.
    fn show(&mut self, what: Show) {
        match (&self.presenter, &what) {
            (Some(presenter), _) => presenter.show(what),
            (None, Show::Frame(frame)) => {
                self.link.screen().released(frame.buffer, frame.serial);
            }
            (None, _) => {}
        }
    }
}

impl Program for State {
    type Failure = Failure;

    fn told(&mut self, told: Told) {
        match told {
            Told::Released { buffer, serial, .. } => {
                self.link.screen().released(buffer, serial);
                self.link.look();
            }
            Told::Visible { visible, .. } => {
                self.visible = visible;
                if let Some(session) = self.link.session() {
                    session.set_visible(visible);
                }
            }
            Told::Display { display, .. } => {
                self.wish = display.size.filter(|_| display.connected);
                let wish = self.wish;
                if let Some(session) = self.link.session() {
                    session.want_size(wish);
                }
            }
            Told::Copied(text) => {
                self.copied.clone_from(&text);
                if let Some(session) = self.link.session() {
                    session.set_clipboard(text);
                }
            }
            Told::Closed { .. } => {
                tracing::info!("the window was closed; the server goes on without");
            }
            Told::Presented { .. }
            | Told::Discarded { .. }
            | Told::Modifiers { .. }
            | Told::FocusLost { .. } => {}
            input => {
                if let Some(session) = self.link.session() {
                    session.tell(&input, &mut self.keymap);
                }
            }
        }
    }

    fn unseen(&mut self) {
        tracing::debug!("the presenter is gone");
    }

    fn statistics(&mut self) -> Option<serde_json::Value> {
        let (received, updates) = match self.link.session() {
            Some(session) => (session.wire().received(), session.updates()),
            None => (0, 0),
        };
        let screen = self.link.screen();
        Some(serde_json::json!({
            "frames": screen.frames(),
            "updates": self.updates + updates,
            "received_bytes": self.received + received,
            "decoded_bytes": screen.copies().transfer,
            "repaired_bytes": screen.copies().repair,
        }))
    }

    fn end(&mut self) -> &mut Option<Result<(), Failure>> {
        &mut self.end
    }

    /// After each turn: the server is heard and asked, and what it says goes to the presenter.
    fn settle(&mut self) -> Result<(), Failure> {
        self.news();
        self.attend();
        if let Some(presenter) = &self.presenter {
            // Who waits for a buffer wants to hear of it at once, and of those that came back before.
            let waits = self.link.is_stalled();
            presenter.set_patient(!waits);
            if waits {
                self.news();
            }
        }
        let guest = self.link.guest(self.guest);
        if std::mem::replace(&mut self.guest, guest) != guest {
            self.show(Show::Guest(guest));
        }
        Ok(())
    }

    fn deadline(&self) -> Option<Instant> {
        if self.link.is_due() { Some(Instant::now()) } else { self.link.deadline() }
    }
}

/// How the guest is while its server is away.
const fn away(before: Guest) -> Guest {
    let state = match before.state {
        GuestState::Off => GuestState::Off,
        GuestState::Running | GuestState::Suspended => GuestState::Suspended,
    };
    Guest { state, relative: false, ..before }
}

/// A failed system call that costs a connection and nothing else.
fn as_io(error: &calloop::Error) -> io::Error {
    io::Error::other(error.to_string())
}
