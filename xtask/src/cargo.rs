//! Calls of cargo.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use porthole_rig::command::visible;
use porthole_rig::error::Context;
use porthole_rig::progress::Step;
use porthole_rig::{Result, RigError, cache};

/// A cargo that works on this workspace.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(arguments).current_dir(cache::workspace());
    command
}

/// Runs cargo with its own output on the terminal.
pub(crate) fn step(what: &str, arguments: &[&str]) -> Result<()> {
    let _step = Step::start(what);
    visible(&mut command(arguments))
}

/// Builds programs of the workspace. It is asked for whole: what is asked for alone has packages with fewer
/// features, and builds most of them once more.
pub(crate) fn build(what: &str, programs: &[&str]) -> Result<()> {
    let mut arguments = vec!["build", "--workspace"];
    arguments.extend(programs.iter().flat_map(|program| ["--bin", program]));
    step(what, &arguments)
}

/// How many tests ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u32,
    pub(crate) failed: u32,
    pub(crate) ignored: u32,
}

impl Counts {
    /// Takes the numbers out of a `test result:` line.
    fn add_line(&mut self, line: &str) {
        let Some(result) = line.trim().strip_prefix("test result: ") else { return };
        for part in result.split([';', '.']) {
            let mut words = part.split_whitespace();
            let (number, kind) = (words.next().unwrap_or_default(), words.next());
            let Ok(number) = number.parse::<u32>() else { continue };
            match kind {
                Some("passed") => self.passed += number,
                Some("failed") => self.failed += number,
                Some("ignored") => self.ignored += number,
                _ => {}
            }
        }
    }
}

/// Runs `cargo test`, shows its output as it comes and counts.
///
/// # Errors
/// When cargo cannot be run or something does not build; tests that fail only count.
pub(crate) fn test(what: &str, arguments: &[&str], counts: &mut Counts) -> Result<()> {
    let _step = Step::start(what);
    let mut child = command(&["test"]);
    child.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = child.spawn().context(|| "run cargo".to_owned())?;
    let failed_before = counts.failed;
    let lines = child.stdout.take().map(BufReader::new);
    for line in lines.into_iter().flat_map(BufRead::lines) {
        let line = line.context(|| "read from cargo".to_owned())?;
        counts.add_line(&line);
        // Nobody reads our output any more: the tests are worth finishing all the same.
        let _ = writeln!(std::io::stdout().lock(), "{line}");
    }
    let status = child.wait().context(|| "wait for cargo".to_owned())?;
    if !status.success() && counts.failed == failed_before {
        return Err(RigError::failed(format!("{what} failed ({status})")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_results() {
        let mut counts = Counts::default();
        counts.add_line("test a::b ... ok");
        counts.add_line(
            "test result: ok. 12 passed; 0 failed; 3 ignored; 0 measured; 1 filtered out; \
             finished in 0.02s",
        );
        counts.add_line("test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured;");
        assert_eq!(counts, Counts { passed: 13, failed: 2, ignored: 3 });
    }
}
