//! What the test guest draws, shared by the program inside the guest and by the tests outside.
//!
//! A pattern is a pure function of its seed, the picture's size and the position, so that a test
//! can say what every pixel of a guest's picture must be.

#![forbid(unsafe_code)]

pub mod commands;
pub mod motion;
pub mod pattern;

pub use motion::Motion;
pub use pattern::Pattern;
