//! The other side, for tests of devices: a front-end on a socket pair and a driver in a memfd.
//!
//! Only with the feature `testing`. What cannot be done panics: that is a test's failure.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "test support: a panic here is the test's own failure"
)]

use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::io::{pread, pwrite, read, write};
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, recv, sendmsg};

use crate::{Device, Endpoint, Fault, Rings, Server, Shape, Turn};

/// Descriptor flag: another follows.
pub const NEXT: u16 = 1;
/// Descriptor flag: the device writes here.
pub const WRITE: u16 = 2;
/// Descriptor flag: a table of descriptors lies here.
pub const INDIRECT: u16 = 4;

/// Where the rings lie: a page each for descriptors, available and used, ring after ring.
pub const RINGS: u64 = 0x1000;
const PAGE: u64 = 0x1000;
const SIZE: u16 = 64;
const RAM: u64 = 0x10_0000;
const USER: u64 = 0x7000_0000_0000;
const NEED_REPLY: u32 = 9;
/// Everything but EVENT_IDX, so that each kick and each interrupt shows.
const FEATURES: u64 = 1 << 32 | 1 << 30 | 1 << 28;

/// Front-end and driver in one, around a [`Server`].
#[derive(Debug)]
pub struct Driver {
    /// The transport under test.
    pub server: Server,
    socket: Option<UnixStream>,
    ram: OwnedFd,
    kicks: Vec<OwnedFd>,
    calls: Vec<OwnedFd>,
    available: Vec<u16>,
}

/// A device that does nothing, for the set-up before a real one is asked.
#[derive(Debug)]
struct Nobody;

impl Device for Nobody {
    fn config(&self, _offset: u32, _len: u32) -> Vec<u8> {
        Vec::new()
    }
    fn write_config(&mut self, _offset: u32, _bytes: &[u8]) {}
    fn process(&mut self, _queue: usize, _rings: &mut Rings) {}
    fn stopping(&mut self, _queue: usize, _rings: &mut Rings) {}
    fn reset(&mut self) {}
}

impl Driver {
    /// A front-end that has connected and said nothing yet. Guest RAM is 1 MiB of zeros.
    pub fn connected(shape: Shape) -> Self {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let ram = memfd_create("ram", MemfdFlags::CLOEXEC).unwrap();
        ftruncate(&ram, RAM).unwrap();
        let event = |_: &usize| eventfd(0, EventfdFlags::NONBLOCK).unwrap();
        Self {
            server: Server::new(Endpoint::connected(theirs.into()), shape).unwrap(),
            socket: Some(ours),
            ram,
            kicks: shape.queues.iter().map(event).collect(),
            calls: shape.queues.iter().map(event).collect(),
            available: vec![0; shape.queues.len()],
        }
    }

    /// All set up as QEMU does it.
    pub fn started(shape: Shape) -> Self {
        let mut driver = Self::connected(shape);
        let mut nobody = Nobody;
        driver.write(0, b"a running guest");
        let features = driver.request(1, &[], &mut nobody);
        assert_eq!(features.len(), 20);
        driver.request(16, &0xffffu64.to_le_bytes(), &mut nobody);
        driver.request(2, &FEATURES.to_le_bytes(), &mut nobody);
        driver.set_memory(&mut nobody).unwrap();
        for queue in 0..shape.queues.len() {
            driver.start_ring(u32::try_from(queue).unwrap(), 0, &mut nobody);
        }
        driver
    }

    /// Shares guest RAM.
    pub fn set_memory(&mut self, device: &mut dyn Device) -> Result<Vec<u8>, Fault> {
        let mut payload = [1u32, 0].map(u32::to_le_bytes).concat();
        payload.extend([0, RAM, USER, 0].map(u64::to_le_bytes).concat());
        let ram = self.ram.try_clone().unwrap();
        self.request_raw(5, &payload, &[ram.as_fd()], device)
    }

    /// Says all about a ring but its kick.
    pub fn set_up_ring(&mut self, queue: u32, base: u32, device: &mut dyn Device) {
        let state = |value: u32| [queue, value].map(u32::to_le_bytes).concat();
        self.request(8, &state(u32::from(SIZE)), device);
        self.request(10, &state(base), device);
        let part = |part: u64| USER + RINGS + (u64::from(queue) * 3 + part) * PAGE;
        let mut payload = [queue, 0].map(u32::to_le_bytes).concat();
        let addresses = [part(0), part(2), part(1), 0];
        payload.extend(addresses.map(u64::to_le_bytes).concat());
        self.request(9, &payload, device);
        let call = self.calls[queue as usize].try_clone().unwrap();
        let index = u64::from(queue).to_le_bytes();
        self.request_raw(13, &index, &[call.as_fd()], device).unwrap();
        self.available[queue as usize] = u16::try_from(base).unwrap();
    }

    /// Hands over a ring's kick, which starts it.
    pub fn start_ring_raw(
        &mut self,
        queue: u32,
        device: &mut dyn Device,
    ) -> Result<Vec<u8>, Fault> {
        let kick = self.kicks[queue as usize].try_clone().unwrap();
        let index = u64::from(queue).to_le_bytes();
        self.request_raw(12, &index, &[kick.as_fd()], device)
    }

    /// Sets up, starts and enables a ring.
    pub fn start_ring(&mut self, queue: u32, base: u32, device: &mut dyn Device) {
        self.set_up_ring(queue, base, device);
        let reply = self.start_ring_raw(queue, device).unwrap();
        assert_eq!(reply[12..], [0; 8]);
        let enable = [queue, 1].map(u32::to_le_bytes).concat();
        self.request(18, &enable, device);
    }

    /// Stops a ring.
    pub fn get_vring_base(&mut self, queue: u32, device: &mut dyn Device) -> u32 {
        let payload = [queue, 0].map(u32::to_le_bytes).concat();
        let reply = self.request(11, &payload, device);
        u32::from_le_bytes(reply[16..20].try_into().unwrap())
    }

    /// Gives the device a socket for its own requests; the other end is returned.
    pub fn give_request_socket(&mut self, device: &mut dyn Device) -> UnixStream {
        let (ours, theirs) = UnixStream::pair().unwrap();
        self.request_raw(21, &[], &[theirs.as_fd()], device).unwrap();
        ours
    }

    /// Sends a request without descriptors; returns the reply.
    pub fn request(&mut self, request: u32, payload: &[u8], device: &mut dyn Device) -> Vec<u8> {
        self.request_raw(request, payload, &[], device).unwrap()
    }

    /// Sends a request, lets the server work, and reads the reply if one came.
    pub fn request_raw(
        &mut self,
        request: u32,
        payload: &[u8],
        fds: &[BorrowedFd<'_>],
        device: &mut dyn Device,
    ) -> Result<Vec<u8>, Fault> {
        let len = u32::try_from(payload.len()).unwrap();
        let mut bytes = [request, NEED_REPLY, len].map(u32::to_le_bytes).concat();
        bytes.extend(payload);
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(8))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !fds.is_empty() {
            assert!(control.push(SendAncillaryMessage::ScmRights(fds)));
        }
        let socket = self.socket.as_ref().unwrap();
        let flags = SendFlags::empty();
        let sent = sendmsg(socket, &[IoSlice::new(&bytes)], &mut control, flags);
        assert_eq!(sent, Ok(bytes.len()));
        self.server.turn(device)?;
        let mut reply = vec![0; 512];
        let (count, _) = recv(socket, &mut reply[..], RecvFlags::DONTWAIT).unwrap_or((0, 0));
        reply.truncate(count);
        Ok(reply)
    }

    /// Lets the server work until it waits for somebody else, as an event loop would; what is
    /// not quiet after 100 turns stays readable.
    pub fn turn(&mut self, device: &mut dyn Device) -> Result<Turn, Fault> {
        for _ in 0..100 {
            if self.server.turn(device)? == Turn::Disconnected {
                return Ok(Turn::Disconnected);
            }
            if !self.is_readable() {
                break;
            }
        }
        Ok(Turn::Waiting)
    }

    /// Whether the event loop would call the server.
    pub fn is_readable(&self) -> bool {
        let mut fds = [PollFd::new(&self.server, PollFlags::IN)];
        poll(&mut fds, Some(&Timespec::default())).unwrap() > 0
    }

    /// Closes the connection.
    pub fn hang_up(&mut self) {
        self.socket = None;
    }

    /// Writes guest RAM.
    pub fn write(&self, address: u64, bytes: &[u8]) {
        assert_eq!(pwrite(&self.ram, bytes, address), Ok(bytes.len()));
    }

    /// Reads guest RAM.
    pub fn read(&self, address: u64, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        assert_eq!(pread(&self.ram, &mut bytes[..], address), Ok(len));
        bytes
    }

    fn part(queue: usize, part: u64) -> u64 {
        RINGS + (queue as u64 * 3 + part) * PAGE
    }

    /// Address, length, flags, next.
    pub fn descriptor(&self, queue: usize, index: u16, descriptor: (u64, u32, u16, u16)) {
        self.descriptor_at(Self::part(queue, 0) + u64::from(index) * 16, descriptor);
    }

    /// Writes a descriptor of an indirect table.
    pub fn descriptor_at(&self, at: u64, descriptor: (u64, u32, u16, u16)) {
        let (address, len, flags, next) = descriptor;
        let mut bytes = address.to_le_bytes().to_vec();
        bytes.extend(len.to_le_bytes());
        bytes.extend(flags.to_le_bytes());
        bytes.extend(next.to_le_bytes());
        self.write(at, &bytes);
    }

    /// Makes the chain that begins at this descriptor available.
    pub fn make_available(&mut self, queue: usize, head: u16) {
        let index = self.available[queue];
        let slot = u64::from(index % SIZE) * 2;
        self.write(Self::part(queue, 1) + 4 + slot, &head.to_le_bytes());
        self.set_available_index(queue, index.wrapping_add(1));
    }

    /// Writes the available index as it is.
    pub fn set_available_index(&mut self, queue: usize, index: u16) {
        self.available[queue] = index;
        self.write(Self::part(queue, 1) + 2, &index.to_le_bytes());
    }

    /// Makes a ring's memory that of a driver that starts over.
    pub fn blank_ring(&mut self, queue: usize) {
        self.write(Self::part(queue, 0), &vec![0; 3 * 0x1000]);
    }

    /// What was given back so far: head and bytes written.
    pub fn used(&self, queue: usize) -> Vec<(u32, u32)> {
        let used = Self::part(queue, 2);
        let index = self.read(used + 2, 2);
        let count = u16::from_le_bytes(index.try_into().unwrap());
        let element = |number: u16| {
            let bytes = self.read(used + 4 + u64::from(number % SIZE) * 8, 8);
            let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
            (word(0), word(4))
        };
        (0..count).map(element).collect()
    }

    /// Kicks a ring.
    pub fn kick(&self, queue: usize) {
        write(&self.kicks[queue], &1u64.to_ne_bytes()).unwrap();
    }

    /// Interrupts since the last call.
    pub fn interrupts(&self, queue: usize) -> u64 {
        let mut counter = [0; 8];
        match read(&self.calls[queue], &mut counter) {
            Ok(_) => u64::from_ne_bytes(counter),
            Err(_) => 0,
        }
    }
}
