//! The line to the program inside a guest: orders go in, answers and events come out.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use porthole_guest::commands::Command as Order;

use crate::failure::{Failure, OrFail, Result};
use crate::process::Process;
use crate::wait::{GUEST, SHORT, wait_until};

/// A guest's second serial port.
#[derive(Debug)]
pub struct Line {
    stream: BufReader<UnixStream>,
    /// Lines that came while something else was waited for.
    news: Vec<String>,
}

impl Line {
    /// Connects to the socket on which a QEMU listens for the port.
    ///
    /// # Errors
    /// When QEMU ends or does not listen in time.
    pub fn connect(socket: &Path, qemu: &mut Process) -> Result<Line> {
        let stream = wait_until("QEMU's control socket", SHORT, || {
            qemu.must_run()?;
            Ok(UnixStream::connect(socket).ok())
        })?;
        stream.set_read_timeout(Some(GUEST))?;
        Ok(Line { stream: BufReader::new(stream), news: Vec::new() })
    }

    /// Reads the next line that the guest sends.
    fn next(&mut self) -> Result<String> {
        let mut line = String::new();
        match self.stream.read_line(&mut line) {
            Ok(0) => Err(Failure::new("the guest hung up")),
            Ok(_) => Ok(line.trim().to_owned()),
            Err(error) => Err(Failure::new(format!("the guest is silent: {error}"))),
        }
    }

    /// Waits until the guest sends a line that begins so, and returns the line.
    ///
    /// # Errors
    /// When the guest is silent for too long, or says that it failed to draw.
    pub fn wait_for(&mut self, beginning: &str) -> Result<String> {
        if let Some(index) = self.news.iter().position(|line| line.starts_with(beginning)) {
            return Ok(self.news.remove(index));
        }
        loop {
            let line = self.next()?;
            if line.starts_with(beginning) {
                return Ok(line);
            }
            if line.starts_with("STATE failed") {
                return Err(Failure::new(line));
            }
            self.news.push(line);
        }
    }

    /// Gives an order that the guest cannot answer, as one that ends it.
    ///
    /// # Errors
    /// When QEMU does not take it.
    pub fn tell(&mut self, order: &Order) -> Result<()> {
        self.say(&format!("{order}\n"))
    }

    /// Sends text as it is, to a guest that takes no lines.
    ///
    /// # Errors
    /// When QEMU does not take it.
    pub fn say(&mut self, text: &str) -> Result<()> {
        self.stream.get_mut().write_all(text.as_bytes()).or_fail("talk to the guest")
    }

    /// Gives an order and returns the lines of the answer.
    ///
    /// # Errors
    /// When the guest cannot carry it out or does not answer.
    pub fn order(&mut self, order: &Order) -> Result<Vec<String>> {
        self.tell(order)?;
        let mut answer = Vec::new();
        loop {
            let line = self.next()?;
            if line == "ok" {
                return Ok(answer);
            }
            match (line.strip_prefix("| "), line.strip_prefix("error ")) {
                (Some(data), _) => answer.push(data.to_owned()),
                (_, Some(error)) => return Err(Failure::new(format!("{order}: {error}"))),
                _ => self.news.push(line),
            }
        }
    }

    /// Waits for an input event by type, code and value; what came before it is forgotten.
    ///
    /// # Errors
    /// When the guest is silent for too long; the text tells what came instead.
    pub fn wait_event(&mut self, kind: u16, code: u16, value: i32) -> Result<()> {
        self.wait_event_near(kind, code, value, 0)
    }

    /// The same for a value that may be off by `slack`, as positions that were scaled are.
    ///
    /// # Errors
    /// As [`Line::wait_event`].
    pub fn wait_event_near(&mut self, kind: u16, code: u16, value: i32, slack: u32) -> Result<()> {
        let is_it = |line: &String| {
            parse_event(line).is_some_and(|(its_kind, its_code, its_value)| {
                its_kind == kind && its_code == code && its_value.abs_diff(value) <= slack
            })
        };
        loop {
            if let Some(index) = self.news.iter().position(is_it) {
                self.news.drain(..=index);
                return Ok(());
            }
            match self.next() {
                Ok(line) => self.news.push(line),
                Err(error) => {
                    let (seen, wanted) = (self.news.join(", "), (kind, code, value));
                    return Err(Failure::new(format!(
                        "no event {wanted:?}; seen: {seen}; {error}"
                    )));
                }
            }
        }
    }

    /// Waits for events of several devices, which come in any order.
    ///
    /// # Errors
    /// As [`Line::wait_event`].
    pub fn wait_events(&mut self, wanted: &[(u16, u16, i32)]) -> Result<()> {
        loop {
            let place = |event| self.news.iter().position(|line| parse_event(line) == Some(event));
            let places: Option<Vec<usize>> = wanted.iter().copied().map(place).collect();
            if let Some(places) = places {
                let last = places.into_iter().max().map_or(0, |index| index + 1);
                self.news.drain(..last);
                return Ok(());
            }
            match self.next() {
                Ok(line) => self.news.push(line),
                Err(error) => {
                    let seen = self.news.join(", ");
                    return Err(Failure::new(format!(
                        "not all of {wanted:?}; seen: {seen}; {error}"
                    )));
                }
            }
        }
    }

    /// Forgets the events that came so far.
    pub fn forget_events(&mut self) {
        self.news.retain(|line| !line.starts_with("EV "));
    }

    /// The events that came while something else was waited for.
    #[must_use]
    pub fn events(&self) -> Vec<&str> {
        self.news.iter().filter_map(|line| line.strip_prefix("EV ")).collect()
    }
}

/// Type, code and value of a line `EV DEVICE TYPE CODE VALUE`.
fn parse_event(line: &str) -> Option<(u16, u16, i32)> {
    let mut words = line.strip_prefix("EV ")?.split_whitespace().skip(1);
    let (kind, code) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    Some((kind, code, words.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_parsed() {
        assert_eq!(parse_event("EV Porthole_Tablet 3 0 -17"), Some((3, 0, -17)));
        assert_eq!(parse_event("EV x 1 30"), None);
        assert_eq!(parse_event("STATE up"), None);
    }
}
