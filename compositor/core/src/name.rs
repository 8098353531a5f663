//! Names of ports, guests, layers, sockets and programs.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// The name of a configured thing: 1 to 32 of the characters a-z, 0-9, `_` and `-`.
///
/// Names become file names (one socket each) and arguments of programs, so the alphabet has
/// nothing in it that a path or a shell could take for something else. Cloning is cheap.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

/// Why a text is not a [`Name`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NameError {
    /// It is empty or longer than [`Name::MAX_LEN`] bytes.
    #[error("a name has 1 to 32 characters")]
    Length,
    /// It holds a character outside the alphabet.
    #[error("a name may hold only a-z, 0-9, '_' and '-'")]
    Alphabet,
}

impl Name {
    /// The longest name in bytes.
    pub const MAX_LEN: usize = 32;

    /// Checks `text` and makes it a name.
    ///
    /// # Errors
    /// Says which rule the text breaks.
    pub fn new(text: &str) -> Result<Self, NameError> {
        if text.is_empty() || text.len() > Self::MAX_LEN {
            return Err(NameError::Length);
        }
        if !text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-')) {
            return Err(NameError::Alphabet);
        }
        Ok(Self(text.into()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        &*self.0 == other
    }
}

impl PartialEq<&str> for Name {
    fn eq(&self, other: &&str) -> bool {
        &*self.0 == *other
    }
}

impl std::str::FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_alphabet_is_a_name() {
        for good in ["a", "main", "vnc-main", "ivi_2", &"x".repeat(32)] {
            assert_eq!(Name::new(good).unwrap(), good);
        }
        for (bad, why) in [
            ("", NameError::Length),
            (&*"x".repeat(33), NameError::Length),
            ("Main", NameError::Alphabet),
            ("a b", NameError::Alphabet),
            ("../x", NameError::Alphabet),
            ("é", NameError::Alphabet),
        ] {
            assert_eq!(Name::new(bad), Err(why), "{bad:?}");
        }
    }
}
