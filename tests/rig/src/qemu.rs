//! A QEMU and the command line of a test guest.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::accelerator::{self, Accelerator};
use crate::command::{exists, text};
use crate::error::{Result, RigError};
use crate::image::Image;
use crate::roots;

/// Console on the first serial port, no text console on the framebuffer, and nothing that only
/// costs time in a guest that lives for seconds.
const KERNEL_LINE: &str = "console=ttyS0 quiet loglevel=4 panic=-1 rdinit=/init fbcon=map:1 \
    nokaslr mitigations=off random.trust_cpu=on tsc=reliable no_timer_check i8042.nokbd i8042.noaux \
    cryptomgr.notests audit=0 selinux=0 apparmor=0";

/// The first version that has vhost-user devices without KVM, seen on 10; 7 has not.
const EMULATES_VHOST_USER: u32 = 9;

/// A QEMU that can be run, of this machine or from an unpacked root.
#[derive(Clone, Debug)]
pub struct Qemu {
    root: Option<PathBuf>,
    accelerator: Accelerator,
    /// Kernels choose their clock themselves.
    own_clock: bool,
}

/// What a guest's machine has beside kernel and memory.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Megabytes of memory.
    pub memory: u32,
    /// Whether other processes may map the guest's memory, as vhost-user devices must.
    pub shared_memory: bool,
    /// The file that gets the first serial port's output.
    pub log: PathBuf,
    /// The socket where QEMU listens for the second serial port.
    pub control: PathBuf,
    /// The socket where QEMU listens for QMP, if wanted.
    pub qmp: Option<PathBuf>,
    /// More options, as they are: `-chardev`, `-device`.
    pub options: Vec<String>,
    /// What the guest draws when it is up: `HEAD:PATTERN:SEED[,...]`.
    pub draw: Option<String>,
    /// Whether the kernel's console is on the screen, where nobody else draws.
    pub text: bool,
    /// Whether QEMU goes on after a reset; otherwise it ends, as a test wants of a guest that crashes.
    pub reboots: bool,
}

impl Machine {
    /// The usual machine: 256 MB of shared memory.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Machine {
            memory: 256,
            shared_memory: true,
            log: folder.join("console.log"),
            control: folder.join("control.sock"),
            qmp: None,
            options: Vec::new(),
            draw: None,
            text: false,
            reboots: false,
        }
    }

    /// Adds a vhost-user device whose back-end listens on a socket.
    #[must_use]
    pub fn vhost_user(mut self, id: &str, device: &str, socket: &Path) -> Self {
        let chardev = format!("socket,id={id},path={}", socket.display());
        let device = match device.split_once(',') {
            Some((name, rest)) => format!("{name},chardev={id},{rest}"),
            None => format!("{device},chardev={id}"),
        };
        self.options.extend(["-chardev".into(), chardev, "-device".into(), device]);
        self
    }
}

impl Qemu {
    /// The QEMU that is installed here.
    ///
    /// # Errors
    /// When there is none.
    pub fn installed() -> Result<Qemu> {
        if !exists("qemu-system-x86_64") {
            return Err(RigError::failed(
                "there is no QEMU: run `cargo xtask test`, it installs one",
            ));
        }
        Ok(Qemu { root: None, accelerator: accelerator::probe()?, own_clock: false })
    }

    /// A QEMU with vhost-user devices that work here: the installed one if it can, else trixie's.
    ///
    /// Old QEMUs want KVM's event descriptors for them ("requires kvm") and refuse to emulate.
    ///
    /// # Errors
    /// When there is none, or it cannot be downloaded.
    pub fn for_vhost_user() -> Result<Qemu> {
        let installed = Qemu::installed()?;
        let version = installed.version()?;
        let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
        let emulates = major.is_some_and(|major| major >= EMULATES_VHOST_USER);
        if emulates || installed.accelerator == Accelerator::Kvm {
            return Ok(installed);
        }
        Qemu::of_release("trixie")
    }

    /// The QEMU of another Debian release, unpacked into the cache.
    ///
    /// # Errors
    /// When it cannot be downloaded.
    pub fn of_release(release: &str) -> Result<Qemu> {
        Ok(Qemu {
            root: Some(roots::qemu(release)?),
            accelerator: accelerator::probe()?,
            own_clock: false,
        })
    }

    /// How guests are executed.
    #[must_use]
    pub const fn accelerator(&self) -> Accelerator {
        self.accelerator
    }

    /// The program with what it needs to find its libraries and firmware.
    #[must_use]
    pub fn command(&self) -> Command {
        match &self.root {
            None => Command::new("qemu-system-x86_64"),
            Some(root) => roots::qemu_command(root),
        }
    }

    /// The version as QEMU tells it, such as `7.2.22`.
    ///
    /// # Errors
    /// When it cannot be run.
    pub fn version(&self) -> Result<String> {
        let line = text(self.command().arg("--version"))?;
        let version = line.split_whitespace().skip_while(|word| *word != "version").nth(1);
        Ok(version.unwrap_or("unknown").to_owned())
    }

    /// Whether it has a device of this name.
    ///
    /// # Errors
    /// When it cannot be run.
    pub fn has_device(&self, name: &str) -> Result<bool> {
        let list = text(self.command().args(["-device", "help"]))?;
        Ok(list.contains(&format!("name \"{name}\"")))
    }

    /// For guests that are stopped for long, on a machine that does nothing else: the clock that emulated guests
    /// are told to take has 32 bits, and stands still for up to 43 s after a stop of more than half of that.
    #[must_use]
    pub const fn for_long_stops(mut self) -> Self {
        self.own_clock = true;
        self
    }

    /// What a guest's kernel is told beside its own command line.
    pub(crate) const fn kernel_words(&self) -> &'static str {
        if self.own_clock { "" } else { self.accelerator.kernel() }
    }

    /// The command that runs a guest until it powers off.
    #[must_use]
    pub fn boot(&self, image: &Image, machine: &Machine) -> Command {
        let mut line = format!("{KERNEL_LINE}{}", self.kernel_words());
        if let Some(draw) = &machine.draw {
            line.push_str(" porthole.draw=");
            line.push_str(draw);
        }
        if machine.text {
            line.push_str(" fbcon=map:0");
        }
        let size = machine.memory;
        let share = if machine.shared_memory { "on" } else { "off" };
        let mut command = self.command();
        command.args(["-accel", self.accelerator.option(), "-cpu", self.accelerator.cpu()]);
        command.args(["-machine", "q35,memory-backend=ram", "-m", &format!("{size}M")]);
        let memory = format!("memory-backend-memfd,id=ram,size={size}M,share={share}");
        command.args(["-object", &memory, "-nodefaults", "-no-user-config"]);
        if !machine.reboots {
            command.arg("-no-reboot");
        }
        command.args(["-display", "none", "-vga", "none"]);
        command.arg("-kernel").arg(&image.kernel).arg("-initrd").arg(&image.archive);
        command.args(["-append", &line]);
        command.arg("-serial").arg(format!("file:{}", machine.log.display()));
        let control = machine.control.display();
        command.args(["-chardev", &format!("socket,id=control,path={control},server=on,wait=off")]);
        command.args(["-serial", "chardev:control"]);
        if let Some(qmp) = &machine.qmp {
            command.arg("-qmp").arg(format!("unix:{},server=on,wait=off", qmp.display()));
        }
        command.args(&machine.options);
        command
    }
}
