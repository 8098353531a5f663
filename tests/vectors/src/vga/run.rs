//! Runs one scenario.

use std::fmt::Write;
use std::path::Path;

use porthole_vga_device::Width;
use serde::Deserialize;

use super::archive::inflate;
use super::model::Model;
use super::pixels::{Pixels, save};
use super::scenario::{Scenario, Step};

/// Differences of a scenario that are told; more of them say no more.
const TOLD: usize = 6;

/// Where memory is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Space {
    /// The window at 0xA0000.
    Legacy,
    /// BAR0.
    Lfb,
    /// BAR2.
    Mmio,
}

/// A device that a scenario can be run on: ours, or another one as a judge.
pub trait Target {
    /// Writes a port.
    ///
    /// # Errors
    /// When the device is gone, as all of them.
    fn io_write(&mut self, port: u16, width: Width, value: u32) -> Result<(), String>;
    /// Reads a port.
    ///
    /// # Errors
    /// When the device is gone.
    fn io_read(&mut self, port: u16, width: Width) -> Result<u32, String>;
    /// Writes memory, byte by byte.
    ///
    /// # Errors
    /// When the device is gone.
    fn mem_write(&mut self, space: Space, offset: u32, bytes: &[u8]) -> Result<(), String>;
    /// Reads memory, byte by byte.
    ///
    /// # Errors
    /// When the device is gone.
    fn mem_read(&mut self, space: Space, offset: u32, len: usize) -> Result<Vec<u8>, String>;
    /// Makes one access of BAR2.
    ///
    /// # Errors
    /// When the device is gone.
    fn mmio_write(&mut self, offset: u32, width: Width, value: u64) -> Result<(), String>;
    /// Makes one access of BAR2.
    ///
    /// # Errors
    /// When the device is gone.
    fn mmio_read(&mut self, offset: u32, width: Width) -> Result<u64, String>;
    /// Lets time pass, or resets the machine where none is given.
    ///
    /// # Errors
    /// When the device is gone.
    fn pass(&mut self, nanoseconds: Option<u64>) -> Result<(), String>;
    /// What is shown now.
    ///
    /// # Errors
    /// When the device is gone, or contradicts itself.
    fn screen(&mut self) -> Result<Pixels, String>;
}

/// Runs a scenario and tells its differences.
pub(super) fn run(scenario: &Scenario, folder: &Path, pictures: &Path) -> Result<(), String> {
    let mut model = Model::new(&scenario.device.kind, scenario.device.vram_mb)?;
    let mut told = Vec::new();
    for (index, step) in scenario.steps.iter().enumerate() {
        let seen = pictures.join(format!("{}-{index}", scenario.name));
        if let Err(difference) = run_step(&mut model, step, folder, &seen) {
            told.push(format!("step {index}: {difference}"));
        }
    }
    if told.is_empty() {
        return Ok(());
    }
    let more = told.len().saturating_sub(TOLD);
    told.truncate(TOLD);
    if more > 0 {
        told.push(format!("and {more} more steps"));
    }
    Err(told.join("; "))
}

fn run_step(
    target: &mut impl Target,
    step: &Step,
    folder: &Path,
    seen: &Path,
) -> Result<(), String> {
    match step {
        Step::IoWrite(port, bytes, value) => target.io_write(*port, width(*bytes)?, *value),
        Step::IoRead(port, bytes) => target.io_read(*port, width(*bytes)?).map(drop),
        Step::ExpectIo(port, bytes, want) => {
            let got = target.io_read(*port, width(*bytes)?)?;
            same(&format!("port {port:#x}"), got.into(), (*want).into())
        }
        Step::ExpectIoMask(port, bytes, mask, want) => {
            let got = target.io_read(*port, width(*bytes)?)? & mask;
            same(&format!("port {port:#x}"), got.into(), (*want).into())
        }
        Step::MemWrite(space, offset, hex) => target.mem_write(*space, *offset, &unhex(hex)?),
        Step::MemZlib(space, offset, text) => target.mem_write(*space, *offset, &inflate(text)?),
        Step::MemFill(space, offset, len, byte) => {
            target.mem_write(*space, *offset, &vec![*byte; *len])
        }
        Step::MemLcg(space, offset, len, seed) => {
            target.mem_write(*space, *offset, &lcg(*len, *seed))
        }
        Step::MemRead(space, offset, len) => target.mem_read(*space, *offset, *len).map(drop),
        Step::ExpectMem(space, offset, hex) => {
            let want = unhex(hex)?;
            let got = target.mem_read(*space, *offset, want.len())?;
            let wrong = got.iter().zip(&want).position(|(got, want)| got != want);
            let Some(wrong) = wrong else { return Ok(()) };
            let digits = |bytes: &[u8]| {
                let shown = bytes.iter().skip(wrong).take(16);
                shown.fold(String::new(), |mut text, byte| {
                    let _ = write!(text, "{byte:02x}");
                    text
                })
            };
            let (got, want) = (digits(&got), digits(&want));
            Err(format!("{space:?} {offset:#x} + {wrong:#x}: {got} instead of {want}"))
        }
        Step::MmioWrite(offset, bytes, value) => target.mmio_write(*offset, width(*bytes)?, *value),
        Step::ExpectMmio(offset, bytes, want) => {
            let got = target.mmio_read(*offset, width(*bytes)?)?;
            same(&format!("BAR2 {offset:#x}"), got, *want)
        }
        Step::ExpectEdid(_) => check_edid(&target.mem_read(Space::Mmio, 0, 0x180)?),
        Step::AdvanceNs(time) => target.pass(Some(*time)),
        Step::Reset(_) => target.pass(None),
        Step::Screen(names) => {
            let name = names.first().ok_or("no picture is named")?;
            compare(&target.screen()?, &folder.join(name), seen)
                .map_err(|difference| format!("{name}: {difference}"))
        }
        Step::Note(_) => Ok(()),
    }
}

fn width(bytes: usize) -> Result<Width, String> {
    Width::try_from(bytes).map_err(|error| error.to_string())
}

fn same(what: &str, got: u64, want: u64) -> Result<(), String> {
    if got == want { Ok(()) } else { Err(format!("{what}: {got:#x} instead of {want:#x}")) }
}

pub(super) fn unhex(text: &str) -> Result<Vec<u8>, String> {
    let digit =
        |digit: &u8| char::from(*digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| Some(digit(high)? << 4 | digit(low)?));
    let bytes: Option<Vec<u8>> = bytes.collect();
    bytes.filter(|_| rest.is_empty()).ok_or_else(|| "no hexadecimal digits".to_owned())
}

/// Bytes of a generator: the highest of each state after a step.
fn lcg(len: usize, seed: u32) -> Vec<u8> {
    let mut state = seed;
    let bytes = (0..len).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [highest, ..] = state.to_be_bytes();
        highest
    });
    bytes.collect()
}

/// Header, and the sum of each block.
fn check_edid(bytes: &[u8]) -> Result<(), String> {
    if !bytes.starts_with(&[0, 255, 255, 255, 255, 255, 255, 0]) {
        return Err("no EDID".to_owned());
    }
    let extensions = usize::from(bytes.get(126).copied().unwrap_or(0));
    for block in 0..=extensions {
        let block = bytes.get(128 * block..128 * block + 128).ok_or("the EDID is cut")?;
        if block.iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte)) != 0 {
            return Err("a wrong sum in the EDID".to_owned());
        }
    }
    Ok(())
}

/// Compares with a PNG file. What is seen and where it differs is written beside `seen`.
fn compare(have: &Pixels, file: &Path, seen: &Path) -> Result<(), String> {
    let want = image::open(file).map_err(|error| error.to_string())?.to_rgb8();
    if want.dimensions() != (have.width, have.height) {
        let (width, height) = want.dimensions();
        save(seen, "seen", have, |_, _, pixel| pixel)?;
        let have = format!("{}x{}", have.width, have.height);
        return Err(format!("the screen is {have} instead of {width}x{height}"));
    }
    let mut wrong = want.enumerate_pixels().zip(&have.pixels).filter(|((_, _, want), have)| {
        let [red, green, blue] = want.0;
        u32::from_be_bytes([0, red, green, blue]) != **have
    });
    let Some(((x, y, want_first), have_first)) = wrong.next() else { return Ok(()) };
    let [red, green, blue] = want_first.0;
    let more = wrong.count();
    save(seen, "seen", have, |_, _, pixel| pixel)?;
    let diff = save(seen, "diff", have, |x, y, pixel| {
        let want = want.get_pixel_checked(x, y).map_or([0; 3], |pixel| pixel.0);
        if want == pixel { pixel.map(|part| part / 4) } else { [255, 0, 0] }
    })?;
    Err(format!(
        "pixel {x},{y} is {have_first:06x} instead of {red:02x}{green:02x}{blue:02x}, {more} more \
         differ, see {diff}"
    ))
}
