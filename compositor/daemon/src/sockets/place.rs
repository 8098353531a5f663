//! The folder of a socket, and the file in it.
//!
//! Folder and file are reached by descriptor, without following links, and the folder stays the
//! service's own: whoever may connect can only pass through and look.

use std::{
    io,
    os::{
        fd::OwnedFd,
        unix::{fs::DirBuilderExt, net::UnixListener},
    },
    path::{Path, PathBuf},
};

use rustix::{
    fs::{AtFlags, CWD, Mode, OFlags},
    process::{getegid, geteuid},
};

use super::access::Access;

/// The file in each socket's folder, as `WAYLAND_DISPLAY` commonly names it.
pub(super) const FILE: &str = "wayland-0";
/// What it is called until it is ready. Not longer, because paths of sockets must be short.
pub(super) const UNFINISHED: &str = ".new";

/// A folder for its owner alone.
pub(super) fn make_folder(path: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Opens a folder that is ours.
fn open_folder(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = rustix::fs::openat(CWD, path, flags, Mode::empty())?;
    let owner = rustix::fs::fstat(&folder)?.st_uid;
    if owner == geteuid().as_raw() {
        return Ok(folder);
    }
    Err(io::Error::other(format!("its folder belongs to user {owner}, who could replace it")))
}

/// Makes the socket at a path, ready in one step: what was there before is replaced when owner and
/// mode are right.
pub(super) fn bind(path: &Path, access: &Access) -> io::Result<UnixListener> {
    let folder_path = path.parent().unwrap_or(path);
    make_folder(folder_path)?;
    let folder = open_folder(folder_path)?;
    match rustix::fs::unlinkat(&folder, UNFINISHED, AtFlags::empty()) {
        Ok(()) | Err(rustix::io::Errno::NOENT) => {}
        Err(error) => return Err(error.into()),
    }
    let listener = UnixListener::bind(folder_path.join(UNFINISHED))?;
    let finished = give_in(&folder, UNFINISHED, access)
        .and_then(|()| Ok(rustix::fs::renameat(&folder, UNFINISHED, &folder, FILE)?));
    if let Err(error) = finished {
        let _ = rustix::fs::unlinkat(&folder, UNFINISHED, AtFlags::empty());
        return Err(error);
    }
    Ok(listener)
}

/// Gives a socket that is there another owner and mode.
pub(super) fn give(path: &Path, access: &Access) -> io::Result<()> {
    let folder = open_folder(path.parent().unwrap_or(path))?;
    give_in(&folder, FILE, access)
}

fn give_in(folder: &OwnedFd, file: &str, access: &Access) -> io::Result<()> {
    let denied = |error: rustix::io::Errno| match error {
        rustix::io::Errno::PERM => io::Error::other(format!(
            "this user may not give it to user {} and group {}: run the service as root, or leave \
             'owner' out",
            access.uid, access.gid
        )),
        other => other.into(),
    };
    let nofollow = AtFlags::SYMLINK_NOFOLLOW;
    let own = |uid, gid| rustix::fs::chownat(folder, file, Some(uid), Some(gid), nofollow);
    // Who may give files away may not change the mode of those that are somebody else's already.
    let me = geteuid();
    if rustix::fs::statat(folder, file, nofollow)?.st_uid != me.as_raw() {
        own(me, getegid()).map_err(denied)?;
    }
    // Only the service can write here, so that the file is no link.
    rustix::fs::chmodat(folder, file, Mode::from_raw_mode(access.mode), AtFlags::empty())?;
    own(access.uid, access.gid).map_err(denied)?;
    rustix::fs::fchown(folder, None, Some(access.gid)).map_err(denied)?;
    rustix::fs::fchmod(folder, Mode::from_raw_mode(access.folder_mode()))?;
    Ok(())
}

/// The folder on the way to a socket through which its owner cannot pass, if there is one.
pub(super) fn barrier(path: &Path, access: &Access) -> Option<PathBuf> {
    if access.uid == geteuid() || access.uid.is_root() {
        return None;
    }
    let passes = |folder: &&Path| {
        let Ok(stat) = rustix::fs::stat(*folder) else { return false };
        let bit = if stat.st_uid == access.uid.as_raw() {
            0o100
        } else if stat.st_gid == access.gid.as_raw() {
            0o010
        } else {
            0o001
        };
        stat.st_mode & bit != 0
    };
    path.ancestors().skip(1).find(|folder| !passes(folder)).map(Path::to_owned)
}

/// Lets everybody pass through the folder of all sockets' folders; nobody can list it.
pub(super) fn let_pass(runtime: &Path) -> io::Result<()> {
    let folder = open_folder(runtime)?;
    let mode = rustix::fs::fstat(&folder)?.st_mode & 0o777;
    if mode & 0o011 != 0o011 {
        rustix::fs::fchmod(&folder, Mode::from_raw_mode(mode | 0o011))?;
    }
    Ok(())
}
