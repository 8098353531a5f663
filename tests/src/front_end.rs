//! A vhost-user front-end that does what it is told, right or wrong, against a real device process.
//!
//! It writes messages and rings by hand: what a device makes of a peer that keeps to no rule cannot be
//! tried with a library that keeps to them.

pub mod driver;

use std::fs;
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, recv, sendmsg};

use crate::failure::{Failure, OrFail, Result};
use crate::process::{Process, built};
use crate::wait::{SHORT, wait_until};

/// Requests of the protocol by their names.
#[expect(missing_docs, reason = "they are named as in the protocol")]
pub mod request {
    pub const GET_FEATURES: u32 = 1;
    pub const SET_FEATURES: u32 = 2;
    pub const SET_MEM_TABLE: u32 = 5;
    pub const SET_VRING_NUM: u32 = 8;
    pub const SET_VRING_ADDR: u32 = 9;
    pub const SET_VRING_BASE: u32 = 10;
    pub const GET_VRING_BASE: u32 = 11;
    pub const SET_VRING_KICK: u32 = 12;
    pub const SET_VRING_CALL: u32 = 13;
    pub const SET_PROTOCOL_FEATURES: u32 = 16;
    pub const GET_QUEUE_NUM: u32 = 17;
    pub const SET_VRING_ENABLE: u32 = 18;
    pub const GET_CONFIG: u32 = 24;
    pub const SET_CONFIG: u32 = 25;
    pub const RESET_DEVICE: u32 = 34;
    pub const GET_MAX_MEM_SLOTS: u32 = 36;
    pub const ADD_MEM_REG: u32 = 37;
    pub const REM_MEM_REG: u32 = 38;
}

/// Version 1, and "acknowledge this".
pub const NEED_REPLY: u32 = 9;
/// Where the front-end says that it has guest memory mapped.
pub const USER: u64 = 0x7000_0000_0000;
/// Bytes of guest memory, from guest address 0 on.
pub const RAM: u64 = 0x40_0000;
/// VERSION_1, protocol features, indirect descriptors.
const FEATURES: u64 = 1 << 32 | 1 << 30 | 1 << 28;
const PROTOCOL: u64 = 0xffff;

/// A display device of no compositor, waiting for its front-end.
#[derive(Debug)]
pub struct DeviceProcess {
    /// The process.
    pub process: Process,
    socket: PathBuf,
}

impl DeviceProcess {
    /// Starts `porthole-gpu` with more options.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start(folder: &Path, options: &[&str]) -> Result<Self> {
        let mut command = Command::new(built("porthole-gpu")?);
        command.args(["--guest", "hostile", "--null"]);
        Self::launch(folder, command.args(options))
    }

    /// The same for one that is shown by a compositor.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start_shown(folder: &Path, wayland: &Path, options: &[&str]) -> Result<Self> {
        let mut command = Command::new(built("porthole-gpu")?);
        command.args(["--guest", "hostile", "--wayland"]).arg(wayland);
        Self::launch(folder, command.args(options))
    }

    fn launch(folder: &Path, command: &mut Command) -> Result<Self> {
        let socket = folder.join("gpu.sock");
        command.arg("--socket").arg(&socket);
        let (process, _) = Process::start_ready("porthole-gpu", folder, command)?;
        Ok(Self { process, socket })
    }

    /// Where it listens.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// The device ends by itself with status 1, and its log says why, for this guest.
    ///
    /// # Errors
    /// When it goes on, ends otherwise, or does not say why.
    pub fn must_refuse(&mut self, why: &str) -> Result<()> {
        let status = self.process.wait_end(SHORT)?;
        let log = self.process.log();
        if status.code() != Some(1) || log.contains("panicked") || !log.contains(why) {
            return Err(self.process.failure(&format!("ended with {status}, not by \"{why}\"")));
        }
        Ok(())
    }

    /// Kilobytes of memory that it has touched.
    ///
    /// # Errors
    /// When it has ended.
    pub fn resident(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        // Guest memory is shared and counts for the guest.
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        kilobytes.ok_or_else(|| Failure::new("no RssAnon"))
    }
}

/// A connection to a device.
#[derive(Debug)]
pub struct FrontEnd {
    /// The connection itself, for bytes that are no message.
    pub socket: UnixStream,
    /// Guest memory.
    pub ram: OwnedFd,
}

impl FrontEnd {
    /// Connects and says nothing. Guest memory is all zero but for a few bytes, as if a guest ran.
    ///
    /// # Errors
    /// When nobody listens.
    pub fn connect(device: &DeviceProcess) -> Result<Self> {
        let socket = UnixStream::connect(device.socket()).or_fail("connect to the device")?;
        socket.set_read_timeout(Some(SHORT))?;
        let ram = memory(RAM)?;
        rustix::io::pwrite(&ram, b"a running guest", 0).or_fail("write guest memory")?;
        Ok(Self { socket, ram })
    }

    /// Connects, agrees on features and shares all of guest memory.
    ///
    /// # Errors
    /// When the device refuses any of it.
    pub fn with_memory(device: &DeviceProcess) -> Result<Self> {
        let front = Self::connect(device)?;
        front.agree()?;
        front.accept(request::SET_MEM_TABLE, &table(&[[0, RAM, USER, 0]]), &[front.ram.as_fd()])?;
        Ok(front)
    }

    /// Agrees on features.
    ///
    /// # Errors
    /// When the device refuses them.
    pub fn agree(&self) -> Result<()> {
        self.send(request::SET_FEATURES, 1, &FEATURES.to_le_bytes(), &[])?;
        self.send(request::SET_PROTOCOL_FEATURES, 1, &PROTOCOL.to_le_bytes(), &[])?;
        self.send(request::SET_FEATURES, NEED_REPLY, &FEATURES.to_le_bytes(), &[])?;
        self.reply().map(drop)
    }

    /// Sends a message as it is.
    ///
    /// # Errors
    /// When the device has closed the connection.
    pub fn send(
        &self,
        request: u32,
        flags: u32,
        payload: &[u8],
        fds: &[BorrowedFd<'_>],
    ) -> Result<()> {
        let len = u32::try_from(payload.len()).or_fail("a payload's length")?;
        let mut bytes = [request, flags, len].map(u32::to_le_bytes).concat();
        bytes.extend(payload);
        self.send_bytes(&bytes, fds)
    }

    /// Sends bytes that need not be a message.
    ///
    /// # Errors
    /// When the device has closed the connection.
    pub fn send_bytes(&self, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(64))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
            return Err(Failure::new("too many descriptors"));
        }
        let flags = SendFlags::NOSIGNAL;
        let sent = sendmsg(&self.socket, &[IoSlice::new(bytes)], &mut control, flags);
        match sent.or_fail("send to the device")? {
            sent if sent == bytes.len() => Ok(()),
            _ => Err(Failure::new("the device takes no more")),
        }
    }

    /// The payload of the next reply.
    ///
    /// # Errors
    /// When the device closes the connection or says nothing.
    pub fn reply(&self) -> Result<Vec<u8>> {
        let mut bytes = vec![0; 4096];
        let (count, _) =
            recv(&self.socket, &mut bytes[..], RecvFlags::empty()).or_fail("read a reply")?;
        if count < 12 {
            return Err(Failure::new("the device closed the connection"));
        }
        bytes.truncate(count);
        Ok(bytes.split_off(12))
    }

    /// Sends a request that wants an acknowledgement; whether it was accepted.
    ///
    /// # Errors
    /// When the device closes the connection.
    pub fn ask(&self, request: u32, payload: &[u8], fds: &[BorrowedFd<'_>]) -> Result<bool> {
        self.send(request, NEED_REPLY, payload, fds)?;
        Ok(self.reply()?.first() == Some(&0))
    }

    /// Sends a request that must be accepted.
    ///
    /// # Errors
    /// When it is not.
    pub fn accept(&self, request: u32, payload: &[u8], fds: &[BorrowedFd<'_>]) -> Result<()> {
        match self.ask(request, payload, fds)? {
            true => Ok(()),
            false => Err(Failure::new(format!("request {request} was refused"))),
        }
    }

    /// Sends a request that must be refused, by an acknowledgement that says so.
    ///
    /// # Errors
    /// When it is accepted or ends the connection.
    pub fn refuse(&self, request: u32, payload: &[u8], fds: &[BorrowedFd<'_>]) -> Result<()> {
        match self.ask(request, payload, fds)? {
            true => Err(Failure::new(format!("request {request} was accepted"))),
            false => Ok(()),
        }
    }

    /// The device still answers messages.
    ///
    /// # Errors
    /// When it does not.
    pub fn must_answer(&self) -> Result<()> {
        self.send(request::GET_QUEUE_NUM, 1, &[], &[])?;
        match self.reply()?.first() {
            Some(2) => Ok(()),
            other => Err(Failure::new(format!("{other:?} queues"))),
        }
    }

    /// Waits until the device has closed the connection.
    ///
    /// # Errors
    /// When it does not.
    pub fn wait_closed(&self) -> Result<()> {
        wait_until("the end of the connection", SHORT, || {
            let mut byte = [0; 64];
            match recv(&self.socket, &mut byte[..], RecvFlags::DONTWAIT) {
                Ok((0, _)) | Err(rustix::io::Errno::CONNRESET) => Ok(Some(())),
                _ => Ok(None),
            }
        })
    }
}

/// The payload of a memory table: guest address, size, user address and file offset of each region.
#[must_use]
pub fn table(regions: &[[u64; 4]]) -> Vec<u8> {
    let count = u32::try_from(regions.len()).unwrap_or(u32::MAX);
    let mut payload = [count, 0].map(u32::to_le_bytes).concat();
    payload.extend(regions.iter().flatten().flat_map(|word| word.to_le_bytes()));
    payload
}

/// The payload of one region.
#[must_use]
pub fn region(region: [u64; 4]) -> Vec<u8> {
    let mut payload = vec![0; 8];
    payload.extend(region.iter().flat_map(|word| word.to_le_bytes()));
    payload
}

/// A ring's index and one number.
#[must_use]
pub fn state(queue: u32, value: u32) -> Vec<u8> {
    [queue, value].map(u32::to_le_bytes).concat()
}

/// Shared memory of zeros.
///
/// # Errors
/// When there is none.
pub fn memory(len: u64) -> Result<OwnedFd> {
    let file = memfd_create("guest", MemfdFlags::CLOEXEC).or_fail("make guest memory")?;
    ftruncate(&file, len).or_fail("make guest memory")?;
    Ok(file)
}

/// An event that was not signalled.
///
/// # Errors
/// When there is none.
pub fn event() -> Result<OwnedFd> {
    eventfd(0, EventfdFlags::NONBLOCK).or_fail("make an event")
}
