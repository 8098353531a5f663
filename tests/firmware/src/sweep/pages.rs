//! Services beside the modes: cursors, pages, colours, fonts, and the state of it all.

use super::{BUFFER, TABLE, video};
use crate::monitor::Registers;
use crate::pair::Pair;

/// In a text screen of 80x25.
pub(super) fn text(pair: &mut Pair) -> Result<(), String> {
    video(pair, 0x0003, 0, 0, 0)?;
    for (first, last) in [(0x06, 0x07), (0x00, 0x0f), (0x20, 0x00), (0x0d, 0x0e), (0x09, 0x03)] {
        video(pair, 0x0100, 0, first << 8 | last, 0)?;
        video(pair, 0x0300, 0, 0, 0)?;
        video(pair, 0x0200, 0, 0, first << 8 | last)?;
        pair.check(&format!("a cursor of {first:02x}-{last:02x}"));
    }
    for page in 0..8 {
        video(pair, 0x0500 | page, 0, 0, 0)?;
        video(pair, 0x0200, page << 8, 0, 0x0203)?;
        video(pair, 0x0900 | 0x30 | page, page << 8 | 0x1e, 20, 0)?;
        video(pair, 0x0300, page << 8, 0, 0)?;
        pair.check(&format!("page {page}"));
    }
    video(pair, 0x0500, 0, 0, 0)?;
    colours(pair)?;
    fonts(pair)
}

fn colours(pair: &mut Pair) -> Result<(), String> {
    video(pair, 0x0003, 0, 0, 0)?;
    for (row, attribute) in (0..16).zip([0x07, 0x1e, 0x2f, 0x38, 0x41, 0x5a, 0x6c, 0x70]) {
        video(pair, 0x0200, 0, 0, row << 8)?;
        video(pair, 0x0900 | 0xdb, attribute, 3, 0)?;
        video(pair, 0x0200, 0, 0, row << 8 | 4)?;
        video(pair, 0x0900 | 0x58, attribute | 0x80, 40, 0)?;
    }
    pair.check("attributes, blinking");
    video(pair, 0x1003, 0, 0, 0)?;
    pair.check("attributes of sixteen grounds");
    for (function, bx) in [(0x1000, 0x2a01), (0x1001, 0x0500), (0x1007, 1), (0x1008, 0)] {
        video(pair, function, bx, 0, 0)?;
    }
    let palette: Vec<u8> = (0..16).rev().chain([0x0b]).collect();
    pair.write(TABLE, &palette)?;
    pair.video(Registers { dx: 0, ..Registers::new(0x1002, 0, 0, 0).at(TABLE) })?;
    pair.check("a palette turned round");
    // Registers of the DAC: one, some, read back, in pages of 16 and of 64, and as greys.
    video(pair, 0x1010, 5, 0x1f2a, 0x3300)?;
    video(pair, 0x1015, 5, 0, 0)?;
    let block: Vec<u8> = (0..48).map(|index| index * 5 % 64).collect();
    pair.write(TABLE, &block)?;
    pair.video(Registers { dx: 0, ..Registers::new(0x1012, 0x30, 16, 0).at(TABLE) })?;
    pair.video(Registers { dx: 0, ..Registers::new(0x1017, 0x10, 64, 0).at(BUFFER) })?;
    pair.read(BUFFER, 192)?;
    pair.check("registers of the DAC");
    for (select, page) in [(0x0100, 0), (0x0101, 3), (0x0101, 15), (0x0000, 0), (0x0001, 2)] {
        video(pair, 0x1013, select, 0, 0)?;
        video(pair, 0x101a, 0, 0, 0)?;
        pair.check(&format!(
            "colours of page {page}, {}",
            if select & 0x100 != 0 { 16 } else { 64 }
        ));
    }
    video(pair, 0x1018, 0x3f, 0, 0)?;
    video(pair, 0x1019, 0, 0, 0)?;
    video(pair, 0x101b, 0, 64, 0)?;
    pair.check("colours as greys");
    pair.video(Registers { dx: 0, ..Registers::new(0x1009, 0, 0, 0).at(BUFFER) })?;
    pair.read(BUFFER, 17)?;
    // CGA's background and palette.
    video(pair, 0x0004, 0, 0, 0)?;
    for bx in [0x0002, 0x0011, 0x0100, 0x0101] {
        video(pair, 0x0b00, bx, 0, 0)?;
        pair.check(&format!("CGA's colours {bx:04x}"));
    }
    Ok(())
}

fn fonts(pair: &mut Pair) -> Result<(), String> {
    for (function, lines) in [(0x1112, 8), (0x1111, 14), (0x1114, 16), (0x1102, 8), (0x1104, 16)] {
        video(pair, 0x0003, 0, 0, 0)?;
        write_alphabet(pair)?;
        video(pair, function, 0, 0, 0)?;
        video(pair, 0x1130, 0x0000, 0, 0)?;
        pair.check(&format!("a font of {lines} lines by {function:04x}"));
    }
    // A font of our own in the second block, and which blocks the two fonts are.
    video(pair, 0x0003, 0, 0, 0)?;
    write_alphabet(pair)?;
    let glyphs: Vec<u8> = (0..=255).map(|index: u8| index.wrapping_mul(37) ^ index >> 3).collect();
    pair.write(TABLE, &glyphs)?;
    pair.video(Registers::new(0x1100, 0x1001, 16, 0x41).at(TABLE))?;
    video(pair, 0x1103, 0x04, 0, 0)?;
    pair.check("two fonts");
    pair.video(Registers::new(0x1110, 0x0e00, 18, 0x61).at(TABLE))?;
    pair.check("a font of 14 lines of our own");
    video(pair, 0x1103, 0, 0, 0)?;
    // Lines of the screen, for text modes that are set then.
    for (function, lines) in [(0x1200, 200), (0x1201, 350), (0x1202, 400)] {
        video(pair, function, 0x30, 0, 0)?;
        video(pair, 0x0003, 0, 0, 0)?;
        write_alphabet(pair)?;
        pair.check(&format!("text of {lines} lines"));
    }
    // Glyphs for graphics.
    video(pair, 0x0013, 0, 0, 0)?;
    for function in [0x1122, 0x1123, 0x1124] {
        video(pair, function, 2, 0, 0)?;
        video(pair, 0x0e41, 0x0c, 0, 0)?;
    }
    pair.check("fonts of graphics");
    for which in 0..8 {
        video(pair, 0x1130, which << 8, 0, 0)?;
    }
    Ok(())
}

fn write_alphabet(pair: &mut Pair) -> Result<(), String> {
    for (row, first) in (0..4).zip([0x20_u8, 0x61, 0xb0, 0xe9]) {
        let text: Vec<u8> = (first..=first + 15)
            .flat_map(|character| [character, 0x17 + 8 * (first & 1)])
            .collect();
        pair.write(TABLE, &text)?;
        pair.video(Registers::new(0x1302, 0, 16, row << 8).at(TABLE))?;
    }
    Ok(())
}

/// What the BIOS tells of itself, and what it saves and restores.
pub(super) fn state(pair: &mut Pair) -> Result<(), String> {
    video(pair, 0x0003, 0, 0, 0)?;
    for function in [0x1210, 0x1231, 0x1232, 0x1233, 0x1234, 0x1235, 0x1236] {
        video(pair, function & 0xff00, function & 0xff, 0, 0)?;
    }
    // Screens off and on again.
    video(pair, 0x1201, 0x36, 0, 0)?;
    pair.check("video off, which QEMU shows all the same");
    video(pair, 0x1200, 0x36, 0, 0)?;
    // The processor's access to memory, off and on.
    video(pair, 0x1201, 0x32, 0, 0)?;
    pair.read((0xb800, 0), 8)?;
    pair.write((0xb800, 0), b"not seen")?;
    video(pair, 0x1200, 0x32, 0, 0)?;
    pair.check("memory closed");
    video(pair, 0x1a00, 0, 0, 0)?;
    video(pair, 0x1a01, 8, 0, 0)?;
    pair.video(Registers::new(0x1b00, 0, 0, 0).at(BUFFER))?;
    pair.read(BUFFER, 64)?;
    for what in 1..8 {
        video(pair, 0x1c00, 0, what, 0)?;
    }
    // All of it, saved in one mode and restored in another.
    write_alphabet(pair)?;
    pair.video(Registers { bx: 0, ..Registers::new(0x1c01, 0, 7, 0).at(BUFFER) })?;
    pair.check("the state is saved");
    video(pair, 0x0013, 0, 0, 0)?;
    pair.video(Registers { bx: 0, ..Registers::new(0x1c02, 0, 7, 0).at(BUFFER) })?;
    pair.check("the state is restored");
    video(pair, 0x0003, 0, 0, 0).map(drop)
}
