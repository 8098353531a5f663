//! A device's state on its way to another process, over a pipe of the front-end.
//!
//! Source: QEMU, `docs/interop/vhost-user.rst`, "Migrating back-end state". The front-end stops all rings,
//! gives a pipe, reads or writes it to its end, and then asks how it went.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use porthole_virtio_device::{Device, Watch};
use rustix::fs::{FileType, fstat};
use rustix::io::{Errno, ioctl_fionbio, read, write};

/// Epoll key of the pipe.
pub(crate) const KEY_STATE: u64 = 5;

/// Bytes at a time, and how often in a turn.
const PIECE: usize = 1 << 16;
const PIECES: usize = 16;

/// Set in the answer to `SET_DEVICE_STATE_FD` when no descriptor comes back: the front-end's is used.
pub(crate) const NO_FD: u64 = 1 << 8;

/// What is on its way.
#[derive(Debug, Default)]
pub(crate) enum Transfer {
    /// Nothing, and nothing was.
    #[default]
    Idle,
    /// The state goes out.
    Save { to: Watch, bytes: Vec<u8>, sent: usize },
    /// A state comes in.
    Load { from: Watch, bytes: Vec<u8>, limit: u64 },
    /// A state has come in as a whole.
    Loaded(Vec<u8>),
    /// The state went out as a whole.
    Saved,
    /// It did not come to an end.
    Failed(&'static str),
}

impl Transfer {
    /// Begins a transfer in the direction that the front-end wants.
    pub(crate) fn begin(
        epoll: &Arc<OwnedFd>,
        fd: OwnedFd,
        load: bool,
        device: &dyn Device,
    ) -> Result<Self, &'static str> {
        // Anything else might be ready for ever, or never come back from a read.
        let kind = fstat(&fd).map(|stat| FileType::from_raw_mode(stat.st_mode));
        if !matches!(kind, Ok(FileType::Fifo | FileType::Socket)) {
            return Err("the state goes over a pipe or a socket");
        }
        if ioctl_fionbio(&fd, true).is_err() {
            return Err("the pipe cannot be used");
        }
        if load {
            let limit = device.state_limit();
            let from =
                Watch::new(epoll, fd, KEY_STATE).map_err(|_| "the pipe cannot be watched")?;
            return Ok(Self::Load { from, bytes: Vec::new(), limit });
        }
        let bytes = device.save().ok_or("the device has no state that can be saved")?;
        let to =
            Watch::for_writing(epoll, fd, KEY_STATE).map_err(|_| "the pipe cannot be watched")?;
        Ok(Self::Save { to, bytes, sent: 0 })
    }

    /// Reads or writes what can be without waiting, a bounded piece of it.
    pub(crate) fn turn(&mut self) {
        for _ in 0..PIECES {
            if !self.step() {
                return;
            }
        }
    }

    /// How it went, asked when the front-end has seen its end of the pipe closed or closed it. A state
    /// that came in goes into the device.
    pub(crate) fn check(&mut self, device: &mut dyn Device) -> Result<(), String> {
        // What is left in the pipe is bounded by the device's limit.
        while matches!(self, Self::Load { .. }) && self.step() {}
        match std::mem::take(self) {
            Self::Saved => Ok(()),
            Self::Loaded(bytes) => device.restore(&bytes),
            Self::Failed(reason) => Err(reason.to_owned()),
            Self::Idle => Err("no state was transferred".to_owned()),
            Self::Save { .. } | Self::Load { .. } => {
                Err("the transfer is not at its end".to_owned())
            }
        }
    }

    /// Reads or writes one piece; false when there is nothing to do for now.
    fn step(&mut self) -> bool {
        match self {
            Self::Save { to, bytes, sent } => {
                let rest = bytes.get(*sent..).unwrap_or_default();
                let piece = rest.get(..PIECE).unwrap_or(rest);
                if piece.is_empty() {
                    // The front-end sees the end when this side closes.
                    *self = Self::Saved;
                    return false;
                }
                match write(&*to, piece) {
                    Ok(count) => *sent += count,
                    Err(Errno::INTR) => {}
                    Err(Errno::AGAIN) => return false,
                    Err(_) => *self = Self::Failed("the front-end closed the pipe"),
                }
            }
            Self::Load { from, bytes, limit } => {
                let mut piece = [0; PIECE];
                match read(&*from, &mut piece) {
                    Ok(0) => *self = Self::Loaded(std::mem::take(bytes)),
                    Ok(count) if (bytes.len() + count) as u64 > *limit => {
                        *self = Self::Failed("the state is longer than any of this device");
                    }
                    Ok(count) => bytes.extend_from_slice(piece.get(..count).unwrap_or_default()),
                    Err(Errno::INTR) => {}
                    Err(Errno::AGAIN) => return false,
                    Err(_) => *self = Self::Failed("the pipe cannot be read"),
                }
            }
            _ => return false,
        }
        true
    }
}
