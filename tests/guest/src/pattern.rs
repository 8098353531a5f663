//! The pictures: integer arithmetic only, so that guest and host agree on every bit.

use std::fmt;
use std::str::FromStr;

/// A picture that is known pixel by pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// One colour, taken from the seed.
    Solid,
    /// Eight vertical colour bars, rotated by the seed, with a frame one pixel wide.
    Bars,
    /// Red grows with x, green with y, blue is the seed: shows scaling and swapped channels.
    Gradient,
    /// Squares of eight pixels, moved by the seed: shows shifts by a few pixels.
    Checker,
    /// A hash of the position: no two neighbours alike, shows any displaced or stale pixel.
    Noise,
    /// An instrument cluster with two dials; the seed turns the needles.
    Cluster,
    /// An infotainment screen with a street map and a row of tiles; the seed moves the map.
    Infotainment,
}

/// A pattern's name that does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownPattern(pub String);

impl fmt::Display for UnknownPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no pattern named \"{}\"", self.0)
    }
}

impl std::error::Error for UnknownPattern {}

impl Pattern {
    /// Every pattern, for tests that go through them.
    pub const ALL: [Pattern; 7] = [
        Pattern::Solid,
        Pattern::Bars,
        Pattern::Gradient,
        Pattern::Checker,
        Pattern::Noise,
        Pattern::Cluster,
        Pattern::Infotainment,
    ];

    /// The name used on the guest's command line and control port.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Pattern::Solid => "solid",
            Pattern::Bars => "bars",
            Pattern::Gradient => "gradient",
            Pattern::Checker => "checker",
            Pattern::Noise => "noise",
            Pattern::Cluster => "cluster",
            Pattern::Infotainment => "infotainment",
        }
    }

    /// The colour (red, green, blue) at a position of a picture `width` by `height` pixels.
    #[must_use]
    pub fn rgb(self, seed: u32, width: u32, height: u32, x: u32, y: u32) -> [u8; 3] {
        match self {
            Pattern::Solid => bytes(hash(seed)),
            Pattern::Bars => bars(seed, width, height, x, y),
            Pattern::Gradient => [ramp(x, width), ramp(y, height), low_byte(seed)],
            Pattern::Checker => {
                if ((x + seed) / 8 + (y + seed) / 8).is_multiple_of(2) {
                    [0xf0, 0xf0, 0xe0]
                } else {
                    [0x10, 0x20, 0x40]
                }
            }
            Pattern::Noise => bytes(hash(hash(hash(seed) ^ x) ^ y)),
            Pattern::Cluster => cluster(seed, width, height, x, y),
            Pattern::Infotainment => infotainment(seed, width, height, x, y),
        }
    }

    /// Draws a rectangle of the picture into XRGB8888 rows (blue, green, red, unused in memory).
    ///
    /// `rows` is the whole picture with `stride` bytes a row; what lies outside of it is left out.
    pub fn draw(
        self,
        seed: u32,
        (width, height): (u32, u32),
        area: Area,
        stride: usize,
        rows: &mut [u8],
    ) {
        let lines = rows.chunks_mut(stride.max(1)).take(height as usize).enumerate();
        for (y, line) in lines.skip(area.y as usize).take(area.height as usize) {
            let y = u32::try_from(y).unwrap_or(u32::MAX);
            let pixels = line.chunks_exact_mut(4).take(width as usize);
            let pixels = pixels.skip(area.x as usize).take(area.width as usize);
            for (x, pixel) in (area.x..).zip(pixels) {
                let [red, green, blue] = self.rgb(seed, width, height, x, y);
                pixel.copy_from_slice(&[blue, green, red, 0xff]);
            }
        }
    }
}

/// A rectangle of a picture in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// Pixels from the left edge.
    pub x: u32,
    /// Pixels from the top edge.
    pub y: u32,
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
}

impl Area {
    /// The whole of a picture.
    #[must_use]
    pub const fn whole(width: u32, height: u32) -> Area {
        Area { x: 0, y: 0, width, height }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Pattern {
    type Err = UnknownPattern;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Pattern::ALL
            .into_iter()
            .find(|pattern| pattern.name() == name)
            .ok_or_else(|| UnknownPattern(name.to_owned()))
    }
}

/// A 32-bit integer hash with full avalanche (a multiply and xor-shift mix).
const fn hash(value: u32) -> u32 {
    let value = (value ^ (value >> 16)).wrapping_mul(0x7feb_352d);
    let value = (value ^ (value >> 15)).wrapping_mul(0x846c_a68b);
    value ^ (value >> 16)
}

const fn low_byte(value: u32) -> u8 {
    value.to_le_bytes()[0]
}

const fn bytes(value: u32) -> [u8; 3] {
    let [a, b, c, _] = value.to_le_bytes();
    [a, b, c]
}

/// 0 at the first and 255 at the last position.
fn ramp(position: u32, length: u32) -> u8 {
    let last = u64::from(length.saturating_sub(1).max(1));
    u8::try_from(u64::from(position) * 255 / last).unwrap_or(255)
}

fn bars(seed: u32, width: u32, height: u32, x: u32, y: u32) -> [u8; 3] {
    if x == 0 || y == 0 || x + 1 == width || y + 1 == height {
        return [0xff, 0x00, 0xff];
    }
    let bar = u64::from(x) * 8 / u64::from(width.max(1));
    let bits = (u32::try_from(bar).unwrap_or(0) + seed) % 8;
    let channel = |bit: u32| if bits >> bit & 1 == 1 { 0xe0 } else { 0x18 };
    [channel(0), channel(1), channel(2)]
}

/// Unit vectors of 32 directions, times 1024, clockwise from twelve o'clock.
const DIRECTIONS: [(i32, i32); 32] = [
    (0, -1024),
    (200, -1004),
    (392, -946),
    (569, -851),
    (724, -724),
    (851, -569),
    (946, -392),
    (1004, -200),
    (1024, 0),
    (1004, 200),
    (946, 392),
    (851, 569),
    (724, 724),
    (569, 851),
    (392, 946),
    (200, 1004),
    (0, 1024),
    (-200, 1004),
    (-392, 946),
    (-569, 851),
    (-724, 724),
    (-851, 569),
    (-946, 392),
    (-1004, 200),
    (-1024, 0),
    (-1004, -200),
    (-946, -392),
    (-851, -569),
    (-724, -724),
    (-569, -851),
    (-392, -946),
    (-200, -1004),
];

fn signed(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

fn cluster(seed: u32, width: u32, height: u32, x: u32, y: u32) -> [u8; 3] {
    let radius = signed(height.min(width / 2) * 2 / 5);
    let (x, y) = (signed(x), signed(y));
    let middle = signed(height / 2);
    for (dial, centre) in [width / 4, width - width / 4].into_iter().enumerate() {
        let turned = seed.wrapping_add(u32::try_from(dial).unwrap_or(0) * 5);
        // Needles stay in the upper three quarters, like a speedometer's.
        let direction = (20 + turned % 25) % 32;
        if let Some(colour) = dial_pixel(direction, radius, x - signed(centre), y - middle) {
            return colour;
        }
    }
    let shade = ramp(y.unsigned_abs(), height) / 12;
    [8 + shade, 10 + shade, 16 + shade * 2]
}

/// A dial around the origin, or nothing outside of it.
fn dial_pixel(direction: u32, radius: i32, x: i32, y: i32) -> Option<[u8; 3]> {
    let squared = i64::from(x) * i64::from(x) + i64::from(y) * i64::from(y);
    let within = |part: i32, of: i32| {
        let limit = i64::from(radius) * i64::from(part) / i64::from(of);
        squared < limit * limit
    };
    // Distance from a ray is the cross product, the side of the origin the dot product.
    let on_ray = |index: usize, half_width: i32| {
        DIRECTIONS.get(index).is_some_and(|&(dx, dy)| {
            (x * dy - y * dx).abs() < half_width * 1024 && x * dx + y * dy > 0
        })
    };
    if !within(1, 1) {
        return None;
    }
    if !within(19, 20) {
        return Some([0x60, 0x70, 0x88]);
    }
    if within(1, 12) {
        return Some([0xd8, 0xd8, 0xe0]);
    }
    if within(4, 5) && on_ray(direction as usize, 4) {
        return Some([0xff, 0x50, 0x20]);
    }
    let in_scale = (20..=44).any(|mark| on_ray(mark % 32, 3));
    if !within(17, 20) && in_scale {
        return Some([0xe8, 0xf0, 0xff]);
    }
    Some([0x14, 0x1a, 0x26])
}

fn infotainment(seed: u32, width: u32, height: u32, x: u32, y: u32) -> [u8; 3] {
    let unit = (height / 18).max(1);
    let shelf = height.saturating_sub(unit * 4);
    if y < shelf {
        return street_map(seed, unit, x, y);
    }
    let tile = width / 5;
    if tile == 0 {
        return [0x20, 0x24, 0x2c];
    }
    let (column, inside) = (x / tile, x % tile);
    let (top, bottom) = (shelf + unit / 2, height - unit / 2);
    if column < 5 && inside >= unit / 2 && inside < tile - unit / 2 && y >= top && y < bottom {
        let [red, green, blue] = bytes(hash(column + 7));
        return [red / 2 + 64, green / 2 + 64, blue / 2 + 64];
    }
    [0x20, 0x24, 0x2c]
}

fn street_map(seed: u32, unit: u32, x: u32, y: u32) -> [u8; 3] {
    let (x, y) = (x + seed * 4, y + seed * 2 + unit * 200);
    let block = unit * 12;
    let (along, across) = (x * 2 + y, y * 2 + block * 4000 - x);
    if along % (block * 3) < unit * 2 || across % (block * 2) < unit * 2 {
        return [0xf4, 0xd0, 0x70];
    }
    if along % block < unit || across % block < unit {
        return [0xff, 0xff, 0xff];
    }
    if hash((along / block) ^ hash(across / block)).is_multiple_of(5) {
        return [0xb8, 0xdc, 0xa8];
    }
    [0xe4, 0xe2, 0xda]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for pattern in Pattern::ALL {
            assert_eq!(pattern.name().parse(), Ok(pattern));
        }
        assert_eq!("stripes".parse::<Pattern>(), Err(UnknownPattern("stripes".into())));
    }

    #[test]
    fn patterns_are_defined_for_any_size_and_seed() {
        for pattern in Pattern::ALL {
            for (width, height) in [(1, 1), (2, 1), (17, 3), (640, 480), (1921, 1081)] {
                for seed in [0, 1, 77, 9999] {
                    for (x, y) in [(0, 0), (width - 1, height - 1), (width / 2, height / 3)] {
                        let once = pattern.rgb(seed, width, height, x, y);
                        assert_eq!(once, pattern.rgb(seed, width, height, x, y));
                    }
                }
            }
        }
    }

    #[test]
    fn seeds_change_the_picture() {
        for pattern in Pattern::ALL {
            let differs = (0..200)
                .flat_map(|y| (0..320).map(move |x| (x, y)))
                .any(|(x, y)| pattern.rgb(1, 320, 200, x, y) != pattern.rgb(2, 320, 200, x, y));
            assert!(differs, "{pattern}");
        }
    }

    #[test]
    fn drawing_touches_only_the_area() {
        let area = Area { x: 3, y: 2, width: 4, height: 5 };
        let mut rows = vec![0; 48 * 10];
        Pattern::Noise.draw(5, (10, 10), area, 48, &mut rows);
        for (index, pixel) in (0u32..).zip(rows.chunks_exact(4)) {
            let (x, y) = (index % 12, index / 12);
            if (3..7).contains(&x) && (2..7).contains(&y) {
                let [red, green, blue] = Pattern::Noise.rgb(5, 10, 10, x, y);
                assert_eq!(pixel, [blue, green, red, 0xff]);
            } else {
                assert_eq!(pixel, [0; 4]);
            }
        }
    }
}
