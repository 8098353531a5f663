//! Screens: where a port's finished pictures go besides into captures.
//!
//! This is mechanism, and knows nothing of the service's state; `handlers/screens.rs` says which port gets
//! which screen. A port goes through its screen in three steps for each frame:
//!
//! 1. [`Screen::target`]: memory that the screen does not show now, and what of the picture it lacks. The
//!    port's render thread copies that much (`render/screen.rs`). A picture that is the port's only one
//!    may be taken by the screen where it lies, and then nothing is copied.
//! 2. [`Screen::show`]: the memory is handed over. Either that is all, or the screen says later that it
//!    shows it.
//! 3. [`Screen::shown`]: it does; the memory that it showed before is free.
//!
//! The topmost pointer may be none of the picture's: [`Screen::point`] says whether the screen shows it by
//! itself, as cards do that have a plane for it, and parents whose own pointer it is. A frame in which
//! nothing else changed then is a pointer's alone: there is no target, and on a card [`Screen::show`] follows
//! at once.
//!
//! A port whose screen is gone, off or refuses a picture goes on as a headless one: its clients draw, and
//! it can be captured.

mod cards;
mod closing;
pub(crate) mod drm;
mod memory;
mod uevent;
pub(crate) mod window;

use std::time::Duration;

use porthole_core::config::{self, Config, PortKind};
use porthole_pixel::{Rect, Region, Size};

use crate::{
    protocols::{capture::CursorImage, shm::Pixels},
    render::{ScreenMemory, ScreenTarget},
};
pub(crate) use cards::Cards;
pub(crate) use closing::Closing;
use memory::Swapped;
pub(crate) use uevent::Uevents;

/// A card that has not shown a frame by then does not say when it does. Setting a mode takes a second on
/// some.
const CARD_PATIENCE: Duration = Duration::from_secs(5);
/// A window that is not asked for a picture by then is seen by nobody.
const WINDOW_PATIENCE: Duration = Duration::from_millis(250);

/// Listens to the kernel, where a port's screen may come and go.
pub(crate) fn listen(config: &Config) -> Option<Uevents> {
    // A reload may add such a port, but only where there are cards.
    let is_drm = |port: &config::Port| matches!(port.kind, PortKind::Drm(_));
    let wanted = config.ports.iter().any(is_drm) || !drm::Card::paths().is_empty();
    let uevents = wanted.then(Uevents::listen)?;
    let why = "screens that come and go are seen at a reload only";
    uevents.inspect_err(|error| tracing::warn!("the kernel cannot be heard: {error}; {why}")).ok()
}

/// Where a port's finished pictures go.
#[derive(Debug, Default)]
pub(crate) enum Screen {
    /// Nowhere. The port's own clock paces it.
    #[default]
    Headless,
    /// A connector of a graphics card.
    Drm(Box<drm::Output>),
    /// A window of another compositor.
    Window(Box<window::Window>),
}

/// A pointer: what it looks like, and where its hot spot is, in pixels of the picture.
#[derive(Clone, Debug)]
pub(crate) struct Pointing {
    pub(crate) image: CursorImage,
    pub(crate) at: (i32, i32),
}

/// How a port's next frame gets to its screen.
#[derive(Debug)]
pub(crate) enum Target {
    /// It is copied.
    Memory(ScreenTarget),
    /// Its only picture is read where its client wrote it.
    Handed,
}

impl Target {
    /// What is copied.
    pub(crate) fn memory(self) -> Option<ScreenTarget> {
        match self {
            Self::Memory(target) => Some(target),
            Self::Handed => None,
        }
    }
}

/// What becomes of a picture that was handed over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Show {
    /// Nothing more will be heard of it.
    AtOnce,
    /// The screen will say when it shows it.
    Later,
    /// The same, and it may take long: nothing was shown before, or in another mode.
    Anew,
    /// Somebody else has the screen.
    Lost,
}

impl Screen {
    /// Whether there is one; it may be off.
    pub(crate) const fn is_there(&self) -> bool {
        !matches!(self, Self::Headless)
    }

    /// The memory for the next frame and what it lacks of the picture, of which `damage` changed since the
    /// last frame; `None` when there is nothing to show or nothing that shows it. `alone` is a client's
    /// picture that is all of the port's, as it is.
    pub(crate) fn target(&mut self, damage: &Region, alone: Option<&Pixels>) -> Option<Target> {
        match self {
            Self::Headless => None,
            Self::Drm(output) => output.target(damage).map(Target::Memory),
            Self::Window(window) => window.target(damage, alone),
        }
    }

    /// Has the port's topmost pointer shown beside its picture from the next frame on; false where it must
    /// be painted into that.
    pub(crate) fn point(&mut self, pointing: Option<&Pointing>) -> bool {
        match self {
            Self::Headless => false,
            Self::Drm(output) => output.point(pointing),
            Self::Window(window) => window.point(pointing),
        }
    }

    /// Whether the pointer that it shows is another one, or elsewhere, than it should be.
    pub(crate) fn is_pointer_behind(&self) -> bool {
        match self {
            Self::Headless | Self::Window(_) => false,
            Self::Drm(output) => output.is_pointer_behind(),
        }
    }

    /// Hands over the memory that [`Self::target`] gave, or a pointer alone.
    pub(crate) fn show(&mut self) -> Show {
        match self {
            Self::Headless => Show::AtOnce,
            Self::Drm(output) => output.show(),
            Self::Window(window) => window.show(),
        }
    }

    /// The screen shows what it was given last; whether it shows pointers by itself only from now on.
    pub(crate) fn shown(&mut self) -> bool {
        match self {
            Self::Headless | Self::Window(_) => false,
            Self::Drm(output) => output.shown(),
        }
    }

    /// The port has another mode, of which the file says this much.
    pub(crate) fn set_mode(&mut self, wanted: drm::Wanted) {
        match self {
            Self::Headless | Self::Window(_) => {}
            Self::Drm(output) => {
                if let Err(error) = output.set_mode(wanted) {
                    tracing::error!("a screen stays in its mode: {error}");
                }
            }
        }
    }

    /// The port has another size, which its window is to show.
    pub(crate) fn resize(&mut self, size: Size) {
        match self {
            Self::Headless | Self::Drm(_) => {}
            Self::Window(window) => window.resize(size),
        }
    }

    /// Lights it or not.
    pub(crate) fn set_lit(&mut self, lit: bool) {
        match self {
            Self::Headless => {}
            Self::Drm(output) => output.set_lit(lit),
            Self::Window(window) => window.set_lit(lit),
        }
    }

    /// How long it may take to show a picture before the port goes on without it.
    pub(crate) const fn patience(&self) -> Duration {
        match self {
            Self::Headless | Self::Drm(_) => CARD_PATIENCE,
            Self::Window(_) => WINDOW_PATIENCE,
        }
    }

    /// It does not say that it shows what it was given. Whether it wants another frame at once.
    pub(crate) fn is_unseen(&mut self) -> bool {
        match self {
            Self::Headless | Self::Drm(_) => false,
            Self::Window(window) => window.is_unseen(),
        }
    }

    /// Takes the picture off; the port is a headless one from then on.
    pub(crate) fn turn_off(&mut self) {
        match self {
            Self::Headless | Self::Window(_) => {}
            Self::Drm(output) => output.turn_off(),
        }
        *self = Self::Headless;
    }

    /// Something on it changed that is not in the picture: a pointer.
    pub(crate) fn damage(&mut self, rect: Rect) {
        match self {
            Self::Headless => {}
            Self::Drm(output) => output.damage(rect),
            Self::Window(window) => window.damage(rect),
        }
    }
}
