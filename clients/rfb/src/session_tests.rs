use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use clap::Parser;

use super::*;

/// A server in the test's hands, and the session with it.
struct Pair {
    server: UnixStream,
    session: Session,
    now: Instant,
}

impl Pair {
    fn new(words: &[&str]) -> Self {
        let (server, ours) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        server.set_nonblocking(true).unwrap();
        let line = ["porthole-rfb", "--server", "unix:/x"].iter().chain(words);
        let options = Options::new(&Cli::parse_from(line), None);
        let now = Instant::now();
        let session = Session::new(Wire::new(ours.into()), options, Screen::new(1 << 24), now);
        Self { server, session, now }
    }

    /// One whose server has said who it is.
    fn greeted(words: &[&str]) -> Self {
        let mut pair = Self::new(words);
        pair.say(b"RFB 003.008\n\x01\x01\0\0\0\0\0\x40\0\x20").unwrap();
        let format = [32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0];
        pair.say(&[&format[..], b"\0\0\0\x01n"].concat()).unwrap();
        assert!(!pair.session.client.canvas().is_known());
        pair
    }

    fn turn(&mut self) -> Result<bool, End> {
        self.session.turn(true, self.now)
    }

    fn say(&mut self, bytes: &[u8]) -> Result<(), End> {
        for part in bytes.chunks(4096) {
            self.server.write_all(part).unwrap();
            self.turn()?;
        }
        Ok(())
    }

    /// What the server has been told.
    fn heard(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let _ = self.server.read_to_end(&mut bytes);
        bytes
    }
}

/// The picture in one colour, as an update.
fn whole(value: u8) -> Vec<u8> {
    let mut bytes = vec![0, 0, 0, 1, 0, 0, 0, 0, 0, 64, 0, 32, 0, 0, 0, 0];
    bytes.extend([value; 64 * 32 * 4]);
    bytes
}

/// A request for an update of everything.
fn request(incremental: u8) -> [u8; 10] {
    [3, incremental, 0, 0, 0, 0, 0, 64, 0, 32]
}

#[test]
fn a_server_that_says_nothing_is_left() {
    let mut pair = Pair::new(&[]);
    assert!(pair.turn().unwrap());
    assert_eq!(pair.session.deadline(), Some(pair.now + HELLO));
    pair.now += HELLO - Duration::from_millis(1);
    pair.turn().unwrap();
    pair.now += Duration::from_millis(1);
    assert!(matches!(pair.turn(), Err(End::Silent)));
    // Nothing is waited for once it has spoken.
    assert_eq!(Pair::greeted(&[]).session.deadline(), None);
}

#[test]
fn who_is_not_seen_asks_for_one_picture_and_no_more() {
    let mut pair = Pair::greeted(&[]);
    assert!(pair.heard().ends_with(&request(0)));
    pair.say(&whole(1)).unwrap();
    assert!(matches!(pair.session.take_shows()[..], [Show::Frame(_)]));
    assert!(pair.heard().is_empty(), "nobody looks");
    pair.session.set_visible(true);
    pair.turn().unwrap();
    assert_eq!(pair.heard(), request(1));
    pair.say(&whole(2)).unwrap();
    assert_eq!(pair.heard(), request(1));
    pair.session.set_visible(false);
    pair.say(&whole(3)).unwrap();
    assert!(pair.heard().is_empty());
    assert_eq!(pair.session.guest().state, GuestState::Running);
}

#[test]
fn raw_pictures_are_copied_once_and_shown_whole_however_they_are_cut() {
    let mut pair = Pair::greeted(&[]);
    let picture = 64 * 32 * 4;
    for (cut, count) in [13, 256, 1000, 4096, 9000].into_iter().zip(1_u64..) {
        let value = u8::try_from(count).unwrap();
        let update = whole(value);
        // It stalls in the middle of a row, and of a pixel.
        let (first, rest) = update.split_at(16 + 5 * 256 + 7);
        for part in first.chunks(cut) {
            pair.say(part).unwrap();
        }
        assert!(pair.session.take_shows().is_empty(), "half a picture");
        for part in rest.chunks(cut) {
            pair.say(part).unwrap();
        }
        let shows = pair.session.take_shows();
        let [Show::Frame(frame)] = &shows[..] else { panic!("{shows:?}") };
        let mut seen = vec![0; picture];
        frame.memory.read_at(0, &mut seen).unwrap();
        assert!(seen.iter().all(|byte| *byte == value));
        assert_eq!(pair.session.screen().copies().transfer, count * picture as u64);
        let (buffer, serial) = (frame.buffer, frame.serial);
        pair.session.screen().released(buffer, serial);
    }
    assert_eq!(pair.session.screen().copies().repair, 0);
}

#[test]
fn updates_that_nobody_asks_for_come_while_somebody_looks() {
    let mut pair = Pair::greeted(&[]);
    pair.session.set_visible(true);
    pair.say(&whole(1)).unwrap();
    pair.heard();
    pair.say(&[150]).unwrap();
    let on = [150, 1, 0, 0, 0, 0, 0, 64, 0, 32];
    assert!(pair.heard().starts_with(&on));
    pair.say(&whole(2)).unwrap();
    assert!(pair.heard().is_empty(), "they come by themselves");
    pair.session.set_visible(false);
    pair.turn().unwrap();
    assert_eq!(pair.heard()[..2], [150, 0]);
    pair.say(&[150]).unwrap();
    assert!(pair.heard().is_empty());
    pair.session.set_visible(true);
    pair.turn().unwrap();
    assert!(pair.heard().starts_with(&on));
}

#[test]
fn sizes_are_asked_for_at_a_bounded_rate() {
    let mut pair = Pair::greeted(&[]);
    pair.say(&whole(1)).unwrap();
    pair.session.want_size(Some(Size::new(800, 600)));
    pair.turn().unwrap();
    pair.heard();
    // Nobody has said that it may be chosen; then the server does.
    let layout = |reason: u8, status: u8| {
        let mut bytes =
            vec![0, 0, 0, 1, 0, reason, 0, status, 0, 64, 0, 32, 0xff, 0xff, 0xfe, 0xcc];
        bytes.extend([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 32, 0, 0, 0, 0]);
        bytes
    };
    pair.say(&layout(0, 0)).unwrap();
    assert_eq!(pair.heard()[..6], [251, 0, 3, 32, 2, 88]);
    // A refusal is not asked for again; another wish has to wait for its time.
    pair.say(&layout(1, 3)).unwrap();
    assert!(pair.heard().is_empty());
    pair.session.want_size(Some(Size::new(900, 600)));
    pair.turn().unwrap();
    assert!(pair.heard().is_empty());
    let due = pair.session.deadline().unwrap();
    pair.session.want_size(Some(Size::new(1000, 600)));
    pair.now = due;
    pair.turn().unwrap();
    assert_eq!(pair.heard()[..6], [251, 0, 3, 232, 2, 88]);
    assert_eq!(pair.session.deadline(), None);
}

#[test]
fn a_flood_is_taken_in_turns() {
    let mut pair = Pair::greeted(&[]);
    // Copies of the whole picture onto itself: sixteen bytes for each.
    let mut bytes = vec![0, 0, 0xff, 0xfe];
    for _ in 0..4096 {
        bytes.extend([0, 0, 0, 0, 0, 64, 0, 32, 0, 0, 0, 1, 0, 0, 0, 0]);
    }
    let mut turns = 0;
    for part in bytes.chunks(4096) {
        pair.server.write_all(part).unwrap();
    }
    loop {
        pair.turn().unwrap();
        turns += 1;
        if !pair.session.has_more() {
            break;
        }
    }
    assert!(turns > 1);
}

#[test]
fn what_ends_a_connection_is_told() {
    let mut closed = Pair::greeted(&[]);
    closed.server.shutdown(std::net::Shutdown::Both).unwrap();
    assert!(matches!(closed.turn(), Err(End::Closed)));
    let mut nonsense = Pair::greeted(&[]);
    let end = nonsense.say(&[99]).unwrap_err();
    assert_eq!(end.to_string(), "unknown message type 99");
    assert!(end.is_refusal());
    let mut secret = Pair::new(&[]);
    let end = secret.say(b"RFB 003.008\n\x01\x02").unwrap_err();
    assert!(matches!(end, End::Password), "{end}");
    assert!(end.to_string().contains("--password-file"));
    let mut large = Pair::new(&[]);
    let end = large.say(b"RFB 003.008\n\x01\x01\0\0\0\0\xff\xff\xff\xff\x20\x18\0\x01\0\xff\0\xff\0\xff\x10\x08\0\0\0\0\0\0\0\0");
    assert!(end.unwrap_err().to_string().contains("--max-memory"));
}

#[test]
fn who_only_looks_says_nothing() {
    let mut pair = Pair::greeted(&["--view-only"]);
    pair.heard();
    let mut keymap = Keymap::of_layout("us").unwrap();
    pair.session.tell(&Told::Key { scanout: 0, code: 30, pressed: true }, &mut keymap);
    pair.session.tell(&Told::Pointer { scanout: 0, x: 0.5, y: 0.5 }, &mut keymap);
    pair.session.want_size(Some(Size::new(800, 600)));
    pair.turn().unwrap();
    assert!(pair.heard().is_empty());
}

#[test]
fn jpeg_is_asked_for_where_it_is_wanted_and_nowhere_else() {
    let asked = |words: &[&str]| {
        let told = Pair::greeted(words).heard();
        // Version, security, sharing, format, then the list.
        let list = told.get(12 + 1 + 1 + 20..).unwrap();
        assert_eq!(list[0], 2, "{told:?}");
        let count = usize::from(u16::from_be_bytes([list[2], list[3]]));
        let numbers = list[4..4 + 4 * count].as_chunks::<4>().0.iter();
        numbers.map(|number| i32::from_be_bytes(*number)).collect::<Vec<_>>()
    };
    let plain = asked(&[]);
    assert_eq!(plain[..6], [16, 7, 5, 6, 2, 0]);
    assert!(plain.iter().all(|number| !(-32..=-23).contains(number)));
    let lossy = asked(&["--jpeg", "3"]);
    assert_eq!((lossy[0], lossy.last()), (7, Some(&-29)));
    assert_eq!(asked(&["--encoding", "rre", "--jpeg", "3"])[0], 2);
}

#[test]
fn a_cursor_is_seen_once_it_is_known_where() {
    let mut pair = Pair::greeted(&[]);
    pair.say(&whole(1)).unwrap();
    pair.session.take_shows();
    let image = [0, 0, 0, 1, 0, 1, 0, 0, 0, 2, 0, 1, 0xff, 0xff, 0xfe, 0xc6, 0, 0, 0, 0];
    pair.say(&[&image[..], &[1, 2, 3, 255, 0, 0, 0, 0]].concat()).unwrap();
    assert!(pair.session.take_shows().is_empty());
    let mut keymap = Keymap::of_layout("us").unwrap();
    pair.session.tell(&Told::Pointer { scanout: 0, x: 0.5, y: 0.5 }, &mut keymap);
    let shows = pair.session.take_shows();
    let [Show::CursorImage { hot, pixels, .. }, Show::CursorMoved { x, y, .. }] = &shows[..] else {
        panic!("{shows:?}")
    };
    assert_eq!((*hot, &pixels[..]), ((1, 0), &[3, 2, 1, 255, 0, 0, 0, 0][..]));
    assert_eq!((*x, *y), (31, 16));
}

#[test]
fn a_server_that_is_faster_than_the_compositor_is_held_back() {
    let mut pair = Pair::greeted(&[]);
    pair.session.set_visible(true);
    let mut frames = Vec::new();
    for value in 1..=5 {
        pair.server.write_all(&whole(value)).unwrap();
    }
    let take = |pair: &mut Pair, frames: &mut Vec<(u64, u64)>| {
        pair.turn().unwrap();
        for show in pair.session.take_shows() {
            let Show::Frame(frame) = show else { panic!("{show:?}") };
            frames.push((frame.buffer, frame.serial));
        }
    };
    take(&mut pair, &mut frames);
    assert_eq!(frames.len(), 3, "as many as there are buffers");
    assert!(pair.session.is_stalled() && !pair.session.has_more());
    take(&mut pair, &mut frames);
    assert_eq!(frames.len(), 3);
    for number in 0..2 {
        let (buffer, serial) = frames[number];
        pair.session.screen().released(buffer, serial);
        take(&mut pair, &mut frames);
        assert_eq!((frames.len(), frames[number + 3].0), (number + 4, buffer));
    }
    let (buffer, serial) = frames[2];
    pair.session.screen().released(buffer, serial);
    take(&mut pair, &mut frames);
    assert!(!pair.session.is_stalled() && frames.len() == 5);
}
