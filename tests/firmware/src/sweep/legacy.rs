//! The modes of INT 10h AH=0.

use super::{TABLE, video};
use crate::monitor::Registers;
use crate::pair::{PLANES, Pair};

/// What kind of memory a mode has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Graphics,
}

/// Every mode that a VGA has: number, name, and the segment of its memory.
const MODES: [(u16, &str, Kind, u16); 15] = [
    (0x00, "40x25 text, grey", Kind::Text, 0xb800),
    (0x01, "40x25 text", Kind::Text, 0xb800),
    (0x02, "80x25 text, grey", Kind::Text, 0xb800),
    (0x03, "80x25 text", Kind::Text, 0xb800),
    (0x04, "320x200, 4 colours", Kind::Graphics, 0xb800),
    (0x05, "320x200, 4 greys", Kind::Graphics, 0xb800),
    (0x06, "640x200, 2 colours", Kind::Graphics, 0xb800),
    (0x07, "80x25 text, mono", Kind::Text, 0xb000),
    (0x0d, "320x200, 16 colours", Kind::Graphics, 0xa000),
    (0x0e, "640x200, 16 colours", Kind::Graphics, 0xa000),
    (0x0f, "640x350, mono", Kind::Graphics, 0xa000),
    (0x10, "640x350, 16 colours", Kind::Graphics, 0xa000),
    (0x11, "640x480, 2 colours", Kind::Graphics, 0xa000),
    (0x12, "640x480, 16 colours", Kind::Graphics, 0xa000),
    (0x13, "320x200, 256 colours", Kind::Graphics, 0xa000),
];
/// In this mode the BIOS has the CRT controller count bytes, which QEMU heeds since this release: memory is
/// in other places before.
const MONO: (u16, u32) = (0x07, 9);
/// Numbers that stand for no mode; what is shown stays.
const NO_MODES: [u16; 5] = [0x08, 0x0a, 0x0c, 0x14, 0x6a];
/// Keeps what is in memory.
const KEEP: u16 = 0x80;

pub(super) fn modes(pair: &mut Pair) -> Result<(), String> {
    for (number, name, kind, segment) in MODES {
        let compared = if number == MONO.0 && pair.release() < MONO.1 { 0 } else { PLANES };
        video(pair, number, 0, 0, 0)?;
        video(pair, 0x0f00, 0, 0, 0)?;
        pair.check_to(&format!("mode {number:02x}: {name}"), compared);
        writing(pair, kind)?;
        pair.check_to(&format!("mode {number:02x}, written in"), compared);
        if kind == Kind::Graphics {
            pixels(pair)?;
            pair.check(&format!("mode {number:02x}, pixels"));
        }
        memory(pair, segment)?;
        pair.check_to(&format!("mode {number:02x}, memory"), compared);
        // Memory stays; the rest is as after any other change of the mode.
        video(pair, number | KEEP, 0, 0, 0)?;
        pair.check_to(&format!("mode {number:02x}, kept"), compared);
    }
    for number in NO_MODES {
        video(pair, number, 0, 0, 0)?;
        video(pair, 0x0f00, 0, 0, 0)?;
    }
    pair.check("modes that there are not");
    Ok(())
}

/// Characters by every service that writes some, and scrolling.
fn writing(pair: &mut Pair, kind: Kind) -> Result<(), String> {
    for (index, character) in (0_u16..).zip(*b"Porthole\r\n\x07\x08\t0123456789") {
        // In graphics the colour goes over what is there, or is written anew.
        let colour = if kind == Kind::Graphics && index % 5 == 4 { 0x8a } else { 0x0a };
        video(pair, 0x0e00 | u16::from(character), colour, 0, 0)?;
    }
    video(pair, 0x0200, 0, 0, 0x0507)?;
    video(pair, 0x0900 | 0x41, 0x2f, 6, 0)?;
    video(pair, 0x0200, 0, 0, 0x0509)?;
    video(pair, 0x0a00 | 0x42, 0x03, 2, 0)?;
    video(pair, 0x0800, 0, 0, 0)?;
    video(pair, 0x0300, 0, 0, 0)?;
    for (form, row) in [(0_u16, 7_u16), (1, 8), (2, 9), (3, 10)] {
        let text: &[u8] = if form < 2 { b"no colours" } else { b"c\x1fo\x2el\x4du\x6ar\x7fs\x0f" };
        pair.write(TABLE, text)?;
        let count = if form < 2 { 10 } else { 6 };
        let place = row << 8 | 3;
        pair.video(Registers::new(0x1300 | form, 0x001e, count, place).at(TABLE))?;
    }
    // Scrolled up and down by a line, a window of it by two, and one that is cleared.
    video(pair, 0x0601, 0x0700, 0x0000, 0x1827)?;
    video(pair, 0x0701, 0x1700, 0x0300, 0x0a1f)?;
    video(pair, 0x0602, 0x2f00, 0x0405, 0x0c14)?;
    video(pair, 0x0600, 0x4e00, 0x1002, 0x1208)?;
    // The last line of the screen, which goes up when it is full.
    pair.write(TABLE, b"abcdefghijklmnopqrstuvwxyz")?;
    pair.video(Registers::new(0x1301, 7, 26, 0x1800).at(TABLE))?;
    video(pair, 0x0e0a, 7, 0, 0)?;
    video(pair, 0x0e0a, 7, 0, 0).map(drop)
}

/// Pixels, set and read.
fn pixels(pair: &mut Pair) -> Result<(), String> {
    for (x, y, colour) in
        [(0, 0, 1), (7, 3, 2), (100, 50, 3), (319, 199, 0x0f), (100, 50, 0x82), (13, 199, 0x8f)]
    {
        video(pair, 0x0c00 | colour, 0, x, y)?;
        video(pair, 0x0d00, 0, x, y)?;
    }
    Ok(())
}

/// Bytes of the window, read and written as a program does.
fn memory(pair: &mut Pair, segment: u16) -> Result<(), String> {
    for (offset, step) in [(0x0000, 1_u8), (0x0a3f, 7), (0x2001, 13), (0x3ff0, 3)] {
        let bytes: Vec<u8> = (0..48_u8).map(|index| index.wrapping_mul(step) ^ 0x5a).collect();
        pair.write((segment, offset), &bytes)?;
        pair.read((segment, offset), 48)?;
    }
    Ok(())
}
