//! Guests whose rings break every rule: the real device answers, refuses or stops the ring, and goes on.

use std::sync::atomic::{AtomicBool, Ordering};

use porthole_tests::front_end::driver::{
    ANSWER, COMMAND, Driver, FREE, INDIRECT, NEXT, SIZE, WRITE,
};
use porthole_tests::front_end::{DeviceProcess, RAM, memory};
use porthole_tests::wait::{SHORT, wait_until};
use porthole_tests::{Failure, Result};
use rustix::io::{pread, pwrite};

type Descriptor = (u64, u32, u16, u16);

/// A guest may not make its device use more than this of the host's memory by requests alone.
const MOST_KILOBYTES: u64 = 64 * 1024;

fn started() -> Result<(tempfile::TempDir, DeviceProcess, Driver)> {
    let folder = tempfile::tempdir()?;
    let device = DeviceProcess::start(folder.path(), &[])?;
    let driver = Driver::start(&device)?;
    Ok((folder, device, driver))
}

/// A ring that breaks its rules is stopped with one log line, and its queue can be started anew.
fn wait_stopped(device: &mut DeviceProcess, count: usize) -> Result<()> {
    wait_until("the ring to be stopped", SHORT, || {
        device.process.must_run()?;
        Ok((device.process.log().matches("the queue is stopped").count() >= count).then_some(()))
    })
}

/// Malformed chains go back with nothing written, and the next command is answered.
#[test]
fn broken_chains_go_back_and_the_device_goes_on() -> Result<()> {
    let (_folder, mut device, mut driver) = started()?;
    let cases: &[(&str, &[Descriptor])] = &[
        ("outside memory", &[(RAM, 24, 0, 0)]),
        ("across the end of memory", &[(RAM - 8, 24, 0, 0)]),
        ("address and length wrap", &[(u64::MAX - 7, 24, 0, 0)]),
        ("all of the address space", &[(0, u32::MAX, 0, 0)]),
        ("a device's registers", &[(0xfee0_0000, 24, 0, 0)]),
        ("answer outside memory", &[(COMMAND, 24, NEXT, 1), (1 << 40, 408, WRITE, 0)]),
        ("answer of all lengths", &[(COMMAND, 24, NEXT, 1), (ANSWER, u32::MAX, WRITE, 0)]),
        ("readable behind writable", &[(ANSWER, 64, NEXT | WRITE, 1), (COMMAND, 24, 0, 0)]),
        ("a loop of one", &[(COMMAND, 24, NEXT, 0)]),
        ("a loop of two", &[(COMMAND, 24, NEXT, 1), (COMMAND, 24, NEXT, 0)]),
        ("a loop of empty ones", &[(COMMAND, 0, NEXT, 1), (COMMAND, 0, NEXT, 0)]),
        ("next is behind the table", &[(COMMAND, 24, NEXT, SIZE)]),
        ("next is far behind the table", &[(COMMAND, 24, NEXT, u16::MAX)]),
        ("indirect, length 0", &[(FREE, 0, INDIRECT, 0)]),
        ("indirect, length 1", &[(FREE, 1, INDIRECT, 0)]),
        ("indirect, length 17", &[(FREE, 17, INDIRECT, 0)]),
        ("indirect, all lengths", &[(FREE, u32::MAX, INDIRECT, 0)]),
        ("indirect, longer than any table", &[(FREE, 16 * 65537, INDIRECT, 0)]),
        ("indirect outside memory", &[(RAM, 16, INDIRECT, 0)]),
        ("indirect across the end", &[(RAM - 16, 32, INDIRECT, 0)]),
        ("indirect with a successor", &[(FREE, 32, INDIRECT | NEXT, 1), (COMMAND, 24, 0, 0)]),
    ];
    for (name, descriptors) in cases {
        for (index, descriptor) in (0..).zip(*descriptors) {
            driver.descriptor(0, index, *descriptor)?;
        }
        // What an indirect table may point at: itself, endlessly.
        driver.descriptor_at(FREE, (COMMAND, 24, NEXT, 1))?;
        driver.descriptor_at(FREE + 16, (COMMAND, 24, NEXT, 0))?;
        let written = driver.run_chain(0, 0).map_err(|e| Failure::new(format!("{name}: {e}")))?;
        assert_eq!(written, 0, "{name}");
        driver.must_answer().map_err(|e| Failure::new(format!("after {name}: {e}")))?;
    }
    device.process.must_run()?;
    assert!(device.process.log().contains("malformed chain"), "{}", device.process.log());
    assert!(device.resident()? < MOST_KILOBYTES);
    Ok(())
}

/// Indirect tables inside indirect tables, and tables longer than the queue, are no chains; one that is
/// right is one.
#[test]
fn indirect_tables_are_one_deep_and_as_long_as_chains() -> Result<()> {
    let (_folder, _device, mut driver) = started()?;
    let header = [0x100_u32, 0, 0, 0, 0, 0].map(u32::to_le_bytes).concat();
    driver.write(COMMAND, &header)?;
    // Right.
    driver.descriptor_at(FREE, (COMMAND, 24, NEXT, 1))?;
    driver.descriptor_at(FREE + 16, (ANSWER, 408, WRITE, 0))?;
    driver.descriptor(0, 0, (FREE, 32, INDIRECT, 0))?;
    assert_eq!(driver.run_chain(0, 0)?, 408);
    // Nested.
    driver.descriptor_at(FREE + 64, (FREE, 32, INDIRECT, 0))?;
    driver.descriptor(0, 0, (FREE + 64, 16, INDIRECT, 0))?;
    assert_eq!(driver.run_chain(0, 0)?, 0);
    // Longer than the queue, which the specification forbids, and longer than any chain.
    for (count, answered) in [(32_u16, 408), (2000, 0)] {
        for index in 0..count {
            let at = FREE + u64::from(index) * 16;
            let last = index + 1 == count;
            let here = if last { (ANSWER, 408, WRITE, 0) } else { (COMMAND, 0, NEXT, index + 1) };
            let here = if index == 0 { (COMMAND, 24, NEXT, 1) } else { here };
            driver.descriptor_at(at, here)?;
        }
        driver.descriptor(0, 0, (FREE, u32::from(count) * 16, INDIRECT, 0))?;
        assert_eq!(driver.run_chain(0, 0)?, answered, "{count} entries");
    }
    driver.must_answer()
}

/// Requests without room for an answer, answers without a request, and both of every small size.
#[test]
fn requests_and_answers_of_every_size() -> Result<()> {
    let (_folder, mut device, mut driver) = started()?;
    let header = [0x100_u32, 0, 0, 0, 0, 0].map(u32::to_le_bytes).concat();
    for room in [0, 1, 4, 23, 24, 25, 407, 408, 409] {
        assert_eq!(driver.command(&header, room)?.len(), room.min(408) as usize, "room {room}");
    }
    for len in [0, 1, 4, 23] {
        let answer = driver.command(&header[..len], 2048)?;
        assert_eq!(answer[..4], 0x1205_u32.to_le_bytes(), "request of {len}");
    }
    // Only what is read, only what is written, and nothing at all.
    for (descriptor, written) in
        [((COMMAND, 24, 0, 0), 0), ((ANSWER, 24, WRITE, 0), 24), ((COMMAND, 0, 0, 0), 0)]
    {
        driver.descriptor(0, 0, descriptor)?;
        assert_eq!(driver.run_chain(0, 0)?, written, "{descriptor:?}");
    }
    // A request as long as all of memory is cut, not copied.
    driver.descriptor(0, 0, (0, u32::try_from(RAM).unwrap_or(0), 0, 0))?;
    assert_eq!(driver.run_chain(0, 0)?, 0);
    driver.must_answer()?;
    device.process.must_run()?;
    assert!(device.resident()? < MOST_KILOBYTES);
    Ok(())
}

/// An index that jumps, a head that is none, a chain that is lent twice: the ring stops, the other one and
/// the messages go on, and the ring can be started anew.
#[test]
fn a_ring_that_breaks_its_rules_is_stopped_alone() -> Result<()> {
    let (_folder, mut device, mut driver) = started()?;
    for (times, head) in [(1, None), (2, Some(SIZE)), (3, Some(u16::MAX))] {
        match head {
            None => driver.set_available_index(0, 1000)?,
            Some(head) => driver.make_available(0, head)?,
        }
        driver.kick(0);
        wait_stopped(&mut device, times)?;
        driver.kick(0);
        // The cursor's queue: no answer, but the chain goes back.
        driver.descriptor(1, 0, (COMMAND, 56, 0, 0))?;
        assert_eq!(driver.run_chain(1, 0)?, 0);
        driver.front.must_answer()?;
        driver.start_queue(0)?;
        driver.must_answer()?;
    }
    Ok(())
}

/// A used ring that lies in the available ring or in the descriptors makes a device write into its own
/// input: whatever it reads then, it stays alive.
#[test]
fn rings_that_lie_in_each_other() -> Result<()> {
    let (_folder, mut device, mut driver) = started()?;
    for part in [0, 1] {
        driver.write(Driver::part(0, 0), &[0; 3 * 0x1000])?;
        driver.set_used(0, Driver::part(0, part))?;
        driver.hand_kick(0)?;
        driver.descriptor(0, 0, (COMMAND, 24, NEXT, 1))?;
        driver.descriptor(0, 1, (ANSWER, 408, WRITE, 0))?;
        driver.set_available_index(0, 40)?;
        driver.kick(0);
        driver.front.must_answer()?;
        device.process.must_run()?;
    }
    driver.start_queue(0)?;
    driver.must_answer()
}

/// Kicks without end, with nothing to do: they are merged, and what is asked is answered.
#[test]
fn floods_of_kicks_are_merged() -> Result<()> {
    let (_folder, mut device, mut driver) = started()?;
    for _ in 0..50 {
        for _ in 0..2000 {
            driver.kick(0);
            driver.kick(1);
        }
        driver.must_answer()?;
    }
    device.process.must_run()?;
    assert!(device.resident()? < MOST_KILOBYTES);
    // And then it sleeps.
    let before = device.process.wake_ups()?;
    driver.front.must_answer()?;
    let after = device.process.wake_ups()?;
    assert!(after - before < 10, "{} wake-ups for one message", after - before);
    Ok(())
}

/// Descriptors, rings and commands that another processor of the guest changes while they are read: what is
/// checked is what is used, so nothing worse comes of it than a refusal or a stopped ring.
#[test]
fn memory_that_changes_while_it_is_read() -> Result<()> {
    let (_folder, mut device, mut driver) = started()?;
    let resource = [1_u32, 2, 64, 64];
    assert_eq!(driver.ask(0x101, &resource)?, 0x1100);
    let ram = driver.front.ram.try_clone()?;
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| -> Result<()> {
        let (stop, ram) = (&stop, &ram);
        let flipper = scope.spawn(move || {
            let mut seed = 1_u64;
            while !stop.load(Ordering::Relaxed) {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let bytes = seed.to_le_bytes();
                // A descriptor's length, flags or address, or a word of the command.
                let targets = [Driver::part(0, 0), Driver::part(0, 0) + 16, COMMAND, COMMAND + 24];
                let at = targets[usize::from(bytes[7]) % 4] + u64::from(bytes[6] % 16);
                let mut old = [0];
                let _ = pread(ram, &mut old[..], at);
                let _ = pwrite(ram, &bytes[5..6], at);
                let _ = pwrite(ram, &old, at);
            }
        });
        let attach = [0x106_u32, 0, 0, 0, 0, 0, 1, 2, 0x20_0000, 0, 4096, 0, 0x20_1000, 0, 4096, 0];
        let transfer = [0x105_u32, 0, 0, 0, 0, 0, 0, 0, 64, 64, 0, 0, 1, 0];
        let result = (0..1500).try_for_each(|turn| {
            let words: &[u32] = match turn % 4 {
                0 => &attach,
                1 => &transfer,
                2 => &[0x107, 0, 0, 0, 0, 0, 1, 0],
                _ => &[0x104, 0, 0, 0, 0, 0, 0, 0, 64, 64, 1, 0],
            };
            let bytes = words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>();
            driver.write(COMMAND, &bytes)?;
            let len = u32::try_from(bytes.len()).unwrap_or(0);
            driver.descriptor(0, 0, (COMMAND, len, NEXT, 1))?;
            driver.descriptor(0, 1, (ANSWER, 408, WRITE, 0))?;
            driver.make_available(0, 0)?;
            driver.kick(0);
            let sent = driver.used_index(0)?.wrapping_add(SIZE / 2);
            // Never more on its way than the ring holds.
            if turn % 16 == 15 || sent == turn {
                driver.front.must_answer()?;
                wait_until("the ring to be empty or stopped", SHORT, || {
                    let empty = driver.used_index(0)? == driver.available(0);
                    let stopped = device.process.log().contains("the queue is stopped");
                    Ok((empty || stopped).then_some(()))
                })?;
            }
            Ok(())
        });
        stop.store(true, Ordering::Relaxed);
        flipper.join().map_err(|_| Failure::new("the flipper failed"))?;
        result
    })?;
    device.process.must_run()?;
    driver.start_queue(0)?;
    driver.must_answer()?;
    assert!(device.resident()? < MOST_KILOBYTES);
    Ok(())
}

/// A driver that lends and never takes back, and one that asks for everything at once: memory is bounded.
#[test]
fn a_guest_that_hoards_is_bounded() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let device = DeviceProcess::start(folder.path(), &["--max-memory", "16"])?;
    let mut driver = Driver::start(&device)?;
    let mut refused = 0;
    for id in 1..3000_u32 {
        refused += u32::from(driver.ask(0x101, &[id, 2, 256, 256])? == 0x1201);
    }
    assert!(refused > 2900, "only {refused} of 3000 pictures were refused");
    // Lists of memory, as long as they may be, for every resource that there is.
    let mut list = vec![0; 2];
    list.extend([0x20_0000_u32, 0, 1, 0].repeat(16384));
    let mut taken = 0;
    for id in 1..64 {
        list[..2].copy_from_slice(&[id, 16384]);
        taken += u32::from(driver.ask(0x106, &list)? == 0x1100);
    }
    assert!(taken <= 16, "{taken} lists of 16384 entries");
    assert!(device.resident()? < MOST_KILOBYTES, "{} kB", device.resident()?);
    drop(memory(0)?);
    driver.must_answer()
}
