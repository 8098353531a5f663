//! Messages that came.

use crate::read::{Reader, Value};
use crate::text::{is_name, is_path};
use crate::{MAX_DESCRIPTORS, MAX_HEADER, MAX_MESSAGE, Malformed};

/// Bytes of a header whose length does not vary.
pub(crate) const FIXED: usize = 16;
/// The flag of a call that says that nobody waits for its answer.
const NO_REPLY: u8 = 1;

/// What a message is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A method call.
    Call,
    /// The answer to one.
    Reply,
    /// The answer to one that failed.
    Error,
    /// Something that happened.
    Signal,
}

/// A message, where it lies.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// What it is.
    pub kind: Kind,
    /// Whether whoever sent it waits for an answer.
    pub wants_reply: bool,
    /// Its number; never 0.
    pub serial: u32,
    /// The number of the call that it answers; 0 where it answers none.
    pub reply_to: u32,
    /// The object; empty where there is none, as the texts that follow.
    pub path: &'a str,
    /// The interface.
    pub interface: &'a str,
    /// The method or signal.
    pub member: &'a str,
    /// The error's name.
    pub error: &'a str,
    /// Who sent it, on a bus.
    pub sender: &'a str,
    /// The types of the arguments.
    pub signature: &'a str,
    /// How many descriptors come with it.
    pub descriptors: u32,
    /// It had more arguments than are wanted, and has none here.
    pub cut: bool,
    body: &'a [u8],
    big: bool,
}

/// How long the parts of a message are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Lengths {
    fields: usize,
    body: usize,
    /// Bytes of a body that is not wanted.
    cut: usize,
    big: bool,
}

impl Lengths {
    /// Reads the first bytes of a message, of whose body at most `most` bytes are wanted. A larger one is
    /// a mistake, or cut off.
    pub(crate) fn read(fixed: &[u8; FIXED], most: usize, cuts: bool) -> Result<Self, Malformed> {
        let [order, kind, _, version, ..] = *fixed;
        let big = match order {
            b'l' => false,
            b'B' => true,
            other => return Err(Malformed::ByteOrder(other)),
        };
        if version != 1 {
            return Err(Malformed::Version(version));
        }
        if kind == 0 {
            return Err(Malformed::Kind(kind));
        }
        let mut reader = Reader::new(fixed, big);
        reader.take(4, "header")?;
        let body = reader.u32()?;
        let serial = reader.u32()?;
        let fields = reader.u32()?;
        if serial == 0 {
            return Err(Malformed::Missing("number"));
        }
        let wanted = most.min(MAX_MESSAGE);
        let most = if cuts { MAX_MESSAGE } else { wanted };
        let size = |value: u32| usize::try_from(value).unwrap_or(usize::MAX);
        if size(fields) > MAX_HEADER {
            return Err(Malformed::Header(fields.into()));
        }
        if size(body) > most {
            return Err(Malformed::TooLarge { bytes: body.into(), most });
        }
        let body = size(body);
        let (body, cut) = if body > wanted { (0, body) } else { (body, 0) };
        Ok(Self { fields: size(fields), body, cut, big })
    }

    /// Bytes behind the message that are to be passed over.
    pub(crate) const fn cut(self) -> usize {
        self.cut
    }

    const fn body_at(self) -> usize {
        (FIXED + self.fields).next_multiple_of(8)
    }

    /// Bytes of the whole message.
    pub(crate) const fn total(self) -> usize {
        self.body_at() + self.body
    }
}

impl<'a> Message<'a> {
    /// Reads a whole message. None for one of a kind that is not known, which is to be passed over.
    pub(crate) fn read(bytes: &'a [u8], lengths: Lengths) -> Result<Option<Self>, Malformed> {
        let Some([_, kind, flags, ..]) = bytes.first_chunk::<4>() else {
            return Err(Malformed::Short("header"));
        };
        let kind = match *kind {
            1 => Kind::Call,
            2 => Kind::Reply,
            3 => Kind::Error,
            4 => Kind::Signal,
            _ => return Ok(None),
        };
        let body = bytes.get(lengths.body_at()..lengths.total());
        let header = bytes.get(..FIXED + lengths.fields);
        let (Some(body), Some(header)) = (body, header) else {
            return Err(Malformed::Short("message"));
        };
        let mut fields = Reader::new(header, lengths.big);
        fields.take(8, "header")?;
        let serial = fields.u32()?;
        let mut message = Message {
            kind,
            wants_reply: kind == Kind::Call && flags & NO_REPLY == 0,
            serial,
            reply_to: 0,
            path: "",
            interface: "",
            member: "",
            error: "",
            sender: "",
            signature: "",
            descriptors: 0,
            cut: lengths.cut > 0,
            body,
            big: lengths.big,
        };
        let mut fields = fields.array(8)?;
        while !fields.is_empty() {
            fields.align(8)?;
            let code = fields.u8()?;
            message.field(code, &mut fields)?;
        }
        if message.cut {
            message.signature = "";
        }
        message.check()?;
        Ok(Some(message))
    }

    fn field(&mut self, code: u8, fields: &mut Reader<'a>) -> Result<(), Malformed> {
        // The one field whose type no other value of a header has.
        if code == 8 {
            if fields.signature()? != "g" {
                return Err(Malformed::Signature);
            }
            self.signature = fields.signature()?;
            return Ok(());
        }
        let name = |text: &'a str| if is_name(text) { Ok(text) } else { Err(Malformed::Text) };
        match (code, fields.variant()?) {
            (1, Value::Text(text)) if is_path(text) => self.path = text,
            (2, Value::Text(text)) => self.interface = name(text)?,
            (3, Value::Text(text)) => self.member = name(text)?,
            (4, Value::Text(text)) => self.error = name(text)?,
            (5, Value::U32(number)) => self.reply_to = number,
            (7, Value::Text(text)) => self.sender = name(text)?,
            (9, Value::U32(count)) => self.descriptors = count,
            (1..=5 | 7 | 9, _) => return Err(Malformed::Signature),
            _ => {}
        }
        Ok(())
    }

    /// Each kind has what it needs.
    fn check(&self) -> Result<(), Malformed> {
        let has =
            |text: &str, what| if text.is_empty() { Err(Malformed::Missing(what)) } else { Ok(()) };
        match self.kind {
            Kind::Call => has(self.path, "path").and_then(|()| has(self.member, "method")),
            Kind::Signal => has(self.path, "path").and_then(|()| has(self.member, "name")),
            Kind::Error => has(self.error, "error's name"),
            Kind::Reply => Ok(()),
        }?;
        if matches!(self.kind, Kind::Reply | Kind::Error) && self.reply_to == 0 {
            return Err(Malformed::Missing("call's number"));
        }
        if usize::try_from(self.descriptors).is_ok_and(|count| count <= MAX_DESCRIPTORS) {
            Ok(())
        } else {
            Err(Malformed::Descriptors(self.descriptors))
        }
    }

    /// The arguments, which must be of these types.
    ///
    /// # Errors
    /// When they are of others.
    pub fn arguments(&self, wanted: &'static str) -> Result<Reader<'a>, Malformed> {
        if self.signature == wanted {
            return Ok(Reader::new(self.body, self.big));
        }
        Err(Malformed::Arguments { is: self.signature.to_owned(), wanted })
    }

    /// What an error says in words, if it does.
    #[must_use]
    pub fn words(&self) -> &'a str {
        let mut reader = Reader::new(self.body, self.big);
        let said = self.signature.starts_with('s').then(|| reader.text().ok()).flatten();
        said.unwrap_or_default()
    }
}
