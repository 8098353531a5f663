//! How one picture of a plan looks, in the numbers that the GPU's program takes.

use porthole_core::scene::Filter;
use porthole_pixel::{Format, Rect, Region, Size};

use crate::render::{Draw, scaled::matrix};

/// Rectangles of a picture that are told apart when it is copied to the GPU.
const MOST_PARTS: usize = 8;
/// One pixel.
const ONE: i64 = 1 << 16;

/// A picture in its place.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Look {
    /// Of the picture.
    pub(super) size: Size,
    /// The port pixel of its top left corner.
    pub(super) corner: (i32, i32),
    /// Where in the picture a pixel of it on the port is, in 65536ths of a pixel: for each column,
    /// for each row, and for the middle of the first pixel. As the CPU renderer counts, so that
    /// both show the same pixels.
    pub(super) to_x: [i32; 3],
    pub(super) to_y: [i32; 3],
    /// 0 to 1.
    pub(super) opacity: f32,
    /// As 0xffRRGGBB.
    pub(super) key: Option<u32>,
    /// The mask's size and the port pixel of its top left corner.
    pub(super) mask: Option<(Size, (i32, i32))>,
    /// Whether neighbouring pixels are mixed.
    pub(super) is_filtered: bool,
    /// Whether it is stored with fewer than 8 bits for each channel.
    pub(super) has_few_bits: bool,
    /// Whether its own alpha counts.
    pub(super) takes_alpha: bool,
    /// Whether nothing shows through.
    pub(super) is_copy: bool,
}

impl Look {
    /// `None` for what the numbers cannot say.
    pub(super) fn new(draw: &Draw) -> Option<Self> {
        let format = draw.pixels.layout().format();
        let [to_x, to_y] = matrix(&draw.mapping, (0.0, 0.0)).ok()?;
        let to = draw.mapping.destination;
        let formula = draw.formula();
        let mask = draw.mask.as_ref().map(|mask| (mask.coverage.size(), mask.origin));
        let look = Self {
            size: draw.pixels.layout().size(),
            corner: (to.x, to.y),
            to_x: fixed(to_x)?,
            to_y: fixed(to_y)?,
            opacity: f32::from(formula.global) / 255.0,
            key: draw.key,
            mask,
            is_filtered: draw.filter == Filter::Bilinear && !draw.mapping.is_exact(),
            has_few_bits: format == Format::Rgb565,
            takes_alpha: formula.source_alpha && !formula.opaque,
            is_copy: formula.is_copy() && mask.is_none(),
        };
        // The GPU counts in 32 bits.
        let far = look.part(to);
        far.is_some().then_some(look)
    }

    /// The part of the picture that a rectangle inside the layer shows.
    fn part(&self, rect: Rect) -> Option<Rect> {
        let (left, top) = (rect.x - self.corner.0, rect.y - self.corner.1);
        let (right, bottom) = (left + rect.width - 1, top + rect.height - 1);
        let range = |[across, down, start]: [i32; 3]| {
            let at = |x: i32, y: i32| {
                i64::from(across) * i64::from(x) + i64::from(down) * i64::from(y) + i64::from(start)
            };
            let corners = [at(left, top), at(right, top), at(left, bottom), at(right, bottom)];
            let least = corners.into_iter().min()?;
            let most = corners.into_iter().max()?;
            let fits = |v: i64| i32::try_from(v).ok().map(|_| v);
            // Half a pixel for the filter, and one for rounding.
            let (from, to) = (fits(least - 2 * ONE)? / ONE - 1, fits(most + 2 * ONE)? / ONE + 1);
            Some((i32::try_from(from).ok()?, i32::try_from(to).ok()?))
        };
        let (x, y) = (range(self.to_x)?, range(self.to_y)?);
        Some(Rect::from_edges(x.0, y.0, x.1, y.1))
    }

    /// The parts of the picture that the pixels in `clip` show; each pixel outside goes for the
    /// nearest one inside.
    pub(super) fn parts(&self, clip: &Region) -> Region {
        let whole = Rect::from_size(self.size);
        let part = |rect: Rect| {
            let part = self.part(rect).unwrap_or(whole);
            // What lies outside is seen at the edge.
            let edge = |v: i32, end: i32| v.clamp(0, end);
            let (left, top) = (edge(part.x, whole.width - 1), edge(part.y, whole.height - 1));
            let (right, bottom) =
                (edge(part.right(), whole.width), edge(part.bottom(), whole.height));
            Rect::from_edges(left, top, right.max(left + 1), bottom.max(top + 1))
        };
        if clip.rects().len() <= MOST_PARTS {
            clip.rects().iter().map(|rect| part(*rect)).collect()
        } else {
            clip.bounds().map(|bounds| Region::from_rect(part(bounds))).unwrap_or_default()
        }
    }
}

/// A row of a matrix in 65536ths, with its start moved to the middle of the first pixel.
fn fixed(row: [f64; 3]) -> Option<[i32; 3]> {
    #[expect(clippy::cast_possible_truncation, reason = "within the range, which was looked at")]
    let part = |v: f64| (v.abs() < 32000.0).then_some((v * 65536.0) as i32);
    let [across, down, start] = [part(row[0])?, part(row[1])?, part(row[2])?];
    let middle = (i64::from(across) + i64::from(down) + 1) >> 1;
    let start = i32::try_from(i64::from(start) + middle).ok()?;
    Some([across, down, start])
}
