//! Hearing of input devices that come: their files, and what udev says of them.

use std::{
    cell::Cell,
    ffi::OsStr,
    io,
    mem::MaybeUninit,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Path, PathBuf},
};

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};

use super::udev;

/// Where the folder of device files appears with the first one.
const PARENT: &str = "/dev";
const HAPPENS: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::ONLYDIR);

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Heard {
    /// A device file was made, of which udev will speak.
    Came(PathBuf),
    /// udev has written this file about a device.
    Described(String),
    /// More than the kernel has kept.
    Much,
}

/// Readable when a device may have come.
#[derive(Debug)]
pub(crate) struct Watch {
    kernel: OwnedFd,
    /// The kernel's numbers for the folders, where these are there.
    devices: Cell<Option<i32>>,
    database: Cell<Option<i32>>,
}

impl Watch {
    /// Listens to the kernel.
    ///
    /// # Errors
    /// When it has too many listeners.
    pub(crate) fn new() -> io::Result<Self> {
        let kernel = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let watch = Self { kernel, devices: Cell::default(), database: Cell::default() };
        watch.look();
        Ok(watch)
    }

    /// Watches the folders that there are.
    fn look(&self) {
        let add = |folder: &str| inotify::add_watch(&self.kernel, folder, HAPPENS).ok();
        self.devices.set(add(udev::DEVICES));
        self.database.set(add(udev::DATABASE));
        if self.devices.get().is_none() {
            add(PARENT);
        }
    }

    /// Takes what was heard, in its order.
    pub(crate) fn take(&self) -> Vec<Heard> {
        let mut heard = Vec::new();
        let mut messages = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(&self.kernel, &mut messages);
        while let Ok(event) = reader.next() {
            if event.events().contains(ReadFlags::QUEUE_OVERFLOW) {
                heard.push(Heard::Much);
                continue;
            }
            let Some(name) = event.file_name() else { continue };
            let of = |folder: &Cell<Option<i32>>| folder.get() == Some(event.wd());
            if of(&self.devices) && event.events().contains(ReadFlags::CREATE) {
                // Nobody would be heard to speak of it otherwise.
                if self.database.get().is_some() {
                    let name = OsStr::from_bytes(name.to_bytes());
                    heard.push(Heard::Came(Path::new(udev::DEVICES).join(name)));
                }
            } else if of(&self.database) && event.events().contains(ReadFlags::MOVED_TO) {
                heard.push(Heard::Described(name.to_string_lossy().into_owned()));
            }
        }
        self.look();
        heard
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.kernel.as_fd()
    }
}
