//! Who opens devices.

use std::{cell::RefCell, io, os::fd::OwnedFd, path::Path};

use rustix::fs::{Mode, OFlags};

use super::{MachineError, libinput};

/// Opens devices, and is told when others have the screens and keyboards.
#[derive(Debug, Default)]
pub(crate) struct Session {
    /// Why the last device could not be opened: libinput says only that it was not.
    failure: RefCell<Option<MachineError>>,
}

impl Session {
    /// Opens an input device, for nobody else to hear meanwhile.
    pub(super) fn open(&self, path: &Path) -> Result<OwnedFd, io::Error> {
        let opened = Self::open_direct(path);
        opened.inspect_err(|error| {
            let remedy = match error.raw_os_error() {
                Some(libc::EACCES | libc::EPERM) => {
                    "add the service's user to the group of the device file, mostly input"
                }
                Some(libc::EBUSY) => "end the program that keeps it, mostly another display server",
                _ => "plug it in again",
            };
            let source = io::Error::from(error.kind());
            let source = error.raw_os_error().map_or(source, io::Error::from_raw_os_error);
            let path = path.display().to_string();
            *self.failure.borrow_mut() = Some(MachineError::Open { path, source, remedy });
        })
    }

    fn open_direct(path: &Path) -> io::Result<OwnedFd> {
        let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
        let fd = rustix::fs::open(path, flags, Mode::empty())?;
        // Or else the kernel's console hears every key too.
        libinput::grab(&fd)?;
        Ok(fd)
    }

    /// Lets go of an input device.
    pub(super) fn close(&self, fd: OwnedFd) {
        drop(fd);
    }

    /// Why the last device was not opened.
    pub(super) fn take_failure(&self, path: &Path) -> MachineError {
        let failure = self.failure.borrow_mut().take();
        failure.unwrap_or_else(|| MachineError::Unknown(path.display().to_string()))
    }
}
