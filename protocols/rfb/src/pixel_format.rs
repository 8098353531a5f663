//! The viewer's pixel format, validated once (RFC 6143, 7.4).

/// How the viewer wants pixels. A value of this type is always usable: sizes are 8, 16 or 32
/// bits, the channels lie inside them and do not overlap.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PixelFormat {
    bits_per_pixel: u8,
    depth: u8,
    big_endian: bool,
    colour: Colour,
}

/// Direct channels, or indices into a table of colours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Colour {
    /// Red, green and blue lie in the pixel itself.
    True {
        /// The red channel.
        red: Channel,
        /// The green channel.
        green: Channel,
        /// The blue channel.
        blue: Channel,
    },
    /// Pixels are indices; the server sends the table.
    Map,
}

/// Where one colour lies in a pixel value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Channel {
    /// The largest value, 2^n - 1.
    pub max: u16,
    /// Bits below the channel.
    pub shift: u8,
}

/// Why a pixel format was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PixelFormatError {
    /// Only 8, 16 and 32 bits exist.
    #[error("{0} bits per pixel (8, 16 or 32 exist)")]
    BitsPerPixel(u8),
    /// Depth 0, or deeper than the pixel.
    #[error("depth {depth} with {bits_per_pixel} bits per pixel")]
    Depth {
        /// The refused depth in bits.
        depth: u8,
        /// The size of a pixel in bits.
        bits_per_pixel: u8,
    },
    /// A channel's maximum is 0 or not 2^n - 1.
    #[error("channel maximum {0} is not 2^n - 1")]
    Maximum(u16),
    /// A channel that leaves the pixel.
    #[error("a channel of maximum {max} at bit {shift} does not fit into the pixel")]
    Shift {
        /// The channel's maximum.
        max: u16,
        /// The refused shift in bits.
        shift: u8,
    },
    /// Two channels share bits.
    #[error("two channels share bits")]
    Overlap,
}

/// Which bytes of a 32 bit pixel a CPIXEL of ZRLE holds (RFC 6143, 7.7.5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CompactPixel {
    /// All bytes of the pixel.
    Whole,
    /// The three bytes of least weight.
    Low,
    /// The three bytes of most weight.
    High,
}

impl Channel {
    const fn bits(self) -> u32 {
        u16::BITS - self.max.leading_zeros()
    }

    const fn mask(self) -> u64 {
        (self.max as u64) << self.shift
    }
}

impl PixelFormat {
    /// Bytes blue, green, red, unused: the format of our own pictures, and of most viewers.
    pub const BGRX: Self = Self {
        bits_per_pixel: 32,
        depth: 24,
        big_endian: false,
        colour: Colour::True {
            red: Channel { max: 255, shift: 16 },
            green: Channel { max: 255, shift: 8 },
            blue: Channel { max: 255, shift: 0 },
        },
    };

    /// Checks and makes a format.
    ///
    /// # Errors
    /// [`PixelFormatError`] names the first field that cannot be.
    pub fn new(
        bits_per_pixel: u8,
        depth: u8,
        big_endian: bool,
        colour: Colour,
    ) -> Result<Self, PixelFormatError> {
        if !matches!(bits_per_pixel, 8 | 16 | 32) {
            return Err(PixelFormatError::BitsPerPixel(bits_per_pixel));
        }
        if depth == 0 || depth > bits_per_pixel {
            return Err(PixelFormatError::Depth { depth, bits_per_pixel });
        }
        if let Colour::True { red, green, blue } = colour {
            let mut used = 0_u64;
            for channel in [red, green, blue] {
                let Channel { max, shift } = channel;
                if max == 0 || max & max.wrapping_add(1) != 0 {
                    return Err(PixelFormatError::Maximum(max));
                }
                if u32::from(shift) + channel.bits() > u32::from(bits_per_pixel) {
                    return Err(PixelFormatError::Shift { max, shift });
                }
                if used & channel.mask() != 0 {
                    return Err(PixelFormatError::Overlap);
                }
                used |= channel.mask();
            }
        }
        Ok(Self { bits_per_pixel, depth, big_endian, colour })
    }

    /// Reads the 16 bytes of the wire.
    ///
    /// # Errors
    /// As [`PixelFormat::new`].
    pub fn from_wire(bytes: [u8; 16]) -> Result<Self, PixelFormatError> {
        let [bits_per_pixel, depth, big_endian, true_colour, rest @ ..] = bytes;
        let [rm1, rm0, gm1, gm0, bm1, bm0, red_shift, green_shift, blue_shift, _, _, _] = rest;
        let channel = |high, low, shift| Channel { max: u16::from_be_bytes([high, low]), shift };
        let colour = if true_colour == 0 {
            Colour::Map
        } else {
            Colour::True {
                red: channel(rm1, rm0, red_shift),
                green: channel(gm1, gm0, green_shift),
                blue: channel(bm1, bm0, blue_shift),
            }
        };
        Self::new(bits_per_pixel, depth, big_endian != 0, colour)
    }

    /// The 16 bytes of the wire.
    #[must_use]
    pub fn to_wire(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        let (maxima, shifts) = match self.colour {
            Colour::True { red, green, blue } => {
                ([red.max, green.max, blue.max], [red.shift, green.shift, blue.shift])
            }
            Colour::Map => ([0; 3], [0; 3]),
        };
        let [[r1, r0], [g1, g0], [b1, b0]] = maxima.map(u16::to_be_bytes);
        let [red_shift, green_shift, blue_shift] = shifts;
        let fields = [
            self.bits_per_pixel,
            self.depth,
            u8::from(self.big_endian),
            u8::from(self.colour != Colour::Map),
            r1,
            r0,
            g1,
            g0,
            b1,
            b0,
            red_shift,
            green_shift,
            blue_shift,
        ];
        for (byte, field) in bytes.iter_mut().zip(fields) {
            *byte = field;
        }
        bytes
    }

    /// Bytes of one pixel: 1, 2 or 4.
    #[must_use]
    pub const fn bytes_per_pixel(self) -> usize {
        match self.bits_per_pixel {
            8 => 1,
            16 => 2,
            _ => 4,
        }
    }

    /// True where the most significant byte comes first.
    #[must_use]
    pub const fn is_big_endian(self) -> bool {
        self.big_endian
    }

    /// The channels, or the use of a colour map.
    #[must_use]
    pub const fn colour(self) -> Colour {
        self.colour
    }

    /// Which bytes make a CPIXEL. Where both ends would do, the low end is taken, as it is
    /// named first by the specification.
    pub(crate) fn compact_pixel(self) -> CompactPixel {
        let Colour::True { red, green, blue } = self.colour else { return CompactPixel::Whole };
        if self.bits_per_pixel != 32 || self.depth > 24 {
            return CompactPixel::Whole;
        }
        let used = red.mask() | green.mask() | blue.mask();
        if used & 0xff00_0000 == 0 {
            CompactPixel::Low
        } else if used & 0xff == 0 {
            CompactPixel::High
        } else {
            CompactPixel::Whole
        }
    }
}

#[cfg(test)]
#[path = "pixel_format_tests.rs"]
mod tests;
