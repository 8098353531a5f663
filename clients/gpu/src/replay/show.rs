//! Where the pictures of a replay go, and how one waits for a time or a signal.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use calloop::EventLoop;
use calloop::channel::{self, Event};
use calloop::signals::{Signal, Signals};
use porthole_client::present::{self, Presenter, Show as Order, Told};
use porthole_gpu_device::{Event as Shown, Frame};

use super::screen::Screen;
use super::{Failure, Options};

/// A presenter, if there is one, and the loop that it talks to.
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
#[derive(Default)]
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
    pub(super) fn show(&mut self, event: &Shown, screen: Option<&Screen>) -> io::Result<()> {
        let Some(presenter) = &self.presenter else { return Ok(()) };
        match event {
            Shown::Frame(Frame { scanout, serial, damage, .. }) => {
                let Some(screen) = screen else { return Ok(()) };
                let (memory, layout) = screen.share()?;
                self.last += 1;
                self.shown.insert(*scanout, self.last);
                presenter.show(Order::Frame(present::Frame {
                    scanout: *scanout,
                    serial: *serial,
                    buffer: self.last,
                    memory: memory.into(),
                    layout,
                    damage: damage.clone(),
                }));
            }
            Shown::Disabled { scanout } => presenter.show(Order::Disabled { scanout: *scanout }),
            Shown::Retired(_) => {}
            Shown::CursorImage { scanout, size, pixels, hot } => {
                let (scanout, size, hot) = (*scanout, *size, *hot);
                presenter.show(Order::CursorImage {
                    scanout,
                    size,
                    pixels: Arc::clone(pixels),
                    hot,
                });
            }
            Shown::CursorMoved { scanout, x, y } => {
                presenter.show(Order::CursorMoved { scanout: *scanout, x: *x, y: *y });
            }
            Shown::CursorHidden { scanout } => {
                presenter.show(Order::CursorHidden { scanout: *scanout });
            }
        }
        Ok(())
    }
}
