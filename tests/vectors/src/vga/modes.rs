//! Standard modes, as a video BIOS sets them.

use porthole_vga_device::Width;

/// The registers of a mode, in the order in which they are set.
#[derive(Clone, Copy, Debug)]
pub struct Mode {
    miscellaneous: u8,
    /// Sequencer 1 to 4.
    sequencer: [u8; 4],
    /// CRT controller 0 to 18 hexadecimal.
    crtc: [u8; 25],
    /// Graphics controller 3 to 8.
    graphics: [u8; 6],
    /// Attribute controller 10 to 13 hexadecimal.
    attribute: [u8; 4],
}

const TEXT: [u8; 25] = [
    0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0, 0x4f, 0x0d, 0x0e, 0, 0, 0, 0, 0x9c, 0x8e,
    0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff,
];
const CGA: [u8; 25] = [
    0x2d, 0x27, 0x28, 0x90, 0x2b, 0x80, 0xbf, 0x1f, 0, 0xc1, 0, 0, 0, 0, 0, 0, 0x9c, 0x8e, 0x8f,
    0x14, 0, 0x96, 0xb9, 0xa2, 0xff,
];
const PLANAR: [u8; 25] = [
    0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0x0b, 0x3e, 0, 0x40, 0, 0, 0, 0, 0, 0, 0xea, 0x8c, 0xdf,
    0x28, 0, 0xe7, 0x04, 0xe3, 0xff,
];
const BYTES: [u8; 25] = [
    0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0xbf, 0x1f, 0, 0x41, 0, 0, 0, 0, 0, 0, 0x9c, 0x8e, 0x8f,
    0x28, 0x40, 0x96, 0xb9, 0xa3, 0xff,
];

/// 80 columns and 25 rows of text, of 9 dots by 16.
pub const CHARACTERS: Mode = Mode {
    miscellaneous: 0x67,
    sequencer: [0, 3, 0, 2],
    crtc: TEXT,
    graphics: [0, 0, 0x10, 0x0e, 0, 0xff],
    attribute: [0x0c, 0, 0x0f, 8],
};

/// 640×480 pixels of 16 colours.
pub const SIXTEEN: Mode = Mode {
    miscellaneous: 0xe3,
    sequencer: [1, 0x0f, 0, 6],
    crtc: PLANAR,
    graphics: [0, 0, 0, 5, 0x0f, 0xff],
    attribute: [0x01, 0, 0x0f, 0],
};

/// 320×200 pixels of 256 colours, a byte each.
pub const CHAINED: Mode = Mode {
    miscellaneous: 0x63,
    sequencer: [1, 0x0f, 0, 0x0e],
    crtc: BYTES,
    graphics: [0, 0, 0x40, 5, 0x0f, 0xff],
    attribute: [0x41, 0, 0x0f, 0],
};

/// Text of 80 columns, of 8 dots, of 40 columns; CGA's four colours; 16 colours, also with half the
/// clock; 256 colours, chained and not.
pub(super) const MODES: &[Mode] = &[
    CHARACTERS,
    Mode {
        miscellaneous: 0x63,
        sequencer: [1, 3, 4, 2],
        crtc: TEXT,
        graphics: [0, 0, 0x10, 0x0e, 0, 0xff],
        attribute: [0x04, 0, 0x0f, 0],
    },
    Mode {
        miscellaneous: 0x67,
        sequencer: [8, 3, 0, 2],
        crtc: CGA,
        graphics: [0, 0, 0x10, 0x0e, 0, 0xff],
        attribute: [0x0c, 0, 0x0f, 8],
    },
    Mode {
        miscellaneous: 0x63,
        sequencer: [9, 3, 0, 2],
        crtc: CGA,
        graphics: [0, 0, 0x30, 0x0f, 0, 0xff],
        attribute: [0x01, 0, 0x03, 0],
    },
    SIXTEEN,
    Mode {
        miscellaneous: 0x63,
        sequencer: [9, 0x0f, 0, 6],
        crtc: CGA,
        graphics: [0, 0, 0, 5, 0x0f, 0xff],
        attribute: [0x01, 0, 0x0f, 0],
    },
    CHAINED,
    Mode {
        miscellaneous: 0x63,
        sequencer: [1, 0x0f, 0, 6],
        crtc: BYTES,
        graphics: [0, 0, 0x40, 5, 0x0f, 0xff],
        attribute: [0x41, 0, 0x0f, 0],
    },
];

/// The port writes that set a mode.
#[must_use]
pub fn set_mode(mode: Mode) -> Vec<(u16, Width, u32)> {
    let mut writes = vec![(0x3c2, Width::Byte, mode.miscellaneous.into())];
    let mut indexed = |port: u16, index: u32, value: u8| {
        writes.push((port, Width::Word, u32::from(value) << 8 | index));
    };
    (1..).zip(mode.sequencer).for_each(|(index, value)| indexed(0x3c4, index, value));
    indexed(0x3d4, 0x11, 0);
    (0..).zip(mode.crtc).for_each(|(index, value)| indexed(0x3d4, index, value));
    (3..).zip(mode.graphics).for_each(|(index, value)| indexed(0x3ce, index, value));
    let palette = (0_u8..16).map(|index| (index, index));
    for (index, value) in palette.chain((0x10..).zip(mode.attribute)) {
        writes.push((0x3c0, Width::Byte, index.into()));
        writes.push((0x3c0, Width::Byte, value.into()));
    }
    writes.push((0x3c0, Width::Byte, 0x20));
    writes
}

/// The port writes that set a bochs mode.
#[must_use]
pub fn set_dispi((width, height): (u16, u16), bits: u16, flags: u16) -> Vec<(u16, Width, u32)> {
    let registers = [(4, 0), (1, width), (2, height), (3, bits), (4, flags)];
    let writes = registers.iter().flat_map(|(index, value)| {
        [(0x1ce, Width::Word, *index), (0x1cf, Width::Word, u32::from(*value))]
    });
    writes.collect()
}
