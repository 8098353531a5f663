//! Tests of the device as a whole.

mod bench;
mod buffers;
mod commands;
mod differential;
mod fences;
mod hostile;
mod operations;
mod snapshots;
