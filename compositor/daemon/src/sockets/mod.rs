//! A socket for each guest and each group of programs. The socket is the identity of its clients.

mod client;
mod sandbox;

use std::{
    io,
    os::{
        fd::OwnedFd,
        unix::{
            fs::{DirBuilderExt, PermissionsExt},
            net::{UnixListener, UnixStream},
        },
    },
    path::{Path, PathBuf},
    sync::{Arc, PoisonError},
};

use porthole_core::{Name, config::Config, rights::SocketRights};
use rustix::fs::{FlockOperation, OFlags};
use smithay::reexports::{
    calloop::{Interest, LoopHandle, Mode, PostAction, RegistrationToken, generic::Generic},
    wayland_server::{DisplayHandle, backend::DisconnectReason},
};

use crate::{limits, state::State};
pub(crate) use client::{ClientState, SocketInfo, SocketKind, socket_of};

/// The file in each socket's folder, as `WAYLAND_DISPLAY` commonly names it.
const FILE: &str = "wayland-0";

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
}

#[derive(Debug)]
struct Listening {
    info: Arc<SocketInfo>,
    path: PathBuf,
    mode: u32,
    token: RegistrationToken,
}

/// All listening sockets.
#[derive(Debug)]
pub(crate) struct Sockets {
    dir: PathBuf,
    listening: Vec<Listening>,
    arrivals: Vec<(UnixStream, ClientState)>,
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
    mode: u32,
    rights: SocketRights,
}

fn wanted(config: &Config) -> Vec<Wanted<'_>> {
    let guests = config.guests.iter().map(|g| Wanted {
        name: &g.name,
        kind: SocketKind::Guest,
        mode: 0o700,
        rights: SocketRights::default(),
    });
    let sockets = config.sockets.iter().map(|s| Wanted {
        name: &s.name,
        kind: SocketKind::Programs,
        mode: s.mode,
        rights: s.rights.clone(),
    });
    guests.chain(sockets).collect()
}

impl Sockets {
    /// Takes the runtime folder; no socket is made yet.
    pub(crate) fn new(dir: &Path) -> Result<Self, SocketError> {
        let error =
            |source: io::Error| SocketError::Folder { path: dir.display().to_string(), source };
        make_folder(dir).map_err(error)?;
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
                spare: spare(),
                _lock: lock,
            }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(SocketError::Busy(dir.display().to_string())),
            Err(e) => Err(error(e.into())),
        }
    }

    /// Where a socket of this name is, whether or not it listens yet.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name).join(FILE)
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
        let wanted = wanted(config);
        let mut fresh = Vec::new();
        for want in &wanted {
            let same = |l: &&Listening| l.info.name == *want.name && l.info.kind == want.kind;
            if self.listening.iter().find(same).is_none() {
                match self.listen(handle, want) {
                    Ok(listening) => fresh.push(listening),
                    Err(error) => {
                        fresh.iter().for_each(|l| close(handle, l));
                        return Err(error);
                    }
                }
            }
        }
        self.listening.retain(|l| {
            let keep = wanted.iter().find(|w| *w.name == l.info.name && w.kind == l.info.kind);
            match keep {
                Some(want) => {
                    let mut rights = l.info.rights.lock().unwrap_or_else(PoisonError::into_inner);
                    rights.clone_from(&want.rights);
                    if want.mode != l.mode {
                        set_mode(&l.path, want.mode);
                    }
                }
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
        Ok(())
    }

    /// Whether a socket is still one of the configuration's.
    fn listens(&self, info: &Arc<SocketInfo>) -> bool {
        self.listening.iter().any(|l| Arc::ptr_eq(&l.info, info))
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

    fn listen(
        &self,
        handle: &LoopHandle<'static, State>,
        want: &Wanted<'_>,
    ) -> Result<Listening, SocketError> {
        let path = self.path(want.name.as_str());
        let error =
            |source: io::Error| SocketError::Bind { path: path.display().to_string(), source };
        make_folder(&self.dir.join(want.name.as_str())).map_err(error)?;
        // The lock says that no other service uses the folder, so a file here is left over.
        match std::fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(error(e)),
            _ => {}
        }
        let listener = UnixListener::bind(&path).map_err(error)?;
        listener.set_nonblocking(true).map_err(error)?;
        set_mode(&path, want.mode);
        let info = Arc::new(SocketInfo::new(want.name, want.kind, want.rights.clone()));
        let of_clients = info.clone();
        let source = Generic::new(listener, Interest::READ, Mode::Level);
        let token = handle
            .insert_source(source, move |_, listener, state| {
                accept(listener, &of_clients, state);
                Ok(PostAction::Continue)
            })
            .map_err(|e| error(e.error.into()))?;
        Ok(Listening { info, path, mode: want.mode, token })
    }
}

impl Drop for Sockets {
    fn drop(&mut self) {
        for l in &self.listening {
            let _ = std::fs::remove_file(&l.path);
        }
    }
}

fn accept(listener: &UnixListener, info: &Arc<SocketInfo>, state: &mut State) {
    let socket = info.name.as_str();
    match listener.accept() {
        Ok((stream, _)) => match ClientState::new(info) {
            Some(data) => {
                tracing::info!(socket, "a client connected");
                state.sockets.admit(stream, data);
            }
            None => {
                let most = limits::CLIENTS;
                tracing::warn!(socket, "a client was refused: there are {most} already");
            }
        },
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
        Err(error) => {
            tracing::warn!(socket, "a connection was not accepted: {error}");
            state.sockets.drop_one(listener);
        }
    }
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
    let _ = std::fs::remove_file(&listening.path);
}

fn spare() -> Option<OwnedFd> {
    rustix::fs::open("/dev/null", OFlags::CLOEXEC, 0.into()).ok()
}

/// A folder for its owner alone; one that is there is made so.
fn make_folder(path: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn set_mode(path: &Path, mode: u32) {
    if let Err(error) = std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)) {
        tracing::warn!("{}: permissions not set: {error}", path.display());
    }
}
