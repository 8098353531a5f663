//! The virtio-gpu device, 2D: commands and guest memory in, pictures out.
//!
//! [`Gpu`] knows no transport, no window system, no thread and no clock. A transport gives it the
//! requests that it takes from the queues, and writes back the [`Answer`]s; a presenter shows the
//! [`Event`]s and reports what became of the buffers.
//!
//! A picture is shared memory that the presenter hands to the compositor as it is. The transfer that
//! the guest asks for is the only copy of a pixel on its way there; see [`Statistics::copies`].
//!
//! Everything in a request is an attack until proven otherwise: requests are parsed once, by
//! `porthole_virtio_gpu`; sizes are checked without overflow; what a guest names is allocated when
//! it is drawn or shown, within [`Quotas`].
#![forbid(unsafe_code)]

mod control;
mod cursor;
mod event;
mod gpu;
mod guest;
mod options;
mod resource;
mod scanout;
mod show;
mod snapshot;
mod state;

pub use cursor::CURSOR_SIZE;
pub use event::{Event, Frame};
pub use gpu::{Answer, Gpu, MAX_REQUEST, Statistics, Token};
pub use guest::{GuestMemory, NotRam};
pub use options::{DEFAULT_SIZE, Options, Quotas};
pub use porthole_picture::BufferId;
pub use snapshot::BadSnapshot;
pub use state::{RestoreError, State};

#[cfg(test)]
mod tests;
