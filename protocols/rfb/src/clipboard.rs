//! What is copied, on its way between a viewer and a server: plain text of one alphabet (RFC 6143, 7.5.6 and
//! 7.6.4), or the extended clipboard of rfbproto, in which each side says that it has something and sends
//! it when it is asked.
//!
//! Both sides speak alike. What is heard only sets what is to be said, each once, and
//! [`Clipboard::say`] says one thing of it; it is called while nothing waits to be sent. So a peer that
//! asks without end is answered as fast as it reads, and costs one text.

mod packed;

use std::sync::Arc;

use crate::message::MAX_CUT_TEXT;
use crate::wire::{Put, Reader};
use packed::{Unpacked, pack, unpack};

/// The format that is text; no other is used.
const TEXT: u32 = 1;
/// All formats that there may be.
const FORMATS: u32 = 0xffff;
const CAPS: u32 = 1 << 24;
const REQUEST: u32 = 1 << 25;
const PEEK: u32 = 1 << 26;
const NOTIFY: u32 = 1 << 27;
const PROVIDE: u32 = 1 << 28;
/// What a peer understands that has not said it yet.
const USUAL: u32 = REQUEST | NOTIFY | PROVIDE;

/// Which way copied text goes, as the one sees it who says so.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ClipboardWays {
    /// The other side is given what is copied here.
    pub give: bool,
    /// What is copied there is taken.
    pub take: bool,
}

impl ClipboardWays {
    /// Whether text goes at all.
    #[must_use]
    pub const fn any(self) -> bool {
        self.give || self.take
    }
}

/// What follows the length of a message with text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Length {
    /// So much text.
    Plain(usize),
    /// A message of the extended clipboard.
    Extended(usize),
    /// More than is kept; it is skipped as it comes.
    Skipped(u32),
}

impl Length {
    /// What a length means; none where nobody may send it.
    pub(crate) fn of(length: u32, extended: bool) -> Option<Self> {
        let negative = length.cast_signed() < 0;
        let size = length.cast_signed().unsigned_abs();
        if negative && (!extended || size < 4) {
            return None;
        }
        Some(match usize::try_from(size) {
            Ok(size) if size <= MAX_CUT_TEXT && negative => Self::Extended(size),
            Ok(size) if size <= MAX_CUT_TEXT => Self::Plain(size),
            _ => Self::Skipped(size),
        })
    }
}

/// What the other side has said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Heard {
    /// What it has copied; none where it has nothing any more.
    Copied(Option<Arc<str>>),
    /// It has copied something that is left where it is, and why.
    Left(&'static str),
}

/// A message of the extended clipboard that contradicts itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Malformed(pub(crate) &'static str);

/// See the module's text.
#[derive(Debug, Default)]
pub(crate) struct Clipboard {
    ways: ClipboardWays,
    /// What the other side can be told, where it speaks the extended clipboard.
    extended: Option<u32>,
    own: Option<Arc<str>>,
    /// A message with that text, once somebody has asked for it.
    packed: Option<Vec<u8>>,
    question: Question,
    due: Due,
}

/// How far it is with asking for the other side's text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Question {
    #[default]
    None,
    /// It is to be said. Until then nothing can be an answer to it.
    Due,
    /// It was said; whether the other side has a newer text meanwhile.
    Said { newer: bool },
}

/// What else is to be said.
#[derive(Clone, Copy, Debug, Default)]
struct Due {
    abilities: bool,
    text: bool,
    news: bool,
}

impl Clipboard {
    pub(crate) fn set_ways(&mut self, ways: ClipboardWays) {
        self.ways = ways;
    }

    pub(crate) const fn is_wanted(&self) -> bool {
        self.ways.any()
    }

    /// The other side speaks the extended clipboard, or does not. A server is the first to say what it
    /// can.
    pub(crate) fn offered(&mut self, extended: bool) {
        if !extended || !self.ways.any() {
            self.extended = None;
        } else if self.extended.is_none() {
            self.extended = Some(USUAL);
            self.due.abilities = true;
        }
    }

    /// Something else is copied here, or nothing any more.
    pub(crate) fn set(&mut self, text: Option<Arc<str>>) {
        if !self.ways.give || self.own == text {
            return;
        }
        self.own = text;
        self.packed = None;
        self.due.news = true;
    }

    /// Takes a message of the extended clipboard.
    pub(crate) fn heard(&mut self, message: &[u8]) -> Result<Option<Heard>, Malformed> {
        let mut input = Reader::new(message);
        let flags = input.u32().ok_or(Malformed("it has no flags"))?;
        if flags & CAPS != 0 {
            let sizes = (flags & FORMATS).count_ones() as usize;
            input.bytes(sizes * 4).ok_or(Malformed("it does not say all sizes"))?;
            // A viewer answers. What was copied before is told once more, in this way now.
            self.due.abilities |= self.extended.is_none();
            self.due.news |= self.own.is_some();
            self.extended = Some(flags & (REQUEST | PEEK | NOTIFY | PROVIDE));
            return Ok(None);
        }
        let text = flags & TEXT != 0;
        if flags & REQUEST != 0 {
            self.due.text |= text && self.own.is_some();
        } else if flags & PEEK != 0 {
            self.due.news |= self.ways.give;
        } else if flags & NOTIFY != 0 && self.ways.take {
            return Ok(self.told(text));
        } else if flags & PROVIDE != 0 {
            // What nobody asked for is not even inflated: a peer that does not wait for the question
            // would have a small message cost two texts, as often as it likes.
            let Question::Said { newer } = self.question else { return Ok(None) };
            let unpacked =
                if text { Some(unpack(message.get(4..).unwrap_or_default())?) } else { None };
            return Ok(self.answered(newer, unpacked));
        }
        Ok(None)
    }

    /// The other side has something else, and a text among it or not.
    fn told(&mut self, text: bool) -> Option<Heard> {
        self.question = match (self.question, text) {
            // Whatever still comes is older.
            (_, false) => Question::None,
            (Question::None | Question::Due, true) => Question::Due,
            (Question::Said { .. }, true) => Question::Said { newer: true },
        };
        (!text).then_some(Heard::Copied(None))
    }

    /// The question that was said is answered. Where there is a newer text, that is asked for instead.
    fn answered(&mut self, newer: bool, text: Option<Unpacked>) -> Option<Heard> {
        self.question = if newer { Question::Due } else { Question::None };
        if newer {
            return None;
        }
        Some(match text? {
            Unpacked::Text(text) => Heard::Copied(Some(text)),
            Unpacked::Left(why) => Heard::Left(why),
        })
    }

    /// A message was skipped, which may have been an answer.
    pub(crate) fn skipped(&mut self) -> Option<Heard> {
        let Question::Said { newer } = self.question else { return None };
        self.answered(newer, Some(Unpacked::Left(packed::TOO_LONG)))
    }

    /// Says one thing that is to be said, as a message of this type; false if there is none.
    pub(crate) fn say(&mut self, kind: u8, output: &mut Vec<u8>) -> bool {
        let due = &mut self.due;
        let Some(can) = self.extended else {
            let text = self.own.as_ref().filter(|_| std::mem::take(&mut due.news));
            if let Some(text) = text {
                plain(kind, &to_latin1(text), output);
            }
            return text.is_some();
        };
        if std::mem::take(&mut due.abilities) {
            let take = if self.ways.take { NOTIFY | PROVIDE } else { 0 };
            let give = if self.ways.give { REQUEST | PEEK } else { 0 };
            // Nothing is to come that was not asked for: that is the size.
            extended(kind, CAPS | take | give | TEXT, &[0; 4], output);
        } else if self.question == Question::Due {
            self.question = Question::Said { newer: false };
            extended(kind, REQUEST | TEXT, &[], output);
        } else if std::mem::take(&mut due.text)
            && let Some(own) = &self.own
        {
            let packed = self.packed.get_or_insert_with(|| pack(own));
            extended(kind, PROVIDE | TEXT, packed, output);
        } else if std::mem::take(&mut due.news) {
            let has = if self.own.is_some() { TEXT } else { 0 };
            match &self.own {
                _ if can & NOTIFY != 0 => extended(kind, NOTIFY | has, &[], output),
                Some(text) => plain(kind, &to_latin1(text), output),
                None => return false,
            }
        } else {
            return false;
        }
        true
    }
}

fn plain(kind: u8, text: &[u8], output: &mut Vec<u8>) {
    output.put(&[kind, 0, 0, 0]);
    output.put_u32(u32::try_from(text.len()).unwrap_or(0));
    output.put(text);
}

fn extended(kind: u8, flags: u32, data: &[u8], output: &mut Vec<u8>) {
    output.put(&[kind, 0, 0, 0]);
    output.put_i32(i32::try_from(data.len() + 4).map_or(-4, |length| -length));
    output.put_u32(flags);
    output.put(data);
}

/// Text as the plain clipboard has it, with a question mark for each letter that it lacks.
fn to_latin1(text: &str) -> Vec<u8> {
    text.chars().map(|letter| u8::try_from(u32::from(letter)).unwrap_or(b'?')).collect()
}

/// The text of a plain clipboard; none where a zero is in it, which no text has.
#[must_use]
pub fn from_latin1(bytes: &[u8]) -> Option<Arc<str>> {
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let text: String = bytes.iter().take(end).map(|byte| char::from(*byte)).collect();
    (!text.contains('\0')).then(|| text.into())
}

#[cfg(test)]
#[path = "clipboard/tests.rs"]
mod tests;
