//! Between the clients' sockets and the Wayland library, so that no client can flood.
//!
//! The library reads a socket until nothing is left in it, and goes round until no socket has
//! anything left: a client that never stops sending would have the thread for itself. So the library
//! gets one end of a socket pair for each client, and a relay holds the other. In each turn it takes
//! one [`CHUNK`] from each client that has sent something, and has that dispatched. A client that
//! sends faster than its rate is not read for a while; one that does not read its events is not read
//! either, and is ended when too much is unread.
//!
//! Only whole requests go on, each with the descriptors that it takes and no others, none of which is a file
//! whose filesystem may never answer ([`files`]).

mod bucket;
mod census;
mod closer;
mod descriptors;
mod effort;
mod files;
mod link;
mod output;
mod parting;
mod socket;
mod wire;

use std::{
    collections::BTreeMap,
    ffi::CString,
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use porthole_core::{Name, Priority, account::Counter, config::Quota, share::Turns};
use rustix::{
    buffer::spare_capacity,
    event::{
        Timespec,
        epoll::{self, CreateFlags, Event, EventData, EventFlags},
    },
    io::Errno,
};
use smithay::reexports::wayland_server::{
    Display,
    backend::{
        Backend, ClientData, ClientId, DisconnectReason, Handle,
        protocol::{Interface, ProtocolError},
    },
};

use crate::accounts::SocketAccount;
use bucket::{Share, Taken};
use census::Excess;
pub(crate) use census::Limits;
use closer::Closer;
use effort::Effort;
use files::{Files, Refused};
use link::{Goes, Link};
use parting::Partings;

/// What is taken from a client in one turn, in bytes: one buffer of the usual libraries.
const CHUNK: usize = 4096;
/// How many clients are looked at in one turn; the kernel goes round among them.
const READY: usize = 64;

/// How often the log is told that the clients of a socket send too much.
const TELL_AGAIN: Duration = Duration::from_secs(60);

/// How long clients are served in one turn; who is left is served in the next one, in which others may
/// have frames to draw meanwhile.
const TURN: Duration = Duration::from_millis(3);

/// Errors of `wl_display`, by the protocol's numbers.
const INVALID_METHOD: u32 = 1;
pub(crate) const NO_MEMORY: u32 = 2;
const IMPLEMENTATION: u32 = 3;

/// The library looks objects up by the name of their interface.
static WL_DISPLAY: Interface =
    Interface { name: "wl_display", version: 1, requests: &[], events: &[], c_ptr: None };

/// Why a client is ended.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
enum Fault {
    #[error("a request of {0} bytes; it has at least 8 and at most {longest}", longest = wire::LONGEST)]
    Length(usize),
    #[error("a request came without its file descriptor")]
    DescriptorMissing,
    #[error("file descriptors came that no request takes")]
    DescriptorsIdle,
    #[error("more file descriptors came at once than are taken")]
    DescriptorsLost,
    #[error("{0}")]
    File(Refused),
    #[error("there are too many {} objects; a client may have {}", .0.what, .0.most)]
    Objects(Excess),
    #[error("{0} bytes of events stay unread")]
    Unread(usize),
}

/// What the clients of one socket may do together, and what they did.
#[derive(Debug)]
pub(crate) struct Group {
    share: Mutex<Share>,
    account: Option<Arc<SocketAccount>>,
    /// When the log was last told that they send too much.
    told: Mutex<Option<Instant>>,
    /// Files of theirs that are not closed yet, as their filesystem does not answer.
    held: AtomicUsize,
}

impl Default for Group {
    fn default() -> Self {
        let share = Mutex::new(Share::of_all(&Quota::default(), Instant::now()));
        Self { share, account: None, told: Mutex::default(), held: AtomicUsize::new(0) }
    }
}

impl Group {
    /// The group of a socket's clients.
    pub(crate) fn of(account: Arc<SocketAccount>) -> Self {
        Self { account: Some(account), ..Self::default() }
    }

    /// Takes another quota; it begins anew.
    pub(crate) fn set_quota(&self, quota: &Quota) {
        *self.share.lock().unwrap_or_else(PoisonError::into_inner) =
            Share::of_all(quota, Instant::now());
    }

    /// Files that are not closed yet. Each counts as a client.
    pub(crate) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    fn hold(&self) {
        self.held.fetch_add(1, Ordering::Relaxed);
    }

    fn release(&self) {
        self.held.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What relay and client data tell each other.
#[derive(Debug, Default)]
pub(crate) struct Party {
    group: Arc<Group>,
    left: AtomicBool,
    gone: AtomicBool,
    /// Pictures that were committed since they were last counted.
    pictures: AtomicU64,
}

impl Party {
    /// One more client of a group.
    pub(crate) fn of(group: Arc<Group>) -> Self {
        Self { group, ..Self::default() }
    }

    /// One client more has committed a picture.
    pub(crate) fn picture(&self) {
        self.pictures.fetch_add(1, Ordering::Relaxed);
    }

    fn take_pictures(&self) -> u64 {
        self.pictures.swap(0, Ordering::Relaxed)
    }

    /// What each client of its socket may have.
    fn quota(&self) -> Quota {
        self.group.account.as_ref().map(|account| account.quota()).unwrap_or_default()
    }

    /// Whose time is used, and how much its clients matter.
    fn rank(&self) -> (Option<Name>, Priority) {
        match &self.group.account {
            Some(account) => (Some(account.name.clone()), account.priority()),
            None => (None, Priority::default()),
        }
    }

    fn take(&self, taken: Taken, now: Instant) {
        self.group.share.lock().unwrap_or_else(PoisonError::into_inner).take(taken, now);
        if let Some(account) = &self.group.account {
            let nanos = u64::try_from(taken.took.as_nanos()).unwrap_or(u64::MAX);
            account.count_all(&[
                (Counter::Requests, taken.requests as u64),
                (Counter::RequestBytes, taken.bytes as u64),
                (Counter::BusyNanoseconds, nanos),
                (Counter::Pictures, taken.pictures),
            ]);
        }
    }

    fn wait(&self, now: Instant) -> Option<Instant> {
        self.group.share.lock().unwrap_or_else(PoisonError::into_inner).wait(now)
    }

    /// Notes that a client is not read for a while; the log is told now and then.
    fn paused(&self, now: Instant) {
        let Some(account) = &self.group.account else { return };
        account.count(Counter::Pauses, 1);
        let mut told = self.group.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none_or(|told| now.saturating_duration_since(told) >= TELL_AGAIN) {
            *told = Some(now);
            let socket = account.name.as_str();
            tracing::warn!(socket, "a client sends more than it may, and is read more slowly");
        }
    }

    /// Notes that the end was the client's own will, or the configuration's.
    pub(crate) fn leave(&self) {
        self.left.store(true, Ordering::Relaxed);
    }

    /// Whether it was.
    pub(crate) fn has_left(&self) -> bool {
        self.left.load(Ordering::Relaxed)
    }

    /// Notes that the library has ended the client.
    pub(crate) fn end(&self) {
        self.gone.store(true, Ordering::Relaxed);
    }

    fn gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }
}

/// What every client's requests pass.
#[derive(Debug)]
struct Door {
    limits: Limits,
    files: Files,
    closer: Closer,
}

/// All clients' links.
#[derive(Debug)]
pub(crate) struct Relay {
    door: Door,
    links: BTreeMap<u64, Link>,
    /// Whose clients are served first.
    turns: Turns<Option<Name>>,
    /// How often any client was served.
    serves: u64,
    next: u64,
    /// Clients' sockets: requests that came, and room for events.
    outside: OwnedFd,
    /// The library's ends: events to take.
    inside: OwnedFd,
    /// Clients that were ended and may still read why.
    partings: Partings,
}

impl Relay {
    /// A relay without clients, each of which may have so many objects.
    pub(crate) fn new(limits: Limits) -> io::Result<Self> {
        let make = || epoll::create(CreateFlags::CLOEXEC);
        Ok(Self {
            door: Door { limits, files: Files::new(), closer: Closer::default() },
            links: BTreeMap::new(),
            turns: Turns::default(),
            serves: 0,
            next: 0,
            outside: make()?,
            inside: make()?,
            partings: Partings::default(),
        })
    }

    /// What becomes readable when there is something to do in the next turn.
    pub(crate) fn poll(&self) -> io::Result<OwnedFd> {
        self.outside.as_fd().try_clone_to_owned()
    }

    /// Takes a client in. Its data says [`Party::end`] when it is disconnected.
    pub(crate) fn insert<D>(
        &mut self,
        display: &mut Display<D>,
        stream: UnixStream,
        data: Arc<dyn ClientData>,
        party: Arc<Party>,
    ) -> io::Result<()> {
        stream.set_nonblocking(true)?;
        let (inner, library) = UnixStream::pair()?;
        inner.set_nonblocking(true)?;
        library.set_nonblocking(true)?;
        epoll::add(&self.inside, &inner, EventData::new_u64(self.next), EventFlags::IN)?;
        let client = display.handle().insert_client(library, data)?.id();
        self.links.insert(self.next, Link::new(client, party, stream, inner, Instant::now()));
        self.next += 1;
        Ok(())
    }

    /// Serves the clients that have sent something, each once at most: those that matter most first, and
    /// among equals those of the socket that has had least of the thread's time, of these the one that was
    /// served longest ago.
    pub(crate) fn receive<D>(&mut self, display: &mut Display<D>, state: &mut D) {
        let now = Instant::now();
        let mut waiting = Vec::new();
        for (key, flags) in ready(&self.outside) {
            let Some(link) = self.links.get_mut(&key) else {
                self.partings.ready(&self.outside, key);
                continue;
            };
            if flags.contains(EventFlags::OUT) {
                settle(display.backend(), link, Link::send);
            }
            if flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
                waiting.push((link.served, key, link.party.rank()));
            }
        }
        if waiting.is_empty() {
            return;
        }
        // The clients of one socket take turns.
        waiting.sort_by_key(|(served, ..)| *served);
        self.turns.order(&mut waiting, |(.., rank)| rank.clone());
        let mut effort = Effort::now();
        for (_, key, (who, _)) in waiting {
            let Some(link) = self.links.get_mut(&key) else { continue };
            let start = Instant::now();
            if start.saturating_duration_since(now) > TURN {
                break;
            }
            self.serves += 1;
            link.served = self.serves;
            let backend = display.backend();
            let outcome = link.receive(backend, state, (&mut self.door, now), &mut effort);
            settle(backend, link, |_| outcome);
            self.turns.spend(&who, start.elapsed());
        }
    }

    /// Sends every event that the library has written.
    pub(crate) fn send<D>(&mut self, display: &mut Display<D>) {
        loop {
            let events = ready(&self.inside);
            for (key, _) in &events {
                if let Some(link) = self.links.get_mut(key) {
                    settle(display.backend(), link, Link::send);
                }
            }
            if events.len() < READY {
                break;
            }
            // All that these had is taken; what is closed must not be found again.
            self.links.values().filter(|link| link.party.gone()).for_each(|link| {
                let _ = epoll::delete(&self.inside, link.inner());
            });
        }
    }

    /// Lets go of clients that have ended. True when there were some: others may see a change.
    pub(crate) fn clean<D>(&mut self, display: &mut Display<D>, state: &mut D) -> bool {
        let gone: Vec<u64> =
            self.links.iter().filter(|(_, l)| l.party.gone()).map(|(key, _)| *key).collect();
        for link in gone.iter().filter_map(|key| self.links.get(key)) {
            link.close(display.backend(), state);
        }
        for key in &gone {
            let Some(mut link) = self.links.remove(key) else { continue };
            // The last words of the library: why it has ended the client.
            let _ = link.send();
            if let Some((stream, output)) = link.part() {
                let _ = epoll::delete(&self.outside, &stream);
                self.partings.add(&self.outside, (*key, stream, output), Instant::now());
            }
        }
        !gone.is_empty()
    }

    /// Listens again for what is wanted; tells when there is more to do by itself.
    pub(crate) fn rest(&mut self) -> Option<Instant> {
        let now = Instant::now();
        let closes = self.partings.rest(&self.outside, now);
        for (key, link) in &mut self.links {
            let wanted = link.wanted(now);
            if wanted == link.interest {
                continue;
            }
            if link.interest.contains(EventFlags::IN) && link.paused(now).is_some() {
                link.party.paused(now);
            }
            let data = EventData::new_u64(*key);
            let listens = if wanted.is_empty() {
                epoll::delete(&self.outside, link.outer())
            } else if link.interest.is_empty() {
                epoll::add(&self.outside, link.outer(), data, wanted)
            } else {
                epoll::modify(&self.outside, link.outer(), data, wanted)
            };
            match listens {
                Ok(()) => link.interest = wanted,
                Err(error) => tracing::error!("a client's socket cannot be listened to: {error}"),
            }
        }
        self.links.values().filter_map(|link| link.paused(now)).chain(closes).min()
    }
}

/// Does something with a link, and ends its client when that is the outcome.
fn settle<D>(
    backend: &Backend<D>,
    link: &mut Link,
    act: impl FnOnce(&mut Link) -> Result<Goes, Fault>,
) {
    let handle = backend.handle();
    match act(link) {
        Ok(Goes::On) => return,
        Ok(Goes::Over) => {}
        Err(fault) if link.party.gone() => tracing::debug!("after the end: {fault}"),
        Err(fault @ Fault::Unread(_)) => {
            let error = ProtocolError {
                code: IMPLEMENTATION,
                object_id: 1,
                object_interface: WL_DISPLAY.name.to_owned(),
                message: fault.to_string(),
            };
            handle.kill_client(link.client.clone(), DisconnectReason::ProtocolError(error));
        }
        Err(fault) => {
            let code = if matches!(fault, Fault::Objects(_)) { NO_MEMORY } else { INVALID_METHOD };
            post_display_error(&handle, &link.client, code, &fault.to_string());
        }
    }
    link.party.end();
}

/// Ends a client with an error of its `wl_display`.
pub(crate) fn post_display_error(handle: &Handle, client: &ClientId, code: u32, why: &str) {
    // No text of ours has a zero byte in it.
    let why = CString::new(why).unwrap_or_default();
    match handle.object_for_protocol_id(client.clone(), &WL_DISPLAY, 1) {
        Ok(display) => handle.post_error(display, code, why),
        // It is gone already.
        Err(_) => handle.kill_client(client.clone(), DisconnectReason::ConnectionClosed),
    }
}

/// Who is ready, by key.
fn ready(epoll: &OwnedFd) -> Vec<(u64, EventFlags)> {
    let mut events: Vec<Event> = Vec::with_capacity(READY);
    match epoll::wait(epoll, spare_capacity(&mut events), Some(&Timespec::default())) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(error) => tracing::error!("clients cannot be listened to: {error}"),
    }
    events.iter().map(|event| (event.data.u64(), event.flags)).collect()
}
