//! Sealed shared memory for pictures.
//!
//! A device draws into a [`Memory`]; the same file descriptor is given to the compositor as a
//! `wl_shm` pool, so the picture is not copied on its way. Size seals let the compositor read the
//! memory without a guard against truncation.
//!
//! Every access is checked against the length once, here, and nothing outside `memory.rs` and
//! `mapped.rs` touches a raw pointer.

mod changes;
mod copies;
mod foreign;
mod mapped;
mod memory;
mod shared;

pub use changes::{Changes, PIECE};
pub use copies::Copies;
pub use foreign::{Device, Foreign};
pub use mapped::Mapped;
pub use memory::{Memory, OutOfRange, Rows};
pub use shared::Shared;

#[cfg(test)]
mod tests;
