//! The base block.

use porthole_pixel::Size;

use crate::timing::Timing;
use crate::{BLOCK_LEN, checksum, displayid};

/// The first eight bytes of every EDID.
pub(crate) const HEADER: [u8; 8] = [0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0];
/// "PTH", five bits a letter.
const MANUFACTURER: [u8; 2] = [0x42, 0x88];
const PRODUCT: [u8; 2] = [1, 0];
/// Week unknown; the year of this EDID's first version, counted from 1990.
const MADE: [u8; 2] = [0, 36];
const VERSION: [u8; 2] = [1, 4];
/// Digital, 8 bits a colour, `DisplayPort`.
const INPUT: u8 = 0xa5;
const GAMMA_2_2: u8 = 120;
/// sRGB is the default colour space; the preferred timing is the native one.
const FEATURES: u8 = 0x06;
const SRGB: [u8; 10] = [0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54];
/// 640x480, 800x600 and 1024x768, each at 60 Hz: what firmware asks for.
const ESTABLISHED: [u8; 3] = [0x21, 0x08, 0];
const NO_STANDARD_TIMINGS: [u8; 16] = [1; 16];
/// Digital separate sync, horizontal positive, vertical negative: what reduced blanking uses.
const SYNC: u8 = 0x1a;
pub(crate) const TAG_NAME: u8 = 0xfc;
pub(crate) const TAG_SERIAL: u8 = 0xff;
const TAG_DUMMY: u8 = 0x10;
/// Characters that a text descriptor holds.
const TEXT_LEN: usize = 13;
const DOTS_PER_INCH: u32 = 100;

/// A virtual display to be described.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Edid {
    size: Size,
    refresh_mhz: u32,
    name: String,
    serial: u32,
    millimetres: (u32, u32),
}

impl Edid {
    /// A display whose preferred mode has this size and this refresh rate in millihertz. The name is
    /// cut to 13 printable ASCII characters.
    #[must_use]
    pub fn new(size: Size, refresh_mhz: u32, name: &str) -> Self {
        let millimetres = (millimetres(size.width), millimetres(size.height));
        Self { size, refresh_mhz, name: text(name), serial: 0, millimetres }
    }

    /// The same display with another width and height than 100 dots per inch give; 0 is left out.
    #[must_use]
    pub fn with_millimetres(self, (width, height): (u32, u32)) -> Self {
        let known = |told, guess| if told == 0 { guess } else { told };
        let (guessed_width, guessed_height) = self.millimetres;
        let millimetres = (known(width, guessed_width), known(height, guessed_height));
        Self { millimetres, ..self }
    }

    /// The same display with a serial number, which tells several displays of a guest apart.
    #[must_use]
    pub fn with_serial(self, serial: u32) -> Self {
        Self { serial, ..self }
    }

    /// The bytes: one block of 128, or two where the size or the clock needs a `DisplayID`
    /// extension (4096 pixels or more a side, or 655.35 MHz).
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let timing = Timing::reduced(self.size, self.refresh_mhz);
        if timing.fits_descriptor() {
            return self.base(&timing, 0);
        }
        // The base block must name some mode; old drivers then see a smaller display of the same
        // shape.
        let mut smaller = self.size;
        let mut fallback = timing;
        while !fallback.fits_descriptor() {
            smaller = Size::new(smaller.width.div_ceil(2), smaller.height.div_ceil(2));
            fallback = Timing::reduced(smaller, self.refresh_mhz.min(60_000));
        }
        let mut bytes = self.base(&fallback, 1);
        bytes.extend(displayid::block(&timing, self.serial, self.millimetres));
        bytes
    }

    fn base(&self, timing: &Timing, extensions: u8) -> Vec<u8> {
        let mut block = Vec::with_capacity(BLOCK_LEN);
        block.extend(HEADER);
        block.extend(MANUFACTURER);
        block.extend(PRODUCT);
        block.extend(self.serial.to_le_bytes());
        block.extend(MADE);
        block.extend(VERSION);
        block.push(INPUT);
        block.extend(self.centimetres());
        block.extend([GAMMA_2_2, FEATURES]);
        block.extend(SRGB);
        block.extend(ESTABLISHED);
        block.extend(NO_STANDARD_TIMINGS);
        block.extend(self.descriptor(timing));
        block.extend(text_descriptor(TAG_NAME, &self.name));
        block.extend(text_descriptor(TAG_SERIAL, &format!("{}", self.serial)));
        let mut dummy = [0; 18];
        dummy[3] = TAG_DUMMY;
        block.extend(dummy);
        block.push(extensions);
        block.push(checksum(&block));
        block
    }

    /// Width and height, or twice zero (unknown) when a byte cannot hold one.
    fn centimetres(&self) -> [u8; 2] {
        let side = |length: u32| u8::try_from(length.saturating_add(5) / 10).ok();
        match (side(self.millimetres.0), side(self.millimetres.1)) {
            (Some(width), Some(height)) => [width.max(1), height.max(1)],
            _ => [0, 0],
        }
    }

    /// A detailed timing descriptor.
    fn descriptor(&self, timing: &Timing) -> [u8; 18] {
        let [clock_low, clock_high, ..] = timing.clock.to_le_bytes();
        let (width, width_high) = split(timing.size.width, 8);
        let (h_blank, h_blank_high) = split(timing.h_blank, 8);
        let (height, height_high) = split(timing.size.height, 8);
        let (v_blank, v_blank_high) = split(timing.v_blank, 8);
        let (h_front, h_front_high) = split(timing.h_front, 8);
        let (h_sync, h_sync_high) = split(timing.h_sync, 8);
        let (v_front, v_front_high) = split(timing.v_front, 4);
        let (v_sync, v_sync_high) = split(timing.v_sync, 4);
        let (wide, wide_high) = split(self.millimetres.0.min(4095), 8);
        let (tall, tall_high) = split(self.millimetres.1.min(4095), 8);
        [
            clock_low,
            clock_high,
            width,
            h_blank,
            width_high << 4 | h_blank_high,
            height,
            v_blank,
            height_high << 4 | v_blank_high,
            h_front,
            h_sync,
            v_front << 4 | v_sync,
            h_front_high << 6 | h_sync_high << 4 | v_front_high << 2 | v_sync_high,
            wide,
            tall,
            wide_high << 4 | tall_high,
            0,
            0,
            SYNC,
        ]
    }
}

/// The length of so many pixels at 100 dots per inch.
fn millimetres(pixels: u32) -> u32 {
    // 25.4 mm an inch; sizes are far below the overflow, hostile ones saturate.
    (pixels.saturating_mul(254) / (10 * DOTS_PER_INCH)).max(1)
}

/// The low `bits` bits of a length, and the four bits above them.
fn split(length: u32, bits: u32) -> (u8, u8) {
    let low = length & ((1 << bits) - 1);
    let high = (length >> bits) & 0xf;
    (u8::try_from(low).unwrap_or_default(), u8::try_from(high).unwrap_or_default())
}

/// What of a name an EDID can hold.
fn text(name: &str) -> String {
    let printable = |c: &char| c.is_ascii_graphic() || *c == ' ';
    let kept: String = name.chars().filter(printable).take(TEXT_LEN).collect();
    kept.trim_end().to_owned()
}

fn text_descriptor(tag: u8, text: &str) -> [u8; 18] {
    let mut bytes = [0; 18];
    bytes[3] = tag;
    // A text ends with a line feed where there is room, and blanks fill the rest.
    let fill = std::iter::once(b'\n').chain(std::iter::repeat(b' '));
    for (to, from) in bytes.iter_mut().skip(5).zip(text.bytes().chain(fill)) {
        *to = from;
    }
    bytes
}
