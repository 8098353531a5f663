//! The same program on both machines, and whether both do the same.

use std::path::{Path, PathBuf};
use std::process::Command;

use porthole_vectors::vga::{Space, Target as _};
use porthole_vga_device::Width;

use crate::board::{Board, HIGH, LOW};
use crate::judge::Judge;
use crate::monitor::{self, READY, ROOM, Registers};

/// Bytes of the four planes, which are compared at least.
pub(crate) const PLANES: usize = 256 << 10;
/// Looks after which both machines must have blinked in step.
const LOOKS: u32 = 6;
/// More than a phase of the cursor, in nanoseconds.
const PHASE: u64 = 300_000_000;
/// The first release whose pictures are ours to the last pixel; those before draw less.
const EXACT: u32 = 11;

/// What one check compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What was done.
    pub name: String,
    /// How many accesses of ports it made.
    pub accesses: usize,
    /// Bytes of video memory that were compared.
    pub memory: usize,
    /// The screen's size, if the picture was compared.
    pub picture: Option<(u32, u32)>,
    /// What differs, if anything does.
    pub result: Result<(), String>,
}

/// Two machines, side by side.
#[derive(Debug)]
pub struct Pair {
    ours: Board,
    judge: Judge,
    release: u32,
    folder: PathBuf,
    /// What answers said since the last check that was not the same.
    differs: Option<String>,
    /// What has been compared.
    pub checks: Vec<Check>,
}

impl Pair {
    /// Starts QEMU of this release with a VGA's BIOS, and brings our machine to where that one is: all
    /// that its BIOS did to ports is done again, memory is copied. Two checks are made of it.
    ///
    /// # Errors
    /// When one of them does not come up.
    pub fn start(
        command: Command,
        release: u32,
        rom: &Path,
        folder: &Path,
    ) -> Result<Self, String> {
        let boot = monitor::boot_sector().map_err(|error| error.to_string())?;
        let mut judge = Judge::start(command, rom, &boot, folder)?;
        if judge.wait(1)? != [READY] {
            return Err("the boot sector says something else".to_owned());
        }
        let bars = judge.bars()?;
        let edid = judge.memory(bars.registers, 256)?;
        let log = judge.take_log()?;
        let rom = std::fs::read(rom).map_err(|error| format!("{}: {error}", rom.display()))?;
        let alone = Board::new(bars, &edid)?;
        alone.load_bios_data()?;
        alone.start_rom(&rom)?;
        let post = alone.take_log();
        let ours = Board::new(bars, &edid)?;
        let folder = folder.to_owned();
        let (differs, checks) = (None, Vec::new());
        let mut pair = Self { ours, judge, release, folder, differs, checks };
        pair.note(
            "the BIOS starts",
            post.lines().count(),
            compare_logs(&post, prefix(&log, &post)),
        );
        let replayed = pair.replay(&log);
        pair.note("the machine starts, replayed", log.lines().count(), replayed);
        for (at, len) in [(0, LOW), (HIGH, 0x4_0000)] {
            let bytes = pair.judge.memory(at, usize::try_from(len).unwrap_or(0))?;
            pair.ours.load(at, &bytes)?;
        }
        let memory = pair.judge.memory(bars.memory, PLANES)?;
        pair.ours.with(|model| model.mem_write(Space::Lfb, 0, &memory))?;
        pair.ours.take_log();
        // The program waits for a command on both.
        pair.ours.jump(u32::from(porthole_rig::x86::BOOT));
        pair.ours.wait(1)?;
        pair.check("what the machine's BIOS shows");
        Ok(pair)
    }

    fn note(&mut self, name: &str, accesses: usize, result: Result<(), String>) {
        let name = name.to_owned();
        self.checks.push(Check { name, accesses, memory: 0, picture: None, result });
    }

    /// Does to our device what was traced; what was read there must be read here.
    fn replay(&mut self, log: &str) -> Result<(), String> {
        for (number, line) in (1..).zip(log.lines()) {
            let Some((what, first, value)) = parse(line) else { continue };
            let wrong = |read: u32| {
                let same = read == u32::from(value);
                if same { Ok(()) } else { Err(format!("line {number}: {line}, ours {read:#x}")) }
            };
            self.ours.with(|model| {
                let vga = model.vga();
                let value = u32::from(value);
                match what {
                    "vga_std_write_io" => vga.pio_write(first, Width::Byte, value),
                    "vga_std_read_io" => return wrong(vga.pio_read(first, Width::Byte)),
                    "vga_vbe_write" => {
                        vga.pio_write(0x1ce, Width::Word, first.into());
                        vga.pio_write(0x1cf, Width::Word, value);
                    }
                    "vga_vbe_read" => {
                        vga.pio_write(0x1ce, Width::Word, first.into());
                        return wrong(vga.pio_read(0x1cf, Width::Word));
                    }
                    _ => {}
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Does a command on both machines; the answers must be the same.
    ///
    /// # Errors
    /// When a machine does not answer.
    fn both(&mut self, what: &str, command: monitor::Command<'_>) -> Result<Vec<u8>, String> {
        let (bytes, count) = (command.bytes(), command.answer());
        self.judge.send(&bytes)?;
        self.ours.send(&bytes);
        let ours = self.ours.wait(count).map_err(|error| format!("{what}: {error}"))?;
        let judge = self.judge.wait(count).map_err(|error| format!("{what}: {error}"))?;
        if ours != judge && self.differs.is_none() {
            let at = ours.iter().zip(&judge).position(|(a, b)| a != b).unwrap_or(0);
            let part = |bytes: &[u8]| {
                format!("{:02x?}", bytes.iter().skip(at).take(8).collect::<Vec<_>>())
            };
            let (ours, judge) = (part(&ours), part(&judge));
            self.differs =
                Some(format!("{what}: byte {at} of the answer: {ours} instead of {judge}"));
        }
        Ok(judge)
    }

    /// Calls the video services of the BIOS.
    ///
    /// # Errors
    /// When a machine does not answer.
    pub fn video(&mut self, registers: Registers) -> Result<Registers, String> {
        let what = format!("INT 10h AX={:04x} BX={:04x}", registers.ax, registers.bx);
        let answer = self.both(&what, monitor::Command::Interrupt(0x10, registers))?;
        Ok(monitor::registers(&answer).0)
    }

    /// Puts bytes into memory, in the window too.
    ///
    /// # Errors
    /// When a machine does not answer.
    pub fn write(&mut self, at: (u16, u16), bytes: &[u8]) -> Result<(), String> {
        self.both("a write", monitor::Command::Write(at, bytes)).map(drop)
    }

    /// Reads bytes of memory, of the window too.
    ///
    /// # Errors
    /// When a machine does not answer.
    pub fn read(&mut self, at: (u16, u16), len: u16) -> Result<Vec<u8>, String> {
        let what = format!("memory at {:04x}:{:04x}", at.0, at.1);
        self.both(&what, monitor::Command::Read(at, len))
    }

    /// Runs code that ends with a far return.
    ///
    /// # Errors
    /// When a machine does not answer.
    pub fn run(&mut self, code: &[u8]) -> Result<(), String> {
        self.write(ROOM, code)?;
        self.both("code", monitor::Command::Call(ROOM)).map(drop)
    }

    /// QEMU's release.
    #[must_use]
    pub const fn release(&self) -> u32 {
        self.release
    }

    /// Compares all that both machines did since the last check, and what they show.
    pub fn check(&mut self, name: &str) {
        self.check_to(name, PLANES);
    }

    /// The same with more of video memory; with none of it, the picture is not looked at either.
    pub fn check_to(&mut self, name: &str, memory: usize) {
        let log = self.judge.take_log();
        let accesses = log.as_ref().map_or(0, |log| log.lines().count());
        let mut picture = None;
        let compare = || {
            let told = self.differs.take().map_or(Ok(()), Err);
            let ours = self.ours.take_log();
            compare_logs(&ours, &log?).and(told)?;
            if memory == 0 {
                return Ok(());
            }
            let bars = self.judge.bars()?;
            let theirs = self.judge.memory(bars.memory, memory)?;
            let ours = self.ours.video_memory(memory);
            if ours == theirs {
                picture = self.look(name)?;
                return Ok(());
            }
            if let Some(at) = ours.iter().zip(&theirs).position(|(a, b)| a != b) {
                let count = ours.iter().zip(&theirs).filter(|(a, b)| a != b).count();
                return Err(format!("video memory differs at {at:#x}, {count} bytes in all"));
            }
            picture = self.look(name)?;
            Ok(())
        };
        let result = compare();
        self.checks.push(Check { name: name.to_owned(), accesses, memory, picture, result });
    }

    /// Compares pictures until both machines blink in step; QEMU's first one may still be the one before.
    fn look(&mut self, name: &str) -> Result<Option<(u32, u32)>, String> {
        let mut why = String::new();
        for _ in 0..LOOKS {
            let (ours, judge) = (self.ours.screen()?, self.judge.screen()?);
            match ours.difference(&judge) {
                None => return Ok(Some((judge.width, judge.height))),
                Some(difference) => why = difference,
            }
            self.ours.with(|model| model.pass(Some(PHASE)))?;
        }
        if self.release < EXACT {
            return Ok(None);
        }
        let base = self.folder.join(name.replace([' ', '/', ','], "-"));
        self.ours.screen()?.save(&base, "ours")?;
        self.judge.screen()?.save(&base, "judge")?;
        Err(format!("{why}, see {}-*.png", base.display()))
    }
}

/// As many lines of a log as another has.
fn prefix<'a>(log: &'a str, other: &str) -> &'a str {
    let len = log.split_inclusive('\n').take(other.lines().count()).map(str::len).sum();
    log.get(..len).unwrap_or(log)
}

fn compare_logs(ours: &str, judge: &str) -> Result<(), String> {
    let mut lines = (1..).zip(ours.lines().zip(judge.lines()));
    if let Some((number, (ours, judge))) = lines.find(|(_, (ours, judge))| ours != judge) {
        return Err(format!("access {number} is {ours:?} instead of {judge:?}"));
    }
    let (ours, judge) = (ours.lines().count(), judge.lines().count());
    if ours == judge { Ok(()) } else { Err(format!("{ours} accesses instead of {judge}")) }
}

/// What was done, the port or the index, and the value.
fn parse(line: &str) -> Option<(&str, u16, u16)> {
    let mut words = line.split([' ', ',']).filter(|word| !word.is_empty());
    let number = |words: &mut dyn Iterator<Item = &str>| {
        u16::from_str_radix(words.nth(1)?.trim_start_matches("0x"), 16).ok()
    };
    let what = words.next()?;
    Some((what, number(&mut words)?, number(&mut words)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_are_read() {
        let line = "vga_std_write_io addr 0x3c2, val 0xc3";
        assert_eq!(parse(line), Some(("vga_std_write_io", 0x3c2, 0xc3)));
        assert_eq!(parse("vga_vbe_read index 0xa, val 0x100"), Some(("vga_vbe_read", 10, 256)));
        assert_eq!(parse("something else"), None);
    }

    #[test]
    fn logs_are_the_same_to_the_last_line() {
        assert_eq!(prefix("a\nb\nc\n", "x\ny\n"), "a\nb\n");
        assert_eq!(compare_logs("a\nb\n", "a\nb\n"), Ok(()));
        assert!(compare_logs("a\n", "a\nb\n").is_err() && compare_logs("a\n", "b\n").is_err());
    }
}
