//! Pictures that are shown scaled: pixman samples them. The only place that hands client memory to
//! it.

use pixman::{
    Filter as PixmanFilter, FormatCode, Image, Operation, Repeat, Transform as PixmanTransform,
};
use porthole_core::scene::{Filter, Mapping, Point};
use porthole_pixel::{Format, Rect, Size};

use super::exact::Exact;
use crate::protocols::shm::Pixels;

/// Why a picture could not be drawn. None is a client's fault: layouts were checked before.
#[derive(Debug, thiserror::Error)]
pub(super) enum DrawError {
    #[error("the compositing library is out of memory")]
    Memory,
    #[error("{0:?} scales more than the compositing library can")]
    Scale(Mapping),
}

/// The four source pixels that a bilinear sample mixes, from its own place.
const TAPS: [(f64, f64); 4] = [(-0.5, -0.5), (0.5, -0.5), (-0.5, 0.5), (0.5, 0.5)];

/// A held picture, ready to be sampled.
#[derive(Debug)]
pub(super) struct Scaled<'a> {
    image: Image<'a, 'static>,
    /// What a colour key needs to know where the filter mixes pixels.
    edges: Option<Edges<'a>>,
    destination: Rect,
    has_alpha: bool,
}

/// The unfiltered samples: the nearest one, and each that the filter mixes.
#[derive(Debug)]
struct Edges<'a> {
    key: u32,
    nearest: Image<'a, 'static>,
    taps: Vec<Image<'a, 'static>>,
    mapping: Mapping,
    /// The picture as it is, to look for the key in.
    plain: Option<Exact<'a>>,
}

impl Edges<'_> {
    /// Whether any pixel that `rect` may mix has the key. Reads into `row`.
    fn has_key(&self, rect: Rect, fill: u32, row: &mut Vec<u32>) -> bool {
        let Some(plain) = &self.plain else { return true };
        let corner =
            |x: i32, y: i32| self.mapping.to_source(Point { x: f64::from(x), y: f64::from(y) });
        let (a, b) = (corner(rect.x, rect.y), corner(rect.right(), rect.bottom()));
        // Two pixels more on each side than the filter reaches.
        let Some(window) = Rect::from_edges(
            round(a.x.min(b.x)).saturating_sub(3),
            round(a.y.min(b.y)).saturating_sub(3),
            round(a.x.max(b.x)).saturating_add(3),
            round(a.y.max(b.y)).saturating_add(3),
        )
        .intersect(plain.destination()) else {
            return true;
        };
        row.resize(window.size().width as usize, 0);
        (window.y..window.bottom()).any(|y| {
            let line = Rect::new(window.x, y, window.width, 1);
            // All of a row, without a branch for each pixel.
            let in_row = |row: &[u32]| {
                row.iter().fold(false, |found, word| found | (*word | fill == self.key))
            };
            !plain.fetch(line, row) || in_row(row)
        })
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the cast saturates, which is what is wanted")]
fn round(value: f64) -> i32 {
    value.round() as i32
}

/// Row buffers that are used over and over.
#[derive(Debug, Default)]
pub(super) struct Samples {
    colours: Vec<u32>,
    nearest: Vec<u32>,
    tap: Vec<u32>,
}

impl<'a> Scaled<'a> {
    /// With a colour key, no sample mixes a key pixel with another: such a sample is the nearest
    /// pixel, and the key where that one is.
    pub(super) fn new(
        pixels: &'a Pixels,
        mapping: &Mapping,
        filter: Filter,
        key: Option<u32>,
    ) -> Result<Self, DrawError> {
        let mixes = filter == Filter::Bilinear && !mapping.is_exact();
        let kind = if mixes { PixmanFilter::Bilinear } else { PixmanFilter::Nearest };
        let nearest = |shift| sampled(pixels, mapping, PixmanFilter::Nearest, shift);
        let edges = match key {
            Some(key) if mixes => Some(Edges {
                key,
                nearest: nearest((0.0, 0.0))?,
                taps: TAPS.into_iter().map(nearest).collect::<Result<_, _>>()?,
                mapping: *mapping,
                plain: Exact::whole(pixels),
            }),
            _ => None,
        };
        Ok(Self {
            image: sampled(pixels, mapping, kind, (0.0, 0.0))?,
            edges,
            destination: mapping.destination,
            has_alpha: pixels.layout().format().has_alpha(),
        })
    }

    /// The pixels shown in `rect`, row by row without gaps; alpha is any value where the format has
    /// none.
    pub(super) fn sample<'s>(
        &self,
        rect: Rect,
        samples: &'s mut Samples,
    ) -> Result<&'s [u32], DrawError> {
        self.draw(&self.image, rect, &mut samples.colours)?;
        let fill = if self.has_alpha { 0 } else { 0xff00_0000 };
        if let Some(edges) = &self.edges
            && edges.has_key(rect, fill, &mut samples.nearest)
        {
            self.draw(&edges.nearest, rect, &mut samples.nearest)?;
            for tap in &edges.taps {
                self.draw(tap, rect, &mut samples.tap)?;
                let nearest = samples.nearest.iter().zip(&samples.tap);
                for (colour, (nearest, tap)) in samples.colours.iter_mut().zip(nearest) {
                    if *tap | fill == edges.key {
                        *colour = *nearest;
                    }
                }
            }
        }
        Ok(&samples.colours)
    }

    /// Draws the pixels shown in `rect` into a picture of this size, without the way through samples.
    /// Alpha bytes become any value. False when there is a key to look at or `rect` is not inside.
    pub(super) fn draw_into(
        &self,
        words: &mut [u32],
        size: Size,
        rect: Rect,
    ) -> Result<bool, DrawError> {
        let fits = Rect::from_size(size).contains_rect(rect) && words.len() as u64 == size.area();
        if self.edges.is_some() || !fits {
            return Ok(false);
        }
        self.composite(&self.image, rect, (words, size), (rect.x, rect.y))?;
        Ok(true)
    }

    /// Whether it is faster in small pieces: those without the key are drawn at once.
    pub(super) const fn likes_small_tiles(&self) -> bool {
        self.edges.is_some()
    }

    fn draw(&self, image: &Image<'_, '_>, rect: Rect, to: &mut Vec<u32>) -> Result<(), DrawError> {
        to.resize(usize::try_from(rect.area()).unwrap_or(0), 0);
        self.composite(image, rect, (to, rect.size()), (0, 0))
    }

    /// Samples what `rect` shows, to a place in a picture.
    fn composite(
        &self,
        image: &Image<'_, '_>,
        rect: Rect,
        (words, size): (&mut [u32], Size),
        at: (i32, i32),
    ) -> Result<(), DrawError> {
        let (width, height) = (size.width as usize, size.height as usize);
        let code = if self.has_alpha { FormatCode::A8R8G8B8 } else { FormatCode::X8R8G8B8 };
        let mut target = Image::from_slice_mut(code, width, height, words, width * 4, false)
            .map_err(|_| DrawError::Memory)?;
        target.composite32(
            Operation::Src,
            image,
            None,
            (rect.x - self.destination.x, rect.y - self.destination.y),
            (0, 0),
            at,
            (rect.width, rect.height),
        );
        Ok(())
    }
}

/// pixman's view of a held picture with its place on the port, `shift` source pixels off.
fn sampled<'a>(
    pixels: &'a Pixels,
    mapping: &Mapping,
    filter: PixmanFilter,
    shift: (f64, f64),
) -> Result<Image<'a, 'static>, DrawError> {
    let mut image = source_image(pixels)?;
    let [across, down] = matrix(mapping, shift)?;
    let matrix = [across, down, [0.0, 0.0, 1.0]];
    image.set_transform(PixmanTransform::new(matrix)).map_err(|_| DrawError::Memory)?;
    image.set_filter(filter, &[]).map_err(|_| DrawError::Memory)?;
    image.set_repeat(Repeat::Pad);
    Ok(image)
}

/// buffer = matrix * (destination pixel, counted from the destination's corner); `shift` source pixels
/// off.
pub(super) fn matrix(mapping: &Mapping, shift: (f64, f64)) -> Result<[[f64; 3]; 2], DrawError> {
    let to = mapping.destination;
    let (width, height) = (f64::from(to.width), f64::from(to.height));
    let corner = Point { x: f64::from(to.x), y: f64::from(to.y) };
    let start = mapping.to_source(corner);
    let right = mapping.to_source(Point { x: corner.x + width, ..corner });
    let down = mapping.to_source(Point { y: corner.y + height, ..corner });
    let row = |start: f64, right: f64, down: f64, shift: f64| {
        [(right - start) / width, (down - start) / height, start + shift]
    };
    let matrix = [row(start.x, right.x, down.x, shift.0), row(start.y, right.y, down.y, shift.1)];
    // pixman counts in 16.16 fixed point.
    if matrix.iter().flatten().any(|v| !v.is_finite() || v.abs() > 32000.0) {
        return Err(DrawError::Scale(*mapping));
    }
    Ok(matrix)
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
