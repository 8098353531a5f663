//! Memory of devices (dma-bufs): who made it, when its device has done with it, and whose turn it is.
//!
//! A dma-buf keeps its size for life, but its exporter decides whether each page of a mapping is there:
//! some drivers take pages of buffers away that their owner called dispensable, or that are on a card
//! which was unplugged, and an access raises SIGBUS. So only memory of exporters that pin their pages is
//! read by address; of all others the kernel makes a copy, whose failure is an error.

use std::{
    fs, io,
    os::fd::{AsFd, AsRawFd},
    sync::Arc,
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{
    mapping::{Access, sync},
    pool::Pool,
};

/// Exporters whose pages are there for as long as the buffer: udmabuf pins those of a memfd that is
/// sealed against shrinking, and the kernel's heap of plain memory takes all of its own at once.
const STEADY: [&str; 2] = ["udmabuf", "system"];
/// Exporters whose memory has no other order of pixels than row behind row, whatever a modifier leaves
/// open: plain memory, and the kernel's own cards without hardware.
const LINEAR_ONLY: [&str; 4] = ["udmabuf", "system", "vgem", "vkms"];

/// `DMA_BUF_SYNC_READ`, `_WRITE` and `_END` of linux/dma-buf.h.
const READ: u64 = 1;
const WRITE: u64 = 2;
const END: u64 = 4;

/// Who made a dma-buf.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Exporter(Option<String>);

impl Exporter {
    /// Asks the kernel. An exporter that it does not tell is one that is not known.
    pub(super) fn of(fd: impl AsFd) -> Self {
        let path = format!("/proc/self/fdinfo/{}", fd.as_fd().as_raw_fd());
        Self(fs::read_to_string(path).ok().as_deref().and_then(exporter))
    }

    fn is_among(&self, names: &[&str]) -> bool {
        self.0.as_deref().is_some_and(|name| names.contains(&name))
    }

    /// Whether its memory may be read by address.
    pub(super) fn is_steady(&self) -> bool {
        self.is_among(&STEADY)
    }

    /// Whether pixels whose order nobody names lie row behind row.
    pub(crate) fn is_linear(&self) -> bool {
        self.is_among(&LINEAR_ONLY)
    }
}

/// The exporter's name in what the kernel tells of a descriptor. A name that the owner gave the buffer
/// comes after it, and may hold any line.
fn exporter(told: &str) -> Option<String> {
    let name = told.lines().find_map(|line| line.strip_prefix("exp_name:"))?;
    Some(name.trim().to_owned())
}

/// Whether the CPU would have to wait for no device: to read, every one must have done what it was to
/// write, and to write, what it was to read as well. Never waits.
pub(super) fn is_ready(fd: impl AsFd, access: Access) -> bool {
    let done = match access {
        Access::Read => PollFlags::IN,
        Access::Write => PollFlags::OUT,
    };
    let fd = fd.as_fd();
    let mut fds = [PollFd::new(&fd, done)];
    // What cannot be asked is not waited for.
    poll(&mut fds, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
}

/// A turn of the CPU at a buffer: what its devices wrote is seen, and what the CPU writes will be.
#[derive(Debug)]
pub(crate) struct Turn {
    pool: Arc<Pool>,
    flags: u64,
}

impl Turn {
    /// Begins a turn. None where a device has not had its own, for which nobody waits here: the picture
    /// may be torn, and that is its client's mistake. The kernel waits for what a client hands to a
    /// device in just this moment, so that only a thread may call this that holds up nobody else.
    pub(super) fn begin(pool: &Arc<Pool>, access: Access) -> Option<Self> {
        let flags = match access {
            Access::Read => READ,
            Access::Write => READ | WRITE,
        };
        let begun = || -> io::Result<()> { sync(pool, flags) };
        (is_ready(pool, access) && begun().is_ok()).then(|| Self { pool: pool.clone(), flags })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Err(error) = sync(&self.pool, self.flags | END) {
            tracing::debug!("a turn at a dma-buf does not end: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_names_the_exporter_and_the_owner_cannot() {
        let told = "pos:\t0\nflags:\t02\nsize:\t4096\ncount:\t2\nexp_name:\tvgem\nname:\tx\n\
                    exp_name:\tudmabuf\n";
        let vgem = Exporter(exporter(told));
        assert_eq!(vgem, Exporter(Some("vgem".to_owned())));
        assert!(vgem.is_linear() && !vgem.is_steady());
        assert!(Exporter(exporter("exp_name:\tudmabuf")).is_steady());
        let unknown = Exporter(exporter("pos:\t0\nflags:\t02\n"));
        assert!(!unknown.is_steady() && !unknown.is_linear());
    }

    #[test]
    fn a_file_that_is_no_dma_buf_has_no_exporter() {
        let file = tempfile::tempfile().unwrap();
        assert_eq!(Exporter::of(&file), Exporter(None));
        assert!(is_ready(&file, Access::Read) && is_ready(&file, Access::Write));
    }
    #[test]
    fn who_writes_waits_for_more_than_who_reads() {
        // A pipe stands for the buffer: the kernel says of both what could be done without a wait.
        let (reader, writer) = std::io::pipe().unwrap();
        assert!(!is_ready(&reader, Access::Read), "there is nothing to read");
        assert!(is_ready(&writer, Access::Write), "there is room");
        rustix::io::ioctl_fionbio(&writer, true).unwrap();
        while rustix::io::write(&writer, &[0; 4096]).is_ok() {}
        assert!(!is_ready(&writer, Access::Write), "there is no room");
        assert!(is_ready(&reader, Access::Read));
    }
}
