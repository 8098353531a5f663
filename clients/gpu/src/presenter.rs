//! Where frames go: to the presenter's thread, or nowhere.

use std::collections::BTreeMap;
use std::io;

use calloop::channel::Sender;
use porthole_client::present::{self, Show, Told};
use porthole_gpu_device::{BufferId, Event, Frame};

use crate::cli::Cli;
use crate::gpu::GpuPort;

/// A presenter.
#[derive(Debug)]
pub(crate) enum Presenter {
    /// Nowhere: every buffer comes back at once, every frame counts as presented.
    Null,
    /// A Wayland compositor.
    Wayland {
        thread: present::Presenter,
        /// The buffers that the thread knows, by number.
        buffers: BTreeMap<u64, BufferId>,
    },
}

impl Presenter {
    /// Starts what the command line asks for; a presenter reports to `tell`.
    pub(crate) fn start(cli: &Cli, tell: Sender<Told>) -> io::Result<Self> {
        if cli.null {
            return Ok(Self::Null);
        }
        let options = present::Options {
            guest: cli.guest.clone(),
            scanouts: usize::from(cli.scanouts),
            wayland: cli.wayland.clone(),
        };
        let thread = present::Presenter::spawn(options, tell)?;
        Ok(Self::Wayland { thread, buffers: BTreeMap::new() })
    }

    /// Shows what the GPU has to show.
    pub(crate) fn show(&mut self, event: Event, port: &mut GpuPort) {
        match self {
            Self::Null => {
                if let Event::Frame(frame) = event {
                    port.released(frame.scanout, frame.buffer, frame.serial);
                    port.presented(frame.scanout, frame.serial);
                }
            }
            Self::Wayland { thread, buffers } => {
                match &event {
                    Event::Frame(frame) => {
                        buffers.insert(frame.buffer.get(), frame.buffer);
                    }
                    Event::Retired(ids) => {
                        for id in ids {
                            buffers.remove(&id.get());
                        }
                    }
                    _ => {}
                }
                thread.show(translate(event));
            }
        }
    }

    /// News of frames that came since; they wake nobody up while no fence waits for a frame, which is to
    /// be said before that frame is shown.
    pub(crate) fn news(&self) -> Vec<Told> {
        match self {
            Self::Null => Vec::new(),
            Self::Wayland { thread, .. } => thread.news(),
        }
    }

    /// Says whether a fence waits for a frame; see [`Self::news`].
    pub(crate) fn set_waiting(&self, waiting: bool) {
        if let Self::Wayland { thread, .. } = self {
            thread.set_patient(!waiting);
        }
    }

    /// Tells how the guest is.
    pub(crate) fn tell(&self, guest: present::Guest) {
        if let Self::Wayland { thread, .. } = self {
            thread.show(Show::Guest(guest));
        }
    }

    /// Tells how much was done.
    pub(crate) fn say(&self, numbers: present::Numbers) {
        if let Self::Wayland { thread, .. } = self {
            thread.show(Show::Numbers(numbers));
        }
    }

    /// A buffer by its number. None for one that is retired: nobody cares when it comes back.
    pub(crate) fn buffer(&self, number: u64) -> Option<BufferId> {
        match self {
            Self::Null => None,
            Self::Wayland { buffers, .. } => buffers.get(&number).copied(),
        }
    }
}

/// The core knows no presenter and the presenter no core; this is where they meet.
fn translate(event: Event) -> Show {
    match event {
        Event::Frame(Frame { scanout, serial, buffer, memory, layout, damage }) => {
            Show::Frame(present::Frame {
                scanout,
                serial,
                buffer: buffer.get(),
                memory: memory.into(),
                layout,
                damage,
            })
        }
        Event::Disabled { scanout } => Show::Disabled { scanout },
        Event::Retired(ids) => Show::Retired(ids.into_iter().map(BufferId::get).collect()),
        Event::CursorImage { scanout, size, pixels, hot } => {
            Show::CursorImage { scanout, size, pixels, hot }
        }
        Event::CursorMoved { scanout, x, y } => Show::CursorMoved { scanout, x, y },
        Event::CursorHidden { scanout } => Show::CursorHidden { scanout },
    }
}
