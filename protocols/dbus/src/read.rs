//! Values out of a message's body.

use crate::Malformed;

/// Containers inside containers that are looked at.
const MAX_DEPTH: usize = 16;

/// Takes values out of bytes, one after the other. Offsets count from the start of the bytes, which
/// must lie at a multiple of eight in the message.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    big: bool,
}

/// A value whose type only the message knows.
#[derive(Clone, PartialEq, Debug)]
pub enum Value<'a> {
    /// `b`.
    Bool(bool),
    /// `u`.
    U32(u32),
    /// `i`.
    I32(i32),
    /// `s` or `o`.
    Text(&'a str),
    /// `au`.
    U32s(Vec<u32>),
    /// `as`.
    Texts(Vec<&'a str>),
    /// Anything else; it was skipped.
    Other,
}

impl<'a> Reader<'a> {
    /// A reader of bytes in little-endian order, or in the other one.
    #[must_use]
    pub const fn new(bytes: &'a [u8], big: bool) -> Self {
        Self { bytes, at: 0, big }
    }

    /// Whether everything was taken.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// Goes on at the next multiple of `to`.
    pub(crate) fn align(&mut self, to: usize) -> Result<(), Malformed> {
        let at = self.at.checked_next_multiple_of(to).ok_or(Malformed::Short("gap"))?;
        if at > self.bytes.len() {
            return Err(Malformed::Short("gap"));
        }
        self.at = at;
        Ok(())
    }

    pub(crate) fn take(
        &mut self,
        length: usize,
        what: &'static str,
    ) -> Result<&'a [u8], Malformed> {
        let end = self.at.checked_add(length).ok_or(Malformed::Short(what))?;
        let taken = self.bytes.get(self.at..end).ok_or(Malformed::Short(what))?;
        self.at = end;
        Ok(taken)
    }

    fn word<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], Malformed> {
        self.align(N)?;
        let mut word = [0; N];
        word.copy_from_slice(self.take(N, what)?);
        if self.big {
            word.reverse();
        }
        Ok(word)
    }

    /// A `y`.
    ///
    /// # Errors
    /// When the bytes are at their end; so it is for all of these.
    pub fn u8(&mut self) -> Result<u8, Malformed> {
        self.word("byte").map(u8::from_le_bytes)
    }

    /// A `q`.
    ///
    /// # Errors
    /// See [`Self::u8`].
    pub fn u16(&mut self) -> Result<u16, Malformed> {
        self.word("number").map(u16::from_le_bytes)
    }

    /// A `u`.
    ///
    /// # Errors
    /// See [`Self::u8`].
    pub fn u32(&mut self) -> Result<u32, Malformed> {
        self.word("number").map(u32::from_le_bytes)
    }

    /// An `i`.
    ///
    /// # Errors
    /// See [`Self::u8`].
    pub fn i32(&mut self) -> Result<i32, Malformed> {
        self.word("number").map(i32::from_le_bytes)
    }

    /// A `t`.
    ///
    /// # Errors
    /// See [`Self::u8`].
    pub fn u64(&mut self) -> Result<u64, Malformed> {
        self.word("number").map(u64::from_le_bytes)
    }

    /// A `d`.
    ///
    /// # Errors
    /// See [`Self::u8`].
    pub fn f64(&mut self) -> Result<f64, Malformed> {
        self.word("number").map(f64::from_le_bytes)
    }

    /// A `b`.
    ///
    /// # Errors
    /// See [`Self::u8`]; also when it is neither 0 nor 1.
    pub fn bool(&mut self) -> Result<bool, Malformed> {
        match self.u32()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(Malformed::Bool(other)),
        }
    }

    /// An `s` or `o`.
    ///
    /// # Errors
    /// See [`Self::u8`]; also when it is no text.
    pub fn text(&mut self) -> Result<&'a str, Malformed> {
        let length = self.u32()?;
        self.text_of(length)
    }

    /// A `g`.
    ///
    /// # Errors
    /// See [`Self::text`].
    pub fn signature(&mut self) -> Result<&'a str, Malformed> {
        let length = self.u8()?;
        self.text_of(length.into())
    }

    fn text_of(&mut self, length: u32) -> Result<&'a str, Malformed> {
        let length = usize::try_from(length).map_err(|_| Malformed::Short("text"))?;
        let bytes = self.take(length, "text")?;
        if self.take(1, "text")? != [0] || bytes.contains(&0) {
            return Err(Malformed::Text);
        }
        std::str::from_utf8(bytes).map_err(|_| Malformed::Text)
    }

    /// An `ay`, where it lies.
    ///
    /// # Errors
    /// See [`Self::u8`].
    pub fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.u32()?;
        self.take(usize::try_from(length).map_err(|_| Malformed::Short("array"))?, "array")
    }

    /// The elements of an array whose elements lie at multiples of `align`.
    ///
    /// # Errors
    /// See [`Self::u8`].
    pub fn array(&mut self, align: usize) -> Result<Self, Malformed> {
        let length = self.u32()?;
        self.align(align)?;
        let end = usize::try_from(length).ok().and_then(|length| self.at.checked_add(length));
        let end = end.filter(|end| *end <= self.bytes.len()).ok_or(Malformed::Short("array"))?;
        let bytes = self.bytes.get(..end).ok_or(Malformed::Short("array"))?;
        let inside = Self { bytes, at: self.at, big: self.big };
        self.at = end;
        Ok(inside)
    }

    /// An `au`.
    ///
    /// # Errors
    /// See [`Self::u8`].
    pub fn u32s(&mut self) -> Result<Vec<u32>, Malformed> {
        let mut array = self.array(4)?;
        let mut list = Vec::new();
        while !array.is_empty() {
            list.push(array.u32()?);
        }
        Ok(list)
    }

    /// An `as`.
    ///
    /// # Errors
    /// See [`Self::text`].
    pub fn texts(&mut self) -> Result<Vec<&'a str>, Malformed> {
        let mut array = self.array(4)?;
        let mut list = Vec::new();
        while !array.is_empty() {
            list.push(array.text()?);
        }
        Ok(list)
    }

    /// A `v`.
    ///
    /// # Errors
    /// When it is cut off, or its type is none.
    pub fn variant(&mut self) -> Result<Value<'a>, Malformed> {
        let signature = self.signature()?;
        Ok(match signature {
            "b" => Value::Bool(self.bool()?),
            "u" => Value::U32(self.u32()?),
            "i" => Value::I32(self.i32()?),
            "s" | "o" => Value::Text(self.text()?),
            "au" => Value::U32s(self.u32s()?),
            "as" => Value::Texts(self.texts()?),
            _ => {
                let rest = self.skip(signature, MAX_DEPTH)?;
                if !rest.is_empty() || signature.is_empty() {
                    return Err(Malformed::Signature);
                }
                Value::Other
            }
        })
    }

    /// An `a{sv}`, which properties come as; names that `wanted` does not know are passed over.
    ///
    /// # Errors
    /// As the values.
    pub fn properties(
        &mut self,
        mut each: impl FnMut(&'a str, Value<'a>),
    ) -> Result<(), Malformed> {
        let mut array = self.array(8)?;
        while !array.is_empty() {
            array.align(8)?;
            let name = array.text()?;
            each(name, array.variant()?);
        }
        Ok(())
    }

    /// Passes over one value of the first type of a signature; the rest of the signature.
    fn skip<'s>(&mut self, signature: &'s str, depth: usize) -> Result<&'s str, Malformed> {
        let depth = depth.checked_sub(1).ok_or(Malformed::Signature)?;
        let mut types = signature.chars();
        let first = types.next().ok_or(Malformed::Signature)?;
        let rest = types.as_str();
        match first {
            'y' => self.u8().map(drop)?,
            'q' | 'n' => self.u16().map(drop)?,
            'u' | 'i' | 'h' => self.u32().map(drop)?,
            'b' => self.bool().map(drop)?,
            't' | 'x' | 'd' => self.u64().map(drop)?,
            's' | 'o' => self.text().map(drop)?,
            'g' => self.signature().map(drop)?,
            'v' => {
                let inner = self.signature()?;
                if !self.skip(inner, depth)?.is_empty() {
                    return Err(Malformed::Signature);
                }
            }
            'a' => {
                // Its elements are not looked at: their length is known.
                let (element, rest) = split(rest, depth)?;
                self.array(alignment(element)?).map(drop)?;
                return Ok(rest);
            }
            '(' | '{' => {
                self.align(8)?;
                let (whole, rest) = split(signature, depth + 1)?;
                let mut inside = whole.get(1..whole.len() - 1).ok_or(Malformed::Signature)?;
                while !inside.is_empty() {
                    inside = self.skip(inside, depth)?;
                }
                return Ok(rest);
            }
            _ => return Err(Malformed::Signature),
        }
        Ok(rest)
    }
}

/// At multiples of what a value of this type lies.
fn alignment(signature: &str) -> Result<usize, Malformed> {
    match signature.bytes().next() {
        Some(b'y' | b'g' | b'v') => Ok(1),
        Some(b'q' | b'n') => Ok(2),
        Some(b'u' | b'i' | b'b' | b'h' | b's' | b'o' | b'a') => Ok(4),
        Some(b't' | b'x' | b'd' | b'(' | b'{') => Ok(8),
        _ => Err(Malformed::Signature),
    }
}

/// Splits a signature behind its first whole type.
fn split(signature: &str, depth: usize) -> Result<(&str, &str), Malformed> {
    let end = end_of_type(signature.as_bytes(), depth).ok_or(Malformed::Signature)?;
    signature.split_at_checked(end).ok_or(Malformed::Signature)
}

fn end_of_type(signature: &[u8], depth: usize) -> Option<usize> {
    let depth = depth.checked_sub(1)?;
    let close = match signature.first()? {
        b'a' => return Some(1 + end_of_type(signature.get(1..)?, depth)?),
        b'(' => b')',
        b'{' => b'}',
        byte => return b"yqnuihbtxdsogv".contains(byte).then_some(1),
    };
    let mut end = 1;
    while *signature.get(end)? != close {
        end += end_of_type(signature.get(end..)?, depth)?;
    }
    // A structure of nothing is none.
    (end > 1).then_some(end + 1)
}
