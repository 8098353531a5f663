//! QEMU's own windows, and other viewers', on an X server without a screen.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use porthole_rig::error::Context;
use porthole_rig::{Result, RigError};

use super::Coding;
use super::program::Program;
use super::screen::Screen;

/// The picture of a guest that draws.
pub(crate) use super::parts::SIZE as PICTURE;

/// Large enough for a window that begins anywhere: some open small and in the middle.
const ROOM: (u32, u32) = (4096, 2304);

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

/// Starts an X server and returns it with the name of its display, and its pixels.
pub(crate) fn server(folder: &Path) -> Result<(Program, String, Arc<Screen>)> {
    let (width, height) = ROOM;
    let mut command = Command::new("Xvfb");
    command.args(["-displayfd", "1", "-nolisten", "tcp", "-screen", "0"]);
    command.arg(format!("{width}x{height}x24")).arg("-fbdir").arg(folder).stdout(Stdio::piped());
    let mut server = Program::start("Xvfb", folder, command)?;
    let mut line = String::new();
    if let Some(output) = server.output() {
        // Ends when it has told its number, at the latest when it ends.
        let read = BufReader::new(output).read_line(&mut line);
        read.context(|| "read from Xvfb".to_owned())?;
    }
    let Ok(number) = line.trim().parse::<u32>() else {
        return Err(RigError::failed(server.failure("does not start").to_string()));
    };
    let display = format!(":{number}");
    let screen = Screen::open(&display, folder)?;
    Ok((server, display, Arc::new(screen)))
}

/// Starts TigerVNC's viewer: it scales nothing, asks for no size, and takes pixels as they are.
pub(crate) fn viewer(
    folder: &Path,
    display: &str,
    socket: &Path,
    coding: Coding,
) -> Result<Program> {
    let mut command = Command::new("vncviewer");
    for off in ["AutoSelect", "RemoteResize", "SendClipboard", "AcceptClipboard"] {
        command.arg(format!("-{off}=0"));
    }
    for off in ["AlertOnFatalError", "ReconnectOnError"] {
        command.arg(format!("-{off}=0"));
    }
    command.args(["-Shared", "-NoJPEG", "-FullColour", "-SecurityTypes", "None"]);
    command.args(["-PreferredEncoding", coding.name()]).arg(socket);
    Program::start("vncviewer", folder, on(display, &command))
}

/// The same command with a display to show its window on, which programs here have not otherwise.
pub(crate) fn on(display: &str, command: &Command) -> Command {
    let mut wrapped = Command::new("env");
    wrapped.arg(format!("DISPLAY={display}")).arg(command.get_program()).args(command.get_args());
    wrapped.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    wrapped
}
