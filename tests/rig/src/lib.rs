//! What test guests run on: Debian packages, a kernel, an image and a QEMU.
//!
//! Used by `cargo xtask`, which prepares a machine with it, and by the tests, which boot guests
//! with it. Everything that is downloaded is unpacked into a cache and never installed; what must be
//! installed is listed in [`packages`] with its reason.

#![forbid(unsafe_code)]

pub mod accelerator;
pub mod cache;
pub mod command;
pub mod cpio;
pub mod debian;
pub mod disks;
pub mod error;
pub mod image;
pub mod kernel;
pub mod kms;
pub mod libvirt;
pub mod modules;
pub mod own;
pub mod packages;
pub mod parent;
pub mod plain;
pub mod program;
pub mod progress;
pub mod qemu;
pub mod roots;
pub mod seat;
pub mod systemd;
pub mod vkms;
pub mod x86;

pub use error::{Result, RigError};
pub use image::Image;
pub use own::Own;
pub use plain::Plain;
pub use qemu::Qemu;
pub use systemd::System;
