//! What the file says of a port.

use std::path::PathBuf;

use porthole_pixel::Size;

use crate::color::Color;
use crate::model::Gamma;
use crate::name::Name;
use crate::refresh::Refresh;
use crate::scale::Scale;
use crate::scene::Transform;

/// `[[port]]`: an output.
#[derive(Clone, PartialEq, Debug)]
pub struct Port {
    /// Unique among ports.
    pub name: Name,
    /// What the port is made of.
    pub kind: PortKind,
    /// In pixels, each side 16 to 16384.
    pub size: Size,
    /// The most frames per second.
    pub refresh: Refresh,
    /// How large programs are asked to draw; 1 is pixel for pixel.
    pub scale: Scale,
    /// Who may change the size while the service runs.
    pub resized_by: ResizedBy,
    /// What shows where no layer is.
    pub background: Color,
    /// How many layers the port can have, 1 to 64 (WFD: its pipelines).
    pub pipelines: u32,
    /// How the finished picture is turned.
    pub transform: Transform,
    /// What is done to the finished picture's brightness.
    pub gamma: Gamma,
}

impl Port {
    /// Whether it is in a window of another compositor.
    #[must_use]
    pub const fn is_window(&self) -> bool {
        matches!(self.kind, PortKind::Window(_))
    }

    /// The size in which layers are placed: `size` before the port turns its picture.
    #[must_use]
    pub const fn area(&self) -> Size {
        let Size { width, height } = self.size;
        if self.transform.swaps_sides() {
            Size::new(height, width)
        } else {
            Size::new(width, height)
        }
    }
}

/// What a port is made of.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum PortKind {
    /// Memory only; seen by capturing it.
    #[default]
    Headless,
    /// A connector of a graphics card, with whatever screen is on it.
    Drm(Connector),
    /// A window of another compositor.
    Window(Window),
}

/// A window of another compositor, the port's parent.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Window {
    /// The socket of the parent; that of the session that the service was started in when absent.
    pub parent: Option<PathBuf>,
    /// What the parent may show above it; the port's name when absent.
    pub title: Option<String>,
    /// What the parent knows it by; `porthole.` and the port's name when absent.
    pub app_id: Option<String>,
    /// Whether it asks to fill a screen of the parent.
    pub fullscreen: bool,
    /// What becomes of a person's wish to close it.
    pub on_close: OnClose,
    /// Whether it asks for the parent's own shortcuts while it has the keyboard.
    pub shortcuts: bool,
    /// Which way the parent's clipboard and the port's go together.
    pub clipboard: ClipboardPolicy,
}

/// What may be copied between a port and the parent of its window.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ClipboardPolicy {
    /// Which way.
    pub way: Clipboard,
    /// Types of data besides text.
    pub types: Vec<String>,
}

/// Which way what is copied may go: between a port and the parent of its window, or between a guest and
/// whoever has its keyboard.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Clipboard {
    /// Neither.
    #[default]
    Off,
    /// What is copied outside, on the parent or by a person, can be pasted on the port or in the guest.
    In,
    /// What is copied on the port or in the guest can be pasted outside.
    Out,
    /// Both.
    Both,
}

impl Clipboard {
    /// What the configuration calls each.
    pub(super) const WORDS: [(&'static str, Self); 4] =
        [("off", Self::Off), ("in", Self::In), ("out", Self::Out), ("both", Self::Both)];

    /// Whether everything that `self` lets through `other` does too.
    #[must_use]
    pub const fn is_within(self, other: Self) -> bool {
        (!self.lets_in() || other.lets_in()) && (!self.lets_out() || other.lets_out())
    }

    /// Whether what is copied outside comes in.
    #[must_use]
    pub const fn lets_in(self) -> bool {
        matches!(self, Self::In | Self::Both)
    }

    /// Whether what is copied inside goes out.
    #[must_use]
    pub const fn lets_out(self) -> bool {
        matches!(self, Self::Out | Self::Both)
    }
}

/// The names of plain text, of Wayland's programs and of X11's.
const TEXTS: [&str; 5] =
    ["text/plain;charset=utf-8", "text/plain", "UTF8_STRING", "STRING", "TEXT"];

impl ClipboardPolicy {
    /// Whether data of a type may go, where any may.
    #[must_use]
    pub fn may_copy(&self, kind: &str) -> bool {
        TEXTS.contains(&kind) || self.types.iter().any(|own| own == kind)
    }
}

/// What becomes of a person's wish to close a port's window.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OnClose {
    /// Nothing.
    #[default]
    Ignore,
    /// The port is turned off, and its window with it.
    Off,
    /// The service ends.
    End,
}

/// A connector of a graphics card, and what is left to its screen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Connector {
    /// Such as `HDMI-A-1`.
    pub name: String,
    /// The card's device file; any card that has such a connector when absent.
    pub card: Option<PathBuf>,
    /// The folder of the light behind the panel, which goes on with the first picture.
    pub backlight: Option<PathBuf>,
    /// The port's pointer is painted into the picture even if the card has a plane for it.
    pub paints_pointer: bool,
    /// What an earlier stage left on the screen is the port's splash.
    pub boot_picture: bool,
    /// The port has the size that the screen prefers; until one is known, that of
    /// [`limits::UNKNOWN_SCREEN`](super::limits::UNKNOWN_SCREEN).
    pub own_size: bool,
    /// The port has the rate of the screen's mode.
    pub own_refresh: bool,
}

/// Who may change a port's size while the service runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ResizedBy {
    /// Only this file.
    #[default]
    Configuration,
    /// Also clients of sockets with the right `resize:PORT`, such as viewers in a window of their own.
    Viewers,
}
