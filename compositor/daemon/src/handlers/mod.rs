//! Policy: what this compositor answers to each protocol.

mod capture;
mod compositor;
pub(crate) mod foreign_toplevel;
mod input;
mod outputs;
mod seat;
mod selection;
mod sources;
mod xdg_shell;
