//! What the chip does and QEMU does not.

use super::*;
use crate::Source;

fn chip() -> Device {
    device(Model::Vga, Behaviour::Hardware)
}

#[test]
fn the_dac_masks_colours() {
    let mut vga = chip();
    vga.bytes(0x0e);
    vga.mem_write(0, Width::Byte, 0x35);
    vga.set(0x3c6, 0x0f);
    assert_eq!((vga.get(0x3c6), vga.at(0)[0][0]), (0x0f, colour(5)));
}

#[test]
fn the_sequencer_turns_the_screen_off() {
    let mut vga = chip();
    vga.text(0x21, 0);
    assert_eq!(vga.picture().source, Source::Blank);
    vga.set_indexed(0x3c4, 1, 1);
    assert_eq!(vga.picture().source, Source::Converted);
}

#[test]
fn mono_text_has_underlines() {
    let mut vga = chip();
    vga.text(1, 0x02);
    vga.set_indexed(0x3d4, 0x14, 12);
    vga.cell(0, 0, 0x01);
    vga.cell(1, 0, 0x07);
    vga.cell(2, 0, 0x09);
    let lines = vga.at(0);
    let want: Vec<u32> = [1, 0, 9].into_iter().flat_map(|index| [colour(index); 8]).collect();
    assert_eq!(lines[12][..24], want);
    assert!(lines[11].iter().all(|pixel| *pixel == colour(0)));
}

#[test]
fn line_graphics_begin_at_c0_and_change_at_once() {
    let mut vga = chip();
    vga.text(0, 0x04);
    // Nine dots are not panned at eight.
    vga.set_attribute(0x13, 8);
    vga.cell(0, 0xbf, 7);
    vga.cell(1, 0xc1, 7);
    let lines = vga.at(0);
    assert_eq!([lines[0][8], lines[0][17]], [colour(0), colour(7)]);
    vga.set_attribute(0x10, 0);
    assert_eq!(vga.picture().dirty, [0..32]);
    assert_eq!(vga.at(0)[0][17], colour(0));
}

#[test]
fn text_scrolls_by_lines_and_pixels() {
    let mut vga = chip();
    vga.text(1, 0x20);
    for line in 0..16 {
        vga.lfb_write(4 * (32 + line) + 2, Width::Byte, u64::from(line));
    }
    vga.set_indexed(0x3d4, 0x13, 2);
    vga.cell(0, 1, 7);
    vga.cell(4, 0x80, 7);
    vga.cell(8, 0xff, 7);
    vga.set_indexed(0x3d4, 0x08, 5);
    vga.set_attribute(0x13, 3);
    let lines = vga.at(0);
    assert_eq!(lines[0][..5], dots(5, 7, 0)[3..]);
    assert_eq!(lines[10][..5], dots(15, 7, 0)[3..]);
    assert_eq!(lines[3][29], colour(7), "from the column that comes in");
    // From line 21 on, memory's first row without panning.
    for (index, value) in [(7, 0), (9, 0x0f), (0x18, 20)] {
        vga.set_indexed(0x3d4, index, value);
    }
    let lines = vga.at(0);
    assert_eq!((&lines[21][..8], &lines[23][..8]), (&dots(0, 7, 0)[..], &dots(2, 7, 0)[..]));
}

#[test]
fn bytes_pan_by_pixels() {
    let mut vga = chip();
    vga.bytes(0x0e);
    (0..8).for_each(|at| vga.mem_write(at, Width::Byte, u64::from(at)));
    vga.set_attribute(0x13, 4);
    assert_eq!(vga.at(0)[0][..4], [2, 2, 3, 3].map(colour));
}
