//! What a client draws on.

use porthole_pixel::{Rect, Size};

/// A picture that cannot be held.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct CanvasError(pub String);

/// A picture of 32 bit words, which hold pixel values of the format that was asked for. With
/// [`PixelFormat::BGRX`](crate::PixelFormat::BGRX) a word in memory is the pixel as Wayland has it.
///
/// Rectangles are inside of the picture: the client has checked them.
pub trait Canvas {
    /// Size in pixels.
    fn size(&self) -> Size;

    /// Takes another size, which is never empty. What the pixels are until they are written is the
    /// canvas's business: the server sends them all.
    ///
    /// # Errors
    /// [`CanvasError`] ends the connection.
    fn resize(&mut self, size: Size) -> Result<(), CanvasError>;

    /// Each pixel of this rectangle, which is not empty, is written next, if the connection lasts: what is
    /// there need not be kept.
    fn begin(&mut self, rect: Rect);

    /// Writes rows of values into a rectangle.
    fn write(&mut self, rect: Rect, values: &[u32]);

    /// Writes rows of values that are as they are in memory: each four bytes, the lowest first.
    fn put(&mut self, rect: Rect, bytes: &[u8]);

    /// Gives each pixel of a rectangle one value.
    fn fill(&mut self, rect: Rect, value: u32);

    /// Writes what lies at `from` to `to`, which has the same size; they may overlap.
    fn copy(&mut self, to: Rect, from: Rect);
}
