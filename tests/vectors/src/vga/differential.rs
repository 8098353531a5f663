//! Random accesses to our device and to a judge, which must answer and show the same.
//!
//! Each round begins with a mode as a BIOS sets it, with random colours and memory; then come random
//! accesses, most of them to a few registers and places, with looks at the screen between them. All
//! follows from the seed.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use porthole_vga_device::Width;

use super::model::Model;
use super::modes::{MODES, set_dispi, set_mode};
use super::qtest::Qemu;
use super::run::{Space, Target};
use crate::Summary;

pub mod served;

/// Accesses of a round, and looks at the screen.
const LOOKS: u32 = 14;
const BETWEEN_LOOKS: u64 = 6;
/// Memory of the planes, all of which is filled and compared.
const PLANES: u32 = 256 << 10;

/// Random numbers: a simple generator, the same everywhere.
#[derive(Debug)]
pub(super) struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    fn byte(&mut self) -> u8 {
        let [byte, ..] = self.next().to_le_bytes();
        byte
    }

    fn word(&mut self) -> u16 {
        let [low, high, ..] = self.next().to_le_bytes();
        u16::from_le_bytes([low, high])
    }

    fn of<T: Copy>(&mut self, list: &[T]) -> Option<T> {
        let index = usize::try_from(self.below(list.len() as u64)).ok()?;
        list.get(index).copied()
    }
}

/// Both devices, to which everything is done.
#[derive(Debug)]
struct Pair<T = Model> {
    ours: T,
    judge: Qemu,
    /// What was done, for whoever looks for the reason.
    done: Vec<String>,
}

impl<T: Target> Pair<T> {
    fn out(&mut self, port: u16, width: Width, value: u32) -> Result<(), String> {
        self.done.push(format!("{{\"io_write\":[{port},{},{value}]}}", width.bytes()));
        self.ours.io_write(port, width, value)?;
        self.judge.io_write(port, width, value)
    }

    fn input(&mut self, port: u16, width: Width) -> Result<(), String> {
        let (ours, judge) = (self.ours.io_read(port, width)?, self.judge.io_read(port, width)?);
        self.done.push(format!("{{\"expect_io\":[{port},{},{judge}]}}", width.bytes()));
        same(&format!("port {port:#x}"), ours.into(), judge.into())
    }

    fn write(&mut self, space: Space, offset: u32, bytes: &[u8]) -> Result<(), String> {
        let name = name(space);
        let mut hex = String::new();
        for byte in bytes {
            write!(hex, "{byte:02x}").map_err(|error| error.to_string())?;
        }
        self.done.push(format!("{{\"mem_write\":[\"{name}\",{offset},\"{hex}\"]}}"));
        self.ours.mem_write(space, offset, bytes)?;
        self.judge.mem_write(space, offset, bytes)
    }

    fn read(&mut self, space: Space, offset: u32, len: usize) -> Result<(), String> {
        let name = name(space);
        self.done.push(format!("{{\"mem_read\":[\"{name}\",{offset},{len}]}}"));
        let ours = self.ours.mem_read(space, offset, len)?;
        let judge = self.judge.mem_read(space, offset, len)?;
        match (0_u32..).zip(ours.iter().zip(&judge)).find(|(_, (ours, judge))| ours != judge) {
            None => Ok(()),
            Some((at, (ours, judge))) => {
                Err(format!("{name} {:#x}: {ours:#x} instead of {judge:#x}", offset + at))
            }
        }
    }

    fn mmio_write(&mut self, offset: u32, width: Width, value: u64) -> Result<(), String> {
        self.done.push(format!("{{\"mmio_write\":[{offset},{},{value}]}}", width.bytes()));
        self.ours.mmio_write(offset, width, value)?;
        self.judge.mmio_write(offset, width, value)
    }

    fn mmio_read(&mut self, offset: u32, width: Width) -> Result<(), String> {
        let ours = self.ours.mmio_read(offset, width)?;
        let judge = self.judge.mmio_read(offset, width)?;
        self.done.push(format!("{{\"expect_mmio\":[{offset},{},{judge}]}}", width.bytes()));
        same(&format!("BAR2 {offset:#x}"), ours, judge)
    }
}

impl Pair {
    fn look(&mut self, seen: &Path) -> Result<(), String> {
        self.done.push("{\"note\":\"look\"}".to_owned());
        // Where QEMU's screen gets a new surface, its first picture is still of the old one.
        self.judge.screen()?;
        let (ours, judge) = (self.ours.screen()?, self.judge.screen()?);
        let Some(difference) = ours.difference(&judge) else { return Ok(()) };
        ours.save(seen, "ours")?;
        judge.save(seen, "judge")?;
        Err(difference)
    }
}

fn same(what: &str, ours: u64, judge: u64) -> Result<(), String> {
    if ours == judge { Ok(()) } else { Err(format!("{what}: {ours:#x} instead of {judge:#x}")) }
}

const fn name(space: Space) -> &'static str {
    match space {
        Space::Legacy => "legacy",
        Space::Lfb => "lfb",
        Space::Mmio => "mmio",
    }
}

/// Compares for some rounds. Of each that differs, what was done is left in the folder as a scenario.
///
/// # Errors
/// When QEMU does not start.
pub fn compare(
    qemu: impl Fn() -> Command,
    seed: u64,
    rounds: u64,
    folder: &Path,
) -> Result<Summary, String> {
    let mut summary = Summary::default();
    // Several runs may be under way.
    let scratch = folder.join(format!("run-{}", std::process::id()));
    for round in seed..seed + rounds {
        let mut random = Random(round);
        let megabytes = random.of(&[16, 4, 1]).unwrap_or(16);
        let ours = Model::new("VGA", megabytes)?;
        let judge = Qemu::start(qemu(), &format!("VGA,vgamem_mb={megabytes}"), &scratch)?;
        let mut pair = Pair { ours, judge, done: Vec::new() };
        match play(&mut pair, &mut random, &folder.join(format!("round-{round}"))) {
            Ok(()) => summary.passed += 1,
            Err(why) => {
                let file = folder.join(format!("round-{round}.json"));
                let steps = pair.done.join(",\n");
                let device = format!("{{\"type\":\"VGA\",\"vram_mb\":{megabytes}}}");
                let name = format!("\"name\":\"round-{round}\"");
                let text = format!("{{{name},\"device\":{device},\"steps\":[\n{steps}\n]}}\n");
                std::fs::write(&file, text).map_err(|error| error.to_string())?;
                let why = format!("{why} (step {}, see {})", pair.done.len(), file.display());
                summary.failed.push((format!("seed {round}"), why));
            }
        }
    }
    // What is left there is of no use to anybody.
    let _ = std::fs::remove_dir_all(&scratch);
    Ok(summary)
}

fn play(pair: &mut Pair, random: &mut Random, seen: &Path) -> Result<(), String> {
    let mut seed = random.next();
    let memory: Vec<u8> = (0..PLANES)
        .map(|_| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let [.., byte] = seed.to_le_bytes();
            byte
        })
        .collect();
    pair.write(Space::Lfb, 0, &memory)?;
    pair.done.pop();
    pair.done.push(format!("{{\"note\":\"memory is random by {seed}\"}}"));
    start(pair, random)?;
    for _ in 0..LOOKS {
        refresh(pair, random)?;
        pair.look(seen)?;
        for _ in 0..=random.below(BETWEEN_LOOKS) {
            act(pair, random)?;
        }
    }
    refresh(pair, random)?;
    pair.look(seen)?;
    let (ours, judge) = (
        pair.ours.mem_read(Space::Lfb, 0, PLANES as usize)?,
        pair.judge.mem_read(Space::Lfb, 0, PLANES as usize)?,
    );
    match ours.iter().zip(&judge).position(|(ours, judge)| ours != judge) {
        None => Ok(()),
        Some(at) => Err(format!("at the end memory differs at {at:#x}")),
    }
}

/// Sets a mode, and random colours.
fn start(pair: &mut Pair, random: &mut Random) -> Result<(), String> {
    pair.out(0x3c8, Width::Byte, 0)?;
    for _ in 0..768 {
        pair.out(0x3c9, Width::Byte, random.byte().into())?;
    }
    let Some(mode) = random.of(MODES) else { return Ok(()) };
    for (port, width, value) in set_mode(mode) {
        pair.out(port, width, value)?;
    }
    if random.below(3) == 0 {
        let bits = random.of(&[4, 8, 15, 16, 24, 32]).unwrap_or(32);
        let size = (64 + random.word() % 1000, 1 + random.word() % 700);
        let flags = 0x41 | random.of(&[0, 0x80, 0x20, 0xa0, 0x80]).unwrap_or(0);
        for (port, width, value) in set_dispi(size, bits, flags) {
            pair.out(port, width, value)?;
        }
    }
    Ok(())
}

/// Changes colours: QEMU draws all anew then, which some registers, and writes to some places, do not
/// make it do. What changed by itself, our device is asked for apart.
fn refresh(pair: &mut Pair, random: &mut Random) -> Result<(), String> {
    pair.ours.screen()?;
    pair.judge.screen()?;
    pair.input(0x3da, Width::Byte)?;
    for index in 4..8 {
        pair.out(0x3c0, Width::Byte, 0x20 | index)?;
        pair.out(0x3c0, Width::Byte, random.byte().into())?;
    }
    pair.out(0x3c8, Width::Byte, 40)?;
    (0..3).try_for_each(|_| pair.out(0x3c9, Width::Byte, random.byte().into()))
}

fn indexed(pair: &mut Pair, port: u16, index: u8, value: u8) -> Result<(), String> {
    pair.out(port, Width::Word, u32::from(value) << 8 | u32::from(index))
}

/// The CRT controller's registers that decide anything, with values that leave a screen to compare.
const CRTC: &[u8] = &[
    0x01, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x11, 0x12, 0x13, 0x14, 0x17,
    0x18,
];

fn act(pair: &mut Pair, random: &mut Random) -> Result<(), String> {
    match random.below(18) {
        17 => pair.out(0x3c2, Width::Byte, u32::from(random.byte() | 1)),
        0 => {
            let index = random.of(&[1, 2, 2, 3, 4, 4, 0]).unwrap_or(0);
            indexed(pair, 0x3c4, index, random.byte())
        }
        1 | 2 => {
            let index = random.of(&[0, 1, 2, 3, 4, 5, 5, 7, 8]).unwrap_or(0);
            indexed(pair, 0x3ce, index, random.byte())
        }
        3 if random.below(4) == 0 => indexed(pair, 0x3ce, 6, random.byte()),
        3..=5 => {
            let index = random.of(CRTC).unwrap_or(0x0d);
            let value = match index {
                0x01 => random.byte() % 100,
                0x06 => random.of(&[100, 1, 99]).unwrap_or(0),
                0x09 => random.byte() & random.of(&[0xff, 0x4f, 0xc1]).unwrap_or(0xff),
                _ => random.byte(),
            };
            indexed(pair, 0x3d4, index, value)
        }
        6 | 7 => {
            let index = random.of(&[0, 3, 8, 15, 0x10, 0x12, 0x13, 0x13, 0x14]).unwrap_or(0);
            pair.input(0x3da, Width::Byte)?;
            pair.out(0x3c0, Width::Byte, index)?;
            pair.out(0x3c0, Width::Byte, random.byte().into())?;
            let shown = if random.below(12) == 0 { 0 } else { 0x20 };
            pair.out(0x3c0, Width::Byte, shown)
        }
        8 => {
            pair.out(0x3c8, Width::Byte, random.byte().into())?;
            (0..4).try_for_each(|_| pair.out(0x3c9, Width::Byte, random.byte().into()))
        }
        9 | 10 => {
            let len = usize::try_from(1 + random.below(40)).unwrap_or(1);
            let bytes: Vec<u8> = (0..len).map(|_| random.byte()).collect();
            let offset = window_offset(random);
            pair.write(Space::Legacy, offset, &bytes)
        }
        11 => {
            let offset = window_offset(random);
            pair.read(Space::Legacy, offset, 1 + usize::from(random.byte() & 15))
        }
        12 => {
            // Not plane 2: QEMU does not see that fonts are written here, and our device does.
            let bytes = [random.byte(), random.byte()];
            let offset = u32::from(random.word()) * random.of(&[1, 4]).unwrap_or(1);
            pair.write(Space::Lfb, offset & !3, &bytes)
        }
        13 => {
            let port = random.of(&[
                0x3b4, 0x3b5, 0x3ba, 0x3c0, 0x3c1, 0x3c2, 0x3c4, 0x3c5, 0x3c7, 0x3c8, 0x3c9, 0x3ca,
                0x3cc, 0x3ce, 0x3cf, 0x3d4, 0x3d5, 0x3da,
            ]);
            let width = if random.below(4) == 0 { Width::Word } else { Width::Byte };
            pair.input(port.unwrap_or(0x3c0), width)
        }
        14 | 15 => dispi(pair, random),
        _ => bar2(pair, random),
    }
}

fn window_offset(random: &mut Random) -> u32 {
    let start = random.of(&[0, 0x8000, 0x1_0000, 0x1_8000, 0x1_8000]).unwrap_or(0);
    let span = random.of(&[0x100, 0x1000, 0x8000]).unwrap_or(1);
    start + u32::try_from(random.below(span)).unwrap_or(0)
}

fn dispi(pair: &mut Pair, random: &mut Random) -> Result<(), String> {
    let index = random.of(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 10]).unwrap_or(1);
    let value = match index {
        1 | 6 => random.word() % 1400,
        2 => random.word() % 900,
        3 => random.of(&[4, 8, 15, 16, 24, 32, 7]).unwrap_or(32),
        4 => random.of(&[0, 0, 0x41, 0xc1, 0x61, 1, 3, 2, 0x81]).unwrap_or(0),
        5 => random.word(),
        8 | 9 => random.word() % random.of(&[64, 1400]).unwrap_or(64),
        _ => random.word(),
    };
    pair.out(0x1ce, Width::Word, index)?;
    if random.below(3) > 0 {
        pair.out(0x1cf, Width::Word, value.into())?;
        // QEMU finds out whether the window lies flat at some writes, of which this is none.
        indexed(pair, 0x3ce, 7, 0x0f)?;
        pair.out(0x1ce, Width::Word, index)?;
    }
    pair.input(0x1cf, Width::Word)
}

fn bar2(pair: &mut Pair, random: &mut Random) -> Result<(), String> {
    let width = random.of(&[Width::Byte, Width::Word, Width::Dword]).unwrap_or(Width::Byte);
    let place = random.of(&[0x400, 0x500, 0x5fc, 0x600]).unwrap_or(0x400);
    // The EDID and what it borders on are the owner's.
    let offset = place + u32::try_from(random.below(0x20)).unwrap_or(0);
    match random.below(4) {
        0 => {
            let value = random.of(&[0xbebe_bebe, 0x1e1e_1e1e]).unwrap_or(0);
            pair.mmio_write(0x604, Width::Dword, value)
        }
        1 if place == 0x400 && offset != 0x402 => {
            pair.mmio_write(offset, Width::Byte, random.byte().into())
        }
        _ => pair.mmio_read(offset, width),
    }
}
