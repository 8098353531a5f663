//! The GPU with a driver of our own.

use std::fs::File;
use std::path::Path;

use porthole_trace::{Limits, Start, Tracer};
use porthole_vhost_device::testing::{Driver, NEXT, WRITE};

use super::*;

const REQUEST: u64 = 0x8000;
const ANSWER: u64 = 0x9000;
/// How long anything may take that hangs otherwise.
const PATIENCE: Duration = Duration::from_secs(60);

fn started() -> (Driver, GpuPort) {
    let options = Options { blob: true, ..Options::default() };
    let port = GpuPort::new(options, Tap::default());
    (Driver::started(shape(&port.gpu)), port)
}

/// Sends a command of little-endian words behind a header; returns the used elements so far.
fn command(
    driver: &mut Driver,
    port: &mut GpuPort,
    (kind, flags): (u32, u32),
    words: &[u32],
) -> Vec<(u32, u32)> {
    let header = [kind, flags, 77, 0, 0, 0];
    let bytes: Vec<u8> = header.iter().chain(words).flat_map(|word| word.to_le_bytes()).collect();
    driver.write(REQUEST, &bytes);
    let len = u32::try_from(bytes.len()).unwrap();
    driver.descriptor(CONTROL, 0, (REQUEST, len, NEXT, 1));
    driver.descriptor(CONTROL, 1, (ANSWER, 2048, WRITE, 0));
    driver.make_available(CONTROL, 0);
    driver.kick(CONTROL);
    driver.turn(port).unwrap();
    driver.used(CONTROL)
}

fn answer(driver: &Driver) -> u32 {
    u32::from_le_bytes(driver.read(ANSWER, 4).try_into().unwrap())
}

/// A blob of guest memory on the screen, flushed with a fence.
fn fenced_flush(driver: &mut Driver, port: &mut GpuPort) -> usize {
    let blob = [1, 1, 0, 1, 0, 0, 16384, 0, 0x2_0000, 0, 16384, 0];
    command(driver, port, (0x10c, 0), &blob);
    assert_eq!(answer(driver), 0x1100);
    let mut scanout = [0; 18];
    scanout[..12].copy_from_slice(&[0, 0, 64, 64, 0, 1, 64, 64, 2, 0, 256, 0]);
    command(driver, port, (0x10d, 0), &scanout);
    assert_eq!(answer(driver), 0x1100);
    port.set_visible(0, true);
    command(driver, port, (0x104, 1), &[0, 0, 64, 64, 1, 0]).len()
}

#[test]
fn display_info_is_answered() {
    let (mut driver, mut port) = started();
    let used = command(&mut driver, &mut port, (0x100, 0), &[]);
    assert_eq!(used, [(0, 408)]);
    assert_eq!(answer(&driver), 0x1101);
    let width = u32::from_le_bytes(driver.read(ANSWER + 32, 4).try_into().unwrap());
    assert_eq!(width, 1280);
}

#[test]
fn a_fence_waits_for_its_frame() {
    let (mut driver, mut port) = started();
    assert_eq!(fenced_flush(&mut driver, &mut port), 2);
    assert!(port.deadline().is_some());
    let Some(porthole_gpu_device::Event::Frame(frame)) = port.gpu.take_events().into_iter().next()
    else {
        panic!("no frame");
    };
    port.gpu.presented(0, frame.serial);
    driver.server.with_rings(|rings| port.complete_due(Instant::now(), rings));
    assert_eq!(driver.used(CONTROL).len(), 3);
    assert_eq!(driver.read(ANSWER, 12), [0, 0x11, 0, 0, 1, 0, 0, 0, 77, 0, 0, 0]);
    assert!(port.deadline().is_none());
}

#[test]
fn a_fence_waits_two_periods_at_most() {
    let (mut driver, mut port) = started();
    assert_eq!(fenced_flush(&mut driver, &mut port), 2);
    let later = Instant::now() + FENCE_LIMIT;
    driver.server.with_rings(|rings| port.complete_due(later, rings));
    assert_eq!(driver.used(CONTROL).len(), 3);
    assert!(port.deadline().is_none());
}

#[test]
fn a_queue_that_stops_leaves_no_fence_behind() {
    let (mut driver, mut port) = started();
    assert_eq!(fenced_flush(&mut driver, &mut port), 2);
    assert_eq!(driver.get_vring_base(0, &mut port), 3);
    assert_eq!(driver.used(CONTROL).len(), 3);
    assert!(port.deadline().is_none());
}

#[test]
fn a_device_goes_on_where_another_one_was() {
    let (mut driver, mut old) = started();
    command(&mut driver, &mut old, (0x101, 0), &[5, 2, 64, 64]);
    old.set_size(0, Some(Size::new(800, 600)));
    assert_eq!(driver.get_vring_base(0, &mut old), 1);
    let state = old.save().unwrap();
    assert!(state.len() as u64 <= old.state_limit());

    let (mut driver, mut new) = started();
    new.set_size(0, Some(Size::new(1920, 720)));
    new.restore(&state).unwrap();
    assert!(new.take_news() && !new.take_news());
    assert_eq!(new.gpu.last_size(0), Size::new(1920, 720), "as this host wants it");
    // The resource is there: it cannot be made again.
    command(&mut driver, &mut new, (0x101, 0), &[5, 2, 64, 64]);
    assert_eq!(answer(&driver), 0x1203);
    assert!(new.restore(b"anything").unwrap_err().contains("no snapshot"));
    fenced_flush(&mut driver, &mut new);
    assert!(!new.take_events().is_empty());
    new.restore(&state).unwrap_err();
}

/// Records what the device does from now on.
fn recorded(port: &mut GpuPort, into: File, limits: Limits) -> Tracer {
    let start = Start {
        program: "test".to_owned(),
        version: String::new(),
        guest: "ivi".to_owned(),
        started_ms: 0,
        devices: vec![trace::gpu_info(&port.options)],
    };
    let tracer = Tracer::start(into, &start, limits).unwrap();
    port.tap = tracer.tap(0);
    tracer
}

fn replayed(path: &Path) -> Result<(), porthole_gpu::Failure> {
    let path = path.display().to_string();
    // A sandbox would hold for all other tests of this process.
    let cli = ["porthole-gpu", "replay", &path, "--json", "--no-sandbox"];
    let cli = <porthole_gpu::Cli as clap::Parser>::try_parse_from(cli).unwrap();
    porthole_gpu::run(&cli)
}

#[test]
fn what_a_device_did_behind_a_hole_is_done_again() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let (mut driver, mut port) = started();
    let limits = Limits { queued: 1 << 16, ..Limits::default() };
    // A disk that takes nothing until it is asked, and has all in the end.
    let tracer = recorded(&mut port, File::from(std::os::fd::OwnedFd::from(writer)), limits);
    // How much fits into the queue and the pipe depends on how soon the writer looks.
    for id in 0..100_000 {
        command(&mut driver, &mut port, (0x101, 0), &[id % 7 + 2, 2, 64, 64]);
        tracer.flush();
        if port.tap.has_hole() {
            break;
        }
    }
    assert!(port.tap.has_hole(), "nothing was lost");
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let mut disk = file.reopen().unwrap();
    let copy = std::thread::spawn(move || std::io::copy(&mut reader, &mut disk).unwrap());
    let begun = Instant::now();
    while !port.tap.wants_state() {
        assert!(begun.elapsed() < PATIENCE, "the writer does not catch up");
        tracer.flush();
        std::thread::park_timeout(Duration::from_millis(1));
    }
    port.mend_trace();
    command(&mut driver, &mut port, (0x101, 0), &[5, 2, 64, 64]);
    assert_eq!(answer(&driver), 0x1203, "it was made in the hole");
    fenced_flush(&mut driver, &mut port);
    let Some(Shown::Frame(frame)) = port.take_events().into_iter().next() else {
        panic!("no frame")
    };
    port.presented(0, frame.serial);
    driver.server.with_rings(|rings| port.complete_due(Instant::now(), rings));
    drop((port, tracer));
    copy.join().unwrap();
    let (_, mut records) = porthole_trace::Reader::open(&mut file).unwrap();
    let mut lost = 0;
    while let Some((_, _, event)) = records.next().unwrap() {
        if let Event::Lost { records, .. } = event {
            lost += records;
        }
    }
    assert!(lost > 0, "there is no hole");
    replayed(file.path()).unwrap();
}

#[test]
fn what_a_device_did_after_a_move_is_done_again() {
    let (mut driver, mut old) = started();
    command(&mut driver, &mut old, (0x101, 0), &[5, 2, 64, 64]);
    driver.get_vring_base(0, &mut old);
    let state = old.save().unwrap();

    let (mut driver, mut new) = started();
    let file = tempfile::NamedTempFile::new().unwrap();
    let tracer = recorded(&mut new, file.reopen().unwrap(), Limits::default());
    new.restore(&state).unwrap();
    fenced_flush(&mut driver, &mut new);
    let Some(Shown::Frame(frame)) = new.take_events().into_iter().next() else {
        panic!("no frame")
    };
    new.presented(0, frame.serial);
    driver.server.with_rings(|rings| new.complete_due(Instant::now(), rings));
    command(&mut driver, &mut new, (0x102, 0), &[5, 0]);
    assert_eq!(answer(&driver), 0x1100);
    drop((new, tracer));
    replayed(file.path()).unwrap();
    // A trace in which one answer is another one does not go by.
    let mut bytes = std::fs::read(file.path()).unwrap();
    let good = [0, 0x11, 0, 0, 1, 0, 0, 0, 77];
    let at = bytes.windows(good.len()).position(|bytes| bytes == good).unwrap();
    bytes[at] = 1;
    let chunk = (20 + u32::from_le_bytes(bytes[12..16].try_into().unwrap())) as usize;
    let body = u32::from_le_bytes(bytes[chunk..chunk + 4].try_into().unwrap()) as usize;
    let sum = crc32fast::hash(&bytes[chunk + 8..chunk + 8 + body]);
    bytes[chunk + 4..chunk + 8].copy_from_slice(&sum.to_le_bytes());
    std::fs::write(file.path(), bytes).unwrap();
    assert!(replayed(file.path()).unwrap_err().to_string().contains("replay"));
}

#[test]
fn a_cursor_command_has_no_answer() {
    let (mut driver, mut port) = started();
    driver.descriptor(CURSOR, 0, (REQUEST, 56, NEXT, 1));
    driver.descriptor(CURSOR, 1, (ANSWER, 64, WRITE, 0));
    driver.make_available(CURSOR, 0);
    driver.kick(CURSOR);
    driver.turn(&mut port).unwrap();
    assert_eq!(driver.used(CURSOR), [(0, 0)]);
}
