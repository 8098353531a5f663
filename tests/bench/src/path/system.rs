//! A guest whose picture is shown to VNC viewers: by the service, or by QEMU itself.
//!
//! Kernel, program, memory, processor and input devices of the guest are the same.

use std::path::{Path, PathBuf};
use std::process::Command;

use porthole_guest::commands::Command as Order;
use porthole_guest::pattern::Pattern;
use porthole_rig::error::Context;
use porthole_rig::qemu::Machine;
use porthole_rig::{Image, Qemu, Result, RigError, cache};
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use super::line::Line;
use super::program::Program;
use super::stamps::Stamps;
use crate::clock::wait_until;
use crate::counters::Counters;

/// The picture's size everywhere.
pub(crate) const SIZE: (u32, u32) = (1920, 1080);
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// Who shows the guest's picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    Porthole,
    Qemu,
}

impl Who {
    pub(crate) const ALL: [Self; 2] = [Self::Porthole, Self::Qemu];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Porthole => "porthole",
            Self::Qemu => "qemu",
        }
    }
}

/// A running guest and all that shows it.
#[derive(Debug)]
pub(crate) struct System {
    pub(crate) line: Line,
    pub(crate) stamps: Stamps,
    /// Where viewers connect.
    pub(crate) vnc: PathBuf,
    qemu: Program,
    /// Our own programs, those that were started last first.
    ours: Vec<Program>,
    /// What the guest has drawn beneath what moves.
    ground: Option<Pattern>,
    // Removed last: all of the above use it.
    _folder: TempDir,
}

impl System {
    /// Boots a guest and waits until it shows a picture.
    pub(crate) fn start(who: Who) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("bench-").tempdir();
        let folder = folder.context(|| "make a folder".to_owned())?;
        let path = folder.path();
        let vnc = path.join("vnc.sock");
        let (mut machine, ours) = match who {
            Who::Porthole => porthole(path, &vnc)?,
            Who::Qemu => (plain(path, &vnc), Vec::new()),
        };
        let stamps = path.join("stamps.sock");
        let chardev = format!("socket,id=stamps,path={}", stamps.display());
        machine.options.extend(["-chardev".into(), chardev, "-device".into()]);
        machine.options.push("isa-debugcon,iobase=0xe9,chardev=stamps".into());
        machine.options.extend(["-name".into(), format!("{},debug-threads=on", who.name())]);
        let stamps = Stamps::listen(&stamps)?;
        let command = Qemu::for_vhost_user()?.boot(&Image::prepare()?, &machine);
        let mut qemu = Program::start("qemu", path, command)?;
        let line = Line::connect(&machine.control, &mut qemu)?;
        let mut system = Self { line, stamps, vnc, qemu, ours, ground: None, _folder: folder };
        system.line.wait_for("STATE up").map_err(|error| system.explain(&error))?;
        Ok(system)
    }

    /// Has the guest draw what lies beneath what moves.
    pub(crate) fn draw(&mut self, pattern: Pattern) -> Result<()> {
        if self.ground == Some(pattern) {
            return Ok(());
        }
        let order = Order::Draw { head: 0, pattern, seed: 1, area: None };
        let answer = self.line.order(&order).map_err(|error| self.explain(&error))?;
        let (width, height) = SIZE;
        if answer != [format!("{width}x{height}")] {
            return Err(RigError::failed(format!("the guest's picture is {answer:?}")));
        }
        self.ground = Some(pattern);
        Ok(())
    }

    /// Adds what the programs logged.
    pub(crate) fn explain(&self, error: &RigError) -> RigError {
        let logs = std::iter::once(&self.qemu).chain(&self.ours);
        let logs: Vec<_> = logs.map(|program| program.failure("says").to_string()).collect();
        RigError::failed(format!("{error}\n  {}", logs.join("\n  ")))
    }

    /// Stops the guest, or lets it go on: a machine that is not measured should not disturb.
    pub(crate) fn pause(&self, pause: bool) {
        self.qemu.signal(if pause { Signal::STOP } else { Signal::CONT });
    }

    /// What showing the picture has cost so far, by who spent it: each program of ours, and all threads
    /// of QEMU that are not the guest's processor.
    pub(crate) fn spent(&self) -> Vec<(&'static str, Counters)> {
        let ours = self.ours.iter().map(|program| (program.name, Counters::of(&[program.id()])));
        let is_processor = |name: &str| name.starts_with("CPU ") || name.starts_with("ALL CPUs");
        let qemu = Counters::of_threads(self.qemu.id(), |name| !is_processor(name));
        ours.chain(std::iter::once(("qemu", qemu))).collect()
    }

    /// Counters that a program of ours writes into its log when it is asked; null if it has none.
    pub(crate) fn statistics(&self, name: &str) -> Value {
        let Some(program) = self.ours.iter().find(|program| program.name == name) else {
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

/// A program of ours as it is released.
fn built(name: &str) -> Result<Command> {
    let path = cache::target().join("release").join(name);
    if path.is_file() {
        return Ok(Command::new(path));
    }
    Err(RigError::failed(format!("{name} is not built: run `cargo xtask bench`")))
}

/// The guest's devices are ours.
fn porthole(folder: &Path, vnc: &Path) -> Result<(Machine, Vec<Program>)> {
    let (width, height) = SIZE;
    let configuration = folder.join("porthole.toml");
    let text = format!(
        "version = 1\n\n[[port]]\nname = \"main\"\nsize = [{width}, {height}]\n\n\
         [[layer]]\nname = \"guest\"\nport = \"main\"\nguest = \"guest\"\n\
         rect = [0, 0, {width}, {height}]\norder = 1\n\n[[guest]]\nname = \"guest\"\n\n\
         [[socket]]\nname = \"viewer\"\nrights = [\"capture:main\", \"input:main\"]\n"
    );
    std::fs::write(&configuration, text).at("write", &configuration)?;
    let runtime = folder.join("run");
    std::fs::create_dir(&runtime).at("make", &runtime)?;
    let mut command = built("porthole")?;
    command.arg("--config").arg(&configuration).arg("--runtime-dir").arg(&runtime);
    let (service, ready) = Program::start_ready("porthole", folder, command)?;
    let socket = |name: &str| {
        let path = ready.get("sockets").and_then(|sockets| sockets.get(name)?.as_str());
        path.map(PathBuf::from).ok_or_else(|| service.failure("has not all sockets"))
    };

    let mut command = built("porthole-vnc")?;
    command.args(["--port", "main"]).arg("--listen").arg(format!("unix:{}", vnc.display()));
    command.arg("--wayland").arg(socket("viewer")?);
    let (server, _) = Program::start_ready("porthole-vnc", folder, command)?;

    let part = |name: &str| folder.join(format!("{name}.sock"));
    let mut command = built("porthole-gpu")?;
    command.args(["--guest", "guest", "--size", &format!("{width}x{height}")]);
    command.arg("--socket").arg(part("gpu")).arg("--wayland").arg(socket("guest")?);
    command.arg("--keyboard-socket").arg(part("keyboard"));
    command.arg("--tablet-socket").arg(part("tablet"));
    let (device, _) = Program::start_ready("porthole-gpu", folder, command)?;
    let mut machine = Machine::new(folder).vhost_user("gpu", "vhost-user-gpu-pci", &part("gpu"));
    for input in ["keyboard", "tablet"] {
        machine = machine.vhost_user(input, "vhost-user-input-pci", &part(input));
    }
    Ok((machine, vec![device, server, service]))
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
