//! The wire format of virtio-gpu, 2D part (virtio 1.3, section 5.7).
//!
//! Bytes of a request become a [`Header`] and a validated [`Command`]; a [`Response`] becomes
//! bytes. Nothing here keeps state or does I/O. What cannot be judged without knowing the device's
//! resources is left to the device, in the order in which the errors must be found.
#![forbid(unsafe_code)]

mod command;
mod config;
mod fields;
mod header;
mod pixels;
mod response;
pub mod wire;

pub use command::{
    BadEntries, BlobFramebuffer, BlobMemory, Command, CursorCommand, CursorImage, Entry,
    MAX_ENTRIES, ScanoutId,
};
pub use config::{CONFIG_LEN, Config};
pub use header::Header;
pub use pixels::{WireRect, format_code, format_from_code};
pub use response::{Display, ErrorCode, MAX_SCANOUTS, Response};

#[cfg(test)]
mod tests;
