//! virtio-input device cores: a keyboard, a tablet (absolute pointer with wheels), a mouse, a
//! multi-touch screen and a pen.
//!
//! Source: virtio 1.2, "Input Device", and Linux' evdev codes. A core knows no queue and no
//! transport: [`Device::send`] takes what a seat did, [`Device::next_packet`] gives what fits
//! into the buffers that the driver made available.
//!
//! What a core promises, however slow the guest is:
//! - memory is bounded;
//! - the guest sees whole packets, each ended by `SYN_REPORT`;
//! - a key, button or finger that went down for the guest comes up for it;
//! - motion that was not delivered yet is merged, and the newest position is kept.

#![forbid(unsafe_code)]

pub mod codes;
mod config;
mod device;
mod event;
mod kind;
mod outbox;
mod pen;
mod snapshot;
mod touch;

pub use config::CONFIG_LEN;
pub use device::{Device, Input, Leds};
pub use event::Event;
pub use kind::{ABS_MAX, Kind, SLOTS, TILT_MAX};
pub use pen::PenPlace;
pub use snapshot::{BadSnapshot, SNAPSHOT_LIMIT};
