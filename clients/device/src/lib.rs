//! What the programs that are a guest's devices share, whatever transport brings the guest's requests.
//!
//! [`GpuPort`] and [`InputPort`] put a device's core on the rings of `porthole-virtio-device`;
//! [`Presenter`] gives its pictures to a compositor, and [`Desk`] finds places on the guest's displays. All
//! of it is recorded where there is a trace.
#![forbid(unsafe_code)]

pub mod arguments;
pub mod confine;
mod desk;
mod diary;
mod gpu;
pub mod input;
mod inputs;
mod presenter;
pub mod ready;
pub mod trace;

pub use desk::Desk;
pub use diary::Diary;
pub use gpu::{FENCE_LIMIT, GpuPort, shape};
pub use input::InputPort;
pub use inputs::{Inputs, OpenError, input_of};
pub use presenter::{Presenter, order};
