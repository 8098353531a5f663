use super::*;

/// Planar memory with one window of 64 KiB.
fn planes() -> Device {
    let mut vga = vga();
    vga.set(0x3c2, 1);
    vga.set_indexed(0x3c4, 2, 0x0f);
    vga.set_indexed(0x3c4, 4, 6);
    vga.set_indexed(0x3ce, 6, 5);
    vga.set_indexed(0x3ce, 8, 0xff);
    vga.set_indexed(0x3d4, 0x17, 0xe3);
    vga
}

fn cell(vga: &mut Device, cell: u32) -> u64 {
    vga.lfb_read(4 * cell, Width::Dword)
}

#[test]
fn write_mode_0_rotates_sets_and_combines() {
    let mut vga = planes();
    vga.lfb_write(0, Width::Dword, 0xf0_0f_33_55);
    vga.mem_read(0, Width::Byte);
    vga.set_indexed(0x3ce, 3, 3);
    vga.mem_write(1, Width::Byte, 0x0b);
    assert_eq!(cell(&mut vga, 1), 0x6161_6161, "rotated by three");
    vga.set_indexed(0x3ce, 3, 0);
    vga.set_indexed(0x3ce, 0, 0x05);
    vga.set_indexed(0x3ce, 1, 0x07);
    vga.mem_write(2, Width::Byte, 0xa5);
    assert_eq!(cell(&mut vga, 2), 0xa5_ff_00_ff, "planes 0 to 2 are set or reset");
    vga.set_indexed(0x3ce, 1, 0);
    for (function, want) in [(1, 0x3c & 0x55), (2, 0x3c | 0x55), (3, 0x3c ^ 0x55)] {
        vga.set_indexed(0x3ce, 3, function << 3);
        vga.mem_write(3, Width::Byte, 0x3c);
        assert_eq!(cell(&mut vga, 3) & 0xff, want, "function {function}");
    }
    vga.set_indexed(0x3ce, 3, 0);
    vga.set_indexed(0x3ce, 8, 0xf0);
    vga.set_indexed(0x3c4, 2, 0x01);
    vga.mem_write(4, Width::Byte, 0xff);
    assert_eq!(cell(&mut vga, 4), 0xf5, "the bit mask takes the latch, the map mask one plane");
}

#[test]
fn write_modes_1_to_3() {
    let mut vga = planes();
    vga.lfb_write(0, Width::Dword, 0x1122_3344);
    vga.mem_read(0, Width::Byte);
    vga.set_indexed(0x3ce, 5, 1);
    vga.mem_write(1, Width::Byte, 0);
    assert_eq!(cell(&mut vga, 1), 0x1122_3344);
    vga.set_indexed(0x3ce, 5, 2);
    vga.set_indexed(0x3ce, 8, 0x0f);
    vga.mem_write(2, Width::Byte, 0x0a);
    assert_eq!(cell(&mut vga, 2), 0x1f20_3f40);
    vga.set_indexed(0x3ce, 5, 3);
    vga.set_indexed(0x3ce, 0, 0x03);
    vga.set_indexed(0x3ce, 3, 4);
    vga.set_indexed(0x3ce, 8, 0xff);
    vga.mem_write(3, Width::Byte, 0xf1);
    // The byte, rotated, is the mask: 1f.
    assert_eq!(cell(&mut vga, 3), 0x0020_3f5f);
}

#[test]
fn read_modes_give_a_plane_or_compare() {
    let mut vga = planes();
    vga.lfb_write(0, Width::Dword, 0x0f_33_55_ff);
    for (plane, want) in [(0, 0xff), (1, 0x55), (2, 0x33), (3, 0x0f)] {
        vga.set_indexed(0x3ce, 4, plane);
        assert_eq!(vga.mem_read(0, Width::Byte), want);
    }
    vga.set_indexed(0x3ce, 5, 8);
    vga.set_indexed(0x3ce, 2, 0x0d);
    vga.set_indexed(0x3ce, 7, 0x0f);
    assert_eq!(vga.mem_read(0, Width::Byte), 0xff & !0x55 & 0x33 & 0x0f);
    vga.set_indexed(0x3ce, 7, 0x01);
    assert_eq!(vga.mem_read(0, Width::Byte), 0xff);
}

#[test]
fn wide_accesses_are_bytes_from_the_lowest_up() {
    let mut vga = planes();
    vga.mem_write(0x10, Width::Dword, 0x4433_2211);
    assert_eq!(
        [0x10, 0x11, 0x12, 0x13].map(|at| cell(&mut vga, at) & 0xff),
        [0x11, 0x22, 0x33, 0x44]
    );
    assert_eq!(vga.mem_read(0x10, Width::Qword), 0x4433_2211);
    vga.set_indexed(0x3ce, 5, 1);
    vga.mem_write(0, Width::Byte, 0);
    assert_eq!(cell(&mut vga, 0), 0, "the latch is that of the last byte");
}

#[test]
fn windows_open_where_graphics_6_says() {
    for (window, first, last) in
        [(0, 0, 0x1_ffff), (1, 0, 0xffff), (2, 0x1_0000, 0x1_7fff), (3, 0x1_8000, 0x1_ffff)]
    {
        let mut vga = planes();
        vga.set_indexed(0x3ce, 6, 1 | window << 2);
        for at in [0, 0xffff, 0x1_0000, 0x1_7fff, 0x1_8000, 0x1_ffff] {
            vga.mem_write(at, Width::Byte, 0x5a);
            let open = (first..=last).contains(&at);
            assert_eq!(
                vga.mem_read(at, Width::Byte),
                if open { 0x5a } else { 0xff },
                "{window} {at:#x}"
            );
        }
    }
}

/// Bytes of BAR0 that a read of an offset of the window gives, and that a write changes.
fn reach(vga: &mut Device, offset: u32) -> (u32, Vec<u32>) {
    for at in 0..64 {
        vga.lfb_write(at, Width::Byte, u64::from(at));
    }
    let read = u32::try_from(vga.mem_read(offset, Width::Byte)).unwrap();
    for at in 0..64 {
        vga.lfb_write(at, Width::Byte, 0);
    }
    vga.mem_write(offset, Width::Byte, 0xff);
    (read, (0..64).filter(|at| vga.lfb_read(*at, Width::Byte) != 0).collect())
}

#[test]
fn addresses_reach_cells_by_chain_4_odd_even_and_counting() {
    // Memory mode, graphics 5, graphics 6, CRTC 14 and 17, map mask; then what offset 6 and 7 reach.
    type Reach<'a> = (u32, &'a [u32]);
    let rows: [([u8; 6], Reach, Reach); 9] = [
        ([0x0e, 0, 5, 0x00, 0xe3, 0x0f], (6, &[6]), (7, &[7])),
        ([0x0e, 0, 5, 0x40, 0xe3, 0x07], (6, &[6]), (7, &[])),
        ([0x0e, 0, 5, 0x00, 0xe3, 0x07], (18, &[18]), (19, &[])),
        ([0x02, 0x10, 5, 0x00, 0xa3, 0x03], (12, &[12]), (13, &[13])),
        ([0x02, 0x10, 7, 0x00, 0xa3, 0x03], (12, &[12]), (13, &[13])),
        ([0x02, 0x10, 5, 0x00, 0xe3, 0x0f], (24, &[24, 26]), (29, &[29, 31])),
        ([0x06, 0x00, 7, 0x00, 0xe3, 0x0f], (24, &[24, 25, 26, 27]), (24, &[24, 25, 26, 27])),
        ([0x06, 0x10, 5, 0x00, 0xa3, 0x01], (12, &[24]), (13, &[28])),
        ([0x06, 0x00, 5, 0x40, 0xe3, 0x02], (4, &[5]), (4, &[5])),
    ];
    for (registers, six, seven) in rows {
        let mut vga = planes();
        let [memory, mode, miscellaneous, underline, counting, map] = registers;
        for (port, index, value) in [
            (0x3c4, 4, memory),
            (0x3ce, 5, mode),
            (0x3ce, 6, miscellaneous),
            (0x3d4, 0x14, underline),
            (0x3d4, 0x17, counting),
            (0x3c4, 2, map),
        ] {
            vga.set_indexed(port, index, value);
        }
        for (offset, (read, written)) in [(6, six), (7, seven)] {
            let want = (read, written.to_vec());
            assert_eq!(reach(&mut vga, offset), want, "{registers:x?} at {offset}");
        }
    }
}

#[test]
fn banks_move_the_window_in_bochs_modes() {
    let mut vga = vga();
    vga.set(0x3c2, 1);
    vga.set_dispi_mode((1024, 768), 8, 0x41);
    vga.dispi(5, 7);
    vga.mem_write(0x1234, Width::Word, 0xbeef);
    assert_eq!(vga.lfb_read(0x7_1234, Width::Word), 0xbeef);
    vga.dispi(5, 255);
    vga.mem_write(0xffff, Width::Byte, 0x77);
    assert_eq!(vga.lfb_read((16 << 20) - 1, Width::Byte), 0x77);
    assert_eq!(vga.lfb_read((16 << 20) - 1, Width::Dword), 0xffff_ff77, "behind it nothing is");
    vga.lfb_write(u32::MAX, Width::Qword, 0);
}

#[test]
fn enabling_clears_what_the_mode_shows_unless_told_not_to() {
    let mut vga = vga();
    for at in [0, 640 * 480 * 4 - 1, 640 * 480 * 4] {
        vga.lfb_write(at, Width::Byte, 0x99);
    }
    vga.set_dispi_mode((640, 480), 32, 0xc1);
    assert_eq!(vga.lfb_read(0, Width::Byte), 0x99);
    vga.set_dispi_mode((640, 480), 32, 0x41);
    let got = [0, 640 * 480 * 4 - 1, 640 * 480 * 4].map(|at| vga.lfb_read(at, Width::Byte));
    assert_eq!(got, [0, 0, 0x99]);
}
