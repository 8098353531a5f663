//! Waiting for a state, never for a time.

use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::failure::{Failure, OrFail, Result};

/// How often a condition is looked at again.
const INTERVAL: Duration = Duration::from_millis(10);
/// More time than this between two looks is time in which this process did not run: it was stopped, or
/// the machine was.
const STOPPED: Duration = Duration::from_secs(5);

/// How long anything with a guest may take: guests may be emulated on a busy machine. It is for what
/// hangs, and no goal: a test that passes never waits for so long.
pub const GUEST: Duration = Duration::from_secs(120);
/// How long anything without a guest may take.
pub const SHORT: Duration = Duration::from_secs(60);

/// Waits until `look` finds something and returns it.
///
/// # Errors
/// When nothing was found before the deadline; the text says what was waited for.
pub fn wait_until<T>(
    what: &str,
    deadline: Duration,
    mut look: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let (mut last, mut waited) = (Instant::now(), Duration::ZERO);
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if waited > deadline {
            return Err(Failure::new(format!("{what}: not within {} s", deadline.as_secs())));
        }
        pause(INTERVAL);
        waited += last.elapsed().min(STOPPED);
        last = Instant::now();
    }
}

/// Waits until somebody connects to a listener, so that accepting that does not wait.
///
/// # Errors
/// When nobody does within [`SHORT`].
pub fn somebody_connects(listener: impl AsFd) -> Result<()> {
    wait_until("somebody to connect", SHORT, || {
        let mut listeners = [PollFd::new(&listener, PollFlags::IN)];
        let found =
            poll(&mut listeners, Some(&Timespec::default())).or_fail("look at a listener")?;
        Ok((found > 0).then_some(()))
    })
}

/// Lets time pass for a measurement over a span of time, such as how idle a process is.
pub fn pause(span: Duration) {
    let end = Instant::now() + span;
    // Parking may end early, which a measurement must not.
    while let Some(rest) = end.checked_duration_since(Instant::now()).filter(|rest| !rest.is_zero())
    {
        thread::park_timeout(rest);
    }
}
