//! Who is at the other end of a connection, as the kernel knew it when it was made.
//!
//! A library's call for this takes the number of a process not to be 0. It is 0 for a process of another
//! namespace of processes, such as a container's.

use std::{
    ffi::c_int,
    io, mem,
    num::NonZeroI32,
    os::{fd::AsRawFd, unix::net::UnixStream},
    ptr,
};

use rustix::fs::{Gid, Uid};

/// Groups of a process that are asked for at first; most have a few.
const GROUPS: usize = 32;
/// The most that the kernel gives a process.
const MOST_GROUPS: usize = 65536;

/// A process at the other end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Peer {
    /// Its number, where it has one that we can know.
    pub(super) pid: Option<NonZeroI32>,
    pub(super) uid: Uid,
    pub(super) gid: Gid,
    /// Its further groups.
    pub(super) groups: Vec<Gid>,
}

impl Peer {
    /// Asks the kernel.
    ///
    /// # Errors
    /// When it does not say.
    pub(super) fn of(stream: &UnixStream) -> io::Result<Self> {
        let mut who = [libc::ucred { pid: 0, uid: 0, gid: 0 }];
        if ask(stream, libc::SO_PEERCRED, &mut who)? != 1 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let [who] = who;
        let groups = groups(stream)?.into_iter().map(Gid::from_raw).collect();
        let (uid, gid) = (Uid::from_raw(who.uid), Gid::from_raw(who.gid));
        Ok(Self { pid: NonZeroI32::new(who.pid), uid, gid, groups })
    }

    /// Its number for messages.
    pub(super) fn process(&self) -> String {
        self.pid.map_or_else(|| "of another PID namespace".to_owned(), |pid| pid.to_string())
    }
}

fn groups(stream: &UnixStream) -> io::Result<Vec<u32>> {
    let mut groups = vec![0; GROUPS];
    let count = match ask(stream, libc::SO_PEERGROUPS, &mut groups) {
        Err(error) if error.raw_os_error() == Some(libc::ERANGE) => {
            groups = vec![0; MOST_GROUPS];
            ask(stream, libc::SO_PEERGROUPS, &mut groups)?
        }
        asked => asked?,
    };
    groups.truncate(count);
    Ok(groups)
}

/// What numbers of C an option may be made of: any bytes are some.
trait Numbers: Copy {}
impl Numbers for u32 {}
impl Numbers for libc::ucred {}

/// Asks for an option of the socket that is a list; how many items were written.
fn ask<T: Numbers>(stream: &UnixStream, option: c_int, items: &mut [T]) -> io::Result<usize> {
    let mut length =
        libc::socklen_t::try_from(mem::size_of_val(items)).map_err(io::Error::other)?;
    // SAFETY: the kernel writes at most so many bytes as `length` says, which are those of the list, and then
    // how many these were; any bytes are good items.
    let asked = unsafe {
        libc::getsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            option,
            items.as_mut_ptr().cast(),
            ptr::from_mut(&mut length),
        )
    };
    if asked < 0 {
        return Err(io::Error::last_os_error());
    }
    let written = usize::try_from(length).map_err(io::Error::other)?;
    Ok(written / mem::size_of::<T>())
}

#[cfg(test)]
mod tests {
    use rustix::process::{getegid, geteuid, getgroups, getpid};

    use super::*;

    #[test]
    fn the_kernel_says_who_is_at_the_other_end() {
        let (one, _other) = UnixStream::pair().unwrap();
        let peer = Peer::of(&one).unwrap();
        assert_eq!(peer.pid, Some(getpid().as_raw_nonzero()));
        assert_eq!((peer.uid, peer.gid), (geteuid(), getegid()));
        assert_eq!(peer.groups, getgroups().unwrap());
        assert_eq!(peer.process(), getpid().as_raw_nonzero().to_string());
        let far = Peer { pid: None, ..peer };
        assert_eq!(far.process(), "of another PID namespace");
    }
}
