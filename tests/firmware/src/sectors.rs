//! Boot sectors that draw a pattern in a mode of the BIOS, as programs for DOS did, and say so.

use std::path::{Path, PathBuf};

use porthole_rig::x86::{BOOT, Byte, Code, Do, If, Segment, Word, op};
use porthole_rig::{Result, RigError};
use porthole_vectors::vga::{Pixels, Target as _};

use crate::Peer;
use crate::board::Board;
use crate::devices::Bars;
use crate::judge::Judge;

/// What a sector says when it has drawn.
const DRAWN: u8 = b'R';
/// Where a PC's BIOS puts the memory of its display.
pub(crate) const BARS: Bars = Bars { memory: 0xfd00_0000, registers: 0xfebf_0000 };
/// Looks within which everything has blinked once.
const LOOKS: u32 = 6;
const PHASE: u64 = 300_000_000;

/// What is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pattern {
    /// Every character in every pair of colours, and the cursor.
    Text,
    /// A byte for sixteen of the CGA's memory.
    Cga,
    /// Sixteen bars, plane by plane: bytes of a line, and lines.
    Planes(u16, u16),
    /// Diagonals of 256 colours.
    Bytes,
    /// Whatever 64 KiB banks are, so many of them.
    Banks(u16),
}

/// A boot sector.
#[derive(Clone, Copy, Debug)]
pub struct Sector {
    /// What it is called, and its picture.
    pub name: &'static str,
    mode: u16,
    pattern: Pattern,
}

/// All of them.
pub const SECTORS: [Sector; 11] = [
    Sector { name: "mode-03", mode: 0x03, pattern: Pattern::Text },
    Sector { name: "mode-04", mode: 0x04, pattern: Pattern::Cga },
    Sector { name: "mode-06", mode: 0x06, pattern: Pattern::Cga },
    Sector { name: "mode-0d", mode: 0x0d, pattern: Pattern::Planes(40, 200) },
    Sector { name: "mode-10", mode: 0x10, pattern: Pattern::Planes(80, 350) },
    Sector { name: "mode-12", mode: 0x12, pattern: Pattern::Planes(80, 480) },
    Sector { name: "mode-13", mode: 0x13, pattern: Pattern::Bytes },
    Sector { name: "vesa-101", mode: 0x101, pattern: Pattern::Banks(5) },
    Sector { name: "vesa-103", mode: 0x103, pattern: Pattern::Banks(8) },
    Sector { name: "vesa-111", mode: 0x111, pattern: Pattern::Banks(10) },
    Sector { name: "vesa-112", mode: 0x112, pattern: Pattern::Banks(19) },
];

impl Sector {
    /// Its bytes.
    ///
    /// # Errors
    /// When it is too long, which none is.
    pub fn bytes(&self) -> Result<Vec<u8>> {
        let mut code = Code::new(BOOT);
        code.raw(op::CLI).set_segment(Segment::Ds, Word::Ax, 0);
        code.raw(&[0x8e, 0xd0]).set(Word::Sp, BOOT).raw(op::STI).raw(op::CLD);
        if self.mode >= 0x100 {
            code.set(Word::Ax, 0x4f02).set(Word::Bx, self.mode);
        } else {
            code.set(Word::Ax, self.mode);
        }
        code.interrupt(0x10);
        let colour = matches!(self.pattern, Pattern::Text | Pattern::Cga);
        code.set_segment(Segment::Es, Word::Ax, if colour { 0xb800 } else { 0xa000 });
        code.set(Word::Di, 0);
        match self.pattern {
            Pattern::Text => text(&mut code),
            Pattern::Cga => cga(&mut code),
            Pattern::Planes(bytes, lines) => planes(&mut code, bytes, lines),
            Pattern::Bytes => diagonals(&mut code),
            Pattern::Banks(count) => banks(&mut code, count),
        }
        code.output(0x3f8, DRAWN);
        let halt = code.now();
        code.raw(op::HLT).jump(halt);
        code.boot_sector()
    }

    /// Where the picture is that QEMU showed of it.
    #[must_use]
    pub fn picture(&self) -> PathBuf {
        gold().join(format!("{}.png", self.name))
    }

    /// Runs it on the emulated machine with a VGA's BIOS; the picture must be QEMU's. What is seen otherwise
    /// is left in the folder.
    ///
    /// # Errors
    /// When another picture is shown.
    pub fn run(&self, rom: &[u8], folder: &Path) -> std::result::Result<(), String> {
        let board = Board::new(BARS, &[])?;
        board.load_bios_data()?;
        board.start_rom(rom)?;
        board.load(u32::from(BOOT), &self.bytes().map_err(|error| error.to_string())?)?;
        board.jump(u32::from(BOOT));
        if board.wait(1)? != [DRAWN] {
            return Err("it says something else".to_owned());
        }
        let want = Pixels::of_png(&self.picture())?;
        let mut why = String::new();
        for _ in 0..LOOKS {
            let seen = board.screen()?;
            match seen.difference(&want) {
                None => return Ok(()),
                Some(difference) => why = difference,
            }
            board.with(|model| model.pass(Some(PHASE)))?;
        }
        let file = board.screen()?.save(&folder.join(self.name), "seen")?;
        Err(format!("{why}, see {file}"))
    }
}

/// Where pictures are kept.
fn gold() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("gold")
}

/// Takes the pictures anew from a QEMU.
///
/// # Errors
/// When it does not run a sector.
pub fn record(peer: &Peer, folder: &Path) -> Result<()> {
    for sector in SECTORS {
        let boot = sector.bytes()?;
        let record = || {
            let mut judge = Judge::start(peer.command(), &peer.rom, &boot, folder)?;
            if judge.wait(1)? != [DRAWN] {
                return Err("it says something else".to_owned());
            }
            // The first picture may be the one before.
            judge.screen()?;
            judge.screen()?.write(&sector.picture())
        };
        record().map_err(|why| RigError::failed(format!("{}: {why}", sector.name)))?;
    }
    Ok(())
}

fn text(code: &mut Code) {
    code.set(Word::Bx, 0);
    let next = code.now();
    code.copy_byte(Byte::Al, Byte::Bl).copy_byte(Byte::Ah, Byte::Bl).raw(op::STOSW);
    code.increment(Word::Bx).with(Do::Cmp, Word::Bx, 2000).jump_if(If::NotEqual, next);
    code.set(Word::Ax, 0x0200).set(Word::Bx, 0).set(Word::Dx, 0x0a14).interrupt(0x10);
}

fn cga(code: &mut Code) {
    let next = code.now();
    // shr ax, 4
    code.copy(Word::Ax, Word::Di).raw(&[0xc1, 0xe8, 4]).raw(op::STOSB);
    code.with(Do::Cmp, Word::Di, 0x4000).jump_if(If::NotEqual, next);
}

fn planes(code: &mut Code, bytes: u16, lines: u16) {
    let part = u8::try_from(bytes / 16).unwrap_or(1);
    for plane in 0..4_u8 {
        code.output_indexed(0x3c4, 2, 1 << plane).set(Word::Di, 0).set(Word::Dx, 0);
        let line = code.now();
        code.set(Word::Cx, 0);
        let byte = code.now();
        // div bl; shr al, plane; and al, 1; neg al
        code.copy(Word::Ax, Word::Cx).set_byte(Byte::Bl, part).raw(&[0xf6, 0xf3]);
        code.raw(&[0xc0, 0xe8, plane, 0x24, 1, 0xf6, 0xd8]).raw(op::STOSB);
        code.increment(Word::Cx).with(Do::Cmp, Word::Cx, bytes).jump_if(If::NotEqual, byte);
        code.increment(Word::Dx).with(Do::Cmp, Word::Dx, lines).jump_if(If::NotEqual, line);
    }
}

fn diagonals(code: &mut Code) {
    code.set(Word::Dx, 0);
    let line = code.now();
    code.set(Word::Cx, 0);
    let pixel = code.now();
    code.copy(Word::Ax, Word::Cx).by(Do::Add, Word::Ax, Word::Dx).raw(op::STOSB);
    code.increment(Word::Cx).with(Do::Cmp, Word::Cx, 320).jump_if(If::NotEqual, pixel);
    code.increment(Word::Dx).with(Do::Cmp, Word::Dx, 200).jump_if(If::NotEqual, line);
}

fn banks(code: &mut Code, count: u16) {
    code.set(Word::Dx, 0);
    let bank = code.now();
    code.push(Word::Dx).set(Word::Ax, 0x4f05).set(Word::Bx, 0).interrupt(0x10).pop(Word::Dx);
    code.set(Word::Di, 0);
    let byte = code.now();
    // xor al, ah; add al, dl
    code.copy(Word::Ax, Word::Di).raw(&[0x30, 0xe0, 0x00, 0xd0]).raw(op::STOSB);
    code.with(Do::Cmp, Word::Di, 0).jump_if(If::NotEqual, byte);
    code.increment(Word::Dx).with(Do::Cmp, Word::Dx, count).jump_if(If::NotEqual, bank);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sector_fits_and_has_a_picture() {
        for sector in SECTORS {
            assert_eq!(sector.bytes().unwrap().len(), 512, "{}", sector.name);
            assert!(sector.picture().is_file(), "{}", sector.name);
        }
    }
}
