//! What guests are told of their displays, and the strict reader that tests judge it by.

use porthole_edid::{Edid, Parsed};
use porthole_pixel::Size;

use crate::input::Input;

pub(crate) fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    if input.flag() {
        write(&mut input);
        return;
    }
    // The checksums are put right, so that what lies behind them is reached.
    let mut bytes = input.rest().to_vec();
    if let Ok(parsed) = Parsed::parse(&bytes) {
        assert!(!parsed.preferred.size.is_empty());
    }
    for block in bytes.chunks_exact_mut(128) {
        let sum = block[..127].iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        block[127] = sum.wrapping_neg();
    }
    if let Ok(parsed) = Parsed::parse(&bytes) {
        assert!(!parsed.preferred.size.is_empty());
        assert!(parsed.name.len() <= 26 && parsed.serial_text.len() <= 26);
    }
}

fn write(input: &mut Input<'_>) {
    // As the devices make them: 16 to 16384 pixels each way.
    let mut side = || u32::from(input.u16()) % (16384 - 15) + 16;
    let size = Size::new(side(), side());
    let (refresh, millimetres) = (input.u32(), (input.u32(), input.u32()));
    let serial = input.u32();
    let name = String::from_utf8_lossy(input.rest()).into_owned();
    let bytes = Edid::new(size, refresh, &name)
        .with_serial(serial)
        .with_millimetres(millimetres)
        .to_bytes();
    assert!(bytes.len().is_multiple_of(128) && bytes.len() <= 1024);
    let parsed = Parsed::parse(&bytes).expect("our own EDID");
    assert_eq!((parsed.preferred.size, parsed.serial), (size, serial));
}
