//! Key combinations that the service keeps for itself.

use std::fmt;

use crate::input::Held;

/// What a modifier is called, and the codes of its left and right key in
/// `linux/input-event-codes.h`.
const MODIFIERS: [(&str, [u32; 2]); 4] =
    [("ctrl", [29, 97]), ("alt", [56, 100]), ("shift", [42, 54]), ("super", [125, 126])];

/// Keys that a combination may end with.
const KEYS: [(&str, u32); 23] = [
    ("escape", 1),
    ("backspace", 14),
    ("tab", 15),
    ("space", 57),
    ("f1", 59),
    ("f2", 60),
    ("f3", 61),
    ("f4", 62),
    ("f5", 63),
    ("f6", 64),
    ("f7", 65),
    ("f8", 66),
    ("f9", 67),
    ("f10", 68),
    ("f11", 87),
    ("f12", 88),
    ("scroll_lock", 70),
    ("home", 102),
    ("end", 107),
    ("insert", 110),
    ("delete", 111),
    ("pause", 119),
    ("menu", 127),
];

/// Modifiers and a key, such as `ctrl+alt+shift+escape`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Chord {
    /// Which of [`MODIFIERS`].
    modifiers: [bool; 4],
    key: u32,
}

/// Why a text is not a [`Chord`].
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ChordError {
    /// Only a modifier keeps it apart from what people type.
    #[error("a chord needs 'ctrl', 'alt' or 'super', and a key at its end")]
    Modifier,
    /// A word is no key.
    #[error("there is no key '{0}' for chords")]
    Unknown(String),
}

impl Chord {
    /// Reads modifiers and a key, joined by `+`.
    ///
    /// # Errors
    /// Says what is missing or unknown.
    pub fn parse(text: &str) -> Result<Self, ChordError> {
        let (modifiers, key) = text.rsplit_once('+').ok_or(ChordError::Modifier)?;
        let unknown = |word: &str| ChordError::Unknown(word.to_owned());
        let named = KEYS.iter().find(|(name, _)| *name == key);
        let (_, key) = named.ok_or_else(|| unknown(key))?;
        let mut chord = Self { modifiers: [false; 4], key: *key };
        for word in modifiers.split('+') {
            let mut wanted = MODIFIERS.iter().zip(&mut chord.modifiers);
            let found = wanted.find(|((name, _), _)| *name == word);
            *found.ok_or_else(|| unknown(word))?.1 = true;
        }
        let [ctrl, alt, _, meta] = chord.modifiers;
        if ctrl || alt || meta { Ok(chord) } else { Err(ChordError::Modifier) }
    }

    /// Whether this key completes the combination while others are held: all of its modifiers, left
    /// or right, and no other one.
    #[must_use]
    pub fn completed_by(&self, code: u32, held: &Held) -> bool {
        let as_wanted = |(codes, wanted): (&[u32; 2], &bool)| {
            codes.iter().any(|code| held.holds(*code)) == *wanted
        };
        let codes = MODIFIERS.iter().map(|(_, codes)| codes);
        code == self.key && codes.zip(&self.modifiers).all(as_wanted)
    }
}

/// The console that a key asks for while others are held: Ctrl, Alt and one of F1 to F12, as everywhere.
#[must_use]
pub fn console(code: u32, held: &Held) -> Option<u32> {
    let number = match code {
        59..=68 => code - 58,
        87 | 88 => code - 76,
        _ => return None,
    };
    let chord = Chord { modifiers: [true, true, false, false], key: code };
    chord.completed_by(code, held).then_some(number)
}

impl Default for Chord {
    /// `ctrl+alt+shift+escape`.
    fn default() -> Self {
        Self { modifiers: [true, true, true, false], key: 1 }
    }
}

impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ((name, _), wanted) in MODIFIERS.iter().zip(self.modifiers) {
            if wanted {
                write!(f, "{name}+")?;
            }
        }
        let key = KEYS.iter().find(|(_, code)| *code == self.key);
        f.write_str(key.map_or("", |(name, _)| name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_what_it_reads() {
        for text in ["ctrl+alt+shift+escape", "super+f12", "ctrl+scroll_lock"] {
            assert_eq!(Chord::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Chord::default().to_string(), "ctrl+alt+shift+escape");
        assert_eq!(Chord::parse("alt+ctrl+end").unwrap().to_string(), "ctrl+alt+end");
        for text in ["", "escape", "shift+f1", "+escape", "ctrl+", "ctrl+q", "hyper+end", "ctrl++"]
        {
            Chord::parse(text).unwrap_err();
        }
    }

    #[test]
    fn function_keys_ask_for_consoles() {
        let mut held = Held::default();
        assert_eq!(console(59, &held), None);
        held.press(29);
        held.press(56);
        let asked: Vec<_> = [59, 60, 68, 87, 88, 1, 69].map(|code| console(code, &held)).into();
        assert_eq!(asked, [Some(1), Some(2), Some(10), Some(11), Some(12), None, None]);
        held.press(42);
        assert_eq!(console(59, &held), None);
    }

    #[test]
    fn only_its_own_modifiers_complete_it() {
        let chord = Chord::parse("ctrl+alt+end").unwrap();
        let with = |codes: &[u32]| {
            let mut held = Held::default();
            for code in codes {
                held.press(*code);
            }
            chord.completed_by(107, &held)
        };
        assert!(with(&[29, 56]) && with(&[97, 100]) && with(&[29, 97, 56, 30]));
        assert!(!with(&[29]) && !with(&[29, 56, 42]) && !with(&[]));
        let mut held = Held::default();
        held.press(29);
        held.press(56);
        assert!(!chord.completed_by(1, &held));
    }
}
