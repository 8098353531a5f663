use std::io::Write as _;
use std::process::{Command, Stdio};

use porthole_pixel::Size;
use proptest::prelude::*;

use super::*;

fn edid(width: u32, height: u32) -> Edid {
    Edid::new(Size::new(width, height), 60_000, "ivi scanout 0").with_serial(7)
}

#[test]
fn base_block_golden() {
    let bytes = edid(1280, 800).to_bytes();
    assert_eq!(bytes.len(), 128);
    let head = [0, 255, 255, 255, 255, 255, 255, 0, 0x42, 0x88, 1, 0, 7, 0, 0, 0, 0, 36, 1, 4];
    assert_eq!(bytes[..20], head);
    assert_eq!(bytes[20..25], [0xa5, 33, 20, 120, 6]);
    // 71.11 MHz is near what CVT gives 1280x800 with reduced blanking.
    assert_eq!(u16::from_le_bytes([bytes[54], bytes[55]]), 7111);
    assert_eq!(bytes[56..62], [0x00, 160, 0x50, 0x20, 23, 0x30]);
    assert_eq!(&bytes[72..90], b"\0\0\0\xfc\0ivi scanout 0");
    assert_eq!(&bytes[90..108], b"\0\0\0\xff\x007\n           ");
}

#[test]
fn what_is_written_is_read() {
    for (width, height) in [(16, 16), (640, 480), (1920, 1080), (4095, 2160), (1, 4095)] {
        let parsed = Parsed::parse(&edid(width, height).to_bytes()).unwrap();
        assert_eq!(parsed.preferred, Timing::reduced(Size::new(width, height), 60_000));
        assert_eq!((parsed.manufacturer.as_str(), parsed.serial), ("PTH", 7));
        assert_eq!((parsed.name.as_str(), parsed.serial_text.as_str()), ("ivi scanout 0", "7"));
    }
}

#[test]
fn large_sizes_go_to_displayid() {
    for (width, height) in [(4096, 16), (5120, 2880), (7680, 4320), (16384, 16384), (16, 4096)] {
        let bytes = edid(width, height).to_bytes();
        assert_eq!(bytes.len(), 256, "{width}x{height}");
        let parsed = Parsed::parse(&bytes).unwrap();
        assert_eq!(parsed.preferred.size, Size::new(width, height));
    }
}

#[test]
fn names_are_cut_to_what_fits() {
    let name =
        |name| Parsed::parse(&Edid::new(Size::new(64, 64), 60_000, name).to_bytes()).unwrap().name;
    assert_eq!(name("a very long name indeed"), "a very long n");
    assert_eq!(name("tab\tline\nü"), "tabline");
    assert_eq!(name(""), "");
}

#[test]
fn a_length_that_is_known_counts() {
    let parse = |edid: Edid| Parsed::parse(&edid.to_bytes()).unwrap().centimetres;
    assert_eq!(parse(edid(1280, 800)), (33, 20));
    assert_eq!(parse(edid(1280, 800).with_millimetres((294, 166))), (29, 17));
    assert_eq!(parse(edid(1280, 800).with_millimetres((0, 166))), (33, 17));
    // What no byte can hold is left out.
    assert_eq!(parse(edid(5120, 2880).with_millimetres((u32::MAX, 1))), (0, 0));
}

#[test]
fn damage_is_found() {
    let good = edid(5120, 2880).to_bytes();
    for index in 0..good.len() {
        let mut bad = good.clone();
        bad[index] ^= 1;
        Parsed::parse(&bad).unwrap_err();
    }
    for length in 0..good.len() {
        assert_eq!(Parsed::parse(&good[..length]), Err(ParseError::Length));
    }
}

/// The reference reader, where it is installed, finds nothing to complain about.
#[test]
fn edid_decode_agrees() {
    for (width, height) in [(640, 480), (1280, 800), (1920, 1080), (2560, 1440), (5120, 2880)] {
        let Ok(mut reader) = reference_reader() else { return };
        let bytes = edid(width, height).to_bytes();
        reader.stdin.take().unwrap().write_all(&bytes).unwrap();
        let output = reader.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{width}x{height}: {text}");
        assert!(text.contains(&format!("{width}x{height}")), "{text}");
    }
}

fn reference_reader() -> std::io::Result<std::process::Child> {
    let mut command = Command::new("edid-decode");
    command.args(["--check", "-"]).stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
}

proptest! {
    #[test]
    fn any_size_round_trips(width in 1_u32..=16384, height in 1_u32..=16384, refresh in 1_000_u32..240_000) {
        let bytes = Edid::new(Size::new(width, height), refresh, "x").to_bytes();
        let parsed = Parsed::parse(&bytes).unwrap();
        prop_assert_eq!(parsed.preferred.size, Size::new(width, height));
    }

    #[test]
    fn refresh_is_close(width in 320_u32..3840, height in 200_u32..2160, refresh in 24_000_u32..120_000) {
        let timing = Timing::reduced(Size::new(width, height), refresh);
        prop_assert!(timing.refresh_mhz().abs_diff(refresh) <= refresh / 200);
    }

    #[test]
    fn reading_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = Parsed::parse(&bytes);
    }

    #[test]
    fn any_values_can_be_written(width: u32, height: u32, refresh: u32, name: String) {
        prop_assert!(Edid::new(Size::new(width, height), refresh, &name).to_bytes().len() <= 256);
    }
}
