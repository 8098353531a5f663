//! Runs the whole of Porthole: the service, guests in QEMU, viewers, and what judges their pictures.
//!
//! Nothing here waits for a time to pass: [`wait`] waits until something is so, and fails when it is
//! not within a deadline. Every process has a folder and a log of its own and ends with its owner.

#![forbid(unsafe_code)]

pub mod adapter;
pub mod capture;
pub mod demo;
pub mod display;
pub mod failure;
pub mod filter;
pub mod front_end;
pub mod guest;
pub mod kms;
pub mod line;
pub mod own;
pub mod picture;
pub mod plain;
pub mod process;
pub mod program;
pub mod qmp;
pub mod scene;
pub mod screen;
pub mod service;
pub mod source;
pub mod system;
#[cfg(target_arch = "x86_64")]
pub mod tracee;
pub mod viewer;
pub mod wait;

pub use adapter::AdapterGuest;
pub use capture::Capture;
pub use failure::{Failure, Result};
pub use guest::Guest;
pub use kms::KmsGuest;
pub use picture::Picture;
pub use plain::PlainGuest;
pub use process::Process;
pub use scene::{Layer, Scene};
pub use screen::Screen;
pub use service::Service;
pub use system::SystemGuest;
pub use viewer::Viewer;
