//! Policy: what this compositor answers to each protocol.

mod capture;
mod compositor;
pub(crate) mod foreign_toplevel;
mod input;
mod seat;
mod xdg_shell;
