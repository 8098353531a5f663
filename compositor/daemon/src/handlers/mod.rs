//! Policy: what this compositor answers to each protocol.

mod capture;
mod compositor;
mod input;
mod seat;
mod xdg_shell;
