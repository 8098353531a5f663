//! Lamps of a keyboard, from the guest to the person who types.

/// Which are on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Lamps {
    /// Num Lock.
    pub num: bool,
    /// Caps Lock.
    pub caps: bool,
    /// Scroll Lock.
    pub scroll: bool,
}
