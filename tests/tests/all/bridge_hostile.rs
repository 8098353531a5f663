//! A QEMU that was taken over: what it says that cannot be is refused and named, and costs nobody else
//! anything.

use std::io::{Read, Write as _};

use porthole_dbus::Writer;
use porthole_tests::display::{Display, Machine, Place, XRGB, fd};
use porthole_tests::wait::{SHORT, wait_until};
use porthole_tests::{Capture, Result};
use rustix::fs::{MemfdFlags, memfd_create};

use crate::bridge::{MAP, picture, service, word};

fn scanout([width, height, stride, format]: [u32; 4], bytes: usize) -> Writer {
    Writer::new().u32(width).u32(height).u32(stride).u32(format).byte_array(&vec![0; bytes])
}

fn update([x, y, width, height]: [i32; 4], stride: u32, bytes: usize) -> Writer {
    let body = Writer::new().i32(x).i32(y).i32(width).i32(height);
    body.u32(stride).u32(XRGB).byte_array(&vec![0; bytes])
}

fn map([offset, width, height, stride, format]: [u32; 5]) -> Writer {
    Writer::new().descriptor(0).u32(offset).u32(width).u32(height).u32(stride).u32(format)
}

#[test]
fn pictures_that_cannot_be_are_refused_and_the_last_good_one_stays() -> Result<()> {
    let service = service()?;
    let mut display = Display::start(&service, &Machine::default(), &["--max-memory", "1"])?;
    display.scanout(0, word(1))?;
    let huge = u32::MAX;
    let pictures = [
        scanout([0, 48, 256, XRGB], 12_288),
        scanout([64, 48, 255, XRGB], 12_288),
        scanout([64, 48, 256, XRGB], 12_287),
        scanout([64, 48, 256, 0], 12_288),
        scanout([huge, huge, huge, XRGB], 16),
        scanout([64, 48, huge, XRGB], 16),
        // More than it may have, though it is all there.
        scanout([512, 513, 2048, XRGB], 2048 * 513),
    ];
    for body in &pictures {
        display.call(0, ("", "Scanout"), body, &[])?.unwrap_err();
    }
    let parts = [
        update([-1, 0, 1, 1], 4, 4),
        update([0, 0, 0, 1], 4, 4),
        update([0, 0, i32::MAX, i32::MAX], huge, 4),
        update([i32::MAX, i32::MAX, 1, 1], 4, 4),
        update([0, 0, 8, 8], 4, 4),
    ];
    for body in &parts {
        display.call(0, ("", "Update"), body, &[])?.unwrap_err();
    }
    let file = memfd_create("small", MemfdFlags::CLOEXEC).map_err(std::io::Error::from)?;
    rustix::fs::ftruncate(&file, 4096).map_err(std::io::Error::from)?;
    for numbers in [
        [0, 64, 48, 256, XRGB],
        [huge, 1, 1, 4, XRGB],
        [0, 1, 1, 0, XRGB],
        [0, huge, 1, huge, XRGB],
    ] {
        display.call(0, (MAP, "ScanoutMap"), &map(numbers), &[fd(&file)])?.unwrap_err();
    }
    let (socket, _) = std::os::unix::net::UnixStream::pair()?;
    display.call(0, (MAP, "ScanoutMap"), &map([0, 8, 8, 32, XRGB]), &[fd(&socket)])?.unwrap_err();
    // A number of a descriptor that did not come.
    let other = Writer::new().descriptor(7).u32(0).u32(8).u32(8).u32(32).u32(XRGB);
    display.call(0, (MAP, "ScanoutMap"), &other, &[fd(&file)])?.unwrap_err();
    let rect = Writer::new().i32(0).i32(0).i32(64).i32(48);
    display.call(0, (MAP, "UpdateMap"), &rect, &[])?.unwrap_err();

    let cursors = [(0, 1, 4), (513, 1, 2052), (2, 2, 15), (-5, i32::MAX, 16)];
    for (width, height, bytes) in cursors {
        let body = Writer::new().i32(width).i32(height).i32(0).i32(0).byte_array(&vec![0; bytes]);
        display.call(0, ("", "CursorDefine"), &body, &[])?.unwrap_err();
    }
    // Other types, and what nobody has.
    display.call(0, ("", "Scanout"), &Writer::new().text("picture"), &[])?.unwrap_err();
    display.call(0, ("", "ScanOut"), &Writer::new(), &[])?.unwrap_err();

    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    capture.expect("still", &picture(word(1)), SHORT)?;
    display.scanout(0, word(2))?;
    capture.expect("good again", &picture(word(2)), SHORT)?;
    let log = display.bridge.log();
    assert!(log.contains("Scanout is refused") && log.contains("socket=\"ivi\""), "{log}");
    Ok(())
}

/// Bytes that are no D-Bus end the bridge with a line; its layer goes, nothing else does.
#[test]
fn bytes_that_are_no_message_end_the_bridge_with_a_line() -> Result<()> {
    let mut service = service()?;
    let large = {
        let mut head = vec![b'l', 1, 0, 1];
        head.extend([0xff, 0xff, 0xff, 0x7f, 1, 0, 0, 0, 0, 0, 0, 0]);
        head
    };
    let header = [b'l', 1, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff];
    for (bytes, named) in [
        (&b"GET / HTTP/1.0\r\n\r\n"[..], "names no byte order"),
        (&large, "at most"),
        (&header, "a header of 4294967295 bytes"),
    ] {
        let mut display = Display::start(&service, &Machine::default(), &[])?;
        display.scanout(0, word(1))?;
        display.raw(0, bytes)?;
        let end = display.bridge.wait_end(SHORT)?;
        let log = display.bridge.log();
        assert_eq!(end.code(), Some(1), "{log}");
        assert!(log.contains("guest ivi: QEMU has sent what is no D-Bus message"), "{log}");
        assert!(log.contains(named), "{log}");
        std::fs::remove_file(service.folder().join("display.sock"))?;
    }
    service.process.must_run()
}

/// The other side of the handshake says something else, or nothing.
#[test]
fn who_does_not_speak_dbus_is_told_apart() -> Result<()> {
    let service = service()?;
    let place = Place::new(service.folder())?;
    let says = [
        (&b"\n"[..], "does not speak D-Bus"),
        (&b"REJECTED EXTERNAL\r\n"[..], "does not let this user in"),
        (&b"OK 00\r\nERROR\r\n"[..], "takes no descriptors"),
        (&b""[..], "does not answer"),
    ];
    for (said, named) in says {
        let mut bridge = place.bridge(&service, &[])?;
        let mut stream = place.accept()?;
        let mut first = [0; 64];
        let count = stream.read(&mut first)?;
        assert!(first[..count].starts_with(b"\0AUTH EXTERNAL "));
        stream.write_all(said)?;
        drop(stream);
        assert_eq!(bridge.wait_end(SHORT)?.code(), Some(1));
        assert!(bridge.log().contains(named), "{}", bridge.log());
    }
    Ok(())
}

/// As many updates and cursors as go through a socket: the bridge neither grows nor falls behind for ever.
#[test]
fn a_flood_costs_no_memory_and_ends_with_the_newest_picture() -> Result<()> {
    let service = service()?;
    let mut display = Display::start(&service, &Machine::default(), &[])?;
    display.scanout(0, word(1))?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    capture.expect("before", &picture(word(1)), SHORT)?;
    let resident = display.bridge.status("VmRSS")?;
    let cursor = Writer::new().i32(64).i32(64).i32(0).i32(0).byte_array(&[0; 64 * 64 * 4]);
    for number in 0..2000 {
        display.call(0, ("", "Update"), &update([number % 64, 0, 1, 1], 4, 4), &[])?.unwrap();
        display.call(0, ("", "CursorDefine"), &cursor, &[])?.unwrap();
    }
    display.scanout(0, word(9))?;
    let hidden = Writer::new().i32(0).i32(0).i32(0);
    display.call(0, ("", "MouseSet"), &hidden, &[])?.unwrap();
    capture.expect("after", &picture(word(9)), SHORT)?;
    let grown = wait_until("its memory to be as it was", SHORT, || {
        let now = display.bridge.status("VmRSS")?;
        Ok((now < resident + 16_384).then(|| now.saturating_sub(resident)))
    })?;
    assert!(grown < 16_384, "{grown} kB");
    Ok(())
}
