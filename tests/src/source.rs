//! A machine whose picture comes over VNC, shown by `porthole-rfb`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::{Failure, Result};
use crate::picture::Picture;
use crate::plain::{Machine, Options, on_port};
use crate::process::{Process, built};
use crate::screen::Screen;
use crate::service::Service;
use crate::wait::{GUEST, wait_until};

/// A running machine with its VNC server, and the program that shows it.
#[derive(Debug)]
pub struct SourceGuest {
    /// The machine.
    pub machine: Machine,
    /// The program.
    pub source: Process,
    /// Where the machine's server listens.
    pub vnc: PathBuf,
}

/// The options with a VNC server at a Unix socket instead of another display.
#[must_use]
pub fn with_vnc(mut options: Options, socket: &Path) -> Options {
    options.machine.display = format!("vnc=unix:{}", socket.display());
    options
}

impl SourceGuest {
    /// Switches a machine on and shows it on a service's socket of the machine's name.
    ///
    /// # Errors
    /// When one of both does not come up.
    pub fn start(
        service: &Service,
        name: &str,
        options: &Options,
        more: &[&str],
    ) -> Result<SourceGuest> {
        let folder = service.folder().join(format!("guest-{name}"));
        let vnc = service.folder().join(format!("{name}.vnc"));
        let machine = Machine::power_on(&folder, &with_vnc(options.clone(), &vnc))?;
        let source = source(service, name, &unix(&vnc), more)?;
        Ok(SourceGuest { machine, source, vnc })
    }

    /// Waits until a capture of the tests' port sees what QEMU says that the machine shows, of a size, in
    /// the port's corner, and nothing else; returns the machine's picture.
    ///
    /// # Errors
    /// When it does not before the deadline; the pictures are then beside the build under `name`.
    pub fn same_of(&mut self, name: &str, screen: &Screen, size: (u32, u32)) -> Result<Picture> {
        let mut last = None;
        let (machine, source) = (&mut self.machine, &mut self.source);
        // QEMU's picture is taken anew each time: a cursor may blink in it.
        let seen = wait_until(name, GUEST, || {
            source.must_run()?;
            let own = machine.screen()?;
            let expected = on_port(&own);
            let picture = screen.picture();
            if picture.as_ref() == Some(&expected) && (own.width(), own.height()) == size {
                return Ok(Some(own));
            }
            last = picture.map(|picture| (picture, expected));
            Ok(None)
        });
        let Err(error) = seen else { return seen };
        let Some((picture, expected)) = last else {
            return Err(self.source.failure(&format!("{error}; no picture came at all")));
        };
        let folder = picture.write_comparison(&expected, name)?;
        let difference = picture.difference(&expected);
        let text = format!("{error}; {difference:?}, see {}", folder.display());
        Err(self.source.failure(&text))
    }
}

/// A Unix socket's address as the program takes it.
#[must_use]
pub fn unix(path: &Path) -> String {
    format!("unix:{}", path.display())
}

/// Starts `porthole-rfb` on a service's socket.
///
/// # Errors
/// When it does not become ready.
pub fn source(service: &Service, name: &str, server: &str, more: &[&str]) -> Result<Process> {
    let mut command = Command::new(built("porthole-rfb")?);
    command.args(["--guest", name, "--server", server]).args(more);
    command.arg("--wayland").arg(service.socket(name)?);
    let log = format!("porthole-rfb-{name}");
    let (source, ready) = Process::start_ready(&log, service.folder(), &mut command)?;
    if ready.get("server").and_then(serde_json::Value::as_str) == Some(server) {
        return Ok(source);
    }
    Err(Failure::new(format!("the ready line names another server: {ready}")))
}

/// What a VNC server without security says first, with a picture of a size and the name "n".
#[must_use]
pub fn hello((width, height): (u16, u16)) -> Vec<u8> {
    let start = b"RFB 003.008\n\x01\x01\0\0\0\0";
    let format = [32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0];
    let size = [width, height].map(u16::to_be_bytes).concat();
    [&start[..], &size, &format, b"\0\0\0\x01n"].concat()
}

/// An update of the whole picture in one grey.
#[must_use]
pub fn grey((width, height): (u16, u16), value: u8) -> Vec<u8> {
    let size = [width, height].map(u16::to_be_bytes).concat();
    let pixels = vec![value; usize::from(width) * usize::from(height) * 4];
    [&[0, 0, 0, 1, 0, 0, 0, 0][..], &size, &[0; 4], &pixels].concat()
}
