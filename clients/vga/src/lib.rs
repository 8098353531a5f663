//! `porthole-vga`: one display adapter for a guest's whole life.
//!
//! A PCI function over vfio-user that is a VGA with the bochs interface from the first instruction of the
//! firmware, virtio-gpu once a driver takes over, and a VGA again after a reset, all in one window of the
//! compositor. Two threads do the guest's work: the main one answers accesses to registers, for which a
//! processor of the guest stands still (`function.rs`), and looks for changes in video memory
//! (`monitor.rs`); a worker takes virtio's requests (`worker.rs`, `engine.rs`). A third one speaks Wayland;
//! nothing that happens there can end the device, since QEMU hangs when its device dies.
#![forbid(unsafe_code)]

mod cli;
mod config;
mod engine;
mod function;
mod hands;
mod monitor;
mod owner;
mod pace;
mod program;
mod qmp;
mod replay;
mod rom;
mod typist;
mod virtio;
mod vram;
mod worker;

pub use cli::{Cli, Model, Task, command};
pub use program::{Failure, run};
pub use rom::{Rom, RomError};
