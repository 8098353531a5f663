//! Pictures in shared memory that the device may change while the compositor shows them.
//!
//! A picture has one to three buffers. One of them, the current one, holds the newest pixels.
//! Drawing goes into the current buffer as long as the compositor does not hold it. When it does,
//! another buffer becomes current; it is first made equal to the old one. Each buffer knows which
//! pixels it has `missing`, so only those are copied, less what the drawing will overwrite anyway.

#![forbid(unsafe_code)]

mod held;
mod picture;

pub use held::{BufferId, Holds};
pub use picture::{Buffer, Ledger, PIXEL_BYTES, Picture};
