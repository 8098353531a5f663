//! Which symbols keys make on the server's keyboard. Servers that know scancodes look at these only where
//! they were told to, others know nothing else.

use xkbcommon::xkb;

use crate::failure::Failure;

/// XKB counts keys from 8.
const FIRST_KEY: u32 = 8;

/// A keyboard with its modifiers.
pub(crate) struct Keymap {
    state: xkb::State,
}

impl std::fmt::Debug for Keymap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keymap")
    }
}

impl Keymap {
    /// Reads the keymap of a layout such as `de` or `us(dvorak)`.
    ///
    /// # Errors
    /// [`Failure::Layout`] where there is none.
    pub(crate) fn of_layout(name: &str) -> Result<Self, Failure> {
        let unknown = || Failure::Layout(name.to_owned());
        let (layout, variant) = match name.split_once('(') {
            Some((layout, rest)) => (layout, rest.strip_suffix(')').ok_or_else(unknown)?),
            None => (name, ""),
        };
        let context = xkb::Context::new(xkb::CONTEXT_NO_FLAGS);
        let keymap = xkb::Keymap::new_from_names(
            &context,
            "evdev",
            "pc105",
            layout,
            variant,
            None,
            xkb::KEYMAP_COMPILE_NO_FLAGS,
        );
        Ok(Self { state: xkb::State::new(&keymap.ok_or_else(unknown)?) })
    }

    /// A key changes; the X11 symbol that it makes, 0 for none.
    pub(crate) fn key(&mut self, code: u16, down: bool) -> u32 {
        let key = xkb::Keycode::new(u32::from(code) + FIRST_KEY);
        // What a key makes it makes under the modifiers that were down before it.
        let symbol = self.state.key_get_one_sym(key).raw();
        let direction = if down { xkb::KeyDirection::Down } else { xkb::KeyDirection::Up };
        self.state.update_key(key, direction);
        symbol
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_follow_layout_and_modifiers() {
        let mut us = Keymap::of_layout("us").unwrap();
        assert_eq!(us.key(21, true), u32::from('y'));
        us.key(21, false);
        assert_eq!(us.key(42, true), 0xffe1);
        assert_eq!(us.key(21, true), u32::from('Y'));
        assert_eq!(us.key(1, true), 0xff1b);
        let mut de = Keymap::of_layout("de").unwrap();
        assert_eq!(de.key(21, true), u32::from('z'));
        let mut dvorak = Keymap::of_layout("us(dvorak)").unwrap();
        assert_eq!(dvorak.key(31, true), u32::from('o'));
        assert!(matches!(Keymap::of_layout("nowhere"), Err(Failure::Layout(_))));
        assert!(matches!(Keymap::of_layout("us(dvorak"), Err(Failure::Layout(_))));
    }
}
