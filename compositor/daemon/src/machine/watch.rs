//! Hearing of input devices that come: their files, and what udev says of them.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::fs::inotify::{self, CreateFlags, WatchFlags};

use super::udev;

/// Where things appear: device files, what udev knows, and the first device's folder.
const FOLDERS: [&str; 3] = [udev::DEVICES, udev::DATABASE, "/dev"];
const HAPPENS: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::ONLYDIR);

/// Readable when a device may have come.
#[derive(Debug)]
pub(crate) struct Watch(OwnedFd);

impl Watch {
    /// Listens to the kernel.
    ///
    /// # Errors
    /// When it has too many listeners.
    pub(crate) fn new() -> io::Result<Self> {
        let watch = Self(inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?);
        watch.look();
        Ok(watch)
    }

    /// Watches the folders that there are.
    fn look(&self) {
        let [devices, database, parent] = FOLDERS;
        let there = inotify::add_watch(&self.0, devices, HAPPENS).is_ok();
        let _ = inotify::add_watch(&self.0, database, HAPPENS);
        if !there {
            let _ = inotify::add_watch(&self.0, parent, HAPPENS);
        }
    }

    /// Takes what was heard.
    pub(crate) fn take(&self) {
        let mut messages = [0; 4096];
        while rustix::io::read(&self.0, &mut messages).is_ok_and(|length| length > 0) {}
        self.look();
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
