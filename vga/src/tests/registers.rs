use super::*;
use crate::{Bad, OddWidth, Region, Unfit};

#[test]
fn each_register_keeps_the_bits_that_it_has() {
    let mut vga = vga();
    vga.set(0x3c2, 0xff);
    assert_eq!(vga.get(0x3cc), 0xef);
    let sequencer = [0x03, 0x3d, 0x0f, 0x3f, 0x0e, 0, 0, 0xff];
    let graphics = [0x0f, 0x0f, 0x0f, 0x1f, 3, 0x7b, 0x0f, 0x0f, 0xff, 0, 0, 0, 0, 0, 0, 0];
    for (index, want) in (0..8).zip(sequencer) {
        vga.set_indexed(0x3c4, index, 0xff);
        assert_eq!(vga.get_indexed(0x3c4, index), want, "sequencer {index}");
    }
    for (index, want) in (0..16).zip(graphics) {
        vga.set_indexed(0x3ce, index, 0xff);
        assert_eq!(vga.get_indexed(0x3ce, index), want, "graphics {index}");
    }
    for index in (0x12..=0xff).chain([8, 9]) {
        vga.set_indexed(0x3d4, index, 0xa5);
        assert_eq!(vga.get_indexed(0x3d4, index), 0xa5, "CRTC {index}");
    }
    for (index, want) in (0x10..0x18).zip([0xef, 0xff, 0x3f, 0x0f, 0x0f, 0, 0, 0]) {
        vga.set_attribute(index, 0xff);
        vga.get(0x3da);
        vga.set(0x3c0, index);
        assert_eq!(vga.get(0x3c1), want, "attribute {index}");
    }
    vga.set(0x3c4, 0xff);
    vga.set(0x3ce, 0xff);
    vga.set(0x3d4, 0xff);
    assert_eq!((vga.get(0x3c4), vga.get(0x3ce), vga.get(0x3d4)), (7, 0x0f, 0xff));
}

#[test]
fn protection_leaves_only_the_bit_of_line_compare() {
    let mut vga = vga();
    vga.set(0x3c2, 1);
    (0..8).for_each(|index| vga.set_indexed(0x3d4, index, 0x0f));
    vga.set_indexed(0x3d4, 0x11, 0x80);
    (0..8).for_each(|index| vga.set_indexed(0x3d4, index, 0xf0));
    let got: Vec<u8> = (0..9).map(|index| vga.get_indexed(0x3d4, index)).collect();
    assert_eq!(got, [0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x1f, 0]);
}

#[test]
fn attribute_writes_are_index_and_data_in_turn() {
    let mut vga = vga();
    vga.set(0x3c2, 1);
    vga.set(0x3c0, 0x05);
    assert_eq!(vga.get(0x3c0), 0, "while data is next");
    vga.set(0x3c0, 0x2a);
    assert_eq!((vga.get(0x3c0), vga.get(0x3c1)), (0x05, 0x2a));
    vga.set(0x3c0, 0x06);
    assert_eq!(vga.get(0x3da), 9);
    assert_eq!(vga.get(0x3da), 0, "the input state turns with each read");
    vga.set(0x3c0, 0x07);
    assert_eq!(vga.get(0x3c0), 0, "3DA made the write an index");
}

#[test]
fn the_dac_takes_and_gives_three_bytes_in_turn() {
    let mut vga = vga();
    vga.set(0x3c8, 255);
    [0xff, 0xc1, 0x12, 0x34].iter().for_each(|byte| vga.set(0x3c9, *byte));
    assert_eq!((vga.get(0x3c8), vga.get(0x3c7)), (0, 0));
    vga.set(0x3c7, 255);
    assert_eq!(vga.get(0x3c7), 3);
    let got: Vec<u8> = (0..4).map(|_| vga.get(0x3c9)).collect();
    assert_eq!(got, [0xff, 0xc1, 0x12, 0], "all bits, and a part of a colour is not taken");
}

#[test]
fn mono_and_colour_have_their_ports() {
    let mut vga = vga();
    vga.set_indexed(0x3b4, 0x0e, 0x12);
    assert_eq!((vga.get_indexed(0x3b4, 0x0e), vga.get(0x3d5)), (0x12, 0xff));
    vga.set(0x3ba, 0xff);
    vga.set(0x3c2, 1);
    assert_eq!((vga.get(0x3b5), vga.get(0x3d5), vga.get(0x3ca)), (0xff, 0x12, 0x10));
    assert_eq!(
        (vga.get(0x3b0), vga.get(0x3c3), vga.get(0x3c6), vga.get(0x3d8)),
        (0xff, 0, 0, 0xff)
    );
}

#[test]
fn wide_accesses_are_answered_where_qemu_does() {
    let mut vga = vga();
    vga.pio_write(0x3c4, Width::Word, 0x0702);
    assert_eq!(vga.pio_read(0x3c4, Width::Word), 0x0702);
    vga.pio_write(0x3c4, Width::Dword, 0x0103);
    assert_eq!(vga.pio_read(0x3c4, Width::Word), 0x0702, "no port takes four bytes");
    assert_eq!(vga.pio_read(0x3c4, Width::Dword), u32::MAX);
    vga.pio_write(0x1ce, Width::Byte, 3);
    assert_eq!(vga.pio_read(0x1ce, Width::Byte), 0xff, "bochs takes words alone");
    assert_eq!(vga.pio_read(0x1d0, Width::Word), 0xb0c5);
    assert_eq!(Width::try_from(3), Err(OddWidth(3)));
    assert_eq!(Width::try_from(8), Ok(Width::Qword));
}

#[test]
fn bochs_puts_right_what_does_not_fit() {
    let mut vga = vga();
    vga.dispi(0, 0xb0c2);
    vga.dispi(0, 0xb0c6);
    assert_eq!(vga.get_dispi(0), 0xb0c2);
    vga.dispi(4, 2);
    assert_eq!([1, 2, 3].map(|index| vga.get_dispi(index)), [16_000, 12_000, 32]);
    vga.set_dispi_mode((1003, 60_000), 7, 0x41);
    assert_eq!([1, 2, 3, 6].map(|index| vga.get_dispi(index)), [1000, 12_000, 8, 1000]);
    vga.set_dispi_mode((0, 0), 24, 0x41);
    assert_eq!([1, 2, 6, 7].map(|index| vga.get_dispi(index)), [8, 1, 8, 0xaaaa]);
    vga.set_dispi_mode((800, 600), 32, 0x41);
    vga.dispi(6, 100);
    vga.dispi(8, 16);
    vga.dispi(9, 65_535);
    assert_eq!([6, 8, 9, 10].map(|index| vga.get_dispi(index)), [800, 16, 0, 256]);
    vga.dispi(7, 1);
    vga.dispi(5, 0x1234);
    assert_eq!([7, 5, 11].map(|index| vga.get_dispi(index)), [5242, 0x34, 0]);
}

#[test]
fn bochs_modes_hold_against_writes_to_the_vga() {
    let mut vga = vga();
    vga.set(0x3c2, 1);
    vga.set_dispi_mode((640, 480), 8, 0x41);
    for (port, index) in
        [(0x3d4, 1), (0x3d4, 0x12), (0x3d4, 0x17), (0x3ce, 5), (0x3ce, 6), (0x3c4, 4)]
    {
        vga.set_indexed(port, index, 0);
    }
    assert_eq!(vga.get_indexed(0x3d4, 1), 79);
    assert_eq!((vga.get_indexed(0x3ce, 5), vga.get_indexed(0x3ce, 6)), (0x40, 5));
    assert_eq!(vga.get_indexed(0x3c4, 4), 0, "the sequencer's own register is as it was written");
    assert_eq!(vga.picture().size, porthole_pixel::Size::new(640, 480));
}

#[test]
fn bar2_is_laid_out_by_the_model() {
    let unmapped = |model, offset| device(model, Behaviour::Qemu).mmio_read(offset, Width::Dword);
    assert_eq!(unmapped(Model::Vga, 0x600), 8);
    assert_eq!(unmapped(Model::Bochs, 0x600), 8);
    assert_eq!(unmapped(Model::VirtioVga, 0x604), 0x1e1e_1e1e);
    assert_eq!((unmapped(Model::Acrn, 0x600), unmapped(Model::Acrn, 0x700)), (0, 0));
    assert_eq!(unmapped(Model::Vga, 0x420), 0xffff_ffff);
    assert_eq!(unmapped(Model::Bochs, 0x400), 0xffff_ffff);
    assert_eq!(unmapped(Model::VirtioVga, 0), 0);
    assert_eq!(Model::Acrn.region(0x3000), (Region::VirtioNotify, 0));
    assert_eq!(Model::Acrn.region(0x17ff), (Region::VirtioCommon, 0x7ff));
    assert_eq!(Model::Vga.region(0x1000), (Region::Unmapped, 0x1000));
    assert!(Model::Acrn.has_virtio_ports() && !Model::VirtioVga.has_virtio_ports());
}

#[test]
fn bar2_splits_accesses_as_qemu_does() {
    let edid: Vec<u8> = (1..=255).collect();
    let mut vga = vga().with_edid(&edid);
    vga.dispi(2, 0x1234);
    assert_eq!(vga.mmio_read(0x4ff, Width::Word), 0xc5ff);
    assert_eq!(vga.mmio_read(0x501, Width::Word), 0x00c5, "bytes read the low byte of their word");
    assert_eq!(vga.mmio_read(0x502, Width::Dword), 0x1234_0000);
    assert_eq!(vga.mmio_read(0x514, Width::Dword), 0x100);
    assert_eq!(vga.mmio_read(0x605, Width::Dword), 0xff00_0000);
    assert_eq!(vga.mmio_read(0x17e, Width::Dword), 0xffff_0000);
    assert_eq!(vga.mmio_read(3, Width::Dword), 0x0706_0504);
    assert_eq!(vga.mmio_read(0x600, Width::Qword), 0x1e1e_1e1e_0000_0008);
    vga.mmio_write(0x503, Width::Byte, 0x41);
    assert_eq!(vga.get_dispi(1), 0x41);
    vga.mmio_write(0x604, Width::Word, 0xbebe);
    vga.mmio_write(0x604, Width::Dword, 0xbebe_bebe);
    assert_eq!(vga.mmio_read(0x604, Width::Dword), 0xbebe_bebe);
}

#[test]
fn a_reset_leaves_memory_and_nothing_else() {
    let mut vga = vga();
    vga.set_dispi_mode((640, 480), 32, 0x41);
    vga.lfb_write(8, Width::Dword, 0x1234_5678);
    vga.reset();
    assert_eq!((vga.get(0x3cc), vga.get_dispi(4), vga.get_dispi(0)), (0, 0, 0xb0c5));
    assert_eq!(vga.lfb_read(8, Width::Dword), 0x1234_5678);
    assert_eq!(vga.picture().source, crate::Source::Blank);
}

#[test]
fn a_snapshot_brings_everything_back_or_nothing() {
    let mut one = vga();
    one.text(0, 0x0c);
    one.cell(0, 0x55, 0x1f);
    let seen = one.at(300);
    let bytes = one.snapshot();
    let mut two = vga();
    for at in (0..262_144).step_by(4) {
        let value = one.lfb_read(at, Width::Dword);
        two.lfb_write(at, Width::Dword, value);
    }
    two.restore(&bytes).unwrap();
    assert_eq!(two.snapshot(), bytes);
    assert_eq!(two.pixels().1, seen);
    let mut other = Vga::new(Model::Vga, Watched::new(1 << 20)).unwrap();
    assert!(matches!(other.restore(&bytes), Err(Bad::Device(_))));
    assert_eq!(two.restore(&bytes[..bytes.len() - 1]), Err(Bad::Length));
    assert_eq!(two.restore(b"nothing"), Err(Bad::Mark));
    let before = two.snapshot();
    for at in 0..bytes.len() {
        let mut broken = bytes.clone();
        broken[at] ^= 0x80;
        // Many bytes may have any value; what is taken must be what is saved again.
        match two.restore(&broken) {
            Ok(()) => assert_eq!(two.snapshot(), broken, "byte {at}"),
            Err(_) => assert_eq!(two.snapshot(), before, "byte {at}"),
        }
        two.restore(&bytes).unwrap();
    }
    let odd = Vga::new(Model::Vga, Memory::new(3 << 20));
    assert_eq!(odd.unwrap_err(), Unfit::Memory(3 << 20));
}
