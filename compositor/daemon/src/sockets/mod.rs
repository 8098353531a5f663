//! A socket for each guest and each group of programs. The socket is the identity of its clients.

mod access;
mod client;
mod handover;
mod keep;
mod peer;
mod place;
mod sandbox;

use std::{
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    sync::Arc,
};

use porthole_core::{
    Name, Priority,
    config::{Clipboard, Config, Quota, Standing},
    owner::Owner,
    rights::SocketRights,
};
use rustix::fs::{FlockOperation, Gid, OFlags, Uid};
use smithay::reexports::{
    calloop::{Interest, LoopHandle, Mode, PostAction, RegistrationToken, generic::Generic},
    wayland_server::{DisplayHandle, backend::DisconnectReason},
};

use crate::{
    accounts::{Memory, SocketAccount},
    screens::drm::Card,
    state::State,
};
use access::Access;
pub(crate) use client::{ClientState, SocketInfo, SocketKind, socket_of};
use handover::Offer;
pub(crate) use handover::Successor;
pub(crate) use keep::{HandedError, HandedOver, forget_card, store_card};
use peer::Peer;

/// Why sockets cannot be had. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SocketError {
    #[error(
        "the runtime folder {path} cannot be used: {source}; give one that this user can write with --runtime-dir"
    )]
    Folder { path: String, source: io::Error },
    #[error("another porthole runs in {0}; end it, or give this one another --runtime-dir")]
    Busy(String),
    #[error(
        "socket {path} cannot be made: {source}; check who owns the folder, and that the path is at most 107 bytes long"
    )]
    Bind { path: String, source: io::Error },
    #[error("the owner '{owner}' of socket '{socket}' cannot be had: {why}")]
    Owner { socket: String, owner: String, why: String },
}

#[derive(Debug)]
struct Listening {
    info: Arc<SocketInfo>,
    path: PathBuf,
    origin: Origin,
    token: RegistrationToken,
    /// The event loop has it as well.
    listener: Arc<UnixListener>,
}

/// Who made a listener.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Origin {
    /// We did, and the file goes when we go.
    Own,
    /// We did, and the service manager keeps it for the next start.
    Kept,
    /// A socket unit: its file, owner and mode are not ours to change.
    Unit,
}

/// All listening sockets.
#[derive(Debug)]
pub(crate) struct Sockets {
    dir: PathBuf,
    listening: Vec<Listening>,
    arrivals: Vec<(UnixStream, ClientState)>,
    /// What was there before the service, until a configuration claims it.
    handed: HandedOver,
    /// What their clients have of it, together.
    pub(crate) memory: Memory,
    /// Given up for a moment when descriptors are short.
    spare: Option<OwnedFd>,
    /// Held for as long as the service runs, so that a second one is told.
    _lock: OwnedFd,
}

/// A socket as the configuration wants it.
#[derive(Debug)]
struct Wanted<'a> {
    name: &'a Name,
    kind: SocketKind,
    access: Access,
    rights: SocketRights,
    clipboard: Clipboard,
    priority: Priority,
    quota: Quota,
}

/// Looks up the owners that a configuration names, and says which is missing.
pub(crate) fn check_owners(config: &Config) -> Result<(), SocketError> {
    wanted(config).map(drop)
}

/// The numbers of an owner on this machine.
///
/// # Errors
/// Says what is missing.
pub(crate) fn account(owner: &Owner) -> Result<(Uid, Gid), String> {
    Access::resolve(Some(owner), 0).map(|access| (access.uid, access.gid))
}

fn wanted(config: &Config) -> Result<Vec<Wanted<'_>>, SocketError> {
    let access = |name: &Name, owner: Option<&Owner>, mode| {
        Access::resolve(owner, mode).map_err(|why| SocketError::Owner {
            socket: name.to_string(),
            owner: owner.map(ToString::to_string).unwrap_or_default(),
            why,
        })
    };
    let standing = |name: &Name| (config.standing(name.as_str()), config.quota(name.as_str()));
    let guests = config.guests.iter().map(|g| {
        let access = access(&g.name, g.owner.as_ref(), 0o700)?;
        let (kind, rights) = (SocketKind::Guest, SocketRights::default());
        let (Standing { priority, .. }, quota) = standing(&g.name);
        let clipboard = g.clipboard;
        Ok(Wanted { name: &g.name, kind, access, rights, clipboard, priority, quota })
    });
    let sockets = config.sockets.iter().map(|s| {
        let access = access(&s.name, s.owner.as_ref(), s.mode)?;
        let (kind, rights) = (SocketKind::Programs, s.rights.clone());
        let (Standing { priority, .. }, quota) = standing(&s.name);
        let clipboard = Clipboard::Off;
        Ok(Wanted { name: &s.name, kind, access, rights, clipboard, priority, quota })
    });
    guests.chain(sockets).collect()
}

impl Sockets {
    /// Takes the runtime folder; no socket is made yet.
    pub(crate) fn new(dir: &Path, handed: HandedOver) -> Result<Self, SocketError> {
        let error =
            |source: io::Error| SocketError::Folder { path: dir.display().to_string(), source };
        place::make_folder(dir).map_err(error)?;
        let dir = dir.canonicalize().map_err(error)?;
        let lock = rustix::fs::open(
            dir.join("porthole.lock"),
            OFlags::CREATE | OFlags::RDWR | OFlags::CLOEXEC,
            0o600.into(),
        )
        .map_err(|e| error(e.into()))?;
        match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self {
                dir,
                listening: Vec::new(),
                arrivals: Vec::new(),
                handed,
                memory: Memory::default(),
                spare: spare(),
                _lock: lock,
            }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(SocketError::Busy(dir.display().to_string())),
            Err(e) => Err(error(e.into())),
        }
    }

    /// Where a socket of this name is, whether or not it listens yet.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        let there = self.listening.iter().find(|l| l.info.name == *name);
        there.map_or_else(|| self.own_path(name), |l| l.path.clone())
    }

    fn own_path(&self, name: &str) -> PathBuf {
        self.dir.join(name).join(place::FILE)
    }

    /// The names and paths of all sockets.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Path)> {
        self.listening.iter().map(|l| (l.info.name.as_str(), l.path.as_path()))
    }

    /// Makes the sockets that a configuration wants and has not, and closes those it wants no more,
    /// with their clients. Rights are the new ones from now on, for clients that are there too.
    ///
    /// Nothing that listened before is closed when this fails.
    pub(crate) fn apply(
        &mut self,
        handle: &LoopHandle<'static, State>,
        display: &DisplayHandle,
        config: &Config,
    ) -> Result<(), SocketError> {
        let wanted = wanted(config)?;
        let mut fresh: Vec<Listening> = Vec::new();
        let mut changed = Vec::new();
        let outcome = wanted.iter().try_for_each(|want| {
            let same = |l: &&Listening| l.info.name == *want.name && l.info.kind == want.kind;
            match self.listening.iter().find(same) {
                Some(there) => {
                    changed.push((there.path.clone(), there.info.access()));
                    give(there.origin, &there.path, &there.info.access(), &want.access)
                }
                None => {
                    let account = Arc::new(SocketAccount::new(want.name, self.memory.clone()));
                    fresh.push(listen(&self.dir, &mut self.handed, handle, (want, account))?);
                    Ok(())
                }
            }
        });
        if let Err(error) = outcome {
            fresh.iter().for_each(|l| close(handle, l));
            // What was given could be given before.
            changed.iter().for_each(|(path, before)| drop(place::give(path, before)));
            return Err(error);
        }
        self.listening.retain(|l| {
            let keep = wanted.iter().find(|w| *w.name == l.info.name && w.kind == l.info.kind);
            match keep {
                Some(want) => l.info.change(want.access, (want.rights.clone(), want.clipboard)),
                None => {
                    close(handle, l);
                    end_clients(display, "its socket is no more", |client| {
                        client.socket.as_ref().is_some_and(|s| s.is_of(&l.info))
                    });
                }
            }
            keep.is_some()
        });
        self.listening.extend(fresh);
        self.memory.apply(config);
        for want in &wanted {
            if let Some(there) = self.listening.iter().find(|l| l.info.name == *want.name) {
                there.info.grant(want.priority, want.quota);
            }
        }
        self.handed.close_rest();
        Ok(())
    }

    /// What is known of each socket.
    pub(crate) fn infos(&self) -> impl Iterator<Item = &SocketInfo> {
        self.listening.iter().map(|l| &*l.info)
    }

    /// The account of the socket of a name.
    pub(crate) fn account(&self, name: &Name) -> Option<&Arc<SocketAccount>> {
        self.listening.iter().find(|l| l.info.name == *name).map(|l| &l.info.account)
    }

    /// Whether a socket is still one of the configuration's.
    fn listens(&self, info: &Arc<SocketInfo>) -> bool {
        self.listening.iter().any(|l| Arc::ptr_eq(&l.info, info))
    }

    /// Waits for the next run of the service.
    pub(crate) fn offer(&self) -> io::Result<Offer> {
        Offer::make(&self.dir)
    }

    /// Gives the next run all listeners and these graphics cards. Their files stay from then on.
    pub(crate) fn hand_over(
        &mut self,
        successor: &Successor,
        cards: &[Arc<Card>],
    ) -> io::Result<()> {
        let listeners =
            self.listening.iter().map(|l| (l.info.name.to_string(), l.listener.as_fd()));
        let cards = cards.iter().map(|card| (keep::card_name(card.path()), card.as_fd()));
        successor.give(&cards.chain(listeners).collect::<Vec<_>>())?;
        for l in self.listening.iter_mut().filter(|l| l.origin == Origin::Own) {
            l.origin = Origin::Kept;
        }
        Ok(())
    }

    /// Takes a connection in; it is served from the next turn on.
    pub(crate) fn admit(&mut self, stream: UnixStream, data: ClientState) {
        self.arrivals.push((stream, data));
    }

    /// Turns a connection away for which there is no descriptor: it would be found again at once,
    /// and the loop would never rest.
    fn drop_one(&mut self, listener: &UnixListener) {
        self.spare = None;
        let _ = listener.accept();
        self.spare = spare();
    }

    /// The connections that came since the last call.
    pub(crate) fn take_arrivals(&mut self) -> Vec<(UnixStream, ClientState)> {
        std::mem::take(&mut self.arrivals)
    }
}

fn listen(
    dir: &Path,
    handed: &mut HandedOver,
    handle: &LoopHandle<'static, State>,
    (want, account): (&Wanted<'_>, Arc<SocketAccount>),
) -> Result<Listening, SocketError> {
    let name = want.name.as_str();
    let own = dir.join(name).join(place::FILE);
    let error = |source: io::Error| SocketError::Bind { path: own.display().to_string(), source };
    if want.access.uid != rustix::process::geteuid() {
        place::let_pass(dir).map_err(error)?;
    }
    let there = handed.claim(name).filter(|handed| handed.is_there(&own));
    let (listener, path, origin) = match there {
        Some(handed) if handed.is_own(&own) => {
            place::give(&own, &want.access).map_err(error)?;
            let kept = handed.is_kept || keep::store(name, &handed.listener);
            (handed.listener, own.clone(), if kept { Origin::Kept } else { Origin::Own })
        }
        Some(handed) => (handed.listener, handed.path, Origin::Unit),
        None => {
            let listener = place::bind(&own, &want.access).map_err(error)?;
            let kept = keep::store(name, &listener);
            (listener, own.clone(), if kept { Origin::Kept } else { Origin::Own })
        }
    };
    if let Some(folder) = place::barrier(&path, &want.access) {
        let (uid, folder) = (want.access.uid, folder.display());
        tracing::warn!(
            socket = name,
            "user {uid} cannot pass through {folder}: let others pass (chmod o+x), or bind the \
             socket's folder into a place that the user can enter"
        );
    }
    listener.set_nonblocking(true).map_err(error)?;
    let info =
        SocketInfo::new(&account, want.kind, want.access, (want.rights.clone(), want.clipboard));
    let info = Arc::new(info);
    let of_clients = info.clone();
    let listener = Arc::new(listener);
    let source = Generic::new(listener.clone(), Interest::READ, Mode::Level);
    let token = handle
        .insert_source(source, move |_, listener, state| {
            accept(listener, &of_clients, state);
            Ok(PostAction::Continue)
        })
        .map_err(|e| error(e.error.into()))?;
    Ok(Listening { info, path, origin, token, listener })
}

/// Gives a socket that listens another owner and mode, where that is ours to do.
fn give(origin: Origin, path: &Path, before: &Access, after: &Access) -> Result<(), SocketError> {
    if origin == Origin::Unit || before == after {
        return Ok(());
    }
    place::give(path, after)
        .map_err(|source| SocketError::Bind { path: path.display().to_string(), source })
}

impl Drop for Sockets {
    fn drop(&mut self) {
        for l in self.listening.iter().filter(|l| l.origin == Origin::Own) {
            let _ = std::fs::remove_file(&l.path);
        }
    }
}

fn accept(listener: &UnixListener, info: &Arc<SocketInfo>, state: &mut State) {
    let socket = info.name.as_str();
    match listener.accept() {
        Ok((stream, _)) => match admit(&stream, info) {
            Ok((peer, data)) => {
                let (pid, uid) = (peer.process(), peer.uid.as_raw());
                tracing::info!(socket, pid = %pid, uid, "a client connected");
                state.sockets.admit(stream, data);
            }
            Err(why) => tracing::warn!(socket, "a client was refused: {why}"),
        },
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
        Err(error) => {
            tracing::warn!(socket, "a connection was not accepted: {error}");
            state.sockets.drop_one(listener);
        }
    }
}

/// Decides whether a connection is taken, and says why not.
fn admit(stream: &UnixStream, info: &Arc<SocketInfo>) -> Result<(Peer, ClientState), String> {
    let peer = Peer::of(stream).map_err(|error| format!("nobody knows who it is: {error}"))?;
    if !info.access().admits(&peer) {
        let (process, uid) = (peer.process(), peer.uid);
        return Err(format!("process {process} of user {uid} is not the socket's owner"));
    }
    let data = ClientState::new(info);
    let data = data.ok_or_else(|| format!("there are {} already", info.account.quota().clients))?;
    Ok((peer, data))
}

/// Disconnects those of all clients that a reload leaves nothing to do, and says why.
pub(crate) fn end_clients(
    display: &DisplayHandle,
    why: &str,
    which: impl Fn(&ClientState) -> bool,
) {
    let backend = display.backend_handle();
    let mut clients = Vec::new();
    backend.with_all_clients(|id| clients.push(id));
    for id in clients {
        let data = backend.get_client_data(id.clone()).ok();
        let data = data.and_then(|data| data.downcast_arc::<ClientState>().ok());
        if let Some(data) = data.filter(|data| which(data)) {
            tracing::info!(socket = data.socket_name(), "a client is disconnected: {why}");
            data.party.leave();
            backend.kill_client(id, DisconnectReason::ConnectionClosed);
        }
    }
}

fn close(handle: &LoopHandle<'static, State>, listening: &Listening) {
    handle.remove(listening.token);
    if listening.origin == Origin::Kept {
        keep::forget(listening.info.name.as_str());
    }
    if listening.origin != Origin::Unit {
        let _ = std::fs::remove_file(&listening.path);
    }
}

fn spare() -> Option<OwnedFd> {
    rustix::fs::open("/dev/null", OFlags::CLOEXEC, 0.into()).ok()
}
