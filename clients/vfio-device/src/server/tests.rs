//! A client of our own against the transport, on a real socket.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::io::read;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

use super::*;
use crate::function::{Refused, RegionSpec};
use crate::memory::Ram;

/// A function with one region of bytes; odd accesses are refused.
#[derive(Default)]
struct Bytes {
    region: Vec<u8>,
    ram: Ram,
    vectors: Vec<(u16, bool)>,
    resets: u32,
}

impl Function for Bytes {
    fn read(&mut self, _: u32, offset: u64, into: &mut [u8]) -> Result<(), Refused> {
        let start = usize::try_from(offset).unwrap();
        into.copy_from_slice(&self.region[start..start + into.len()]);
        Ok(())
    }
    fn write(&mut self, _: u32, offset: u64, bytes: &[u8]) -> Result<(), Refused> {
        if bytes.len() == 3 {
            return Err(Refused);
        }
        let start = usize::try_from(offset).unwrap();
        self.region[start..start + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }
    fn memory(&mut self, ram: &Ram) {
        self.ram = ram.clone();
    }
    fn vector(&mut self, vector: u16, event: Option<OwnedFd>) {
        self.vectors.push((vector, event.is_some()));
    }
    fn reset(&mut self) {
        self.resets += 1;
    }
}

struct Client {
    server: Server,
    function: Bytes,
    socket: UnixStream,
}

const SIZE: u64 = 0x4000;

impl Client {
    fn connected() -> Self {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let file = memfd_create("bar", MemfdFlags::CLOEXEC).unwrap();
        let bar = RegionSpec { size: SIZE, writable: true, file: Some(file) };
        let rom = RegionSpec { size: 0x100, ..RegionSpec::default() };
        let regions = vec![bar, RegionSpec::default(), rom];
        let description = Description { name: "test", regions, vectors: 3 };
        let server = Server::new(Endpoint::connected(theirs.into()), description).unwrap();
        ours.set_nonblocking(true).unwrap();
        let region = vec![0; usize::try_from(SIZE).unwrap()];
        Self { server, function: Bytes { region, ..Bytes::default() }, socket: ours }
    }

    fn greeted() -> Self {
        let mut client = Self::connected();
        let reply = client.ask(1, b"\0\0\x01\0{\"capabilities\":{}}\0", &[]).unwrap();
        assert!(reply.ends_with(&[0]));
        client
    }

    fn turn(&mut self) -> Result<Turn, Fault> {
        self.server.turn(&mut self.function)
    }

    fn message(command: u16, body: &[u8]) -> Vec<u8> {
        let size = u32::try_from(16 + body.len()).unwrap();
        let mut bytes = [7_u16.to_le_bytes(), command.to_le_bytes()].concat();
        bytes.extend([size, 0, 0].map(u32::to_le_bytes).concat());
        bytes.extend(body);
        bytes
    }

    /// Asks something; the reply's body, or the error's number.
    fn ask(&mut self, command: u16, body: &[u8], fds: &[&OwnedFd]) -> Result<Vec<u8>, u32> {
        let bytes = Self::message(command, body);
        let fds: Vec<_> = fds.iter().map(|fd| fd.as_fd()).collect();
        let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(8))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !fds.is_empty() {
            assert!(control.push(SendAncillaryMessage::ScmRights(&fds)));
        }
        let slice = [std::io::IoSlice::new(&bytes)];
        sendmsg(&self.socket, &slice, &mut control, SendFlags::empty()).unwrap();
        self.turn().unwrap();
        self.answer()
    }

    /// Reads so many bytes, and lets the server work while there are none.
    fn fill(&mut self, into: &mut [u8]) {
        let mut filled = 0;
        for _ in 0..10_000 {
            match self.socket.read(&mut into[filled..]) {
                Ok(count) => filled += count,
                Err(_) if !self.server.is_connected() => break,
                // A function that has failed has said what it had to say.
                Err(_) => drop(self.turn()),
            }
            if filled == into.len() {
                return;
            }
        }
        panic!("{filled} of {} bytes came", into.len());
    }

    fn answer(&mut self) -> Result<Vec<u8>, u32> {
        let mut header = [0; 16];
        self.fill(&mut header);
        let word = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().unwrap());
        let mut body = vec![0; word(4) as usize - 16];
        self.fill(&mut body);
        if word(8) & 0x20 != 0 { Err(word(12)) } else { Ok(body) }
    }
}

fn access(offset: u64, region: u32, count: u32, data: &[u8]) -> Vec<u8> {
    [&offset.to_le_bytes()[..], &region.to_le_bytes(), &count.to_le_bytes(), data].concat()
}

#[test]
fn regions_are_read_and_written_inside_of_them_only() {
    let mut client = Client::greeted();
    client.ask(10, &access(8, 0, 4, &[1, 2, 3, 4]), &[]).unwrap();
    let read = client.ask(9, &access(9, 0, 2, &[]), &[]).unwrap();
    assert_eq!(read[16..], [2, 3]);
    for bad in [access(SIZE, 0, 1, &[]), access(u64::MAX, 0, 2, &[]), access(0, 1, 1, &[])] {
        assert_eq!(client.ask(9, &bad, &[]), Err(22));
    }
    assert_eq!(client.ask(9, &access(0, 9, 4, &[]), &[]), Err(22));
    // What the function refuses, and what cannot be written.
    assert_eq!(client.ask(10, &access(8, 0, 3, &[9; 3]), &[]), Err(22));
    assert_eq!(client.ask(10, &access(0, 2, 1, &[9]), &[]), Err(22));
    assert_eq!(client.function.region[8..12], [1, 2, 3, 4]);
    // Several at once.
    let two = [access(0, 0, 1, &[5; 8]), access(2, 0, 2, &[6; 8])].concat();
    let body = [&2_u64.to_le_bytes()[..], &two].concat();
    assert_eq!(client.ask(15, &body, &[]).unwrap(), 2_u64.to_le_bytes());
    assert_eq!(client.function.region[..5], [5, 0, 6, 6, 0]);
    client.ask(13, &[], &[]).unwrap();
    client.ask(13, &[], &[]).unwrap();
    assert_eq!(client.function.resets, 2);
}

#[test]
fn a_client_of_another_version_is_told() {
    let mut client = Client::connected();
    client.socket.write_all(&Client::message(1, b"\x01\0\0\0{}\0")).unwrap();
    while client.server.is_connected() {
        if let Err(fault) = client.turn() {
            let Fault::Protocol(error) = fault else { panic!("{fault}") };
            assert!(error.to_string().contains("vfio-user 1.0"), "{error}");
            break;
        }
    }
    assert_eq!(client.answer(), Err(22));
}

#[test]
fn interrupts_are_bound_raised_and_let_go() {
    let mut client = Client::greeted();
    let set = |flags: u32, index: u32, start: u32, count: u32| {
        [20, flags, index, start, count].map(u32::to_le_bytes).concat()
    };
    let event = eventfd(0, EventfdFlags::NONBLOCK).unwrap();
    client.ask(8, &set(0x24, 2, 0, 1), &[]).unwrap();
    client.ask(8, &set(0x24, 2, 1, 1), &[&event]).unwrap();
    assert_eq!(client.function.vectors, [(0, false), (1, true)]);
    client.ask(8, &set(0x21, 2, 1, 1), &[]).unwrap();
    let mut count = [0; 8];
    assert_eq!(read(&event, &mut count), Ok(8));
    client.ask(8, &set(0x21, 2, 0, 0), &[]).unwrap();
    assert_eq!(client.function.vectors[2..], [(0, false), (1, false), (2, false)]);
    assert_eq!(client.ask(8, &set(0x24, 2, 3, 1), &[&event]), Err(22));
    assert_eq!(client.ask(8, &set(0x24, 9, 0, 0), &[]), Err(22));
    // A descriptor that is no eventfd would be written to.
    let file = memfd_create("x", MemfdFlags::CLOEXEC).unwrap();
    assert_eq!(client.ask(8, &set(0x24, 2, 0, 1), &[&file]), Err(22));
    let info = client.ask(7, &[16, 0, 2, 0].map(u32::to_le_bytes).concat(), &[]).unwrap();
    assert_eq!(info, [16, 1, 2, 3].map(u32::to_le_bytes).concat());
}

#[test]
fn guest_memory_comes_and_goes() {
    let mut client = Client::greeted();
    let ram = memfd_create("ram", MemfdFlags::CLOEXEC).unwrap();
    ftruncate(&ram, 0x2000).unwrap();
    let map = |address: u64| {
        [&[32, 0, 0, 0, 3, 0, 0, 0][..], &[0, address, 0x1000].map(u64::to_le_bytes).concat()]
            .concat()
    };
    client.ask(2, &map(0x1000), &[&ram]).unwrap();
    client.ask(2, &map(0x8000), &[]).unwrap();
    assert!(client.function.ram.ram.contains(0x1000, 0x1000));
    assert!(!client.function.ram.ram.contains(0x8000, 1));
    assert_eq!(client.ask(2, &map(0x1000), &[&ram]), Err(22));
    let unmap =
        [&[24, 0, 0, 0, 0, 0, 0, 0][..], &[0x1000_u64, 0x1000].map(u64::to_le_bytes).concat()];
    client.ask(3, &unmap.concat(), &[]).unwrap();
    assert!(!client.function.ram.ram.contains(0x1000, 1) && !client.function.ram.whole);
    assert_eq!(client.ask(3, &unmap.concat(), &[]), Err(22));
}

/// Who asks for much and reads nothing is not heard, and nothing more is kept for it.
#[test]
fn a_client_that_does_not_read_is_not_heard() {
    let mut client = Client::greeted();
    let ask = Client::message(9, &access(0, 0, 0x4000, &[]));
    let mut asked = 0;
    while asked < 500 && client.socket.write(&ask).is_ok_and(|count| count == ask.len()) {
        asked += 1;
    }
    assert!(asked > 100);
    for _ in 0..500 {
        client.turn().unwrap();
    }
    let Phase::Connected(connection) = &client.server.phase else { panic!("gone") };
    assert!(connection.is_full());
    for _ in 0..asked {
        assert_eq!(client.answer().unwrap().len(), 0x4010);
    }
}

#[test]
fn a_client_that_goes_is_noticed() {
    let mut client = Client::greeted();
    client.socket.shutdown(std::net::Shutdown::Both).unwrap();
    assert_eq!(client.turn().unwrap(), Turn::Disconnected);
    let mut client = Client::greeted();
    client.socket.write_all(&[1, 2, 3]).unwrap();
    client.turn().unwrap();
    client.socket.shutdown(std::net::Shutdown::Both).unwrap();
    assert!(matches!(client.turn(), Err(Fault::CutShort)));
}
