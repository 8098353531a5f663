//! What the configuration file says, checked.
//!
//! A [`Config`] exists only whole and right: every name in it is valid and unique, every reference
//! has its target, every rectangle fits. A file that is wrong gives all its mistakes at once, each
//! with its line and a remedy. `docs/config.md` describes the file for its authors.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use porthole_pixel::{Rect, Size};

use crate::chord::Chord;
use crate::devices;
use crate::model::{ColorKey, Hole, InputPolicy, Transparency};
use crate::name::Name;
use crate::owner::Owner;
use crate::refresh::Refresh;
use crate::rights::SocketRights;
use crate::scene::{Sizing, SourceRect, Transform};

mod changes;
mod check;
mod entries;
mod error;
mod fields;
pub mod limits;
mod port;
mod quota;
mod read;
mod seat;
mod suggest;

#[cfg(test)]
mod tests;

pub use changes::{Changes, Delta};
pub use error::{ConfigError, ConfigErrors};
pub use port::{Clipboard, ClipboardPolicy, Connector, OnClose, Port, PortKind, ResizedBy, Window};
pub use quota::{Budget, Limits, Quota, Standing};
pub use seat::{Seat, SeatBackend};

/// The whole configuration.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Config {
    /// The picture shown before any guest's; `None` is the built-in one.
    /// A relative path in the file is taken from the file's folder.
    pub splash: Option<PathBuf>,
    /// What people may do anywhere.
    pub input: Input,
    /// The machine's own keyboards, pointers and consoles; `None` leaves them to others.
    pub seat: Option<Seat>,
    /// What becomes of the machine's own devices; the first rule for a device counts.
    pub devices: Vec<devices::Rule>,
    /// How ports are drawn.
    pub render: Render,
    /// What each socket may have where it does not say otherwise.
    pub limits: Limits,
    /// What all may have together.
    pub budget: Budget,
    /// The outputs, in the order of the file, as are all lists here.
    pub ports: Vec<Port>,
    /// The virtual machines that may show something. Each has a socket of its name.
    pub guests: Vec<Guest>,
    /// What is shown where.
    pub layers: Vec<Layer>,
    /// The sockets for viewers and ordinary Wayland programs.
    pub sockets: Vec<Socket>,
    /// The programs that the service starts.
    pub programs: Vec<Program>,
}

/// `[input]`: what people may do anywhere.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Input {
    /// The chord with which a person takes pointer and keyboard back; `None` for no chord.
    pub escape: Option<Chord>,
    /// How programs are to repeat a held key; guests repeat keys themselves.
    pub repeat: Repeat,
}

/// How a held key is repeated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Repeat {
    /// Times a second; 0 for never.
    pub rate: u32,
    /// Milliseconds before the first.
    pub delay: u32,
}

impl Default for Repeat {
    fn default() -> Self {
        Self { rate: 25, delay: 600 }
    }
}

impl Default for Input {
    fn default() -> Self {
        Self { escape: Some(Chord::default()), repeat: Repeat::default() }
    }
}

/// `[render]`: how ports are drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Render {
    /// By what.
    pub renderer: Renderer,
}

/// What draws the pictures of ports.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Renderer {
    /// A GPU where the machine has one, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// OpenGL ES, even if that draws on the CPU; the CPU renderer where there is none.
    Gles,
}

/// `[[guest]]`: a virtual machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Guest {
    /// Unique among guests and sockets: the guest's socket has this name.
    pub name: Name,
    /// The keyboard that the guest believes to have.
    pub keymap: Keymap,
    /// How many pictures the guest may show, 1 to 16.
    pub scanouts: u32,
    /// Who the guest's device processes run as; the service's own user when absent.
    pub owner: Option<Owner>,
    /// Which way copied text may go between the guest and the person who has its keyboard.
    pub clipboard: Clipboard,
    /// How much it matters, and what it may have.
    pub standing: Standing,
}

/// An XKB keyboard layout.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Keymap {
    /// Such as `us` or `de`.
    pub layout: String,
    /// Such as `nodeadkeys`; the layout's default when absent.
    pub variant: Option<String>,
}

impl Default for Keymap {
    fn default() -> Self {
        Self { layout: "us".to_owned(), variant: None }
    }
}

impl fmt::Display for Keymap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.layout)?;
        self.variant.as_ref().map_or(Ok(()), |variant| write!(f, ":{variant}"))
    }
}

/// `[[layer]]`: a picture at a place on a port (WFD: a source bound to a pipeline).
#[derive(Clone, PartialEq, Debug)]
pub struct Layer {
    /// Unique among layers.
    pub name: Name,
    /// The port that shows it.
    pub port: Name,
    /// Whose picture it is.
    pub content: Content,
    /// Where on the port, in port pixels; inside the port and not empty. The whole port by default.
    pub rect: Rect,
    /// Larger is above; unique on the port.
    pub order: i32,
    /// 0 (nothing) to 1 (all of it), over the picture's own transparency.
    pub opacity: f32,
    /// The part of the picture that is shown; all of it when absent.
    pub crop: Option<SourceRect>,
    /// How the picture is turned, after it is cropped and before it is scaled.
    pub transform: Transform,
    /// What of the picture's own alpha and of `opacity` counts; colour key, mask and hole count where
    /// they are given.
    pub transparency: Transparency,
    /// Pixels of the picture that have this colour show what is below.
    pub key: Option<ColorKey>,
    /// A picture file, as large as `rect`, whose alpha (or brightness, where it has none) weighs the
    /// layer's pixels.
    pub mask: Option<PathBuf>,
    /// Where the layer leaves what is below alone, counted from the corner of `rect`.
    pub hole: Hole,
    /// What becomes of a picture of another size than `rect`.
    pub sizing: Sizing,
    /// Whether the layer may have the keyboard.
    pub keyboard: bool,
    /// What becomes of pointers and fingers on the layer.
    pub input: InputPolicy,
    /// What shows while the picture is late or gone.
    pub fallback: Fallback,
    /// The most frames per second that are taken of the picture.
    pub rate_limit: Option<Refresh>,
}

/// What shows while a layer's picture is late or gone.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Fallback {
    /// What shows.
    pub picture: FallbackPicture,
    /// How long a guest that sends a heartbeat or has declared a rate may be silent.
    pub deadline: Option<Duration>,
}

/// A picture instead of one that is gone.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum FallbackPicture {
    /// None: what is below shows.
    #[default]
    Hide,
    /// The last one.
    Last,
    /// This file's.
    File(PathBuf),
}

/// Whose picture a layer shows. At most one layer shows the same one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Content {
    /// A scanout of a guest.
    Guest {
        /// The guest's name.
        guest: Name,
        /// Its scanout, from 0.
        scanout: u32,
    },
    /// The toplevel of an ordinary Wayland program.
    App {
        /// The socket that the program is connected to: without it any client could pose as another.
        socket: Name,
        /// The toplevel's application id, or [`Content::ANY`].
        app_id: String,
    },
}

impl Content {
    /// Stands for every program of a socket that has no layer of its own.
    pub const ANY: &'static str = "*";

    /// The content that stands for every program of the same socket.
    #[must_use]
    pub fn any_of_socket(&self) -> Option<Self> {
        match self {
            Self::Guest { .. } => None,
            Self::App { socket, .. } => {
                Some(Self::App { socket: socket.clone(), app_id: Self::ANY.to_owned() })
            }
        }
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Guest { guest, scanout } => write!(f, "scanout {scanout} of guest '{guest}'"),
            Self::App { socket, app_id } => write!(f, "app '{app_id}' on socket '{socket}'"),
        }
    }
}

impl FallbackPicture {
    /// The file that it names.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(file) => Some(file),
            Self::Hide | Self::Last => None,
        }
    }
}

/// `[[socket]]`: where programs connect, and what they may do there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Socket {
    /// Unique among sockets and guests.
    pub name: Name,
    /// The permission bits of the socket file.
    pub mode: u32,
    /// Who may connect beside the service's own user.
    pub owner: Option<Owner>,
    /// What its clients may do beyond showing surfaces.
    pub rights: SocketRights,
    /// How much they matter, and what they may have.
    pub standing: Standing,
}

/// `[[program]]`: what the service starts once its sockets are there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Program {
    /// Unique among programs.
    pub name: Name,
    /// The program and its arguments; never empty.
    pub command: Vec<String>,
    /// The socket (or guest, meaning its socket) that the program finds in `WAYLAND_DISPLAY`.
    pub socket: Name,
    /// What to do when it ends.
    pub restart: Restart,
    /// Variables added to the service's own environment.
    pub env: BTreeMap<String, String>,
}

/// What to do when a program ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Restart {
    /// Nothing.
    Never,
    /// Start it again unless it ended with exit code 0.
    #[default]
    OnFailure,
}

impl Config {
    /// Reads and checks the file at `path`.
    ///
    /// # Errors
    /// All that is wrong with it, or that it cannot be read.
    pub fn load(path: &Path) -> Result<Self, ConfigErrors> {
        Self::load_with_text(path).map(|(config, _)| config)
    }

    /// The same with the file's text, by which its writer knows whether it was changed.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load_with_text(path: &Path) -> Result<(Self, String), ConfigErrors> {
        let file = path.display().to_string();
        let text = read::text(path).map_err(|error| ConfigErrors::unreadable(&file, &error))?;
        Ok((Self::parse(&text, &file)?, text))
    }

    /// Checks `text`. `file_name` is for messages and for the folder of relative paths.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn parse(text: &str, file_name: &str) -> Result<Self, ConfigErrors> {
        read::config(text, file_name)
    }

    /// The port of this name.
    #[must_use]
    pub fn port(&self, name: &str) -> Option<&Port> {
        self.ports.iter().find(|port| port.name == *name)
    }

    /// The guest of this name.
    #[must_use]
    pub fn guest(&self, name: &str) -> Option<&Guest> {
        self.guests.iter().find(|guest| guest.name == *name)
    }

    /// The socket of this name (not the guests' own).
    #[must_use]
    pub fn socket(&self, name: &str) -> Option<&Socket> {
        self.sockets.iter().find(|socket| socket.name == *name)
    }

    /// How much a guest or the clients of a socket matter, and what they may have beside the rest.
    #[must_use]
    pub fn standing(&self, name: &str) -> Standing {
        let guest = self.guest(name).map(|guest| guest.standing);
        guest.or_else(|| self.socket(name).map(|socket| socket.standing)).unwrap_or_default()
    }

    /// What a guest or the clients of a socket may have, in all.
    #[must_use]
    pub fn quota(&self, name: &str) -> Quota {
        Quota::new(self.standing(name).limits.or(self.limits))
    }

    /// This configuration with another size of one port: layers that fill the port go on filling it,
    /// the others keep their places and are cut to what is left.
    #[must_use]
    pub fn with_port_size(&self, port: &str, size: Size) -> Self {
        let mut config = self.clone();
        let Some(entry) = config.ports.iter_mut().find(|p| p.name == *port) else { return config };
        let before = Rect::from_size(entry.area());
        entry.size = size;
        let after = Rect::from_size(entry.area());
        for layer in config.layers.iter_mut().filter(|layer| layer.port == *port) {
            layer.rect = if layer.rect == before {
                after
            } else {
                // An empty rectangle disables the layer's pipeline until the port grows again.
                layer.rect.intersect(after).unwrap_or_default()
            };
        }
        config
    }

    /// This configuration with another rate of a port.
    #[must_use]
    pub fn with_port_refresh(&self, port: &str, refresh: Refresh) -> Self {
        let mut config = self.clone();
        for entry in config.ports.iter_mut().filter(|entry| entry.name == *port) {
            entry.refresh = refresh;
        }
        config
    }

    /// The layers of a port from the lowest to the topmost.
    #[must_use]
    pub fn layers_of(&self, port: &str) -> Vec<&Layer> {
        let mut layers: Vec<_> = self.layers.iter().filter(|layer| layer.port == *port).collect();
        layers.sort_by_key(|layer| layer.order);
        layers
    }
}
