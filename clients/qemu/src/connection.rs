//! A connection that speaks D-Bus.

use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use porthole_dbus::{
    Call, Handshake, HandshakeError, Inbox, MAX_DESCRIPTORS, Malformed, Message, Refusal, Reply,
    Writer,
};
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, send, sendmsg,
};

/// Bytes that are read in one turn at most, so that one console cannot keep the others waiting.
const TURN: usize = 1 << 20;
/// Descriptors that may have come ahead of their messages.
const AHEAD: usize = 2 * MAX_DESCRIPTORS;
/// Bytes that QEMU may leave unread. What is sent are calls of some hundred bytes.
const UNREAD: usize = 256 << 10;

/// Why a connection is over.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// The other side has closed it.
    #[error("the other side has closed the connection")]
    Closed,
    /// The other side does not read.
    #[error("the other side does not read")]
    Unread,
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

/// What came and was not looked at yet.
#[derive(Debug, Default)]
pub(crate) struct Input {
    inbox: Inbox,
    descriptors: VecDeque<OwnedFd>,
}

impl Input {
    /// The next message with its descriptors.
    pub(crate) fn pop(&mut self) -> Result<Option<(Message<'_>, Vec<OwnedFd>)>, Malformed> {
        let Some(message) = self.inbox.pop()? else { return Ok(None) };
        let count = usize::try_from(message.descriptors).unwrap_or(usize::MAX);
        if count > self.descriptors.len() {
            return Err(Malformed::Missing("descriptors"));
        }
        let descriptors = self.descriptors.drain(..count).collect();
        Ok(Some((message, descriptors)))
    }
}

/// What is to be sent.
#[derive(Debug, Default)]
pub(crate) struct Output {
    /// Not before the handshake is done.
    messages: VecDeque<u8>,
    /// Descriptors, each with the number of bytes of `messages` before its own.
    descriptors: VecDeque<(usize, OwnedFd)>,
    serial: u32,
}

impl Output {
    fn next_serial(&mut self) -> u32 {
        self.serial = self.serial.checked_add(1).unwrap_or(1);
        self.serial
    }

    /// All that is to be sent.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.messages.iter().copied().collect()
    }

    /// Calls a method; the call's number.
    pub(crate) fn call(&mut self, call: &Call<'_>, body: &Writer) -> u32 {
        let serial = self.next_serial();
        self.messages.extend(call.bytes(serial, body));
        serial
    }

    /// Calls a method whose one argument is a descriptor.
    pub(crate) fn call_with(&mut self, call: &Call<'_>, descriptor: OwnedFd) -> u32 {
        self.descriptors.push_back((self.messages.len(), descriptor));
        self.call(&Call { descriptors: 1, ..*call }, &Writer::new().descriptor(0))
    }

    /// Answers a call.
    pub(crate) fn reply(&mut self, to: &Message<'_>, body: &Writer) {
        if to.wants_reply {
            let serial = self.next_serial();
            let destination = Some(to.sender).filter(|sender| !sender.is_empty());
            self.messages.extend(Reply { destination, to: to.serial }.bytes(serial, body));
        }
    }

    /// Answers a call that fails.
    pub(crate) fn refuse(&mut self, to: &Message<'_>, error: &str, words: &str) {
        if to.wants_reply {
            let serial = self.next_serial();
            let destination = Some(to.sender).filter(|sender| !sender.is_empty());
            let refusal = Refusal { destination, to: to.serial, error, words };
            self.messages.extend(refusal.bytes(serial));
        }
    }
}

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: OwnedFd,
    handshake: Option<Handshake>,
    /// Words of the handshake that are to be sent.
    words: VecDeque<u8>,
    pub(crate) input: Input,
    pub(crate) output: Output,
    /// Bytes that the other side may leave unread.
    unread: usize,
}

impl Connection {
    /// Begins to speak over a socket that does not block, for messages of at most so many bytes.
    pub(crate) fn new(socket: OwnedFd, most: usize) -> Self {
        let (handshake, first) = Handshake::new(rustix::process::geteuid().as_raw());
        Self {
            socket,
            handshake: Some(handshake),
            words: first.into(),
            input: Input { inbox: Inbox::new(most), descriptors: VecDeque::new() },
            output: Output::default(),
            unread: UNREAD,
        }
    }

    /// The same for one on which copied text goes as well: larger answers are cut off, and two whole texts
    /// may lie unread.
    pub(crate) fn with_texts(self, most: usize) -> Self {
        let inbox = Inbox::new(most).cutting();
        let input = Input { inbox, descriptors: VecDeque::new() };
        Self { input, unread: UNREAD + 2 * most, ..self }
    }

    /// Whether messages can be exchanged.
    pub(crate) const fn is_open(&self) -> bool {
        self.handshake.is_none()
    }

    /// Reads what is there, up to what one turn may have. True when there may be more.
    pub(crate) fn receive(&mut self) -> Result<bool, Fault> {
        let mut left = TURN;
        while left > 0 {
            let Some(count) = self.receive_some()? else { return Ok(false) };
            left = left.saturating_sub(count);
        }
        Ok(true)
    }

    fn receive_some(&mut self) -> Result<Option<usize>, Fault> {
        let mut words = [0; 512];
        let space = match self.handshake {
            Some(_) => &mut words[..],
            None => self.input.inbox.space()?,
        };
        let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
        let mut control = RecvAncillaryBuffer::new(&mut room);
        let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
        let received = loop {
            match recvmsg(&self.socket, &mut [IoSliceMut::new(space)], &mut control, flags) {
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(None),
                Err(_) => return Err(Fault::Closed),
                Ok(received) => break received,
            }
        };
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(fds) = message {
                self.input.descriptors.extend(fds);
            }
        }
        if received.flags.contains(ReturnFlags::CTRUNC) || self.input.descriptors.len() > AHEAD {
            let count = u32::try_from(self.input.descriptors.len()).unwrap_or(u32::MAX);
            return Err(Malformed::Descriptors(count).into());
        }
        let count = received.bytes;
        if count == 0 {
            return Err(Fault::Closed);
        }
        let Some(handshake) = &mut self.handshake else {
            self.input.inbox.filled(count);
            return Ok(Some(count));
        };
        let came = words.get(..count).unwrap_or_default();
        let (taken, answer) = handshake.take(came)?;
        self.words.extend(answer);
        if handshake.is_done() {
            self.handshake = None;
            self.input.inbox.put(came.get(taken..).unwrap_or_default())?;
        }
        Ok(Some(count))
    }

    /// Sends what is to be sent. False when the other side must read first.
    pub(crate) fn send(&mut self) -> Result<bool, Fault> {
        while !self.words.is_empty() {
            let Some(sent) = sent(send(&self.socket, self.words.as_slices().0, SEND))? else {
                return Ok(false);
            };
            self.words.drain(..sent);
        }
        if !self.is_open() {
            return self.bounded(true);
        }
        while !self.output.messages.is_empty() {
            let Some(sent) = self.send_some()? else { return self.bounded(false) };
            self.output.messages.drain(..sent);
            for (before, _) in &mut self.output.descriptors {
                *before = before.saturating_sub(sent);
            }
        }
        Ok(true)
    }

    fn send_some(&mut self) -> Result<Option<usize>, Fault> {
        let bytes = self.output.messages.as_slices().0;
        let Some((before, descriptor)) = self.output.descriptors.front() else {
            return sent(send(&self.socket, bytes, SEND));
        };
        if *before > 0 {
            return sent(send(&self.socket, bytes.get(..*before).unwrap_or(bytes), SEND));
        }
        let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut room);
        let with = [descriptor.as_fd()];
        control.push(SendAncillaryMessage::ScmRights(&with));
        // Up to where the next one goes along.
        let next = self.output.descriptors.get(1).map_or(bytes.len(), |(before, _)| *before);
        let bytes = bytes.get(..next.min(bytes.len())).unwrap_or(bytes);
        let sent = sent(sendmsg(&self.socket, &[IoSlice::new(bytes)], &mut control, SEND))?;
        if sent.is_some() {
            self.output.descriptors.pop_front();
        }
        Ok(sent)
    }

    /// Whether more is to be sent than the other side may leave unread.
    pub(crate) fn has_much_to_send(&self) -> bool {
        self.output.messages.len() > self.unread
    }

    fn bounded(&self, done: bool) -> Result<bool, Fault> {
        if self.has_much_to_send() { Err(Fault::Unread) } else { Ok(done) }
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Says something short over a socket, with a descriptor or without.
pub(crate) fn say(socket: impl AsFd, line: &[u8], with: Option<&OwnedFd>) -> io::Result<()> {
    let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut room);
    let with: Vec<BorrowedFd<'_>> = with.into_iter().map(AsFd::as_fd).collect();
    if !with.is_empty() {
        control.push(SendAncillaryMessage::ScmRights(&with));
    }
    let sent = sendmsg(socket, &[IoSlice::new(line)], &mut control, SEND)?;
    // A socket that has no room for one line belongs to nobody who reads.
    if sent == line.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

const SEND: SendFlags = SendFlags::NOSIGNAL.union(SendFlags::DONTWAIT);

fn sent(result: rustix::io::Result<usize>) -> Result<Option<usize>, Fault> {
    match result {
        Ok(count) => Ok(Some(count)),
        Err(Errno::AGAIN) => Ok(None),
        Err(Errno::INTR) => Ok(Some(0)),
        Err(_) => Err(Fault::Closed),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    use porthole_dbus::{Kind, Signal, Welcome};

    use super::*;

    fn pair() -> (Connection, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let mut connection = Connection::new(ours.into(), 1 << 16);
        let mut server = Welcome::default();
        let mut theirs = theirs;
        while !server.is_done() {
            connection.send().unwrap();
            let mut said = [0; 256];
            let count = theirs.read(&mut said).unwrap();
            let (_, answer) = server.take(&said[..count]).unwrap();
            theirs.write_all(&answer).unwrap();
            connection.receive().unwrap();
        }
        assert!(connection.is_open());
        (connection, theirs)
    }

    const CALL: Call<'_> =
        Call { destination: None, path: "/a", interface: "b.c", member: "D", descriptors: 0 };

    #[test]
    fn messages_and_descriptors_go_together() {
        let (mut connection, theirs) = pair();
        let (one, _) = UnixStream::pair().unwrap();
        connection.output.call(&CALL, &Writer::new().u32(1));
        connection.output.call_with(&CALL, one.into());
        connection.output.call(&CALL, &Writer::new().u32(2));
        assert!(connection.send().unwrap());
        // The other end is one of ours as well, which has its handshake behind it.
        theirs.set_nonblocking(true).unwrap();
        let mut other = Connection::new(theirs.into(), 1 << 16);
        (other.handshake, other.words) = (None, VecDeque::new());
        other.receive().unwrap();
        for wanted in [0, 1, 0] {
            let (message, descriptors) = other.input.pop().unwrap().unwrap();
            assert_eq!((message.kind, descriptors.len()), (Kind::Call, wanted));
        }
    }

    #[test]
    fn who_never_reads_is_left() {
        let (mut connection, _theirs) = pair();
        let end = loop {
            connection.output.call(&CALL, &Writer::new().byte_array(&[0; 4096]));
            if let Err(end) = connection.send() {
                break end;
            }
        };
        assert!(matches!(end, Fault::Unread), "{end}");
    }

    #[test]
    fn long_answers_are_sent_before_there_are_many() {
        let (mut connection, _theirs) = pair();
        let end = loop {
            connection.output.call(&CALL, &Writer::new().byte_array(&[0; 4096]));
            if connection.has_much_to_send()
                && let Err(end) = connection.send()
            {
                break end;
            }
        };
        assert!(matches!(end, Fault::Unread), "{end}");
        assert!(connection.output.messages.len() < UNREAD + 8192);
    }

    #[test]
    fn descriptors_that_nothing_takes_are_not_kept() {
        let (mut connection, theirs) = pair();
        let signal = Signal { path: "/a", interface: "b.c", member: "D" };
        let bytes = signal.bytes(1, &Writer::new());
        let mut end = Ok(true);
        for _ in 0..=AHEAD {
            let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut control = SendAncillaryBuffer::new(&mut room);
            let with = [theirs.as_fd()];
            control.push(SendAncillaryMessage::ScmRights(&with));
            sendmsg(&theirs, &[IoSlice::new(&bytes)], &mut control, SEND).unwrap();
            end = connection.receive();
            while let Ok(Some((_, descriptors))) = connection.input.pop() {
                assert!(descriptors.is_empty());
            }
        }
        assert!(matches!(end, Err(Fault::Malformed(Malformed::Descriptors(_)))), "{end:?}");
    }
}
