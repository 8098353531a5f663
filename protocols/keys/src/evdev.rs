//! Names for the evdev codes that have a meaning of their own here
//! (Linux, `input-event-codes.h`).

/// Left Control.
pub const LEFT_CTRL: u16 = 29;
/// Left Shift.
pub const LEFT_SHIFT: u16 = 42;
/// Right Shift.
pub const RIGHT_SHIFT: u16 = 54;
/// Caps Lock.
pub const CAPS_LOCK: u16 = 58;
/// Num Lock.
pub const NUM_LOCK: u16 = 69;
/// Right Alt, which is AltGr where a layout has it.
pub const RIGHT_ALT: u16 = 100;

/// Left mouse button.
pub const BTN_LEFT: u32 = 0x110;
/// Right mouse button.
pub const BTN_RIGHT: u32 = 0x111;
/// Middle mouse button.
pub const BTN_MIDDLE: u32 = 0x112;
/// The thumb button that goes back.
pub const BTN_SIDE: u32 = 0x113;
/// The thumb button that goes forward.
pub const BTN_EXTRA: u32 = 0x114;
