//! Viewers that ask for more than a server can encode: the others are served all the same.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use porthole_tests::wait::{SHORT, wait_until};
use porthole_tests::{Result, Scene, Service};

const SIZE: (u16, u16) = (2560, 1440);
/// Viewers that ask for all of the picture again and again.
const GREEDY: usize = 6;
/// Updates that the other one gets.
const SMALL: usize = 60;

/// A viewer past its handshake, which takes pictures compressed or not.
fn connect(address: &str, compressed: bool) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(SHORT))?;
    stream.write_all(b"RFB 003.008\n\x01\x01")?;
    let mut head = [0; 12 + 2 + 4 + 24];
    stream.read_exact(&mut head)?;
    let mut name = vec![0; usize::from(head[41])];
    stream.read_exact(&mut name)?;
    let encoding = if compressed { 16 } else { 0 };
    stream.write_all(&[2, 0, 0, 1, 0, 0, 0, encoding])?;
    Ok(stream)
}

/// Asks for an update of the upper left corner, whether it has changed or not, and reads it.
fn update(stream: &mut TcpStream, (width, height): (u16, u16)) -> Result<()> {
    let mut request = [3, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    request[6..8].copy_from_slice(&width.to_be_bytes());
    request[8..].copy_from_slice(&height.to_be_bytes());
    stream.write_all(&request)?;
    let mut head = [0; 4];
    stream.read_exact(&mut head)?;
    assert_eq!(head[0], 0, "an update");
    for _ in 0..u16::from_be_bytes([head[2], head[3]]) {
        let mut rect = [0; 12];
        stream.read_exact(&mut rect)?;
        let length = if rect[11] == 16 {
            let mut length = [0; 4];
            stream.read_exact(&mut length)?;
            u32::from_be_bytes(length) as usize
        } else {
            let [_, _, _, _, w1, w0, h1, h0, ..] = rect;
            let side = |bytes| usize::from(u16::from_be_bytes(bytes));
            side([w1, w0]) * side([h1, h0]) * 4
        };
        stream.read_exact(&mut vec![0; length])?;
    }
    Ok(())
}

#[test]
fn who_needs_little_is_not_kept_waiting_by_those_who_need_much() -> Result<()> {
    let (width, height) = SIZE;
    let service = Service::start(&[Scene::new("main", width.into(), height.into())])?;
    let server = service.vnc("main")?;
    let (stop, counts) =
        (Arc::new(AtomicBool::new(false)), Arc::new(<[AtomicUsize; GREEDY]>::default()));
    let mut greedy = Vec::new();
    for index in 0..GREEDY {
        let mut stream = connect(&server.address, true)?;
        let (stop, counts) = (Arc::clone(&stop), Arc::clone(&counts));
        greedy.push(thread::spawn(move || -> Result<()> {
            while !stop.load(Ordering::Relaxed) {
                update(&mut stream, SIZE)?;
                counts[index].fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        }));
    }
    let sum = || counts.iter().map(|count| count.load(Ordering::Relaxed)).sum::<usize>();
    let mut small = connect(&server.address, false)?;
    wait_until("the others to keep the server busy", SHORT, || Ok((sum() > GREEDY).then_some(())))?;
    // If everybody had one update in turn, it would be each of the others for each of these. Where this viewer
    // itself is kept waiting for the processor, the others are not to blame: then it tries again.
    let mut meanwhile = 0;
    let shared = wait_until("a fair share", SHORT, || {
        let before = sum();
        for _ in 0..SMALL {
            update(&mut small, (16, 16))?;
        }
        meanwhile = sum() - before;
        Ok((meanwhile < SMALL * GREEDY / 2).then_some(()))
    });
    assert!(shared.is_ok(), "{meanwhile} updates of others beside {SMALL}");
    // Nobody starves.
    let seen: Vec<usize> = counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
    wait_until("all of the others to go on", SHORT, || {
        let now = counts.iter().zip(&seen);
        Ok(now.clone().all(|(count, seen)| count.load(Ordering::Relaxed) > *seen).then_some(()))
    })?;
    stop.store(true, Ordering::Relaxed);
    for thread in greedy {
        thread.join().expect("a viewer's thread")?;
    }
    Ok(())
}
