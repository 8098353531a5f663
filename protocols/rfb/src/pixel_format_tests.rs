use super::*;

const GOLDEN: [u8; 16] = [32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0];

fn with(index: usize, value: u8) -> Result<PixelFormat, PixelFormatError> {
    let mut bytes = GOLDEN;
    bytes[index] = value;
    PixelFormat::from_wire(bytes)
}

#[test]
fn our_format_has_golden_bytes() {
    assert_eq!(PixelFormat::BGRX.to_wire(), GOLDEN);
    assert_eq!(PixelFormat::from_wire(GOLDEN), Ok(PixelFormat::BGRX));
}

#[test]
fn impossible_formats_are_refused() {
    // CVE-2014-7815: sizes that no pixel has.
    for bits in [0, 7, 24, 255] {
        assert_eq!(with(0, bits), Err(PixelFormatError::BitsPerPixel(bits)));
    }
    assert_eq!(with(1, 0), Err(PixelFormatError::Depth { depth: 0, bits_per_pixel: 32 }));
    assert_eq!(with(1, 33), Err(PixelFormatError::Depth { depth: 33, bits_per_pixel: 32 }));
    assert_eq!(with(5, 0), Err(PixelFormatError::Maximum(0)));
    assert_eq!(with(5, 254), Err(PixelFormatError::Maximum(254)));
    for shift in [25, 32, 255] {
        assert_eq!(with(10, shift), Err(PixelFormatError::Shift { max: 255, shift }));
    }
    assert_eq!(with(10, 9), Err(PixelFormatError::Overlap));
}

#[test]
fn a_channel_may_have_sixteen_bits() {
    let wide = |shift| Channel { max: u16::MAX, shift };
    let one = |shift| Channel { max: 1, shift };
    let colour = Colour::True { red: wide(0), green: one(16), blue: one(17) };
    let format = PixelFormat::new(32, 18, true, colour).unwrap();
    assert_eq!(PixelFormat::from_wire(format.to_wire()), Ok(format));
}

#[test]
fn compact_pixels_follow_depth_and_masks() {
    assert_eq!(PixelFormat::BGRX.compact_pixel(), CompactPixel::Low);
    assert_eq!(with(1, 32).unwrap().compact_pixel(), CompactPixel::Whole);
    let mut high = GOLDEN;
    (high[10], high[11], high[12]) = (24, 16, 8);
    assert_eq!(PixelFormat::from_wire(high).unwrap().compact_pixel(), CompactPixel::High);
    assert_eq!(with(10, 24).unwrap().compact_pixel(), CompactPixel::Whole);
    let map = PixelFormat::new(32, 8, false, Colour::Map).unwrap();
    assert_eq!(map.compact_pixel(), CompactPixel::Whole);
    let small = Channel { max: 7, shift: 0 };
    let colour = Colour::True {
        red: small,
        green: Channel { shift: 3, ..small },
        blue: Channel { max: 3, shift: 6 },
    };
    let bgr233 = PixelFormat::new(8, 8, false, colour).unwrap();
    assert_eq!(bgr233.compact_pixel(), CompactPixel::Whole);
}
