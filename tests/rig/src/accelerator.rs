//! Which accelerator guests run on. `/dev/kvm` may be there and yet be emulated so slowly that
//! guests make no progress, so a tiny guest is run and timed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::cache;
use crate::error::{Context, Result};
use crate::progress::say;

/// Real KVM ends the probe in about a tenth of this; an emulated one takes longer.
const LIMIT: Duration = Duration::from_millis(1500);

/// A boot sector: `mov dx, 0x501; mov al, 0x10; popcnt cx, ax; out dx, al; hlt`, which ends QEMU through its
/// `isa-debug-exit` device with status 0x10 * 2 + 1. A kernel that emulates its guests' instructions knows
/// no `popcnt` (arch/x86/kvm/emulate.c has nothing at 0f b8), as it knows none of others that every guest's
/// kernel needs: there the guest stops, however fast the machine is at the moment.
const BOOT_SECTOR: [u8; 11] = [0xba, 0x01, 0x05, 0xb0, 0x10, 0xf3, 0x0f, 0xb8, 0xc8, 0xee, 0xf4];
const EXPECTED: i32 = 0x10 * 2 + 1;

/// How guests are executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accelerator {
    /// By the processor.
    Kvm,
    /// By QEMU's translator: slow, works everywhere.
    Tcg,
}

impl Accelerator {
    /// The value of QEMU's `-accel`.
    #[must_use]
    pub const fn option(self) -> &'static str {
        match self {
            Accelerator::Kvm => "kvm",
            // A guest has one processor; its emulation in the main thread saves hand-overs.
            Accelerator::Tcg => "tcg,thread=single",
        }
    }

    /// The value of QEMU's `-cpu`.
    #[must_use]
    pub const fn cpu(self) -> &'static str {
        match self {
            Accelerator::Kvm => "host",
            Accelerator::Tcg => "max",
        }
    }

    /// What a guest's kernel is told beside its own command line.
    ///
    /// An emulated processor's time stamps are those of this machine. How fast they count, a kernel measures,
    /// and while it does it may be stopped: in guests of a busy machine a second took a fifth of one, and what
    /// may take ten of them failed. The other clock needs no measuring.
    #[must_use]
    pub const fn kernel(self) -> &'static str {
        match self {
            Accelerator::Kvm => "",
            Accelerator::Tcg => " clocksource=hpet",
        }
    }
}

/// Finds out what works here; asks once a boot of this machine and remembers.
///
/// # Errors
/// When the cache cannot be written.
pub fn probe() -> Result<Accelerator> {
    if fs::OpenOptions::new().read(true).write(true).open("/dev/kvm").is_err() {
        return Ok(Accelerator::Tcg);
    }
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let memory: PathBuf = cache::folder()?.join("accelerator");
    if let Some(known) = remembered(&memory, boot.trim()) {
        return Ok(known);
    }
    // One asks, and others wait and find the answer: tests begin several at a time.
    let lock_path = memory.with_extension("lock");
    let lock = File::create(&lock_path).at("make", &lock_path)?;
    lock.lock().at("lock", &lock_path)?;
    if let Some(known) = remembered(&memory, boot.trim()) {
        return Ok(known);
    }
    let works = runs_in_time()?;
    let answer = if works { "kvm" } else { "tcg" };
    let partial = memory.with_extension("partial");
    fs::write(&partial, format!("{} {answer}", boot.trim())).at("write", &partial)?;
    fs::rename(&partial, &memory).at("rename", &partial)?;
    if works {
        return Ok(Accelerator::Kvm);
    }
    say(
        "/dev/kvm is there but runs a tiny guest too slowly, or not at all: guests will be emulated (TCG)",
    );
    Ok(Accelerator::Tcg)
}

/// What was found out since this boot.
fn remembered(memory: &Path, boot: &str) -> Option<Accelerator> {
    let known = fs::read_to_string(memory).ok()?;
    let (_, answer) = known.split_once(' ').filter(|(known, _)| *known == boot)?;
    Some(if answer == "kvm" { Accelerator::Kvm } else { Accelerator::Tcg })
}

fn runs_in_time() -> Result<bool> {
    let disk = cache::folder()?.join(format!("probe-{}.img", std::process::id()));
    let mut sector = BOOT_SECTOR.to_vec();
    sector.resize(510, 0);
    sector.extend([0x55, 0xaa]);
    fs::write(&disk, sector).at("write", &disk)?;
    let mut qemu = Command::new("qemu-system-x86_64");
    qemu.args(["-accel", "kvm", "-machine", "pc", "-nodefaults", "-display", "none", "-m", "16"]);
    qemu.args(["-device", "isa-debug-exit,iobase=0x501,iosize=1", "-drive"]);
    qemu.arg(format!("file={},format=raw,if=ide", disk.display()));
    qemu.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let start = Instant::now();
    // `timeout` ends a guest that never does; its own status is 124 or 137.
    let mut limited = Command::new("timeout");
    limited.args(["-k", "1", "5"]).arg(qemu.get_program()).args(qemu.get_args());
    let status = limited.stdout(Stdio::null()).stderr(Stdio::null()).status();
    let status = status.context(|| "run timeout".to_owned());
    let elapsed = start.elapsed();
    fs::remove_file(&disk).at("remove", &disk)?;
    Ok(status?.code() == Some(EXPECTED) && elapsed < LIMIT)
}
