//! Where a keyboard layout has a symbol: which key, under which modifiers.

use std::collections::HashMap;

/// A modifier that chooses among the symbols of one key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Modifier {
    /// Either Shift.
    Shift,
    /// AltGr (ISO Level 3 Shift).
    Level3,
}

/// A set of modifiers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
pub struct Modifiers {
    /// Shift is held.
    pub shift: bool,
    /// AltGr is held.
    pub level3: bool,
}

impl Modifiers {
    /// All four sets, the one with fewest keys first.
    pub const ALL: [Self; 4] = [
        Self { shift: false, level3: false },
        Self { shift: true, level3: false },
        Self { shift: false, level3: true },
        Self { shift: true, level3: true },
    ];

    const fn weight(self) -> u8 {
        self.shift as u8 + 2 * (self.level3 as u8)
    }
}

/// One symbol's key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// The key's evdev code.
    pub code: u16,
    /// What must be held, and what must not.
    pub modifiers: Modifiers,
    /// True where Caps Lock turns Shift around for this symbol, as it does for letters.
    pub caps: bool,
}

/// A table from X11 keysyms to places, made once from a keymap.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    places: HashMap<u32, Place>,
}

impl Layout {
    /// Builds the table from everything that the keymap can produce. Where a symbol has several
    /// places, the one with fewest modifiers wins, then the one that came first.
    pub fn from_entries(entries: impl IntoIterator<Item = (u32, Place)>) -> Self {
        let mut places: HashMap<u32, Place> = HashMap::new();
        for (keysym, place) in entries {
            places
                .entry(keysym)
                .and_modify(|known| {
                    if place.modifiers.weight() < known.modifiers.weight() {
                        *known = place;
                    }
                })
                .or_insert(place);
        }
        Self { places }
    }

    /// Where the keysym lies. A symbol that viewers know by another number is found too.
    #[must_use]
    pub fn find(&self, keysym: u32) -> Option<Place> {
        let aliases = || ALIASES.iter().filter(|(from, _)| *from == keysym).map(|(_, to)| *to);
        std::iter::once(keysym)
            .chain(unicode_twin(keysym))
            .chain(aliases())
            .find_map(|keysym| self.places.get(&keysym).copied())
    }

    /// How many symbols there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// True for a layout without any symbol.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}

/// The other number of a Latin-1 character: X11 has both `0xe9` and `0x010000e9` for "é".
fn unicode_twin(keysym: u32) -> Option<u32> {
    const UNICODE: u32 = 0x0100_0000;
    match keysym {
        0x20..=0xff => Some(keysym | UNICODE),
        0x0100_0020..=0x0100_00ff => Some(keysym & !UNICODE),
        _ => None,
    }
}

/// Symbols that viewers send for keys whose symbol is another one in most layouts.
const ALIASES: [(u32, u32); 12] = [
    (0xfe20, 0xff09), // ISO_Left_Tab: Tab with Shift held
    (0xffe7, 0xffeb), // Meta_L: Super_L
    (0xffe8, 0xffec), // Meta_R: Super_R
    (0xffed, 0xffeb), // Hyper_L
    (0xffee, 0xffec), // Hyper_R
    (0xff7e, 0xfe03), // Mode_switch: ISO_Level3_Shift
    (0xffea, 0xfe03), // Alt_R: AltGr where a layout has no right Alt
    (0xfe03, 0xffea), // and the other way round
    (0xff15, 0xff61), // Sys_Req: Print
    (0xff6b, 0xff13), // Break: Pause
    (0xffae, 0xff9f), // KP_Decimal: KP_Delete
    (0xffac, 0xffae), // KP_Separator: KP_Decimal
];

#[cfg(test)]
mod tests {
    use super::*;

    fn place(code: u16, modifiers: Modifiers) -> Place {
        Place { code, modifiers, caps: false }
    }

    #[test]
    fn the_easiest_place_wins() {
        let [plain, shift, level3, both] = Modifiers::ALL;
        let layout = Layout::from_entries([
            (0x40, place(16, both)),
            (0x40, place(17, level3)),
            (0x40, place(18, shift)),
            (0x40, place(19, shift)),
            (0x61, place(30, plain)),
            (0x61, place(31, plain)),
        ]);
        assert_eq!(layout.find(0x40).unwrap().code, 18);
        assert_eq!(layout.find(0x61).unwrap().code, 30);
        assert_eq!(layout.len(), 2);
    }

    #[test]
    fn symbols_are_found_by_their_other_numbers() {
        let plain = Modifiers::default();
        let layout = Layout::from_entries([
            (0xe9, place(3, plain)),
            (0xff09, place(15, plain)),
            (0xfe03, place(100, plain)),
        ]);
        assert_eq!(layout.find(0x0100_00e9).unwrap().code, 3);
        assert_eq!(layout.find(0xfe20).unwrap().code, 15);
        assert_eq!(layout.find(0xffea).unwrap().code, 100);
        assert_eq!(layout.find(0x0100_20ac), None);
    }
}
