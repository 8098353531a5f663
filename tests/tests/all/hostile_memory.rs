//! Front-ends that lie about guest memory, or take it away.

use std::os::fd::AsFd;

use porthole_tests::front_end::driver::{COMMAND, Driver, FREE};
use porthole_tests::front_end::{
    DeviceProcess, FrontEnd, NEED_REPLY, RAM, USER, memory, region, request, table,
};
use porthole_tests::{Failure, Result};
use rustix::fs::ftruncate;

fn device() -> Result<(tempfile::TempDir, DeviceProcess)> {
    let folder = tempfile::tempdir()?;
    let device = DeviceProcess::start(folder.path(), &[])?;
    Ok((folder, device))
}

/// Regions that overlap, that there are too many of, or that are taken away without being there.
#[test]
fn tables_that_do_not_agree_are_refused() -> Result<()> {
    let (_folder, mut device) = device()?;
    let front = FrontEnd::with_memory(&device)?;
    let fd = front.ram.as_fd();
    let overlapping = table(&[[0, 0x2000, USER, 0], [0x1000, 0x2000, USER + 0x10_0000, 0]]);
    front.refuse(request::SET_MEM_TABLE, &overlapping, &[fd, fd])?;
    front.refuse(request::ADD_MEM_REG, &region([0, 0x1000, USER, 0]), &[fd])?;
    front.refuse(request::ADD_MEM_REG, &region([RAM - 0x1000, RAM, USER + RAM, 0]), &[fd])?;
    front.refuse(request::REM_MEM_REG, &region([RAM, 0x1000, USER, 0]), &[])?;
    front.refuse(request::REM_MEM_REG, &region([0, RAM, USER + 1, 0]), &[])?;
    // As many as the device says, and not one more.
    front.send(request::GET_MAX_MEM_SLOTS, 1, &[], &[])?;
    let slots = u64::from(front.reply()?[0]);
    let (mut accepted, mut place) = (1, RAM);
    while front.ask(request::ADD_MEM_REG, &region([place, 0x1000, USER + place, 0]), &[fd])? {
        (accepted, place) = (accepted + 1, place + 0x1000);
    }
    assert_eq!(accepted, slots);
    // What was there before is there still.
    let parts = [0x1000, 0x2000, 0x3000];
    front.accept(
        request::SET_VRING_ADDR,
        &porthole_tests::front_end::driver::addresses(0, parts),
        &[],
    )?;
    front.must_answer()?;
    device.process.must_run()
}

/// Regions that no file has, or that no address space holds, end the connection.
#[test]
fn regions_that_cannot_be_end_the_connection() -> Result<()> {
    for (name, given, why) in [
        ("longer than its file", [0, RAM + 1, USER, 0], "cannot be mapped"),
        ("behind its file", [0, 0x1000, USER, RAM], "cannot be mapped"),
        ("at no page of its file", [0, 0x1000, USER, 0x800], "cannot be mapped"),
        ("of no bytes", [0, 0, USER, 0], "malformed"),
        ("guest addresses that wrap", [u64::MAX, 0x1000, USER, 0], "malformed"),
        ("user addresses that wrap", [0, 0x1000, u64::MAX - 1, 0], "malformed"),
        ("places in the file that wrap", [0, 0x1000, USER, u64::MAX - 1], "malformed"),
        ("all there is", [0, u64::MAX, 0, 0], "cannot be mapped"),
    ] {
        for request in [request::SET_MEM_TABLE, request::ADD_MEM_REG] {
            let (_folder, mut device) = device()?;
            let front = FrontEnd::connect(&device)?;
            front.agree()?;
            let payload =
                if request == request::SET_MEM_TABLE { table(&[given]) } else { region(given) };
            front.send(request, NEED_REPLY, &payload, &[front.ram.as_fd()])?;
            let refused = device.must_refuse(why);
            refused.map_err(|error| Failure::new(format!("{name}: {error}")))?;
        }
    }
    Ok(())
}

/// What is handed over for memory may be no memory at all.
#[test]
fn descriptors_that_are_no_memory_end_the_connection() -> Result<()> {
    let (reader, _writer) = rustix::pipe::pipe().map_err(std::io::Error::from)?;
    let null = std::fs::File::open("/dev/null")?;
    let folder = std::fs::File::open("/")?;
    for fd in [reader.as_fd(), null.as_fd(), folder.as_fd()] {
        let (_folder, mut device) = device()?;
        let front = FrontEnd::connect(&device)?;
        front.agree()?;
        front.send(request::SET_MEM_TABLE, NEED_REPLY, &table(&[[0, RAM, USER, 0]]), &[fd])?;
        device.must_refuse("cannot be mapped")?;
    }
    Ok(())
}

/// A file that is cut short after it was mapped: the device does not die of a bus error but ends the
/// connection and says why, whether its rings, its commands or its pictures were cut off.
#[test]
fn memory_that_is_taken_away_ends_the_connection() -> Result<()> {
    for (name, left) in
        [("all of it", 0), ("the rings", 0x1_0000), ("the commands", COMMAND), ("pictures", FREE)]
    {
        let (_folder, mut device) = device()?;
        let mut driver = Driver::start(&device)?;
        assert_eq!(driver.ask(0x101, &[1, 2, 64, 64])?, 0x1100);
        let attach = [1, 1, u32::try_from(FREE).unwrap_or(0), 0, 64 * 64 * 4, 0];
        assert_eq!(driver.ask(0x106, &attach)?, 0x1100);
        if left >= COMMAND {
            // The chain is still there, what it names is not.
            let words = [0x105_u32, 0, 0, 0, 0, 0, 0, 0, 64, 64, 0, 0, 1, 0];
            driver.write(COMMAND, &words.map(u32::to_le_bytes).concat())?;
            driver.descriptor(0, 0, (COMMAND, 56, 1, 1))?;
            driver.make_available(0, 0)?;
        }
        ftruncate(&driver.front.ram, left).map_err(std::io::Error::from)?;
        driver.kick(0);
        let refused = device.must_refuse("guest memory was taken away");
        refused.map_err(|error| Failure::new(format!("{name}: {error}")))?;
        driver.front.wait_closed()?;
    }
    Ok(())
}

/// Memory that is replaced and unplugged while rings lie in it: they stop, nothing else does.
#[test]
fn memory_that_is_unplugged_under_its_rings() -> Result<()> {
    let (_folder, mut device) = device()?;
    let mut driver = Driver::start(&device)?;
    driver.must_answer()?;
    driver.front.accept(request::REM_MEM_REG, &region([0, RAM, USER, 0]), &[])?;
    driver.make_available(0, 0)?;
    driver.kick(0);
    driver.front.must_answer()?;
    // Other memory at the same place.
    driver.front.ram = memory(RAM)?;
    driver.write(0, b"a running guest")?;
    let all = region([0, RAM, USER, 0]);
    driver.front.accept(request::ADD_MEM_REG, &all, &[driver.front.ram.as_fd()])?;
    driver.start_queue(0)?;
    driver.must_answer()?;
    for _ in 0..200 {
        let all = table(&[[0, RAM, USER, 0]]);
        driver.front.accept(request::SET_MEM_TABLE, &all, &[driver.front.ram.as_fd()])?;
    }
    driver.must_answer()?;
    device.process.must_run()
}
