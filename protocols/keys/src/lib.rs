//! Keyboards as tables and pure state machines: XT scancodes and X11 keysyms become Linux evdev
//! codes, which are what virtual keyboards and guests understand.
#![forbid(unsafe_code)]

pub mod evdev;
mod keyboard;
mod layout;
mod xt;

pub use keyboard::{KeyChange, Keyboard};
pub use layout::{Layout, Modifier, Modifiers, Place};
pub use xt::{evdev_from_xt, xt_from_evdev};
