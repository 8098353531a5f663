//! `cargo xtask ci`: what must pass before a change lands (at most 25 minutes on two cores).

use clap::Args;
use porthole_rig::progress::say;
use porthole_rig::{Qemu, Result, cache, roots};

use crate::cargo::Counts;
use crate::{demo, fuzz, lint, setup, soak, test};

/// Each of a dozen targets is tried for so long, and at night for so long.
const FUZZ_SECONDS: u32 = 4;
const NIGHTLY_FUZZ_SECONDS: u32 = 60;
/// How long the soak lasts, and how long at night.
const SOAK_MINUTES: u32 = 1;
const NIGHTLY_SOAK_MINUTES: u32 = 10;

/// Which parts to run.
#[derive(Args)]
pub(crate) struct Options {
    /// Leave out what `cargo xtask test` does
    #[arg(long)]
    after_test: bool,
    /// Fuzz and soak for longer, and test what builds a driver first: half an hour more
    #[arg(long)]
    nightly: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    setup::for_guests()?;
    lint::run()?;
    setup::for_long_tests()?;
    if options.nightly {
        setup::for_nights()?;
    }
    for release in roots::RELEASES {
        say(&format!("QEMU {} of {release}", Qemu::of_release(release)?.version()?));
    }
    let mut counts = Counts::default();
    if !options.after_test {
        test::run_tier(false, None, &mut counts)?;
        // What this left out comes next.
        counts.ignored = 0;
    }
    test::run_ignored(options.nightly, &mut counts)?;
    if options.nightly {
        fuzz::all(NIGHTLY_FUZZ_SECONDS, None)?;
        soak::for_minutes(NIGHTLY_SOAK_MINUTES, None)?;
    } else {
        fuzz::all(FUZZ_SECONDS, Some(fuzz::SEED))?;
        soak::for_minutes(SOAK_MINUTES, Some(soak::SEED))?;
    }
    demo::once(&cache::target().join("demo"))?;
    test::finish(counts)
}
