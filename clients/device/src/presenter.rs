//! Where frames go: to the presenter's thread, or nowhere.

use std::collections::BTreeMap;
use std::io;

use calloop::channel::Sender;
use porthole_client::present::{self, Show, Told};
use porthole_gpu_device::{BufferId, Event, Frame};

use crate::gpu::GpuPort;

/// A presenter.
#[derive(Debug)]
pub enum Presenter {
    /// Nowhere: every buffer comes back at once, every frame counts as presented.
    Null,
    /// A Wayland compositor.
    Wayland {
        /// Its thread.
        thread: present::Presenter,
        /// The buffers that the thread knows, by number.
        buffers: BTreeMap<u64, BufferId>,
    },
}

impl Presenter {
    /// Starts a presenter that reports to `tell`; without options it is none.
    ///
    /// # Errors
    /// When the system has no thread or descriptor left.
    pub fn start(options: Option<present::Options>, tell: Sender<Told>) -> io::Result<Self> {
        let Some(options) = options else { return Ok(Self::Null) };
        let thread = present::Presenter::spawn(options, tell)?;
        Ok(Self::Wayland { thread, buffers: BTreeMap::new() })
    }

    /// Shows what the GPU has to show.
    pub fn show(&mut self, event: Event, port: &mut GpuPort) {
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
                thread.show(order(event));
            }
        }
    }

    /// News of frames that came since; they wake nobody up while no fence waits for a frame, which is to
    /// be said before that frame is shown.
    #[must_use]
    pub fn news(&self) -> Vec<Told> {
        match self {
            Self::Null => Vec::new(),
            Self::Wayland { thread, .. } => thread.news(),
        }
    }

    /// Says whether a fence waits for a frame; see [`Self::news`].
    pub fn set_waiting(&self, waiting: bool) {
        if let Self::Wayland { thread, .. } = self {
            thread.set_patient(!waiting);
        }
    }

    /// Tells how the guest is.
    pub fn tell(&self, guest: present::Guest) {
        if let Self::Wayland { thread, .. } = self {
            thread.show(Show::Guest(guest));
        }
    }

    /// Tells how much was done.
    pub fn say(&self, numbers: present::Numbers) {
        if let Self::Wayland { thread, .. } = self {
            thread.show(Show::Numbers(numbers));
        }
    }

    /// Shows something that is no GPU's.
    pub fn show_other(&self, what: Show) {
        if let Self::Wayland { thread, .. } = self {
            thread.show(what);
        }
    }

    /// A buffer by its number. None for one that is retired: nobody cares when it comes back.
    #[must_use]
    pub fn buffer(&self, number: u64) -> Option<BufferId> {
        match self {
            Self::Null => None,
            Self::Wayland { buffers, .. } => buffers.get(&number).copied(),
        }
    }
}

/// What a GPU shows, as a presenter is told. The core knows no presenter and the presenter no core; this is
/// where they meet.
#[must_use]
pub fn order(event: Event) -> Show {
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
