//! A front-end and a driver of our own against the whole transport.

mod transfer;

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;
use crate::Buffer;
use crate::testing::{Driver, INDIRECT, NEXT, RINGS, WRITE};

const SHAPE: Shape = Shape { name: "test", features: 1 << 1, queues: &[4096, 64] };

/// Answers every chain of queue 0 with its request reversed; keeps those of queue 1.
#[derive(Debug, Default)]
struct Echo {
    seen: Vec<(Vec<u8>, bool, usize)>,
    kept: VecDeque<Buffer>,
    config: Vec<u8>,
    resets: u32,
    stopped: Vec<usize>,
}

impl Device for Echo {
    fn config(&self, offset: u32, _len: u32) -> Vec<u8> {
        self.config.iter().skip(offset as usize).copied().collect()
    }

    fn write_config(&mut self, offset: u32, bytes: &[u8]) {
        let offset = offset as usize;
        self.config.resize(offset + bytes.len(), 0);
        self.config[offset..].copy_from_slice(bytes);
    }

    fn process(&mut self, queue: usize, rings: &mut Rings) {
        while let Some(chain) = rings.pop(queue) {
            let writable = chain.buffer.writable();
            let answer: Vec<u8> = chain.request.iter().rev().copied().collect();
            self.seen.push((chain.request, chain.truncated, writable));
            if queue == 0 {
                rings.complete(chain.buffer, &answer);
            } else {
                self.kept.push_back(chain.buffer);
            }
        }
    }

    fn stopping(&mut self, queue: usize, rings: &mut Rings) {
        self.stopped.push(queue);
        if queue == 1 {
            rings.put_back(1, self.kept.drain(..));
        }
    }

    fn reset(&mut self) {
        self.resets += 1;
    }
}

#[test]
fn a_request_is_answered() {
    let mut driver = Driver::started(SHAPE);
    let mut echo = Echo::default();
    driver.write(0x8000, b"abc");
    driver.descriptor(0, 0, (0x8000, 3, NEXT, 1));
    driver.descriptor(0, 1, (0x9000, 8, WRITE, 0));
    driver.make_available(0, 0);
    driver.kick(0);
    driver.turn(&mut echo).unwrap();
    assert_eq!(echo.seen, [(b"abc".to_vec(), false, 8)]);
    assert_eq!(driver.used(0), [(0, 3)]);
    assert_eq!(driver.read(0x9000, 3), b"cba");
    assert_eq!(driver.interrupts(0), 1);
    // Nothing more to say, nothing said.
    driver.turn(&mut echo).unwrap();
    assert_eq!(driver.interrupts(0), 0);
}

#[test]
fn long_requests_are_cut_and_marked() {
    let mut driver = Driver::started(SHAPE);
    let mut echo = Echo::default();
    driver.descriptor(0, 0, (0x8000, 3000, NEXT, 1));
    driver.descriptor(0, 1, (0x9000, 3000, 0, 0));
    driver.make_available(0, 0);
    driver.kick(0);
    driver.turn(&mut echo).unwrap();
    assert_eq!(echo.seen.len(), 1);
    assert_eq!((echo.seen[0].0.len(), echo.seen[0].1), (4096, true));
    assert_eq!(driver.used(0), [(0, 0)]);
}

/// Every way of breaking a chain gives it back with nothing written and leaves the ring alive.
#[test]
fn broken_chains_go_back_unanswered() {
    // CVE-2024-3446, CVE-2026-6425: addresses that are no RAM, indirect tables that are none.
    type Descriptors = &'static [(u16, (u64, u32, u16, u16))];
    let cases: [(&str, Descriptors); 8] = [
        ("outside RAM", &[(0, (0xfee0_0000, 4, 0, 0))]),
        ("wraps around", &[(0, (u64::MAX - 1, 4, 0, 0))]),
        ("a loop", &[(0, (0x8000, 4, NEXT, 1)), (1, (0x8000, 4, NEXT, 0))]),
        ("next is past the table", &[(0, (0x8000, 4, NEXT, 999))]),
        ("readable behind writable", &[(0, (0x8000, 4, NEXT | WRITE, 1)), (1, (0x8000, 4, 0, 0))]),
        ("indirect of odd length", &[(0, (0x8000, 17, INDIRECT, 0))]),
        ("indirect of no length", &[(0, (0x8000, 0, INDIRECT, 0))]),
        ("indirect outside RAM", &[(0, (0xfee0_0000, 16, INDIRECT, 0))]),
    ];
    let mut driver = Driver::started(SHAPE);
    let mut echo = Echo::default();
    for (number, (name, descriptors)) in cases.into_iter().enumerate() {
        for (index, descriptor) in descriptors {
            driver.descriptor(0, *index, *descriptor);
        }
        driver.make_available(0, 0);
        driver.kick(0);
        driver.turn(&mut echo).unwrap();
        assert_eq!(driver.used(0).len(), number + 1, "{name}");
        assert_eq!(driver.used(0)[number], (0, 0), "{name}");
        assert!(echo.seen.is_empty(), "{name}");
    }
    driver.descriptor(0, 0, (0x8000, 4, 0, 0));
    driver.make_available(0, 0);
    driver.kick(0);
    driver.turn(&mut echo).unwrap();
    assert_eq!(echo.seen.len(), 1);
}

#[test]
fn cve_2026_6425_indirect_tables_that_are_longer_than_they_are() {
    let mut driver = Driver::started(SHAPE);
    let mut echo = Echo::default();
    // Entries that name each other past the end of the table.
    driver.descriptor_at(0xa000, (0x8000, 4, NEXT, 2));
    driver.descriptor_at(0xa010, (0x8000, 4, NEXT, 500));
    driver.descriptor_at(0xa020, (0x8000, 4, 0, 0));
    let lengths = [(16, 0), (32, 0), (17, 0), (48, 1), (0x10_0000, 1), (u32::MAX, 1)];
    for (number, (length, seen)) in lengths.into_iter().enumerate() {
        driver.descriptor(0, 0, (0xa000, length, INDIRECT, 0));
        driver.make_available(0, 0);
        driver.kick(0);
        driver.turn(&mut echo).unwrap();
        assert_eq!(driver.used(0).len(), number + 1, "{length}");
        assert_eq!(echo.seen.len(), seen, "{length}");
    }
}

/// What is handed over as an event may be a socket that has ended: it would be ready for ever.
#[test]
fn events_are_events() {
    use std::os::fd::AsFd;
    let mut driver = Driver::started(SHAPE);
    let mut echo = Echo::default();
    let (ended, peer) = std::os::unix::net::UnixStream::pair().unwrap();
    drop(peer);
    for request in [12, 13, 14] {
        let index = 0u64.to_le_bytes();
        let reply = driver.request_raw(request, &index, &[ended.as_fd()], &mut echo).unwrap();
        assert_eq!(reply[12..], 1u64.to_le_bytes(), "request {request}");
    }
    driver.turn(&mut echo).unwrap();
    assert!(!driver.is_readable());
}

#[test]
fn nested_indirect_tables_are_refused() {
    let mut driver = Driver::started(SHAPE);
    let mut echo = Echo::default();
    driver.descriptor_at(0xa000, (0xa100, 16, INDIRECT, 0));
    driver.descriptor_at(0xa100, (0x8000, 4, 0, 0));
    driver.descriptor(0, 0, (0xa000, 16, INDIRECT, 0));
    driver.make_available(0, 0);
    // One level is fine.
    driver.descriptor(0, 1, (0xa100, 16, INDIRECT, 0));
    driver.make_available(0, 1);
    driver.kick(0);
    driver.turn(&mut echo).unwrap();
    assert_eq!(driver.used(0), [(0, 0), (1, 0)]);
    assert_eq!(echo.seen.len(), 1);
}

#[test]
fn an_index_jump_stops_the_ring() {
    let mut driver = Driver::started(SHAPE);
    let mut echo = Echo::default();
    driver.set_available_index(0, 1000);
    driver.kick(0);
    driver.turn(&mut echo).unwrap();
    assert!(echo.seen.is_empty());
    // A kick of a stopped ring is not even seen, so the loop cannot spin on it.
    driver.kick(0);
    for _ in 0..3 {
        driver.turn(&mut echo).unwrap();
    }
    assert!(!driver.is_readable());
    // The other ring is none the worse.
    driver.descriptor(1, 0, (0x8000, 4, 0, 0));
    driver.make_available(1, 0);
    driver.kick(1);
    driver.turn(&mut echo).unwrap();
    assert_eq!(echo.seen.len(), 1);
}

#[test]
fn a_head_outside_the_table_stops_the_ring() {
    let mut driver = Driver::started(SHAPE);
    let mut echo = Echo::default();
    driver.make_available(0, 700);
    driver.kick(0);
    driver.turn(&mut echo).unwrap();
    assert!(driver.used(0).is_empty());
    assert!(!driver.is_readable());
}

#[test]
fn work_is_bounded_and_comes_back_by_itself() {
    let mut driver = Driver::started(SHAPE);
    let mut echo = Echo::default();
    driver.descriptor(0, 0, (0x8000, 4, 0, 0));
    for _ in 0..64 {
        driver.make_available(0, 0);
    }
    driver.kick(0);
    driver.server.turn(&mut echo).unwrap();
    let first = echo.seen.len();
    assert!(first > 0 && first <= CHAINS);
    assert!(driver.is_readable(), "comes back without a kick");
    // The driver refills behind our back.
    for _ in 0..first {
        driver.make_available(0, 0);
    }
    driver.turn(&mut echo).unwrap();
    assert_eq!(echo.seen.len(), 64 + first);
    assert!(!driver.is_readable(), "an idle device makes no wake-ups");
}

/// A device that keeps chains must not be made to keep more than the ring has.
#[test]
fn a_driver_that_lends_more_than_it_has_stops_its_ring() {
    let mut driver = Driver::started(SHAPE);
    let mut echo = Echo::default();
    driver.descriptor(1, 0, (0x8000, 8, WRITE, 0));
    for round in 0..10 {
        for _ in 0..32 {
            driver.make_available(1, 0);
        }
        driver.kick(1);
        driver.turn(&mut echo).unwrap();
        assert_eq!(echo.kept.len(), 64.min(32 * (round + 1)));
    }
    assert!(!driver.is_readable());
}

/// A ring that broke the rules starts a new life with nothing of the old one.
#[test]
fn a_broken_ring_can_start_again() {
    let mut driver = Driver::started(SHAPE);
    let mut echo = Echo::default();
    driver.descriptor(1, 0, (0x8000, 8, WRITE, 0));
    driver.make_available(1, 0);
    driver.kick(1);
    driver.turn(&mut echo).unwrap();
    driver.set_available_index(1, 500);
    driver.kick(1);
    driver.turn(&mut echo).unwrap();
    assert_eq!(echo.kept.len(), 1);
    driver.blank_ring(1);
    driver.get_vring_base(1, &mut echo);
    assert_eq!(echo.stopped, [1]);
    assert!(echo.kept.is_empty());
    driver.start_ring(1, 0, &mut echo);
    driver.descriptor(1, 0, (0x8000, 8, WRITE, 0));
    driver.make_available(1, 0);
    driver.kick(1);
    driver.turn(&mut echo).unwrap();
    let buffer = echo.kept.pop_front().unwrap();
    driver.server.with_rings(|rings| rings.complete(buffer, b"new"));
    assert_eq!(driver.used(1), [(0, 3)]);
}

#[test]
fn stopping_hands_back_what_was_kept() {
    let mut driver = Driver::started(SHAPE);
    let mut echo = Echo::default();
    driver.descriptor(1, 0, (0x8000, 8, WRITE, 0));
    for _ in 0..3 {
        driver.make_available(1, 0);
    }
    driver.kick(1);
    driver.turn(&mut echo).unwrap();
    assert_eq!(echo.kept.len(), 3);
    let first = echo.kept.pop_front().unwrap();
    driver.server.with_rings(|rings| rings.complete(first, b"event"));
    assert_eq!(driver.used(1), [(0, 5)]);
    assert_eq!(driver.interrupts(1), 1);
    // Three were taken, one was used: the base is 1.
    assert_eq!(driver.get_vring_base(1, &mut echo), 1);
    assert_eq!(echo.stopped, [1]);
}

#[test]
fn a_buffer_of_an_earlier_life_is_worth_nothing() {
    let mut driver = Driver::started(SHAPE);
    let mut echo = Echo::default();
    driver.descriptor(1, 0, (0x8000, 8, WRITE, 0));
    driver.make_available(1, 0);
    driver.kick(1);
    driver.turn(&mut echo).unwrap();
    let stale = echo.kept.pop_front().unwrap();
    driver.get_vring_base(1, &mut echo);
    driver.start_ring(1, 0, &mut echo);
    driver.server.with_rings(|rings| rings.complete(stale, b"late"));
    assert!(driver.used(1).is_empty());
    assert_eq!(driver.read(0x8000, 4), [0; 4]);
}

#[test]
fn a_driver_that_starts_over_resets_the_device() {
    let mut driver = Driver::started(SHAPE);
    let mut echo = Echo::default();
    driver.descriptor(0, 0, (0x8000, 4, 0, 0));
    driver.make_available(0, 0);
    driver.kick(0);
    driver.turn(&mut echo).unwrap();
    // A pause: the ring goes on where it was.
    let base = driver.get_vring_base(0, &mut echo);
    driver.get_vring_base(1, &mut echo);
    driver.start_ring(0, base, &mut echo);
    driver.start_ring(1, 0, &mut echo);
    assert_eq!(echo.resets, 0);
    // A reboot: the ring is blank again.
    driver.get_vring_base(0, &mut echo);
    driver.get_vring_base(1, &mut echo);
    driver.blank_ring(0);
    driver.start_ring(0, 0, &mut echo);
    assert_eq!(echo.resets, 1);
    // The request exists too, and may come twice.
    driver.request(34, &[], &mut echo);
    driver.request(34, &[], &mut echo);
    assert_eq!(echo.resets, 3);
}

#[test]
fn a_front_end_that_starts_over_brings_its_memory() {
    const SET_OWNER: u32 = 3;
    let mut echo = Echo::default();
    let mut driver = Driver::connected(SHAPE);
    driver.request(SET_OWNER, &[], &mut echo);
    assert_eq!(echo.resets, 0, "there was nothing before");
    let mut driver = Driver::started(SHAPE);
    driver.request(SET_OWNER, &[], &mut echo);
    assert_eq!((echo.resets, &echo.stopped), (1, &vec![0, 1]));
    // The same memory again, and a ring that begins anew.
    driver.set_memory(&mut echo).unwrap();
    driver.blank_ring(0);
    driver.start_ring(0, 0, &mut echo);
    driver.write(0x8000, b"abcd");
    driver.descriptor(0, 0, (0x8000, 4, 0, 0));
    driver.make_available(0, 0);
    driver.kick(0);
    driver.turn(&mut echo).unwrap();
    assert_eq!(echo.seen.len(), 1);
    // What it does not bring is not there.
    driver.request(SET_OWNER, &[], &mut echo);
    assert!(driver.request_raw(9, &[0; 40], &[], &mut echo).is_err(), "a ring in no memory");
}

#[test]
fn config_space_is_padded_and_written() {
    let mut driver = Driver::started(SHAPE);
    let mut echo = Echo { config: vec![1, 2, 3], ..Echo::default() };
    let span = |offset: u32, size: u32| -> Vec<u8> {
        [offset, size, 0].iter().flat_map(|w| w.to_le_bytes()).collect()
    };
    let reply = driver.request(24, &span(1, 4), &mut echo);
    assert_eq!(reply[12 + 12..], [2, 3, 0, 0]);
    let mut write = span(4, 2);
    write.extend([8, 9]);
    assert_eq!(driver.request(25, &write, &mut echo)[12..], [0; 8]);
    assert_eq!(echo.config, [1, 2, 3, 0, 8, 9]);
}

#[test]
fn refusals_are_acknowledged_as_failures() {
    let mut driver = Driver::started(SHAPE);
    let mut echo = Echo::default();
    for request in [6u32, 7, 20, 28, 60] {
        let reply = driver.request(request, &[0; 16], &mut echo);
        assert_eq!(reply[12..], 1u64.to_le_bytes(), "request {request}");
    }
    // A ring that the device does not have.
    let state = [7u32.to_le_bytes(), 64u32.to_le_bytes()].concat();
    assert_eq!(driver.request(8, &state, &mut echo)[12..], 1u64.to_le_bytes());
    // Rings of no size, of odd size, of too much size.
    for size in [0u32, 3, 2048, 65536] {
        let state = [0u32.to_le_bytes(), size.to_le_bytes()].concat();
        let reply = driver.request(8, &state, &mut echo);
        assert_eq!(reply[12..], 1u64.to_le_bytes(), "size {size}");
    }
}

#[test]
fn config_changes_reach_the_front_end() {
    let mut driver = Driver::started(SHAPE);
    let mut echo = Echo::default();
    assert!(!driver.server.config_changed());
    let socket = driver.give_request_socket(&mut echo);
    assert!(driver.server.config_changed());
    let mut bytes = [0; 12];
    std::io::Read::read_exact(&mut &socket, &mut bytes).unwrap();
    assert_eq!(bytes, [2, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0]);
    // Its answer, good or bad, or its end, does no harm.
    let mut answer = vec![2, 0, 0, 0, 5, 0, 0, 0, 8, 0, 0, 0];
    answer.extend(1u64.to_le_bytes());
    std::io::Write::write_all(&mut &socket, &answer).unwrap();
    driver.turn(&mut echo).unwrap();
    drop(socket);
    driver.turn(&mut echo).unwrap();
    assert!(!driver.is_readable());
    assert!(!driver.server.config_changed());
}

#[test]
fn private_memory_is_named() {
    let mut echo = Echo::default();
    // The guest's writes do not show: a private mapping of the same file.
    let mut driver = Driver::connected(SHAPE);
    driver.set_memory(&mut echo).unwrap();
    driver.set_up_ring(0, 0, &mut echo);
    let fault = driver.start_ring_raw(0, &mut echo).unwrap_err();
    assert!(fault.to_string().contains("share=on"), "{fault}");
    // No region has a descriptor.
    let mut driver = Driver::connected(SHAPE);
    let fault = driver.request_raw(5, &[0; 8], &[], &mut echo).unwrap_err();
    assert!(fault.to_string().contains("share=on"), "{fault}");
}

#[test]
fn the_end_of_the_front_end_stops_the_device() {
    let mut driver = Driver::started(SHAPE);
    let mut echo = Echo::default();
    driver.hang_up();
    assert_eq!(driver.turn(&mut echo).unwrap(), Turn::Disconnected);
    assert_eq!(echo.stopped, [0, 1]);
    assert!(!driver.is_readable());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever lies in the rings and the descriptors, a turn ends and the loop goes quiet.
    #[test]
    fn random_rings_never_spin_or_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0x3000),
        kicks in 1usize..6,
    ) {
        let mut driver = Driver::started(SHAPE);
        let mut echo = Echo::default();
        driver.write(RINGS, &bytes);
        for _ in 0..kicks {
            driver.kick(0);
            driver.kick(1);
            for _ in 0..4 {
                driver.turn(&mut echo).unwrap();
            }
        }
        prop_assert!(!driver.is_readable());
        prop_assert!(echo.seen.iter().all(|(request, _, _)| request.len() <= 4096));
    }

    /// Whatever a front-end asks, in whatever order and with whatever descriptors: an answer, a
    /// refusal or the end of the connection, and the loop goes quiet.
    #[test]
    fn random_requests_never_spin_or_panic(
        requests in proptest::collection::vec(
            (0u32..48, proptest::collection::vec(0u8..3, 0..64), 0usize..4),
            1..40,
        ),
    ) {
        let mut driver = Driver::started(SHAPE);
        let mut echo = Echo::default();
        let file = rustix::fs::memfd_create("x", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
        rustix::fs::ftruncate(&file, 4096).unwrap();
        for (request, payload, fds) in requests {
            let fds = vec![file.as_fd(); fds];
            driver.kick(0);
            if driver.request_raw(request, &payload, &fds, &mut echo).is_err() {
                return Ok(());
            }
        }
        driver.turn(&mut echo).unwrap();
        prop_assert!(!driver.is_readable());
    }
}
