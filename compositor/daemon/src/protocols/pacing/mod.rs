//! `wp_fifo_v1` and `wp_commit_timing_v1`: commits that wait, for the last one to be shown or for a
//! time; and commits whose picture a device still writes. Written here because smithay's lets a client queue commits without end.
//!
//! A commit that waits has blockers in smithay's queue. This module makes them, knows when each is
//! over, and says which clients' queues must be looked at again.

mod fence;
mod fifo;
mod timing;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use smithay::{
    reexports::wayland_server::{
        Client, DisplayHandle, Resource,
        protocol::wl_surface::{self, WlSurface},
    },
    wayland::compositor::{
        Barrier, Cacheable, SurfaceData, add_blocker, add_pre_commit_hook, is_sync_subsurface,
        with_states,
    },
};

use super::shm::Pool;
pub(crate) use fence::Fences;
pub(crate) use fifo::{FifoState, delegate_fifo};
pub(crate) use timing::{CommitTimingState, delegate_commit_timing};

/// Commits of one surface that may wait behind each other. A client has a handful of buffers; more
/// than this many commits are only there to take memory.
const MAX_QUEUED: u32 = 64;

/// What the compositor must answer.
pub(crate) trait PacingHandler {
    fn pacing_state(&mut self) -> &mut PacingState;
    /// The time on the clock that `wp_presentation` announces.
    fn pacing_now(&self) -> Duration;
    /// A commit waits for a time: [`PacingState::next_wake`] may be sooner than it was.
    fn pacing_scheduled(&mut self);
    /// A commit waits for a device: until it can be read what the memory is, or long enough.
    fn pacing_fence(&mut self, memory: Arc<Pool>, held: Held);
}

/// What waits for a time, of all surfaces.
#[derive(Debug, Default)]
pub(crate) struct PacingState {
    waits: BTreeMap<(Duration, u64), Held>,
    last: u64,
}

/// A blocker, and whose queue it holds up.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    barrier: Barrier,
    client: Client,
}

impl Held {
    /// Lets the commit go; its client's queue must be looked at.
    pub(crate) fn release(self) -> Client {
        self.barrier.signal();
        self.client
    }
}

impl PacingState {
    /// Releases a blocker at this time, unless it is over by then.
    pub(crate) fn release_at(&mut self, at: Duration, held: Held) {
        self.last += 1;
        self.waits.insert((at, self.last), held);
    }

    /// When there is something to do.
    pub(crate) fn next_wake(&self) -> Option<Duration> {
        self.waits.first_key_value().map(|((at, _), _)| *at)
    }

    /// Releases what is due and returns the clients whose queues must be looked at.
    pub(crate) fn due(&mut self, now: Duration) -> Vec<Client> {
        let later = self.waits.split_off(&(now, u64::MAX));
        let due = std::mem::replace(&mut self.waits, later);
        let still = due.into_values().filter(|held| !held.barrier.is_signaled());
        still.map(Held::release).collect()
    }
}

/// The blocker that the last applied commit set: over once that commit was shown.
#[derive(Debug, Default)]
struct Applied(Option<Held>);

impl Cacheable for Applied {
    fn commit(&mut self, _: &DisplayHandle) -> Self {
        std::mem::take(self)
    }

    fn merge_into(self, into: &mut Self, _: &DisplayHandle) {
        let Some(newer) = self.0 else { return };
        // The older one was replaced before it was shown.
        if let Some(older) = into.0.replace(newer) {
            older.barrier.signal();
        }
    }
}

/// A surface's part.
#[derive(Debug, Default)]
struct Paced {
    hooked: bool,
    has_fifo: bool,
    has_timer: bool,
    /// What the next commit asks for.
    set_barrier: bool,
    wait_barrier: bool,
    at: Option<Duration>,
    /// What the last commit that set a barrier set, applied or not.
    last: Option<Barrier>,
    /// What commits wait for.
    blockers: Vec<Barrier>,
    queued: u32,
}

fn with_paced<T>(states: &SurfaceData, f: impl FnOnce(&mut Paced) -> T) -> T {
    let paced = states.data_map.get_or_insert_threadsafe(|| Mutex::new(Paced::default()));
    f(&mut paced.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Takes the blocker that a surface's shown commit has set.
pub(crate) fn take_shown(states: &SurfaceData) -> Option<Held> {
    states.cached_state.get::<Applied>().current().0.take()
}

/// The blocker that a surface's applied commit has set, when it is still there.
pub(crate) fn applied(states: &SurfaceData) -> Option<Held> {
    states.cached_state.get::<Applied>().current().0.clone()
}

/// Looks at every commit of a surface from now on; of those with pictures in memory of devices too.
pub(crate) fn hook<D: PacingHandler + 'static>(surface: &WlSurface) {
    let hooked =
        with_states(surface, |s| with_paced(s, |p| std::mem::replace(&mut p.hooked, true)));
    if !hooked {
        add_pre_commit_hook::<D, _>(surface, |state, _, surface| before_commit(state, surface));
    }
}

fn before_commit<D: PacingHandler>(state: &mut D, surface: &WlSurface) {
    let Some(client) = surface.client() else { return };
    let now = state.pacing_now();
    // A synchronised subsurface goes with its parent.
    let free = is_sync_subsurface(surface);
    let mut blockers = Vec::new();
    let mut timed = None;
    let mut written = None;
    let (set, queued) = with_states(surface, |states| {
        let awaited = fence::awaited(states);
        with_paced(states, |paced| {
            paced.blockers.retain(|barrier| !barrier.is_signaled());
            let last = paced.last.take().filter(|barrier| !barrier.is_signaled());
            if std::mem::take(&mut paced.wait_barrier) && !free {
                blockers.extend(last.clone());
            }
            if let Some(at) = paced.at.take().filter(|at| *at > now && !free) {
                let barrier = Barrier::new(false);
                timed = Some((at, barrier.clone()));
                blockers.push(barrier);
            }
            if let Some(memory) = awaited {
                let barrier = Barrier::new(false);
                written = Some((memory, barrier.clone()));
                blockers.push(barrier);
            }
            paced.blockers.extend(blockers.iter().cloned());
            paced.last = last;
            let set = std::mem::take(&mut paced.set_barrier).then(|| Barrier::new(false));
            if set.is_some() {
                paced.last.clone_from(&set);
            }
            // Behind a commit that waits, those that wait for nothing are queued as well.
            paced.queued = if paced.blockers.is_empty() { 0 } else { paced.queued + 1 };
            (set, paced.queued)
        })
    });
    if queued > MAX_QUEUED {
        // No error of the protocol fits; its text says what is meant.
        let why = format!("more than {MAX_QUEUED} commits wait for each other");
        surface.post_error(wl_surface::Error::InvalidSize, why);
        return;
    }
    if let Some(barrier) = set {
        let held = Held { barrier, client: client.clone() };
        with_states(surface, |s| s.cached_state.get::<Applied>().pending().0 = Some(held));
    }
    for barrier in blockers {
        add_blocker(surface, barrier);
    }
    if let Some((memory, barrier)) = written {
        state.pacing_fence(memory, Held { barrier, client: client.clone() });
    }
    if let Some((at, barrier)) = timed {
        state.pacing_state().release_at(at, Held { barrier, client });
        state.pacing_scheduled();
    }
}
