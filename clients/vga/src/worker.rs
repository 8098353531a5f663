//! The thread that takes virtio's requests.
//!
//! A kick reaches the main thread as a write to a register, for which a processor of the guest stands still;
//! so the main thread only rings a bell, and the work is done here. After a kick the rings are looked at for
//! a short while without being asked: a driver that draws has its next request ready in that time, and a
//! kick costs it a tenth of a millisecond.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::{read, write};

use crate::engine::{Engine, Turn};

/// Time between two looks at the rings after a kick.
const LOOK: Duration = Duration::from_micros(200);
/// Looks in vain until kicks are asked for again.
const LOOKS: u32 = 20;
/// Time until memory is looked at again that is being moved around.
const RETRY: Duration = Duration::from_millis(2);

/// What both threads have.
#[derive(Debug)]
pub(crate) struct Shared {
    engine: Mutex<Engine>,
    bell: OwnedFd,
    /// The driver has kicked since the worker last looked.
    kicked: AtomicBool,
    ended: AtomicBool,
}

impl Shared {
    pub(crate) fn new(engine: Engine) -> io::Result<Self> {
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self {
            engine: Mutex::new(engine),
            bell,
            kicked: AtomicBool::new(false),
            ended: AtomicBool::new(false),
        })
    }

    /// The engine, for a short while.
    pub(crate) fn engine(&self) -> MutexGuard<'_, Engine> {
        // What a turn that failed left half done is checked anew by the next.
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The driver has kicked a queue.
    pub(crate) fn kick(&self) {
        self.kicked.store(true, Ordering::Release);
        self.wake();
    }

    /// Whether the driver has kicked, which is forgotten then.
    #[cfg(test)]
    pub(crate) fn take_kick(&self) -> bool {
        self.kicked.swap(false, Ordering::AcqRel)
    }

    /// Deadlines have changed.
    pub(crate) fn wake(&self) {
        // Full means that it rings already.
        let _ = write(&self.bell, &1_u64.to_ne_bytes());
    }

    /// Waits for the bell, until a time at most.
    fn wait(&self, until: Option<Instant>) {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        let mut fds = [PollFd::from_borrowed_fd(self.bell.as_fd(), PollFlags::IN)];
        if poll(&mut fds, left.as_ref()).is_ok_and(|ready| ready > 0) {
            let mut counter = [0; 8];
            // Empty means that somebody else has heard it.
            let _ = read(&self.bell, &mut counter);
        }
    }
}

/// The thread; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Worker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    pub(crate) fn start(shared: Arc<Shared>) -> io::Result<Self> {
        let theirs = Arc::clone(&shared);
        let thread =
            std::thread::Builder::new().name("worker".to_owned()).spawn(move || run(&theirs))?;
        Ok(Self { shared, thread: Some(thread) })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Release);
        self.shared.wake();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the worker has failed");
        }
    }
}

fn run(shared: &Shared) {
    while !shared.ended.load(Ordering::Acquire) {
        let deadline = shared.engine().deadline();
        shared.wait(deadline);
        let kicked = shared.kicked.swap(false, Ordering::AcqRel);
        let turn = shared.engine().turn(Instant::now());
        if kicked || turn != Turn::Idle {
            attend(shared);
        }
    }
}

/// Works until the driver has asked for nothing for a while.
fn attend(shared: &Shared) {
    shared.engine().kicked();
    let mut in_vain = 0;
    while !shared.ended.load(Ordering::Acquire) {
        let turn = shared.engine().turn(Instant::now());
        let pause = match turn {
            Turn::Worked => {
                in_vain = 0;
                continue;
            }
            Turn::Wait => RETRY,
            Turn::Idle => {
                in_vain += 1;
                LOOK
            }
        };
        if in_vain >= LOOKS {
            // What came while kicks were not asked for needs another round.
            if !shared.engine().listen() {
                return;
            }
            in_vain = 0;
            continue;
        }
        shared.wait(Some(Instant::now() + pause));
        shared.kicked.store(false, Ordering::Release);
    }
}
