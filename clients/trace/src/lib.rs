//! Traces: everything that a device saw and did, in the order in which it happened, as a file.
//!
//! A device has a [`Tap`], which costs nothing while it is off. The taps of one program write through
//! one [`Tracer`], whose thread does the writing: a device never waits for a disk. What the disk is
//! too slow for is left out and counted, in the trace too ([`Event::Lost`]).
//!
//! [`Reader`] gives the records back. A file that was cut short, by a crash or a full disk, is read up
//! to the cut. Every byte of a file is hostile: the memory that a reader takes does not depend on
//! what the file says.
//!
//! The format is in `docs/trace.md`. It belongs to no device: those with registers have
//! [`Event::Access`], those with queues [`Event::Request`] and [`Event::Answer`].
#![forbid(unsafe_code)]

mod disk;
mod event;
mod format;
mod pool;
mod reader;
mod tracer;
mod writer;

pub use event::{Event, Input, Rect, Size, Word};
pub use format::{DeviceInfo, MAGIC, MAX_CHUNK, PIECE, Start, VERSION};
pub use pool::Limits;
pub use reader::{Ending, ReadError, Reader};
pub use tracer::{Tap, Tracer};

#[cfg(test)]
mod tests;
