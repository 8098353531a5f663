//! The Wayland side of a device process: pictures of a guest become windows, and what seats do to
//! the windows comes back.
//!
//! A [`Presenter`] is a thread with an event loop of its own. Its device talks to it by messages
//! only, so nothing that a compositor does can stop or end the device. When the connection is lost
//! every buffer but the newest of each scanout counts as released, nothing counts as visible, and
//! the presenter waits until a compositor answers; then it shows everything anew. A mistake in the
//! presenter itself ends as a lost connection does.
//!
//! Every scanout is one `xdg_toplevel`. Any compositor will do; ours finds the windows by their
//! application ids, `porthole.scanout.0` and so on.

mod buffers;
mod clipboard;
mod commit;
mod cursor;
mod device;
mod dispatch;
mod hands;
mod link;
mod lock;
mod pen;
mod pointer;
mod quiet;
mod reach;
mod seats;
mod stage;
mod stream;
mod window;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use calloop::channel::{self, Sender};
use porthole_memory::Shared;
use porthole_pixel::{Layout, Region, Size};

use self::quiet::Quiet;

pub use self::clipboard::Ways;
pub use self::pen::Held;
pub use self::stream::{Display, Guest, GuestState};
pub use crate::lamps::Lamps;

/// What a presenter needs to know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// The guest's name, for titles.
    pub guest: String,
    /// Number of scanouts.
    pub scanouts: usize,
    /// Path of the compositor's socket; else what the environment says.
    pub wayland: Option<PathBuf>,
    /// Which way copied text goes, where the compositor lets it.
    pub clipboard: Ways,
}

/// A picture to be shown.
#[derive(Clone, Debug)]
pub struct Frame {
    /// On which scanout, from 0.
    pub scanout: usize,
    /// Number of the frame, growing; comes back in [`Told`].
    pub serial: u64,
    /// Names the memory. The device must not reuse the number for another one.
    pub buffer: u64,
    /// The memory, which becomes a `wl_shm` pool as it is, or a buffer of a device's memory.
    pub memory: Shared,
    /// Where the pixels lie.
    pub layout: Layout,
    /// What differs from the scanout's frame before.
    pub damage: Region,
}

/// How much the device of a guest has done, and what is in use: as many numbers as the enum `number` of
/// `porthole_process_v1` has entries, in that order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Numbers(pub [u64; 9]);

/// What a device wants to be shown.
#[derive(Clone, Debug)]
pub enum Show {
    /// A new picture.
    Frame(Frame),
    /// Nothing.
    Disabled {
        /// On this scanout.
        scanout: usize,
    },
    /// These buffers will not come again.
    Retired(Vec<u64>),
    /// The guest's cursor looks like this, and is visible.
    CursorImage {
        /// On this scanout.
        scanout: usize,
        /// Size of the image.
        size: Size,
        /// Packed `Argb8888`, premultiplied.
        pixels: Arc<[u8]>,
        /// The hot spot in the image.
        hot: (u32, u32),
    },
    /// The top left corner of the cursor's image is here.
    CursorMoved {
        /// On this scanout.
        scanout: usize,
        /// Pixels from the left.
        x: i32,
        /// Pixels from the top.
        y: i32,
    },
    /// The guest's cursor is not visible.
    CursorHidden {
        /// On this scanout.
        scanout: usize,
    },
    /// How the guest is; for compositors that want to know.
    Guest(Guest),
    /// How much the device has done; likewise. It should be said at most once in a second.
    Numbers(Numbers),
    /// What was copied in the guest, or that this is nothing any more.
    Copied(Option<Arc<str>>),
    /// Fails, as a mistake of ours would.
    #[cfg(test)]
    Fail,
}

/// What becomes of a finger.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Touch {
    /// It came down.
    Down,
    /// It moved.
    Motion,
    /// It left.
    Up,
}

/// What a presenter tells its device.
#[derive(Clone, PartialEq, Debug)]
pub enum Told {
    /// The compositor wants the guest to have such a display.
    Display {
        /// For which scanout.
        scanout: usize,
        /// How it is.
        display: Display,
    },
    /// Whether somebody can see a scanout.
    Visible {
        /// Which scanout.
        scanout: usize,
        /// False too when there is no compositor.
        visible: bool,
    },
    /// Somebody asked the window to close. The guest stays; the device decides.
    Closed {
        /// Which scanout.
        scanout: usize,
    },
    /// Nobody holds a buffer any more.
    Released {
        /// For which scanout.
        scanout: usize,
        /// Which buffer.
        buffer: u64,
        /// The last frame with this buffer that the presenter got.
        serial: u64,
    },
    /// A frame is on the screen.
    Presented {
        /// Which scanout.
        scanout: usize,
        /// Which frame.
        serial: u64,
        /// Millihertz of the screen; 0 when unknown.
        refresh_mhz: u32,
    },
    /// A frame will never be on the screen.
    Discarded {
        /// Which scanout.
        scanout: usize,
        /// Which frame.
        serial: u64,
    },
    /// A key of a keyboard or a button of a pointer. There are no repeats, and whatever was pressed
    /// is released before the focus goes.
    Key {
        /// Which scanout has the focus.
        scanout: usize,
        /// The evdev code.
        code: u16,
        /// Down or up.
        pressed: bool,
    },
    /// The state of a keyboard's modifiers as its seat sees it.
    Modifiers {
        /// Which scanout has the focus.
        scanout: usize,
        /// Masks of pressed, latched and locked modifiers.
        masks: [u32; 3],
        /// The layout in use.
        group: u32,
    },
    /// A pointer is here.
    Pointer {
        /// Over which scanout.
        scanout: usize,
        /// 0 at the left edge, 1 at the right one.
        x: f64,
        /// 0 at the top edge, 1 at the bottom one.
        y: f64,
    },
    /// A pointer that is locked in its place went so far, in whole pixels of the picture.
    Motion {
        /// On which scanout.
        scanout: usize,
        /// To the right.
        dx: i32,
        /// Down.
        dy: i32,
    },
    /// Wheels turned, in 1/120 of a detent.
    Wheel {
        /// Over which scanout.
        scanout: usize,
        /// Positive away from the user.
        vertical: i32,
        /// Positive to the right.
        horizontal: i32,
    },
    /// A finger.
    Touch {
        /// On which scanout.
        scanout: usize,
        /// A number that no other finger has meanwhile, of whatever seat.
        id: i32,
        /// What it does.
        touch: Touch,
        /// 0 at the left edge, 1 at the right one; the last place when it leaves.
        x: f64,
        /// 0 at the top edge, 1 at the bottom one.
        y: f64,
    },
    /// A pen is near, for a guest that has one.
    Pen {
        /// Over which scanout.
        scanout: usize,
        /// 0 at the left edge, 1 at the right one.
        x: f64,
        /// 0 at the top edge, 1 at the bottom one.
        y: f64,
        /// How it is held.
        held: Held,
    },
    /// The tip of that pen or one of its buttons.
    PenKey {
        /// The evdev code.
        code: u16,
        /// Down or up.
        pressed: bool,
    },
    /// That pen is not near any more; nothing of it is down.
    PenLeft,
    /// What a person has copied who has the guest's keyboard; nothing, where that is no text.
    Copied(Option<Arc<str>>),
    /// No keyboard has its focus on this scanout any more. All of its keys were released before.
    FocusLost {
        /// Which scanout.
        scanout: usize,
    },
}

/// A presenter's thread. It ends when this value is dropped.
#[derive(Debug)]
pub struct Presenter {
    show: Option<Sender<Show>>,
    quiet: Quiet,
    thread: Option<JoinHandle<()>>,
}

impl Presenter {
    /// Starts the thread. What it has to tell goes to `tell`.
    ///
    /// # Errors
    /// When the system has no thread or descriptor left. A compositor that cannot be reached is no
    /// error.
    pub fn spawn(options: Options, tell: Sender<Told>) -> io::Result<Self> {
        let (show, shows) = channel::channel();
        let quiet = Quiet::default();
        let told = (tell, quiet.clone());
        let run = move || {
            if let Err(error) = stage::run(options, told, shows) {
                tracing::error!("the presenter has stopped: {error}");
            }
        };
        let thread = std::thread::Builder::new().name("presenter".to_owned()).spawn(run)?;
        Ok(Self { show: Some(show), quiet, thread: Some(thread) })
    }

    /// Says whether the device takes news of its frames by itself, with [`Presenter::news`], whenever it
    /// has something to do. Until it says so they are told at once, as all other news always are. A device
    /// that waits for a frame takes it back before it gives that frame.
    pub fn set_patient(&self, patient: bool) {
        self.quiet.set(patient);
    }

    /// The news of frames that were kept: [`Told::Released`], [`Told::Presented`] and
    /// [`Told::Discarded`].
    #[must_use]
    pub fn news(&self) -> Vec<Told> {
        self.quiet.take()
    }

    /// Passes on what the device wants to be shown.
    pub fn show(&self, what: Show) {
        if let Some(show) = &self.show
            && show.send(what).is_err()
        {
            tracing::debug!("the presenter is gone");
        }
    }
}

impl Drop for Presenter {
    fn drop(&mut self) {
        // The thread ends when its channel closes.
        drop(self.show.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the presenter's thread has failed");
        }
    }
}

#[cfg(test)]
mod tests;
