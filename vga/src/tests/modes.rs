use porthole_pixel::Size;

use super::*;
use crate::Source;

#[test]
fn text_of_eight_and_nine_dots() {
    let mut vga = vga();
    vga.text(1, 0x04);
    vga.cell(0, 0x35, 0x1e);
    let (picture, lines) = vga.pixels();
    assert_eq!((picture.size, picture.source), (Size::new(32, 32), Source::Converted));
    assert_eq!(lines[15][..8], dots(0x35, 14, 1));
    vga.set_indexed(0x3c4, 1, 0);
    vga.cell(0, 0xb1, 0x1e);
    vga.cell(1, 0x31, 0x1e);
    let (picture, lines) = vga.pixels();
    assert_eq!(picture.size, Size::new(36, 32));
    assert_eq!(lines[0][..8], dots(0xb1, 14, 1));
    assert_eq!([lines[0][8], lines[0][17]], [colour(14), colour(1)], "line graphics go on");
}

#[test]
fn text_of_half_the_clock_has_cells_of_sixteen() {
    let mut vga = vga();
    vga.text(8, 0);
    vga.cell(1, 0xa5, 0x0f);
    let (picture, lines) = vga.pixels();
    assert_eq!(picture.size, Size::new(64, 32));
    let wide: Vec<u32> = dots(0xa5, 15, 0).iter().flat_map(|pixel| [*pixel; 2]).collect();
    assert_eq!(lines[3][16..32], wide);
}

#[test]
fn attribute_bit_3_chooses_the_font() {
    let mut vga = vga();
    vga.text(1, 0);
    // Font B in slot 1, which is 16 KiB into the plane.
    vga.lfb_write(4 * (16_384 + 32 * 7) + 2, Width::Byte, 0xcc);
    vga.set_indexed(0x3c4, 3, 0x04);
    vga.cell(0, 7, 0x07);
    vga.cell(1, 7, 0x0f);
    let lines = vga.at(0);
    assert_eq!(lines[0][..16], [dots(7, 7, 0), dots(0xcc, 15, 0)].concat());
}

#[test]
fn letters_are_those_that_were_written_last() {
    let mut vga = vga();
    vga.text(1, 0);
    vga.cell(0, 7, 0x07);
    assert_eq!(vga.at(0)[3][..8], dots(7, 7, 0));
    // A game draws over the fonts, looked at meanwhile, and puts another one there.
    vga.planar();
    vga.lfb_write(4 * (32 * 7 + 3) + 2, Width::Byte, 0xcc);
    assert_eq!(vga.pixels().0.size, Size::new(32, 4));
    vga.set_indexed(0x3ce, 6, 0x0e);
    vga.text_again(1);
    assert_eq!(vga.at(0)[3][..8], dots(0xcc, 7, 0));
    // Other colours need no other letters.
    vga.set(0x3c8, 7);
    (0..3).for_each(|_| vga.set(0x3c9, 0x3f));
    let white = dots(0xcc, 7, 0)
        .iter()
        .map(|pixel| if *pixel == colour(7) { 0x00ff_ffff } else { *pixel })
        .collect::<Vec<_>>();
    assert_eq!(vga.at(0)[3][..8], white);
}

#[test]
fn text_in_mapped_memory_changes_its_lines_and_fonts_all() {
    let mut vga = vga();
    vga.text(1, 0);
    vga.cell(0, 7, 0x07);
    assert_eq!(vga.pixels().0.dirty, [0..32]);
    let write = |vga: &mut Vga<Watched>, at: u32, byte: u8| {
        vga.vram().store(at, byte);
        vga.mark_written(at & !0xff..(at & !0xff) + 256);
        vga.picture().dirty
    };
    // A letter of the second row, and the same once more; what was there in plane 3 is nobody's.
    assert_eq!(write(&mut vga, 4 * 4, 7), [16..32]);
    assert_eq!(write(&mut vga, 4 * 4, 7), []);
    assert_eq!(write(&mut vga, 4 * 4 + 3, 7), []);
    // A line of a glyph, of the font that is read and of one that is not.
    assert_eq!(write(&mut vga, 4 * (32 * 7 + 3) + 2, 0xcc), [0..32]);
    assert_eq!(vga.at(0)[3][..8], dots(0xcc, 7, 0));
    assert_eq!(write(&mut vga, 4 * (16_384 + 32 * 7) + 2, 0xcc), []);
    // Written while there is no text: read with the next one.
    vga.planar();
    assert_eq!(vga.picture().dirty, [0..4]);
    write(&mut vga, 4 * (32 * 7 + 3) + 2, 0xaa);
    vga.set_indexed(0x3ce, 6, 0x0e);
    vga.text_again(1);
    assert_eq!(vga.at(0)[3][..8], dots(0xaa, 7, 0));
}

#[test]
fn bit_7_blinks_at_half_the_cursors_rate() {
    let mut vga = vga();
    vga.text(1, 0x08);
    vga.cell(0, 0xff, 0x9f);
    vga.set_indexed(0x3d4, 0x0a, 0);
    vga.set_indexed(0x3d4, 0x0b, 0);
    vga.set_indexed(0x3d4, 0x0f, 2);
    vga.cell(2, 0, 0x07);
    let mut seen = Vec::new();
    for time in [0, 265, 266, 532, 798, 1064] {
        let lines = vga.at(time);
        seen.push((lines[5][0] == colour(15), lines[0][16] == colour(7)));
        assert_eq!(lines[5][31], colour(0));
    }
    let text = [true, true, true, false, false, true];
    let cursor = [true, true, false, true, false, true];
    assert_eq!(seen, text.into_iter().zip(cursor).collect::<Vec<_>>());
    assert_eq!(vga.next_change(), Some(Duration::from_millis(1064 + 266)));
    vga.set_indexed(0x3d4, 0x0a, 0x20);
    vga.set_attribute(0x10, 0);
    assert_eq!(vga.next_change(), None, "nothing changes by itself");
    vga.set_attribute(0, 1);
    assert_eq!(vga.at(1600)[5][0], colour(15), "and bit 7 is the background's intensity");
}

#[test]
fn only_the_rows_that_changed_are_dirty() {
    let mut vga = vga();
    vga.text(1, 0x08);
    assert_eq!(vga.picture().dirty, [0..32]);
    assert!(vga.picture().dirty.is_empty());
    vga.cell(5, 1, 7);
    assert_eq!(vga.picture().dirty, [16..32]);
    vga.cell(5, 1, 7);
    assert!(vga.picture().dirty.is_empty(), "the same once more");
    vga.set_indexed(0x3d4, 0x0a, 3);
    vga.set_indexed(0x3d4, 0x0b, 4);
    vga.set_indexed(0x3d4, 0x0f, 1);
    assert_eq!(vga.picture().dirty, [0..16]);
    vga.set_indexed(0x3d4, 0x0f, 6);
    assert_eq!(vga.picture().dirty, [0..32]);
    vga.set(0x3c8, 0);
    (0..3).for_each(|_| vga.set(0x3c9, 9));
    assert_eq!(vga.picture().dirty, [0..32]);
}

#[test]
fn cursors_have_lines_and_end_with_the_character() {
    let lit = |first, last| {
        let mut vga = vga();
        vga.text(1, 0);
        vga.cell(0, 0, 0x07);
        vga.set_indexed(0x3d4, 0x0a, first);
        vga.set_indexed(0x3d4, 0x0b, last);
        let lines = vga.at(0);
        (0..16).filter(|line| lines[*line][3] == colour(7)).collect::<Vec<usize>>()
    };
    assert_eq!(lit(13, 14), [13, 14]);
    assert_eq!(lit(14, 31), [14, 15]);
    assert_eq!(lit(0x20, 15), Vec::<usize>::new());
    assert_eq!(lit(9, 8), Vec::<usize>::new());
    assert_eq!(lit(17, 31), Vec::<usize>::new());
}

#[test]
fn text_starts_and_splits_where_told() {
    let mut vga = vga();
    vga.text(1, 0);
    (0..40).for_each(|cell| vga.cell(cell, u8::try_from(cell).unwrap(), 0x07));
    vga.set_indexed(0x3d4, 0x0d, 9);
    vga.set_indexed(0x3d4, 0x13, 3);
    let lines = vga.at(0);
    assert_eq!((&lines[0][..8], &lines[16][..8]), (&dots(9, 7, 0)[..], &dots(15, 7, 0)[..]));
    vga.set_indexed(0x3d4, 0x18, 7);
    vga.set_indexed(0x3d4, 0x07, 0);
    vga.set_indexed(0x3d4, 0x09, 0x0f);
    assert_eq!(vga.at(0)[16][8..16], dots(1, 7, 0), "the second row is the memory's first");
}

#[test]
fn sixteen_colours_panned_split_and_doubled() {
    let mut vga = vga();
    vga.planar();
    // Line n of memory has colour n in its first four pixels, and 15 in its last.
    for line in 0..4_u8 {
        for plane in 0..4 {
            let byte = if line >> plane & 1 != 0 { 0xf0 } else { 0 };
            vga.lfb_write(16 * u32::from(line) + plane, Width::Byte, byte);
        }
        vga.lfb_write(16 * u32::from(line) + 12, Width::Dword, 0x0101_0101);
    }
    let (picture, lines) = vga.pixels();
    assert_eq!(picture.size, Size::new(32, 4));
    assert_eq!(lines[3][..6], [3, 3, 3, 3, 0, 0].map(colour));
    assert_eq!(lines[2][31], colour(15));
    vga.set_attribute(0x13, 3);
    assert_eq!(vga.at(0)[3][..3], [3, 0, 0].map(colour));
    assert_eq!(vga.at(0)[2][28], colour(15));
    vga.set_attribute(0x10, 0x21);
    vga.set_indexed(0x3d4, 7, 0);
    vga.set_indexed(0x3d4, 9, 0);
    vga.set_indexed(0x3d4, 0x18, 1);
    vga.set_indexed(0x3d4, 0x0d, 8);
    let lines = vga.at(0);
    assert_eq!([0, 1, 3].map(|line| lines[line][0]), [2, 3, 1].map(colour), "split");
    assert_eq!(lines[3][3], colour(1), "where panning ends");
    vga.set_attribute(0x12, 2);
    assert_eq!(vga.at(0)[1][0], colour(2), "of colour 3, plane 1");
    vga.set_indexed(0x3c4, 1, 9);
    vga.set_indexed(0x3d4, 9, 0x81);
    assert_eq!(vga.pixels().0.size, Size::new(64, 4));
}

#[test]
fn cga_has_pixels_of_two_bits_and_banks() {
    let mut vga = vga();
    vga.planar();
    vga.set_indexed(0x3ce, 5, 0x30);
    vga.set_indexed(0x3d4, 0x17, 0xa2);
    vga.lfb_write(0, Width::Dword, 0x0000_e41b);
    vga.lfb_write(1 << 14, Width::Dword, 0x0000_0055);
    let lines = vga.at(0);
    assert_eq!(lines[0][..8], [0, 1, 2, 3, 3, 2, 1, 0].map(colour));
    assert_eq!(lines[1][..8], [1, 1, 1, 1, 0, 0, 0, 0].map(colour));
    vga.set_indexed(0x3d4, 0x17, 0xa0);
    vga.lfb_write(1 << 15, Width::Dword, 0x0000_00aa);
    assert_eq!(vga.at(0)[2][..4], [2; 4].map(colour), "four banks");
}

#[test]
fn bytes_of_256_colours_chained_and_not() {
    for memory_mode in [0x0e, 0x06] {
        let mut vga = vga();
        vga.bytes(memory_mode);
        if memory_mode == 0x06 {
            vga.set_indexed(0x3d4, 0x14, 0);
            vga.set_indexed(0x3d4, 0x17, 0xe3);
        }
        for pixel in 0..8_u8 {
            if memory_mode == 0x06 {
                vga.set_indexed(0x3c4, 2, 1 << (pixel & 3));
                vga.mem_write(u32::from(pixel / 4), Width::Byte, u64::from(pixel) + 40);
            } else {
                vga.mem_write(pixel.into(), Width::Byte, u64::from(pixel) + 40);
            }
        }
        let (picture, lines) = vga.pixels();
        assert_eq!(picture.size, Size::new(32, 8));
        let want: Vec<u32> = (0..16).map(|pixel| colour(40 + pixel / 2)).collect();
        assert_eq!((&lines[0][..16], &lines[1][..16]), (&want[..], &want[..]), "{memory_mode:x}");
        assert_eq!(lines[2][0], colour(0));
        vga.mem_write(4, Width::Byte, 1);
        assert_eq!(vga.picture().dirty, [0..8], "in one piece of memory");
    }
}

#[test]
fn bochs_pixels_of_every_depth() {
    let bytes = [0x34, 0x12, 0x56, 0x78];
    let cases: [(u32, u32, u32); 5] = [
        (8, colour(0x34), colour(0x34)),
        (15, 0x21_8c_a5, 0x68_00_90),
        (16, 0x10_45_a5, 0x30_80_90),
        (24, 0x56_12_34, 0x34_12_56),
        (32, 0x56_12_34, 0x12_56_78),
    ];
    for (bits, little, big) in cases {
        let mut vga = vga();
        vga.colours();
        vga.set_dispi_mode((16, 2), bits, 0x41);
        for (at, byte) in (0..).zip(bytes) {
            vga.lfb_write(at, Width::Byte, byte);
        }
        assert_eq!(vga.at(0)[0][0], little, "{bits}");
        assert_eq!(vga.picture().source == Source::Converted, bits < 32, "{bits}");
        vga.mmio_write(0x604, Width::Dword, 0xbebe_bebe);
        assert_eq!(vga.at(0)[0][0], big, "{bits}, high byte first");
        assert_eq!(vga.picture().source, Source::Converted);
    }
}

#[test]
fn bochs_screens_lie_anywhere_in_a_larger_picture() {
    let mut vga = vga();
    vga.set_dispi_mode((640, 480), 32, 0x41);
    vga.dispi(6, 800);
    vga.dispi(8, 16);
    vga.dispi(9, 10);
    let offset = 10 * 3200 + 64;
    vga.lfb_write(offset + 3200, Width::Dword, 0x00ab_cdef);
    let (picture, lines) = vga.pixels();
    assert_eq!(picture.source, Source::Vram { offset, stride: 3200 });
    assert_eq!(lines[1][0], 0x00ab_cdef);
    vga.lfb_write(offset + 479 * 3200, Width::Byte, 1);
    vga.mark_written(offset..offset + 4);
    let dirty = vga.picture().dirty;
    assert_eq!((dirty.first().unwrap().start, dirty.last().unwrap().end), (0, 480));
    assert!(dirty.iter().map(|lines| lines.end - lines.start).sum::<u32>() < 4, "{dirty:?}");
    vga.lfb_write(0, Width::Byte, 1);
    assert!(vga.picture().dirty.is_empty(), "outside of the screen");
}

#[test]
fn eight_bits_of_colour_are_taken_when_asked_for() {
    let mut vga = vga();
    vga.set(0x3c8, 0);
    [0xff, 0x81, 0x15].iter().for_each(|part| vga.set(0x3c9, *part));
    vga.set_dispi_mode((16, 2), 8, 0x41);
    assert_eq!(vga.at(0)[0][0], 0x00ff_0757);
    vga.dispi(4, 0x61);
    assert_eq!(vga.at(0)[0][0], 0x00ff_8115);
}

#[test]
fn bochs_alone_shows_without_a_vga() {
    let mut vga = device(Model::Bochs, Behaviour::Qemu);
    assert_eq!(vga.picture().source, Source::Blank);
    for (index, value) in [(1_u32, 64_u64), (2, 32), (3, 32), (4, 0x41)] {
        vga.mmio_write(0x500 + 2 * index, Width::Word, value);
    }
    assert_eq!(vga.picture().source, Source::Vram { offset: 0, stride: 256 });
    vga.pio_write(0x1cf, Width::Word, 0);
    vga.mem_write(0, Width::Byte, 1);
    assert_eq!((vga.get(0x3cc), vga.mem_read(0, Width::Byte)), (0xff, 0xff));
}
