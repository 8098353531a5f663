//! Front-ends that break vhost-user: a request is refused and the device goes on, or the connection ends with
//! a log line that says why.

use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use porthole_tests::front_end::driver::{Driver, addresses};
use porthole_tests::front_end::{
    DeviceProcess, FrontEnd, NEED_REPLY, RAM, USER, event, request, state, table,
};
use porthole_tests::wait::SHORT;
use porthole_tests::{Failure, Result};
use rustix::pipe::pipe;

fn device() -> Result<(tempfile::TempDir, DeviceProcess)> {
    let folder = tempfile::tempdir()?;
    let device = DeviceProcess::start(folder.path(), &[])?;
    Ok((folder, device))
}

fn message(request: u32, flags: u32, len: u32) -> Vec<u8> {
    [request, flags, len].map(u32::to_le_bytes).concat()
}

/// After these the stream cannot go on: the process ends by itself, and says why.
#[test]
fn streams_that_are_none_end_the_connection() -> Result<()> {
    let cases: &[(&str, Vec<u8>, &str)] = &[
        ("version 0", message(1, 0, 0), "protocol version 0"),
        ("version 3", message(1, 3, 0), "protocol version 3"),
        ("a reply", message(1, 5, 0), "a reply came"),
        ("a payload of 4 GiB", message(8, 1, u32::MAX), "longer than"),
        ("a payload of 4097 bytes", message(8, 1, 4097), "longer than"),
        ("a ring's size of 7 bytes", [message(8, 1, 7), vec![0; 7]].concat(), "malformed"),
        ("no ring's size", message(8, 1, 0), "malformed"),
        ("addresses of 39 bytes", [message(9, 1, 39), vec![0; 39]].concat(), "malformed"),
        ("nine regions", [message(5, 1, 8), state(9, 0)].concat(), "malformed"),
        ("regions that are not there", [message(5, 1, 8), state(1, 0)].concat(), "malformed"),
        ("half a region", [message(37, 1, 12), vec![1; 12]].concat(), "malformed"),
        (
            "configuration behind its end",
            [message(24, 1, 12), [250_u32, 7, 0].map(u32::to_le_bytes).concat()].concat(),
            "malformed",
        ),
        (
            "configuration that wraps",
            [message(24, 1, 12), [u32::MAX, 2, 0].map(u32::to_le_bytes).concat()].concat(),
            "malformed",
        ),
        (
            "configuration that is not there",
            [message(25, 1, 12), [0_u32, 64, 0].map(u32::to_le_bytes).concat()].concat(),
            "malformed",
        ),
        ("the base of a ring that is none", [message(11, 1, 8), state(7, 0)].concat(), "malformed"),
    ];
    for (name, bytes, why) in cases {
        let (_folder, mut device) = device()?;
        let front = FrontEnd::connect(&device)?;
        front.send_bytes(bytes, &[])?;
        let refused = device.must_refuse(why);
        refused.map_err(|error| Failure::new(format!("{name}: {error}")))?;
        front.wait_closed()?;
    }
    Ok(())
}

/// Descriptors where none belong, none where one belongs, and far too many.
#[test]
fn descriptors_that_do_not_fit_end_the_connection() -> Result<()> {
    let kick = 0_u64.to_le_bytes();
    for (name, request, payload, count, why) in [
        ("a descriptor with features", request::SET_FEATURES, &kick[..], 1, "malformed"),
        ("a kick without one", request::SET_VRING_KICK, &kick[..], 0, "malformed"),
        ("a kick with two", request::SET_VRING_KICK, &kick[..], 2, "malformed"),
        ("no descriptor of a request socket", 21, &[][..], 0, "malformed"),
        ("nine at once", request::GET_FEATURES, &[][..], 9, "file descriptors"),
        ("sixty at once", request::GET_FEATURES, &[][..], 60, "file descriptors"),
    ] {
        let (_folder, mut device) = device()?;
        let front = FrontEnd::connect(&device)?;
        let events = (0..count).map(|_| event()).collect::<Result<Vec<_>>>()?;
        let fds: Vec<_> = events.iter().map(AsFd::as_fd).collect();
        front.send(request, 1, payload, &fds)?;
        let refused = device.must_refuse(why);
        refused.map_err(|error| Failure::new(format!("{name}: {error}")))?;
    }
    Ok(())
}

/// A message that never ends costs nothing, and the end of the stream inside of it is told.
#[test]
fn a_message_that_is_cut_short() -> Result<()> {
    for len in [1, 11, 12, 15] {
        let (_folder, mut device) = device()?;
        let front = FrontEnd::connect(&device)?;
        front.send_bytes(&[message(8, 1, 8), state(0, 64)].concat()[..len], &[])?;
        drop(front);
        device.must_refuse("went away inside a message")?;
    }
    // At its end it has just ended, as when a guest is powered off.
    let (_folder, mut device) = device()?;
    let front = FrontEnd::connect(&device)?;
    front.must_answer()?;
    drop(front);
    assert_eq!(device.process.wait_end(SHORT)?.code(), Some(0), "{}", device.process.log());
    Ok(())
}

/// What is out of order or out of range is refused, and what comes next is done.
#[test]
fn requests_out_of_order_are_refused() -> Result<()> {
    let (_folder, mut device) = device()?;
    let front = FrontEnd::with_memory(&device)?;
    let kick = event()?;
    // A kick before anything is known of the ring.
    front.refuse(request::SET_VRING_KICK, &0_u64.to_le_bytes(), &[kick.as_fd()])?;
    for size in [0, 3, 63, 2048, 65536, u32::MAX] {
        front.refuse(request::SET_VRING_NUM, &state(0, size), &[])?;
    }
    front.refuse(request::SET_VRING_NUM, &state(2, 64), &[])?;
    front.refuse(request::SET_VRING_NUM, &state(u32::MAX, 64), &[])?;
    front.refuse(request::SET_VRING_BASE, &state(0, 65536), &[])?;
    front.accept(request::SET_VRING_NUM, &state(0, 64), &[])?;
    // Rings outside of memory are refused at once, those that reach out of it when they are started.
    front.refuse(request::SET_VRING_ADDR, &addresses(0, [RAM, 0x2000, 0x3000]), &[])?;
    front.refuse(request::SET_VRING_ADDR, &addresses(0, [u64::MAX / 2, 0x2000, 0x3000]), &[])?;
    for parts in [
        [RAM - 16, 0x2000, 0x3000],
        [0x1000, RAM - 16, 0x3000],
        [0x1000, 0x2000, RAM - 16],
        [0x1001, 0x2000, 0x3000],
        [0x1000, 0x2001, 0x3000],
        [0x1000, 0x2000, 0x3001],
    ] {
        front.accept(request::SET_VRING_ADDR, &addresses(0, parts), &[])?;
        front.refuse(request::SET_VRING_KICK, &0_u64.to_le_bytes(), &[kick.as_fd()])?;
    }
    // The base twice, of a ring that never ran; a reset in the middle, twice.
    for _ in 0..2 {
        front.send(request::GET_VRING_BASE, 1, &state(0, 0), &[])?;
        assert_eq!(front.reply()?, state(0, 0));
        front.accept(request::RESET_DEVICE, &[], &[])?;
    }
    // What there is not, or no longer.
    for unknown in [6, 7, 20, 32, 35, 41, 44, 45, 1000, u32::MAX] {
        front.refuse(unknown, &[0; 16], &[])?;
    }
    front.must_answer()?;
    device.process.must_run()
}

/// What was set up is forgotten by a reset; messages in any order set it up again.
#[test]
fn resets_and_stops_in_the_middle_of_commands() -> Result<()> {
    let (_folder, mut device) = device()?;
    let mut driver = Driver::start(&device)?;
    driver.must_answer()?;
    for turn in 0..20 {
        // Half a command's work is on its way.
        driver.make_available(0, 0)?;
        driver.kick(0);
        if turn % 2 == 0 {
            driver.front.accept(request::RESET_DEVICE, &[], &[])?;
        }
        for _ in 0..2 {
            driver.front.send(request::GET_VRING_BASE, 1, &state(0, 0), &[])?;
            driver.front.reply()?;
        }
        driver.start_queue(0)?;
        driver.start_queue(1)?;
        driver.must_answer()?;
    }
    device.process.must_run()
}

/// What is given for an event may be something that is always ready, or never comes back.
#[test]
fn events_that_are_none_are_refused() -> Result<()> {
    let (_folder, mut device) = device()?;
    let mut driver = Driver::start(&device)?;
    driver.must_answer()?;
    let (ended, peer) = UnixStream::pair()?;
    drop(peer);
    let (reader, writer) = pipe().map_err(std::io::Error::from)?;
    drop(writer);
    let null = std::fs::File::open("/dev/null")?;
    let index = 0_u64.to_le_bytes();
    for fd in [ended.as_fd(), reader.as_fd(), null.as_fd(), driver.front.ram.as_fd()] {
        driver.front.refuse(request::SET_VRING_KICK, &index, &[fd])?;
        driver.front.refuse(request::SET_VRING_CALL, &index, &[fd])?;
    }
    driver.must_answer()?;
    device.process.must_run()
}

/// Requests without end whose acknowledgements nobody reads: the connection ends, memory does not grow.
#[test]
fn a_front_end_that_never_reads() -> Result<()> {
    let (_folder, mut device) = device()?;
    let front = FrontEnd::connect(&device)?;
    front.agree()?;
    front.socket.set_write_timeout(Some(SHORT))?;
    let flood = message(request::GET_CONFIG, NEED_REPLY, 12);
    let flood = [flood, [0_u32, 256, 0].map(u32::to_le_bytes).concat()].concat().repeat(1000);
    let mut socket = &front.socket;
    // Until the device has closed it.
    while socket.write_all(&flood).is_ok() {}
    assert_eq!(device.process.wait_end(SHORT)?.code(), Some(1));
    let log = device.process.log();
    assert!(!log.contains("panicked") && log.contains("send"), "{log}");
    Ok(())
}

/// One front-end in a device's life: whoever comes later finds nobody, and does not disturb.
#[test]
fn storms_of_connections() -> Result<()> {
    let (_folder, mut device) = device()?;
    // All who come before the first is accepted, and are gone again.
    let mut driver = Driver::start(&device)?;
    let before = device.process.descriptors()?;
    for _ in 0..500 {
        UnixStream::connect(device.socket()).unwrap_err();
    }
    driver.must_answer()?;
    assert_eq!(device.process.descriptors()?, before);
    drop(driver);
    assert_eq!(device.process.wait_end(SHORT)?.code(), Some(0));
    Ok(())
}

/// Side sockets handed over again and again, of every kind: none is kept but the last.
#[test]
fn side_sockets_without_end() -> Result<()> {
    let (_folder, mut device) = device()?;
    let mut driver = Driver::start(&device)?;
    let before = device.process.descriptors()?;
    for turn in 0..300 {
        let (ours, theirs) = UnixStream::pair()?;
        let request = if turn % 2 == 0 { 21 } else { 33 };
        if turn % 3 == 0 {
            (&ours).write_all(&[0xff; 200])?;
        }
        driver.front.accept(request, &[], &[theirs.as_fd()])?;
    }
    let index = 0_u64.to_le_bytes();
    for _ in 0..300 {
        let call = event()?;
        driver.front.accept(request::SET_VRING_CALL, &index, &[call.as_fd()])?;
    }
    driver.must_answer()?;
    assert!(device.process.descriptors()? <= before + 2);
    device.process.must_run()
}

/// A table of memory that names no memory is the mark of a guest whose memory is not shared.
#[test]
fn memory_comes_before_rings() -> Result<()> {
    let (_folder, mut device) = device()?;
    let front = FrontEnd::connect(&device)?;
    front.agree()?;
    front.accept(request::SET_VRING_NUM, &state(0, 64), &[])?;
    let parts = [0x1000, 0x2000, 0x3000];
    front.send(request::SET_VRING_ADDR, NEED_REPLY, &addresses(0, parts), &[])?;
    device.must_refuse("share=on")?;
    let folder = tempfile::tempdir()?;
    let mut device = DeviceProcess::start(folder.path(), &[])?;
    let front = FrontEnd::connect(&device)?;
    front.send(request::SET_MEM_TABLE, 1, &table(&[[0, RAM, USER, 0]]), &[])?;
    device.must_refuse("share=on")
}

/// The first byte of a reply.
fn answer(driver: &Driver, request: u32, payload: &[u8], fds: &[BorrowedFd<'_>]) -> Result<u8> {
    driver.front.send(request, 1, payload, fds)?;
    Ok(driver.front.reply()?.first().copied().unwrap_or(0xff))
}

/// Files that are no state of a device, of any length, and transfers at the wrong time.
#[test]
fn states_that_are_none_are_refused() -> Result<()> {
    const SET: u32 = 42;
    const CHECK: u32 = 43;
    let (_folder, mut device) = device()?;
    let mut driver = Driver::start(&device)?;
    let load = [1_u32, 0].map(u32::to_le_bytes).concat();
    let (reader, writer) = pipe().map_err(std::io::Error::from)?;
    assert_eq!(answer(&driver, SET, &load, &[reader.as_fd()])?, 1, "queues run");
    for queue in [0, 1] {
        driver.front.send(request::GET_VRING_BASE, 1, &state(queue, 0), &[])?;
        driver.front.reply()?;
    }
    drop(writer);
    for bytes in [
        &b""[..],
        b"PORTHGPU",
        b"PORTHGPU\x01\0\0\0",
        b"PORTHGPU\xff\xff\xff\xff",
        &[&b"PORTHGPU\x01\0\0\0"[..], &[0xff; 64]].concat(),
        &[0xaa; 4096],
    ] {
        let (reader, writer) = pipe().map_err(std::io::Error::from)?;
        rustix::io::write(&writer, bytes).map_err(std::io::Error::from)?;
        drop(writer);
        assert_eq!(answer(&driver, SET, &load, &[reader.as_fd()])?, 0);
        assert_eq!(answer(&driver, CHECK, &[], &[])?, 1, "{} bytes", bytes.len());
    }
    for _ in 0..1000 {
        assert_eq!(answer(&driver, CHECK, &[], &[])?, 1);
    }
    assert!(device.process.log().lines().count() < 40, "the log is filled");
    driver.start_queue(0)?;
    driver.must_answer()?;
    device.process.must_run()
}
