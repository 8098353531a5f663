//! What was wrong in the VGA of ACRN's device model, by the numbers of our notes: B1, B3 and B10 are among the
//! attacks. Each is a test of a device with ACRN's layout, reached as its guests reach it: by BAR2.

use super::*;

fn acrn() -> Device {
    let mut vga = device(Model::Acrn, Behaviour::Qemu);
    vga.mmio_write(0x402, Width::Byte, 0x67);
    vga
}

impl Device {
    /// A register of an indexed pair of ports, by one access of BAR2.
    fn bar2(&mut self, port: u32, index: u8, value: u8) {
        self.mmio_write(
            port - 0x3c0 + 0x400,
            Width::Word,
            u64::from(value) << 8 | u64::from(index),
        );
    }
}

#[test]
fn acrn_b2_the_widest_and_tallest_screens_read_only_memory() {
    for shift in [0, 0x20, 0x40] {
        let mut vga = acrn();
        vga.planar();
        for (index, value) in
            [(1, 0xff), (7, 0x42), (0x12, 0xfe), (0x0c, 0xff), (0x0d, 0xff), (0x13, 0xff)]
        {
            vga.bar2(0x3d4, index, value);
        }
        vga.bar2(0x3ce, 5, shift);
        let (picture, lines) = vga.pixels();
        assert_eq!((picture.size.width, picture.size.height, lines.len()), (2048, 1023, 1023));
    }
}

#[test]
fn acrn_b4_a_word_is_the_one_at_its_offset() {
    let mut vga = acrn();
    vga.mmio_write(0x502, Width::Word, 64);
    vga.mmio_write(0x504, Width::Word, 0x41);
    assert_eq!(vga.mmio_read(0x508, Width::Word), 0, "a height turns nothing on");
    vga.mmio_write(0x506, Width::Word, 32);
    vga.mmio_write(0x508, Width::Word, 0x41);
    vga.mmio_write(0x400, Width::Byte, 0x20);
    assert_eq!(vga.pixels().0.size, porthole_pixel::Size::new(64, 0x41));
    vga.mmio_write(0x508, Width::Word, 0);
    assert_eq!(vga.mmio_read(0x508, Width::Word), 0, "and off again");
}

#[test]
fn acrn_b5_ports_in_bar2_are_those_from_3c0_on() {
    let mut vga = acrn();
    vga.bar2(0x3ce, 8, 0xa5);
    // One byte is one port: the data behind the index stays.
    vga.mmio_write(0x40e, Width::Byte, 8);
    assert_eq!(vga.mmio_read(0x40f, Width::Byte), 0xa5);
    assert_eq!((vga.get(0x3ce), vga.get(0x3cf)), (8, 0xa5), "they are the guest's own ports");
    vga.bar2(0x3c4, 2, 0x0b);
    assert_eq!(vga.mmio_read(0x404, Width::Word), 0x0b02);
}

#[test]
fn acrn_b6_functions_are_done_and_counts_are_of_three_bits() {
    let results = [0x00, 0x08, 0x10, 0x18].map(|function| {
        let mut vga = acrn();
        vga.planar();
        vga.lfb_write(0, Width::Byte, 0x0f);
        vga.mem_read(0, Width::Byte);
        vga.bar2(0x3ce, 3, function);
        vga.mem_write(0, Width::Byte, 0x3c);
        vga.lfb_read(0, Width::Byte)
    });
    assert_eq!(results, [0x3c, 0x0c, 0x3f, 0x33]);
    let mut vga = acrn();
    vga.planar();
    vga.bar2(0x3ce, 3, 0xe7);
    vga.mem_write(0, Width::Byte, 0x81);
    assert_eq!(vga.lfb_read(0, Width::Byte), 0x03, "by seven");
}

#[test]
fn acrn_b7_write_mode_3_turns_before_it_masks() {
    let mut vga = acrn();
    vga.planar();
    vga.bar2(0x3ce, 5, 3);
    vga.bar2(0x3ce, 3, 4);
    vga.bar2(0x3ce, 8, 0x3c);
    vga.bar2(0x3ce, 0, 0x0f);
    vga.mem_write(0, Width::Byte, 0xf1);
    assert_eq!(vga.lfb_read(0, Width::Dword), 0x1c1c_1c1c);
}

#[test]
fn acrn_b8_every_frame_of_a_vga_mode_is_shown() {
    let mut vga = acrn();
    vga.planar();
    vga.pixels();
    for frame in 1..4 {
        vga.mem_write(0, Width::Byte, frame << 6);
        assert_eq!(vga.picture().dirty.first(), Some(&(0..4)), "frame {frame}");
    }
}

#[test]
fn acrn_b9_only_line_graphics_reach_into_the_ninth_column() {
    let mut vga = acrn();
    vga.text(0, 0x04);
    (0..2).zip([0x31, 0xc1]).for_each(|(cell, character)| vga.cell(cell, character, 0x1e));
    let lines = vga.at(0);
    assert_eq!([lines[0][8], lines[0][17]], [colour(1), colour(14)]);
}

#[test]
fn acrn_b11_identity_and_memory_are_not_the_guests() {
    let mut vga = acrn();
    for value in [0, 0x1234, 0xb0c6, 0xffff] {
        vga.mmio_write(0x500, Width::Word, value);
        vga.mmio_write(0x514, Width::Word, value);
    }
    assert_eq!([0x500, 0x514].map(|at| vga.mmio_read(at, Width::Word)), [0xb0c5, 256]);
    vga.mmio_write(0x500, Width::Word, 0xb0c1);
    assert_eq!(vga.mmio_read(0x500, Width::Word), 0xb0c1, "but older ones may be asked for");
}

#[test]
fn acrn_b12_chain_4_is_the_sequencers() {
    let mut vga = acrn();
    vga.planar();
    vga.bar2(0x3ce, 5, 0x04);
    assert_eq!(vga.mmio_read(0x40f, Width::Byte), 0, "there is no such bit");
    vga.mem_write(1, Width::Byte, 0x5a);
    assert_eq!(vga.lfb_read(4, Width::Dword), 0x5a5a_5a5a, "all planes of the second cell");
}

#[test]
fn nothing_else_answers_in_acrns_bar2() {
    let mut vga = acrn().with_edid(&[0xff; 128]);
    for offset in (0x80..0x400).chain(0x420..0x500).chain(0x516..0x1000) {
        vga.mmio_write(offset, Width::Byte, 0xa5);
        assert_eq!(vga.mmio_read(offset, Width::Byte), 0, "{offset:#x}");
    }
    // QEMU's registers of the byte order are not there.
    vga.mmio_write(0x604, Width::Dword, 0xbebe_bebe);
    assert_eq!(vga.mmio_read(0x600, Width::Qword), 0);
    // What lies behind the BAR is nobody's, and what virtio's owner has not taken is nothing.
    for offset in [0x1000, 0x17ff, 0x1800, 0x2000, 0x3000, 0x3ffc, 0x4000, u32::MAX - 7] {
        assert_eq!(vga.mmio_read(offset, Width::Dword), 0, "{offset:#x}");
    }
}

#[test]
fn pieces_of_an_access_go_where_their_bytes_are() {
    let mut vga = acrn().with_edid(&[0x11; 0x400]);
    // From the EDID into the ports, and from the last word into nothing.
    vga.mmio_write(0x404, Width::Byte, 4);
    assert_eq!(vga.mmio_read(0x3fe, Width::Dword) & 0xffff, 0x1111);
    assert_eq!(vga.mmio_read(0x514, Width::Dword), 256);
    assert_eq!(vga.mmio_read(0x513, Width::Dword) >> 8, 256);
}
