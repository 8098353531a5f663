//! A guest with `porthole-vga` as its display adapter, and the same machine with QEMU's own adapter as the
//! judge of its firmware's pictures.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::failure::{Failure, Result};
use crate::picture::Picture;
use crate::plain::{Boot, Machine, Options};
use crate::process::{Process, built};
use crate::screen::Screen;
use crate::service::Service;
use crate::wait::{GUEST, SHORT, wait_until};

/// How such a guest is built.
#[derive(Clone, Debug)]
pub struct Wish {
    /// What it boots.
    pub boot: Boot,
    /// More options for `porthole-vga`.
    pub device: Vec<String>,
    /// Whether a reset boots the guest again.
    pub reboots: bool,
    /// More words for the guest kernel's command line.
    pub kernel: &'static str,
    /// More options for QEMU, for the judge's as well.
    pub machine: Vec<String>,
    /// Megabytes of memory.
    pub memory: u32,
    /// Whether it has a keyboard and a tablet of `porthole-vga`.
    pub input: bool,
    /// Whether `porthole-vga` types and points by QEMU's monitor.
    pub monitor: bool,
}

impl Wish {
    /// The usual adapter.
    #[must_use]
    pub const fn new(boot: Boot) -> Self {
        Wish {
            boot,
            device: Vec::new(),
            reboots: false,
            kernel: "",
            machine: Vec::new(),
            memory: 256,
            input: false,
            monitor: false,
        }
    }

    /// With options for `porthole-vga`.
    #[must_use]
    pub fn device(mut self, options: &[&str]) -> Self {
        self.device.extend(options.iter().map(|option| (*option).to_owned()));
        self
    }
}

/// A running guest with its adapter.
#[derive(Debug)]
pub struct AdapterGuest {
    /// The adapter's process.
    pub device: Process,
    /// QEMU.
    pub machine: Machine,
}

/// A machine like that of [`AdapterGuest`], whose only display is this device.
fn machine(wish: &Wish, card: &str) -> Options {
    let mut options = Options::new(wish.boot.clone()).newest().card(card);
    "none".clone_into(&mut options.machine.display);
    "pc,vmport=off,memory-backend=ram".clone_into(&mut options.machine.machine);
    options.machine.reboots = wish.reboots;
    options.machine.kernel = wish.kernel.to_owned();
    // The firmware's ROM is the same: the image must be too.
    options.machine.memory = wish.memory;
    let memory = format!("memory-backend-memfd,id=ram,size={}M,share=on", wish.memory);
    options.machine.boot.extend(["-object".to_owned(), memory]);
    options.machine.boot.extend(wish.machine.iter().cloned());
    options
}

/// The same machine with a display of QEMU's own.
///
/// # Errors
/// When QEMU does not come up.
pub fn judge(folder: &Path, wish: &Wish, card: &str) -> Result<Machine> {
    Machine::power_on(&folder.join("judge"), &machine(wish, card))
}

impl AdapterGuest {
    /// Switches a guest on, on a service's socket of a name.
    ///
    /// # Errors
    /// When a process does not come up.
    pub fn power_on(service: &Service, name: &str, wish: &Wish) -> Result<AdapterGuest> {
        let folder = service.folder().join(format!("adapter-{name}"));
        std::fs::create_dir_all(&folder)?;
        let socket = folder.join("vga.sock");
        let mut command = Command::new(built("porthole-vga")?);
        command.args(["--guest", name]).arg("--socket").arg(&socket);
        command.arg("--wayland").arg(service.socket(name)?).args(&wish.device);
        let mut inputs = Vec::new();
        for part in if wish.input { &["keyboard", "tablet"][..] } else { &[] } {
            let socket = folder.join(format!("{part}.sock"));
            command.arg(format!("--{part}-socket")).arg(&socket);
            inputs.extend([
                "-chardev".to_owned(),
                format!("socket,id={part},path={}", socket.display()),
            ]);
            inputs.extend(["-device".to_owned(), format!("vhost-user-input-pci,chardev={part}")]);
        }
        if wish.monitor {
            let socket = folder.join("typist.sock");
            command.arg("--qmp").arg(&socket);
            let path = socket.display();
            inputs.extend(["-chardev".to_owned(), format!("socket,id=typist,path={path}")]);
            inputs.extend(["-mon", "chardev=typist,mode=control"].map(str::to_owned));
        }
        let (device, _) = Process::start_ready("porthole-vga", &folder, &mut command)?;
        let card = json!({
            "driver": "vfio-user-pci",
            "socket": { "type": "unix", "path": socket },
        });
        let mut options = machine(wish, &card.to_string());
        options.machine.boot.extend(inputs);
        match Machine::power_on(&folder, &options) {
            Ok(machine) => Ok(AdapterGuest { device, machine }),
            Err(error) => Err(device.failure(&error.to_string())),
        }
    }

    /// Waits until the adapter has logged something so often.
    ///
    /// # Errors
    /// When it has not in time, or has ended.
    pub fn logs(&mut self, what: &str, times: usize) -> Result<()> {
        let device = &mut self.device;
        let seen = wait_until(what, GUEST, || {
            device.must_run()?;
            Ok((device.log().matches(what).count() >= times).then_some(()))
        });
        seen.map_err(|error| self.device.failure(&error.to_string()))
    }

    /// Waits until the screen shows a picture that is as it should be.
    ///
    /// # Errors
    /// When it does not in time.
    pub fn shows(
        &mut self,
        name: &str,
        screen: &Screen,
        mut is_it: impl FnMut(&Picture) -> Result<bool>,
    ) -> Result<Picture> {
        let device = &mut self.device;
        let mut last = None;
        let seen = wait_until(name, GUEST, || {
            device.must_run()?;
            last = screen.picture().or(last.take());
            match &last {
                Some(picture) if is_it(picture)? => Ok(Some(picture.clone())),
                _ => Ok(None),
            }
        });
        seen.map_err(|error| {
            let file = std::env::temp_dir().join(format!("{name}.png"));
            let written = last.map(|last| last.write(&file));
            self.device.failure(&format!("{error}; {written:?} {}", file.display()))
        })
    }

    /// Ends QEMU and waits for the adapter's end, which must be a good one.
    ///
    /// # Errors
    /// When it is not.
    pub fn end(mut self) -> Result<()> {
        self.machine.qmp.execute("quit", json!({}))?;
        let status = self.device.wait_end(SHORT)?;
        if status.success() {
            return Ok(());
        }
        Err(Failure::new(format!("{}", self.device.failure(&format!("it ended badly ({status})")))))
    }
}
