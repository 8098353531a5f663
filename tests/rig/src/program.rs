//! A guest that is not Linux: a program of its own on a disk, which the PC's BIOS boots, which draws in
//! every kind of mode and tells over the first serial port how it is.
//!
//! | it says | when |
//! |---|---|
//! | `up` | it is booted, and waits |
//! | `drawn C` | what was asked for by the character `C` is on the screen |
//! | `none C` | the BIOS has no such mode |
//! | `key SSAA` | a key was pressed: its code and its character, in hexadecimal |
//!
//! Asked for by one byte on the line: `t` text of 80x25, `m` 320x200 of 256 colours, `x` the same with four
//! planes (320x240, "mode X"), `p` 640x480 of 16 colours, `v` 640x480 of 32 bits and `h` 1024x768 of 32 bits
//! through the linear memory of VESA's BIOS, `k` waits for a key and writes its character on the screen, `r`
//! starts the machine anew. What the modes of pixels show, [`Picture`] knows.

use crate::error::{Result, RigError};
use crate::x86::{BOOT, Byte, Code, Do, If, Place, SECTOR, Segment, Word, op};

/// Sectors of the program, with the first.
const SECTORS: u8 = 5;
/// Bytes of a floppy disk, which every BIOS can boot.
const DISK: usize = 1_474_560;
const LINE: u16 = 0x3f8;
/// Where the BIOS is asked to describe a mode.
const DESCRIPTION: u16 = 0x9000;

/// What a state of the program shows, pixel by pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Picture {
    /// What is asked for to see it.
    pub name: char,
    /// Pixels of a line.
    pub width: u32,
    /// Lines.
    pub height: u32,
}

/// The states whose pictures are known. Text is drawn with the BIOS's own letters.
pub const PICTURES: [Picture; 5] = [
    Picture { name: 'm', width: 640, height: 400 },
    Picture { name: 'x', width: 640, height: 480 },
    Picture { name: 'p', width: 640, height: 480 },
    Picture { name: 'v', width: 640, height: 480 },
    Picture { name: 'h', width: 1024, height: 768 },
];

impl Picture {
    /// The pixel at a place, 0x00RRGGBB.
    #[must_use]
    pub fn pixel(&self, x: u32, y: u32) -> u32 {
        // The colours of the program's own table: six bits of red, green and blue.
        let table = |index: u32| {
            let part = |value: u32| (value << 2) | ((value & 1) * 3);
            part(index & 0x3f) << 16 | part(index >> 2 & 0x3f) << 8 | part((index ^ 0x3f) & 0x3f)
        };
        match self.name {
            'm' | 'x' => table((x / 2 + y / 2) & 0xff),
            'p' => table((x / 8 + y / 16) & 0x0f),
            // Words of memory, one after the other.
            _ => (y * self.width + x).wrapping_mul(0x0001_0203) & 0x00ff_ffff,
        }
    }
}

/// The disk that it is booted from.
///
/// # Errors
/// When the program is too long for its sectors, which it is not.
pub fn disk() -> Result<Vec<u8>> {
    let mut bytes = program()?;
    if bytes.len() > usize::from(SECTORS) * SECTOR {
        return Err(RigError::failed("the program is longer than its sectors"));
    }
    bytes.resize(DISK, 0);
    Ok(bytes)
}

/// Places that all parts jump to.
#[derive(Clone, Copy)]
struct Places {
    main: Place,
    /// AL onto the line.
    put: Place,
    /// A text of the code's segment onto the line.
    say: Place,
    drawn: Place,
    none: Place,
    /// Sets all colours of the DAC.
    colours: Place,
    /// What is asked for.
    asked: Place,
}

fn program() -> Result<Vec<u8>> {
    let mut code = Code::new(BOOT);
    let (start, rest) = (code.place(), code.place());
    code.raw(&[0xea, 0x05, 0x7c, 0, 0]).here(start);
    code.raw(op::CLI).set_segment(Segment::Ds, Word::Ax, 0).raw(&[0x8e, 0xc0, 0x8e, 0xd0]);
    code.set(Word::Sp, BOOT).raw(op::STI).raw(op::CLD);
    // DL is the disk that was booted; its sectors from the second on go behind the first.
    code.set(Word::Ax, 0x0200 | u16::from(SECTORS - 1)).set(Word::Cx, 2);
    code.set(Word::Bx, BOOT + 512).set_byte(Byte::Dh, 0).interrupt(0x13).jump(rest);
    let filled = SECTOR.saturating_sub(code.len());
    code.raw(&vec![0; filled]).here(rest);
    body(&mut code);
    code.boot_sector()
}

fn body(code: &mut Code) {
    let [main, put, say, drawn, none, colours, asked, get, up] = [0; 9].map(|_| code.place());
    let places = Places { main, put, say, drawn, none, colours, asked };
    for (register, value) in [(3, 0x80), (0, 1), (1, 0), (3, 3), (4, 3), (2, 7)] {
        code.output(LINE + register, value);
    }
    code.set_place(Word::Si, up).call(say);
    code.here(main).set_segment(Segment::Ds, Word::Ax, 0).raw(&[0x8e, 0xc0]);
    code.raw(op::CLD).raw(op::STI).call(get).raw(&[0x2e, 0xa2]).address(asked);
    text(code, places);
    chained(code, places);
    unchained(code, places);
    planes(code, places);
    linear(code, places, (b'v', 0x142, 640 * 480));
    linear(code, places, (b'h', 0x144, 1024 * 768));
    key(code, places);
    let other = unless(code, b'r');
    // By the keyboard's controller, as programs have always done it.
    code.output(0x64, 0xfe);
    let halt = code.now();
    code.raw(op::HLT).jump(halt).here(other);
    answers(code, places);
    // A byte from the line.
    code.here(get).set(Word::Dx, LINE + 5);
    let wait = code.now();
    code.raw(op::IN).test(1).jump_if(If::Equal, wait);
    code.set(Word::Dx, LINE).raw(op::IN).raw(op::RET);
    code.here(put).push(Word::Ax).set(Word::Dx, LINE + 5);
    let wait = code.now();
    code.raw(op::IN).test(0x20).jump_if(If::Equal, wait);
    code.pop(Word::Ax).set(Word::Dx, LINE).raw(op::OUT).raw(op::RET);
    code.here(up).raw(b"up\n\0");
}

/// Says what became of it, and waits for more.
fn answers(code: &mut Code, places: Places) {
    let [tell, no, yes, end] = [0; 4].map(|_| code.place());
    code.here(places.none).set_place(Word::Si, no).here(tell).call(places.say);
    code.raw(&[0x2e, 0xa0]).address(places.asked).call(places.put);
    code.set_byte(Byte::Al, b'\n').call(places.put).jump(places.main);
    code.here(places.drawn).set_place(Word::Si, yes).jump(tell);
    // A text that ends with zero, of the code's segment.
    code.here(places.say);
    let next = code.now();
    code.raw(&[0x2e]).raw(op::LODSB).compare(0).jump_if(If::Equal, end);
    code.call(places.put).jump(next).here(end).raw(op::RET);
    // Colour n has n, a quarter of it, and what it lacks, in six bits each.
    code.here(places.colours).output(0x3c8, 0).increment(Word::Dx).set(Word::Bx, 0);
    let next = code.now();
    for change in [&[0x24, 0x3f][..], &[0xc0, 0xe8, 2], &[0x34, 0x3f, 0x24, 0x3f]] {
        code.copy_byte(Byte::Al, Byte::Bl).raw(change).raw(op::OUT);
    }
    code.increment(Word::Bx).with(Do::Cmp, Word::Bx, 256).jump_if(If::NotEqual, next);
    code.raw(op::RET);
    code.here(no).raw(b"none \0").here(yes).raw(b"drawn \0").here(places.asked).raw(&[0]);
}

/// What follows is done if this is asked for; the place is behind it.
fn unless(code: &mut Code, name: u8) -> Place {
    let other = code.place();
    code.compare(name).jump_if(If::NotEqual, other);
    other
}

fn text(code: &mut Code, places: Places) {
    let other = unless(code, b't');
    code.set(Word::Ax, 3).interrupt(0x10).set_segment(Segment::Es, Word::Ax, 0xb800);
    code.set(Word::Di, 0).set(Word::Bx, 0);
    let next = code.now();
    // Without what blinks: and ah, 7fh.
    code.copy_byte(Byte::Al, Byte::Bl).copy_byte(Byte::Ah, Byte::Bl).raw(&[0x80, 0xe4, 0x7f]);
    code.raw(op::STOSW).increment(Word::Bx).with(Do::Cmp, Word::Bx, 2000);
    code.jump_if(If::NotEqual, next).jump(places.drawn).here(other);
}

fn chained(code: &mut Code, places: Places) {
    let other = unless(code, b'm');
    code.set(Word::Ax, 0x13).interrupt(0x10).call(places.colours);
    code.set_segment(Segment::Es, Word::Ax, 0xa000).set(Word::Di, 0).set(Word::Dx, 0);
    let line = code.now();
    code.set(Word::Cx, 0);
    let pixel = code.now();
    code.copy(Word::Ax, Word::Cx).by(Do::Add, Word::Ax, Word::Dx).raw(op::STOSB);
    code.increment(Word::Cx).with(Do::Cmp, Word::Cx, 320).jump_if(If::NotEqual, pixel);
    code.increment(Word::Dx).with(Do::Cmp, Word::Dx, 200).jump_if(If::NotEqual, line);
    code.jump(places.drawn).here(other);
}

fn unchained(code: &mut Code, places: Places) {
    let other = unless(code, b'x');
    code.set(Word::Ax, 0x13).interrupt(0x10).call(places.colours);
    code.output_indexed(0x3c4, 4, 6).output_indexed(0x3c4, 0, 1).output(0x3c2, 0xe3);
    code.output_indexed(0x3c4, 0, 3);
    for (index, value) in [
        (0x11, 0x2c),
        (0x06, 0x0d),
        (0x07, 0x3e),
        (0x09, 0x41),
        (0x10, 0xea),
        (0x12, 0xdf),
        (0x14, 0x00),
        (0x15, 0xe7),
        (0x16, 0x06),
        (0x17, 0xe3),
        (0x11, 0xac),
    ] {
        code.output_indexed(0x3d4, index, value);
    }
    code.set_segment(Segment::Es, Word::Ax, 0xa000);
    for plane in 0..4_u8 {
        code.output_indexed(0x3c4, 2, 1 << plane).set(Word::Di, 0).set(Word::Dx, 0);
        let line = code.now();
        code.set(Word::Cx, 0);
        let pixel = code.now();
        // shl ax, 2; add al, plane; add al, dl
        code.copy(Word::Ax, Word::Cx).raw(&[0xc1, 0xe0, 2, 0x04, plane, 0x00, 0xd0]);
        code.raw(op::STOSB).increment(Word::Cx).with(Do::Cmp, Word::Cx, 80);
        code.jump_if(If::NotEqual, pixel);
        code.increment(Word::Dx).with(Do::Cmp, Word::Dx, 240).jump_if(If::NotEqual, line);
    }
    code.jump(places.drawn).here(other);
}

fn planes(code: &mut Code, places: Places) {
    let other = unless(code, b'p');
    code.set(Word::Ax, 0x12).interrupt(0x10).call(places.colours);
    // Colours of the palette are those of the DAC.
    code.set(Word::Dx, 0x3da).raw(op::IN).set(Word::Dx, 0x3c0).set(Word::Ax, 0);
    let next = code.now();
    code.raw(op::OUT).raw(op::OUT).increment(Word::Ax).with(Do::Cmp, Word::Ax, 16);
    code.jump_if(If::NotEqual, next).output(0x3c0, 0x20);
    code.set_segment(Segment::Es, Word::Ax, 0xa000);
    for plane in 0..4_u8 {
        code.output_indexed(0x3c4, 2, 1 << plane).set(Word::Di, 0).set(Word::Dx, 0);
        let line = code.now();
        // shr bx, 4
        code.copy(Word::Bx, Word::Dx).raw(&[0xc1, 0xeb, 4]).set(Word::Cx, 0);
        let byte = code.now();
        // shr al, plane; and al, 1; neg al
        code.copy(Word::Ax, Word::Cx).by(Do::Add, Word::Ax, Word::Bx);
        code.raw(&[0xc0, 0xe8, plane, 0x24, 1, 0xf6, 0xd8]).raw(op::STOSB);
        code.increment(Word::Cx).with(Do::Cmp, Word::Cx, 80).jump_if(If::NotEqual, byte);
        code.increment(Word::Dx).with(Do::Cmp, Word::Dx, 480).jump_if(If::NotEqual, line);
    }
    code.jump(places.drawn).here(other);
}

/// Words of 32 bits at the address that VESA's BIOS tells.
fn linear(code: &mut Code, places: Places, (name, mode, pixels): (u8, u16, u32)) {
    let other = unless(code, name);
    let (table, pointer, start) = (code.place(), code.place(), code.place());
    code.set(Word::Ax, 0x4f01).set(Word::Cx, mode).set(Word::Di, DESCRIPTION).interrupt(0x10);
    code.with(Do::Cmp, Word::Ax, 0x004f).jump_if(If::NotEqual, places.none);
    code.set(Word::Ax, 0x4f02).set(Word::Bx, mode | 0x4000).interrupt(0x10);
    code.with(Do::Cmp, Word::Ax, 0x004f).jump_if(If::NotEqual, places.none).jump(start);
    // Nothing, and data without limits.
    code.here(table).raw(&[0; 8]).raw(&[0xff, 0xff, 0, 0, 0, 0x92, 0xcf, 0]);
    code.here(pointer).raw(&[15, 0]).address(table).raw(&[0, 0]);
    code.here(start).raw(op::CLI).raw(&[0x0f, 0x01, 0x16]).address(pointer);
    // Into protected mode for a segment without limits, and back.
    code.raw(&[0x0f, 0x20, 0xc0, 0x0c, 1, 0x0f, 0x22, 0xc0, 0xeb, 0]).set(Word::Bx, 8);
    code.raw(&[0x8e, 0xc3, 0x24, 0xfe, 0x0f, 0x22, 0xc0, 0xeb, 0, 0x31, 0xdb, 0x8e, 0xc3]);
    let [low, high] = (DESCRIPTION + 40).to_le_bytes();
    // mov edi, [address]; mov ecx, pixels; xor eax, eax
    code.raw(&[0x66, 0x8b, 0x3e, low, high, 0x66, 0xb9]).raw(&pixels.to_le_bytes());
    code.raw(&[0x66, 0x31, 0xc0]);
    let next = code.now();
    // mov es:[edi], eax; add edi, 4; add eax, 0x00010203; dec ecx
    code.raw(&[0x26, 0x67, 0x66, 0x89, 0x07, 0x66, 0x83, 0xc7, 4, 0x66, 0x05, 3, 2, 1, 0]);
    code.raw(&[0x66, 0x49]).jump_if(If::NotEqual, next).jump(places.drawn).here(other);
}

fn key(code: &mut Code, places: Places) {
    let other = unless(code, b'k');
    let (name, digit, letter) = (code.place(), code.place(), code.place());
    code.set(Word::Ax, 0).interrupt(0x16).push(Word::Ax);
    code.set_byte(Byte::Ah, 0x0e).set(Word::Bx, 7).interrupt(0x10);
    code.set_place(Word::Si, name).call(places.say).pop(Word::Bx).set(Word::Cx, 4);
    let next = code.now();
    // The highest digit first: rol bx, 4
    code.raw(&[0xc1, 0xc3, 4]).copy_byte(Byte::Al, Byte::Bl).raw(&[0x24, 0x0f]);
    code.call(digit).again(next).set_byte(Byte::Al, b'\n').call(places.put).jump(places.main);
    code.here(digit).compare(10).jump_if(If::Below, letter).raw(&[0x04, 0x27]);
    code.here(letter).raw(&[0x04, 0x30]).jump(places.put);
    code.here(name).raw(b"key \0").here(other);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_fits_and_boots() {
        let disk = disk().unwrap();
        assert_eq!((disk.len(), &disk[510..512]), (DISK, &[0x55, 0xaa][..]));
        assert!(program().unwrap().len() > SECTOR);
    }

    #[test]
    fn pictures_are_known_to_the_pixel() {
        let [chained, ..] = PICTURES;
        assert_eq!((chained.pixel(0, 0), chained.pixel(2, 0)), (0x0000_00ff, 0x0007_00f8));
        assert_eq!(PICTURES[3].pixel(1, 0), 0x0001_0203);
    }
}
