//! A whole device behind its socket: a front-end and a driver that do what the script says.

use std::collections::VecDeque;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use porthole_vhost_device::testing::{Driver, RINGS};
use porthole_vhost_device::{Buffer, Device, Rings, Shape, Turn};
use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::io::write;
use rustix::pipe::pipe;

use crate::input::Input;

const SHAPE: Shape = Shape { name: "fuzz", features: 1 << 1, queues: &[4096, 64] };
/// The largest ring.
const MOST_KEPT: usize = 1024;
const MOST_STEPS: usize = 96;

/// Answers every chain of the first queue at once, keeps those of the second for later.
#[derive(Default)]
struct Echo {
    kept: VecDeque<Buffer>,
    config: u8,
}

/// Bytes of a state.
const STATE: usize = 40;

impl Device for Echo {
    fn config(&self, _offset: u32, len: u32) -> Vec<u8> {
        vec![self.config; len as usize]
    }

    fn write_config(&mut self, _offset: u32, bytes: &[u8]) {
        assert!(bytes.len() <= 256);
        self.config = bytes.first().copied().unwrap_or(0);
    }

    fn process(&mut self, queue: usize, rings: &mut Rings) {
        while let Some(chain) = rings.pop(queue) {
            assert!(chain.request.len() <= SHAPE.queues[queue]);
            assert_eq!(chain.buffer.queue(), queue);
            if queue == 0 {
                rings.complete(chain.buffer, &chain.request);
            } else {
                self.kept.push_back(chain.buffer);
            }
        }
        assert!(self.kept.len() <= MOST_KEPT);
    }

    fn stopping(&mut self, queue: usize, rings: &mut Rings) {
        if queue == 1 {
            rings.put_back(1, self.kept.drain(..));
        }
    }

    fn reset(&mut self) {
        self.kept.clear();
    }

    fn save(&self) -> Option<Vec<u8>> {
        Some(vec![self.config; STATE])
    }

    fn state_limit(&self) -> u64 {
        STATE as u64
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), String> {
        assert!(state.len() <= STATE && self.kept.is_empty(), "a state for a device at work");
        self.config = state.first().copied().ok_or("empty")?;
        Ok(())
    }
}

pub(crate) fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (mut driver, mut echo) = (Driver::started(SHAPE), Echo::default());
    for _ in 0..MOST_STEPS {
        if input.is_empty() || !step(&mut driver, &mut echo, &mut input) {
            break;
        }
    }
    if matches!(driver.turn(&mut echo), Ok(Turn::Waiting)) {
        assert!(!driver.is_readable(), "it goes on with nobody asking");
    }
}

/// Does one thing; false when the device has ended the connection.
fn step(driver: &mut Driver, echo: &mut Echo, input: &mut Input<'_>) -> bool {
    match input.u8() % 12 {
        0..=2 => {
            let (queue, index) = (input.below(2), u16::from(input.u8() % 70));
            let descriptor = descriptor(input);
            driver.descriptor(queue, index, descriptor);
        }
        3 => {
            let descriptor = descriptor(input);
            driver.descriptor_at(0xa000 + u64::from(input.u8() % 32) * 16, descriptor);
        }
        4 | 5 => driver.make_available(input.below(2), u16::from(input.u8() % 70)),
        6 => driver.set_available_index(input.below(2), input.u16()),
        7 => {
            // Anything anywhere in the rings.
            let at = RINGS + u64::from(input.u16() % 0x6000);
            let length = input.below(16);
            driver.write(at, input.bytes(length));
        }
        8 => {
            let buffer = echo.kept.pop_front();
            let answer = input.bytes(5);
            driver.server.with_rings(|rings| {
                buffer.into_iter().for_each(|buffer| rings.complete(buffer, answer));
            });
        }
        9 => return message(driver, echo, input),
        _ => {
            driver.kick(input.below(2));
            return driver.turn(echo).is_ok();
        }
    }
    true
}

/// Address, length, flags, next: mostly RAM.
fn descriptor(input: &mut Input<'_>) -> (u64, u32, u16, u16) {
    let address = match input.u8() {
        byte @ 0..=99 => 0x8000 + u64::from(byte) * 64,
        100..=199 => 0xa000 + u64::from(input.u8()) * 16,
        200..=229 => RINGS + u64::from(input.u16()),
        230..=239 => 0x10_0000 - u64::from(input.u8()),
        _ => input.u64(),
    };
    let length = match input.u8() {
        byte @ 0..=149 => u32::from(byte),
        byte @ 150..=199 => u32::from(byte - 149) * 16,
        _ => input.side(),
    };
    let next = u16::from(input.u8() % 70);
    (address, length, u16::from(input.u8() % 8), next)
}

/// A message of the front-end: mostly well formed, with descriptors that are not always what they
/// should be.
fn message(driver: &mut Driver, echo: &mut Echo, input: &mut Input<'_>) -> bool {
    const USER: u64 = 0x7000_0000_0000;
    let request = u32::from(input.u8() % 46);
    let queue = u32::from(input.u8() % 3);
    let mut payload = Vec::new();
    match request {
        5 | 37 => {
            let count = u32::from(input.u8() % 3);
            payload.extend([count, 0].map(u32::to_le_bytes).concat());
            for _ in 0..count {
                let start = u64::from(input.u8() % 4) * 0x8_0000;
                let size = input.one_of(&[0x10_0000, 0x8_0000, 0, 0x1000, u64::MAX]);
                let words = [start, size, USER + start, u64::from(input.u8() / 200) * 0x1000];
                payload.extend(words.map(u64::to_le_bytes).concat());
            }
        }
        42 => payload.extend([u32::from(input.flag()), 0].map(u32::to_le_bytes).concat()),
        8 | 10 | 11 | 18 => payload.extend([queue, input.side()].map(u32::to_le_bytes).concat()),
        9 => {
            payload.extend([queue, 0].map(u32::to_le_bytes).concat());
            for _ in 0..4 {
                let address = USER + u64::from(input.u8()) * 0x800 + u64::from(input.u8() / 100);
                payload.extend(address.to_le_bytes());
            }
        }
        12..=14 => {
            payload.extend((u64::from(queue) | u64::from(input.u8() / 200) << 8).to_le_bytes());
        }
        24 | 25 => {
            let words = [input.side(), input.side() % 300, 0];
            payload.extend(words.map(u32::to_le_bytes).concat());
            payload.extend(input.bytes(8));
        }
        _ => payload.extend(input.bytes(8)),
    }
    if input.u8() > 240 {
        payload.pop();
    }
    let count = match input.u8() {
        0..=199 if matches!(request, 5 | 12..=14 | 21 | 33 | 37 | 42) => 1,
        200..=219 => 2,
        220..=223 => 9,
        _ => 0,
    };
    // What the peer holds of it is gone at once, so that sockets and pipes have ended.
    let files: Vec<OwnedFd> = (0..count.min(8)).map(|_| file(input)).collect();
    let files: Vec<_> = files.iter().map(AsFd::as_fd).collect();
    driver.request_raw(request, &payload, &files, echo).is_ok()
}

fn file(input: &mut Input<'_>) -> OwnedFd {
    match input.u8() % 8 {
        0..=3 => eventfd(1, EventfdFlags::NONBLOCK).unwrap(),
        4 => UnixStream::pair().unwrap().0.into(),
        5 => {
            let (reader, writer) = pipe().unwrap();
            write(&writer, input.bytes(STATE + 1)).unwrap();
            if input.flag() { reader } else { writer }
        }
        6 => File::open("/dev/null").unwrap().into(),
        _ => {
            let file = memfd_create("fuzz", MemfdFlags::CLOEXEC).unwrap();
            ftruncate(&file, input.one_of(&[0x10_0000, 0x8_0000, 0x1000, 0])).unwrap();
            file
        }
    }
}
