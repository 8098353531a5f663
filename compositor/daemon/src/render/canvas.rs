//! The picture of a port, drawn by pixman. The only place that hands client memory to it.

use pixman::{
    Box32, Color as PixmanColor, Filter as PixmanFilter, FormatCode, Image, Operation, Region32,
    Repeat, Solid, Transform as PixmanTransform,
};
use porthole_core::{
    Color,
    scene::{Filter, Mapping, Point, SourceRect, Transform},
};
use porthole_pixel::{Format, Rect, Region, Size};

use super::{CaptureJob, Draw, FramePlan};
use crate::protocols::shm::Pixels;

/// Why a picture could not be drawn. None is a client's fault: layouts were checked before.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DrawError {
    #[error("the compositing library is out of memory")]
    Memory,
    #[error("{0:?} scales more than the compositing library can")]
    Scale(Mapping),
}

/// A picture: `Xrgb8888`, or premultiplied `Argb8888`; rows without gaps.
#[derive(Debug)]
pub(crate) struct Canvas {
    size: Size,
    words: Vec<u32>,
    code: FormatCode,
}

impl Canvas {
    /// A picture of one colour.
    pub(crate) fn new(size: Size, color: Color) -> Self {
        let pixels = usize::try_from(size.area()).unwrap_or(0);
        Self { size, words: vec![color.argb(); pixels], code: FormatCode::X8R8G8B8 }
    }

    /// A picture that keeps alpha, with nothing in it. Memory is touched only where it is drawn.
    pub(crate) fn transparent(size: Size) -> Self {
        let pixels = usize::try_from(size.area()).unwrap_or(0);
        Self { size, words: vec![0; pixels], code: FormatCode::A8R8G8B8 }
    }

    pub(crate) const fn size(&self) -> Size {
        self.size
    }

    const fn stride(&self) -> usize {
        self.size.width as usize * 4
    }

    fn bytes(&self) -> &[u8] {
        let len = self.words.len() * 4;
        // SAFETY: a slice of u32 is four times as many bytes, all initialised, with no stricter
        // alignment, and is borrowed for as long.
        unsafe { std::slice::from_raw_parts(self.words.as_ptr().cast::<u8>(), len) }
    }

    /// Draws what the plan says and returns the bytes written. A layer that cannot be drawn is left
    /// out with a log line; the others are drawn all the same.
    pub(crate) fn draw(&mut self, plan: &FramePlan) -> u64 {
        self.fill(&plan.clear, plan.background);
        plan.clear.area() * 4 + self.draw_all(&plan.draws)
    }

    /// Draws one thing over the other and returns the bytes written.
    pub(crate) fn draw_all(&mut self, draws: &[Draw]) -> u64 {
        let mut pixels = 0;
        for draw in draws {
            match self.draw_one(draw) {
                Ok(()) => pixels += draw.clip.area(),
                Err(error) => tracing::error!("a layer was not drawn: {error}"),
            }
        }
        pixels * 4
    }

    fn fill(&mut self, region: &Region, color: Color) {
        let bounds = Rect::from_size(self.size);
        let width = self.size.width as usize;
        for rect in region.rects().iter().filter_map(|r| r.intersect(bounds)) {
            let columns = rect.x.unsigned_abs() as usize..rect.right().unsigned_abs() as usize;
            let rows = rect.y.unsigned_abs() as usize..rect.bottom().unsigned_abs() as usize;
            for row in self.words.chunks_exact_mut(width).take(rows.end).skip(rows.start) {
                if let Some(part) = row.get_mut(columns.clone()) {
                    part.fill(color.argb());
                }
            }
        }
    }

    fn draw_one(&mut self, draw: &Draw) -> Result<(), DrawError> {
        let clip = draw.clip.intersect(Rect::from_size(self.size));
        let Some(bounds) = clip.bounds() else { return Ok(()) };
        let mut source = source_image(&draw.pixels)?;
        let offset = place_source(&mut source, draw, bounds)?;

        let format = draw.pixels.layout().format();
        let solid = draw.opacity >= 1.0;
        let mask = if solid { None } else { Some(opacity_mask(draw.opacity)?) };
        let operation = if solid && !format.has_alpha() { Operation::Src } else { Operation::Over };
        let (width, height) = (self.size.width as usize, self.size.height as usize);
        let stride = self.stride();
        let mut target =
            Image::from_slice_mut(self.code, width, height, &mut self.words, stride, false)
                .map_err(|_| DrawError::Memory)?;
        let boxes: Vec<Box32> = clip
            .rects()
            .iter()
            .map(|r| Box32 { x1: r.left(), y1: r.top(), x2: r.right(), y2: r.bottom() })
            .collect();
        target
            .set_clip_region32(Some(&Region32::init_rects(&boxes)))
            .map_err(|_| DrawError::Memory)?;
        target.composite32(
            operation,
            &source,
            mask.as_deref(),
            offset,
            (0, 0),
            (bounds.x, bounds.y),
            (bounds.width, bounds.height),
        );
        Ok(())
    }

    /// Copies what a capture wants into its buffer, with pointers painted over the copy.
    pub(crate) fn copy_out(&self, job: &CaptureJob) -> std::io::Result<u64> {
        let layout = job.into.layout();
        let area = Rect::from_size(layout.size()).translate(job.origin.0, job.origin.1);
        let inside = Rect::from_size(self.size).contains_rect(area);
        if !inside || layout.format().bytes_per_pixel() != 4 {
            return Err(std::io::Error::other("the buffer does not fit the picture"));
        }
        let mut written = 0;
        for rect in job.region.rects().iter().filter_map(|r| r.intersect(area)) {
            written += self.write(job, rect)?;
        }
        if !job.cursors.is_empty() {
            written += self.copy_with_cursors(job, area)?;
        }
        Ok(written)
    }

    /// Writes a rectangle of the picture to its place in the capture's buffer.
    fn write(&self, job: &CaptureJob, rect: Rect) -> std::io::Result<u64> {
        let (left, top) = (job.origin.0.unsigned_abs(), job.origin.1.unsigned_abs());
        let start = top as usize * self.stride() + left as usize * 4;
        let from = self.bytes().get(start..).unwrap_or_default();
        job.into.write(rect.translate(-job.origin.0, -job.origin.1), from, self.stride())
    }

    fn copy_with_cursors(&self, job: &CaptureJob, bounds: Rect) -> std::io::Result<u64> {
        // One may lie over another, so all are painted before anything is copied.
        let mut copy = Self { size: self.size, words: self.words.clone(), code: self.code };
        let mut areas = Region::new();
        for (pixels, x, y) in &job.cursors {
            let size = pixels.layout().size();
            let destination = Rect::from_size(size).translate(*x, *y);
            let Some(area) = destination.intersect(bounds) else { continue };
            let draw = Draw {
                pixels: pixels.clone(),
                mapping: Mapping {
                    source: SourceRect::from_size(size),
                    destination,
                    transform: Transform::Normal,
                },
                filter: Filter::Nearest,
                opacity: 1.0,
                clip: Region::from_rect(area),
            };
            copy.draw_one(&draw).map_err(std::io::Error::other)?;
            areas.add(area);
        }
        let mut written = 0;
        for area in areas.rects() {
            written += copy.write(job, *area)?;
        }
        Ok(written)
    }
}

/// pixman's view of a held picture.
fn source_image(pixels: &Pixels) -> Result<Image<'_, 'static>, DrawError> {
    let layout = pixels.layout();
    let (width, height) = (layout.size().width as usize, layout.size().height as usize);
    let start = pixels.start();
    if start.is_null() {
        return Err(DrawError::Memory);
    }
    #[expect(
        clippy::cast_ptr_alignment,
        reason = "pool offsets and strides were checked to be whole words"
    )]
    let words = start.cast::<u32>().cast_mut();
    // SAFETY: the layout was checked against the memory, which `pixels` keeps readable for as long as
    // the image borrows it; a source is never written.
    unsafe {
        Image::from_raw_mut(
            code(layout.format()),
            width,
            height,
            words,
            layout.stride() as usize,
            false,
        )
    }
    .map_err(|_| DrawError::Memory)
}

fn opacity_mask(opacity: f32) -> Result<Solid<'static>, DrawError> {
    let alpha = (opacity.clamp(0.0, 1.0) * 65535.0).round();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to the range of u16 just above"
    )]
    let alpha = alpha as u16;
    Solid::new(PixmanColor::new(0, 0, 0, alpha)).map_err(|_| DrawError::Memory)
}

/// Tells pixman where in the picture the pixel at the top left of `bounds` comes from: a plain offset
/// where nothing is scaled or turned, else a transform.
fn place_source(
    image: &mut Image<'_, '_>,
    draw: &Draw,
    bounds: Rect,
) -> Result<(i32, i32), DrawError> {
    let mapping = &draw.mapping;
    let to = mapping.destination;
    if mapping.transform == Transform::Normal && mapping.is_exact() {
        #[expect(clippy::cast_possible_truncation, reason = "exact: whole, and inside a buffer")]
        let (x, y) = (mapping.source.x as i32, mapping.source.y as i32);
        return Ok((x + bounds.x - to.x, y + bounds.y - to.y));
    }
    // buffer = matrix * (destination pixel, counted from the destination's corner)
    let (width, height) = (f64::from(to.width), f64::from(to.height));
    let corner = Point { x: f64::from(to.x), y: f64::from(to.y) };
    let start = mapping.to_source(corner);
    let right = mapping.to_source(Point { x: corner.x + width, ..corner });
    let down = mapping.to_source(Point { y: corner.y + height, ..corner });
    let row = |start: f64, right: f64, down: f64| {
        [(right - start) / width, (down - start) / height, start]
    };
    let matrix = [row(start.x, right.x, down.x), row(start.y, right.y, down.y), [0.0, 0.0, 1.0]];
    // pixman counts in 16.16 fixed point.
    if matrix.iter().flatten().any(|v| !v.is_finite() || v.abs() > 32000.0) {
        return Err(DrawError::Scale(*mapping));
    }
    image.set_transform(PixmanTransform::new(matrix)).map_err(|_| DrawError::Memory)?;
    // Turned without scaling hits pixel centres: the slow filter would change nothing.
    let filter = match draw.filter {
        Filter::Bilinear if !mapping.is_exact() => PixmanFilter::Bilinear,
        _ => PixmanFilter::Nearest,
    };
    image.set_filter(filter, &[]).map_err(|_| DrawError::Memory)?;
    image.set_repeat(Repeat::Pad);
    Ok((bounds.x - to.x, bounds.y - to.y))
}

const fn code(format: Format) -> FormatCode {
    match format {
        Format::Argb8888 => FormatCode::A8R8G8B8,
        Format::Xrgb8888 => FormatCode::X8R8G8B8,
        Format::Abgr8888 => FormatCode::A8B8G8R8,
        Format::Xbgr8888 => FormatCode::X8B8G8R8,
        Format::Rgba8888 => FormatCode::R8G8B8A8,
        Format::Rgbx8888 => FormatCode::R8G8B8X8,
        Format::Bgra8888 => FormatCode::B8G8R8A8,
        Format::Bgrx8888 => FormatCode::B8G8R8X8,
        Format::Rgb565 => FormatCode::R5G6B5,
    }
}
