use flate2::{Compress, Compression, FlushCompress};

use super::*;

const BOTH: ClipboardWays = ClipboardWays { give: true, take: true };

fn clipboard(ways: ClipboardWays) -> Clipboard {
    let mut clipboard = Clipboard::default();
    clipboard.set_ways(ways);
    clipboard
}

/// Two that have told each other what they can.
fn pair() -> (Clipboard, Clipboard) {
    let (mut server, mut viewer) = (clipboard(BOTH), clipboard(BOTH));
    server.offered(true);
    exchange(&mut server, &mut viewer);
    (server, viewer)
}

/// What a side says, one message.
fn said(clipboard: &mut Clipboard) -> Option<Vec<u8>> {
    let mut output = Vec::new();
    clipboard.say(3, &mut output).then_some(output)
}

/// Has both talk until nobody has anything to say; what the first and the second one heard.
fn exchange(one: &mut Clipboard, two: &mut Clipboard) -> [Vec<Heard>; 2] {
    let mut heard = [Vec::new(), Vec::new()];
    for _ in 0..16 {
        for to_whom in [1, 0] {
            let (from, to) =
                if to_whom == 1 { (&mut *one, &mut *two) } else { (&mut *two, &mut *one) };
            let Some(message) = said(from) else { continue };
            let length = u32::from_be_bytes(message[4..8].try_into().unwrap());
            let Some(Length::Extended(size)) = Length::of(length, true) else { panic!() };
            assert_eq!(size, message.len() - 8);
            heard[to_whom].extend(to.heard(&message[8..]).unwrap());
        }
    }
    assert!(said(one).is_none() && said(two).is_none());
    heard
}

fn copied(text: &str) -> Heard {
    Heard::Copied(Some(text.into()))
}

fn deflated(bytes: &[u8], flush: FlushCompress) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 1024);
    Compress::new(Compression::new(6), true).compress_vec(bytes, &mut out, flush).unwrap();
    out
}

fn message(flags: u32, data: &[u8]) -> Vec<u8> {
    [&flags.to_be_bytes()[..], data].concat()
}

/// One that has asked for a text.
fn asking() -> Clipboard {
    let (mut server, _) = pair();
    assert_eq!(server.heard(&message(NOTIFY | TEXT, &[])), Ok(None));
    let question = said(&mut server).unwrap();
    assert_eq!(question[8..], (REQUEST | TEXT).to_be_bytes());
    server
}

#[test]
fn text_goes_both_ways_when_it_is_asked_for() {
    let (mut server, mut viewer) = pair();
    server.set(Some("höre\nund 漢".into()));
    assert_eq!(exchange(&mut server, &mut viewer), [vec![], vec![copied("höre\nund 漢")]]);
    // The same once more is no news; something else is, and nothing too.
    server.set(Some("höre\nund 漢".into()));
    assert_eq!(exchange(&mut server, &mut viewer), [vec![], vec![]]);
    viewer.set(Some("a\r\nb".into()));
    assert_eq!(exchange(&mut server, &mut viewer), [vec![copied("a\nb")], vec![]]);
    server.set(None);
    assert_eq!(exchange(&mut server, &mut viewer), [vec![], vec![Heard::Copied(None)]]);
    let long = "0123456789\n".repeat(90_000);
    server.set(Some(long.as_str().into()));
    assert!(exchange(&mut server, &mut viewer)[1] == [copied(&long)]);
}

#[test]
fn only_one_way_where_only_one_is_allowed() {
    let (mut server, mut viewer) = (clipboard(ClipboardWays { give: true, take: false }), {
        let mut viewer = clipboard(BOTH);
        viewer.set(Some("of the viewer".into()));
        viewer
    });
    server.offered(true);
    // The server does not say that it wants to hear: the viewer has nothing but plain text left.
    let abilities = said(&mut server).unwrap();
    assert_eq!(viewer.heard(&abilities[8..]), Ok(None));
    said(&mut viewer).unwrap();
    let plain = said(&mut viewer).unwrap();
    assert_eq!(plain, b"\x03\0\0\0\0\0\0\x0dof the viewer");
    assert_eq!(server.heard(&message(NOTIFY | TEXT, &[])), Ok(None));
    assert_eq!(said(&mut server), None);
    server.set(Some("of the server".into()));
    assert!(said(&mut server).is_some());
    let mut deaf = clipboard(ClipboardWays { give: false, take: true });
    deaf.offered(true);
    said(&mut deaf).unwrap();
    deaf.set(Some("nobody's".into()));
    for flags in [REQUEST | TEXT, PEEK] {
        assert_eq!((deaf.heard(&message(flags, &[])), said(&mut deaf)), (Ok(None), None));
    }
}

#[test]
fn plain_text_is_of_one_alphabet() {
    let mut server = clipboard(BOTH);
    server.set(Some("é漢".into()));
    assert_eq!(said(&mut server).unwrap(), [3, 0, 0, 0, 0, 0, 0, 2, 0xe9, b'?']);
    server.set(None);
    assert_eq!(said(&mut server), None);
    assert_eq!(from_latin1(&[0xe9, b'a', 0]), Some("éa".into()));
    assert_eq!(from_latin1(b"a\0b"), None);
}

#[test]
fn questions_without_end_are_answered_once_and_packed_once() {
    let (mut server, _) = pair();
    server.set(Some("text ".repeat(200_000).into()));
    said(&mut server).unwrap();
    for _ in 0..1000 {
        assert_eq!(server.heard(&message(REQUEST | TEXT, &[])), Ok(None));
        assert_eq!(server.heard(&message(PEEK, &[])), Ok(None));
        assert_eq!(server.heard(&message(CAPS | TEXT | NOTIFY, &[0; 4])), Ok(None));
    }
    let answers: Vec<_> = std::iter::from_fn(|| said(&mut server)).collect();
    assert_eq!(answers.len(), 2, "a text and that there is one");
    assert_eq!(server.packed.as_ref().map(Vec::len), Some(answers[0].len() - 12));
    server.set(Some("another".into()));
    assert!(server.packed.is_none());
    // Nothing is asked for twice, however often there is something.
    let (mut server, _) = pair();
    for _ in 0..1000 {
        assert_eq!(server.heard(&message(NOTIFY | TEXT, &[])), Ok(None));
    }
    assert!(said(&mut server).is_some() && said(&mut server).is_none());
    // The answer is older than the last one that it told of.
    assert_eq!(server.heard(&message(NOTIFY | TEXT, &[])), Ok(None));
    let old = pack("old");
    assert_eq!(server.heard(&message(PROVIDE | TEXT, &old)), Ok(None));
    assert!(said(&mut server).is_some());
    let new = pack("new");
    assert_eq!(server.heard(&message(PROVIDE | TEXT, &new)), Ok(Some(copied("new"))));
    // Nobody asked.
    assert_eq!(server.heard(&message(PROVIDE | TEXT, &new)), Ok(None));
    assert_eq!(server.heard(&message(PROVIDE | TEXT, b"no deflate")), Ok(None));
}

#[test]
fn answers_that_come_before_the_question_are_not_looked_at() {
    let (mut server, _) = pair();
    let pipelined = |server: &mut Clipboard| {
        assert_eq!(server.heard(&message(NOTIFY | TEXT, &[])), Ok(None));
        // It would be told if it were inflated.
        assert_eq!(server.heard(&message(PROVIDE | TEXT, b"no deflate")), Ok(None));
        assert_eq!(server.heard(&message(PROVIDE | TEXT, &pack("early"))), Ok(None));
        assert_eq!(server.skipped(), None);
    };
    for _ in 0..3 {
        pipelined(&mut server);
    }
    // What it has is asked for all the same, once.
    assert!(said(&mut server).is_some() && said(&mut server).is_none());
    assert_eq!(server.heard(&message(NOTIFY | TEXT, &[])), Ok(None));
    assert_eq!(server.heard(&message(PROVIDE | TEXT, &pack("old"))), Ok(None));
    // The next question is due, but not said.
    pipelined(&mut server);
    assert!(said(&mut server).is_some() && said(&mut server).is_none());
    let new = message(PROVIDE | TEXT, &pack("new"));
    assert_eq!(server.heard(&new), Ok(Some(copied("new"))));
}

#[test]
fn bombs_and_long_texts_are_left() {
    let size = u32::try_from(MAX_CUT_TEXT).unwrap() * 2 + 2;
    let long = [&size.to_be_bytes()[..], &vec![b'a'; 4 << 20]].concat();
    let bomb = deflated(&long, FlushCompress::Finish);
    assert!(bomb.len() < 10_000);
    let mut server = asking();
    let left = Ok(Some(Heard::Left("it has more than 1 MiB")));
    assert_eq!(server.heard(&message(PROVIDE | TEXT, &bomb)), left);
    // One that says less than it has is looked at as far as it says.
    let liar = [&4_u32.to_be_bytes()[..], b"abcd", &vec![b'a'; 4 << 20]].concat();
    let liar = deflated(&liar, FlushCompress::Finish);
    let mut server = asking();
    assert_eq!(server.heard(&message(PROVIDE | TEXT, &liar)), Ok(Some(copied("abcd"))));
    // Skipped altogether.
    let mut server = asking();
    assert_eq!(server.skipped(), Some(Heard::Left("it has more than 1 MiB")));
    assert_eq!(server.skipped(), None);
    for bytes in [&b"\0\0\0\x02\xff\xfe"[..], b"\0\0\0\x03a\0b"] {
        let mut server = asking();
        let bytes = deflated(bytes, FlushCompress::Sync);
        let left = Ok(Some(Heard::Left("it is no text in UTF-8")));
        assert_eq!(server.heard(&message(PROVIDE | TEXT, &bytes)), left);
    }
    // The most that there may be.
    let more = "a".repeat(MAX_CUT_TEXT + 1);
    assert_eq!(asking().heard(&message(PROVIDE | TEXT, &pack(&more))), left);
    let most = "\n".repeat(MAX_CUT_TEXT);
    let mut server = asking();
    assert!(server.heard(&message(PROVIDE | TEXT, &pack(&most))) == Ok(Some(copied(&most))));
}

#[test]
fn messages_that_contradict_themselves_are_told() {
    let short = deflated(b"\0\0\0\x08abc", FlushCompress::Finish);
    let waits = deflated(b"\0\0\0\x08abc", FlushCompress::Sync);
    let nothing = deflated(b"\0\0", FlushCompress::Finish);
    for bytes in [&b"no deflate"[..], b"", &short, &waits, &nothing, &waits[..5]] {
        let message = message(PROVIDE | TEXT, bytes);
        let heard = asking().heard(&message);
        assert!(matches!(heard, Err(Malformed(_))), "{bytes:?}: {heard:?}");
    }
    asking().heard(&[0; 3]).unwrap_err();
    asking().heard(&message(CAPS | 0xffff, &[0; 63])).unwrap_err();
    assert_eq!(asking().heard(&message(0xe000_0000, &[])), Ok(None));
    // An answer without a text is one all the same.
    let mut server = asking();
    assert_eq!(server.heard(&message(PROVIDE | 2, b"whatever")), Ok(None));
    assert_eq!(server.question, Question::None);
}

#[test]
fn lengths_are_checked_before_they_are_waited_for() {
    let most = u32::try_from(MAX_CUT_TEXT).unwrap();
    assert_eq!(Length::of(most, false), Some(Length::Plain(MAX_CUT_TEXT)));
    assert_eq!(Length::of(most + 1, true), Some(Length::Skipped(most + 1)));
    assert_eq!(Length::of(u32::MAX - 3, true), Some(Length::Extended(4)));
    assert_eq!(Length::of(most.wrapping_neg(), true), Some(Length::Extended(MAX_CUT_TEXT)));
    assert_eq!(Length::of(1 << 31, true), Some(Length::Skipped(1 << 31)));
    for length in [u32::MAX, u32::MAX - 2] {
        assert_eq!(Length::of(length, true), None);
    }
    assert_eq!(Length::of(u32::MAX - 3, false), None, "it was not asked for");
}
