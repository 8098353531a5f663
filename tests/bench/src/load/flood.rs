//! A program that sends without end, in the bytes of the wire: a library would slow it down.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use porthole_rig::error::Context;
use porthole_rig::{Result, RigError};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::compositor::Compositor;

/// The objects of the flooding program, by number.
const DISPLAY: u32 = 1;
const REGISTRY: u32 = 2;
const COMPOSITOR: u32 = 3;
const SURFACE: u32 = 4;
/// Made and answered again and again: the answer frees the number.
const CALLBACK: u32 = 5;
/// How often a request is written at once.
const TIMES: usize = 256;
/// How long the program sleeps when its socket is full.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };

/// What is sent without end.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Flood {
    /// `wl_display.sync`, each with its answer.
    Syncs,
    /// `wl_surface.damage_buffer` and `commit` of a surface that shows nothing.
    Commits,
}

impl Flood {
    pub(crate) const ALL: [Self; 2] = [Self::Syncs, Self::Commits];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Syncs => "syncs",
            Self::Commits => "commits",
        }
    }

    fn bytes(self) -> Vec<u8> {
        match self {
            Self::Syncs => request(DISPLAY, 0, &[CALLBACK]),
            Self::Commits => {
                [request(SURFACE, 9, &[0, 0, 1, 1]), request(SURFACE, 6, &[])].concat()
            }
        }
    }
}

/// A running flood, which ends with this value.
#[derive(Debug)]
pub(crate) struct Flooding {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Flooding {
    /// Connects and floods from a thread of its own.
    pub(crate) fn start(compositor: &Compositor, flood: Flood) -> Result<Self> {
        let socket = &compositor.socket;
        let mut wire = UnixStream::connect(socket).at("connect to", socket)?;
        let wrong = |_| RigError::failed("the flooding program was not served");
        let name = compositor_name(&mut wire).map_err(wrong)?;
        // wl_registry.bind: name, interface, version, new id.
        let mut bind = vec![name, 14];
        bind.extend(
            b"wl_compositor\0\0\0".as_chunks::<4>().0.iter().map(|b| u32::from_ne_bytes(*b)),
        );
        bind.extend([4, COMPOSITOR]);
        let begin = [request(REGISTRY, 0, &bind), request(COMPOSITOR, 0, &[SURFACE])].concat();
        wire.write_all(&begin).map_err(wrong)?;
        wire.set_nonblocking(true).map_err(wrong)?;
        let stop = Arc::<AtomicBool>::default();
        let (ends, bytes) = (stop.clone(), flood.bytes().repeat(TIMES));
        let thread = std::thread::spawn(move || pump(&wire, &bytes, &ends));
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Flooding {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It only writes; how it ended does not matter.
            let _ = thread.join();
        }
    }
}

/// A request in the form of the wire.
fn request(object: u32, opcode: u32, arguments: &[u32]) -> Vec<u8> {
    let length = u32::try_from(8 + 4 * arguments.len()).unwrap_or(u32::MAX);
    let words = [object, length << 16 | opcode];
    words.iter().chain(arguments).flat_map(|word| word.to_ne_bytes()).collect()
}

/// The number by which this compositor's `wl_compositor` is bound.
fn compositor_name(wire: &mut UnixStream) -> std::io::Result<u32> {
    wire.write_all(&request(DISPLAY, 1, &[REGISTRY]))?;
    loop {
        let mut head = [0; 8];
        wire.read_exact(&mut head)?;
        let [object, length] =
            [&head[..4], &head[4..]].map(|b| b.try_into().map_or(0, u32::from_ne_bytes));
        let mut rest = vec![0; (length >> 16).saturating_sub(8) as usize];
        wire.read_exact(&mut rest)?;
        let is_it =
            object == REGISTRY && rest.get(8..).is_some_and(|r| r.starts_with(b"wl_compositor\0"));
        if let (true, Some(name)) = (is_it, rest.first_chunk::<4>()) {
            return Ok(u32::from_ne_bytes(*name));
        }
    }
}

/// Writes whatever the socket takes and drops whatever it gives, until told to end.
fn pump(mut wire: &UnixStream, bytes: &[u8], stop: &AtomicBool) {
    let mut at = 0;
    let mut answers = [0; 1 << 16];
    while !stop.load(Ordering::Relaxed) {
        let mut polled = [PollFd::new(wire, PollFlags::IN | PollFlags::OUT)];
        // Whatever keeps it from waiting, it looks at the socket and goes on.
        let _ = poll(&mut polled, Some(&LOOK));
        let ready = polled.first().map_or(PollFlags::empty(), PollFd::revents);
        if ready.contains(PollFlags::IN) && matches!(wire.read(&mut answers), Ok(0)) {
            return;
        }
        if ready.contains(PollFlags::OUT) {
            match wire.write(bytes.get(at..).unwrap_or_default()) {
                Ok(count) => at = (at + count) % bytes.len(),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    }
}
