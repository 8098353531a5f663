//! VNC servers that lie, flood and hang up, to the running program: it goes on, says once what they did,
//! and shows the next good one.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::mpsc::{self, Sender};
use std::thread;

use porthole_tests::plain::{BACKGROUND, PORT, configuration};
use porthole_tests::source::{grey, hello, source, unix};
use porthole_tests::wait::{GUEST, SHORT, somebody_connects, wait_until};
use porthole_tests::{Capture, Failure, Picture, Process, Result, Service};

const SIZE: (u16, u16) = (64, 32);

/// What a port with that picture shows.
fn expected(value: u8) -> Picture {
    let mut picture = Picture::new(PORT.0, PORT.1, BACKGROUND);
    picture.put(&Picture::new(SIZE.0.into(), SIZE.1.into(), [value; 3]), (0, 0));
    picture
}

/// Ways to begin an update: one rectangle of an encoding.
fn update(place: [u16; 4], encoding: i32, body: &[u8]) -> Vec<u8> {
    let place = place.map(u16::to_be_bytes).concat();
    [&[0, 0, 0, 1][..], &place, &encoding.to_be_bytes(), body].concat()
}

/// What a connection gets, and what more when it has asked something: its bytes, and the answer.
struct Told {
    first: Vec<u8>,
    answer: Option<(Vec<u8>, Vec<u8>)>,
}

/// A server for one connection after another: each gets what is told next, and is closed when the next is
/// told.
struct Server(Sender<Told>);

impl Server {
    fn start(socket: &Path) -> Result<Self> {
        let listener = UnixListener::bind(socket)?;
        let (tell, told) = mpsc::channel::<Told>();
        thread::spawn(move || {
            let mut last = None;
            for Told { first, answer } in told {
                drop(last.take());
                let Ok((mut stream, _)) = listener.accept() else { return };
                // Who has heard enough of it hangs up.
                let _ = stream.write_all(&first);
                if let Some((question, answer)) = answer
                    && asked(&mut stream, &question)
                {
                    let _ = stream.write_all(&answer);
                }
                last = Some(stream);
            }
        });
        Ok(Self(tell))
    }

    fn tell(&self, bytes: Vec<u8>) -> Result<()> {
        self.send(Told { first: bytes, answer: None })
    }

    /// Tells something, and something more to who asks this.
    fn tell_and_answer(&self, first: Vec<u8>, question: Vec<u8>, answer: Vec<u8>) -> Result<()> {
        self.send(Told { first, answer: Some((question, answer)) })
    }

    fn send(&self, told: Told) -> Result<()> {
        self.0.send(told).map_err(|_| Failure::new("the server is gone"))
    }
}

/// Reads until these bytes have come; false if they do not.
fn asked(stream: &mut UnixStream, question: &[u8]) -> bool {
    let (mut heard, mut piece) = (Vec::new(), [0; 4096]);
    if stream.set_read_timeout(Some(SHORT)).is_err() {
        return false;
    }
    while !heard.windows(question.len()).any(|bytes| bytes == question) {
        match stream.read(&mut piece) {
            Ok(count) if count > 0 => heard.extend_from_slice(&piece[..count]),
            _ => return false,
        }
    }
    true
}

/// Waits until the program's log holds a text.
fn says(source: &mut Process, text: &str) -> Result<()> {
    let seen = wait_until(text, GUEST, || {
        source.must_run()?;
        Ok(source.log().contains(text).then_some(()))
    });
    seen.map_err(|error| source.failure(&error.to_string()))
}

#[test]
fn servers_that_lie_are_left_and_the_next_good_one_is_shown() -> Result<()> {
    let service = Service::start_with(&configuration("old"))?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    // Each at a place of its own: who is about to be ended may have connected once more.
    let begin = |name: &str| -> Result<(Server, Process)> {
        let socket = service.folder().join(name);
        let server = Server::start(&socket)?;
        Ok((server, source(&service, "old", &unix(&socket), &["--max-memory", "64"])?))
    };
    let lies: [(Vec<u8>, &str); 9] = [
        (b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), "does not speak RFB"),
        ([hello(SIZE), update([0, 0, 65, 32], 0, &[])].concat(), "leaves the picture"),
        ([hello(SIZE), update([0, 0, 64, 32], 16, &[0xff; 4])].concat(), "a ZRLE rectangle of"),
        ([hello(SIZE), update([0, 0, 64, 32], 7, &[0xa0])].concat(), "a kind of Tight rectangle"),
        ([hello(SIZE), update([0, 0, 9000, 9000], -223, &[])].concat(), "--max-memory"),
        ([hello(SIZE), update([0, 0, 600, 600], -239, &[])].concat(), "picture of 600x600"),
        ([hello(SIZE), vec![99]].concat(), "unknown message type 99"),
        ([hello(SIZE), vec![3, 0, 0, 0, 0xff, 0xff, 0xff, 0xfc]].concat(), "cut text of"),
        (b"RFB 003.008\n\x01\x02".to_vec(), "--password-file"),
    ];
    for (number, (lie, said)) in lies.into_iter().enumerate() {
        // A new program for each, because who was refused waits longer each time.
        let (server, mut source) = begin(&format!("liar-{number}"))?;
        server.tell(lie)?;
        says(&mut source, said)?;
        assert!(source.terminate()?.success(), "{}", source.failure("it ended badly"));
    }
    let (server, mut source) = begin("honest")?;
    server.tell([hello(SIZE), grey(SIZE, 0x33)].concat())?;
    capture.expect("source-honest", &expected(0x33), SHORT)?;
    // It hangs up, a liar comes, and then a good one again.
    server.tell([hello(SIZE), vec![98]].concat())?;
    server.tell([hello(SIZE), grey(SIZE, 0x77)].concat())?;
    capture.expect("source-after-a-lie", &expected(0x77), GUEST)?;
    source.must_run()
}

#[test]
fn a_flood_hurts_nobody_else_and_a_server_over_tcp_is_reached() -> Result<()> {
    let service = Service::start_with(&configuration("old"))?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    let mut source = source(&service, "old", &address, &[])?;
    somebody_connects(&listener)?;
    let (mut stream, _) = listener.accept()?;
    stream.write_all(&[hello(SIZE), grey(SIZE, 0x55)].concat())?;
    capture.expect("source-tcp", &expected(0x55), SHORT)?;
    // Copies of the picture onto itself as fast as they go, with cursors and sounds between.
    let mut flood = vec![0, 0, 0xff, 0xfe];
    for _ in 0..2000 {
        flood.extend([0, 0, 0, 0, 0, 64, 0, 32, 0, 0, 0, 1, 0, 0, 0, 0]);
    }
    stream.write_all(&flood)?;
    let bells = vec![2; 100_000];
    stream
        .write_all(&[update([0, 0, 1, 1], 0, &[9; 4])[4..].repeat(65534 - 2000), bells].concat())?;
    stream.write_all(&grey(SIZE, 0x66))?;
    capture.expect("source-flood", &expected(0x66), GUEST)?;
    source.must_run()?;
    assert!(source.status("VmRSS")? < 128 << 10, "{} kB", source.status("VmRSS")?);
    // It ends when it is told to, in the middle of whatever comes.
    let whole = [&flood[..4], &flood[4..20].repeat(0xfffe)].concat();
    let flooding = thread::spawn(move || while stream.write_all(&whole).is_ok() {});
    let status = source.terminate()?;
    assert!(status.success(), "{}", source.failure("it ended badly"));
    flooding.join().map_err(|_| Failure::new("the flood has failed"))
}

/// A message of the extended clipboard; those of both sides differ in their number.
fn clipboard(kind: u8, flags: u32, data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len() + 4).unwrap().wrapping_neg();
    [&[kind, 0, 0, 0][..], &length.to_be_bytes(), &flags.to_be_bytes(), data].concat()
}

#[test]
fn servers_that_lie_about_their_clipboard_are_left() -> Result<()> {
    const SERVER: u8 = 3;
    const CLIENT: u8 = 6;
    const CAPS: u32 = 1 << 24 | 1;
    const REQUEST: u32 = 1 << 25 | 1;
    const NOTIFY: u32 = 1 << 27 | 1;
    const PROVIDE: u32 = 1 << 28 | 1;
    let text = configuration("old").replace(
        "[[guest]]\nname = \"old\"\n",
        "[[guest]]\nname = \"old\"\nclipboard = \"both\"\n",
    );
    let service = Service::start_with(&text)?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    // Each at a place of its own, as above.
    let begin = |name: &str| -> Result<(Server, Process)> {
        let socket = service.folder().join(name);
        let server = Server::start(&socket)?;
        Ok((server, source(&service, "old", &unix(&socket), &["--clipboard", "both"])?))
    };
    let lies = [
        (vec![3, 0, 0, 0, 0xff, 0xff, 0xff, 0xfd, 0, 0, 0], "cut text of"),
        (clipboard(SERVER, CAPS, &[]), "bad clipboard"),
    ];
    for (number, (lie, said)) in lies.into_iter().enumerate() {
        let (server, mut source) = begin(&format!("liar-{number}"))?;
        server.tell([hello(SIZE), lie].concat())?;
        says(&mut source, said)?;
        assert!(source.terminate()?.success(), "{}", source.failure("it ended badly"));
    }
    // An answer is looked at once it was asked for.
    let offer = [hello(SIZE), clipboard(SERVER, CAPS, &[0; 4]), clipboard(SERVER, NOTIFY, &[])];
    let (server, mut source) = begin("liar-asked")?;
    let lie = clipboard(SERVER, PROVIDE, b"no deflate");
    server.tell_and_answer(offer.concat(), clipboard(CLIENT, REQUEST, &[]), lie)?;
    says(&mut source, "bad clipboard")?;
    assert!(source.terminate()?.success(), "{}", source.failure("it ended badly"));
    // One that asks and tells without end, and whose picture is shown all the same.
    let flood = [clipboard(SERVER, REQUEST, &[]), clipboard(SERVER, NOTIFY, &[])].concat();
    let flood = flood.repeat(10_000);
    let (server, mut source) = begin("flood")?;
    server
        .tell([hello(SIZE), clipboard(SERVER, CAPS, &[0; 4]), flood, grey(SIZE, 0x77)].concat())?;
    capture.expect("source-clipboard-flood", &expected(0x77), SHORT)?;
    source.must_run()
}
