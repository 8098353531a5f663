//! Where the pictures of a replay go, and how one waits for a time or a signal.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use calloop::EventLoop;
use calloop::channel::{self, Event};
use calloop::signals::{Signal, Signals};
use porthole_client::present::{self, Presenter, Show as Order, Told};

use crate::screen::Screen;
use crate::{Failure, Options};

/// A presenter, if there is one, and the loop that it talks to.
#[derive(Debug)]
pub(super) struct Show {
    events: EventLoop<'static, Heard>,
    heard: Heard,
    presenter: Option<Presenter>,
    /// Number of the last buffer.
    last: u64,
    /// The buffer that each display shows.
    shown: BTreeMap<usize, u64>,
}

/// What came in.
#[derive(Debug, Default)]
struct Heard {
    ended: bool,
    released: Vec<u64>,
}

impl Show {
    pub(super) fn start(options: &Options, guest: &str, scanouts: usize) -> Result<Self, Failure> {
        let system = |what| move |error: calloop::Error| Failure::System(what, error.into());
        let events = EventLoop::<Heard>::try_new().map_err(system("event loop"))?;
        let signals = Signals::new(&[Signal::SIGTERM, Signal::SIGINT]);
        let signals = signals.map_err(system("signals"))?;
        let handle = events.handle();
        handle
            .insert_source(signals, |_, (), heard: &mut Heard| heard.ended = true)
            .map_err(|error| system("signals")(error.error))?;
        let presenter = match &options.wayland {
            None => None,
            Some(path) => {
                let (tell, told) = channel::channel();
                handle
                    .insert_source(told, |event, (), heard: &mut Heard| {
                        if let Event::Msg(Told::Released { buffer, .. }) = event {
                            heard.released.push(buffer);
                        }
                    })
                    .map_err(|error| system("presenter")(error.error))?;
                let options = present::Options {
                    guest: guest.to_owned(),
                    scanouts,
                    wayland: Some(path.clone()),
                    clipboard: present::Ways::default(),
                };
                let thread = Presenter::spawn(options, tell);
                Some(thread.map_err(|error| Failure::System("starting the presenter", error))?)
            }
        };
        let heard = Heard::default();
        Ok(Self { events, heard, presenter, last: 0, shown: BTreeMap::new() })
    }

    /// Whether anything is shown to anybody.
    pub(super) const fn is_on(&self) -> bool {
        self.presenter.is_some()
    }

    /// Waits so long at most; true when the program is to end.
    pub(super) fn turn(&mut self, at_most: Option<Duration>) -> Result<bool, Failure> {
        self.events
            .dispatch(at_most, &mut self.heard)
            .map_err(|error| Failure::System("event loop", error.into()))?;
        let Self { heard, shown, presenter, .. } = self;
        let gone = heard.released.drain(..).filter(|buffer| !shown.values().any(|b| b == buffer));
        let gone: Vec<u64> = gone.collect();
        if let Some(presenter) = presenter.as_ref().filter(|_| !gone.is_empty()) {
            presenter.show(Order::Retired(gone));
        }
        Ok(heard.ended)
    }

    /// Shows what a device has to show; frames come as a copy.
    pub(super) fn show(&mut self, order: &Order, screen: Option<&Screen>) -> io::Result<()> {
        let Some(presenter) = &self.presenter else { return Ok(()) };
        match order {
            Order::Frame(frame) => {
                let Some(screen) = screen else { return Ok(()) };
                let (memory, layout) = screen.share()?;
                self.last += 1;
                self.shown.insert(frame.scanout, self.last);
                let (buffer, memory) = (self.last, memory.into());
                presenter.show(Order::Frame(present::Frame {
                    buffer,
                    memory,
                    layout,
                    ..frame.clone()
                }));
            }
            // The copies have numbers of their own.
            Order::Retired(_) => {}
            other => presenter.show(other.clone()),
        }
        Ok(())
    }
}
