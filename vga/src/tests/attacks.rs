//! Mistakes that other devices made, by the names under which they are known. The memory of these
//! tests fails the test when anything outside of it is reached.

use super::*;
use crate::{Source, WINDOW_LEN};

/// Every corner of the window, in every way of addressing.
fn touch_window(vga: &mut Device) {
    for memory_mode in [0x02, 0x06, 0x0e] {
        for graphics in 0..4 {
            for (mode, counting, map) in
                [(0, 0xe3, 15), (0x10, 0xa3, 15), (0x18, 0xe3, 7), (1, 0xa3, 7)]
            {
                vga.set_indexed(0x3c4, 2, map);
                vga.set_indexed(0x3c4, 4, memory_mode);
                vga.set_indexed(0x3ce, 5, mode);
                vga.set_indexed(0x3ce, 6, graphics << 2 | 1);
                vga.set_indexed(0x3d4, 0x17, counting);
                for at in
                    [0, 1, 0x7fff, 0xffff, 0x1_0000, 0x1_7fff, WINDOW_LEN - 1, WINDOW_LEN, u32::MAX]
                {
                    vga.mem_write(at, Width::Qword, u64::MAX);
                    vga.mem_read(at, Width::Qword);
                }
            }
        }
    }
}

#[test]
fn cve_2016_3710_banks_stay_in_memory() {
    for megabytes in [1, 8, 16] {
        let mut vga = Vga::new(Model::Vga, Watched::new(megabytes << 20)).unwrap();
        vga.set(0x3c2, 1);
        for bank in [0, 1, 3, 15, 16, 127, 255, 256, 0x8000, 0xffff] {
            for bits in [4, 8, 32] {
                vga.set_dispi_mode((640, 480), bits, 0xc1);
                vga.dispi(5, bank);
                touch_window(&mut vga);
                vga.dispi(4, 0);
                vga.dispi(5, bank);
                touch_window(&mut vga);
            }
        }
    }
}

#[test]
fn acrn_b1_the_window_of_128_kib_stays_in_memory() {
    let mut vga = Vga::new(Model::Acrn, Watched::new(256 << 10)).unwrap();
    vga.set(0x3c2, 1);
    touch_window(&mut vga);
}

#[test]
fn cve_2016_3712_a_mode_holds_whatever_is_written_beside_it() {
    let mut vga = vga();
    vga.set(0x3c2, 1);
    for bits in [4, 8, 15, 16, 24, 32] {
        vga.set_dispi_mode((1280, 1024), bits, 0xc1);
        vga.dispi(6, 16_000);
        for (port, last) in [(0x3d4, 0x18), (0x3c4, 7), (0x3ce, 8)] {
            for index in 0..=last {
                for value in [0, 0xff, 0x55] {
                    vga.set_indexed(port, index, value);
                    vga.pixels();
                }
            }
        }
    }
}

#[test]
fn cve_2014_3615_large_modes_are_cut_to_memory() {
    let mut vga = Vga::new(Model::Vga, Watched::new(1 << 20)).unwrap();
    vga.set_dispi_mode((65_535, 65_535), 32, 0x41);
    let (picture, lines) = vga.pixels();
    assert_eq!((picture.size.width, picture.size.height), (16_000, 16));
    assert!(lines.iter().flatten().all(|pixel| *pixel == 0));
}

#[test]
fn acrn_b3_sizes_are_checked_for_what_memory_holds() {
    let mut vga = Vga::new(Model::Acrn, Watched::new(16 << 20)).unwrap();
    vga.mmio_write(0x502, Width::Dword, 0xffff_ffff);
    vga.mmio_write(0x506, Width::Dword, 0x0041_0020);
    vga.mmio_write(0x400, Width::Byte, 0x20);
    let size = vga.pixels().0.size;
    assert!(u64::from(size.width) * u64::from(size.height) * 4 <= 16 << 20, "{size:?}");
}

#[test]
fn cve_2017_13672_addresses_begin_again() {
    let mut vga = vga();
    for wide in [1, 9] {
        for shift in [0, 0x20, 0x40] {
            vga.planar();
            for (index, value) in
                [(1, 0xff), (0x0c, 0xff), (0x0d, 0xff), (0x13, 0xff), (0x12, 0xff), (7, 0x52)]
            {
                vga.set_indexed(0x3d4, index, value);
            }
            vga.set_indexed(0x3c4, 1, wide);
            vga.set_indexed(0x3ce, 5, shift);
            vga.set_attribute(0x13, 7);
            vga.pixels();
            vga.set_indexed(0x3d4, 0x17, 0);
            vga.pixels();
        }
    }
    vga.set_dispi_mode((800, 600), 24, 0x41);
    vga.dispi(8, 0xffff);
    vga.dispi(9, 0xffff);
    vga.pixels();
}

#[test]
fn cve_2017_13673_splits_are_drawn_line_by_line() {
    let mut vga = vga();
    vga.planar();
    vga.set_indexed(0x3d4, 0x12, 200);
    for (index, value) in [(7, 0), (9, 0), (0x0c, 0xff), (0x0d, 0xf0)] {
        vga.set_indexed(0x3d4, index, value);
    }
    for compare in [0, 1, 100, 199, 200, 201] {
        vga.set_indexed(0x3d4, 0x18, compare);
        vga.pixels();
        vga.lfb_write(8, Width::Dword, u64::from(compare) | 1 << 30);
        let dirty = vga.picture().dirty;
        assert_eq!(dirty.is_empty(), compare > 200 && dirty.is_empty());
        assert!(dirty.iter().all(|lines| lines.end <= 201));
    }
}

#[test]
fn cve_2018_5683_and_2018_7858_text_reads_only_memory() {
    for megabytes in [1, 16] {
        let mut vga = Vga::new(Model::Vga, Watched::new(megabytes << 20)).unwrap();
        vga.text(0, 0x0c);
        for (index, value) in [(0x0c, 0xff), (0x0d, 0xff), (0x13, 0xff), (0x12, 0xff), (7, 0x52)] {
            vga.set_indexed(0x3d4, index, value);
        }
        for (columns, lines, fonts) in [(0xff, 0x1f, 0x3f), (0x4f, 0, 0x2a), (0, 0x10, 0)] {
            vga.set_indexed(0x3d4, 1, columns);
            vga.set_indexed(0x3d4, 9, lines);
            vga.set_indexed(0x3c4, 3, fonts);
            vga.pixels();
        }
    }
}

#[test]
fn text_too_large_to_be_one_holds_the_last_picture() {
    let mut vga = vga();
    vga.text(1, 0);
    let shown = vga.pixels();
    for (index, value) in [(1, 0xff), (7, 0x52), (0x12, 0xff), (9, 0)] {
        vga.set_indexed(0x3d4, index, value);
    }
    let held = vga.pixels();
    assert_eq!((held.0.source, held.0.size, held.1), (Source::Held, shown.0.size, shown.1));
}

#[test]
fn cve_2026_77913_text_after_graphics_has_its_own_size() {
    let mut vga = vga();
    vga.set_dispi_mode((1600, 1200), 32, 0x41);
    vga.pixels();
    vga.dispi(4, 0);
    vga.text(0, 0);
    let (picture, lines) = vga.pixels();
    assert_eq!((picture.size.width, picture.size.height, lines.len()), (36, 32, 32));
    assert!(lines.iter().all(|line| line.len() == 36));
    vga.set_dispi_mode((64, 16), 8, 0x41);
    assert_eq!(vga.pixels().1.len(), 16);
}

#[test]
fn acrn_b10_an_edid_is_read_only_where_it_is() {
    let edid = [0x5a; 2000];
    let mut vga = Vga::new(Model::Acrn, Watched::new(16 << 20)).unwrap().with_edid(&edid);
    assert_eq!(vga.mmio_read(0x3fc, Width::Qword), 0x0000_0000_5a5a_5a5a);
    vga.set_edid(&edid[..128]);
    assert_eq!(vga.mmio_read(0x7c, Width::Qword), 0x5a5a_5a5a);
    assert_eq!(vga.mmio_read(u32::MAX, Width::Qword), 0);
}
