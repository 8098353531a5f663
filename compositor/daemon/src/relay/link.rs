//! One client's two sockets and what is on its way between them.

use std::{
    collections::VecDeque,
    io,
    net::Shutdown,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
    sync::Arc,
    time::Instant,
};

use porthole_core::config::Quota;
use rustix::event::epoll::EventFlags;
use smithay::reexports::wayland_server::backend::{Backend, ClientId};

use super::{
    CHUNK, Door, Fault, Party,
    bucket::{Share, Taken},
    census::Census,
    descriptors,
    effort::Effort,
    output::Output,
    socket,
    wire::{self, Next},
};

/// Descriptors ahead of the requests that take them. Libraries send at most 28 ahead; some send
/// those of a full buffer of requests together.
const DESCRIPTORS_AHEAD: usize = 512;
/// A descriptor comes at most one buffer of the client's library ahead of its request.
const BYTES_AHEAD: usize = 1 << 20;
/// Events that a client has not read. More are never needed: who asks for no frames is told none,
/// so this is many seconds of pointer motion. With it goes what the kernel keeps, about as much.
const UNREAD: usize = 256 << 10;
/// Descriptors among them: keymaps, and selections.
const UNREAD_DESCRIPTORS: usize = 64;
/// With so much unread, nothing more is taken from the client: it would only make more answers.
const CHOKED: usize = 16 << 10;

/// How a link goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Goes {
    On,
    /// The client left, or the library has ended it.
    Over,
}

/// A client between its socket and the library's end of a pair.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) client: ClientId,
    pub(super) party: Arc<Party>,
    outer: UnixStream,
    inner: UnixStream,
    /// Requests, or a part of one, that were not passed on.
    input: Vec<u8>,
    descriptors: VecDeque<OwnedFd>,
    /// Bytes passed on since descriptors wait.
    waited: usize,
    output: Output,
    share: Share,
    quota: Quota,
    census: Census,
    /// When it was served last, by the relay's count.
    pub(super) served: u64,
    /// What the poll listens for now.
    pub(super) interest: EventFlags,
}

impl Link {
    pub(super) fn new(
        client: ClientId,
        party: Arc<Party>,
        outer: UnixStream,
        inner: UnixStream,
        now: Instant,
    ) -> Self {
        let quota = party.quota();
        Self {
            client,
            party,
            outer,
            inner,
            input: Vec::new(),
            descriptors: VecDeque::new(),
            waited: 0,
            output: Output::default(),
            share: Share::of_one(&quota, now),
            quota,
            census: Census::default(),
            served: 0,
            interest: EventFlags::empty(),
        }
    }

    pub(super) fn outer(&self) -> BorrowedFd<'_> {
        self.outer.as_fd()
    }

    pub(super) fn inner(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }

    /// When the client may send again; `None` when it may now.
    pub(super) fn paused(&self, now: Instant) -> Option<Instant> {
        self.share.wait(now).max(self.party.wait(now))
    }

    /// What to listen for on the client's socket.
    pub(super) fn wanted(&self, now: Instant) -> EventFlags {
        let mut wanted = EventFlags::empty();
        if self.output.bytes() <= CHOKED && self.paused(now).is_none() {
            wanted |= EventFlags::IN;
        }
        if self.output.bytes() > 0 {
            wanted |= EventFlags::OUT;
        }
        wanted
    }

    /// Takes one load of requests from the client and has them dispatched.
    pub(super) fn receive<D>(
        &mut self,
        backend: &mut Backend<D>,
        state: &mut D,
        (door, now): (&mut Door, Instant),
        effort: &mut Effort,
    ) -> Result<Goes, Fault> {
        let mut buffer = [0; CHUNK];
        let known = self.descriptors.len();
        let received = match socket::receive(&self.outer, &mut buffer, &mut self.descriptors) {
            Ok(received) => received,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Goes::On),
            Err(_) => return Ok(self.left()),
        };
        self.check_files(known, door)?;
        if received.lost {
            return Err(Fault::DescriptorsLost);
        }
        if received.bytes == 0 {
            return Ok(self.left());
        }
        self.input.extend(buffer.iter().take(received.bytes));
        let start = Instant::now();
        let (outcome, requests) = self.pass_on(backend, state);
        let took = effort.since(start);
        let (bytes, pictures) = (received.bytes, self.party.take_pictures());
        let taken = Taken { bytes, requests, pictures, took };
        self.share.take(taken, now);
        self.party.take(taken, now);
        if outcome == Ok(Goes::On)
            && let Some(excess) = self.census.note(
                requests,
                &backend.handle(),
                &self.client,
                &door.limits,
                &self.quota,
            )
        {
            return Err(Fault::Objects(excess));
        }
        outcome
    }

    /// Looks at the files that came behind the first `known`, before anything is done with them. Those that
    /// are not taken are closed elsewhere.
    fn check_files(&mut self, known: usize, door: &mut Door) -> Result<(), Fault> {
        let mut outcome = Ok(());
        for file in self.descriptors.split_off(known.min(self.descriptors.len())) {
            match door.files.check(&file) {
                Ok(()) => self.descriptors.push_back(file),
                Err(refused) => {
                    door.closer.close(file, &self.party.group);
                    outcome = Err(Fault::File(refused));
                }
            }
        }
        outcome
    }

    /// Passes on every whole request, with the descriptors that it takes. Tells how many there were.
    fn pass_on<D>(
        &mut self,
        backend: &mut Backend<D>,
        state: &mut D,
    ) -> (Result<Goes, Fault>, usize) {
        let mut requests = 0;
        loop {
            // While descriptors wait, each request is looked at alone.
            let (len, count, taken) = if self.descriptors.is_empty() {
                let (len, count) = wire::whole(&self.input);
                (len, count, 0)
            } else if let Next::Whole(header) = wire::next(&self.input) {
                let (object, opcode) = (header.object, header.opcode);
                let handle = backend.handle();
                let taken = descriptors::taken_by(&handle, &self.client, object, opcode);
                (header.len, 1, taken)
            } else {
                (0, 0, 0)
            };
            if count == 0 {
                let outcome = match wire::next(&self.input) {
                    Next::Wrong(len) => Err(Fault::Length(len)),
                    Next::Part | Next::Whole(_) => Ok(Goes::On),
                };
                return (outcome, requests);
            }
            requests += count;
            let outcome = self
                .count_waiting(len, taken)
                .and_then(|()| self.dispatch(backend, state, (len, count, taken)));
            if outcome != Ok(Goes::On) {
                return (outcome, requests);
            }
        }
    }

    fn count_waiting(&mut self, len: usize, taken: usize) -> Result<(), Fault> {
        if taken > self.descriptors.len() {
            return Err(Fault::DescriptorMissing);
        }
        let idle = taken == 0 && !self.descriptors.is_empty();
        self.waited = if idle { self.waited + len } else { 0 };
        if self.waited > BYTES_AHEAD || self.descriptors.len() > DESCRIPTORS_AHEAD {
            return Err(Fault::DescriptorsIdle);
        }
        Ok(())
    }

    /// Gives the library so many bytes, requests and descriptors, and has it take them at once.
    fn dispatch<D>(
        &mut self,
        backend: &mut Backend<D>,
        state: &mut D,
        (len, count, taken): (usize, usize, usize),
    ) -> Result<Goes, Fault> {
        let bytes = self.input.get(..len).unwrap_or_default();
        let sent = socket::send(&self.inner, bytes, self.descriptors.iter().take(taken));
        // The library has read all that came before, so there is room.
        if !sent.is_ok_and(|sent| sent == len) {
            return Ok(Goes::Over);
        }
        self.input.drain(..len);
        self.descriptors.drain(..taken);
        let dispatched = backend.dispatch_single_client(state, self.client.clone());
        if self.party.gone() {
            return Ok(Goes::Over);
        }
        match dispatched {
            Ok(dispatched) if dispatched >= count => Ok(Goes::On),
            Ok(_) => Err(Fault::DescriptorMissing),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                Err(Fault::DescriptorMissing)
            }
            Err(_) => Ok(Goes::Over),
        }
    }

    fn left(&self) -> Goes {
        self.party.leave();
        Goes::Over
    }

    /// Has the library let go of the client, whoever ended it.
    pub(super) fn close<D>(&self, backend: &mut Backend<D>, state: &mut D) {
        // An error says that it is closed already.
        let _ = self.inner.shutdown(Shutdown::Write);
        // Told to serve a client, the library finds the end, and lets go of all that have ended.
        let _ = backend.dispatch_single_client(state, self.client.clone());
    }

    /// The socket of a client that was ended against its will, and what it has not been sent.
    pub(super) fn part(self) -> Option<(UnixStream, Output)> {
        (!self.party.has_left()).then_some((self.outer, self.output))
    }

    /// Takes what the library has written for the client, and sends what the client takes.
    pub(super) fn send(&mut self) -> Result<Goes, Fault> {
        let mut buffer = [0; CHUNK];
        let closed = self.output.fill(&self.inner, &mut buffer).unwrap_or(true);
        if self.output.flush(&self.outer).is_err() {
            return Ok(self.left());
        }
        if self.output.bytes() > UNREAD || self.output.descriptors() > UNREAD_DESCRIPTORS {
            return Err(Fault::Unread(self.output.bytes()));
        }
        Ok(if closed { Goes::Over } else { Goes::On })
    }
}
