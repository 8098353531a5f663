//! `porthole-gpu`: the display and input devices of one guest.
//!
//! One process for each guest. The main thread runs an event loop with up to four vhost-user
//! devices (GPU, keyboard, tablet, touch screen); a presenter in a thread of its own speaks
//! Wayland. The process lives as long as its VM: QEMU hangs or fails a guest whose device dies,
//! so nothing that the compositor does can end it.

mod capabilities;
mod cli;
mod program;

pub use cli::{Cli, Task, command};
pub use program::{Failure, run};
