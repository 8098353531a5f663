//! From our pixels (`0x00RRGGBB` words) to the viewer's bytes.

use crate::pixel_format::{Channel, Colour, CompactPixel, PixelFormat};

/// Turns words into the bytes of one pixel format. Made once for each format.
#[derive(Debug)]
pub(crate) struct Converter {
    big_endian: bool,
    /// `None`: pixel values are our own words.
    tables: Option<Box<Tables>>,
    whole: Span,
    compact: Span,
}

/// The viewer's pixel value of every channel value; a pixel is the sum of three entries.
#[derive(Debug)]
struct Tables {
    red: [u32; 256],
    green: [u32; 256],
    blue: [u32; 256],
}

/// Which of a word's four bytes in wire order are sent.
#[derive(Clone, Copy, Debug)]
struct Span {
    skip: usize,
    count: usize,
}

/// The colours of a viewer without true colour: three bits of red and green, two of blue
/// (BGR233, red lowest).
const MAP_RED: Channel = Channel { max: 7, shift: 0 };
const MAP_GREEN: Channel = Channel { max: 7, shift: 3 };
const MAP_BLUE: Channel = Channel { max: 3, shift: 6 };

impl Converter {
    pub(crate) fn new(format: PixelFormat) -> Self {
        let (red, green, blue) = match format.colour() {
            Colour::True { red, green, blue } => (red, green, blue),
            Colour::Map => (MAP_RED, MAP_GREEN, MAP_BLUE),
        };
        let native = |channel: Channel, shift| channel.max == 255 && channel.shift == shift;
        let tables = if native(red, 16) && native(green, 8) && native(blue, 0) {
            None
        } else {
            Some(Box::new(Tables { red: table(red), green: table(green), blue: table(blue) }))
        };
        let bytes = format.bytes_per_pixel();
        let big = format.is_big_endian();
        let whole = Span { skip: if big { 4 - bytes } else { 0 }, count: bytes };
        let compact = match (format.compact_pixel(), big) {
            (CompactPixel::Whole, _) => whole,
            (CompactPixel::Low, false) | (CompactPixel::High, true) => Span { skip: 0, count: 3 },
            (CompactPixel::Low, true) | (CompactPixel::High, false) => Span { skip: 1, count: 3 },
        };
        Self { big_endian: big, tables, whole, compact }
    }

    /// Whether a pixel of the viewer's is one of our words in our order.
    pub(crate) const fn is_native(&self) -> bool {
        self.tables.is_none() && !self.big_endian && self.whole.count == 4
    }

    /// Bytes of one compact pixel.
    pub(crate) const fn compact_len(&self) -> usize {
        self.compact.count
    }

    /// Bytes of one pixel.
    pub(crate) const fn pixel_len(&self) -> usize {
        self.whole.count
    }

    /// Replaces words by the viewer's pixel values, so that encoders compare what the viewer
    /// will see: two words that become one value are one colour.
    pub(crate) fn to_values(&self, words: &mut [u32]) {
        if let Some(tables) = &self.tables {
            for word in words {
                *word = tables.value(*word);
            }
        }
    }

    /// Appends pixel values as PIXELs.
    pub(crate) fn put_pixels(&self, values: &[u32], out: &mut Vec<u8>) {
        put(values, self.big_endian, self.whole, out);
    }

    /// Appends pixel values as the CPIXELs of ZRLE.
    pub(crate) fn put_compact(&self, values: &[u32], out: &mut Vec<u8>) {
        put(values, self.big_endian, self.compact, out);
    }
}

impl Tables {
    fn value(&self, word: u32) -> u32 {
        let [blue, green, red, _] = word.to_le_bytes().map(usize::from);
        // The tables have an entry for every byte; `get` only spares the panic path.
        let entry = |table: &[u32; 256], index: usize| table.get(index).copied().unwrap_or(0);
        entry(&self.red, red) | entry(&self.green, green) | entry(&self.blue, blue)
    }
}

/// Scales 0..=255 to 0..=max, to the nearest.
fn scale(value: u32, max: u16) -> u32 {
    (value * u32::from(max) + 127) / 255
}

fn table(channel: Channel) -> [u32; 256] {
    let mut table = [0; 256];
    for (value, entry) in (0_u32..).zip(table.iter_mut()) {
        *entry = scale(value, channel.max) << channel.shift;
    }
    table
}

fn put(values: &[u32], big_endian: bool, span: Span, out: &mut Vec<u8>) {
    match (span.count, span.skip, big_endian) {
        (1, ..) => put_spans::<1>(values, |value| [value.to_le_bytes()[0]], out),
        (2, _, false) => put_spans(values, |v| [v.to_le_bytes()[0], v.to_le_bytes()[1]], out),
        (2, _, true) => put_spans(values, |v| [v.to_be_bytes()[2], v.to_be_bytes()[3]], out),
        (3, skip, big) => put_spans(values, |value| three(value, skip, big), out),
        (_, _, false) => put_spans(values, u32::to_le_bytes, out),
        (_, _, true) => put_spans(values, u32::to_be_bytes, out),
    }
}

fn three(value: u32, skip: usize, big_endian: bool) -> [u8; 3] {
    let [a, b, c, d] = if big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
    if skip == 0 { [a, b, c] } else { [b, c, d] }
}

fn put_spans<const N: usize>(values: &[u32], bytes: impl Fn(u32) -> [u8; N], out: &mut Vec<u8>) {
    out.reserve(values.len() * N);
    out.extend(values.iter().flat_map(|value| bytes(*value)));
}

/// The table that a viewer without true colour gets: index to red, green, blue of 16 bits.
pub(crate) fn colour_map() -> impl Iterator<Item = [u16; 3]> {
    (0_u16..256).map(|index| {
        let channel = |channel: Channel| {
            let value = u32::from(index >> channel.shift & channel.max);
            // At most 65535, as value <= max.
            u16::try_from(value * 65535 / u32::from(channel.max)).unwrap_or(u16::MAX)
        };
        [channel(MAP_RED), channel(MAP_GREEN), channel(MAP_BLUE)]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn convert(format: [u8; 16], word: u32) -> (Vec<u8>, Vec<u8>) {
        let converter = Converter::new(PixelFormat::from_wire(format).unwrap());
        let mut values = [word];
        converter.to_values(&mut values);
        let (mut whole, mut compact) = (Vec::new(), Vec::new());
        converter.put_pixels(&values, &mut whole);
        converter.put_compact(&values, &mut compact);
        assert_eq!((whole.len(), compact.len()), (converter.pixel_len(), converter.compact_len()));
        (whole, compact)
    }

    fn format(bits: u8, depth: u8, big: u8, max: [u8; 3], shift: [u8; 3]) -> [u8; 16] {
        [
            bits, depth, big, 1, 0, max[0], 0, max[1], 0, max[2], shift[0], shift[1], shift[2], 0,
            0, 0,
        ]
    }

    #[test]
    fn pixels_have_golden_bytes_in_every_size_and_order() {
        let word = 0x00_11_22_33;
        let full = [255; 3];
        let cases: [([u8; 16], &[u8], &[u8]); 9] = [
            (format(32, 24, 0, full, [16, 8, 0]), &[0x33, 0x22, 0x11, 0], &[0x33, 0x22, 0x11]),
            (format(32, 24, 1, full, [16, 8, 0]), &[0, 0x11, 0x22, 0x33], &[0x11, 0x22, 0x33]),
            (format(32, 24, 0, full, [0, 8, 16]), &[0x11, 0x22, 0x33, 0], &[0x11, 0x22, 0x33]),
            (format(32, 24, 0, full, [24, 16, 8]), &[0, 0x33, 0x22, 0x11], &[0x33, 0x22, 0x11]),
            (format(32, 24, 1, full, [24, 16, 8]), &[0x11, 0x22, 0x33, 0], &[0x11, 0x22, 0x33]),
            (format(32, 32, 0, full, [16, 8, 0]), &[0x33, 0x22, 0x11, 0], &[0x33, 0x22, 0x11, 0]),
            // 0x11 * 31 / 255 = 2.07, 0x22 * 63 / 255 = 8.4, 0x33 * 31 / 255 = 6.2
            (format(16, 16, 0, [31, 63, 31], [11, 5, 0]), &[0x06, 0x11], &[0x06, 0x11]),
            (format(16, 16, 1, [31, 63, 31], [11, 5, 0]), &[0x11, 0x06], &[0x11, 0x06]),
            // 0.47 -> 0, 0.93 -> 1, 0.6 -> 1
            (format(8, 8, 0, [7, 7, 3], [0, 3, 6]), &[0x48], &[0x48]),
        ];
        for (format, whole, compact) in cases {
            assert_eq!(convert(format, word), (whole.to_vec(), compact.to_vec()), "{format:?}");
        }
    }

    #[test]
    fn colour_map_ends_are_black_and_white() {
        let map: Vec<_> = colour_map().collect();
        assert_eq!((map.len(), map[0], map[255]), (256, [0; 3], [65535; 3]));
        assert_eq!(map[0b01_000_111], [65535, 0, 21845]);
        let mut bytes = [0; 16];
        (bytes[0], bytes[1]) = (8, 8);
        assert_eq!(convert(bytes, 0xff_00_55).0, [0b01_000_111]);
    }
}
