//! Services, devices and machines, put together by [`super::system`] and [`super::crowd`].

use std::path::{Path, PathBuf};
use std::process::Command;

use porthole_rig::error::Context;
use porthole_rig::qemu::Machine;
use porthole_rig::{Image, Plain, Qemu, Result, RigError, cache};
use serde_json::{Value, json};

use super::Coding;
use super::line::Line;
use super::program::Program;
use super::stamps::Stamps;
use super::window;

/// The port's size everywhere.
pub(crate) const SIZE: (u32, u32) = (1920, 1080);

/// Mebibytes that a trace may have: more than any run makes.
const TRACE_LIMIT: &str = "16384";

/// A guest's layer: its name, place and size on the port.
pub(crate) type Place = (String, (u32, u32), (u32, u32));

/// A running service.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) program: Program,
    folder: PathBuf,
    ready: Value,
}

impl Service {
    /// Starts the service with a layer for each guest.
    pub(crate) fn start(folder: &Path, places: &[Place]) -> Result<Self> {
        let configuration = folder.join("porthole.toml");
        std::fs::write(&configuration, text(places)).at("write", &configuration)?;
        let runtime = folder.join("run");
        std::fs::create_dir(&runtime).at("make", &runtime)?;
        let (program, ready) = launch(folder)?;
        Ok(Self { program, folder: folder.to_owned(), ready })
    }

    /// Starts it again in the same place.
    pub(crate) fn start_again(&mut self) -> Result<()> {
        (self.program, self.ready) = launch(&self.folder)?;
        Ok(())
    }

    /// The path of a socket.
    pub(crate) fn socket(&self, name: &str) -> Result<PathBuf> {
        let path = self.ready.get("sockets").and_then(|sockets| sockets.get(name)?.as_str());
        path.map(PathBuf::from).ok_or_else(|| self.program.failure("has not all sockets"))
    }

    /// Starts a VNC server for the port.
    pub(crate) fn vnc(&self, socket: &Path) -> Result<Program> {
        let mut command = built("porthole-vnc")?;
        command.args(["--port", "main"]).arg("--listen").arg(format!("unix:{}", socket.display()));
        command.arg("--wayland").arg(self.socket("viewer")?);
        Ok(Program::start_ready("porthole-vnc", &self.folder, command)?.0)
    }

    /// Starts the bridge to a QEMU.
    pub(crate) fn bridge(&self, folder: &Path, name: &str, qmp: &Path) -> Result<Program> {
        let mut command = built("porthole-qemu")?;
        command.args(["--guest", name]).arg("--qmp").arg(qmp);
        command.arg("--wayland").arg(self.socket(name)?);
        Ok(Program::start_ready("porthole-qemu", folder, command)?.0)
    }

    /// Starts who shows a VNC server's picture.
    pub(crate) fn source(
        &self,
        folder: &Path,
        name: &str,
        server: &Path,
        coding: Coding,
    ) -> Result<Program> {
        let mut command = built("porthole-rfb")?;
        command.args(["--guest", name, "--encoding", &coding.name().to_lowercase()]);
        command.arg("--server").arg(format!("unix:{}", server.display()));
        command.arg("--wayland").arg(self.socket(name)?);
        Ok(Program::start_ready("porthole-rfb", folder, command)?.0)
    }

    /// Starts a guest's adapter for its whole life, and tells QEMU's name for it.
    pub(crate) fn adapter(&self, folder: &Path, name: &str) -> Result<(Program, String)> {
        let socket = folder.join("vga.sock");
        let mut command = built("porthole-vga")?;
        command.args(["--guest", name]).arg("--socket").arg(&socket);
        command.arg("--wayland").arg(self.socket(name)?);
        let (device, _) = Program::start_ready("porthole-vga", folder, command)?;
        let place = json!({ "type": "unix", "path": socket });
        let card = json!({ "driver": "vfio-user-pci", "socket": place });
        Ok((device, card.to_string()))
    }

    /// Starts a guest's device in a folder, with a trace or without, and tells the machine that uses it.
    pub(crate) fn device(
        &self,
        folder: &Path,
        name: &str,
        (width, height): (u32, u32),
        trace: Option<&Path>,
    ) -> Result<(Program, Machine)> {
        let part = |name: &str| folder.join(format!("{name}.sock"));
        let mut command = built("porthole-gpu")?;
        command.args(["--guest", name, "--size", &format!("{width}x{height}")]);
        command.arg("--socket").arg(part("gpu")).arg("--wayland").arg(self.socket(name)?);
        command.arg("--keyboard-socket").arg(part("keyboard"));
        command.arg("--tablet-socket").arg(part("tablet"));
        if let Some(trace) = trace {
            command.args(["--trace-limit", TRACE_LIMIT]).arg("--trace").arg(trace);
        }
        let (device, _) = Program::start_ready("porthole-gpu", folder, command)?;
        let mut machine =
            Machine::new(folder).vhost_user("gpu", "vhost-user-gpu-pci", &part("gpu"));
        for input in ["keyboard", "tablet"] {
            machine = machine.vhost_user(input, "vhost-user-input-pci", &part(input));
        }
        Ok((device, machine))
    }
}

fn launch(folder: &Path) -> Result<(Program, Value)> {
    let mut command = built("porthole")?;
    command.arg("--config").arg(folder.join("porthole.toml"));
    command.arg("--runtime-dir").arg(folder.join("run"));
    Program::start_ready("porthole", folder, command)
}

/// A program of ours as it is released.
fn built(name: &str) -> Result<Command> {
    let path = cache::target().join("release").join(name);
    if path.is_file() {
        return Ok(Command::new(path));
    }
    Err(RigError::failed(format!("{name} is not built: run `cargo xtask bench`")))
}

/// The service's configuration.
fn text(places: &[Place]) -> String {
    let (width, height) = SIZE;
    let mut text = format!(
        "version = 1\n\n[[port]]\nname = \"main\"\nsize = [{width}, {height}]\npipelines = 16\n"
    );
    for (order, (name, (x, y), (width, height))) in (1..).zip(places) {
        text.push_str(&format!(
            "\n[[layer]]\nname = \"{name}\"\nport = \"main\"\nguest = \"{name}\"\n\
             rect = [{x}, {y}, {width}, {height}]\norder = {order}\n\n[[guest]]\nname = \"{name}\"\n"
        ));
    }
    text.push_str("\n[[socket]]\nname = \"viewer\"\nrights = [\"capture:main\", \"input:main\"]\n");
    text
}

/// A booted guest.
#[derive(Debug)]
pub(crate) struct Guest {
    pub(crate) qemu: Program,
    pub(crate) line: Line,
    pub(crate) stamps: Stamps,
}

impl Guest {
    /// Starts a machine; [`Guest::wait`] waits until it is up.
    pub(crate) fn power_on(folder: &Path, name: &str, mut machine: Machine) -> Result<Self> {
        let socket = folder.join("stamps.sock");
        let stamps = Stamps::listen(&socket)?;
        let chardev = format!("socket,id=stamps,path={}", socket.display());
        machine.options.extend(["-chardev".into(), chardev, "-device".into()]);
        machine.options.push("isa-debugcon,iobase=0xe9,chardev=stamps".into());
        // Threads have names, by which the guest's processor is told from the rest.
        machine.options.extend(["-name".into(), format!("{name},debug-threads=on")]);
        let command = Qemu::for_vhost_user()?.for_long_stops().boot(&Image::prepare()?, &machine);
        let mut qemu = Program::start("qemu", folder, command)?;
        let line = Line::connect(&machine.control, &mut qemu)?;
        Ok(Self { qemu, line, stamps })
    }

    /// Starts a machine of QEMU's own devices, on an X display if there is one.
    pub(crate) fn plain(
        folder: &Path,
        (qemu, display): (&Qemu, Option<&str>),
        mut machine: Plain,
    ) -> Result<Self> {
        let socket = folder.join("stamps.sock");
        let stamps = Stamps::listen(&socket)?;
        let control = folder.join("control.sock");
        machine.serial = Some((folder.join("console.log"), control.clone()));
        machine.boot.extend([
            "-chardev".to_owned(),
            format!("socket,id=stamps,path={}", socket.display()),
            "-name".to_owned(),
            "guest,debug-threads=on".to_owned(),
        ]);
        machine.devices.push("isa-debugcon,iobase=0xe9,chardev=stamps".to_owned());
        let command = qemu.clone().for_long_stops().plain(&machine);
        let command = match display {
            Some(display) => window::on(display, &command),
            None => command,
        };
        let mut qemu = Program::start("qemu", folder, command)?;
        let line = Line::connect(&control, &mut qemu)?;
        Ok(Self { qemu, line, stamps })
    }

    /// Waits until the guest's program runs.
    pub(crate) fn wait(&mut self) -> Result<()> {
        let up = self.line.wait_for("STATE up");
        up.map_err(|error| self.qemu.failure(&format!("does not boot ({error}), it says")))
    }
}
