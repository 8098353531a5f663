//! Runs other programs and keeps what they say for the case that they fail.

use std::process::{Command, Output, Stdio};

use crate::error::{Context, Result, RigError};

/// Runs a program to its end and returns its standard output.
///
/// # Errors
/// When it cannot be started, or exits with a failure; the text then holds what it printed.
pub fn output(command: &mut Command) -> Result<Vec<u8>> {
    let result = capture(command)?;
    if result.status.success() {
        return Ok(result.stdout);
    }
    let mut said = String::from_utf8_lossy(&result.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&result.stderr));
    let tail = said.lines().rev().take(20).collect::<Vec<_>>();
    let tail = tail.into_iter().rev().collect::<Vec<_>>().join("\n  ");
    Err(RigError::failed(format!("{} failed ({}):\n  {tail}", name(command), result.status)))
}

/// The same, for a program whose output is text.
///
/// # Errors
/// As [`output`].
pub fn text(command: &mut Command) -> Result<String> {
    output(command).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// Runs a program to its end, whatever that is.
///
/// # Errors
/// When it cannot be started.
pub fn capture(command: &mut Command) -> Result<Output> {
    command.stdin(Stdio::null());
    command.output().context(|| format!("run {}", name(command)))
}

/// Runs a program that talks to the terminal itself.
///
/// # Errors
/// When it cannot be started, or exits with a failure.
pub fn visible(command: &mut Command) -> Result<()> {
    let status = command.status().context(|| format!("run {}", name(command)))?;
    if status.success() {
        return Ok(());
    }
    Err(RigError::failed(format!("{} failed ({status})", name(command))))
}

/// Whether a program is on the search path.
#[must_use]
pub fn exists(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// The command's line, for messages.
fn name(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
    let line = words.join(" ");
    if line.chars().count() > 300 {
        line.chars().take(300).chain("...".chars()).collect()
    } else {
        line
    }
}
