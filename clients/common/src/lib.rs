//! What every Wayland client of the service shares.

pub mod arrival;
pub mod capture;
pub mod connection;
pub mod errand;
mod inotify;
mod lamps;
pub mod present;
pub mod program;
pub mod resizes;
pub mod seat;
pub mod sign;
pub mod texts;
pub mod virtual_input;
