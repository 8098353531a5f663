//! The control port (the second serial port) and the kernel's log.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

/// A longer line is a mistake of the sender; it bounds what is kept.
const LONGEST_LINE: usize = 4096;

/// Writes a line to the kernel's log, which the first serial port shows.
pub(crate) fn log(text: &str) {
    // Nobody is left to tell if even the kernel's log cannot be written.
    if let Ok(mut kernel) = OpenOptions::new().write(true).open("/dev/kmsg") {
        let _ = writeln!(kernel, "porthole-guest: {text}");
    }
}

/// The serial line that carries commands in, answers and events out.
pub(crate) struct Control {
    port: File,
    partial: Vec<u8>,
}

impl Control {
    /// Opens the port and switches off every kind of line editing.
    pub(crate) fn open() -> io::Result<Self> {
        let port = OpenOptions::new().read(true).write(true).open("/dev/ttyS1")?;
        let mut settings = tcgetattr(&port)?;
        settings.make_raw();
        tcsetattr(&port, OptionalActions::Now, &settings)?;
        Ok(Control { port, partial: Vec::new() })
    }

    /// What to wait on for commands.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.port.as_fd()
    }

    /// Sends one line.
    pub(crate) fn send(&mut self, line: &str) -> io::Result<()> {
        self.port.write_all(format!("{line}\n").as_bytes())
    }

    /// Sends an answer's text as data lines.
    pub(crate) fn send_data(&mut self, text: &str) -> io::Result<()> {
        text.lines().try_for_each(|line| self.send(&format!("| {line}")))
    }

    /// Reads what has arrived and returns the lines that are complete.
    pub(crate) fn receive(&mut self) -> io::Result<Vec<String>> {
        let mut bytes = [0; 512];
        let count = self.port.read(&mut bytes)?;
        self.partial.extend(bytes.iter().take(count));
        let mut lines = Vec::new();
        while let Some(end) = self.partial.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.partial.drain(..=end).collect();
            lines.push(String::from_utf8_lossy(&line).trim().to_owned());
        }
        if self.partial.len() > LONGEST_LINE {
            self.partial.clear();
        }
        Ok(lines)
    }
}
