//! A guest whose picture is shown to VNC viewers: by the service, or by QEMU itself.
//!
//! Kernel, program, memory, processor and input devices of the guest are the same.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use porthole_guest::commands::Command as Order;
use porthole_guest::pattern::Pattern;
use porthole_rig::error::Context;
use porthole_rig::qemu::Machine;
use porthole_rig::roots::NEWEST;
use porthole_rig::{Image, Plain, Qemu, Result, RigError, disks};
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use super::Coding;
use super::canvas::Canvas;
use super::parts::{Guest, SIZE, Service};
use super::program::Program;
use super::screen::Screen;
use super::window::{self, Toolkit};
use crate::clock::wait_until;
use crate::counters::Counters;

/// The size of a VGA's text.
pub(crate) const TEXT: (u32, u32) = (720, 400);
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// Who shows the guest's picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    Porthole,
    /// The same, with a trace of all that the guest does.
    Traced,
    Qemu,
    /// The service, by `porthole-qemu`, of a machine of QEMU's own devices.
    Bridge(Plainly),
    /// QEMU's VNC server, of the same machine.
    Alone(Plainly),
    /// QEMU's window, of the same machine.
    Window(Toolkit, Plainly),
    /// The service, by `porthole-rfb`, of what QEMU's VNC server shows of it.
    Source(Plainly, Coding),
    /// TigerVNC's viewer, of the same.
    Peer(Plainly, Coding),
    /// The service, by `porthole-vga`, of a guest that draws in a mode of the VGA.
    Adapter(Canvas),
    /// QEMU's VNC server, of the same guest with QEMU's VGA.
    Standard(Canvas),
}

/// A machine with a standard VGA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Plainly {
    /// It runs Linux.
    Linux,
    /// It prints text, as firmware does.
    Text,
    /// The same in the newest QEMU, which shares the memory of such pictures.
    NewestText,
}

impl Who {
    pub(crate) const TRACED: [Self; 2] = [Self::Porthole, Self::Traced];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Porthole | Self::Bridge(_) | Self::Source(..) | Self::Adapter(_) => "porthole",
            Self::Traced => "traced",
            Self::Qemu | Self::Alone(_) | Self::Standard(_) => "qemu",
            Self::Window(toolkit, _) => toolkit.name(),
            Self::Peer(..) => "vncviewer",
        }
    }

    /// Whether Porthole shows the guest.
    pub(crate) const fn is_ours(self) -> bool {
        matches!(self, Self::Porthole | Self::Bridge(_) | Self::Source(..) | Self::Adapter(_))
    }
}

/// A running guest and all that shows it.
#[derive(Debug)]
pub(crate) struct System {
    pub(crate) guest: Guest,
    pub(crate) sight: Sight,
    pub(super) ours: Option<Ours>,
    /// What shows a window of somebody else's.
    pub(super) windows: Vec<Program>,
    /// What the guest has drawn beneath what moves.
    pub(super) ground: Option<Pattern>,
    // Removed last: all of the above use it.
    pub(super) _folder: TempDir,
}

/// Where the guest is seen.
#[derive(Debug)]
pub(crate) enum Sight {
    /// Viewers connect to this socket.
    Vnc(PathBuf),
    /// In a window.
    Screen(Arc<Screen>),
}

/// What shows the guest if QEMU does not.
#[derive(Debug)]
pub(super) struct Ours {
    pub(super) device: Program,
    pub(super) server: Program,
    pub(super) service: Service,
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
            Who::Bridge(plainly)
            | Who::Alone(plainly)
            | Who::Window(_, plainly)
            | Who::Source(plainly, _)
            | Who::Peer(plainly, _) => {
                return Self::plainly(who, plainly, folder);
            }
            Who::Adapter(canvas) | Who::Standard(canvas) => {
                return Self::canvas(who, canvas, folder);
            }
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
        let sight = Sight::Vnc(vnc);
        Self { guest, sight, ours, windows: Vec::new(), ground: None, _folder: folder }.up()
    }

    /// Waits until the guest's program runs.
    pub(super) fn up(mut self) -> Result<Self> {
        match self.guest.wait() {
            Ok(()) => Ok(self),
            Err(error) => Err(self.explain(&error)),
        }
    }

    /// A guest of QEMU's own devices.
    fn plainly(who: Who, plainly: Plainly, folder: TempDir) -> Result<Self> {
        let path = folder.path();
        let (width, height) = SIZE;
        let card = format!("VGA,xres={width},yres={height},vgamem_mb=32");
        let mut machine = Plain { cards: vec![card], ..Plain::new() };
        machine = match plainly {
            Plainly::Linux => machine.guest(&Image::prepare_plain()?, None),
            Plainly::Text | Plainly::NewestText => machine.disk(&disks::modes()?),
        };
        let qemu = match plainly {
            Plainly::NewestText => Qemu::of_release(NEWEST)?,
            _ => Qemu::for_dbus_display()?,
        };
        let vnc = path.join("vnc.sock");
        machine.display = format!("vnc=unix:{}", vnc.display());
        // Text is shown as large as it is, as it is by QEMU.
        let part = if plainly == Plainly::Linux { SIZE } else { TEXT };
        let service = || Service::start(path, &[("guest".to_owned(), (0, 0), part)]);
        let power_on = |display, machine| Guest::plain(path, (&qemu, display), machine);
        let (mut ours, mut windows) = (None, Vec::new());
        let (guest, sight) = match who {
            Who::Bridge(_) => {
                let (service, qmp) = (service()?, path.join("qmp.sock"));
                let server = service.vnc(&vnc)?;
                (machine.display, machine.qmp) = ("dbus,p2p=yes".to_owned(), vec![qmp.clone()]);
                let guest = power_on(None, machine)?;
                let device = service.bridge(path, "guest", &qmp)?;
                ours = Some(Ours { device, server, service });
                (guest, Sight::Vnc(vnc))
            }
            Who::Source(_, coding) => {
                let (service, shown) = (service()?, path.join("shown.sock"));
                let server = service.vnc(&shown)?;
                let guest = power_on(None, machine)?;
                let device = service.source(path, "guest", &vnc, coding)?;
                ours = Some(Ours { device, server, service });
                (guest, Sight::Vnc(shown))
            }
            Who::Window(toolkit, _) => {
                let (server, display, screen) = window::server(path)?;
                windows.push(server);
                toolkit.name().clone_into(&mut machine.display);
                (power_on(Some(&display), machine)?, Sight::Screen(screen))
            }
            Who::Peer(_, coding) => {
                let (server, display, screen) = window::server(path)?;
                let mut guest = power_on(None, machine)?;
                // A window that changes its size often is left at another one.
                guest.wait()?;
                windows.extend([server, window::viewer(path, &display, &vnc, coding)?]);
                let sight = Sight::Screen(screen);
                return Ok(Self { guest, sight, ours, windows, ground: None, _folder: folder });
            }
            _ => (power_on(None, machine)?, Sight::Vnc(vnc)),
        };
        Self { guest, sight, ours, windows, ground: None, _folder: folder }.up()
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
        self.ours.iter().flat_map(Ours::programs).chain(&self.windows)
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
