//! Machines as people have them: QEMU's own display and input devices, shown by one of QEMU's own
//! displays. Nothing in them knows of Porthole.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::capture;
use crate::error::Result;
use crate::image::Image;
use crate::qemu::Qemu;
use crate::roots;

/// The kernel's messages go to the screen as well, where the text console of the guest is; a screen
/// without a letter that blinks can be compared.
const KERNEL_LINE: &str = "console=ttyS0 console=tty0 quiet loglevel=4 panic=-1 rdinit=/init nokaslr \
    mitigations=off random.trust_cpu=on tsc=reliable no_timer_check cryptomgr.notests audit=0 selinux=0 \
    apparmor=0 vt.global_cursor_default=0";

/// A machine of QEMU's own devices.
#[derive(Clone, Debug)]
pub struct Plain {
    /// The value of QEMU's `-machine`.
    pub machine: String,
    /// Megabytes of memory.
    pub memory: u32,
    /// The value of QEMU's `-display`.
    pub display: String,
    /// Display devices, with their properties; the firmware draws on the first.
    pub cards: Vec<String>,
    /// Other devices, with their properties.
    pub devices: Vec<String>,
    /// Sockets where QEMU listens for QMP; each takes one client at a time.
    pub qmp: Vec<PathBuf>,
    /// The file that gets the first serial port's output, and the socket where QEMU listens for the
    /// second one.
    pub serial: Option<(PathBuf, PathBuf)>,
    /// Whether the two serial ports change places.
    pub line_first: bool,
    /// Whether QEMU goes on after a reset; otherwise it ends.
    pub reboots: bool,
    /// More words for the guest kernel's command line.
    pub kernel: String,
    /// All of that line, where it boots a kernel that takes one.
    pub line: Option<String>,
    /// What it boots, as QEMU's options; [`Plain::disk`] and [`Plain::guest`] make them.
    pub boot: Vec<String>,
}

impl Plain {
    /// A machine with a standard VGA, a PS/2 keyboard and mouse, and nothing to boot.
    #[must_use]
    pub fn new() -> Self {
        Plain {
            // Without VMware's port the PS/2 mouse is one.
            machine: "pc,vmport=off".to_owned(),
            memory: 256,
            display: "none".to_owned(),
            cards: vec!["VGA".to_owned()],
            devices: Vec::new(),
            qmp: Vec::new(),
            serial: None,
            line_first: false,
            reboots: false,
            kernel: String::new(),
            line: None,
            boot: Vec::new(),
        }
    }

    /// Boots a disk, to which nothing is written.
    #[must_use]
    pub fn disk(mut self, image: &Path) -> Self {
        let drive = format!("file={},format=raw,if=ide,snapshot=on", image.display());
        self.boot.extend(["-drive".to_owned(), drive]);
        self
    }

    /// Boots the test guest, which draws `HEAD:PATTERN:SEED` when it is up.
    #[must_use]
    pub fn guest(mut self, image: &Image, draw: Option<&str>) -> Self {
        let mut line = KERNEL_LINE.to_owned();
        if let Some(draw) = draw {
            line.push_str(" porthole.draw=");
            line.push_str(draw);
        }
        line.push(' ');
        line.push_str(&self.kernel);
        self.start(&image.kernel, &image.archive, line);
        self
    }

    /// Boots the test guest without a driver for its display: its console is on the firmware's
    /// framebuffer, 800 by 600 pixels of 16 bits where the kernel is told no other mode.
    #[must_use]
    pub fn guest_on_vesa(mut self, image: &Image) -> Self {
        // QEMU takes the first mode that it is told.
        let line = format!("{KERNEL_LINE} {} vga=0x314", self.kernel);
        self.start(&image.wrapped, &image.archive, line);
        self
    }

    /// Boots something that looks like a kernel.
    #[must_use]
    pub fn kernel(mut self, file: &Path) -> Self {
        self.boot.extend(["-kernel".to_owned(), file.display().to_string()]);
        self
    }

    fn start(&mut self, kernel: &Path, archive: &Path, line: String) {
        let (kernel, archive) = (kernel.display().to_string(), archive.display().to_string());
        self.boot.extend(["-kernel", &kernel, "-initrd", &archive].map(str::to_owned));
        self.line = Some(line);
    }
}

impl Default for Plain {
    fn default() -> Self {
        Self::new()
    }
}

impl Qemu {
    /// A QEMU that shows its guests on D-Bus: the installed one if it can, else the newest.
    ///
    /// # Errors
    /// When there is none, or it cannot be downloaded.
    pub fn for_dbus_display() -> Result<Qemu> {
        match Qemu::installed() {
            Ok(installed) if installed.has_display("dbus")? => Ok(installed),
            _ => Qemu::of_release(roots::NEWEST),
        }
    }

    /// Whether it has a display of this name.
    ///
    /// # Errors
    /// When it cannot be run.
    pub fn has_display(&self, name: &str) -> Result<bool> {
        let said = capture(self.command().args(["-display", "help"]))?;
        Ok(String::from_utf8_lossy(&said.stdout).lines().any(|line| line.trim() == name))
    }

    /// The command that runs a plain machine until it is powered off.
    #[must_use]
    pub fn plain(&self, machine: &Plain) -> Command {
        let mut command = self.command();
        let accelerator = self.accelerator();
        command.args(["-accel", accelerator.option(), "-cpu", accelerator.cpu()]);
        command.args(["-machine", &machine.machine, "-m", &format!("{}M", machine.memory)]);
        command.args(["-nodefaults", "-no-user-config"]);
        if !machine.reboots {
            command.arg("-no-reboot");
        }
        command.args(["-display", &machine.display, "-vga", "none"]);
        for device in machine.cards.iter().chain(&machine.devices) {
            command.args(["-device", device]);
        }
        if let Some((log, control)) = &machine.serial {
            let chardev =
                format!("socket,id=control,path={},server=on,wait=off", control.display());
            let mut ports = [format!("file:{}", log.display()), "chardev:control".to_owned()];
            if machine.line_first {
                ports.reverse();
            }
            command.args(["-chardev", &chardev]);
            for port in &ports {
                command.args(["-serial", port]);
            }
        }
        for socket in &machine.qmp {
            command.arg("-qmp").arg(format!("unix:{},server=on,wait=off", socket.display()));
        }
        command.args(&machine.boot);
        if let Some(line) = &machine.line {
            command.args(["-append", &format!("{line}{}", self.kernel_words())]);
        }
        command
    }
}
