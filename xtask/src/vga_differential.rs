//! `vga-differential`: random accesses to our VGA and to QEMU's, which must answer and show the same.

use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use porthole_rig::progress::say;
use porthole_rig::qemu::Qemu;
use porthole_rig::{Result, RigError, cache};
use porthole_vectors::{Summary, vga};

/// The release whose QEMU is the judge: 11, whose pictures are recorded too.
const RELEASE: &str = "sid";

#[derive(Args)]
pub(crate) struct Options {
    /// The first round's seed; each round after it has the next. By the clock if not given
    #[arg(long)]
    seed: Option<u64>,
    /// How many rounds
    #[arg(long, default_value_t = 20)]
    rounds: u64,
}

/// Compares. A round that differs leaves what it did in `target/vga-differential`.
pub(crate) fn run(options: &Options) -> Result<Summary> {
    let qemu = Qemu::of_release(RELEASE)?;
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let seed = options.seed.unwrap_or(clock);
    say(&format!("QEMU {}, seeds from {seed} on", qemu.version()?));
    let folder = cache::workspace().join("target/vga-differential");
    vga::compare(|| qemu.command(), seed, options.rounds, &folder).map_err(RigError::failed)
}
