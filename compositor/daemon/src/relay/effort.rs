//! What serving a client costs the thread.
//!
//! By the clock alone, clients would pay for what else the machine does: on one that is busy the thread is
//! interrupted in the middle of their requests, and they would be read more slowly for it, the more so
//! the busier the machine is.

use std::{
    mem::MaybeUninit,
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};

/// Of what takes no longer nobody asks the kernel.
const BRIEF: Duration = Duration::from_micros(500);

/// What the thread had done by some moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Effort {
    /// The processor time that it had used.
    worked: Duration,
    /// How often it had waited for something.
    waited: i64,
}

impl Effort {
    /// What the thread has done until now.
    pub(super) fn now() -> Self {
        let worked = clock_gettime(ClockId::ThreadCPUTime);
        let seconds = u64::try_from(worked.tv_sec).unwrap_or(0);
        let worked = Duration::new(seconds, u32::try_from(worked.tv_nsec).unwrap_or(0));
        Self { worked, waited: waits() }
    }

    /// What is charged for requests that were begun at `start`, which is after the last time that this was
    /// asked for.
    pub(super) fn since(&mut self, start: Instant) -> Duration {
        let took = start.elapsed();
        if took < BRIEF {
            return took;
        }
        let before = std::mem::replace(self, Self::now());
        charge(took, before, *self)
    }
}

/// How often this thread has waited for something. Zeroes are what the kernel writes where it counts nothing.
fn waits() -> i64 {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: room for what the kernel writes there.
    unsafe { libc::getrusage(libc::RUSAGE_THREAD, usage.as_mut_ptr()) };
    // SAFETY: numbers only, for which zeroes are a value.
    let usage = unsafe { usage.assume_init() };
    usage.ru_nvcsw
}

/// A thread that was held up by others has only worked meanwhile. One that had to wait, such as for
/// a file on a slow disk, pays for that: nobody else was served.
fn charge(took: Duration, before: Effort, after: Effort) -> Duration {
    if after.waited == before.waited {
        took.min(after.worked.saturating_sub(before.worked))
    } else {
        took
    }
}

#[cfg(test)]
mod tests {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::*;

    #[test]
    fn who_is_held_up_by_others_does_not_pay_for_them() {
        let ms = Duration::from_millis;
        for (took, worked, waits, charged) in [
            (10, 10, 0, 10),
            // Interrupted.
            (50, 2, 0, 2),
            // It waited, and perhaps was interrupted as well.
            (50, 2, 1, 50),
            // Clocks of different exactness.
            (2, 3, 0, 2),
        ] {
            let before = Effort { worked: ms(1000), waited: 7 };
            let after = Effort { worked: ms(1000 + worked), waited: 7 + waits };
            assert_eq!(charge(ms(took), before, after), ms(charged), "{took} {worked} {waits}");
        }
    }

    #[test]
    fn work_and_waiting_are_seen() {
        let (start, mut effort) = (Instant::now(), Effort::now());
        let begun = effort.worked;
        while Effort::now().worked < begun + Duration::from_millis(5) {}
        let charged = effort.since(start);
        // The clocks of the thread and of the machine do not run equally fast.
        assert!(charged >= Duration::from_millis(4), "{charged:?}");
        let (_writer, reader) = std::os::unix::net::UnixStream::pair().unwrap();
        let (start, limit) = (Instant::now(), Timespec { tv_sec: 0, tv_nsec: 20_000_000 });
        poll(&mut [PollFd::new(&reader, PollFlags::IN)], Some(&limit)).unwrap();
        let charged = effort.since(start);
        assert!(charged >= Duration::from_millis(20), "{charged:?}");
    }
}
