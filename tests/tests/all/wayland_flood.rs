//! A client that sends without end, or never reads: others are served as if it were not there.

use std::{
    fs::File,
    io::{self, IoSlice, Read, Write},
    mem::MaybeUninit,
    os::{fd::AsFd, unix::net::UnixStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
};

use porthole_tests::{
    Result, Service,
    program::{Program, Toplevel},
    wait::{SHORT, wait_until},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec},
    net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg},
};
use wayland_client::{Proxy, protocol::wl_shm::Format};

use crate::wayland_scene::{APP, service};

/// How many frames a good client must get while another one floods.
const FRAMES: usize = 60;

/// A request in the form of the wire.
fn request(object: u32, opcode: u32, arguments: &[u32]) -> Vec<u8> {
    let len = u32::try_from(8 + 4 * arguments.len()).unwrap();
    let words = [object, len << 16 | opcode];
    words.iter().chain(arguments).flat_map(|word| word.to_ne_bytes()).collect()
}

/// Sends the same bytes over and over from a thread of its own.
struct Flood {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
    /// Keeps the connection's objects.
    _program: Program,
}

impl Flood {
    fn start(program: Program, bytes: &[u8]) -> Result<Self> {
        let wire = program.wire()?;
        let (stop, sent) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let (ends, counts, bytes) = (stop.clone(), sent.clone(), bytes.repeat(64));
        let thread = std::thread::spawn(move || pump(&wire, &bytes, &ends, &counts));
        Ok(Self { stop, sent, thread: Some(thread), _program: program })
    }

    fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the flooding thread");
        }
    }
}

/// Writes whatever the socket takes and drops whatever it gives, until told to end.
fn pump(mut wire: &UnixStream, bytes: &[u8], stop: &AtomicBool, sent: &AtomicU64) {
    let mut at = 0;
    let mut answers = [0; 1 << 16];
    while !stop.load(Ordering::Relaxed) {
        let mut polled = [PollFd::new(wire, PollFlags::IN | PollFlags::OUT)];
        let wait = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };
        let _ = rustix::event::poll(&mut polled, Some(&wait));
        let ready = polled[0].revents();
        if ready.contains(PollFlags::IN) && matches!(wire.read(&mut answers), Ok(0)) {
            return;
        }
        if ready.contains(PollFlags::OUT) {
            match wire.write(&bytes[at..]) {
                Ok(count) => {
                    at = (at + count) % bytes.len();
                    sent.fetch_add(u64::try_from(count).unwrap(), Ordering::Relaxed);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    }
}

/// A good client with its picture on the port.
struct Good {
    program: Program,
    toplevel: Toplevel,
}

impl Good {
    fn start(service: &Service) -> Result<Self> {
        let mut program = Program::connect(&service.socket("viewer")?)?;
        let toplevel = program.toplevel(APP)?;
        let buffer = program.buffer((40, 20), Format::Xrgb8888, true)?;
        toplevel.show(&buffer);
        program.roundtrip()?;
        Ok(Self { program, toplevel })
    }

    /// Asks for frames one after the other, each with new damage.
    fn frames(&mut self, count: usize) -> Result<()> {
        for _ in 0..count {
            let mark = self.program.log.len();
            self.program.frame(&self.toplevel.surface);
            self.toplevel.surface.damage_buffer(0, 0, 1, 1);
            self.toplevel.surface.commit();
            self.program.wait_for("a frame", mark, |line| line == "frame done")?;
        }
        Ok(())
    }
}

/// A second client floods once the first one shows its picture; the first one gets its frames.
fn served_beside(flood: impl Fn(&Program) -> Result<Vec<u8>>) -> Result<()> {
    let service = service()?;
    let mut good = Good::start(&service)?;
    let flooder = Program::connect(&service.socket("plain")?)?;
    let bytes = flood(&flooder)?;
    let flood = Flood::start(flooder, &bytes)?;
    wait_until("the flood to begin", SHORT, || Ok((flood.sent() > 1 << 16).then_some(())))?;
    let before = flood.sent();
    good.frames(FRAMES)?;
    wait_until("the flood to go on", SHORT, || Ok((flood.sent() > before).then_some(())))?;
    Ok(())
}

#[test]
fn a_flood_of_syncs_delays_nobody() -> Result<()> {
    // The answer frees the number, so that every request can use the same.
    served_beside(|program| Ok(request(1, 0, &[program.surface().id().protocol_id() + 1])))
}

#[test]
fn a_flood_of_damage_delays_nobody() -> Result<()> {
    served_beside(|program| {
        let id = program.surface().id().protocol_id();
        Ok([request(id, 9, &[0, 0, 1, 1]), request(id, 6, &[])].concat())
    })
}

#[test]
fn a_flood_of_resizes_delays_nobody() -> Result<()> {
    served_beside(|program| {
        let buffer = program.buffer((4, 4), Format::Xrgb8888, true)?;
        Ok(request(buffer.pool().id().protocol_id(), 2, &[64]))
    })
}

/// The device of a guest that turns its lamps on and off, starts over, and is alive without end.
#[test]
fn a_flood_of_what_a_guest_is_delays_nobody_and_fills_no_log() -> Result<()> {
    let service = service()?;
    let mut good = Good::start(&service)?;
    let seat = good.program.seat("main")?;
    let _feedback = good.program.seat_feedback(&seat)?;
    let mut guest = Program::connect(&service.socket("ivi")?)?;
    let toplevel = guest.toplevel("porthole.scanout.0")?;
    let stream = guest.stream(&toplevel.surface)?;
    guest.roundtrip()?;
    let id = stream.id().protocol_id();
    // By the order of the protocol: state, heartbeat, rate, lamps, kind of pointer.
    let requests = [(2, 2), (2, 1), (3, 7), (4, 60_000), (5, 1), (5, 2), (6, 1), (6, 0)];
    let bytes = requests.map(|(opcode, value)| request(id, opcode, &[value])).concat();
    let flood = Flood::start(guest, &bytes)?;
    wait_until("the flood to begin", SHORT, || Ok((flood.sent() > 1 << 16).then_some(())))?;
    let before = flood.sent();
    good.frames(FRAMES)?;
    wait_until("the flood to go on", SHORT, || Ok((flood.sent() > before).then_some(())))?;
    let said = service.process.log().len();
    assert!(said < 100_000, "{said} bytes of log");
    Ok(())
}

#[test]
fn many_connections_flood_no_more_than_one() -> Result<()> {
    let service = service()?;
    let mut good = Good::start(&service)?;
    let mut floods = Vec::new();
    for _ in 0..16 {
        let flooder = Program::connect(&service.socket("plain")?)?;
        let id = flooder.surface().id().protocol_id();
        floods.push(Flood::start(flooder, &request(id, 9, &[0, 0, 1, 1]))?);
    }
    let sent = || floods.iter().map(Flood::sent).sum::<u64>();
    wait_until("the floods to begin", SHORT, || Ok((sent() > 1 << 20).then_some(())))?;
    let before = sent();
    good.frames(FRAMES)?;
    wait_until("the floods to go on", SHORT, || Ok((sent() > before).then_some(())))
}

/// Waits for a line of the service's log, which names the socket.
fn told(service: &Service, socket: &str, what: &str) -> Result<()> {
    let named = format!("socket=\"{socket}\"");
    wait_until(&format!("'{what}' in the log"), SHORT, || {
        let log = service.process.log();
        Ok(log.lines().any(|l| l.contains(what) && l.contains(&named)).then_some(()))
    })
    .map_err(|error| service.process.failure(&error.to_string()))
}

#[test]
fn half_a_request_harms_nobody() -> Result<()> {
    let service = service()?;
    let halves = Program::connect(&service.socket("plain")?)?;
    let bytes = request(1, 0, &[100]);
    halves.wire()?.write_all(&bytes[..7])?;
    Good::start(&service)?.frames(3)?;
    // It may be finished at any time later, here with a number that is not next.
    halves.wire()?.write_all(&bytes[7..])?;
    told(&service, "plain", "Invalid new_id: 100")
}

#[test]
fn lengths_that_no_request_has_are_told() -> Result<()> {
    let service = service()?;
    for len in [0_u32, 4, 4100, 0xffff] {
        let mut liar = Program::connect(&service.socket("plain")?)?;
        let words = [1_u32, len << 16];
        liar.wire()?.write_all(&words.map(u32::to_ne_bytes).concat())?;
        let error = liar.roundtrip().expect_err("a wrong length").to_string();
        assert!(error.contains(&format!("a request of {len} bytes")), "{error}");
        told(&service, "plain", &format!("a request of {len} bytes"))?;
    }
    Good::start(&service)?.frames(3)
}

/// Sends bytes with so many descriptors.
fn send_with(wire: &UnixStream, bytes: &[u8], descriptors: usize) -> Result<()> {
    let null = File::open("/dev/null")?;
    let all = vec![null.as_fd(); descriptors];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(253))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(control.push(SendAncillaryMessage::ScmRights(&all)));
    sendmsg(wire, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL)
        .map_err(io::Error::from)?;
    Ok(())
}

#[test]
fn descriptors_that_nothing_takes_are_not_kept() -> Result<()> {
    let service = service()?;
    let mut good = Good::start(&service)?;
    good.frames(1)?;
    let before = service.process.descriptors()?;
    let mut hoarder = Program::connect(&service.socket("plain")?)?;
    let surface = hoarder.surface().id().protocol_id();
    let damage = request(surface, 2, &[0, 0, 1, 1]);
    let wire = hoarder.wire()?;
    // The service may close the connection before all of it is sent.
    let _ = (0..200).try_for_each(|_| send_with(&wire, &damage, 28));
    let error = hoarder.roundtrip().expect_err("thousands of descriptors").to_string();
    assert!(error.contains("file descriptors came that no request takes"), "{error}");
    told(&service, "plain", "file descriptors came that no request takes")?;
    drop((hoarder, wire));
    wait_until("the descriptors to be closed", SHORT, || {
        Ok((service.process.descriptors()? <= before).then_some(()))
    })?;
    let mut crowd = Program::connect(&service.socket("plain")?)?;
    send_with(&crowd.wire()?, &request(1, 1, &[100]), 200)?;
    let error = crowd.roundtrip().expect_err("a crowd of descriptors").to_string();
    assert!(error.contains("more file descriptors came at once"), "{error}");
    let mut without = Program::connect(&service.socket("plain")?)?;
    let buffer = without.buffer((4, 4), Format::Xrgb8888, true)?;
    without.roundtrip()?;
    let shm: wayland_client::protocol::wl_shm::WlShm = without.bind()?;
    let id = shm.id().protocol_id();
    without.wire()?.write_all(&request(id, 0, &[id + 1, 64]))?;
    let error = without.roundtrip().expect_err("no descriptor").to_string();
    assert!(error.contains("without its file descriptor"), "{error}");
    drop(buffer);
    good.frames(3)
}

#[test]
fn descriptors_may_come_ahead_of_their_requests() -> Result<()> {
    let service = service()?;
    let mut program = Program::connect(&service.socket("plain")?)?;
    let shm: wayland_client::protocol::wl_shm::WlShm = program.bind()?;
    program.roundtrip()?;
    let (id, wire) = (shm.id().protocol_id(), program.wire()?);
    let surface = program.surface().id().protocol_id();
    program.roundtrip()?;
    // 28 descriptors with the first byte, then requests of which every second one takes one.
    let mut bytes = Vec::new();
    for pool in 0..28 {
        bytes.extend(request(surface, 2, &[0, 0, 1, 1]));
        bytes.extend(request(id, 0, &[surface + 1 + pool, 64]));
    }
    send_with(&wire, &bytes[..1], 28)?;
    wire.try_clone()?.write_all(&bytes[1..])?;
    let sync = request(1, 0, &[surface + 29]);
    wire.try_clone()?.write_all(&sync)?;
    // Were a pool without its descriptor, this would be an error.
    wait_until("an answer to the last request", SHORT, || {
        let mut answer = [0; 64];
        match (&wire).read(&mut answer) {
            Ok(count) => Ok(answer[..count]
                .chunks(4)
                .any(|w| w == (surface + 29).to_ne_bytes())
                .then_some(())),
            Err(_) => Ok(None),
        }
    })
}

#[test]
fn a_client_that_reads_nothing_is_ended() -> Result<()> {
    let service = service()?;
    let mut sleeper = Good::start(&service)?;
    sleeper.program.seat("main")?;
    let mut hand = Program::connect(&service.socket("viewer")?)?;
    let output = hand.output("main")?;
    let pointer = hand.virtual_pointer(&output)?;
    let memory = service.process.status("VmRSS")?;
    let ended = "bytes of events stay unread";
    wait_until("the sleeper's end", SHORT, || {
        for step in 0..2000 {
            pointer.motion_absolute(0, 10 + step % 20, 14, 64, 48);
            pointer.frame();
        }
        hand.roundtrip()?;
        Ok(service.process.log().contains(ended).then_some(()))
    })?;
    told(&service, "viewer", ended)?;
    let grown = service.process.status("VmRSS")?.saturating_sub(memory);
    assert!(grown < 16 << 10, "{grown} KiB for a client that reads nothing");
    Good::start(&service)?.frames(3)
}

#[test]
fn a_client_that_provokes_warnings_neither_fills_the_log_nor_hides_others() -> Result<()> {
    let service = service()?;
    let socket = service.socket("plain")?;
    // Refused again and again: each is a line or two.
    let wrong = request(1, 0, &[7]);
    let mut refused = 0;
    wait_until("lines to be left out", SHORT, || {
        for _ in 0..50 {
            let mut liar = UnixStream::connect(&socket)?;
            liar.write_all(&wrong)?;
            // Its end is the service's answer.
            let mut answer = Vec::new();
            let _ = liar.read_to_end(&mut answer);
            refused += 1;
        }
        Ok(service.process.log().contains("not logged").then_some(()))
    })?;
    let of_plain = |log: &str| log.lines().filter(|l| l.contains("socket=\"plain\"")).count();
    let lines = of_plain(&service.process.log());
    assert!(lines < 300, "{lines} lines for {refused} refusals");
    Good::start(&service)?.frames(1)?;
    assert!(service.process.log().contains("a client connected socket=\"viewer\""));
    Ok(())
}
