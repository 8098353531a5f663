//! What is copied at a viewer is what its seat has, and the other way round: by the extended clipboard and
//! by plain text, and with viewers that lie about it.

use std::io::{Read, Write};
use std::net::TcpStream;

use porthole_rfb::client::{Client, Event};
use porthole_rfb::{ClipboardWays, Encoding};
use porthole_tests::failure::OrFail;
use porthole_tests::program::{Program, TEXT};
use porthole_tests::service::VncServer;
use porthole_tests::wait::SHORT;
use porthole_tests::{Failure, Result, Service};
use wayland_protocols::ext::data_control::v1::client::ext_data_control_device_v1::ExtDataControlDeviceV1;

/// A port with clipboards, and its VNC server.
pub(crate) fn start(ways: &str) -> Result<(Service, VncServer)> {
    let service = Service::start_with(
        r#"
version = 1
[[port]]
name = "main"
size = [64, 48]
[[socket]]
name = "viewer"
rights = ["capture:main", "input:main", "clipboard:main"]
[[socket]]
name = "person"
rights = ["clipboard:main"]
"#,
    )?;
    let server = service.vnc_with("main", "127.0.0.1:0", &["--clipboard", ways])?;
    Ok((service, server))
}

/// Somebody who sees and sets what is copied on a seat.
pub(crate) struct Person {
    pub(crate) program: Program,
    control: ExtDataControlDeviceV1,
}

impl Person {
    /// On a seat that there is.
    pub(crate) fn new(service: &Service, seat: &str) -> Result<Self> {
        let mut program = Program::connect(&service.socket("person")?)?;
        let seat = program.seat(seat)?;
        let control = program.data_control(&seat)?;
        program.wait_for("the clipboard", 0, |line| line.starts_with("control copied"))?;
        Ok(Self { program, control })
    }

    /// Has a text copied, and serves it once.
    pub(crate) fn copy(&mut self, text: &str) -> Result<()> {
        let mark = self.program.log.len();
        let source = self.program.control_source(text)?;
        self.control.set_selection(Some(&source));
        self.program.wait_for("somebody to ask", mark, |l| l.starts_with("source sends"))
    }

    /// Waits until the seat has a text of somebody else, after a line of the log.
    pub(crate) fn paste(&mut self, mark: usize) -> Result<String> {
        let copied = format!("control copied {TEXT} ");
        self.program.wait_for("the viewer's text", mark, |l| l.starts_with(&copied))?;
        self.program.paste_from_afar()
    }

    pub(crate) fn mark(&self) -> usize {
        self.program.log.len()
    }
}

/// A viewer past its handshake that has its seat.
struct Peer {
    stream: TcpStream,
    client: Client,
}

impl Peer {
    fn connect(address: &str, encodings: &[Encoding]) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(SHORT))?;
        let mut client = Client::new(None, true);
        client.set_clipboard_ways(ClipboardWays { give: true, take: true });
        let mut peer = Self { stream, client };
        peer.until("the greeting", |event| matches!(event, Event::Ready { .. }))?;
        peer.client.set_encodings(encodings);
        peer.client.request_update(false);
        // Nothing is heard before the seat is there.
        peer.until("the picture", |event| matches!(event, Event::UpdateDone))?;
        Ok(peer)
    }

    /// Hears and says what there is until something is heard.
    fn until(&mut self, what: &str, is: impl Fn(&Event) -> bool) -> Result<Event> {
        let mut bytes = [0; 1 << 16];
        loop {
            while let Some(event) = self.client.next_event().or_fail(what)? {
                if is(&event) {
                    return Ok(event);
                }
            }
            self.say()?;
            let count = self.stream.read(&mut bytes).or_fail(what)?;
            if count == 0 {
                return Err(Failure::new(format!("the server hung up before {what}")));
            }
            self.client.feed(&bytes[..count]);
        }
    }

    fn say(&mut self) -> Result<()> {
        loop {
            self.stream.write_all(&self.client.take_output())?;
            if !self.client.tell_clipboard() {
                return Ok(());
            }
        }
    }

    fn copy(&mut self, text: Option<&str>) -> Result<()> {
        self.client.set_clipboard(text.map(Into::into));
        self.say()
    }

    /// Waits for a text, whole.
    fn hears(&mut self, text: &str) -> Result<()> {
        let latin1: Vec<u8> = text.chars().map(|c| u8::try_from(c).unwrap_or(b'?')).collect();
        let is = |event: &Event| match event {
            Event::Copied(Some(copied)) => **copied == *text,
            Event::CutText(bytes) => *bytes == latin1,
            _ => false,
        };
        self.until("what was copied on its seat", is).map(drop)
    }
}

const EXTENDED: [Encoding; 2] = [Encoding::Raw, Encoding::ExtendedClipboard];

#[test]
fn what_is_copied_goes_between_a_viewer_and_its_seat() -> Result<()> {
    let (service, server) = start("both")?;
    let mut viewer = Peer::connect(&server.address, &EXTENDED)?;
    let mut other = Peer::connect(&server.address, &[Encoding::Raw])?;
    let mut person = Person::new(&service, "main/viewer-1")?;
    let mut second = Person::new(&service, "main/viewer-2")?;

    person.copy("of the seat, é and 漢\n")?;
    viewer.hears("of the seat, é and 漢\n")?;
    let long = "0123456789\n".repeat(80_000);
    person.copy(&long)?;
    viewer.hears(&long)?;
    // The server asks for what the viewer tells of, so the viewer has to listen.
    let mark = person.mark();
    viewer.copy(Some("of the viewer, 漢"))?;
    person.copy_comes(&mut viewer, mark, "of the viewer, 漢")?;
    let mark = person.mark();
    viewer.copy(None)?;
    person.program.wait_for("nothing", mark, |l| l == "control copied none")?;

    // Plain text comes unasked, and has no other letters.
    second.copy("plain é, no 漢")?;
    other.hears("plain é, no 漢")?;
    let mark = second.mark();
    other.copy(Some("é of the other"))?;
    assert_eq!(second.paste(mark)?, "é of the other");
    // Each has a seat of its own, whose clipboard goes with it.
    person.copy("still the first one's")?;
    viewer.hears("still the first one's")?;
    assert_eq!(second.program.paste_from_afar()?, "é of the other");
    let mark = second.mark();
    drop(other);
    second.program.wait_for("the loss", mark, |l| l == "control copied none")
}

impl Person {
    /// A text comes from a viewer, which answers the question for it.
    fn copy_comes(&mut self, viewer: &mut Peer, mark: usize, text: &str) -> Result<()> {
        // What the server asks comes before anything that is copied afterwards is told.
        viewer.stream.set_nonblocking(true)?;
        let seen = porthole_tests::wait::wait_until(text, SHORT, || {
            let mut bytes = [0; 4096];
            if let Ok(count) = viewer.stream.read(&mut bytes) {
                viewer.client.feed(&bytes[..count]);
            }
            while viewer.client.next_event().or_fail("hear the server")?.is_some() {}
            viewer.say()?;
            self.program.roundtrip()?;
            let copied = format!("control copied {TEXT} ");
            Ok(self.program.log.since(mark).iter().any(|l| l.starts_with(&copied)).then_some(()))
        });
        viewer.stream.set_nonblocking(false)?;
        seen?;
        assert_eq!(self.program.paste_from_afar()?, text);
        Ok(())
    }
}

#[test]
fn text_goes_only_the_way_that_is_allowed() -> Result<()> {
    let (service, server) = start("in")?;
    let mut viewer = Peer::connect(&server.address, &[Encoding::Raw])?;
    let mut person = Person::new(&service, "main/viewer-1")?;
    let mark = person.mark();
    viewer.copy(Some("of the viewer"))?;
    assert_eq!(person.paste(mark)?, "of the viewer");
    // Nobody asks for what the seat has: the viewer's next text is all that is heard of.
    let asked = person.mark();
    let source = person.program.control_source("of the seat")?;
    person.control.set_selection(Some(&source));
    person.program.roundtrip()?;
    let mark = person.mark();
    viewer.copy(Some("once more"))?;
    assert_eq!(person.paste(mark)?, "once more");
    let asks = |person: &Person| {
        person.program.log.since(asked).iter().any(|line| line.starts_with("source sends"))
    };
    assert!(!asks(&person));
    Ok(())
}

/// A message of the extended clipboard.
fn message(flags: u32, data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len() + 4).unwrap().wrapping_neg();
    [&[6, 0, 0, 0][..], &length.to_be_bytes(), &flags.to_be_bytes(), data].concat()
}

impl Peer {
    /// Waits until the server asks for what the viewer has copied, and says nothing itself.
    fn asked(&mut self) -> Result<()> {
        let mut question = message(REQUEST, &[]);
        question[0] = 3;
        let (mut heard, mut piece) = (Vec::new(), [0; 4096]);
        while !heard.windows(question.len()).any(|bytes| *bytes == question) {
            match self.stream.read(&mut piece).or_fail("hear the question")? {
                0 => return Err(Failure::new("the server hung up instead of asking")),
                count => heard.extend_from_slice(&piece[..count]),
            }
        }
        Ok(())
    }
}

const NOTIFY: u32 = 1 << 27 | 1;
const REQUEST: u32 = 1 << 25 | 1;
const PROVIDE: u32 = 1 << 28 | 1;

#[test]
fn viewers_that_lie_about_their_clipboard_are_sent_away() -> Result<()> {
    let (_service, mut server) = start("both")?;
    // What cannot be ends the connection; an answer once it was asked for.
    for (offered, lie) in [
        (false, vec![6, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0]),
        (true, message(PROVIDE, b"no deflate")),
        (true, message(PROVIDE, &[])),
        (false, message(1 << 24 | 0xffff, &[0; 8])),
    ] {
        let mut viewer = Peer::connect(&server.address, &EXTENDED)?;
        if offered {
            viewer.stream.write_all(&message(NOTIFY, &[]))?;
            viewer.asked()?;
        }
        viewer.stream.write_all(&lie)?;
        let mut rest = Vec::new();
        // It may be reset, with what was not read.
        let _ = viewer.stream.read_to_end(&mut rest);
    }
    server.process.must_run()
}

#[test]
fn a_viewer_that_asks_without_end_and_does_not_read_keeps_nobody_waiting() -> Result<()> {
    let (service, mut server) = start("both")?;
    // One asks for a long text again and again, says that it has one, and reads nothing.
    let mut deaf = Peer::connect(&server.address, &EXTENDED)?;
    let mut person = Person::new(&service, "main/viewer-1")?;
    person.copy(&"text ".repeat(190_000))?;
    let flood = [message(REQUEST, &[]), message(NOTIFY, &[])].concat().repeat(500);
    deaf.stream.set_nonblocking(true)?;
    for _ in 0..200 {
        if deaf.stream.write_all(&flood).is_err() {
            break;
        }
    }
    // Another one is served all the same.
    let mut viewer = Peer::connect(&server.address, &EXTENDED)?;
    let mut next = Person::new(&service, "main/viewer-2")?;
    next.copy("served all the same")?;
    viewer.hears("served all the same")?;
    server.process.must_run()
}
