//! The line to the program inside a guest.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use porthole_guest::commands::Command as Order;
use porthole_rig::error::Context;
use porthole_rig::{Result, RigError};

use super::program::Program;
use crate::clock::wait_until;

/// How long a guest may take for anything: it may be emulated.
const PATIENCE: Duration = Duration::from_secs(90);

/// A guest's second serial port.
#[derive(Debug)]
pub(crate) struct Line {
    stream: BufReader<UnixStream>,
}

impl Line {
    /// Connects to the socket of a QEMU.
    pub(crate) fn connect(socket: &Path, qemu: &mut Program) -> Result<Self> {
        let mut stream = None;
        wait_until(PATIENCE, || {
            stream = UnixStream::connect(socket).ok();
            stream.is_some() || !qemu.runs()
        });
        let stream = stream.ok_or_else(|| qemu.failure("has no control socket"))?;
        stream.set_read_timeout(Some(PATIENCE)).context(|| "set a time limit".to_owned())?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    fn next(&mut self) -> Result<String> {
        let mut line = String::new();
        match self.stream.read_line(&mut line) {
            Ok(0) => Err(RigError::failed("the guest hung up")),
            Ok(_) => Ok(line.trim().to_owned()),
            Err(error) => Err(RigError::failed(format!("the guest is silent: {error}"))),
        }
    }

    /// Waits for a line.
    pub(crate) fn wait_for(&mut self, wanted: &str) -> Result<()> {
        while self.next()? != wanted {}
        Ok(())
    }

    /// Gives an order whose answer is taken later.
    pub(crate) fn give(&mut self, order: &Order) -> Result<()> {
        self.say(&format!("{order}\n"))
    }

    /// Sends text as it is.
    pub(crate) fn say(&mut self, text: &str) -> Result<()> {
        self.stream.get_mut().write_all(text.as_bytes()).context(|| "order a guest".to_owned())
    }

    /// Waits for the answer to an order: its lines.
    pub(crate) fn answer(&mut self) -> Result<Vec<String>> {
        let mut answer = Vec::new();
        loop {
            let line = self.next()?;
            match (line.strip_prefix("| "), line.strip_prefix("error ")) {
                (Some(data), _) => answer.push(data.to_owned()),
                (_, Some(error)) => return Err(RigError::failed(format!("the guest: {error}"))),
                _ if line == "ok" => return Ok(answer),
                // Events of input devices.
                _ => {}
            }
        }
    }

    /// Gives an order and waits for the answer.
    pub(crate) fn order(&mut self, order: &Order) -> Result<Vec<String>> {
        self.give(order)?;
        self.answer()
    }
}
