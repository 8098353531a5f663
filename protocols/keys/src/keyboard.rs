//! One viewer's keyboard: what it holds, and which keys must be pressed so that the guest sees
//! the character that the viewer typed, whatever the layouts of the two are.
//!
//! A viewer that sends scancodes presses keys, nothing more. A viewer that sends keysyms presses
//! symbols. Where the guest's layout has a symbol under other modifiers than those that are
//! held, they are pressed or lifted for that key, and put back before the next key that changes
//! or when the key is released. They stay for as long as the key alone is held, because the
//! guest repeats the key by itself and must repeat the right character.

use std::collections::BTreeMap;

use crate::evdev;
use crate::layout::{Layout, Modifier, Modifiers};

/// A key that goes down or up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyChange {
    /// The evdev code.
    pub code: u16,
    /// True when pressed.
    pub down: bool,
}

/// No keyboard has more keys down; a viewer that holds more is playing.
const MAX_HELD: usize = 256;

/// See the module's text.
#[derive(Clone, Debug, Default)]
pub struct Keyboard {
    /// What the viewer holds, by its name for it, and the code that was pressed.
    held: BTreeMap<Name, u16>,
    /// How many names hold a code.
    counts: BTreeMap<u16, usize>,
    /// Keys that differ from what the viewer holds, for the sake of one symbol.
    adjusted: Vec<KeyChange>,
    /// The name of that symbol.
    adjusted_for: Option<Name>,
    caps_lock: bool,
    changes: Vec<KeyChange>,
}

/// A viewer names a key by its symbol or by its code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Name {
    Keysym(u32),
    Code(u16),
}

impl Keyboard {
    /// Nothing is held.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Presses or releases a key by its evdev code.
    pub fn code(&mut self, code: u16, down: bool) -> &[KeyChange] {
        self.changes.clear();
        self.restore();
        self.set(Name::Code(code), code, down);
        &self.changes
    }

    /// Presses or releases a symbol. A symbol that the layout lacks changes nothing; pressed
    /// again without a release, as viewers do to repeat, it changes nothing either.
    pub fn keysym(&mut self, keysym: u32, down: bool, layout: &Layout) -> &[KeyChange] {
        self.changes.clear();
        let name = Name::Keysym(keysym);
        if !down {
            // The key that was pressed is released, whatever the layout says by now.
            if let Some(code) = self.held.get(&name).copied() {
                self.release(name, code);
            } else if let Some(place) = layout.find(keysym) {
                // Some viewers press "A", lift Shift and release "a".
                self.release_symbols_on(place.code);
            }
            return &self.changes;
        }
        let Some(place) = layout.find(keysym).filter(|_| !self.held.contains_key(&name)) else {
            return &self.changes;
        };
        self.restore();
        // The guest must see a second press where two symbols lie on one key.
        self.release_symbols_on(place.code);
        // A modifier's own symbol needs no modifiers; it may lie under any.
        if !is_modifier(place.code) && chooses_symbol(keysym) {
            let shift = place.modifiers.shift != (place.caps && self.caps_lock);
            self.adjust(Modifiers { shift, ..place.modifiers }, name);
        }
        self.set(name, place.code, true);
        &self.changes
    }

    /// Puts the modifiers back that were changed for the last symbol; to be called before a
    /// mouse button goes down, which must not be a Shift-click that nobody made.
    pub fn settle(&mut self) -> &[KeyChange] {
        self.changes.clear();
        self.restore();
        &self.changes
    }

    /// Releases everything, as a viewer that has gone holds nothing.
    pub fn release_all(&mut self) -> &[KeyChange] {
        self.changes.clear();
        self.restore();
        self.held.clear();
        for code in std::mem::take(&mut self.counts).into_keys() {
            self.changes.push(KeyChange { code, down: false });
        }
        &self.changes
    }

    /// Says what the guest's Caps Lock is, where that is known from elsewhere; otherwise each
    /// press is taken to turn it around.
    pub const fn set_caps_lock(&mut self, on: bool) {
        self.caps_lock = on;
    }

    fn release(&mut self, name: Name, code: u16) {
        self.set(name, code, false);
        if self.adjusted_for == Some(name) {
            self.restore();
        }
    }

    /// Releases every symbol that holds this key.
    fn release_symbols_on(&mut self, code: u16) {
        let on_key = |(name, held): (&Name, &u16)| {
            (*held == code && matches!(name, Name::Keysym(_))).then_some(*name)
        };
        while let Some(name) = self.held.iter().find_map(on_key) {
            self.release(name, code);
        }
    }

    /// Records that a name goes down or up, and changes its code with the first or last of them.
    fn set(&mut self, name: Name, code: u16, down: bool) {
        if down {
            if self.held.len() >= MAX_HELD || self.held.contains_key(&name) {
                return;
            }
            self.held.insert(name, code);
            let count = self.counts.entry(code).or_default();
            *count += 1;
            if *count == 1 {
                self.changes.push(KeyChange { code, down: true });
                self.caps_lock ^= code == evdev::CAPS_LOCK;
            }
        } else if self.held.remove(&name).is_some()
            && let Some(count) = self.counts.get_mut(&code)
        {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&code);
                // A key that is lifted for a symbol is up already; it only stays so.
                let lifted = self
                    .adjusted
                    .iter()
                    .position(|change| *change == KeyChange { code, down: false });
                match lifted {
                    Some(index) => drop(self.adjusted.remove(index)),
                    None => self.changes.push(KeyChange { code, down: false }),
                }
            }
        }
    }

    /// Presses or lifts modifiers so that exactly `wanted` are in force.
    fn adjust(&mut self, wanted: Modifiers, name: Name) {
        for (modifier, wanted) in
            [(Modifier::Shift, wanted.shift), (Modifier::Level3, wanted.level3)]
        {
            let codes = codes(modifier);
            let held = codes.iter().copied().filter(|code| self.counts.contains_key(code));
            if wanted && held.clone().next().is_none() {
                let code = codes.first().copied();
                self.adjusted.extend(code.map(|code| KeyChange { code, down: true }));
            } else if !wanted {
                self.adjusted.extend(held.map(|code| KeyChange { code, down: false }));
            }
        }
        if !self.adjusted.is_empty() {
            self.changes.extend(&self.adjusted);
            self.adjusted_for = Some(name);
        }
    }

    /// Undoes [`Keyboard::adjust`].
    fn restore(&mut self) {
        self.adjusted_for = None;
        let undo = |change: KeyChange| KeyChange { down: !change.down, ..change };
        self.changes.extend(self.adjusted.drain(..).rev().map(undo));
    }
}

/// The keys of a modifier; the first one is pressed where none is held.
const fn codes(modifier: Modifier) -> &'static [u16] {
    match modifier {
        Modifier::Shift => &[evdev::LEFT_SHIFT, evdev::RIGHT_SHIFT],
        Modifier::Level3 => &[evdev::RIGHT_ALT],
    }
}

/// Shift, Control, Alt, Meta and the locks.
const fn is_modifier(code: u16) -> bool {
    matches!(code, 29 | 42 | 54 | 56 | 58 | 69 | 97 | 100 | 125..=126)
}

/// True for symbols that modifiers choose. Function keys mean themselves with any modifier:
/// Shift+F1 must not become F1.
const fn chooses_symbol(keysym: u32) -> bool {
    !matches!(keysym, 0xfe00..=0xffff)
}

#[cfg(test)]
#[path = "keyboard_tests.rs"]
mod tests;
