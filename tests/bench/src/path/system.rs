//! A guest whose picture is shown to VNC viewers: by the service, or by QEMU itself.
//!
//! Kernel, program, memory, processor and input devices of the guest are the same.

use std::path::{Path, PathBuf};

use porthole_guest::commands::Command as Order;
use porthole_guest::pattern::Pattern;
use porthole_rig::error::Context;
use porthole_rig::qemu::Machine;
use porthole_rig::{Result, RigError};
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use super::parts::{Guest, SIZE, Service};
use super::program::Program;
use crate::clock::wait_until;
use crate::counters::Counters;

const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// Who shows the guest's picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    Porthole,
    /// The same, with a trace of all that the guest does.
    Traced,
    Qemu,
}

impl Who {
    pub(crate) const ALL: [Self; 2] = [Self::Porthole, Self::Qemu];
    pub(crate) const TRACED: [Self; 2] = [Self::Porthole, Self::Traced];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Porthole => "porthole",
            Self::Traced => "traced",
            Self::Qemu => "qemu",
        }
    }
}

/// A running guest and all that shows it.
#[derive(Debug)]
pub(crate) struct System {
    pub(crate) guest: Guest,
    /// Where viewers connect.
    pub(crate) vnc: PathBuf,
    ours: Option<Ours>,
    /// What the guest has drawn beneath what moves.
    ground: Option<Pattern>,
    // Removed last: all of the above use it.
    _folder: TempDir,
}

/// What shows the guest if QEMU does not.
#[derive(Debug)]
struct Ours {
    device: Program,
    server: Program,
    service: Service,
}

impl Ours {
    fn programs(&self) -> [&Program; 3] {
        [&self.device, &self.server, &self.service.program]
    }
}

impl System {
    /// Boots a guest and waits until its program runs.
    pub(crate) fn start(who: Who) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("bench-").tempdir();
        let folder = folder.context(|| "make a folder".to_owned())?;
        let path = folder.path();
        let vnc = path.join("vnc.sock");
        let (machine, ours) = match who {
            Who::Qemu => (plain(path, &vnc), None),
            Who::Porthole | Who::Traced => {
                let service = Service::start(path, &[("guest".to_owned(), (0, 0), SIZE)])?;
                let server = service.vnc(&vnc)?;
                let trace = (who == Who::Traced).then(|| path.join("trace"));
                let (device, machine) = service.device(path, "guest", SIZE, trace.as_deref())?;
                (machine, Some(Ours { device, server, service }))
            }
        };
        let guest = Guest::power_on(path, who.name(), machine)?;
        let mut system = Self { guest, vnc, ours, ground: None, _folder: folder };
        system.guest.wait().map_err(|error| system.explain(&error))?;
        Ok(system)
    }

    /// Has the guest draw what lies beneath what moves.
    pub(crate) fn draw(&mut self, pattern: Pattern) -> Result<()> {
        if self.ground == Some(pattern) {
            return Ok(());
        }
        let order = Order::Draw { head: 0, pattern, seed: 1, area: None };
        let answer = self.guest.line.order(&order).map_err(|error| self.explain(&error))?;
        let (width, height) = SIZE;
        if answer != [format!("{width}x{height}")] {
            return Err(RigError::failed(format!("the guest's picture is {answer:?}")));
        }
        self.ground = Some(pattern);
        Ok(())
    }

    fn programs(&self) -> impl Iterator<Item = &Program> {
        self.ours.iter().flat_map(Ours::programs)
    }

    /// Adds what the programs logged.
    pub(crate) fn explain(&self, error: &RigError) -> RigError {
        let logs = std::iter::once(&self.guest.qemu).chain(self.programs());
        let logs: Vec<_> = logs.map(|program| program.failure("says").to_string()).collect();
        RigError::failed(format!("{error}\n  {}", logs.join("\n  ")))
    }

    /// Stops the guest, or lets it go on: a machine that is not measured should not disturb.
    pub(crate) fn pause(&self, pause: bool) {
        self.guest.qemu.signal(if pause { Signal::STOP } else { Signal::CONT });
    }

    /// What showing the picture has cost so far, by who spent it: each program of ours, and all threads
    /// of QEMU that are not the guest's processor.
    pub(crate) fn spent(&self) -> Vec<(&'static str, Counters)> {
        let ours = self.programs().map(|program| (program.name, Counters::of(&[program.id()])));
        let is_processor = |name: &str| name.starts_with("CPU ") || name.starts_with("ALL CPUs");
        let qemu = Counters::of_threads(self.guest.qemu.id(), |name| !is_processor(name));
        ours.chain(std::iter::once(("qemu", qemu))).collect()
    }

    /// Counters that a program of ours writes into its log when it is asked; null if it has none.
    pub(crate) fn statistics(&self, name: &str) -> Value {
        let Some(program) = self.programs().find(|program| program.name == name) else {
            return Value::Null;
        };
        let lines = |log: &str| log.matches("statistics {").count();
        let before = lines(&program.log());
        program.signal(Signal::USR1);
        wait_until(PATIENCE, || lines(&program.log()) > before);
        let log = program.log();
        let last = log.lines().rev().find_map(|line| line.split_once("statistics "));
        last.and_then(|(_, json)| serde_json::from_str(json.trim()).ok()).unwrap_or_default()
    }
}

/// The guest's devices are QEMU's, and so is the VNC server.
fn plain(folder: &Path, vnc: &Path) -> Machine {
    let (width, height) = SIZE;
    let gpu = format!("virtio-gpu-pci,xres={width},yres={height}");
    let mut machine = Machine::new(folder);
    for device in [gpu.as_str(), "virtio-keyboard-pci", "virtio-tablet-pci"] {
        machine.options.extend(["-device".to_owned(), device.to_owned()]);
    }
    machine.options.extend(["-vnc".to_owned(), format!("unix:{}", vnc.display())]);
    machine
}
