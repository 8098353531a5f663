//! An agent for the clipboard, as guests have it from SPICE: a port on which QEMU and the agent tell
//! each other who has copied something, and what it is when the other one asks.
//!
//! Spoken is what SPICE's `vd_agent.h` calls clipboard by demand, with selections and serials. A text
//! that comes from outside is asked for at once and told as `CLIP LENGTH BEGINNING`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;

/// The name of the port.
const PORT: &str = "com.redhat.spice.0";
/// Bytes of a chunk of a message.
const CHUNK: usize = 1024;
/// The port of the client, in a chunk's header.
const CLIENT: u32 = 1;
const PROTOCOL: u32 = 1;
const HEADER: usize = 20;
// Types of messages.
const CLIPBOARD: u32 = 4;
const CAPABILITIES: u32 = 6;
const GRAB: u32 = 7;
const REQUEST: u32 = 8;
const RELEASE: u32 = 9;
/// Clipboard by demand, with selections, with serials.
const ABLE: u32 = 1 << 5 | 1 << 6 | 1 << 17;
const TEXT: u32 = 1;
/// What is told of a text.
const BEGINNING: usize = 100;

/// See the module's text.
pub(crate) struct Agent {
    path: PathBuf,
    /// None while it is opened anew.
    port: Option<File>,
    came: Vec<u8>,
    message: Vec<u8>,
    /// What is copied here.
    own: Option<String>,
    serial: u32,
}

fn port() -> Option<PathBuf> {
    let entries = fs::read_dir("/sys/class/virtio-ports").ok()?.flatten();
    let named = |folder: &PathBuf| {
        fs::read_to_string(folder.join("name")).is_ok_and(|name| name.trim() == PORT)
    };
    let folder = entries.map(|entry| entry.path()).find(named)?;
    Some(PathBuf::from("/dev").join(folder.file_name()?))
}

fn open(path: &PathBuf) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(path)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

impl Agent {
    /// Opens the port, where this machine has one.
    pub(crate) fn find() -> Option<Self> {
        let path = port()?;
        let (came, message) = (Vec::new(), Vec::new());
        let mut agent = Self { path, port: None, came, message, own: None, serial: 0 };
        agent.begin().ok()?;
        Some(agent)
    }

    /// Opens the port, on which everybody begins anew then. Only one may have it open.
    fn begin(&mut self) -> io::Result<()> {
        self.port = None;
        self.port = Some(open(&self.path)?);
        (self.serial, self.own) = (0, None);
        self.came.clear();
        self.message.clear();
        self.announce(1)
    }

    /// Says what this agent can; with 1, and asks the other side.
    fn announce(&mut self, asks: u32) -> io::Result<()> {
        let able: Vec<u8> = [asks, ABLE].iter().flat_map(|word| word.to_le_bytes()).collect();
        // Nobody may be there yet, who then asks.
        self.send(CAPABILITIES, &able).or_else(|error| match error.kind() {
            io::ErrorKind::BrokenPipe | io::ErrorKind::WouldBlock => Ok(()),
            _ => Err(error),
        })
    }

    pub(crate) fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.port.as_ref().map(File::as_fd)
    }

    fn send(&mut self, kind: u32, data: &[u8]) -> io::Result<()> {
        let size = u32::try_from(data.len()).map_err(io::Error::other)?;
        let mut message = Vec::with_capacity(HEADER + data.len());
        message.extend(PROTOCOL.to_le_bytes());
        message.extend(kind.to_le_bytes());
        message.extend(0_u64.to_le_bytes());
        message.extend(size.to_le_bytes());
        message.extend(data);
        for chunk in message.chunks(CHUNK) {
            let size = u32::try_from(chunk.len()).map_err(io::Error::other)?;
            let mut bytes = CLIENT.to_le_bytes().to_vec();
            bytes.extend(size.to_le_bytes());
            bytes.extend(chunk);
            if let Some(port) = &mut self.port {
                port.write_all(&bytes)?;
            }
        }
        Ok(())
    }

    /// Words behind a selection, which is what was copied.
    fn words(words: &[u32]) -> Vec<u8> {
        [0].iter().chain(words).flat_map(|word| word.to_le_bytes()).collect()
    }

    /// Has something copied, or nothing any more.
    pub(crate) fn copy(&mut self, text: Option<String>) -> io::Result<()> {
        self.own = text;
        if self.own.is_none() {
            return self.send(RELEASE, &Self::words(&[]));
        }
        self.serial += 1;
        self.send(GRAB, &Self::words(&[self.serial, TEXT]))
    }

    /// Takes what came; what there is to tell.
    pub(crate) fn turn(&mut self) -> io::Result<Vec<String>> {
        let mut bytes = [0; 4096];
        let read = self.port.as_mut().map_or(Ok(0), |port| port.read(&mut bytes));
        let count = match read {
            // QEMU has everybody begin anew.
            Ok(0) | Err(_) => {
                self.begin()?;
                return Ok(Vec::new());
            }
            Ok(count) => count,
        };
        self.came.extend(bytes.iter().take(count));
        let mut told = Vec::new();
        while let Some(size) = word(&self.came, 4) {
            let end = 8 + usize::try_from(size).map_err(io::Error::other)?;
            let Some(chunk) = self.came.get(8..end) else { break };
            self.message.extend(chunk);
            self.came.drain(..end);
            let Some(size) = word(&self.message, 16) else { continue };
            let size = usize::try_from(size).map_err(io::Error::other)?;
            if self.message.len() >= HEADER + size {
                let message = std::mem::take(&mut self.message);
                told.extend(self.heard(&message)?);
            }
        }
        Ok(told)
    }

    fn heard(&mut self, message: &[u8]) -> io::Result<Option<String>> {
        let data = message.get(HEADER..).unwrap_or_default();
        match word(message, 4) {
            Some(CAPABILITIES) => {
                if word(data, 0) == Some(1) {
                    self.announce(0)?;
                }
                Ok(Some("STATE agent".to_owned()))
            }
            Some(GRAB) => {
                self.own = None;
                self.serial = word(data, 4).unwrap_or_default();
                if word(data, 8) == Some(TEXT) {
                    self.send(REQUEST, &Self::words(&[TEXT]))?;
                }
                Ok(None)
            }
            Some(REQUEST) => {
                let mut answer = Self::words(&[TEXT]);
                answer.extend(self.own.as_deref().unwrap_or_default().bytes());
                self.send(CLIPBOARD, &answer)?;
                Ok(None)
            }
            Some(CLIPBOARD) => {
                let text = String::from_utf8_lossy(data.get(8..).unwrap_or_default()).into_owned();
                let beginning: String = text.chars().take(BEGINNING).collect();
                Ok(Some(format!("CLIP {} {beginning}", text.len())))
            }
            Some(RELEASE) => Ok(Some("CLIP none".to_owned())),
            _ => Ok(None),
        }
    }
}
