//! GPU memory that QEMU shows: what can be read as plain rows is handed on and shown, everything else is
//! refused and named.
//!
//! A memfd stands for the memory, as the service takes that too. Real memory of devices is in
//! `kms_dmabuf`.

use std::io::Write;
use std::{fs::File, os::fd::OwnedFd};

use porthole_dbus::Writer;
use porthole_tests::display::{Display, Machine, fd, words};
use porthole_tests::wait::SHORT;
use porthole_tests::{Capture, Failure, Result};
use rustix::fs::{MemfdFlags, memfd_create};

use crate::bridge::{picture, service, word};

const ONE: (&str, &str) = ("", "ScanoutDMABUF");
const TWO: (&str, &str) = (".Unix.ScanoutDMABUF2", "ScanoutDMABUF2");
const UPDATE: (&str, &str) = ("", "UpdateDMABUF");
const TILED: u64 = 0x0100_0000_0000_0001;

fn code(fourcc: [u8; 4]) -> u32 {
    u32::from_le_bytes(fourcc)
}

/// Memory with these bytes.
fn memory(bytes: &[u8]) -> Result<File> {
    let file: OwnedFd = memfd_create("gpu", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)
        .map_err(std::io::Error::from)?;
    let mut file = File::from(file);
    file.write_all(bytes)?;
    Ok(file)
}

/// 64 x 48 pixels in one plane.
fn one(modifier: u64, bottom_up: bool) -> Writer {
    let body = Writer::new().descriptor(0).u32(64).u32(48).u32(256).u32(code(*b"XR24"));
    body.u64(modifier).bool(bottom_up)
}

/// The same, with planes, and from a pixel on.
fn many(at: [u32; 2], planes: u32, descriptors: &[u32], strides: &[u32], offset: u32) -> Writer {
    let body = Writer::new().descriptors(descriptors).u32(at[0]).u32(at[1]).u32(64).u32(48);
    let body = body.u32s(&vec![offset; strides.len()]).u32s(strides).u32(planes);
    body.u32(code(*b"AR24")).u32(64).u32(48).u64(0).bool(false)
}

fn rect([x, y, width, height]: [i32; 4]) -> Writer {
    Writer::new().i32(x).i32(y).i32(width).i32(height)
}

#[test]
fn plain_rows_of_gpu_memory_are_shown_where_they_lie() -> Result<()> {
    let service = service()?;
    let mut display = Display::start(&service, &Machine::default(), &[])?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    let mut show = |how, body: &Writer, file: &File| {
        display.call(0, how, body, &[fd(file)])?.map_err(Failure::new)
    };
    let first = memory(&words(64, 48, word(1)))?;
    show(ONE, &one(0, false), &first)?;
    capture.expect("in one plane", &picture(word(1)), SHORT)?;

    // The second buffer of a guest that draws into two in turn: a part of a larger picture.
    let larger = words(100, 60, |x, y| word(2)(x.saturating_sub(3), y.saturating_sub(2)));
    let second = memory(&[vec![0; 8], larger].concat())?;
    show(TWO, &many([3, 2], 1, &[0], &[400], 8), &second)?;
    capture.expect("from a pixel on", &picture(word(2)), SHORT)?;
    show(ONE, &one(0, false), &first)?;
    capture.expect("the first again", &picture(word(1)), SHORT)?;

    // GL draws from the lowest row up.
    let turned = memory(&words(64, 48, |x, y| word(3)(x, 47 - y)))?;
    show(ONE, &one(0, true), &turned)?;
    capture.expect("upright", &picture(word(3)), SHORT)?;

    // What the device changes is seen when QEMU says so.
    rustix::io::pwrite(&first, &words(64, 48, word(4)), 0).map_err(std::io::Error::from)?;
    show(ONE, &one(0, false), &first)?;
    capture.expect("changed", &picture(word(4)), SHORT)?;
    rustix::io::pwrite(&first, &words(64, 48, word(5)), 0).map_err(std::io::Error::from)?;
    display.call(0, UPDATE, &rect([0, 0, 64, 48]), &[])?.map_err(Failure::new)?;
    capture.expect("updated", &picture(word(5)), SHORT)?;

    // Messages go on where GPU memory ends.
    display.scanout(0, word(6))?;
    capture.expect("by message", &picture(word(6)), SHORT)?;
    display.call(0, UPDATE, &rect([0, 0, 64, 48]), &[])?.unwrap_err();
    Ok(())
}

#[test]
fn gpu_memory_is_refused_with_what_it_was() -> Result<()> {
    let service = service()?;
    let mut display = Display::start(&service, &Machine::default(), &[])?;
    display.scanout(0, word(1))?;
    let file = memory(&[0; 64 * 48 * 4])?;
    let said = display.call(0, ONE, &one(TILED, false), &[fd(&file)])?.unwrap_err();
    assert!(said.contains("XR24") && said.contains("gl=on"), "{said}");
    let wrong = [
        many([0, 0], 9, &[0], &[256], 0),
        many([0, 0], 2, &[0], &[256], 0),
        many([0, 0], 1, &[5], &[256], 0),
        many([0, 0], 0, &[], &[], 0),
        // More than there is.
        many([0, 0], 1, &[0], &[260], 0),
        many([0, 0], 1, &[0], &[256], 4),
        many([1, 0], 1, &[0], &[256], 0),
        many([u32::MAX, u32::MAX], 1, &[0], &[u32::MAX], u32::MAX),
    ];
    for body in &wrong {
        display.call(0, TWO, body, &[fd(&file)])?.unwrap_err();
    }
    let (socket, _) = std::os::unix::net::UnixStream::pair()?;
    display.call(0, ONE, &one(0, false), &[fd(&socket)])?.unwrap_err();
    display.call(0, ONE, &one(0, false), &[fd(&memory(&[])?)])?.unwrap_err();
    display.call(0, UPDATE, &rect([0, 0, 64, 48]), &[])?.unwrap_err();
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    capture.expect("still", &picture(word(1)), SHORT)?;

    // What the service cannot read after all: said once, and the last picture stays.
    let unknown = one(0x00ff_ffff_ffff_ffff, false);
    for _ in 0..3 {
        display.call(0, ONE, &unknown, &[fd(&file)])?.unwrap();
    }
    display.scanout(0, word(2))?;
    capture.expect("good again", &picture(word(2)), SHORT)?;
    let log = display.bridge.log();
    assert!(log.matches("GPU memory").count() <= 1, "{log}");
    // What comes again and again is told once.
    for _ in 0..20 {
        display.call(0, UPDATE, &rect([0, 0, 64, 48]), &[])?.unwrap_err();
    }
    let log = display.bridge.log();
    let told = "UpdateDMABUF is refused: a part of a dma-buf that was not handed over";
    assert_eq!(log.matches(told).count(), 1, "{log}");
    Ok(())
}
