//! QEMU's own windows on an X server without a screen, which many use to see a guest.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use porthole_rig::error::Context;
use porthole_rig::{Result, RigError};

use super::parts::SIZE;
use super::program::Program;

/// What QEMU makes its window with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Toolkit {
    Gtk,
    Sdl,
}

impl Toolkit {
    /// The value of QEMU's `-display`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Gtk => "gtk",
            Self::Sdl => "sdl",
        }
    }
}

/// Starts an X server of the port's size and returns it with the name of its display.
pub(crate) fn server(folder: &Path) -> Result<(Program, String)> {
    let (width, height) = SIZE;
    let mut command = Command::new("Xvfb");
    command.args(["-displayfd", "1", "-nolisten", "tcp", "-screen", "0"]);
    command.arg(format!("{width}x{height}x24")).stdout(Stdio::piped());
    let mut server = Program::start("Xvfb", folder, command)?;
    let mut line = String::new();
    if let Some(output) = server.output() {
        // Ends when it has told its number, at the latest when it ends.
        let read = BufReader::new(output).read_line(&mut line);
        read.context(|| "read from Xvfb".to_owned())?;
    }
    match line.trim().parse::<u32>() {
        Ok(number) => Ok((server, format!(":{number}"))),
        Err(_) => Err(RigError::failed(server.failure("does not start").to_string())),
    }
}

/// The same command with a display to show its window on, which programs here have not otherwise.
pub(crate) fn on(display: &str, command: &Command) -> Command {
    let mut wrapped = Command::new("env");
    wrapped.arg(format!("DISPLAY={display}")).arg(command.get_program()).args(command.get_args());
    wrapped.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    wrapped
}
