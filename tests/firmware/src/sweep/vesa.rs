//! VESA's services: modes of whole pixels.

use porthole_rig::Result as RigResult;
use porthole_rig::x86::{Code, Do, Segment, Word, op};

use super::{BUFFER, TABLE, video};
use crate::monitor::Registers;
use crate::pair::Pair;

/// Done, as all of these services say it.
const DONE: u16 = 0x004f;
const LINEAR: u16 = 0x4000;
const KEEP: u16 = 0x8000;
/// The first and the last numbers of modes that are asked for: VESA's, and those of bochs.
const RANGES: [std::ops::Range<u16>; 2] = [0x100..0x120, 0x140..0x19c];
/// Most bytes of a picture that is drawn in and compared.
const COMPARED: usize = 2 << 20;

/// What the BIOS says of a mode, as far as it is needed here.
struct Mode {
    number: u16,
    width: u16,
    height: u16,
    bits: u8,
    pitch: u16,
    linear: u32,
}

impl Mode {
    fn of(number: u16, block: &[u8]) -> Option<Mode> {
        let word = |at: usize| block.get(at..at + 2)?.try_into().ok().map(u16::from_le_bytes);
        let linear = block.get(40..44)?.try_into().ok().map(u32::from_le_bytes)?;
        let attributes = word(0)?;
        let bits = block.get(25).copied()?;
        (attributes & 1 != 0).then_some(Mode {
            number,
            width: word(18)?,
            height: word(20)?,
            bits,
            pitch: word(16)?,
            linear,
        })
    }

    fn len(&self) -> usize {
        usize::from(self.pitch) * usize::from(self.height)
    }
}

pub(super) fn all(pair: &mut Pair) -> Result<(), String> {
    let modes = information(pair)?;
    for mode in &modes {
        let Mode { number, width, height, bits, .. } = mode;
        let linear = mode.linear != 0;
        let name = format!("VESA mode {number:03x}: {width}x{height}, {bits} bits");
        if number & 0x100 == 0 {
            continue;
        }
        video(pair, 0x4f02, *number, 0, 0)?;
        video(pair, 0x4f03, 0, 0, 0)?;
        // The largest are black, and take QEMU long to show.
        if mode.len() > COMPARED {
            pair.check_to(&name, 0);
            continue;
        }
        banks(pair, mode)?;
        pair.check_to(&name, mode.len().max(1 << 18));
        if linear {
            video(pair, 0x4f02, number | LINEAR | KEEP, 0, 0)?;
            line(pair, mode)?;
            pair.check_to(&format!("{name}, linear"), mode.len().max(1 << 18));
        }
    }
    let find = |width, bits| modes.iter().find(|mode| (mode.width, mode.bits) == (width, bits));
    if let Some(mode) = find(640, 8) {
        windows(pair, mode)?;
        colours(pair, mode)?;
    }
    if let Some(mode) = find(800, 32) {
        windows(pair, mode)?;
    }
    rest(pair)?;
    video(pair, 0x0003, 0, 0, 0)?;
    pair.check("text after VESA");
    Ok(())
}

/// What the BIOS has.
fn information(pair: &mut Pair) -> Result<Vec<Mode>, String> {
    pair.write(BUFFER, b"VBE2")?;
    pair.video(Registers::new(0x4f00, 0, 0, 0).at(BUFFER))?;
    pair.read(BUFFER, 512)?;
    pair.check("what VESA's BIOS is");
    let mut modes = Vec::new();
    for number in RANGES.into_iter().flatten() {
        let answer = pair.video(Registers::new(0x4f01, 0, number, 0).at(BUFFER))?;
        if answer.ax == DONE {
            let block = pair.read(BUFFER, 64)?;
            modes.extend(Mode::of(number, &block));
        }
    }
    pair.check("which modes there are");
    Ok(modes)
}

/// A few lines in every bank, by way of the window.
fn banks(pair: &mut Pair, mode: &Mode) -> Result<(), String> {
    for bank in 0..mode.len().div_ceil(0x1_0000) {
        let bank = u16::try_from(bank).unwrap_or(0);
        video(pair, 0x4f05, 0, 0, bank)?;
        let code = fill(bank).map_err(|error| error.to_string())?;
        pair.run(&code)?;
    }
    video(pair, 0x4f05, 0x0100, 0, 0).map(drop)
}

/// Writes a pattern at three places of the window.
fn fill(bank: u16) -> RigResult<Vec<u8>> {
    let mut code = Code::new(0);
    code.raw(op::CLD).set_segment(Segment::Es, Word::Ax, 0xa000);
    for (offset, count) in [(0x0000, 700), (0x7ff1, 300), (0xfc00, 0x1ff)] {
        code.set(Word::Di, offset).set(Word::Cx, count).set(Word::Ax, bank.wrapping_mul(0x2f3b));
        let next = code.now();
        code.raw(op::STOSW).with(Do::Add, Word::Ax, 0x0b35).again(next);
    }
    code.raw(op::FAR_RET);
    code.finish()
}

/// A piece of the picture by its linear address: a segment without limits is needed for that.
fn line(pair: &mut Pair, mode: &Mode) -> Result<(), String> {
    let last = u32::try_from(mode.len().saturating_sub(0x800)).unwrap_or(0);
    for (offset, seed) in [(u32::from(mode.pitch) * 3 + 8, 0x1234), (last & !3, 0x4321)] {
        let code = linear(mode.linear + offset, seed).map_err(|error| error.to_string())?;
        pair.run(&code)?;
    }
    Ok(())
}

/// Writes 256 words of 32 bits to a linear address.
fn linear(address: u32, seed: u16) -> RigResult<Vec<u8>> {
    let mut code = Code::new(0);
    let (table, start) = (code.place(), code.place());
    code.jump(start);
    // Nothing, and data without limits.
    code.here(table).raw(&[0; 8]).raw(&[0xff, 0xff, 0, 0, 0, 0x92, 0xcf, 0]);
    code.here(start).raw(op::CLI).raw(op::CLD);
    // push ds; the table's address is behind this segment: cs * 16 + table.
    code.raw(&[0x1e, 0x06]);
    code.raw(&[0x66, 0x31, 0xc0, 0x8c, 0xc8, 0x66, 0xc1, 0xe0, 4]).raw(&[0x66, 0x05, 3, 0, 0, 0]);
    // The descriptor on the stack: sub sp, 6; mov bp, sp; mov word [bp], 15; mov [bp+2], eax; lgdt [bp].
    code.raw(&[0x83, 0xec, 6, 0x89, 0xe5, 0xc7, 0x46, 0, 15, 0, 0x66, 0x89, 0x46, 2]);
    code.raw(&[0x0f, 0x01, 0x56, 0, 0x83, 0xc4, 6]);
    // Protected mode, the segment, and back.
    code.raw(&[0x0f, 0x20, 0xc0, 0x0c, 1, 0x0f, 0x22, 0xc0, 0xeb, 0]);
    code.set(Word::Bx, 8).raw(&[0x8e, 0xc3]);
    code.raw(&[0x0f, 0x20, 0xc0, 0x24, 0xfe, 0x0f, 0x22, 0xc0, 0xeb, 0]);
    code.raw(&[0x31, 0xdb, 0x8e, 0xc3]);
    // mov edi, address; mov cx, 256; mov eax, seed
    code.raw(&[0x66, 0xbf]).raw(&address.to_le_bytes()).set(Word::Cx, 256);
    let [low, high] = seed.to_le_bytes();
    code.raw(&[0x66, 0xb8, low, high, low, high]);
    let next = code.now();
    // es mov [edi], eax; add edi, 4; add eax, 0x01030507
    code.raw(&[0x26, 0x67, 0x66, 0x89, 0x07, 0x66, 0x83, 0xc7, 4]);
    code.raw(&[0x66, 0x05, 7, 5, 3, 1]).again(next);
    code.raw(&[0x07, 0x1f]).raw(op::STI).raw(op::FAR_RET);
    code.finish()
}

/// Lines longer than the screen, and where in memory it is.
fn windows(pair: &mut Pair, mode: &Mode) -> Result<(), String> {
    let Mode { number, width, bits, .. } = *mode;
    video(pair, 0x4f02, number, 0, 0)?;
    banks(pair, mode)?;
    for (bx, cx) in [(0x0001, 0), (0x0003, 0), (0x0000, width + 64), (0x0002, 4096), (0x0001, 0)] {
        video(pair, 0x4f06, bx, cx, 0)?;
    }
    video(pair, 0x4f06, 0x0000, width + 128, 0)?;
    pair.check_to(&format!("{bits} bits, longer lines"), 1 << 20);
    for (column, row) in [(0, 3), (16, 0), (64, 20), (3, 5), (0, 30_000)] {
        video(pair, 0x4f07, 0x0000, column, row)?;
        video(pair, 0x4f07, 0x0001, 0, 0)?;
        pair.check_to(&format!("{bits} bits from {column}, {row} on"), 1 << 20);
    }
    video(pair, 0x4f07, 0x0080, 0, 0).map(drop)
}

/// Colours of 6 and of 8 bits.
fn colours(pair: &mut Pair, mode: &Mode) -> Result<(), String> {
    video(pair, 0x4f02, mode.number, 0, 0)?;
    banks(pair, mode)?;
    for width in [8_u16, 6] {
        video(pair, 0x4f08, 0x0000, 0, 0)?;
        video(pair, 0x4f08, width << 8, 0, 0)?;
        video(pair, 0x4f08, 0x0001, 0, 0)?;
        let table: Vec<u8> = (0..=255)
            .flat_map(|index: u8| [index, index.wrapping_mul(7), 255 - index, 0])
            .collect();
        pair.write(TABLE, &table)?;
        pair.video(Registers { dx: 0, ..Registers::new(0x4f09, 0x0000, 256, 0).at(TABLE) })?;
        pair.video(Registers { dx: 16, ..Registers::new(0x4f09, 0x0001, 32, 0).at(BUFFER) })?;
        pair.read(BUFFER, 128)?;
        pair.check_to(&format!("256 colours of {width} bits"), 1 << 20);
    }
    Ok(())
}

/// State, power, the display's description, and what is not there.
fn rest(pair: &mut Pair) -> Result<(), String> {
    video(pair, 0x4f02, 0x0112 | LINEAR, 0, 0)?;
    for what in [1, 2, 4, 8, 15] {
        video(pair, 0x4f04, 0, what, 0)?;
    }
    pair.video(Registers::new(0x4f04, 0, 15, 1).at(BUFFER))?;
    video(pair, 0x0013, 0, 0, 0)?;
    pair.video(Registers::new(0x4f04, 0, 15, 2).at(BUFFER))?;
    pair.check_to("a saved VESA mode comes back", 1 << 20);
    for state in [0x0000, 0x0101, 0x0401, 0x0001, 0x0002] {
        video(pair, 0x4f10, state, 0, 0)?;
    }
    video(pair, 0x4f0a, 0, 0, 0)?;
    video(pair, 0x4f15, 0, 0, 0)?;
    pair.write(BUFFER, &[0x5a; 128])?;
    pair.video(Registers::new(0x4f15, 1, 0, 0).at(BUFFER))?;
    pair.read(BUFFER, 128)?;
    for (ax, bx) in [(0x4f02, 0x0199), (0x4f02, 0x01ff), (0x4f0b, 0), (0x4fff, 0)] {
        video(pair, ax, bx, 0, 0)?;
    }
    pair.check("the display's description");
    Ok(())
}
