//! Policy: what this compositor answers to each protocol.

pub(crate) mod accounts;
mod capture;
mod compositor;
mod cursor_shape;
pub(crate) mod devices;
pub(crate) mod foreign_toplevel;
pub(crate) mod idle;
mod input;
pub(crate) mod machine;
pub(crate) mod output_management;
mod outputs;
pub(crate) mod pacing;
pub(crate) mod parents;
mod pending;
mod process;
mod safety;
mod screencopy;
mod screens;
mod seat;
mod seat_feedback;
mod selection;
mod shm;
mod sources;
mod stream;
mod surfaces;
pub(crate) mod wfd;
mod xdg_shell;
