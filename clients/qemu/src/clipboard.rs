//! The guest's clipboard, as QEMU's display tells of it: who has something, and what it is when asked.
//!
//! QEMU stands still while it asks us, so what it may ask for is here before it is told that there is
//! something. A text that the guest has copied is asked for at once; of several the newest counts.

use std::sync::Arc;

use porthole_client::present::Ways;
use porthole_client::texts::{MAX_TEXT, text};
use porthole_dbus::{Malformed, Message, Writer};

use crate::calls::{CLIPBOARD, CLIPBOARD_PATH, Calls, PROPERTIES, SELECTION, TEXT, cut};
use crate::connection::Output;

/// A call about the clipboard whose answer is waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Asked {
    /// To be told of the guest's.
    Register {
        /// Somebody before us was let go of.
        again: bool,
    },
    /// To let go of who was told before.
    Unregister,
    /// For what the guest has copied.
    Text,
    /// Whatever follows does not depend on it.
    Nothing,
}

/// See the module's text.
#[derive(Debug, Default)]
pub(crate) struct Clipboard {
    ways: Ways,
    registered: bool,
    /// Counts who had something; the larger number wins.
    serial: u32,
    /// What a person has copied.
    own: Option<Arc<str>>,
    /// The guest was told of that, and has nothing newer.
    offered: bool,
    /// An answer is waited for, and whether the guest has copied something newer meanwhile.
    asking: Option<bool>,
    /// What the guest has copied, until it is taken: a text, or nothing any more.
    copied: Option<Option<Arc<str>>>,
}

/// What QEMU's call comes to.
type Answer = Result<Writer, &'static str>;

impl Clipboard {
    pub(crate) fn new(ways: Ways) -> Self {
        Self { ways, ..Self::default() }
    }

    pub(crate) const fn is_wanted(&self) -> bool {
        self.ways.any()
    }

    /// What the guest has copied since the last time.
    pub(crate) fn take_copied(&mut self) -> Option<Option<Arc<str>>> {
        self.copied.take()
    }

    /// A person has copied something.
    pub(crate) fn set(&mut self, text: Option<Arc<str>>, calls: &mut Calls<'_>) -> Option<u32> {
        if !self.ways.into || (self.offered && self.own == text) {
            return None;
        }
        let had = self.offered && self.own.is_some();
        self.own = text;
        self.offered = false;
        if self.own.is_some() {
            return self.offer(calls);
        }
        (had && self.registered).then(|| calls.clipboard_release())
    }

    fn offer(&mut self, calls: &mut Calls<'_>) -> Option<u32> {
        if !self.registered || self.own.is_none() {
            return None;
        }
        self.offered = true;
        self.serial = self.serial.saturating_add(1);
        Some(calls.clipboard_grab(self.serial))
    }

    /// QEMU tells us of the guest's clipboard from now on.
    pub(crate) fn registered(&mut self, calls: &mut Calls<'_>) -> Option<u32> {
        self.registered = true;
        self.offer(calls)
    }

    /// Takes a call of QEMU's; none for what is not about the clipboard. With a call of ours that follows.
    pub(crate) fn heard(
        &mut self,
        message: &Message<'_>,
        output: &mut Output,
        destination: Option<&str>,
    ) -> Option<Option<u32>> {
        if !self.is_wanted() || message.path != CLIPBOARD_PATH {
            return None;
        }
        let (answer, asks) = match self.call(message) {
            Ok(done) => done,
            Err(why) => (Err("other arguments were expected"), {
                tracing::debug!("a call about the clipboard is refused: {why}");
                false
            }),
        };
        match answer {
            Ok(body) => output.reply(message, &body),
            Err(words) => {
                output.refuse(message, "org.qemu.Display1.Error.Failed", words);
            }
        }
        Some(asks.then(|| Calls { output, destination }.clipboard_request()))
    }

    /// What becomes of a call, and whether the guest's text is to be asked for.
    fn call(&mut self, message: &Message<'_>) -> Result<(Answer, bool), Malformed> {
        let done = Ok(Writer::new());
        Ok(match (message.interface, message.member) {
            (CLIPBOARD | "", "Register") => {
                // Somebody begins to count anew.
                self.serial = 0;
                (done, false)
            }
            (CLIPBOARD | "", "Unregister") => (done, false),
            (CLIPBOARD | "", "Grab") => {
                let mut from = message.arguments("uuas")?;
                let (selection, serial, kinds) = (from.u32()?, from.u32()?, from.texts()?);
                // What was overtaken on the way is nothing. Of two at once ours wins.
                let late = serial < self.serial || (serial == self.serial && self.offered);
                if selection != SELECTION || late {
                    return Ok((done, false));
                }
                self.serial = serial;
                self.offered = false;
                let asks = self.ways.out && kinds.contains(&TEXT);
                match (&mut self.asking, asks) {
                    (Some(newer), _) => {
                        *newer = asks;
                        (done, false)
                    }
                    (asking, true) => {
                        *asking = Some(false);
                        (done, true)
                    }
                    (None, false) => (done, false),
                }
            }
            (CLIPBOARD | "", "Release") => {
                if message.arguments("u")?.u32()? == SELECTION && self.ways.out {
                    self.copied = Some(None);
                }
                (done, false)
            }
            (CLIPBOARD | "", "Request") => {
                let mut from = message.arguments("uas")?;
                let fits = from.u32()? == SELECTION && from.texts()?.contains(&TEXT);
                let answer = match self.own.as_ref().filter(|_| fits && self.offered) {
                    Some(own) => Ok(Writer::new().text(TEXT).byte_array(own.as_bytes())),
                    None => Err("nothing is copied"),
                };
                (answer, false)
            }
            (PROPERTIES, "GetAll") => (Ok(Writer::new().properties(Vec::new())), false),
            _ => (Err("there is no such method"), false),
        })
    }

    /// QEMU has answered what the guest has copied. True when it is to be asked again.
    pub(crate) fn answered(&mut self, message: &Message<'_>, guest: &str) -> bool {
        match self.text_of(message) {
            Ok(text) => self.copied = Some(Some(text)),
            Err(why) => tracing::info!(socket = guest, "what the guest has copied is left: {why}"),
        }
        self.ask_again()
    }

    fn text_of(&self, message: &Message<'_>) -> Result<Arc<str>, String> {
        let long = || format!("it has more than {MAX_TEXT} bytes");
        if message.kind == porthole_dbus::Kind::Error {
            return Err(cut(message.words()));
        }
        if message.cut {
            return Err(long());
        }
        let wrong = |error: Malformed| error.to_string();
        let mut from = message.arguments("say").map_err(wrong)?;
        from.text().map_err(wrong)?;
        let bytes = from.bytes().map_err(wrong)?;
        if bytes.len() > MAX_TEXT {
            return Err(long());
        }
        text(bytes.to_vec()).ok_or_else(|| "it is no text in UTF-8".to_owned())
    }

    fn ask_again(&mut self) -> bool {
        let newer = self.asking == Some(true);
        self.asking = newer.then_some(false);
        newer
    }
}

#[cfg(test)]
mod tests {
    use porthole_dbus::{Call, Inbox, Refusal, Reply};

    use super::*;

    const BOTH: Ways = Ways { into: true, out: true };

    /// What QEMU hears of a call of its own, and whether we ask it something then.
    fn called(clipboard: &mut Clipboard, member: &str, body: &Writer) -> (String, bool) {
        let call = Call {
            destination: None,
            path: CLIPBOARD_PATH,
            interface: CLIPBOARD,
            member,
            descriptors: 0,
        };
        let mut inbox = Inbox::new(1 << 21);
        inbox.put(&call.bytes(7, body)).unwrap();
        let mut output = Output::default();
        let asks = clipboard.heard(&inbox.pop().unwrap().unwrap(), &mut output, None).unwrap();
        let mut inbox = Inbox::new(1 << 21);
        inbox.put(&output.bytes()).unwrap();
        let answer = inbox.pop().unwrap().unwrap();
        let words = match answer.kind {
            porthole_dbus::Kind::Error => answer.words().to_owned(),
            _ if answer.signature == "say" => {
                let mut from = answer.arguments("say").unwrap();
                from.text().unwrap();
                String::from_utf8(from.bytes().unwrap().to_vec()).unwrap()
            }
            _ => "done".to_owned(),
        };
        (words, asks.is_some())
    }

    fn grab(serial: u32, kind: &str) -> Writer {
        Writer::new().u32(SELECTION).u32(serial).texts(&[kind])
    }

    fn request() -> Writer {
        Writer::new().u32(SELECTION).texts(&[TEXT])
    }

    /// What the guest has copied, as QEMU answers.
    fn answered(clipboard: &mut Clipboard, bytes: &[u8]) -> bool {
        let body = Writer::new().text(TEXT).byte_array(bytes);
        let mut inbox = Inbox::new(1 << 20).cutting();
        inbox.put(&Reply { destination: None, to: 3 }.bytes(8, &body)).unwrap();
        clipboard.answered(&inbox.pop().unwrap().unwrap(), "ivi")
    }

    /// The methods that are called of QEMU.
    fn calls(does: impl FnOnce(&mut Calls<'_>) -> Option<u32>) -> Vec<String> {
        let mut output = Output::default();
        does(&mut Calls { output: &mut output, destination: None });
        let mut inbox = Inbox::new(1 << 20);
        inbox.put(&output.bytes()).unwrap();
        let mut members = Vec::new();
        while let Some(message) = inbox.pop().unwrap() {
            members.push(message.member.to_owned());
        }
        members
    }

    #[test]
    fn what_a_person_has_copied_is_there_when_qemu_asks() {
        let mut clipboard = Clipboard::new(BOTH);
        let text: Arc<str> = "höre".into();
        // Nobody is told before somebody listens.
        assert!(calls(|calls| clipboard.set(Some(text.clone()), calls)).is_empty());
        assert_eq!(called(&mut clipboard, "Request", &request()).0, "nothing is copied");
        assert_eq!(calls(|calls| clipboard.registered(calls)), ["Grab"]);
        assert_eq!(called(&mut clipboard, "Request", &request()).0, "höre");
        // The same once more is no news.
        assert!(calls(|calls| clipboard.set(Some(text.clone()), calls)).is_empty());
        let marked = Writer::new().u32(1).texts(&[TEXT]);
        assert_eq!(called(&mut clipboard, "Request", &marked).0, "nothing is copied");
        // The guest copies something; then the same text of a person is news.
        called(&mut clipboard, "Grab", &grab(1, TEXT));
        assert_eq!(called(&mut clipboard, "Request", &request()).0, "höre", "ours wins");
        called(&mut clipboard, "Grab", &grab(9, TEXT));
        assert_eq!(called(&mut clipboard, "Request", &request()).0, "nothing is copied");
        assert_eq!(calls(|calls| clipboard.set(Some(text), calls)), ["Grab"]);
        assert_eq!(clipboard.serial, 10);
        assert_eq!(calls(|calls| clipboard.set(None, calls)), ["Release"]);
        assert_eq!(called(&mut clipboard, "Request", &request()).0, "nothing is copied");
    }

    #[test]
    fn what_the_guest_has_copied_is_asked_for_and_the_newest_counts() {
        let mut clipboard = Clipboard::new(BOTH);
        assert!(called(&mut clipboard, "Grab", &grab(1, TEXT)).1);
        assert!(!called(&mut clipboard, "Grab", &grab(2, TEXT)).1, "one question at a time");
        assert!(!called(&mut clipboard, "Grab", &grab(1, TEXT)).1, "overtaken");
        assert!(answered(&mut clipboard, b"old"), "there is something newer");
        assert!(!answered(&mut clipboard, b"new\0"));
        assert_eq!(clipboard.take_copied(), Some(Some("new".into())));
        assert_eq!(clipboard.take_copied(), None);
        assert!(!called(&mut clipboard, "Grab", &grab(3, "image/png")).1);
        called(&mut clipboard, "Release", &Writer::new().u32(SELECTION));
        assert_eq!(clipboard.take_copied(), Some(None));
        // Who counts anew begins below.
        called(&mut clipboard, "Register", &Writer::new());
        assert!(called(&mut clipboard, "Grab", &grab(0, TEXT)).1);
    }

    #[test]
    fn what_is_too_long_or_no_text_is_left() {
        let mut clipboard = Clipboard::new(BOTH);
        for bytes in
            [&vec![b'a'; MAX_TEXT + 1], &vec![b'a'; 2 << 20], &vec![0xff], &b"a\0b".to_vec()]
        {
            assert!(called(&mut clipboard, "Grab", &grab(0, TEXT)).1);
            assert!(!answered(&mut clipboard, bytes));
            assert_eq!(clipboard.take_copied(), None);
        }
        assert!(called(&mut clipboard, "Grab", &grab(0, TEXT)).1);
        let refusal =
            Refusal { destination: None, to: 3, error: "org.qemu.Error", words: "Cancelled" };
        let mut inbox = Inbox::new(1 << 20);
        inbox.put(&refusal.bytes(8)).unwrap();
        assert!(!clipboard.answered(&inbox.pop().unwrap().unwrap(), "ivi"));
        assert!(called(&mut clipboard, "Grab", &grab(0, TEXT)).1);
    }

    #[test]
    fn nothing_goes_the_way_that_is_closed() {
        let mut clipboard = Clipboard::new(Ways { into: true, out: false });
        assert!(!called(&mut clipboard, "Grab", &grab(5, TEXT)).1);
        called(&mut clipboard, "Release", &Writer::new().u32(SELECTION));
        assert_eq!(clipboard.take_copied(), None);
        let mut clipboard = Clipboard::new(Ways { into: false, out: true });
        assert!(calls(|calls| clipboard.registered(calls)).is_empty());
        assert!(calls(|calls| clipboard.set(Some("a".into()), calls)).is_empty());
        assert_eq!(called(&mut clipboard, "Request", &request()).0, "nothing is copied");
        assert!(!called(&mut clipboard, "Grab", &Writer::new().u32(1)).1);
    }
}
