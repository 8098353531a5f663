//! A guest: its display device, its QEMU, and the line over which it takes commands.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use porthole_guest::commands::Command as Order;
use porthole_rig::qemu::Machine;
use porthole_rig::{Image, Qemu};

use crate::failure::{Failure, Result};
use crate::line::Line;
use crate::process::{Process, built};
use crate::qmp::Qmp;
use crate::service::Service;
use crate::wait::SHORT;

/// How a guest is built.
#[derive(Clone, Debug)]
pub struct Options {
    /// The QEMU of this Debian release instead of one that works here.
    pub release: Option<&'static str>,
    /// QEMU's name of the display device, with its properties.
    pub display: String,
    /// Whether it has a keyboard and what it points with.
    pub input: bool,
    /// What it points with: `tablet`, `mouse` or both.
    pub pointers: &'static [&'static str],
    /// Whether it has a touch screen.
    pub touch: bool,
    /// Whether QEMU lets other processes map the guest's memory.
    pub shared_memory: bool,
    /// More options for `porthole-gpu`.
    pub device_options: Vec<String>,
    /// What the guest draws when it is up.
    pub draw: Option<String>,
    /// Whether QEMU takes commands; see [`Guest::qmp`].
    pub qmp: bool,
    /// Whether a reset boots the guest again; otherwise it ends QEMU.
    pub reboots: bool,
    /// More options for QEMU, before its devices.
    pub machine: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            release: None,
            display: "vhost-user-gpu-pci".to_owned(),
            input: true,
            pointers: &["tablet"],
            touch: false,
            shared_memory: true,
            device_options: Vec::new(),
            draw: None,
            qmp: false,
            reboots: false,
            machine: Vec::new(),
        }
    }
}

impl Options {
    /// The newest QEMU's generic front-end: the device owns its configuration space there.
    #[must_use]
    pub fn generic(scanouts: u32) -> Self {
        let display = "vhost-user-test-device-pci,virtio-id=16,num_vqs=2,config_size=24";
        Options {
            release: Some("sid"),
            display: display.to_owned(),
            device_options: vec!["--scanouts".to_owned(), scanouts.to_string()],
            ..Options::default()
        }
    }
}

/// A running guest with its device.
#[derive(Debug)]
pub struct Guest {
    /// The display device's process.
    pub device: Process,
    /// QEMU's process.
    pub qemu: Process,
    line: Line,
    console: PathBuf,
    qmp: Option<PathBuf>,
}

/// The guests' image, made once a process.
///
/// # Errors
/// When it cannot be made.
pub fn image() -> Result<&'static Image> {
    static IMAGE: OnceLock<std::result::Result<Image, String>> = OnceLock::new();
    let image = IMAGE.get_or_init(|| Image::prepare().map_err(|error| error.to_string()));
    image.as_ref().map_err(|error| Failure::new(error.clone()))
}

impl Guest {
    /// Starts a guest and its device on a service's socket of the guest's name; returns when the
    /// guest says that it is up.
    ///
    /// # Errors
    /// When any of them does not come up.
    pub fn start(service: &Service, name: &str, options: &Options) -> Result<Guest> {
        let mut guest = Guest::power_on(&service.socket(name)?, service.folder(), name, options)?;
        guest.wait_for("STATE up")?;
        Ok(guest)
    }

    /// Starts a guest and returns at once.
    ///
    /// # Errors
    /// When a process cannot be started.
    pub fn power_on(wayland: &Path, folder: &Path, name: &str, options: &Options) -> Result<Guest> {
        let folder = folder.join(format!("guest-{name}"));
        fs::create_dir_all(&folder)?;
        let socket = |part: &str| folder.join(format!("{part}.sock"));
        let mut command = Command::new(built("porthole-gpu")?);
        command.args(["--guest", name]).arg("--socket").arg(socket("gpu"));
        command.arg("--wayland").arg(wayland);
        if options.input {
            command.arg("--keyboard-socket").arg(socket("keyboard"));
            for pointer in options.pointers {
                command.arg(format!("--{pointer}-socket")).arg(socket(pointer));
            }
        }
        if options.touch {
            command.arg("--touch-socket").arg(socket("touch"));
        }
        command.args(&options.device_options);
        let (mut device, _) = Process::start_ready("porthole-gpu", &folder, &mut command)?;

        let mut machine = Machine::new(&folder);
        machine.options.clone_from(&options.machine);
        machine = machine.vhost_user("gpu", &options.display, &socket("gpu"));
        if options.input {
            for part in ["keyboard"].iter().chain(options.pointers) {
                machine = machine.vhost_user(part, "vhost-user-input-pci", &socket(part));
            }
        }
        if options.touch {
            machine = machine.vhost_user("touch", "vhost-user-input-pci", &socket("touch"));
        }
        machine.draw.clone_from(&options.draw);
        machine.qmp = options.qmp.then(|| folder.join("qmp.sock"));
        machine.shared_memory = options.shared_memory;
        machine.reboots = options.reboots;
        let qemu = match options.release {
            Some(release) => Qemu::of_release(release)?,
            None => Qemu::for_vhost_user()?,
        };
        let mut qemu = Process::start("qemu", &folder, &mut qemu.boot(image()?, &machine))?;
        let line = Line::connect(&machine.control, &mut qemu).map_err(|error| {
            // Where the device has ended QEMU it is about to say why.
            let _ = device.wait_end(SHORT);
            device.failure(&error.to_string())
        })?;
        Ok(Guest { device, qemu, line, console: machine.log, qmp: machine.qmp })
    }

    /// QEMU itself, where the guest's options say so.
    ///
    /// # Errors
    /// When it takes no commands.
    pub fn qmp(&self) -> Result<Qmp> {
        let socket = self.qmp.as_ref();
        Qmp::connect(socket.ok_or_else(|| Failure::new("this QEMU takes no commands"))?)
    }

    /// Waits until the guest sends a line that begins so, and returns the line.
    ///
    /// # Errors
    /// When the guest is silent for too long.
    pub fn wait_for(&mut self, beginning: &str) -> Result<String> {
        self.line.wait_for(beginning).map_err(|error| self.explain(&error))
    }

    /// Gives an order and returns the lines of the answer.
    ///
    /// # Errors
    /// When the guest cannot carry it out or does not answer.
    pub fn order(&mut self, order: &Order) -> Result<Vec<String>> {
        self.line.order(order).map_err(|error| self.explain(&error))
    }

    /// Gives an order that the guest cannot answer, as one that ends it.
    ///
    /// # Errors
    /// When QEMU does not take it.
    pub fn tell(&mut self, order: &Order) -> Result<()> {
        self.line.tell(order).map_err(|error| self.explain(&error))
    }

    /// Waits for an input event by type, code and value.
    ///
    /// # Errors
    /// When the guest is silent for too long.
    pub fn wait_event(&mut self, kind: u16, code: u16, value: i32) -> Result<()> {
        self.line.wait_event(kind, code, value).map_err(|error| self.explain(&error))
    }

    /// Waits for an input event whose value may be off by `slack`.
    ///
    /// # Errors
    /// When the guest is silent for too long.
    pub fn wait_event_near(&mut self, kind: u16, code: u16, value: i32, slack: u32) -> Result<()> {
        let seen = self.line.wait_event_near(kind, code, value, slack);
        seen.map_err(|error| self.explain(&error))
    }

    /// Waits for events of several devices, which come in any order.
    ///
    /// # Errors
    /// When the guest is silent for too long.
    pub fn wait_events(&mut self, wanted: &[(u16, u16, i32)]) -> Result<()> {
        self.line.wait_events(wanted).map_err(|error| self.explain(&error))
    }

    /// The input events that came while something else was waited for.
    #[must_use]
    pub fn events(&self) -> Vec<&str> {
        self.line.events()
    }

    /// Adds what the processes logged.
    fn explain(&self, error: &Failure) -> Failure {
        let device = self.device.failure("the device");
        let console = fs::read_to_string(&self.console).unwrap_or_default();
        let console = console.lines().rev().take(20).collect::<Vec<_>>();
        let console = console.into_iter().rev().collect::<Vec<_>>().join("\n    ");
        self.qemu.failure(&format!("{error}\n  {device}\n  the console ends with\n    {console}"))
    }

    /// Powers the guest off and waits for QEMU's and the device's end.
    ///
    /// # Errors
    /// When one of them does not end, or ends with a failure.
    pub fn power_off(mut self) -> Result<()> {
        self.order(&Order::PowerOff)?;
        let ended = ends_well(&mut self.qemu).and_then(|()| ends_well(&mut self.device));
        ended.map_err(|error| self.explain(&error))
    }
}

fn ends_well(process: &mut Process) -> Result<()> {
    let status = process.wait_end(SHORT)?;
    match status.success() {
        true => Ok(()),
        false => Err(process.failure(&format!("it ended badly ({status})"))),
    }
}
