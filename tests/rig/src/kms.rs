//! A guest with a graphics card in which programs of this machine run: what they show is seen from outside,
//! by QEMU.
//!
//! The guest boots our usual kernel and init. This machine's files are its root, by 9p and read only, below
//! a layer of memory that takes what is written; so a program finds there what it finds here, its libraries
//! too. One folder is shared for writing.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::error::{Context, Result, RigError};
use crate::image::Image;
use crate::kernel;
use crate::modules;
use crate::qemu::{Machine, Qemu};

/// Cards' drivers, input, and what shares files.
const MODULES: &[&str] = &[
    "virtio_pci",
    "virtio_gpu",
    "bochs",
    "cirrus",
    "virtio_input",
    "evdev",
    "9p",
    "9pnet_virtio",
    "overlay",
];
/// Megabytes: what is written lies in memory too.
const MEMORY: u32 = 768;
/// QEMU's name of the card, for pictures of its screens.
pub const CARD: &str = "gpu0";
/// Where the shared folder is in the guest.
pub const SHARED: &str = "/rig";
/// How long a command may take.
const PATIENCE: Duration = Duration::from_secs(300);
const INTERVAL: Duration = Duration::from_millis(20);

/// A graphics card of the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Card {
    /// virtio-gpu with so many connectors, the first of which has a screen.
    Virtio(u32),
    /// Bochs' display, which has little memory and no clock.
    Bochs,
    /// Cirrus' card of 1996, whose pixels have three bytes at most.
    Cirrus,
}

impl Card {
    /// The driver's name.
    #[must_use]
    pub const fn driver(self) -> &'static str {
        match self {
            Card::Virtio(_) => "virtio_gpu",
            Card::Bochs => "bochs-drm",
            Card::Cirrus => "cirrus",
        }
    }

    const fn last_head(self) -> u32 {
        match self {
            Card::Virtio(heads) => heads.saturating_sub(1),
            Card::Bochs | Card::Cirrus => 0,
        }
    }

    fn device(self) -> String {
        match self {
            Card::Virtio(heads) => {
                format!("virtio-gpu-pci,id={CARD},xres=1024,yres=768,max_outputs={heads}")
            }
            Card::Bochs => format!("bochs-display,id={CARD},edid=on,xres=1024,yres=768"),
            Card::Cirrus => format!("cirrus-vga,id={CARD}"),
        }
    }
}

/// The guest's image, which has more modules than the one of other guests.
///
/// # Errors
/// When it cannot be made.
pub fn image() -> Result<Image> {
    Image::with("kms", MODULES)
}

/// The same with a newer kernel, which has `/dev/udmabuf`.
///
/// # Errors
/// When it cannot be made.
pub fn newer_image() -> Result<Image> {
    Image::of(kernel::newer()?, "kms", MODULES)
}

/// A module more of the guest's kernel, to be loaded by hand: not every guest is to have what it drives.
///
/// # Errors
/// When the kernel has none of this name.
pub fn module(name: &str) -> Result<Vec<u8>> {
    let modules = modules::in_order(&kernel::of_this_release()?, &[name])?;
    let last = modules.into_iter().next_back().map(|module| module.bytes);
    last.ok_or_else(|| RigError::failed(format!("{name} is in the kernel")))
}

/// A machine with a card that shares a folder.
#[must_use]
pub fn machine(folder: &Path, card: Card) -> Machine {
    let mut machine = Machine::new(folder);
    machine.memory = MEMORY;
    machine.shared_memory = false;
    machine.qmp = Some(folder.join("qmp.sock"));
    let root = "local,id=root,path=/,security_model=none,readonly=on,multidevs=remap";
    let shared = format!("local,id=rig,path={},security_model=none", folder.display());
    let plug = format!("unix:{},display={CARD},head={}", plug(folder).display(), card.last_head());
    let options = [
        ["-fsdev", root],
        ["-device", "virtio-9p-pci,fsdev=root,mount_tag=root"],
        ["-fsdev", &shared],
        ["-device", "virtio-9p-pci,fsdev=rig,mount_tag=rig"],
        ["-device", &card.device()],
        ["-vnc", &plug],
        ["-device", "virtio-keyboard-pci"],
        ["-device", "virtio-tablet-pci"],
    ];
    machine.options = options.into_iter().flatten().map(str::to_owned).collect();
    machine
}

/// The socket of QEMU's VNC server for the card's last head. Who asks it there for a size plugs a screen of
/// that size in; one of no size is plugged out.
#[must_use]
pub fn plug(folder: &Path) -> PathBuf {
    folder.join("plug.sock")
}

/// The line for the guest's shell that mounts everything below `/host`.
#[must_use]
pub fn mounts() -> String {
    let plan9 = "trans=virtio,version=9p2000.L,msize=512000";
    [
        "set -e; mkdir -p /lower /rw /host /newrun".to_owned(),
        format!("mount -t 9p -o ro,{plan9},cache=loose root /lower"),
        "mount -t tmpfs -o size=60% rw /rw; mkdir /rw/upper /rw/work".to_owned(),
        "mount -t overlay -o lowerdir=/lower,upperdir=/rw/upper,workdir=/rw/work root /host"
            .to_owned(),
        format!("mkdir -p /host{SHARED}; mount -t 9p -o rw,{plan9} rig /host{SHARED}"),
        "for d in proc sys dev; do mount -o bind /$d /host/$d; done".to_owned(),
        "mount -t tmpfs run /host/run; mkdir -p /host/run/user/0; chmod 700 /host/run/user/0"
            .to_owned(),
        "mkdir -p /dev/shm; mount -t tmpfs shm /host/dev/shm".to_owned(),
        "ip link set lo up || true".to_owned(),
    ]
    .join("; ")
}

/// The line for the guest's shell that runs another one in this machine's files. It must be one line.
#[must_use]
pub fn inside(line: &str) -> String {
    let quoted = line.replace('\'', r"'\''");
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    let set =
        format!("export PATH={path}:{SHARED} HOME=/ XDG_RUNTIME_DIR=/run/user/0; cd {SHARED}");
    format!("chroot /host /bin/sh -c '{set}; {quoted}'")
}

/// What a command in the guest asks of QEMU: `qmp JSON` and `shot NAME`, which waits for the picture.
const HELPERS: [(&str, &str); 2] = [
    (
        "qmp",
        "#!/bin/sh\necho \"$*\" > FOLDER/.want.$$ && mv FOLDER/.want.$$ FOLDER/want.$$\n\
         while [ -e FOLDER/want.$$ ]; do sleep 0.05; done\n",
    ),
    (
        "shot",
        "#!/bin/sh\nexec FOLDER/qmp '{\"execute\": \"screendump\", \"arguments\": \
         {\"filename\": \"'HOST/\"$1\"'.png\", \"format\": \"png\", \"device\": \"gpu0\", \
         \"head\": '\"${2:-0}\"'}}'\n",
    ),
];

/// Boots the guest, runs a line in it, and gives what it printed. `folder` gets pictures and logs.
///
/// # Errors
/// When the guest does not come up, or the line fails there.
pub fn run(card: Card, folder: &Path, line: &str) -> Result<String> {
    fs::create_dir_all(folder).at("make", folder)?;
    for (name, text) in HELPERS {
        let (file, host) = (folder.join(name), folder.display().to_string());
        let text = text.replace("FOLDER", SHARED).replace("HOST", &host);
        fs::write(&file, text).at("write", &file)?;
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(&file, mode).at("change", &file)?;
    }
    let machine = machine(folder, card);
    let mut command = Qemu::installed()?.boot(&image()?, &machine);
    let log = folder.join("qemu.log");
    let log = fs::File::create(&log).at("make", &log)?;
    let mut guest = Running::start(&mut command, log, &machine)?;
    guest.wait_for("STATE up")?;
    guest.shell(&mounts())?;
    let printed = guest.shell(&inside(line));
    guest.say("poweroff")?;
    printed
}

/// A guest and the lines to it and to its QEMU.
struct Running {
    qemu: Child,
    guest: BufReader<UnixStream>,
    monitor: BufReader<UnixStream>,
    folder: PathBuf,
}

impl Running {
    fn start(command: &mut Command, log: fs::File, machine: &Machine) -> Result<Running> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let mut qemu = command.spawn().context(|| "start QEMU".to_owned())?;
        let connected = connect(&machine.control).and_then(|guest| {
            let monitor = machine.qmp.as_deref().map_or_else(no_monitor, connect)?;
            Ok((guest, monitor))
        });
        match connected {
            Ok((guest, monitor)) => {
                let folder = machine.log.parent().unwrap_or(Path::new("/")).to_owned();
                let (guest, monitor) = (BufReader::new(guest), BufReader::new(monitor));
                let mut running = Running { qemu, guest, monitor, folder };
                running.ask("{\"execute\": \"qmp_capabilities\"}")?;
                Ok(running)
            }
            Err(error) => {
                let _ = qemu.kill();
                let _ = qemu.wait();
                Err(error)
            }
        }
    }

    fn say(&mut self, line: &str) -> Result<()> {
        let written = self.guest.get_mut().write_all(format!("{line}\n").as_bytes());
        written.context(|| "talk to the guest".to_owned())
    }

    fn wait_for(&mut self, wanted: &str) -> Result<()> {
        while !self.line()?.starts_with(wanted) {}
        Ok(())
    }

    /// Runs a line in the guest's shell; gives what it printed.
    fn shell(&mut self, line: &str) -> Result<String> {
        self.say(&format!("sh {line}"))?;
        let mut printed = String::new();
        loop {
            let line = self.line()?;
            if line == "ok" {
                return Ok(printed);
            }
            match (line.strip_prefix("| "), line.strip_prefix("error ")) {
                (Some(data), _) => printed.push_str(&format!("{data}\n")),
                (_, Some(error)) => return Err(RigError::failed(error.replace("; ", "\n"))),
                _ => {}
            }
        }
    }

    /// The guest's next line; meanwhile its wishes are passed on to QEMU.
    fn line(&mut self) -> Result<String> {
        let timeout = self.guest.get_ref().set_read_timeout(Some(INTERVAL));
        timeout.context(|| "listen to the guest".to_owned())?;
        let (start, mut line) = (Instant::now(), String::new());
        loop {
            match self.guest.read_line(&mut line) {
                Ok(0) => return Err(RigError::failed("the guest hung up")),
                Ok(_) => return Ok(line.trim().to_owned()),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error).context(|| "listen to the guest".to_owned()),
            }
            if start.elapsed() > PATIENCE {
                return Err(RigError::failed("the guest takes too long"));
            }
            self.pass_on()?;
        }
    }

    fn pass_on(&mut self) -> Result<()> {
        for entry in fs::read_dir(&self.folder).at("list", &self.folder)? {
            let file = entry.at("list", &self.folder)?.path();
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with("want.") {
                let wish = fs::read_to_string(&file).at("read", &file)?;
                self.ask(wish.trim())?;
                fs::remove_file(&file).at("remove", &file)?;
            }
        }
        Ok(())
    }

    /// Has QEMU do something.
    fn ask(&mut self, request: &str) -> Result<()> {
        let written = self.monitor.get_mut().write_all(format!("{request}\n").as_bytes());
        written.context(|| "talk to QEMU".to_owned())?;
        loop {
            let mut line = String::new();
            let read = self.monitor.read_line(&mut line).context(|| "listen to QEMU".to_owned())?;
            if read == 0 || line.contains("\"error\"") {
                return Err(RigError::failed(format!("QEMU: {request}: {line}")));
            }
            if line.contains("\"return\"") {
                return Ok(());
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

fn no_monitor() -> Result<UnixStream> {
    Err(RigError::failed("the machine has no monitor"))
}

fn connect(socket: &Path) -> Result<UnixStream> {
    let start = Instant::now();
    loop {
        match UnixStream::connect(socket) {
            Ok(stream) => return Ok(stream),
            Err(_) if start.elapsed() < PATIENCE => std::thread::park_timeout(INTERVAL),
            Err(error) => return Err(error).at("connect to", socket),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_survive_two_shells() {
        let line = inside("echo 'a b'");
        assert!(line.contains(r"echo '\''a b'\''"), "{line}");
        assert!(!mounts().contains('\n'));
    }
}
