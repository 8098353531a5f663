//! Plain data about pictures: formats, sizes, buffer layouts that were checked once, and regions.
//!
//! Nothing here does I/O or holds memory; every other room speaks in these types.
#![forbid(unsafe_code)]

mod format;
mod geometry;
mod layout;
mod region;

pub use format::Format;
pub use geometry::{Rect, Size};
pub use layout::{Layout, LayoutError, MAX_DIMENSION};
pub use region::Region;
