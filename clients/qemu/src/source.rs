//! The way to a VM's display: a socket that is connected before this process gives up to connect.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use porthole_client::arrival;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

use crate::cli::{Cli, Peer};
use crate::failure::Failure;

const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LAST_PAUSE: Duration = Duration::from_secs(2);
/// Who has made a socket listens at it within such a time.
const SOON: Duration = Duration::from_secs(2);

/// What is spoken at the other end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// A monitor, which is given the other end of a connection to the display.
    Monitor,
    /// The display itself.
    Peer,
    /// A bus that the display is on.
    Bus,
}

/// A connected socket.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) kind: Kind,
    pub(crate) socket: OwnedFd,
    /// Where it leads, for messages.
    pub(crate) place: String,
}

/// Connects to what the command line names, waiting for it where that is wanted.
pub(crate) fn open(cli: &Cli) -> Result<Source, Failure> {
    let (kind, path) = match cli {
        Cli { qmp: Some(path), .. } => (Kind::Monitor, path.clone()),
        Cli { bus: Some(bus), .. } => (Kind::Bus, bus.0.clone()),
        Cli { peer: Some(Peer::Path(path)), .. } => (Kind::Peer, path.clone()),
        Cli { peer: Some(Peer::Fd(fd)), .. } => {
            let socket = porthole_program::inherit(*fd).map_err(Failure::PeerFd)?;
            rustix::io::ioctl_fionbio(&socket, true)
                .map_err(|error| Failure::System("the inherited socket", error.into()))?;
            return Ok(Source { kind: Kind::Peer, socket, place: format!("fd:{fd}") });
        }
        Cli { domain, .. } => return open_domain(domain.as_deref().unwrap_or_default(), cli),
    };
    let place = path.display().to_string();
    let socket = wait_for(std::slice::from_ref(&path), cli.wait, || match connect_to(&path) {
        Err(error) if is_absence(&error) => {
            Err(Absent(Failure::Absent { path: path.clone(), source: error }))
        }
        other => Ok(other.map_err(|source| Failure::Connect { path: path.clone(), source })),
    })?;
    Ok(Source { kind, socket, place })
}

/// Nobody is there yet.
struct Absent(Failure);

/// Tries until somebody is there, or once.
fn wait_for<T>(
    paths: &[PathBuf],
    wait: bool,
    attempt: impl Fn() -> Result<Result<T, Failure>, Absent>,
) -> Result<T, Failure> {
    let mut told = false;
    // How long the next wait lasts at most: who has made a socket listens at it soon.
    let mut soon = None;
    loop {
        // Who comes between the attempt and the wait is seen all the same.
        let watches: Vec<OwnedFd> =
            paths.iter().filter_map(|path| arrival::watch(path).ok()).collect();
        match attempt() {
            Ok(end) => return end,
            Err(Absent(failure)) if !wait => return Err(failure),
            Err(Absent(failure)) => {
                if !std::mem::replace(&mut told, true) {
                    tracing::info!("waiting for the VM: {failure}");
                }
            }
        }
        let mut fds: Vec<PollFd<'_>> =
            watches.iter().map(|watch| PollFd::new(watch, PollFlags::IN)).collect();
        // Where nothing can be watched only looking again helps.
        let longest = fds.is_empty().then_some(LAST_PAUSE);
        let pause = soon.or(longest).and_then(|pause: Duration| Timespec::try_from(pause).ok());
        let stirred = poll(&mut fds, pause.as_ref()).is_ok_and(|count| count > 0);
        soon = if stirred { Some(FIRST_PAUSE) } else { soon.map(|s| s * 2).filter(|s| *s <= SOON) };
    }
}

fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused)
}

fn connect_to(path: &Path) -> io::Result<OwnedFd> {
    let address = SocketAddrUnix::new(path)?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    connect(&socket, &address)?;
    Ok(socket)
}

/// Connects to the bus that libvirt started for a domain.
fn open_domain(name: &str, cli: &Cli) -> Result<Source, Failure> {
    let folders = match &cli.libvirt {
        Some(folder) => vec![folder.clone()],
        None => libvirt_folders(std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from)),
    };
    let inside: Vec<PathBuf> = folders.iter().map(|folder| folder.join(name)).collect();
    let (socket, place) = wait_for(&inside, cli.wait, || {
        let absent =
            || Absent(Failure::NoDomain { name: name.to_owned(), places: places(&folders) });
        let path = folders.iter().find_map(|folder| bus_of(folder, name)).ok_or_else(absent)?;
        match connect_to(&path) {
            // A domain that was killed leaves its socket behind.
            Err(error) if is_absence(&error) => Err(absent()),
            Ok(socket) => Ok(Ok((socket, path.display().to_string()))),
            Err(source) => Ok(Err(Failure::Connect { path, source })),
        }
    })?;
    Ok(Source { kind: Kind::Bus, socket, place })
}

/// Where libvirt's daemons keep the private buses of domains: the system's, then this user's.
fn libvirt_folders(runtime: Option<PathBuf>) -> Vec<PathBuf> {
    let system = PathBuf::from("/run/libvirt/qemu/dbus");
    let user = runtime.map(|folder| folder.join("libvirt/qemu/run/dbus"));
    std::iter::once(system).chain(user).collect()
}

/// Folders, and which of them are closed to this user.
fn places(folders: &[PathBuf]) -> String {
    let place = |folder: &PathBuf| {
        let shut = fs::read_dir(folder).is_err_and(|e| e.kind() == ErrorKind::PermissionDenied);
        let remark = if shut { " (which only the user of its QEMUs may look into)" } else { "" };
        format!("{}{remark}", folder.display())
    };
    folders.iter().map(place).collect::<Vec<_>>().join(" or ")
}

/// The socket of a domain's bus: `ID-NAME-dbus.sock`, where libvirt cuts long names. Of several the one
/// with the highest number, because numbers grow.
fn bus_of(folder: &Path, name: &str) -> Option<PathBuf> {
    /// What libvirt leaves of a name in the names of files.
    const SHORT: usize = 20;
    let short: String = name.chars().take(SHORT).collect();
    let entries = fs::read_dir(folder).ok()?.filter_map(Result::ok);
    let of_domain = entries.filter_map(|entry| {
        let file = entry.file_name().into_string().ok()?;
        let (id, rest) = file.strip_suffix("-dbus.sock")?.split_once('-')?;
        Some((id.parse::<u64>().ok().filter(|_| rest == short)?, entry.path()))
    });
    of_domain.max_by_key(|(id, _)| *id).map(|(_, path)| path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use clap::Parser;

    use super::*;

    fn cli(line: &str) -> Cli {
        let words = std::iter::once("porthole-qemu").chain(line.split_whitespace());
        Cli::try_parse_from(words).unwrap()
    }

    #[test]
    fn a_domain_is_found_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["3-win-dbus.sock", "12-win-dbus.sock", "4-win10-dbus.sock", "x-win-dbus.sock"]
        {
            fs::write(at(name), "").unwrap();
        }
        fs::write(at("5-a-name-of-some-lengt-dbus.sock"), "").unwrap();
        assert_eq!(bus_of(folder.path(), "win"), Some(at("12-win-dbus.sock")));
        assert_eq!(bus_of(folder.path(), "win10"), Some(at("4-win10-dbus.sock")));
        assert_eq!(
            bus_of(folder.path(), "a-name-of-some-length"),
            Some(at("5-a-name-of-some-lengt-dbus.sock"))
        );
        assert_eq!(bus_of(folder.path(), "wi"), None);
        assert_eq!(bus_of(Path::new("/nonexistent"), "win"), None);
    }

    #[test]
    fn a_domain_that_is_not_there_is_told_with_its_places() {
        let folder = tempfile::tempdir().unwrap();
        let line = format!("--domain win --libvirt {}", folder.path().display());
        let error = open(&cli(&line)).unwrap_err().to_string();
        assert!(error.contains("\"win\"") && error.contains("<graphics type='dbus'/>"), "{error}");
        // One that was killed left a socket at which nobody listens.
        drop(UnixListener::bind(folder.path().join("1-win-dbus.sock")).unwrap());
        assert!(matches!(open(&cli(&line)), Err(Failure::NoDomain { .. })));
        let _listener = UnixListener::bind(folder.path().join("2-win-dbus.sock")).unwrap();
        assert_eq!(open(&cli(&line)).unwrap().kind, Kind::Bus);
    }

    #[test]
    fn a_vm_that_starts_later_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("later/qmp");
        let line = format!("--wait --qmp {}", path.display());
        let cli = cli(&line);
        let waiting = std::thread::spawn(move || open(&cli).unwrap().kind);
        fs::create_dir(folder.path().join("later")).unwrap();
        let _listener = UnixListener::bind(&path).unwrap();
        assert_eq!(waiting.join().unwrap(), Kind::Monitor);
    }
}
