//! What the file says of the machine's own keyboards, pointers and consoles.

use super::Keymap;
use crate::name::Name;

/// `[seat]`: keyboards and pointers of the machine itself are used, and screens are shared with its other
/// consoles.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Seat {
    /// Who opens devices.
    pub backend: SeatBackend,
    /// Where devices are without a rule that says otherwise; the first port on a screen when absent, or
    /// else the first.
    pub port: Option<Name>,
    /// The layout of keyboards, for programs; guests have their own.
    pub keymap: Keymap,
}

/// Who opens graphics cards and input devices.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SeatBackend {
    /// A session where the service has one, else the service.
    #[default]
    Auto,
    /// A session: systemd-logind, seatd, or libseat's own.
    Libseat,
    /// The service itself; nobody else may use the screens meanwhile.
    Direct,
}
