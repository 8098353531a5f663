//! `cargo xtask wlcs`: the Wayland conformance suite of Debian against our service.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use clap::Args;
use porthole_rig::error::Context;
use porthole_rig::packages::{Needed, install};
use porthole_rig::progress::{Step, say};
use porthole_rig::{Result, RigError, cache};

use crate::{cargo, setup};

const SUITE: &str = "/usr/lib/x86_64-linux-gnu/wlcs/wlcs";
const PACKAGE: Needed = Needed { name: "wlcs", why: "the Wayland conformance suite" };
/// Processes that share the tests.
const SHARDS: usize = 6;
/// Tests that fail for a reason, by name.
const KNOWN: &str = "tests/wlcs/known-failures.txt";

/// What to run.
#[derive(Args)]
pub(crate) struct Options {
    /// Only these tests, as GoogleTest's filter takes them
    #[arg(long, default_value = "*")]
    filter: String,
}

/// What became of the tests, by name.
#[derive(Default)]
struct Outcome {
    passed: BTreeSet<String>,
    failed: BTreeSet<String>,
    skipped: BTreeSet<String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    setup::for_running()?;
    install(&[PACKAGE])?;
    cargo::step(
        "building the service and its side of the suite",
        &["build", "-p", "porthole", "-p", "porthole-wlcs"],
    )?;
    let outcome = run_suite(&options.filter)?;
    let known = known()?;
    let Outcome { passed, failed, skipped } = &outcome;
    for name in failed {
        say(&format!("failed: {name}{}", if known.contains(name) { " (known)" } else { "" }));
    }
    for name in passed.intersection(&known) {
        say(&format!("passes by now: take {name} from {KNOWN}"));
    }
    let line =
        format!("{} passed, {} failed, {} skipped", passed.len(), failed.len(), skipped.len());
    // A closed output hides the sum, but the exit status still tells.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
    let news = failed.difference(&known).count();
    if news > 0 { Err(RigError::failed(format!("{news} failures are not known"))) } else { Ok(()) }
}

/// Runs the tests in several processes at a time: most of them wait for what does not come.
fn run_suite(filter: &str) -> Result<Outcome> {
    let step = Step::start("running the conformance suite".to_owned());
    let mut children = Vec::new();
    for shard in 0..SHARDS {
        let mut command = Command::new(SUITE);
        command.arg(cache::target().join("debug/libporthole_wlcs.so"));
        command.arg(format!("--gtest_filter={filter}"));
        command.env("GTEST_TOTAL_SHARDS", SHARDS.to_string());
        command.env("GTEST_SHARD_INDEX", shard.to_string());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        children.push(command.spawn().at("start", Path::new(SUITE))?);
    }
    let read = |mut child: Child| -> Vec<String> {
        let lines = child.stdout.take().map(|output| BufReader::new(output).split(b'\n'));
        let lines = lines.into_iter().flatten().map_while(std::result::Result::ok);
        let lines = lines.map(|line| String::from_utf8_lossy(&line).into_owned()).collect();
        // Its status says that tests failed, which its lines say better.
        let _ = child.wait();
        lines
    };
    let mut outcome = Outcome::default();
    std::thread::scope(|scope| {
        let readers: Vec<_> =
            children.into_iter().map(|child| scope.spawn(move || read(child))).collect();
        for lines in readers.into_iter().filter_map(|reader| reader.join().ok()) {
            lines.iter().for_each(|line| outcome.line(line));
        }
    });
    drop(step);
    Ok(outcome)
}

impl Outcome {
    /// Reads a line such as `[       OK ] Suite.name (12 ms)`.
    fn line(&mut self, line: &str) {
        let ends = [
            ("[       OK ] ", &mut self.passed),
            ("[  FAILED  ] ", &mut self.failed),
            ("[     SKIP ] ", &mut self.skipped),
        ];
        for (mark, names) in ends {
            let name = line.strip_prefix(mark).and_then(|rest| rest.rsplit_once(" ("));
            if let Some((name, _)) = name {
                // Parameters are told behind a comma.
                let name = name.split_once(", where").map_or(name, |(name, _)| name);
                names.insert(name.to_owned());
            }
        }
    }
}

fn known() -> Result<BTreeSet<String>> {
    let file = cache::workspace().join(KNOWN);
    let text = fs::read_to_string(&file).at("read", &file)?;
    let names = text.lines().map(str::trim).filter(|line| !line.is_empty());
    Ok(names.filter(|line| !line.starts_with('#')).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_read_from_the_suites_lines() {
        let mut outcome = Outcome::default();
        for line in [
            "[ RUN      ] A.b",
            "[       OK ] A.b (12 ms)",
            "[  FAILED  ] C/D.e/3, where GetParam() = (x) (700 ms)",
            "[     SKIP ] F.g (9ms)",
            "[  FAILED  ] 3 tests failed:",
        ] {
            outcome.line(line);
        }
        let name = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(" ");
        assert_eq!(name(&outcome.passed), "A.b");
        assert_eq!(name(&outcome.failed), "C/D.e/3");
        assert_eq!(name(&outcome.skipped), "F.g");
    }
}
