//! `cargo xtask test`: what a user runs to see whether everything works here.

use std::io::Write;

use cargo_metadata::MetadataCommand;
use clap::Args;
use porthole_rig::progress::say;
use porthole_rig::{Result, RigError, cache};

use crate::cargo::{self, Counts};
use crate::setup;

/// The test program that starts guests, in `porthole-tests`. It is asked for with the whole workspace, as
/// everything is: see [`cargo::build`].
const WITH_GUESTS: &str = "all";

/// Which tests to run.
#[derive(Args)]
pub(crate) struct Options {
    /// Also the tests that take long or need other QEMUs: everything, for the night
    #[arg(long)]
    all: bool,
    /// Only tests whose names hold this text
    #[arg(long)]
    filter: Option<String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    if options.all {
        setup::for_long_tests()?;
    }
    let mut counts = Counts::default();
    run_tier(options.all, options.filter.as_deref(), &mut counts)?;
    finish(counts)
}

/// Runs the unit tests, then the tests with real guests.
pub(crate) fn run_tier(ignored: bool, filter: Option<&str>, counts: &mut Counts) -> Result<()> {
    setup::for_guests()?;
    cargo::step("building the tests", &["test", "--workspace", "--no-run", "--quiet"])?;
    let others = other_tests()?;
    let mut units =
        vec!["--workspace", "--lib", "--bins", "--examples", "--no-fail-fast", "--quiet"];
    units.extend(others.iter().flat_map(|name| ["--test", name]));
    units.extend(filter);
    cargo::test("testing the rooms one by one", &units, counts)?;
    let mut examples = vec!["--workspace", "--doc", "--no-fail-fast", "--quiet"];
    examples.extend(filter);
    cargo::test("testing the examples of the documentation", &examples, counts)?;
    // Two guests at a time: each is a QEMU that may use a whole core.
    let mut guests = vec!["--workspace", "--test", WITH_GUESTS, "--no-fail-fast"];
    guests.extend(filter);
    guests.extend(["--", "--test-threads=2"]);
    if ignored {
        guests.push("--include-ignored");
    }
    cargo::test("testing everything together with real guests", &guests, counts)
}

/// The test programs that start no guests.
fn other_tests() -> Result<Vec<String>> {
    let mut command = MetadataCommand::new();
    command.manifest_path(cache::workspace().join("Cargo.toml")).no_deps();
    let metadata = command.exec().map_err(|error| RigError::failed(error.to_string()))?;
    let targets = metadata.packages.into_iter().flat_map(|package| package.targets);
    let tests = targets.filter(|target| target.is_test() && target.name != WITH_GUESTS);
    Ok(tests.map(|target| target.name).collect())
}

/// Those tests whose names end so are for the night: they download or build more than they test.
const AT_NIGHT: &str = "_at_night";

/// Runs only the tests with real guests that the quick tier leaves out.
pub(crate) fn run_ignored(at_night: bool, counts: &mut Counts) -> Result<()> {
    let mut guests = vec!["--workspace", "--test", WITH_GUESTS, "--no-fail-fast", "--"];
    guests.extend(["--ignored", "--test-threads=2"]);
    if !at_night {
        guests.extend(["--skip", AT_NIGHT]);
    }
    cargo::test("testing on other QEMUs and against other viewers", &guests, counts)
}

/// Says the sum in one line; a failure of any test is a failure of the task.
pub(crate) fn finish(counts: Counts) -> Result<()> {
    let Counts { passed, failed, ignored } = counts;
    if ignored > 0 {
        say(&format!("{ignored} tests were left out: `cargo xtask test --all` runs them too"));
    }
    let line = format!("{passed} passed, {failed} failed, {ignored} skipped");
    // A closed output hides the sum, but the exit status still tells.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
    if failed > 0 { Err(RigError::failed("some tests failed")) } else { Ok(()) }
}
