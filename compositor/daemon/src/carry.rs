//! Data that one program has for another, on its way through a pipe of ours.
//!
//! The kernel moves it from our pipe into the taker's, so that nothing of it lies in this process. No end
//! can make us wait: our own pipe is nobody's to change, and the kernel is told each time not to wait for
//! the other one, whatever its owner sets on it.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    sync::Arc,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{FileType, fstat},
    io::Errno,
    pipe::{PipeFlags, SpliceFlags, pipe_with, splice},
};

/// As much as a pipe holds.
const CHUNK: usize = 64 << 10;
/// Moves in one turn; the rest in the next one. Each may be of a single byte.
const TURN: usize = 16;

/// Which end is waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// The one who has the data: there is nothing to move.
    Giver,
    /// The one who wants it: there is no room, or it is another's turn.
    Taker,
    /// All of it was moved, or one of the two is gone.
    Done,
    /// There is more than may be moved.
    TooMuch,
}

/// Data on its way.
#[derive(Debug)]
pub(crate) struct Carried {
    /// Out of our pipe.
    pub(crate) from: Arc<OwnedFd>,
    pub(crate) to: Arc<OwnedFd>,
    /// Bytes that may still be moved.
    left: usize,
}

impl Carried {
    /// A way to a taker's pipe for at most this many bytes, and the end for whoever has the data.
    ///
    /// # Errors
    /// When the taker's descriptor is no pipe, which could make us wait, or descriptors are short.
    pub(crate) fn to(to: OwnedFd, most: usize) -> io::Result<(Self, OwnedFd)> {
        if FileType::from_raw_mode(fstat(&to)?.st_mode) != FileType::Fifo {
            return Err(io::Error::other("it is to go into something that is no pipe"));
        }
        let (from, give) = pipe_with(PipeFlags::CLOEXEC)?;
        Ok((Self { from: Arc::new(from), to: Arc::new(to), left: most }, give))
    }

    /// Moves what can be moved now.
    pub(crate) fn step(&mut self) -> Step {
        for _ in 0..TURN {
            if self.left == 0 {
                return if self.has_more() { Step::TooMuch } else { self.idle() };
            }
            let most = CHUNK.min(self.left);
            match splice(&self.from, None, &self.to, None, most, SpliceFlags::NONBLOCK) {
                Ok(0) => return Step::Done,
                Ok(moved) => self.left = self.left.saturating_sub(moved),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    return if self.has_more() { Step::Taker } else { Step::Giver };
                }
                Err(_) => return Step::Done,
            }
        }
        Step::Taker
    }

    /// Whether there is something to move, or the end of it.
    fn poll(&self) -> PollFlags {
        let from = self.from.as_fd();
        let mut polled = [PollFd::new(&from, PollFlags::IN)];
        match poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) {
            Ok(_) => polled.first().map_or(PollFlags::empty(), PollFd::revents),
            Err(_) => PollFlags::HUP,
        }
    }

    fn has_more(&self) -> bool {
        self.poll().contains(PollFlags::IN)
    }

    /// All that may be moved was: either that is all there is, or more may come.
    fn idle(&self) -> Step {
        if self.poll().contains(PollFlags::HUP) { Step::Done } else { Step::Giver }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::File,
        io::{Read, Write},
    };

    use super::*;

    fn way(most: usize) -> (Carried, File, File) {
        let (take, to) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).unwrap();
        let (carried, give) = Carried::to(to, most).unwrap();
        (carried, File::from(give), File::from(take))
    }

    #[test]
    fn what_is_given_arrives_and_ends_with_its_giver() {
        let (mut carried, mut give, mut take) = way(100);
        assert_eq!(carried.step(), Step::Giver);
        give.write_all(b"a text").unwrap();
        assert_eq!(carried.step(), Step::Giver);
        drop(give);
        assert_eq!(carried.step(), Step::Done);
        drop(carried);
        let mut text = String::new();
        take.read_to_string(&mut text).unwrap();
        assert_eq!(text, "a text");
    }

    #[test]
    fn a_taker_that_does_not_read_is_waited_for_and_not_by_us() {
        // Its owner may set on it what it wants.
        let (_take, to) = pipe_with(PipeFlags::CLOEXEC).unwrap();
        let (mut carried, give) = Carried::to(to, 10 << 20).unwrap();
        let mut give = File::from(give);
        let bytes = vec![7; 60 << 10];
        let mut step = carried.step();
        for _ in 0..4 {
            if step == Step::Giver {
                give.write_all(&bytes).unwrap();
                step = carried.step();
            }
        }
        assert_eq!(step, Step::Taker);
    }

    #[test]
    fn no_more_is_moved_than_may_be() {
        let (mut carried, mut give, _take) = way(10);
        give.write_all(&[1; 10]).unwrap();
        assert_eq!(carried.step(), Step::Giver, "it may be all there is");
        give.write_all(&[1]).unwrap();
        assert_eq!(carried.step(), Step::TooMuch);
        let (mut carried, mut give, _take) = way(10);
        give.write_all(&[1; 10]).unwrap();
        drop(give);
        assert_eq!(carried.step(), Step::Done);
    }

    #[test]
    fn who_is_gone_ends_it() {
        let (mut carried, mut give, take) = way(100);
        drop(take);
        give.write_all(b"a text").unwrap();
        assert_eq!(carried.step(), Step::Done);
        let file = rustix::fs::memfd_create("no pipe", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
        Carried::to(file, 1).unwrap_err();
    }
}
