//! The seat's keymap as a table of symbols, and its modifiers as XKB counts them.

use porthole_client::virtual_input::ModifierMasks;
use porthole_keys::{KeyChange, Layout, Modifiers, Place};
use xkbcommon::xkb;

/// XKB counts keys from 8.
const FIRST_KEY: u32 = 8;

/// Codes of keys that exist in keymaps only, to carry modifiers; no kernel knows them.
const NO_KEYS: [u16; 6] = [84, 195, 196, 197, 198, 199];

/// A compiled keymap.
pub(crate) struct Keymap {
    keymap: xkb::Keymap,
    layout: Layout,
}

impl std::fmt::Debug for Keymap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keymap").field("symbols", &self.layout.len()).finish_non_exhaustive()
    }
}

impl Keymap {
    /// Compiles a keymap in XKB's text format; `None` where it is none.
    pub(crate) fn compile(text: &str) -> Option<Self> {
        // A keymap that is sent is complete; files are out of reach here.
        let context = xkb::Context::new(xkb::CONTEXT_NO_DEFAULT_INCLUDES);
        let keymap = xkb::Keymap::new_from_string(
            &context,
            text.to_owned(),
            xkb::KEYMAP_FORMAT_TEXT_V1,
            xkb::KEYMAP_COMPILE_NO_FLAGS,
        )?;
        let layout = Layout::from_entries(entries(&keymap));
        Some(Self { keymap, layout })
    }

    /// Where each symbol lies.
    pub(crate) const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// A keyboard with nothing held.
    pub(crate) fn state(&self) -> KeyState {
        KeyState { state: xkb::State::new(&self.keymap), masks: ModifierMasks::default() }
    }
}

/// One keyboard's modifiers.
pub(crate) struct KeyState {
    state: xkb::State,
    masks: ModifierMasks,
}

impl std::fmt::Debug for KeyState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.masks.fmt(f)
    }
}

impl KeyState {
    /// Takes a key into account; the modifiers, where they changed.
    pub(crate) fn update(&mut self, change: KeyChange) -> Option<ModifierMasks> {
        let direction = if change.down { xkb::KeyDirection::Down } else { xkb::KeyDirection::Up };
        self.state.update_key(xkb::Keycode::new(u32::from(change.code) + FIRST_KEY), direction);
        let masks = ModifierMasks {
            depressed: self.state.serialize_mods(xkb::STATE_MODS_DEPRESSED),
            latched: self.state.serialize_mods(xkb::STATE_MODS_LATCHED),
            locked: self.state.serialize_mods(xkb::STATE_MODS_LOCKED),
            group: self.state.serialize_layout(xkb::STATE_LAYOUT_EFFECTIVE),
        };
        (std::mem::replace(&mut self.masks, masks) != masks).then_some(masks)
    }
}

/// Every symbol that the first layout can produce. The keymap is asked what it does under each
/// set of modifiers, rather than taken apart.
fn entries(keymap: &xkb::Keymap) -> Vec<(u32, Place)> {
    let mask = |name: &str| match keymap.mod_get_index(name) {
        xkb::MOD_INVALID => 0,
        index => 1_u32.checked_shl(index).unwrap_or(0),
    };
    let shift = mask(xkb::MOD_NAME_SHIFT);
    let level3 = mask(xkb::MOD_NAME_ISO_LEVEL3_SHIFT);
    let caps = mask(xkb::MOD_NAME_CAPS);
    let mut state = xkb::State::new(keymap);
    let mut symbol = |key: u32, mask: u32| {
        state.update_mask(mask, 0, 0, 0, 0, 0);
        state.key_get_one_sym(xkb::Keycode::new(key)).raw()
    };
    let mut entries = Vec::new();
    let last = keymap.max_keycode().raw().min(FIRST_KEY + 0x2ff);
    for key in keymap.min_keycode().raw().max(FIRST_KEY)..=last {
        let Ok(code) = u16::try_from(key - FIRST_KEY) else { break };
        if NO_KEYS.contains(&code) {
            continue;
        }
        for modifiers in Modifiers::ALL {
            let held =
                if modifiers.shift { shift } else { 0 } | if modifiers.level3 { level3 } else { 0 };
            let keysym = symbol(key, held);
            if keysym == 0 {
                continue;
            }
            // For letters Caps Lock does what Shift does.
            let turns =
                symbol(key, held | caps) != keysym && symbol(key, held ^ shift | caps) == keysym;
            entries.push((keysym, Place { code, modifiers, caps: turns }));
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keymap(layout: &str) -> Keymap {
        let context = xkb::Context::new(xkb::CONTEXT_NO_FLAGS);
        let names = xkb::Keymap::new_from_names(
            &context,
            "evdev",
            "pc105",
            layout,
            "",
            None,
            xkb::KEYMAP_COMPILE_NO_FLAGS,
        );
        let text = names.unwrap().get_as_string(xkb::KEYMAP_FORMAT_TEXT_V1);
        Keymap::compile(&text).unwrap()
    }

    const PLAIN: Modifiers = Modifiers { shift: false, level3: false };
    const SHIFT: Modifiers = Modifiers { shift: true, level3: false };
    const LEVEL3: Modifiers = Modifiers { shift: false, level3: true };

    /// A letter.
    const fn letter(code: u16, modifiers: Modifiers) -> Place {
        Place { code, modifiers, caps: true }
    }

    /// Anything else.
    const fn sign(code: u16, modifiers: Modifiers) -> Place {
        Place { code, modifiers, caps: false }
    }

    #[test]
    fn symbols_lie_where_the_layout_has_them() {
        let us = keymap("us");
        let find = |keymap: &Keymap, symbol: char| keymap.layout().find(u32::from(symbol));
        assert_eq!(find(&us, 'a'), Some(letter(30, PLAIN)));
        assert_eq!(find(&us, 'A'), Some(letter(30, SHIFT)));
        assert_eq!(find(&us, '/'), Some(sign(53, PLAIN)));
        assert_eq!(find(&us, '@'), Some(sign(3, SHIFT)));
        assert_eq!(us.layout().find(0xff0d).unwrap().code, 28);
        assert_eq!(us.layout().find(0xffbe).unwrap().code, 59);
        assert_eq!(us.layout().find(0xffe1).unwrap().code, 42);
        let de = keymap("de");
        assert_eq!(find(&de, 'z'), Some(letter(21, PLAIN)));
        assert_eq!(find(&de, '@'), Some(sign(16, LEVEL3)));
        assert_eq!(find(&de, '/'), Some(sign(8, SHIFT)));
        assert_eq!(find(&de, '\u{fc}'), Some(letter(26, PLAIN)));
        assert_eq!(de.layout().find(0xfe03).unwrap().code, 100);
    }

    #[test]
    fn modifiers_follow_keys() {
        let mut state = keymap("us").state();
        let key = |code, down| KeyChange { code, down };
        assert_eq!(state.update(key(30, true)), None);
        let shifted = ModifierMasks { depressed: 1, ..ModifierMasks::default() };
        assert_eq!(state.update(key(42, true)), Some(shifted));
        assert_eq!(state.update(key(42, false)), Some(ModifierMasks::default()));
        state.update(key(58, true));
        let locked = ModifierMasks { locked: 2, ..ModifierMasks::default() };
        assert_eq!(state.update(key(58, false)), Some(locked));
    }

    #[test]
    fn what_is_no_keymap_is_refused() {
        assert!(Keymap::compile("keymap of the world").is_none());
    }
}
