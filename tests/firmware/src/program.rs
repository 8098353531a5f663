//! The program that is not Linux ([`porthole_rig::program`]), on the emulated machine and on QEMU.

use std::path::Path;

use porthole_rig::program::{PICTURES, Picture, disk};
use porthole_rig::x86::BOOT;
use porthole_vectors::vga::{Pixels, Target as _};

use crate::Peer;
use crate::board::Board;
use crate::judge::Judge;
use crate::sectors::BARS;

/// What it may take of the disk: an emulated machine has it in memory from the beginning.
const LOADED: usize = 16 << 10;
/// Looks within which the cursor has shown itself, and a phase of it.
const LOOKS: u32 = 4;
const PHASE: u64 = 300_000_000;

/// Draws everything on both machines. Text must be the same on both, pictures those that the program knows.
///
/// # Errors
/// When something else is shown or said.
pub fn run(peer: &Peer, folder: &Path) -> Result<(), String> {
    let disk = disk().map_err(|error| error.to_string())?;
    let rom = std::fs::read(&peer.rom).map_err(|error| error.to_string())?;
    let mut judge = Judge::start(peer.command(), &peer.rom, &disk, folder)?;
    let board = Board::new(BARS, &[])?;
    board.load_bios_data()?;
    board.start_rom(&rom)?;
    board.load(u32::from(BOOT), disk.get(..LOADED).unwrap_or_default())?;
    board.jump(u32::from(BOOT));
    said(&board.line()?, "up")?;
    said(&judge.line()?, "up")?;
    for picture in PICTURES {
        draw(&board, &mut judge, picture.name)?;
        let want = pixels(picture);
        // QEMU's first picture may be the one before.
        judge.screen()?;
        for (who, seen) in [("ours", board.screen()?), ("QEMU's", judge.screen()?)] {
            if let Some(why) = seen.difference(&want) {
                let file = seen.save(&folder.join("program"), who)?;
                return Err(format!("{who}, {}: {why}, see {file}", picture.name));
            }
        }
    }
    draw(&board, &mut judge, 't')?;
    judge.screen()?;
    text(&board, &mut judge)?;
    judge.send(b"k")?;
    judge.press("a")?;
    said(&judge.line()?, "key 1e61")?;
    judge.send(b"?")?;
    said(&judge.line()?, "none ?")
}

fn draw(board: &Board, judge: &mut Judge, name: char) -> Result<(), String> {
    let byte = [u8::try_from(name).unwrap_or(b'?')];
    board.send(&byte);
    judge.send(&byte)?;
    let want = format!("drawn {name}");
    said(&board.line()?, &want)?;
    said(&judge.line()?, &want)
}

fn said(line: &str, want: &str) -> Result<(), String> {
    if line == want { Ok(()) } else { Err(format!("it says {line:?} instead of {want:?}")) }
}

fn pixels(picture: Picture) -> Pixels {
    let Picture { width, height, .. } = picture;
    let pixels = (0..height).flat_map(|y| (0..width).map(move |x| picture.pixel(x, y)));
    Pixels { width, height, pixels: pixels.collect() }
}

/// Letters are the BIOS's; the cursor blinks on both.
fn text(board: &Board, judge: &mut Judge) -> Result<(), String> {
    let mut why = String::new();
    for _ in 0..LOOKS {
        match board.screen()?.difference(&judge.screen()?) {
            None => return Ok(()),
            Some(difference) => why = difference,
        }
        board.with(|model| model.pass(Some(PHASE)))?;
    }
    Err(format!("text: {why}"))
}
