//! What is known of a socket and of each of its clients.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
};

use porthole_core::{
    Name, Priority,
    account::Counter,
    config::{Clipboard, Quota},
    rights::SocketRights,
};
use smithay::{
    reexports::wayland_server::{
        Client,
        backend::{ClientData, ClientId, DisconnectReason},
    },
    wayland::compositor::CompositorClientState,
};

use super::access::Access;
use crate::{
    accounts::SocketAccount,
    limits,
    protocols::shm::Account,
    relay::{Group, NO_MEMORY, Party},
};

/// Who connects to a socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SocketKind {
    /// The device processes of one guest.
    Guest,
    /// Viewers and ordinary programs.
    Programs,
}

/// What is known of the clients of a socket.
#[derive(Debug)]
pub(crate) struct SocketInfo {
    pub(crate) name: Name,
    pub(crate) kind: SocketKind,
    access: Mutex<Access>,
    rights: Mutex<SocketRights>,
    /// Of a guest: which way copied text may go.
    clipboard: Mutex<Clipboard>,
    clients: Arc<AtomicUsize>,
    /// What they have used.
    pub(crate) account: Arc<SocketAccount>,
    /// What they may do together.
    group: Arc<Group>,
    pub(super) sandboxes: AtomicUsize,
    /// The socket on which the sandbox was made whose clients come through this one.
    pub(super) parent: Option<Arc<SocketInfo>>,
    /// The application that its sandbox holds: what its programs call themselves does not count.
    pub(crate) app_id: Option<String>,
}

impl SocketInfo {
    pub(super) fn new(
        account: &Arc<SocketAccount>,
        kind: SocketKind,
        access: Access,
        (rights, clipboard): (SocketRights, Clipboard),
    ) -> Self {
        Self {
            name: account.name.clone(),
            kind,
            access: Mutex::new(access),
            rights: Mutex::new(rights),
            clipboard: Mutex::new(clipboard),
            clients: Arc::default(),
            account: account.clone(),
            group: Arc::new(Group::of(account.clone())),
            sandboxes: AtomicUsize::new(0),
            parent: None,
            app_id: None,
        }
    }

    /// Who may connect now.
    pub(super) fn access(&self) -> Access {
        *self.access.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what a reload says of it.
    pub(super) fn change(&self, access: Access, (rights, clipboard): (SocketRights, Clipboard)) {
        *self.access.lock().unwrap_or_else(PoisonError::into_inner) = access;
        *self.clipboard.lock().unwrap_or_else(PoisonError::into_inner) = clipboard;
        *self.rights.lock().unwrap_or_else(PoisonError::into_inner) = rights;
    }

    /// Takes what a configuration says of how much its clients matter, and what they may have.
    pub(super) fn grant(&self, priority: Priority, quota: Quota) {
        if (self.account.priority(), self.account.quota()) != (priority, quota) {
            self.account.grant(priority, quota);
            self.group.set_quota(&quota);
        }
    }

    /// How many clients there are.
    pub(crate) fn clients(&self) -> usize {
        self.clients.load(Ordering::Relaxed)
    }

    /// A socket of a sandbox: it is named and counted like the one it was made on, and has no rights.
    pub(super) fn sandboxed(parent: &Arc<Self>, app_id: Option<String>) -> Self {
        let none = (SocketRights::default(), Clipboard::Off);
        let made = Self::new(&parent.account, parent.kind, parent.access(), none);
        let (clients, group) = (parent.clients.clone(), parent.group.clone());
        Self { clients, group, parent: Some(parent.clone()), app_id, ..made }
    }

    /// True for what comes from a sandbox.
    pub(crate) const fn is_sandbox(&self) -> bool {
        self.parent.is_some()
    }

    /// Whether this is that socket, or that of a sandbox that was made on it.
    pub(super) fn is_of(&self, other: &Arc<Self>) -> bool {
        std::ptr::eq(self, Arc::as_ptr(other))
            || self.parent.as_ref().is_some_and(|parent| Arc::ptr_eq(parent, other))
    }

    /// Which way copied text may go between this guest and people; none where it is no guest's.
    pub(crate) fn clipboard(&self) -> Clipboard {
        *self.clipboard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks what its clients may do now; a reload may change it.
    pub(crate) fn with_rights<T>(&self, ask: impl FnOnce(&SocketRights) -> T) -> T {
        ask(&self.rights.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Data of every client.
#[derive(Debug)]
pub(crate) struct ClientState {
    pub(crate) compositor: CompositorClientState,
    pub(crate) socket: Option<Arc<SocketInfo>>,
    pub(crate) party: Arc<Party>,
    /// What its pictures take.
    pub(crate) account: Arc<Account>,
    /// Commits of its subsurfaces that were not applied.
    pub(crate) waiting_commits: Arc<AtomicU32>,
    /// The ports whose clipboard it was let into by right.
    pub(crate) clipboards: Clipboards,
    /// Which way copied text went when it was given a data device, which is for a guest.
    pub(crate) promised: Mutex<Clipboard>,
}

impl Default for ClientState {
    fn default() -> Self {
        Self::of(None)
    }
}

impl Drop for ClientState {
    fn drop(&mut self) {
        if let Some(socket) = &self.socket {
            socket.clients.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl ClientState {
    /// Data of one more client of a socket; `None` when there are too many.
    pub(super) fn new(socket: &Arc<SocketInfo>) -> Option<Self> {
        let most = usize::try_from(socket.account.quota().clients).unwrap_or(usize::MAX);
        // Files that cannot be closed count too.
        let held = socket.group.held();
        let more = |count: usize| (count + held < most).then_some(count + 1);
        if socket.clients.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_err() {
            socket.account.count(Counter::Refusals, 1);
            return None;
        }
        Some(Self::of(Some(socket.clone())))
    }

    fn of(socket: Option<Arc<SocketInfo>>) -> Self {
        let group = socket.as_ref().map(|socket| socket.group.clone()).unwrap_or_default();
        let account = socket.as_ref().map(|socket| socket.account.clone());
        Self {
            compositor: CompositorClientState::default(),
            socket,
            party: Arc::new(Party::of(group)),
            account: Arc::new(Account::new(limits::POOL_BYTES, limits::COPIED_BYTES, account)),
            waiting_commits: Arc::default(),
            clipboards: Clipboards::default(),
            promised: Mutex::default(),
        }
    }

    /// The socket's name, for the log.
    pub(crate) fn socket_name(&self) -> &str {
        self.socket.as_ref().map_or("none", |s| s.name.as_str())
    }
}

/// Names of ports.
#[derive(Debug, Default)]
pub(crate) struct Clipboards(Mutex<BTreeSet<String>>);

impl Clipboards {
    pub(crate) fn add(&self, port: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(port.to_owned());
    }

    pub(crate) fn any(&self, is: impl Fn(&str) -> bool) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|port| is(port))
    }
}

/// The socket that a client came through.
pub(crate) fn socket_of(client: &Client) -> Option<&Arc<SocketInfo>> {
    client.get_data::<ClientState>()?.socket.as_ref()
}

impl ClientData for ClientState {
    fn initialized(&self, _: ClientId) {}

    fn disconnected(&self, _: ClientId, reason: DisconnectReason) {
        self.party.end();
        let socket = self.socket_name();
        match reason {
            DisconnectReason::ConnectionClosed if self.party.has_left() => {
                tracing::info!(socket, "a client left");
            }
            DisconnectReason::ConnectionClosed => {
                let why = "it sent what is no request, or made more events than it can be sent";
                tracing::warn!(socket, "a client was disconnected: {why}");
            }
            DisconnectReason::ProtocolError(error) => {
                if let Some(info) = self.socket.as_ref().filter(|_| error.code == NO_MEMORY) {
                    info.account.count(Counter::Refusals, 1);
                }
                tracing::warn!(socket, "a client was disconnected: {error}");
            }
        }
    }
}
