//! A plain opaque colour.

use std::fmt;

/// An opaque colour, 8 bits a channel, as stored in a frame (no colour management yet).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
pub struct Color {
    /// Red, 0 to 255.
    pub red: u8,
    /// Green, 0 to 255.
    pub green: u8,
    /// Blue, 0 to 255.
    pub blue: u8,
}

impl Color {
    /// Black, WFD's default background.
    pub const BLACK: Self = Self { red: 0, green: 0, blue: 0 };

    /// Reads `#rrggbb`; nothing else is a colour.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#')?;
        if digits.len() != 6 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let [_, red, green, blue] = u32::from_str_radix(digits, 16).ok()?.to_be_bytes();
        Some(Self { red, green, blue })
    }

    /// The pixel word of `Argb8888` with alpha 255 (valid for `Xrgb8888` too).
    #[must_use]
    pub const fn argb(self) -> u32 {
        u32::from_be_bytes([0xff, self.red, self.green, self.blue])
    }
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.red, self.green, self.blue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints_hex() {
        let color = Color::parse("#101418").unwrap();
        assert_eq!(color, Color { red: 0x10, green: 0x14, blue: 0x18 });
        assert_eq!(color.argb(), 0xff10_1418);
        assert_eq!(Color::parse("#ABCDEF").unwrap().to_string(), "#abcdef");
        for bad in ["101418", "#10141", "#1014180", "#+01418", "red", "#", "#é1418"] {
            assert_eq!(Color::parse(bad), None, "{bad:?}");
        }
    }
}
