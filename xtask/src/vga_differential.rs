//! `vga-differential`: random accesses to our VGA and to QEMU's, which must answer and show the same.

use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use porthole_rig::command::visible;
use porthole_rig::progress::say;
use porthole_rig::qemu::Qemu;
use porthole_rig::{Result, RigError, cache};
use porthole_vectors::{Summary, vga};

use crate::cargo;

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
    /// By QEMU's vfio-user to porthole-vga as three of its models, instead of to the device alone; a round
    /// tries each of them, and the first that differs is the last
    #[arg(long)]
    served: bool,
}

/// Compares. A round that differs leaves what it did in `target/vga-differential`.
pub(crate) fn run(options: &Options) -> Result<Summary> {
    let qemu = Qemu::of_release(RELEASE)?;
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let seed = options.seed.unwrap_or(clock);
    say(&format!("QEMU {}, seeds from {seed} on", qemu.version()?));
    if options.served {
        return served(seed, options.rounds);
    }
    let folder = cache::workspace().join("target/vga-differential");
    vga::compare(|| qemu.command(), seed, options.rounds, &folder).map_err(RigError::failed)
}

/// The test that does it, which reads the seed from its environment.
const TEST: &str = "random_accesses_by_vfio_user_are_answered_as_by_qemus_devices";

fn served(seed: u64, rounds: u64) -> Result<Summary> {
    cargo::build("building what is compared", &["porthole", "porthole-vga"])?;
    let arguments = ["test", "--workspace", "--test", "all", TEST, "--", "--ignored"];
    let mut command = cargo::command(&arguments);
    command.env("PORTHOLE_SEED", seed.to_string()).env("PORTHOLE_ROUNDS", rounds.to_string());
    visible(&mut command)?;
    let passed = usize::try_from(rounds).unwrap_or(usize::MAX);
    Ok(Summary { passed, ..Summary::default() })
}
