//! Plain data about pictures: formats, sizes, buffer layouts that were checked once, and regions;
//! and the arithmetic of blending.
//!
//! Nothing here does I/O or holds memory; every other room speaks in these types.
// Only the kernels for SIMD units have unsafe code, and say so.
#![deny(unsafe_code)]

pub mod blend;
mod format;
mod geometry;
mod layout;
mod region;
pub mod words;

pub use format::Format;
pub use geometry::{Rect, Size};
pub use layout::{Layout, LayoutError, MAX_DIMENSION};
pub use region::Region;
