//! What the machine itself has for people in front of it: keyboards, pointers, touch screens and pens, and
//! the consoles that they switch between.
//!
//! This is mechanism, and knows nothing of the service's state; `handlers/machine` says what becomes of
//! what a person does. Devices are found by their files ([`watch`]) and by what udev says of them
//! ([`udev`]), opened by a [`session`], and read by [`libinput`].

pub(crate) mod console;
pub(crate) mod libinput;
pub(crate) mod libseat;
pub(crate) mod seatd;
pub(crate) mod session;
pub(crate) mod udev;
pub(crate) mod watch;

pub(crate) use libinput::{DeviceId, Devices, Event, FingerEvent, PenEvent};
pub(crate) use session::Session;
pub(crate) use watch::{Heard, Watch};

/// Why a device is not used, or all are not.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MachineError {
    #[error("libinput cannot be loaded: {0}; install it (Debian: libinput10)")]
    Library(String),
    #[error("its library cannot be used: {0}")]
    Missing(#[from] crate::library::Missing),
    #[error("libseat cannot be loaded: {0}; install it (Debian: libseat1)")]
    NoLibseat(String),
    #[error(
        "nobody gives us one: {0}; log in on a console, start who LIBSEAT_BACKEND names, or the service as root if that is builtin"
    )]
    NoSession(std::io::Error),
    #[error(
        "nobody gives us one: nobody listens at {0}, as seatd does, and systemd-logind has none for us; start seatd, or log in on a console"
    )]
    NoSeatd(String),
    #[error(
        "nobody gives us one: seatd's {path} cannot be opened: {source}; add the service's user to the group of that file, mostly video"
    )]
    NotForUs { path: String, source: std::io::Error },
    #[error(
        "nobody gives us one: seatd has given the console that is shown to another program; end that, or start the service on another console"
    )]
    Taken,
    #[error("libinput could not begin")]
    Context,
    #[error(
        "udev does not run, and what it should say cannot be written into /run/udev/data: {0}; start udev, or the service as root with [seat] in its configuration"
    )]
    NoUdev(std::io::Error),
    #[error("{path} cannot be opened: {source}; {remedy}")]
    Open { path: String, source: std::io::Error, remedy: &'static str },
    #[error("{0} devices are used already")]
    TooMany(usize),
    #[error("libinput does not know what to do with {0}")]
    Unknown(String),
}
