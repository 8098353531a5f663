//! One connection of the stand-in for QEMU: its handshake, and messages both ways.

use std::collections::VecDeque;
use std::io::{IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use porthole_dbus::{Inbox, Kind, MAX_DESCRIPTORS, Reply, Welcome, Writer};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recv, recvmsg};

use crate::failure::{Failure, OrFail, Result};
use crate::wait::SHORT;

/// One connection.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) stream: UnixStream,
    inbox: Inbox,
    descriptors: VecDeque<OwnedFd>,
    serial: u32,
}

/// What came, as far as a test looks at it.
#[derive(Debug)]
pub(super) struct Came {
    pub(super) kind: Kind,
    pub(super) serial: u32,
    pub(super) reply_to: u32,
    /// Interface and member, or the error in words.
    pub(super) what: String,
    pub(super) path: String,
    pub(super) numbers: Vec<i64>,
    pub(super) text: String,
    pub(super) descriptors: Vec<OwnedFd>,
}

impl Line {
    /// Goes through the handshake as the side that is spoken to.
    pub(super) fn new(mut stream: UnixStream) -> Result<Self> {
        stream.set_read_timeout(Some(SHORT))?;
        stream.set_write_timeout(Some(SHORT))?;
        let mut welcome = Welcome::default();
        let mut inbox = Inbox::new(1 << 20);
        while !welcome.is_done() {
            let mut said = [0; 256];
            let count = stream.read(&mut said).or_fail("a handshake")?;
            if count == 0 {
                return Err(Failure::new("the bridge went during the handshake"));
            }
            let said = said.get(..count).unwrap_or_default();
            let (taken, answer) = welcome.take(said).or_fail("a handshake")?;
            stream.write_all(&answer)?;
            inbox.put(said.get(taken..).unwrap_or_default()).or_fail("a message")?;
        }
        Ok(Self { stream, inbox, descriptors: VecDeque::new(), serial: 0 })
    }

    pub(super) fn next_serial(&mut self) -> u32 {
        self.serial += 1;
        self.serial
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).or_fail("write to the bridge")
    }

    /// Whether nothing has come that was not looked at.
    pub(super) fn is_quiet(&self) -> bool {
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        self.inbox.is_empty() && recv(&self.stream, &mut [0], flags).is_err()
    }

    /// Waits for the next message.
    pub(super) fn read(&mut self) -> Result<Came> {
        loop {
            if let Some(message) = self.inbox.pop().or_fail("a message")? {
                let count = message.descriptors as usize;
                let mut came = Came {
                    kind: message.kind,
                    serial: message.serial,
                    reply_to: message.reply_to,
                    what: format!("{}.{}", last(message.interface), message.member),
                    path: message.path.to_owned(),
                    numbers: Vec::new(),
                    text: String::new(),
                    descriptors: Vec::new(),
                };
                if message.kind == Kind::Error {
                    message.words().clone_into(&mut came.what);
                }
                numbers(&message, &mut came);
                came.descriptors = self.descriptors.drain(..count).collect();
                return Ok(came);
            }
            let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
            let mut control = RecvAncillaryBuffer::new(&mut room);
            let space = self.inbox.space().or_fail("a message")?;
            let parts = &mut [IoSliceMut::new(space)];
            let received = recvmsg(&self.stream, parts, &mut control, RecvFlags::CMSG_CLOEXEC)
                .or_fail("hear the bridge")?;
            for message in control.drain() {
                if let RecvAncillaryMessage::ScmRights(fds) = message {
                    self.descriptors.extend(fds);
                }
            }
            if received.bytes == 0 {
                return Err(Failure::new("the bridge has closed its connection"));
            }
            self.inbox.filled(received.bytes);
        }
    }

    pub(super) fn reply(&mut self, to: u32, body: &Writer) -> Result<()> {
        let serial = self.next_serial();
        self.write(&Reply { destination: None, to }.bytes(serial, body))
    }
}

pub(super) fn last(interface: &str) -> &str {
    interface.rsplit('.').next().unwrap_or_default()
}

/// The numbers and the first text of a message's arguments.
fn numbers(message: &porthole_dbus::Message<'_>, came: &mut Came) {
    for types in ["u", "uu", "ii", "utdd", "qqiiuu", "s", "ss", "uuas", "uas", "say"] {
        let Ok(mut from) = message.arguments(types) else { continue };
        for kind in types.chars() {
            if kind == 'a' {
                // What is copied is a text too; other lists nobody looks at.
                if types.ends_with('y') {
                    came.text = String::from_utf8_lossy(from.bytes().unwrap_or_default()).into();
                }
                break;
            }
            let number = match kind {
                'u' => from.u32().ok().map(i64::from),
                'i' => from.i32().ok().map(i64::from),
                'q' => from.u16().ok().map(i64::from),
                't' => from.u64().ok().and_then(|number| i64::try_from(number).ok()),
                #[expect(clippy::cast_possible_truncation, reason = "a place on a screen")]
                'd' => from.f64().ok().map(|number| number as i64),
                _ => {
                    came.text = from.text().unwrap_or_default().to_owned();
                    None
                }
            };
            came.numbers.extend(number);
        }
    }
}
