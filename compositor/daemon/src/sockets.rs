//! A socket for each guest and each group of programs. The socket is the identity of its clients.

use std::{
    collections::BTreeSet,
    io,
    os::unix::{
        fs::{DirBuilderExt, PermissionsExt},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use porthole_core::{Name, config::Config, rights::SocketRights};
use rustix::fs::{FlockOperation, OFlags};
use smithay::{
    reexports::{
        calloop::{Interest, LoopHandle, Mode, PostAction, RegistrationToken, generic::Generic},
        wayland_server::{Client, DisplayHandle, backend::DisconnectReason},
    },
    wayland::compositor::CompositorClientState,
};

use crate::{relay::Party, state::State};

/// The file in each socket's folder, as `WAYLAND_DISPLAY` commonly names it.
const FILE: &str = "wayland-0";

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
    rights: Mutex<SocketRights>,
}

impl SocketInfo {
    /// Asks what its clients may do now; a reload may change it.
    pub(crate) fn with_rights<T>(&self, ask: impl FnOnce(&SocketRights) -> T) -> T {
        ask(&self.rights.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Data of every client.
#[derive(Debug, Default)]
pub(crate) struct ClientState {
    pub(crate) compositor: CompositorClientState,
    pub(crate) socket: Option<Arc<SocketInfo>>,
    pub(crate) party: Arc<Party>,
    /// The ports whose clipboard it was let into by right.
    pub(crate) clipboards: Clipboards,
}

impl ClientState {
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
    /// Held for as long as the service runs, so that a second one is told.
    _lock: rustix::fd::OwnedFd,
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
            Ok(()) => Ok(Self { dir, listening: Vec::new(), arrivals: Vec::new(), _lock: lock }),
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
                        client.socket.as_ref().is_some_and(|s| Arc::ptr_eq(s, &l.info))
                    });
                }
            }
            keep.is_some()
        });
        self.listening.extend(fresh);
        Ok(())
    }

    /// Takes a connection in; it is served from the next turn on.
    pub(crate) fn admit(&mut self, stream: UnixStream, data: ClientState) {
        self.arrivals.push((stream, data));
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
        let info = Arc::new(SocketInfo {
            name: want.name.clone(),
            kind: want.kind,
            rights: Mutex::new(want.rights.clone()),
        });
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
        Ok((stream, _)) => {
            let data = ClientState { socket: Some(info.clone()), ..ClientState::default() };
            state.sockets.admit(stream, data);
            tracing::info!(socket, "a client connected");
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
        Err(error) => tracing::warn!(socket, "a connection was not accepted: {error}"),
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

/// A folder for its owner alone; one that is there is made so.
fn make_folder(path: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn set_mode(path: &Path, mode: u32) {
    if let Err(error) = std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)) {
        tracing::warn!("{}: permissions not set: {error}", path.display());
    }
}
