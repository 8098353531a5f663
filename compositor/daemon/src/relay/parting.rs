//! Clients that were ended and may still read why.
//!
//! A client that is slow has not read its last events when it is ended, and may be just writing. Were its
//! socket closed at once, it would be told of a broken pipe or a reset instead of what it did. So its
//! socket stays until the client hangs up: what it has not taken yet is sent as it reads, and what it
//! still says is heard and left. Both are bounded, and so is the time.

use std::{
    collections::VecDeque,
    net::Shutdown,
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
    time::{Duration, Instant},
};

use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::{
    io::Errno,
    net::{RecvFlags, recv},
};

use super::{CHUNK, output::Output};

/// How long a client that was ended has to read why.
const TO_READ: Duration = Duration::from_secs(10);
/// So many at most, so that who comes back to be ended again holds no more.
const PARTING: usize = 32;
/// What is heard of such a client at most, in bytes; more than its socket holds.
const UNHEARD: usize = 1 << 20;

/// A client that was ended.
#[derive(Debug)]
pub(super) struct Parting {
    key: u64,
    until: Instant,
    stream: UnixStream,
    /// What it has not been sent yet.
    output: Output,
    heard: usize,
}

/// All of them; the oldest is at the back.
#[derive(Debug, Default)]
pub(super) struct Partings(VecDeque<Parting>);

impl Partings {
    /// Takes the socket of a client that was ended, which the poll does not know any more, and what the
    /// client has not been sent.
    pub(super) fn add(
        &mut self,
        poll: &OwnedFd,
        (key, stream, output): (u64, UnixStream, Output),
        now: Instant,
    ) {
        while self.0.len() >= PARTING {
            self.0.pop_back().into_iter().for_each(|oldest| oldest.close(poll));
        }
        let parting = Parting { key, until: now + TO_READ, stream, output, heard: 0 };
        let interest = if parting.output.bytes() > 0 {
            EventFlags::IN | EventFlags::OUT
        } else if parting.stream.shutdown(Shutdown::Write).is_ok() {
            EventFlags::IN
        } else {
            // It has hung up.
            return;
        };
        // Where the poll takes no more, its time ends it.
        let _ = epoll::add(poll, &parting.stream, EventData::new_u64(key), interest);
        self.0.push_front(parting);
    }

    /// One of them can be read or written to, if it is one of them.
    pub(super) fn ready(&mut self, poll: &OwnedFd, key: u64) {
        let Some(at) = self.0.iter().position(|parting| parting.key == key) else { return };
        let stays = self.0.get_mut(at).is_some_and(|parting| parting.turn(poll));
        if !stays && let Some(parting) = self.0.remove(at) {
            parting.close(poll);
        }
    }

    /// Closes those whose time is over; when the next one's is.
    pub(super) fn rest(&mut self, poll: &OwnedFd, now: Instant) -> Option<Instant> {
        while let Some(oldest) = self.0.pop_back_if(|oldest| oldest.until <= now) {
            oldest.close(poll);
        }
        self.0.back().map(|oldest| oldest.until)
    }
}

impl Parting {
    /// Sends what the client takes, and hears what it says; false when there is nothing to stay for.
    fn turn(&mut self, poll: &OwnedFd) -> bool {
        if self.output.bytes() > 0 {
            if self.output.flush(&self.stream).is_err() {
                return false;
            }
            if self.output.bytes() == 0 {
                let data = EventData::new_u64(self.key);
                if self.stream.shutdown(Shutdown::Write).is_err()
                    || epoll::modify(poll, &self.stream, data, EventFlags::IN).is_err()
                {
                    return false;
                }
            }
        }
        let mut buffer = [0; CHUNK];
        // Descriptors that come along are closed by the kernel, which waits for no filesystem then.
        match recv(&self.stream, &mut buffer, RecvFlags::DONTWAIT) {
            Ok((_, 0)) => false,
            Ok((_, count)) => {
                self.heard = self.heard.saturating_add(count);
                self.heard <= UNHEARD
            }
            Err(Errno::AGAIN | Errno::INTR) => true,
            Err(_) => false,
        }
    }

    /// Closed by another descriptor's end, it would stay in the poll.
    fn close(self, poll: &OwnedFd) {
        let _ = epoll::delete(poll, self.stream.as_fd());
    }
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read, Write};

    use rustix::{buffer::spare_capacity, event::Timespec};

    use super::*;

    struct Hall {
        poll: OwnedFd,
        partings: Partings,
        now: Instant,
    }

    impl Hall {
        fn new() -> Self {
            let poll = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
            Self { poll, partings: Partings::default(), now: Instant::now() }
        }

        /// Ends a client that is to be told so much; its own end of the socket.
        fn end(&mut self, key: u64, words: &[u8]) -> UnixStream {
            let (client, stream) = UnixStream::pair().unwrap();
            client.set_nonblocking(true).unwrap();
            let (mut library, inner) = UnixStream::pair().unwrap();
            let mut output = Output::default();
            for part in words.chunks(CHUNK) {
                library.write_all(part).unwrap();
                output.fill(&inner, &mut [0; CHUNK]).unwrap();
                output.flush(&stream).unwrap();
            }
            self.partings.add(&self.poll, (key, stream, output), self.now);
            client
        }

        /// Does what there is to do now.
        fn turn(&mut self) {
            let mut events: Vec<epoll::Event> = Vec::with_capacity(64);
            epoll::wait(&self.poll, spare_capacity(&mut events), Some(&Timespec::default()))
                .unwrap();
            for event in events {
                self.partings.ready(&self.poll, event.data.u64());
            }
        }

        /// How many are left after so much time.
        fn after(&mut self, time: Duration) -> usize {
            self.partings.rest(&self.poll, self.now + time);
            self.partings.0.len()
        }
    }

    #[test]
    fn a_slow_client_reads_why_however_much_it_is_just_writing() {
        let mut hall = Hall::new();
        let mut client = hall.end(1, b"why");
        // It does not know yet, and is not told of a broken pipe.
        for _ in 0..100 {
            client.write_all(&[7; 4000]).unwrap();
            hall.turn();
        }
        assert_eq!(hall.after(TO_READ - Duration::from_millis(1)), 1);
        let mut heard = Vec::new();
        client.read_to_end(&mut heard).unwrap();
        assert_eq!(heard, b"why");
        drop(client);
        hall.turn();
        assert_eq!(hall.after(Duration::ZERO), 0, "it has hung up");
    }

    #[test]
    fn what_did_not_fit_into_the_socket_comes_behind_it() {
        let mut hall = Hall::new();
        let words: Vec<u8> = (0..1_000_000_u32).map(|n| (n % 251).to_le_bytes()[0]).collect();
        let mut client = hall.end(1, &words);
        let (mut heard, mut piece) = (Vec::new(), [0; 3000]);
        loop {
            match client.read(&mut piece) {
                Ok(0) => break,
                Ok(count) => heard.extend_from_slice(&piece[..count]),
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
            hall.turn();
        }
        assert!(heard == words);
    }

    #[test]
    fn nobody_stays_for_longer_or_says_more_than_he_may() {
        let mut hall = Hall::new();
        let silent = hall.end(1, b"why");
        let mut loud = hall.end(2, b"why");
        let mut told = 0;
        while let Ok(count) = loud.write(&[7; 4096]) {
            told += count;
            hall.turn();
            assert!(told < 2 * UNHEARD, "it is heard without end");
        }
        assert!(told >= UNHEARD);
        assert_eq!(hall.after(TO_READ), 0);
        drop(silent);
        let many: Vec<_> = (3..100).map(|key| hall.end(key, b"why")).collect();
        assert_eq!(hall.after(Duration::ZERO), PARTING);
        drop(many);
        for _ in 0..PARTING {
            hall.turn();
        }
        assert_eq!(hall.after(Duration::ZERO), 0);
    }
}
