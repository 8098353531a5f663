//! A guest of the user's own on one port, from its firmware's first picture on.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use porthole_rig::accelerator::Accelerator;
use porthole_rig::{Own, Qemu};
use serde_json::json;

use crate::demo::statistics;
use crate::failure::{Failure, OrFail, Result};
use crate::plain::DBUS;
use crate::process::{Process, built};
use crate::service::{Service, VncServer};
use crate::wait::{SHORT, wait_until};

/// The one port; a guest's picture is fitted into it.
const SIZE: (u32, u32) = (1280, 800);

/// A running guest of the user's own and all that shows it.
#[derive(Debug)]
pub struct OwnGuest {
    /// Where VNC viewers connect.
    pub vnc: VncServer,
    /// QEMU's process.
    pub qemu: Process,
    bridge: Process,
    service: Service,
    name: String,
    start: Instant,
}

/// The port with a layer for the guest, which takes the size of the layer if it can.
fn configuration(name: &str) -> String {
    let (width, height) = SIZE;
    format!(
        "version = 1\n\n[[port]]\nname = \"main\"\nsize = [{width}, {height}]\n\n\
         [[guest]]\nname = \"{name}\"\n\n\
         [[layer]]\nname = \"{name}\"\nport = \"main\"\nguest = \"{name}\"\norder = 1\nfit = \"fit\"\n\n\
         [[socket]]\nname = \"viewer\"\nrights = [\"capture:main\", \"input:main\"]\n"
    )
}

/// A QEMU with the display that is shown, and with the guest's display device.
fn qemu(own: &Own) -> Result<Qemu> {
    let qemu = match own.release() {
        Some(release) => Qemu::of_release(release)?,
        None => Qemu::for_dbus_display()?,
    };
    let version = qemu.version()?;
    if !qemu.has_display("dbus")? {
        let what =
            "has no D-Bus display, which is what Porthole shows; --qemu sid takes one that has";
        return Err(Failure::new(format!("QEMU {version} {what}")));
    }
    let card = own.card().split(',').next().unwrap_or_default();
    if !qemu.has_device(card)? {
        let list = "qemu-system-x86_64 -device help";
        return Err(Failure::new(format!("QEMU {version} has no device {card}: see `{list}`")));
    }
    Ok(qemu)
}

impl OwnGuest {
    /// Starts everything; `say` is told each step.
    ///
    /// # Errors
    /// When a file is not what it should be, or a part does not come up.
    pub fn start(own: &Own, listen: &str, say: impl Fn(&str)) -> Result<OwnGuest> {
        own.check()?;
        let (qemu, name) = (qemu(own)?, own.name());
        match qemu.accelerator() {
            Accelerator::Kvm => say("the guest runs on the processor (KVM)"),
            Accelerator::Tcg => say(
                "there is no KVM here that works: the guest is emulated (TCG), some ten times slower",
            ),
        }
        say("starting the display service");
        let (start, service) = (Instant::now(), Service::start_with(&configuration(&name))?);
        let vnc = service.vnc_with("main", listen, &[])?;
        let folder = service.folder().join("guest");
        fs::create_dir(&folder)?;
        let mut machine = own.machine(&folder)?;
        let socket = folder.join("qmp.sock");
        DBUS.clone_into(&mut machine.display);
        machine.qmp = vec![socket.clone()];
        say(&format!("switching on the guest \"{name}\" (QEMU {})", qemu.version()?));
        let mut command = qemu.plain(&machine);
        let mut qemu = Process::start("qemu", &folder, command.stdout(Stdio::null()))?;
        wait_until("QEMU to listen", SHORT, || {
            qemu.must_run()?;
            Ok(socket.exists().then_some(()))
        })?;
        let mut command = Command::new(built("porthole-qemu")?);
        command.args(["--guest", &name]).arg("--qmp").arg(&socket);
        command.arg("--wayland").arg(service.socket(&name)?);
        let (bridge, _) = Process::start_ready("porthole-qemu", &folder, &mut command)?;
        Ok(OwnGuest { vnc, qemu, bridge, service, name, start })
    }

    /// Writes what is shown as `screen.png`, and `report.json`, into a folder.
    ///
    /// # Errors
    /// When a file cannot be written or a program does not answer.
    pub fn report(&self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder).or_fail("make the folder for the report")?;
        let mut shot = Command::new(built("porthole-shot")?);
        shot.args(["capture", "--port", "main"]).arg(folder.join("screen.png"));
        let shot = shot.arg("--wayland").arg(self.service.socket("viewer")?).output()?;
        if !shot.status.success() {
            let said = String::from_utf8_lossy(&shot.stderr).into_owned();
            return Err(Failure::new(format!("no screenshot: {said}")));
        }
        let mut memory = serde_json::Map::new();
        let programs = [("porthole", &self.service.process), ("porthole-vnc", &self.vnc.process)];
        let of_guest = [("porthole-qemu", &self.bridge), ("qemu", &self.qemu)];
        for (name, process) in programs.into_iter().chain(of_guest) {
            memory.insert(name.to_owned(), json!(process.status("VmRSS")?));
        }
        let report = json!({
            "guest": self.name,
            "milliseconds": u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX),
            "ports": statistics(&self.service.process)?.get("ports"),
            "memory_kilobytes": memory,
        });
        let report = serde_json::to_string_pretty(&report).or_fail("write the report")?;
        fs::write(folder.join("report.json"), report + "\n").or_fail("write the report")
    }

    /// Whether the guest has been switched off. What ended badly is an error.
    ///
    /// # Errors
    /// With the log of what ended.
    pub fn is_off(&mut self) -> Result<bool> {
        if let Some(status) = self.qemu.ended()? {
            return if status.success() { Ok(true) } else { Err(self.qemu.failure("it ended")) };
        }
        self.service.process.must_run()?;
        self.vnc.process.must_run()?;
        match self.bridge.ended()? {
            // It ends with the machine, which the next look finds.
            Some(status) if status.success() => Ok(false),
            Some(_) => Err(self.bridge.failure("it ended")),
            None => Ok(false),
        }
    }
}
