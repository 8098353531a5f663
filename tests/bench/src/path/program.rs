//! A program with a log, which ends with its owner.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use porthole_rig::error::Context;
use porthole_rig::{Result, RigError};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// A running program.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Program {
    /// Starts a program that writes its log to `NAME.log` in a folder.
    pub(crate) fn start(name: &'static str, folder: &Path, mut command: Command) -> Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let file = File::create(&log).at("make", &log)?;
        command.stdin(Stdio::null()).stderr(file);
        for name in ["WAYLAND_DISPLAY", "WAYLAND_SOCKET", "DISPLAY"] {
            command.env_remove(name);
        }
        let child = command.spawn().context(|| format!("start {name}"))?;
        Ok(Self { name, child, log })
    }

    /// Starts one of our programs and waits for its ready line.
    pub(crate) fn start_ready(
        name: &'static str,
        folder: &Path,
        mut command: Command,
    ) -> Result<(Self, Value)> {
        command.args(["--ready-fd", "1"]).stdout(Stdio::piped());
        let mut program = Self::start(name, folder, command)?;
        let mut line = String::new();
        if let Some(output) = program.child.stdout.take() {
            let read = BufReader::new(output).read_line(&mut line);
            read.context(|| format!("read the ready line of {name}"))?;
        }
        match serde_json::from_str(&line) {
            Ok(ready) => Ok((program, ready)),
            Err(_) => Err(program.failure("does not become ready")),
        }
    }

    /// What it writes, if that was piped and nobody reads it yet.
    pub(crate) fn output(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// The process's number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// A failure with the end of its log.
    pub(crate) fn failure(&self, what: &str) -> RigError {
        let log = self.log();
        let lines: Vec<&str> = log.lines().rev().take(10).collect();
        let lines: Vec<&str> = lines.into_iter().rev().collect();
        RigError::failed(format!("{} {what}:\n  {}", self.name, lines.join("\n  ")))
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends a signal; one that has ended gets none.
    pub(crate) fn signal(&self, signal: Signal) {
        if let Some(id) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(id, signal);
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself; then both calls have nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
