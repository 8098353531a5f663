//! How long a machine takes from its start until its firmware shows something.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use porthole_rig::error::Context;
use porthole_rig::progress::say;
use porthole_rig::roots::NEWEST;
use porthole_rig::{Plain, Qemu, Result, RigError, packages};
use serde_json::json;

use super::canvas;
use super::parts::Service;
use super::program::Program;
use crate::capture::Capturer;
use crate::clock::{pause, wait_until};
use crate::measure::{Bench, Samples};

/// The layer's size, and so what firmware takes from the display's description.
const SIZE: (u32, u32) = (1280, 800);
/// The size of what QEMU shows while its device shows nothing.
const PLACEHOLDER: (u32, u32) = (640, 480);
/// Between two looks: QEMU needs as long for a screendump, and its guest should not wait for it all the time.
const INTERVAL: Duration = Duration::from_millis(8);
const PATIENCE: Duration = Duration::from_secs(60);

/// What a machine starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Firmware {
    /// SeaBIOS.
    Bios,
    /// EDK II.
    Uefi,
}

/// Milliseconds from the start of QEMU until a look finds a pixel that is not black: of the layer in a capture of
/// the port, or of the display of such a device of QEMU's in a screendump.
pub(crate) fn first_pixel(
    bench: &Bench,
    firmware: Firmware,
    card: &'static str,
) -> Result<Samples> {
    let mut samples = Samples::default();
    for round in 1..=bench.rounds {
        let time = ours(firmware)?;
        say(&format!("  round {round}: porthole {time:.1} ms"));
        samples.add("porthole", time);
        match theirs(firmware, card) {
            Ok(time) => {
                say(&format!("  round {round}: {card} {time:.1} ms"));
                samples.add(card, time);
            }
            Err(error) => samples.note(format!("{card} failed: {error}")),
        }
    }
    Ok(samples)
}

fn machine(firmware: Firmware, card: String) -> Result<Plain> {
    let mut machine = canvas::machine();
    machine.cards = vec![card];
    if firmware == Firmware::Uefi {
        let code = packages::unpacked("ovmf")?.join("usr/share/OVMF/OVMF_CODE_4M.fd");
        let drive = format!("if=pflash,format=raw,readonly=on,file={}", code.display());
        "q35,memory-backend=ram".clone_into(&mut machine.machine);
        machine.boot.extend(["-drive".to_owned(), drive]);
    }
    Ok(machine)
}

fn folder() -> Result<tempfile::TempDir> {
    let folder = tempfile::Builder::new().prefix("bench-").tempdir();
    folder.context(|| "make a folder".to_owned())
}

fn ours(firmware: Firmware) -> Result<f64> {
    let folder = folder()?;
    let path = folder.path();
    let service = Service::start(path, &[("guest".to_owned(), (0, 0), SIZE)])?;
    let (_device, card) = service.adapter(path, "guest")?;
    let mut capturer = Capturer::connect(&service.socket("viewer")?)?;
    let mut look = || -> Result<Vec<u32>> {
        capturer.ask(false)?;
        capturer.wait()?;
        // The rest of the port has the splash until the guest is there.
        let picture = capturer.picture()?;
        let lines = picture.words.chunks(picture.size.0 as usize).take(SIZE.1 as usize);
        Ok(lines.flat_map(|line| line.iter().take(SIZE.0 as usize)).copied().collect())
    };
    let splash = look()?;
    let machine = machine(firmware, card)?;
    let start = Instant::now();
    let mut qemu = Program::start("qemu", path, Qemu::of_release(NEWEST)?.plain(&machine))?;
    until(start, &mut qemu, || {
        let picture = look()?;
        Ok(picture != splash && picture.iter().any(|pixel| *pixel != 0))
    })
}

fn theirs(firmware: Firmware, card: &str) -> Result<f64> {
    let folder = folder()?;
    let path = folder.path();
    let (monitor, picture) = (path.join("qmp.sock"), path.join("screen.ppm"));
    let mut machine = machine(firmware, card.to_owned())?;
    machine.qmp = vec![monitor.clone()];
    let start = Instant::now();
    let mut qemu = Program::start("qemu", path, Qemu::of_release(NEWEST)?.plain(&machine))?;
    let mut monitor = Monitor::connect(&monitor, &mut qemu)?;
    until(start, &mut qemu, || {
        monitor.ask(&json!({ "execute": "screendump", "arguments": { "filename": picture } }))?;
        let bytes = std::fs::read(&picture).at("read", &picture)?;
        Ok(shows(&bytes))
    })
}

/// Milliseconds from the start until a look finds what it looks for.
fn until(
    start: Instant,
    qemu: &mut Program,
    mut look: impl FnMut() -> Result<bool>,
) -> Result<f64> {
    while !look()? {
        if start.elapsed() > PATIENCE || !qemu.runs() {
            return Err(qemu.failure("shows nothing"));
        }
        pause(INTERVAL);
    }
    Ok(start.elapsed().as_secs_f64() * 1e3)
}

/// Whether a picture (PPM) of the display has a pixel that is not black.
fn shows(picture: &[u8]) -> bool {
    let (width, height) = PLACEHOLDER;
    let mut lines = picture.splitn(4, |byte| *byte == b'\n');
    let (kind, size, _, pixels) = (lines.next(), lines.next(), lines.next(), lines.next());
    let nothing = format!("{width} {height}");
    kind == Some(b"P6")
        && size.is_some_and(|size| size != nothing.as_bytes())
        && pixels.is_some_and(|pixels| pixels.iter().any(|part| *part != 0))
}

/// QEMU's monitor.
struct Monitor(BufReader<UnixStream>);

impl Monitor {
    fn connect(socket: &Path, qemu: &mut Program) -> Result<Self> {
        let mut stream = None;
        wait_until(PATIENCE, || {
            stream = UnixStream::connect(socket).ok();
            stream.is_some() || !qemu.runs()
        });
        let stream = stream.ok_or_else(|| qemu.failure("has no monitor"))?;
        stream.set_read_timeout(Some(PATIENCE)).context(|| "set a time limit".to_owned())?;
        let mut monitor = Self(BufReader::new(stream));
        monitor.ask(&json!({ "execute": "qmp_capabilities" }))?;
        Ok(monitor)
    }

    /// Has something done, and waits until it is.
    fn ask(&mut self, order: &serde_json::Value) -> Result<()> {
        writeln!(self.0.get_mut(), "{order}").context(|| "ask QEMU's monitor".to_owned())?;
        loop {
            let mut line = String::new();
            let read = self.0.read_line(&mut line).context(|| "hear QEMU's monitor".to_owned())?;
            if read == 0 || line.contains("\"error\"") {
                return Err(RigError::failed(format!("QEMU's monitor: {}", line.trim())));
            }
            if line.contains("\"return\"") {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::shows;

    #[test]
    fn a_picture_shows_something_when_it_is_not_black() {
        assert!(shows(b"P6\n2 1\n255\n\0\0\0\0\x01\0"));
        assert!(!shows(b"P6\n2 1\n255\n\0\0\0\0\0\0"));
        assert!(!shows(b"P6\n640 480\n255\n\xff\xff\xff"));
        assert!(!shows(b""));
    }
}
