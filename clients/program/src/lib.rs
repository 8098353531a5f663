//! What every program of Porthole starts with: logs, limits, inherited descriptors, what it gives up
//! ([`sandbox`]), and how it ends.

mod connector;
mod inherit;
mod log;
pub mod sandbox;

use std::{error::Error, io::Write, process::ExitCode};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing_subscriber::filter::Targets;

pub use connector::{Connector, beside, beside_free};
pub use inherit::{InheritError, inherit, ready_fd};

/// The exit code of a wrong command line, as clap has it.
const USAGE: u8 = 2;

/// The exit code of a program that failed.
const FAILURE: u8 = 1;

/// Runs a program to its end: 0 when it is done, 1 when it failed, 2 when `log` is no log level.
///
/// `log` is what `--log` says: a level for our own words (the libraries only warn), or directives as
/// in `RUST_LOG`. Logs and the final error go to standard error; an error is told with its causes.
pub fn run<E: Error>(name: &str, log: &str, program: impl FnOnce() -> Result<(), E>) -> ExitCode {
    run_for_status(name, log, FAILURE, || program().map(|()| 0))
}

/// Runs a program whose exit code is its answer: what it returns, `failure` when it failed, 2 when
/// `log` is no log level. Everything else is as in [`run`].
pub fn run_for_status<E: Error>(
    name: &str,
    log: &str,
    failure: u8,
    program: impl FnOnce() -> Result<u8, E>,
) -> ExitCode {
    run_with(name, log, |_| failure, program)
}

/// The same for a program whose failures have exit codes of their own.
pub fn run_with<E: Error>(
    name: &str,
    log: &str,
    status: impl FnOnce(&E) -> u8,
    program: impl FnOnce() -> Result<u8, E>,
) -> ExitCode {
    let filter = match directives(log).parse::<Targets>() {
        Ok(filter) => filter,
        Err(error) => {
            tell(&format!("{name}: --log '{log}': {error}; say error, warn, info, debug or trace"));
            return ExitCode::from(USAGE);
        }
    };
    log::start(filter);
    raise_descriptor_limit();
    match program() {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            tell(&format!("{name}: {}", with_causes(&error)));
            ExitCode::from(status(&error))
        }
    }
}

/// A bare level is for our own words only.
fn directives(log: &str) -> String {
    match log {
        "info" | "debug" | "trace" => format!("warn,porthole={log}"),
        other => other.to_owned(),
    }
}

/// An error and what caused it, on one line.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let words = next.to_string();
        // Some errors repeat their cause in their own words.
        if !text.ends_with(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = next.source();
    }
    text
}

/// Nothing is left to tell it to when even this fails.
fn tell(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Every shared picture is a descriptor: takes as many as the system grants.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!("the limit of open files stays as it is: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the port cannot be shown{0}")]
    struct Outer(&'static str, #[source] std::io::Error);

    #[test]
    fn a_level_is_for_our_own_words() {
        assert_eq!(directives("debug"), "warn,porthole=debug");
        assert_eq!(directives("warn"), "warn");
        assert_eq!(directives("smithay=trace"), "smithay=trace");
    }

    #[test]
    fn causes_are_told_once() {
        let cause = || std::io::Error::other("no such socket");
        assert_eq!(with_causes(&Outer("", cause())), "the port cannot be shown: no such socket");
        assert_eq!(
            with_causes(&Outer(": no such socket", cause())),
            "the port cannot be shown: no such socket"
        );
    }
}
