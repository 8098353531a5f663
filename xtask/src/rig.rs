//! `cargo xtask rig`: prepares the parts that guests run on, one at a time, and shows them.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use porthole_rig::command::visible;
use porthole_rig::error::Context;
use porthole_rig::kms::{self, Card};
use porthole_rig::parent::{self, Parent};
use porthole_rig::progress::say;
use porthole_rig::qemu::Machine;
use porthole_rig::{Image, Qemu, Result, accelerator, cache, roots};

use crate::setup;

/// What to prepare.
#[derive(Subcommand)]
pub(crate) enum Task {
    /// Say what is there: packages, kernel, accelerator, QEMUs
    List,
    /// Download the guest kernel and build the guest's image
    Image,
    /// Download the QEMU of another Debian release (bookworm, trixie or sid)
    QemuRoot {
        /// The release
        release: String,
    },
    /// Download the compositors that `cargo xtask bench` measures beside the service
    Peers,
    /// Run a program of this machine in a guest with a graphics card; `shot NAME` in it takes a picture
    /// of its screen
    Kms {
        /// The card: virtio, bochs or cirrus
        #[arg(long, default_value = "virtio", value_parser = card)]
        card: Card,
        /// The folder that gets pictures and logs; in the guest it is /rig
        #[arg(long, default_value = "target/kms")]
        folder: PathBuf,
        /// The command; it runs as root, in this machine's files, of which it cannot change any
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
    /// Run a program of this machine under another compositor without a screen; `shot NAME` in it takes a
    /// picture of the output
    Window {
        /// The compositor: sway or weston
        #[arg(long, default_value = "sway", value_parser = parent)]
        parent: parent::Kind,
        /// The size of its output
        #[arg(long, default_value = "1280x720", value_parser = size)]
        size: (u32, u32),
        /// The folder that gets pictures, logs and sockets
        #[arg(long, default_value = "target/window")]
        folder: PathBuf,
        /// The command
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
    /// Boot a test guest with QEMU's own devices; its console is on the terminal
    Boot {
        /// The QEMU of this release instead of the installed one
        #[arg(long)]
        release: Option<String>,
        /// What the guest draws: HEAD:PATTERN:SEED
        #[arg(long, default_value = "0:bars:1")]
        draw: String,
        /// The folder for the guest's sockets
        #[arg(long, default_value = "/tmp")]
        folder: PathBuf,
        /// More options for QEMU; without them it gets QEMU's virtio-gpu
        #[arg(last = true)]
        options: Vec<String>,
    },
}

pub(crate) fn run(task: &Task) -> Result<()> {
    setup::for_running()?;
    match task {
        Task::List => list(),
        Task::Image => {
            let image = Image::prepare()?;
            say(&format!("kernel  {}", image.kernel.display()));
            say(&format!("archive {}", image.archive.display()));
            Ok(())
        }
        Task::QemuRoot { release } => {
            let folder = roots::qemu(release)?;
            let version = Qemu::of_release(release)?.version()?;
            say(&format!("QEMU {version} in {}", folder.display()));
            Ok(())
        }
        Task::Peers => {
            say(&format!("compositors in {}", roots::peers()?.display()));
            Ok(())
        }
        Task::Kms { card, folder, command } => {
            let folder = std::path::absolute(folder).at("use", folder)?;
            let printed = kms::run(*card, &folder, &line(command))?;
            let _ = std::io::stdout().write_all(printed.as_bytes());
            say(&format!("pictures and logs are in {}", folder.display()));
            Ok(())
        }
        Task::Window { parent, size, folder, command } => {
            let folder = std::path::absolute(folder).at("use", folder)?;
            std::fs::create_dir_all(&folder).at("make", &folder)?;
            Parent::start(*parent, &folder, *size)?.run(&line(command))?;
            say(&format!("pictures and logs are in {}", folder.display()));
            Ok(())
        }
        Task::Boot { release, draw, folder, options } => {
            boot(release.as_deref(), draw, folder, options)
        }
    }
}

/// A command as a line for the shell, which one word is already.
fn line(command: &[String]) -> String {
    let quote = |word: &String| format!("'{}'", word.replace('\'', r"'\''"));
    match command {
        [line] => line.clone(),
        words => words.iter().map(quote).collect::<Vec<_>>().join(" "),
    }
}

fn parent(name: &str) -> std::result::Result<parent::Kind, String> {
    match name {
        "sway" => Ok(parent::Kind::Sway),
        "weston" => Ok(parent::Kind::Weston),
        _ => Err("use sway or weston".to_owned()),
    }
}

fn size(text: &str) -> std::result::Result<(u32, u32), String> {
    let sides = text.split_once('x').and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
    sides.ok_or_else(|| "write it as 1280x720".to_owned())
}

fn card(name: &str) -> std::result::Result<Card, String> {
    match name {
        "virtio" => Ok(Card::Virtio(2)),
        "bochs" => Ok(Card::Bochs),
        "cirrus" => Ok(Card::Cirrus),
        _ => Err("use virtio, bochs or cirrus".to_owned()),
    }
}

fn list() -> Result<()> {
    say(&format!("cache        {}", cache::folder()?.display()));
    say(&format!("accelerator  {:?}", accelerator::probe()?));
    say(&format!("QEMU         {} (installed)", Qemu::installed()?.version()?));
    for release in roots::RELEASES {
        if roots::has_qemu(release)? {
            let version = Qemu::of_release(release)?.version()?;
            say(&format!("QEMU         {version} (of {release})"));
        }
    }
    Ok(())
}

fn boot(release: Option<&str>, draw: &str, folder: &Path, options: &[String]) -> Result<()> {
    let image = Image::prepare()?;
    let qemu = match release {
        Some(release) => Qemu::of_release(release)?,
        None => Qemu::installed()?,
    };
    let folder = std::path::absolute(folder).at("use", folder)?;
    let mut machine = Machine::new(&folder);
    machine.log = PathBuf::from("/dev/stdout");
    machine.qmp = Some(folder.join("qmp.sock"));
    machine.draw = Some(draw.to_owned());
    let own = ["-device", "virtio-gpu-pci", "-device", "virtio-keyboard-pci"];
    machine.options = match options {
        [] => own.map(str::to_owned).to_vec(),
        options => options.to_vec(),
    };
    say(&format!("control port: {}", machine.control.display()));
    visible(&mut qemu.boot(&image, &machine))
}
