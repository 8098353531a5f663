//! Values into a message's body.

/// Puts values behind each other, little-endian, with the types that they have.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
    signature: String,
}

impl Writer {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What was put.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The types of what was put.
    #[must_use]
    pub fn signature(&self) -> &str {
        &self.signature
    }

    fn word<const N: usize>(&mut self, word: [u8; N]) {
        self.align(N);
        self.bytes.extend(word);
    }

    pub(crate) fn align(&mut self, to: usize) {
        self.bytes.resize(self.bytes.len().next_multiple_of(to), 0);
    }

    fn with(mut self, kind: &str, put: impl FnOnce(&mut Self)) -> Self {
        self.signature.push_str(kind);
        put(&mut self);
        self
    }

    /// A `q`.
    #[must_use]
    pub fn u16(self, value: u16) -> Self {
        self.with("q", |to| to.word(value.to_le_bytes()))
    }

    /// A `u`.
    #[must_use]
    pub fn u32(self, value: u32) -> Self {
        self.with("u", |to| to.word(value.to_le_bytes()))
    }

    /// An `i`.
    #[must_use]
    pub fn i32(self, value: i32) -> Self {
        self.with("i", |to| to.word(value.to_le_bytes()))
    }

    /// A `t`.
    #[must_use]
    pub fn u64(self, value: u64) -> Self {
        self.with("t", |to| to.word(value.to_le_bytes()))
    }

    /// A `d`.
    #[must_use]
    pub fn f64(self, value: f64) -> Self {
        self.with("d", |to| to.word(value.to_le_bytes()))
    }

    /// A `b`.
    #[must_use]
    pub fn bool(self, value: bool) -> Self {
        self.with("b", |to| to.word(u32::from(value).to_le_bytes()))
    }

    /// An `s`.
    #[must_use]
    pub fn text(self, value: &str) -> Self {
        self.with("s", |to| to.put_text(value))
    }

    /// An `h`: the number of a descriptor among those that go with the message.
    #[must_use]
    pub fn descriptor(self, index: u32) -> Self {
        self.with("h", |to| to.word(index.to_le_bytes()))
    }

    /// An `ay`.
    #[must_use]
    pub fn byte_array(self, value: &[u8]) -> Self {
        self.with("ay", |to| {
            to.word(length(value.len()));
            to.bytes.extend(value);
        })
    }

    /// An `as`.
    #[must_use]
    pub fn texts(self, value: &[&str]) -> Self {
        self.with("as", |to| to.put_texts(value))
    }

    /// An `au`.
    #[must_use]
    pub fn u32s(self, value: &[u32]) -> Self {
        self.with("au", |to| to.put_u32s("au", value))
    }

    /// An `ah`: numbers of descriptors.
    #[must_use]
    pub fn descriptors(self, value: &[u32]) -> Self {
        self.with("ah", |to| to.put_u32s("ah", value))
    }

    /// A `v` that holds the one value that `put` puts: a number, a text or a list of them.
    #[must_use]
    pub fn variant(self, put: impl FnOnce(Self) -> Self) -> Self {
        self.with("v", |to| to.put_variant(put))
    }

    /// An `a{sv}` of such names and values, each as in [`Self::variant`].
    #[must_use]
    pub fn properties(self, list: Vec<(&str, Self)>) -> Self {
        self.with("a{sv}", |to| {
            to.word(length(0));
            let at = to.bytes.len() - 4;
            to.align(8);
            let start = to.bytes.len();
            for (name, value) in list {
                to.align(8);
                to.put_text(name);
                to.put_variant(|_| value);
            }
            let written = to.bytes.len() - start;
            if let Some(place) = to.bytes.get_mut(at..at + 4) {
                place.copy_from_slice(&length(written));
            }
        })
    }

    fn put_text(&mut self, value: &str) {
        self.word(length(value.len()));
        self.bytes.extend(value.bytes());
        self.bytes.push(0);
    }

    pub(crate) fn put_signature(&mut self, value: &str) {
        self.bytes.push(u8::try_from(value.len()).unwrap_or(u8::MAX));
        self.bytes.extend(value.bytes());
        self.bytes.push(0);
    }

    fn put_texts(&mut self, value: &[&str]) {
        self.word(length(0));
        let start = self.bytes.len();
        for text in value {
            self.put_text(text);
        }
        let written = self.bytes.len() - start;
        if let Some(place) = self.bytes.get_mut(start - 4..start) {
            place.copy_from_slice(&length(written));
        }
    }

    fn put_u32s(&mut self, _: &str, value: &[u32]) {
        self.word(length(value.len() * 4));
        for number in value {
            self.word(number.to_le_bytes());
        }
    }

    fn put_variant(&mut self, put: impl FnOnce(Self) -> Self) {
        let value = put(Self::new());
        self.put_signature(&value.signature);
        // Numbers, texts and lists of them have no gap but the first.
        let align = match value.signature.as_bytes().first() {
            Some(b't' | b'x' | b'd' | b'(' | b'{') => 8,
            Some(b'q' | b'n') => 2,
            Some(b'y' | b'g' | b'v') => 1,
            _ => 4,
        };
        self.align(align);
        self.bytes.extend(value.bytes);
    }
}

/// The length of an array or text. What we send is far from four gigabytes.
fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes()
}
