//! Messages that go out.

use crate::Writer;

/// A method call.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// To whom, on a bus.
    pub destination: Option<&'a str>,
    /// To which object.
    pub path: &'a str,
    /// Of which interface.
    pub interface: &'a str,
    /// Which method.
    pub member: &'a str,
    /// How many descriptors go with it.
    pub descriptors: u32,
}

/// The answer to a call.
#[derive(Clone, Copy, Debug)]
pub struct Reply<'a> {
    /// To whom, on a bus.
    pub destination: Option<&'a str>,
    /// The call's number.
    pub to: u32,
}

/// The answer to a call that fails.
#[derive(Clone, Copy, Debug)]
pub struct Refusal<'a> {
    /// To whom, on a bus.
    pub destination: Option<&'a str>,
    /// The call's number.
    pub to: u32,
    /// The error's name.
    pub error: &'a str,
    /// The error in words.
    pub words: &'a str,
}

/// Something that happened, for whoever listens.
#[derive(Clone, Copy, Debug)]
pub struct Signal<'a> {
    /// At which object.
    pub path: &'a str,
    /// Of which interface.
    pub interface: &'a str,
    /// What.
    pub member: &'a str,
}

const CALL: u8 = 1;
const REPLY: u8 = 2;
const ERROR: u8 = 3;
const SIGNAL: u8 = 4;
/// Nobody waits for an answer.
const NO_REPLY: u8 = 1;

impl Call<'_> {
    /// The bytes of this call with this number, which is not 0.
    #[must_use]
    pub fn bytes(&self, serial: u32, body: &Writer) -> Vec<u8> {
        let mut header = Header::new();
        header.text(1, "o", self.path);
        header.text(2, "s", self.interface);
        header.text(3, "s", self.member);
        if let Some(to) = self.destination {
            header.text(6, "s", to);
        }
        if self.descriptors > 0 {
            header.number(9, self.descriptors);
        }
        header.end((CALL, 0), serial, body)
    }
}

impl Reply<'_> {
    /// The bytes of this answer with this number, which is not 0.
    #[must_use]
    pub fn bytes(&self, serial: u32, body: &Writer) -> Vec<u8> {
        let mut header = Header::new();
        header.number(5, self.to);
        if let Some(to) = self.destination {
            header.text(6, "s", to);
        }
        header.end((REPLY, NO_REPLY), serial, body)
    }
}

impl Refusal<'_> {
    /// The bytes of this answer with this number, which is not 0.
    #[must_use]
    pub fn bytes(&self, serial: u32) -> Vec<u8> {
        let mut header = Header::new();
        header.text(4, "s", self.error);
        header.number(5, self.to);
        if let Some(to) = self.destination {
            header.text(6, "s", to);
        }
        header.end((ERROR, NO_REPLY), serial, &Writer::new().text(self.words))
    }
}

impl Signal<'_> {
    /// The bytes of this signal with this number, which is not 0.
    #[must_use]
    pub fn bytes(&self, serial: u32, body: &Writer) -> Vec<u8> {
        let mut header = Header::new();
        header.text(1, "o", self.path);
        header.text(2, "s", self.interface);
        header.text(3, "s", self.member);
        header.end((SIGNAL, NO_REPLY), serial, body)
    }
}

/// The fields of a header.
struct Header(Vec<u8>);

impl Header {
    const fn new() -> Self {
        Self(Vec::new())
    }

    fn begin(&mut self, code: u8, kind: &str) {
        // The array of fields begins at byte 16, a multiple of eight.
        self.0.resize(self.0.len().next_multiple_of(8), 0);
        self.0.push(code);
        self.0.push(1);
        self.0.extend(kind.bytes());
        self.0.push(0);
    }

    fn text(&mut self, code: u8, kind: &str, text: &str) {
        self.begin(code, kind);
        self.0.extend(u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
        self.0.extend(text.bytes());
        self.0.push(0);
    }

    fn number(&mut self, code: u8, number: u32) {
        self.begin(code, "u");
        self.0.extend(number.to_le_bytes());
    }

    fn end(mut self, (kind, flags): (u8, u8), serial: u32, body: &Writer) -> Vec<u8> {
        if !body.signature().is_empty() {
            self.begin(8, "g");
            self.0.push(u8::try_from(body.signature().len()).unwrap_or(u8::MAX));
            self.0.extend(body.signature().bytes());
            self.0.push(0);
        }
        let size = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
        let mut bytes = vec![b'l', kind, flags, 1];
        bytes.extend(size(body.bytes().len()));
        bytes.extend(serial.to_le_bytes());
        bytes.extend(size(self.0.len()));
        bytes.append(&mut self.0);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        bytes.extend(body.bytes());
        bytes
    }
}
