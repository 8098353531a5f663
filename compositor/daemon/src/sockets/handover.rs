//! Giving sockets and graphics cards to the next run of the service, where no service manager keeps them.
//!
//! A run listens at a socket of its own. The next one connects there (`--take-over`), is sent what the other
//! one has, and goes on when that has ended. So the screens keep their pictures, nobody who connects
//! meanwhile is refused, and it does not matter whether both see the same root file system.

use std::{
    io,
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::{
    cmsg_space,
    fs::{CWD, Mode, chmodat},
    io::Errno,
    net::{
        AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
        SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags,
        SocketType, accept_with, bind, connect, listen, recvmsg, send, sendmsg, socket_with,
        sockopt::{Timeout, set_socket_timeout},
    },
};

/// The socket's file in the runtime folder.
const FILE: &str = ".next";
/// Descriptors in one message; the kernel takes 253.
const AT_ONCE: usize = 64;
/// The last message, which has no descriptors. Names have no such sign.
const ALL: &[u8] = b".";
/// Bytes of one message: so many names, each with its end.
const LONGEST: usize = AT_ONCE * 64;
/// How long a run may take to end. It may have programs to wait for.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for the next run of the service.
#[derive(Debug)]
pub(crate) struct Offer {
    listener: OwnedFd,
    path: PathBuf,
}

/// The next run of the service. It begins when this is dropped.
#[derive(Debug)]
pub(crate) struct Successor(OwnedFd);

impl AsFd for Offer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

impl Drop for Offer {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

fn socket(flags: SocketFlags) -> Result<OwnedFd, Errno> {
    socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags | SocketFlags::CLOEXEC, None)
}

impl Offer {
    /// Listens in the runtime folder, for the service's own user.
    ///
    /// # Errors
    /// When there can be no socket.
    pub(super) fn make(dir: &Path) -> io::Result<Self> {
        let path = dir.join(FILE);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = socket(SocketFlags::NONBLOCK)?;
        bind(&listener, &SocketAddrUnix::new(&path)?)?;
        // Nobody can connect before it listens.
        chmodat(CWD, &path, Mode::RUSR | Mode::WUSR, rustix::fs::AtFlags::empty())?;
        listen(&listener, 1)?;
        Ok(Self { listener, path })
    }

    /// The next run, if it has come.
    pub(crate) fn accept(&self) -> Option<Successor> {
        accept_with(&self.listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)
            .ok()
            .map(Successor)
    }
}

impl Successor {
    /// Sends what it is to have, by name. It goes on only once this run has ended.
    ///
    /// # Errors
    /// When it does not take it; then this run goes on.
    pub(crate) fn give(&self, what: &[(String, BorrowedFd<'_>)]) -> io::Result<()> {
        self.give_some(what)?;
        // Who hears of our end before this knows that we go on.
        send(&self.0, ALL, SendFlags::NOSIGNAL)?;
        Ok(())
    }

    fn give_some(&self, what: &[(String, BorrowedFd<'_>)]) -> io::Result<()> {
        for part in what.chunks(AT_ONCE) {
            let names: Vec<&str> = part.iter().map(|(name, _)| name.as_str()).collect();
            let names = names.join("\n");
            let descriptors: Vec<BorrowedFd<'_>> = part.iter().map(|(_, fd)| *fd).collect();
            let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(AT_ONCE))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            control.push(SendAncillaryMessage::ScmRights(&descriptors));
            let bytes = [io::IoSlice::new(names.as_bytes())];
            sendmsg(&self.0, &bytes, &mut control, SendFlags::NOSIGNAL)?;
        }
        Ok(())
    }
}

/// Takes what the service that runs in this folder has, and waits for its end; nothing when none runs.
///
/// # Errors
/// When it does not end in time, goes on by itself, or sends what makes no sense.
pub(super) fn take_over(dir: &Path) -> io::Result<Vec<(String, OwnedFd)>> {
    let server = socket(SocketFlags::empty())?;
    match connect(&server, &SocketAddrUnix::new(dir.join(FILE))?) {
        Ok(()) => {}
        Err(Errno::NOENT | Errno::CONNREFUSED) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    }
    set_socket_timeout(&server, Timeout::Recv, Some(PATIENCE))?;
    let (mut taken, mut is_all) = (Vec::new(), false);
    let ended = |taken: Vec<(String, OwnedFd)>, is_all: bool| {
        is_all.then_some(taken).ok_or_else(|| io::Error::other("it did not hand over all it has"))
    };
    loop {
        let mut bytes = vec![0; LONGEST];
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(AT_ONCE))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut into = [io::IoSliceMut::new(&mut bytes)];
        let message = match recvmsg(&server, &mut into, &mut control, RecvFlags::CMSG_CLOEXEC) {
            Ok(message) => message,
            Err(Errno::INTR) => continue,
            // It ended before it saw us.
            Err(Errno::CONNRESET) if taken.is_empty() => return Ok(taken),
            Err(Errno::CONNRESET) => return ended(taken, is_all),
            Err(error) => return Err(error.into()),
        };
        if message.bytes == 0 {
            return ended(taken, is_all);
        }
        if message.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC) {
            return Err(io::Error::other("a part of what it sends is lost"));
        }
        let descriptors: Vec<OwnedFd> = control
            .drain()
            .filter_map(|message| match message {
                RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
                _ => None,
            })
            .flatten()
            .collect();
        let bytes = bytes.get(..message.bytes).unwrap_or_default();
        if bytes == ALL && descriptors.is_empty() {
            is_all = true;
            continue;
        }
        let text = std::str::from_utf8(bytes).ok();
        let names: Vec<&str> = text.unwrap_or_default().split('\n').collect();
        if names.len() != descriptors.len() {
            return Err(io::Error::other(
                "it sends names and descriptors that do not fit together",
            ));
        }
        taken.extend(names.into_iter().map(str::to_owned).zip(descriptors));
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        os::unix::fs::PermissionsExt,
    };

    use super::*;

    /// The next run's attempt, and how this run sees it.
    fn attempt(folder: &Path) -> (std::thread::JoinHandle<io::Result<usize>>, Offer, Successor) {
        let offer = Offer::make(folder).unwrap();
        let path = folder.to_owned();
        let next = std::thread::spawn(move || take_over(&path).map(|taken| taken.len()));
        loop {
            if let Some(successor) = offer.accept() {
                return (next, offer, successor);
            }
            std::thread::yield_now();
        }
    }

    #[test]
    fn the_next_run_does_not_begin_beside_one_that_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let (next, _offer, successor) = attempt(folder.path());
        drop(successor);
        next.join().unwrap().expect_err("nothing was handed over");
        let (next, _offer, successor) = attempt(folder.path());
        let (_reader, writer) = io::pipe().unwrap();
        // More in one message than there is room for.
        successor.give_some(&[("a".repeat(LONGEST + 1), writer.as_fd())]).unwrap();
        let error = next.join().unwrap().expect_err("a part is lost");
        assert!(error.to_string().contains("is lost"), "{error}");
        let (next, _offer, successor) = attempt(folder.path());
        successor.give(&[]).unwrap();
        drop(successor);
        assert_eq!(next.join().unwrap().unwrap(), 0, "there was nothing, and it has ended");
        let (next, _offer, successor) = attempt(folder.path());
        successor.give_some(&[("a".to_owned(), writer.as_fd())]).unwrap();
        drop(successor);
        next.join().unwrap().expect_err("there was more");
    }

    #[test]
    fn the_next_run_gets_all_of_it_and_waits_for_the_end() {
        let folder = tempfile::tempdir().unwrap();
        assert!(take_over(folder.path()).unwrap().is_empty(), "nobody is there");
        let offer = Offer::make(folder.path()).unwrap();
        let mode = std::fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let path = folder.path().to_owned();
        let next = std::thread::spawn(move || take_over(&path).unwrap());
        let (mut reader, mut writer) = io::pipe().unwrap();
        let successor = loop {
            if let Some(successor) = offer.accept() {
                break successor;
            }
            std::thread::yield_now();
        };
        let many: Vec<_> = (0..150).map(|n| (format!("socket-{n}"), writer.as_fd())).collect();
        successor.give(&many).unwrap();
        assert!(!next.is_finished(), "this run has not ended");
        drop(successor);
        let taken = next.join().unwrap();
        let names: Vec<String> = taken.iter().map(|(name, _)| name.clone()).collect();
        assert_eq!(names, many.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>());
        let (_, last) = taken.into_iter().next_back().unwrap();
        std::fs::File::from(last).write_all(b"here").unwrap();
        writer.write_all(b".").unwrap();
        drop(writer);
        let mut read = [0; 5];
        reader.read_exact(&mut read).unwrap();
        assert_eq!(&read, b"here.");
        drop(offer);
        assert!(!folder.path().join(FILE).exists());
    }
}
