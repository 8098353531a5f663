//! Plain memory that `/dev/udmabuf` makes a dma-buf of.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command};

use rustix::fs::{FallocateFlags, fallocate};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

use crate::failure::{Failure, OrFail, Result};
use crate::program::PoolMemory;
use crate::wait::GUEST;

/// `UDMABUF_CREATE` of linux/udmabuf.h, on the memory that is standard input; tells the descriptor. Then
/// `DMA_BUF_IOCTL_SYNC` of linux/dma-buf.h for each byte that comes, with its flags.
const UDMABUF: &str = "open(my $u, '+<', '/dev/udmabuf') or die $!; my $a = pack('LLQQ', 0, 1, 0, LEN); \
                       my $d = ioctl($u, 0x40187542, $a) or die $!; $d += 0; \
                       open(my $b, '+<&=', $d) or die $!; open(my $o, '+<&=', 1) or die $!; \
                       syswrite($o, \"$d\\n\"); while (sysread($o, my $f, 1)) { \
                       my $s = pack('Q', ord($f)); ioctl($b, 0x40086200, $s) or die $!; \
                       syswrite($o, \"\\n\") }";
/// `DMA_BUF_SYNC_WRITE` and `_END`.
const WRITE: u8 = 2;
const END: u8 = 4;

/// The memory, and the process that made a dma-buf of it.
#[derive(Debug)]
pub(super) struct Plain {
    memory: PoolMemory,
    perl: Child,
    line: UnixStream,
}

impl Plain {
    /// So many bytes, a multiple of a page's, and the dma-buf.
    ///
    /// # Errors
    /// When the kernel refuses, as it must where memory is not sealed against shrinking.
    pub(super) fn new(len: u64, sealed: bool) -> Result<(Self, OwnedFd)> {
        let memory = PoolMemory::new(len, sealed)?;
        let own = memory.fd().try_clone_to_owned().or_fail("copy a descriptor")?;
        let (line, theirs) = UnixStream::pair().or_fail("make sockets")?;
        line.set_read_timeout(Some(GUEST))?;
        let mut perl = Command::new("perl");
        perl.args(["-e", &UDMABUF.replace("LEN", &len.to_string())]).stdin(own);
        let child = perl.stdout(OwnedFd::from(theirs)).spawn().or_fail("start perl")?;
        // It has the other end alone: what it does not say ends the line.
        drop(perl);
        let mut plain = Self { memory, perl: child, line };
        let number = plain.hear()?.parse().or_fail("make a dma-buf of plain memory")?;
        let pidfd =
            pidfd_open(Pid::from_child(&plain.perl), PidfdFlags::empty()).or_fail("reach perl")?;
        let fd =
            pidfd_getfd(pidfd, number, PidfdGetfdFlags::empty()).or_fail("take the dma-buf")?;
        Ok((plain, fd))
    }

    fn hear(&mut self) -> Result<String> {
        let mut line = Vec::new();
        loop {
            let mut byte = [0];
            let count = self.line.read(&mut byte).or_fail("hear perl")?;
            if count == 0 || byte == *b"\n" {
                return String::from_utf8(line).or_fail("hear perl");
            }
            line.extend(byte);
        }
    }

    fn sync(&mut self, flags: u8) -> Result<()> {
        self.line.write_all(&[flags]).or_fail("talk to perl")?;
        self.hear().map(drop)
    }

    /// Writes from the start, in a turn of the CPU.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.sync(WRITE)?;
        self.memory.write(bytes)?;
        self.sync(WRITE | END)
    }

    /// Takes away all pages that the memory has: the dma-buf must have kept its own. To cut it short must
    /// fail.
    pub(super) fn take_away(&self) -> Result<()> {
        if self.memory.truncate(0).is_ok() {
            return Err(Failure::new("the seal holds nothing"));
        }
        let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        fallocate(self.memory.fd(), hole, 0, self.memory.len()).or_fail("make a hole")
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.perl.kill();
        let _ = self.perl.wait();
    }
}
