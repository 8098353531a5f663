//! Viewers that come, lie, and do not read: the VNC server serves the others, and its memory stays.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use porthole_guest::Pattern;
use porthole_tests::process::built;
use porthole_tests::service::configuration;
use porthole_tests::wait::{GUEST, SHORT, pause, wait_until};
use porthole_tests::{Failure, Process, Result, Scene, Service};

/// A server with its address; the service behind it shows nothing.
fn started() -> Result<(Service, Process, String)> {
    let scene = Scene::new("main", 640, 480).layer("ivi", (0, 0, 640, 480), Pattern::Noise, 1);
    let service = Service::start_with(&configuration(&[scene]))?;
    let mut command = std::process::Command::new(built("porthole-vnc")?);
    command.args(["--port", "main", "--listen", "127.0.0.1:0"]);
    command.arg("--wayland").arg(service.socket("viewer")?);
    let (server, ready) = Process::start_ready("porthole-vnc", service.folder(), &mut command)?;
    let address = ready.get("listen").and_then(|value| value.as_str()).map(str::to_owned);
    let address = address.ok_or_else(|| Failure::new(format!("no address in {ready}")))?;
    Ok((service, server, address))
}

fn connect(address: &str) -> Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(SHORT))?;
    stream.set_write_timeout(Some(SHORT))?;
    Ok(stream)
}

/// Goes through the handshake up to the size, name and all.
fn shake_hands(stream: &mut TcpStream) -> Result<()> {
    stream.write_all(b"RFB 003.008\n\x01\x01")?;
    let mut head = [0; 12 + 2 + 4 + 24];
    stream.read_exact(&mut head)?;
    let mut name = vec![0; usize::from(head[41])];
    stream.read_exact(&mut name)?;
    Ok(())
}

/// Whoever comes next is served.
fn must_serve(address: &str) -> Result<()> {
    wait_until("a viewer to be served", SHORT, || {
        let mut stream = connect(address)?;
        Ok(shake_hands(&mut stream).is_ok().then_some(()))
    })
}

/// The connection ends at every byte of the handshake, again and again: nothing is left of any.
#[test]
fn cve_2023_3354_2019_20382_viewers_that_go_at_every_byte() -> Result<()> {
    let (_service, mut server, address) = started()?;
    must_serve(&address)?;
    let descriptors = server.descriptors()?;
    let resident = server.status("VmRSS")?;
    let stream = b"RFB 003.008\n\x01\x01\x02\x00\x00\x01\x00\x00\x00\x10\x03\x00\x00\x00\x00\x00\x02\x80\x01\xe0";
    for turn in 0..300 {
        let mut viewer = connect(&address)?;
        viewer.write_all(&stream[..turn % stream.len()])?;
    }
    must_serve(&address)?;
    wait_until("the server to have forgotten them", SHORT, || {
        server.must_run()?;
        Ok((server.descriptors()? <= descriptors + 2).then_some(()))
    })?;
    let grown = server.status("VmRSS")?.saturating_sub(resident);
    assert!(grown < 16 * 1024, "{grown} kB more");
    Ok(())
}

/// Who has not shaken hands in ten seconds is sent away, whether it says nothing or a byte now and then;
/// who has done so may rest for as long as it likes.
#[test]
fn viewers_have_so_long_to_shake_hands() -> Result<()> {
    let (_service, mut server, address) = started()?;
    let mut guest = connect(&address)?;
    shake_hands(&mut guest)?;
    let begun = Instant::now();
    let silent = connect(&address)?;
    let slow = connect(&address)?;
    for viewer in [&silent, &slow] {
        viewer.set_nonblocking(true)?;
    }
    let gone = |mut stream: &TcpStream| {
        let mut bytes = [0; 64];
        match stream.read(&mut bytes) {
            Ok(0) => true,
            Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
            Ok(_) => false,
        }
    };
    let mut said = b"RFB 003.008\n".iter();
    let (mut silent_gone, mut slow_gone) = (false, false);
    wait_until("both to be sent away", GUEST, || {
        // A byte in a second: it would be done only after the limit.
        pause(Duration::from_millis(200));
        if begun.elapsed().as_secs() > 12 - said.len() as u64
            && let Some(byte) = said.next()
        {
            let _ = (&slow).write(&[*byte]);
        }
        silent_gone |= gone(&silent);
        slow_gone |= gone(&slow);
        assert!(!silent_gone || begun.elapsed() > Duration::from_secs(8), "much too soon");
        Ok((silent_gone && slow_gone).then_some(()))
    })?;
    let told = server.log().matches("did not finish the handshake in time").count();
    assert_eq!(told, 2, "{}", server.log());
    server.must_run()?;
    // The one who did is still served.
    guest.write_all(b"\x03\0\0\0\0\0\0\x01\0\x01")?;
    guest.read_exact(&mut [0; 4])?;
    Ok(())
}

/// Messages that cannot be: this viewer goes, with a log line; the next one is served.
#[test]
fn cve_2014_7815_2022_3165_2023_6683_messages_that_cannot_be() -> Result<()> {
    let (_service, mut server, address) = started()?;
    for (bytes, why) in [
        (&b"\0\0\0\0\x07\x18\0\x01\0\xff\0\xff\0\xff\x10\x08\0\0\0\0"[..], "pixel format"),
        (b"\0\0\0\0\x20\x18\0\x01\0\xff\0\xff\0\xff\x28\x08\0\0\0\0", "pixel format"),
        (b"\x02\0\xff\xff", "65535 encodings"),
        (b"\x06\0\0\0\xff\xff\xff\xfc\x10\0\0\0", "cut text"),
        (b"\x06\0\0\0\x80\0\0\0", "cut text"),
        (b"\xff\x01\0\x02", "QEMU message type 1"),
        (b"\x9b", "message type 155"),
    ] {
        let mut viewer = connect(&address)?;
        shake_hands(&mut viewer)?;
        viewer.write_all(bytes)?;
        let mut rest = Vec::new();
        viewer.read_to_end(&mut rest)?;
        assert!(server.log().contains(why), "{why}: {}", server.log());
        server.must_run()?;
    }
    must_serve(&address)
}

/// Viewers that ask for everything and read nothing cost one update each.
#[test]
fn cve_2017_15124_viewers_that_do_not_read() -> Result<()> {
    let (_service, server, address) = started()?;
    must_serve(&address)?;
    let resident = server.status("VmRSS")?;
    let mut viewers = Vec::new();
    for _ in 0..4 {
        let mut viewer = connect(&address)?;
        shake_hands(&mut viewer)?;
        // Raw pixels, and requests without end.
        viewer.set_nonblocking(true)?;
        let request = b"\x03\0\0\0\0\0\x02\x80\x01\xe0".repeat(4096);
        for _ in 0..64 {
            // Once it is not listened to any more the sockets are full.
            if viewer.write(&request).is_err() {
                break;
            }
        }
        viewers.push(viewer);
    }
    must_serve(&address)?;
    let grown = server.status("VmRSS")?.saturating_sub(resident);
    // 640 by 480 pixels are 1.2 megabytes.
    assert!(grown < 24 * 1024, "{grown} kB more");
    Ok(())
}
