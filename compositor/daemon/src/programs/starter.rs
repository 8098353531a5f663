//! The process that starts programs.
//!
//! A program inherits what its parent gave up, so a service that starts programs itself can give up nothing.
//! Therefore a process that was forked while the service was new does it. The service names programs and
//! cannot say what they are: the starter reads that in the configuration, which the service cannot write.
//!
//! A message to it is `+` or `-`, a name, and for `+` a zero and the path of a socket; or `r`, when the service
//! has taken the configuration anew: what is written meanwhile, and may be wrong, does not count yet. One from
//! it is a kind ([`Told`]), a process, a number, and a name.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::{ffi::OsStrExt, process::CommandExt, process::ExitStatusExt},
    },
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

use porthole_core::config::{Config, Program};
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
    net::{RecvFlags, SendFlags, recv, send},
    process::{Pid, PidfdFlags, Resource, Rlimit, Signal, kill_process_group, pidfd_open},
};

use crate::{choice::Source, early};

const START: u8 = b'+';
const STOP: u8 = b'-';
const READ: u8 = b'r';
const FAILED: u8 = b'!';
const ENDED: u8 = b'x';
/// Names and paths are shorter.
const LONGEST: usize = 4096 + 256;
const HEAD: usize = 9;

/// What the starter says of a program.
#[derive(Debug)]
pub(super) enum Told {
    /// It runs as this process.
    Started(i32),
    /// It cannot be started.
    Failed(io::Error),
    /// This process of it has ended.
    Ended(i32, ExitStatus),
}

/// Asks for a program's start, on this socket.
pub(super) fn ask_start(starter: &OwnedFd, name: &str, socket: &Path) -> io::Result<()> {
    let path = socket.as_os_str().as_bytes();
    let message = [&[START], name.as_bytes(), &[0], path].concat();
    send(starter, &message, SendFlags::NOSIGNAL).map(drop).map_err(Into::into)
}

/// Asks for the end of a program, which may come later or never.
pub(super) fn ask_stop(starter: &OwnedFd, name: &str) -> io::Result<()> {
    let message = [&[STOP], name.as_bytes()].concat();
    send(starter, &message, SendFlags::NOSIGNAL).map(drop).map_err(Into::into)
}

/// Says that the configuration was taken anew; programs that are started from then on are what it says.
pub(super) fn ask_read(starter: &OwnedFd) -> io::Result<()> {
    send(starter, &[READ], SendFlags::NOSIGNAL).map(drop).map_err(Into::into)
}

/// What the starter has to say, without a wait; nothing where there is nothing.
pub(super) fn hear(starter: &OwnedFd) -> io::Result<Option<(String, Told)>> {
    let mut bytes = [0; LONGEST];
    let length = match recv(starter, &mut bytes[..], RecvFlags::DONTWAIT) {
        Ok((_, 0)) => return Err(io::ErrorKind::BrokenPipe.into()),
        Ok((_, length)) => length,
        Err(Errno::AGAIN | Errno::INTR) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let message = bytes.get(..length).unwrap_or_default();
    let Some(([kind, a, b, c, d, e, f, g, h], name)) = message.split_first_chunk::<HEAD>() else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let process = i32::from_le_bytes([*a, *b, *c, *d]);
    let number = i32::from_le_bytes([*e, *f, *g, *h]);
    let told = match *kind {
        START => Told::Started(process),
        ENDED => Told::Ended(process, ExitStatus::from_raw(number)),
        _ => Told::Failed(io::Error::from_raw_os_error(number)),
    };
    Ok(Some((String::from_utf8_lossy(name).into_owned(), told)))
}

/// A program that runs.
struct Running {
    name: String,
    child: Child,
    /// Readable once it has ended.
    end: OwnedFd,
}

/// What the process does until the service is gone.
pub(crate) fn work(service: &OwnedFd, source: &Source, config: &Config) {
    // What is started gets no more rights by being started, leaves no pictures of guests in core files,
    // and is not meant when somebody interrupts the service at a terminal.
    let _ = rustix::thread::set_no_new_privs(true);
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let _ = rustix::process::setrlimit(Resource::Core, none);
    let _ = rustix::process::setpgid(None, None);
    early::be_root_again();
    serve(service, source, config);
}

/// Does what the service asks for until it is gone, and then stops what it started.
fn serve(service: &OwnedFd, source: &Source, config: &Config) {
    let mut known = by_name(config);
    let mut running: Vec<Running> = Vec::new();
    loop {
        let ends = running.iter().map(|running| running.end.as_fd());
        let fds = std::iter::once(service.as_fd()).chain(ends);
        let mut fds: Vec<_> = fds.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
        match poll(&mut fds, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => break,
        }
        let heard = fds.first().is_some_and(|fd| !fd.revents().is_empty());
        drop(fds);
        running.retain_mut(|running| !has_ended(running, service));
        if !heard {
            continue;
        }
        let mut bytes = [0; LONGEST];
        let length = match recv(service, &mut bytes[..], RecvFlags::empty()) {
            Ok((_, length)) if length > 0 => length,
            Err(Errno::INTR) => continue,
            _ => break,
        };
        match bytes.get(..length).and_then(<[u8]>::split_first) {
            Some((&READ, _)) => {
                if let Ok((config, _)) = source.load() {
                    known = by_name(&config);
                }
            }
            Some((&START, rest)) => start(rest, &known, service, &mut running),
            Some((&STOP, name)) => {
                let meant = running.iter().filter(|running| running.name.as_bytes() == name);
                meant.for_each(|running| terminate(&running.child));
            }
            _ => {}
        }
    }
    running.iter().for_each(|running| terminate(&running.child));
}

fn by_name(config: &Config) -> BTreeMap<String, Program> {
    config.programs.iter().map(|program| (program.name.to_string(), program.clone())).collect()
}

fn tell(service: &OwnedFd, kind: u8, (process, number): (i32, i32), name: &str) {
    let numbers = [process.to_le_bytes(), number.to_le_bytes()].concat();
    let message = [&[kind], &numbers[..], name.as_bytes()].concat();
    // A service that is gone is seen at the next turn.
    let _ = send(service, &message, SendFlags::NOSIGNAL);
}

fn start(
    rest: &[u8],
    known: &BTreeMap<String, Program>,
    service: &OwnedFd,
    running: &mut Vec<Running>,
) {
    let mut parts = rest.splitn(2, |byte| *byte == 0);
    let name = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let socket = OsStr::from_bytes(parts.next().unwrap_or_default());
    let Some(program) = known.get(&name) else {
        return tell(service, FAILED, (0, libc::ENOENT), &name);
    };
    let started = spawn(program, Path::new(socket)).and_then(|mut child| {
        let opened = pid_of(&child)
            .ok_or(Errno::SRCH)
            .and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).map(|end| (pid, end)));
        match opened {
            Ok((pid, end)) => Ok((child, pid, end)),
            Err(error) => {
                // Nobody would hear of its end.
                let _ = child.kill();
                let _ = child.wait();
                Err(error.into())
            }
        }
    });
    match started {
        Ok((child, pid, end)) => {
            tell(service, START, (pid.as_raw_nonzero().get(), 0), &name);
            running.push(Running { name, child, end });
        }
        Err(error) => {
            let number = error.raw_os_error().unwrap_or(libc::EIO);
            tell(service, FAILED, (0, number), &name);
        }
    }
}

fn has_ended(running: &mut Running, service: &OwnedFd) -> bool {
    let status = match running.child.try_wait() {
        Ok(None) => return false,
        Ok(Some(status)) => status.into_raw(),
        Err(_) => 0,
    };
    let process = pid_of(&running.child).map_or(0, |pid| pid.as_raw_nonzero().get());
    tell(service, ENDED, (process, status), &running.name);
    true
}

fn terminate(child: &Child) {
    if let Some(pid) = pid_of(child) {
        let _ = kill_process_group(pid, Signal::TERM);
    }
}

fn pid_of(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}

/// Starts a program in a process group of its own; of descriptors it has the standard ones.
fn spawn(program: &Program, socket: &Path) -> io::Result<Child> {
    let (first, arguments) =
        program.command.split_first().ok_or_else(|| io::Error::from_raw_os_error(libc::EINVAL))?;
    Command::new(first)
        .args(arguments)
        .env("PATH", search_path())
        .env("WAYLAND_DISPLAY", socket)
        .envs(&program.env)
        .stdin(Stdio::null())
        .process_group(0)
        .spawn()
}

/// The folder of this program first, so that one build's programs find each other, then `PATH`.
fn search_path() -> OsString {
    let own = std::env::current_exe().ok().and_then(|p| p.parent().map(PathBuf::from));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = own.into_iter().chain(std::env::split_paths(&path));
    std::env::join_paths(folders).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    use super::*;

    fn text(command: &str) -> String {
        format!(
            "version = 1\n[[port]]\nname = \"main\"\nsize = [64, 48]\n[[socket]]\nname = \"apps\"\n\
             [[program]]\nname = \"p\"\nsocket = \"apps\"\ncommand = [\"{command}\"]\n"
        )
    }

    /// Starts the program, and says what it ended with.
    fn outcome(starter: &OwnedFd) -> Option<i32> {
        ask_start(starter, "p", Path::new("/")).unwrap();
        loop {
            poll(&mut [PollFd::new(starter, PollFlags::IN)], None).unwrap();
            match hear(starter).unwrap() {
                Some((_, Told::Ended(_, status))) => return status.code(),
                Some((name, Told::Started(_))) => assert_eq!(name, "p"),
                Some((_, Told::Failed(error))) => panic!("{error}"),
                None => {}
            }
        }
    }

    #[test]
    fn what_is_written_counts_once_the_service_has_taken_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("porthole.toml");
        let config = Config::parse(&text("true"), "the file").unwrap();
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
                .unwrap();
        let source = Source::File(file.clone());
        let starter = std::thread::spawn(move || serve(&theirs, &source, &config));
        std::fs::write(&file, text("false")).unwrap();
        assert_eq!(outcome(&ours), Some(0), "nobody has taken that");
        ask_read(&ours).unwrap();
        assert_eq!(outcome(&ours), Some(1));
        std::fs::write(&file, "version =").unwrap();
        ask_read(&ours).unwrap();
        assert_eq!(outcome(&ours), Some(1), "that cannot be taken");
        drop(ours);
        starter.join().unwrap();
    }
}
