//! The guest's driver behind a front-end: rings, descriptors, and commands with their answers.

#![expect(
    clippy::indexing_slicing,
    reason = "a queue or a length that is none is a test's own fault"
)]

use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{pread, pwrite, read, write};

use super::{DeviceProcess, FrontEnd, USER, event, request, state};
use crate::failure::{Failure, OrFail, Result};
use crate::wait::SHORT;

/// Descriptor flag: another follows.
pub const NEXT: u16 = 1;
/// Descriptor flag: the device writes here.
pub const WRITE: u16 = 2;
/// Descriptor flag: a table of descriptors lies here.
pub const INDIRECT: u16 = 4;
/// Entries of each ring.
pub const SIZE: u16 = 64;
/// Where rings lie: four pages for each, of which descriptors, available and used take one.
const RINGS: u64 = 0x1_0000;
const PAGE: u64 = 0x1000;
/// Where commands and their answers are put.
pub const COMMAND: u64 = 0x10_0000;
/// As much behind [`COMMAND`].
pub const ANSWER: u64 = 0x18_0000;
/// Guest memory that nothing else uses, for pictures and tables.
pub const FREE: u64 = 0x20_0000;

/// A driver of the display device's two queues.
#[derive(Debug)]
pub struct Driver {
    /// Its front-end.
    pub front: FrontEnd,
    kicks: [OwnedFd; 2],
    calls: [OwnedFd; 2],
    available: [u16; 2],
}

impl Driver {
    /// All set up, as a guest's driver has it.
    ///
    /// # Errors
    /// When the device refuses any of it.
    pub fn start(device: &DeviceProcess) -> Result<Self> {
        let front = FrontEnd::with_memory(device)?;
        let (kicks, calls) = ([event()?, event()?], [event()?, event()?]);
        let mut driver = Self { front, kicks, calls, available: [0; 2] };
        driver.start_queue(0)?;
        driver.start_queue(1)?;
        Ok(driver)
    }

    /// Guest address of a ring's part: descriptors, available ring, used ring.
    #[must_use]
    pub fn part(queue: usize, part: u64) -> u64 {
        RINGS + (queue as u64 * 4 + part) * PAGE
    }

    /// Starts a queue anew with an empty ring.
    ///
    /// # Errors
    /// When the device refuses it.
    pub fn start_queue(&mut self, queue: usize) -> Result<()> {
        self.write(Self::part(queue, 0), &[0; 3 * 0x1000])?;
        self.set_used(queue, Self::part(queue, 2))?;
        self.available[queue] = 0;
        self.hand_kick(queue)
    }

    /// Sets a queue up with its used ring at any place.
    ///
    /// # Errors
    /// When the device refuses it.
    pub fn set_used(&self, queue: usize, used: u64) -> Result<()> {
        let number = u32::try_from(queue).or_fail("a queue")?;
        let front = &self.front;
        front.send(request::GET_VRING_BASE, 1, &state(number, 0), &[])?;
        front.reply()?;
        front.accept(request::SET_VRING_NUM, &state(number, u32::from(SIZE)), &[])?;
        front.accept(request::SET_VRING_BASE, &state(number, 0), &[])?;
        let parts = [Self::part(queue, 0), used, Self::part(queue, 1)];
        front.accept(request::SET_VRING_ADDR, &addresses(number, parts), &[])?;
        let index = u64::from(number).to_le_bytes();
        front.accept(request::SET_VRING_CALL, &index, &[self.calls[queue].as_fd()])
    }

    /// Hands over a queue's kick, which starts it, and enables it.
    ///
    /// # Errors
    /// When the device refuses it.
    pub fn hand_kick(&self, queue: usize) -> Result<()> {
        let number = u32::try_from(queue).or_fail("a queue")?;
        let index = u64::from(number).to_le_bytes();
        self.front.accept(request::SET_VRING_KICK, &index, &[self.kicks[queue].as_fd()])?;
        self.front.accept(request::SET_VRING_ENABLE, &state(number, 1), &[])
    }

    /// Writes guest memory.
    ///
    /// # Errors
    /// When there is none at the address.
    pub fn write(&self, address: u64, bytes: &[u8]) -> Result<()> {
        pwrite(&self.front.ram, bytes, address).or_fail("write guest memory").map(drop)
    }

    /// Reads guest memory.
    ///
    /// # Errors
    /// When there is none at the address.
    pub fn read(&self, address: u64, len: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        let read = pread(&self.front.ram, &mut bytes[..], address).or_fail("read guest memory")?;
        if read == len { Ok(bytes) } else { Err(Failure::new("no guest memory there")) }
    }

    fn read_u16(&self, address: u64) -> Result<u16> {
        let bytes = self.read(address, 2)?;
        Ok(u16::from_le_bytes([bytes[0], bytes[1]]))
    }

    /// Writes a descriptor of a queue: address, length, flags, next.
    ///
    /// # Errors
    /// As [`Driver::write`].
    pub fn descriptor(
        &self,
        queue: usize,
        index: u16,
        descriptor: (u64, u32, u16, u16),
    ) -> Result<()> {
        self.descriptor_at(Self::part(queue, 0) + u64::from(index) * 16, descriptor)
    }

    /// Writes a descriptor of an indirect table.
    ///
    /// # Errors
    /// As [`Driver::write`].
    pub fn descriptor_at(&self, at: u64, descriptor: (u64, u32, u16, u16)) -> Result<()> {
        let (address, len, flags, next) = descriptor;
        let mut bytes = address.to_le_bytes().to_vec();
        bytes.extend(len.to_le_bytes());
        bytes.extend(flags.to_le_bytes());
        bytes.extend(next.to_le_bytes());
        self.write(at, &bytes)
    }

    /// Makes the chain that begins at this descriptor available, without a kick.
    ///
    /// # Errors
    /// As [`Driver::write`].
    pub fn make_available(&mut self, queue: usize, head: u16) -> Result<()> {
        let index = self.available[queue];
        let slot = u64::from(index % SIZE) * 2;
        self.write(Self::part(queue, 1) + 4 + slot, &head.to_le_bytes())?;
        self.set_available_index(queue, index.wrapping_add(1))
    }

    /// Writes the available index as it is.
    ///
    /// # Errors
    /// As [`Driver::write`].
    pub fn set_available_index(&mut self, queue: usize, index: u16) -> Result<()> {
        self.available[queue] = index;
        self.write(Self::part(queue, 1) + 2, &index.to_le_bytes())
    }

    /// How many chains were made available.
    #[must_use]
    pub fn available(&self, queue: usize) -> u16 {
        self.available[queue]
    }

    /// Kicks a queue; a counter that is full needs no more.
    pub fn kick(&self, queue: usize) {
        let _ = write(&self.kicks[queue], &1_u64.to_ne_bytes());
    }

    /// How many chains of a queue went back.
    ///
    /// # Errors
    /// As [`Driver::read`].
    pub fn used_index(&self, queue: usize) -> Result<u16> {
        self.read_u16(Self::part(queue, 2) + 2)
    }

    /// Makes a chain available, kicks, and waits until it went back; the bytes that were written.
    ///
    /// # Errors
    /// When it does not come back, or another one does.
    pub fn run_chain(&mut self, queue: usize, head: u16) -> Result<u32> {
        let before = self.used_index(queue)?;
        self.make_available(queue, head)?;
        self.kick(queue);
        let used = Self::part(queue, 2);
        let end = Instant::now() + SHORT;
        while self.used_index(queue)? == before {
            if Instant::now() > end {
                return Err(Failure::new("a chain did not come back"));
            }
            self.wait_interrupt(queue)?;
        }
        let element = self.read(used + 4 + u64::from(before % SIZE) * 8, 8)?;
        let word = |at: usize| {
            let bytes: [u8; 4] = element[at..at + 4].try_into().unwrap_or_default();
            u32::from_le_bytes(bytes)
        };
        if word(0) != u32::from(head) {
            return Err(Failure::new(format!("chain {} came back, not {head}", word(0))));
        }
        Ok(word(4))
    }

    /// Waits for the device's interrupt, and for a short while at most: it may have come before.
    fn wait_interrupt(&self, queue: usize) -> Result<()> {
        let call = &self.calls[queue];
        let mut events = [PollFd::new(call, PollFlags::IN)];
        let most = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
        poll(&mut events, Some(&most)).or_fail("wait for an interrupt")?;
        let mut counter = [0; 8];
        // Nothing to read is as good.
        let _ = read(call, &mut counter);
        Ok(())
    }

    /// Sends a command of the control queue with room for its answer; the answer.
    ///
    /// # Errors
    /// When no answer comes.
    pub fn command(&mut self, bytes: &[u8], room: u32) -> Result<Vec<u8>> {
        let len = u32::try_from(bytes.len()).or_fail("a command's length")?;
        self.write(COMMAND, bytes)?;
        self.descriptor(0, 0, (COMMAND, len, NEXT, 1))?;
        self.descriptor(0, 1, (ANSWER, room, WRITE, 0))?;
        let written = self.run_chain(0, 0)?;
        self.read(ANSWER, usize::try_from(written).or_fail("an answer's length")?)
    }

    /// Sends a command of 32-bit words behind a header; the type of its answer.
    ///
    /// # Errors
    /// When no answer comes.
    pub fn ask(&mut self, kind: u32, words: &[u32]) -> Result<u32> {
        let header = [kind, 0, 0, 0, 0, 0];
        let bytes: Vec<u8> = header.iter().chain(words).flat_map(|w| w.to_le_bytes()).collect();
        let answer = self.command(&bytes, 2048)?;
        let kind = answer.first_chunk().ok_or_else(|| Failure::new("no answer"))?;
        Ok(u32::from_le_bytes(*kind))
    }

    /// The device still answers commands.
    ///
    /// # Errors
    /// When it does not.
    pub fn must_answer(&mut self) -> Result<()> {
        match self.ask(0x100, &[])? {
            0x1101 => Ok(()),
            other => Err(Failure::new(format!("{other:#x} instead of the displays"))),
        }
    }
}

/// The payload of a ring's addresses, in the front-end's terms: descriptors, used, available.
#[must_use]
pub fn addresses(queue: u32, [descriptors, used, available]: [u64; 3]) -> Vec<u8> {
    let mut payload = [queue, 0].map(u32::to_le_bytes).concat();
    let words = [USER + descriptors, USER + used, USER + available, 0];
    payload.extend(words.map(u64::to_le_bytes).concat());
    payload
}
