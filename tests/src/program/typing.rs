//! Keys as text: what a person would see typed, by the keymap that the service told last.

use std::{fmt, os::fd::OwnedFd};

use wayland_client::protocol::{wl_keyboard, wl_seat::WlSeat};
use wayland_protocols_misc::zwp_virtual_keyboard_v1::client::{
    zwp_virtual_keyboard_manager_v1::ZwpVirtualKeyboardManagerV1,
    zwp_virtual_keyboard_v1::ZwpVirtualKeyboardV1,
};
use xkbcommon::xkb;

use super::{Log, PoolMemory, Program};
use crate::failure::{Failure, Result};

/// The text so far, and what turns keys into it.
#[derive(Default)]
pub(super) struct Typing {
    state: Option<xkb::State>,
    keymap: String,
    keymaps: usize,
    text: String,
}

impl fmt::Debug for Typing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Typing").field("text", &self.text).finish_non_exhaustive()
    }
}

impl Typing {
    /// Follows the events that say what keys mean.
    pub(super) fn event(&mut self, event: &wl_keyboard::Event) {
        match event {
            wl_keyboard::Event::Keymap { fd, size, .. } => self.take_keymap(fd, *size),
            wl_keyboard::Event::Modifiers {
                mods_depressed,
                mods_latched,
                mods_locked,
                group,
                ..
            } => {
                if let Some(state) = &mut self.state {
                    state.update_mask(*mods_depressed, *mods_latched, *mods_locked, 0, 0, *group);
                }
            }
            wl_keyboard::Event::Key { key, state, .. } => {
                let down = *state == wayland_client::WEnum::Value(wl_keyboard::KeyState::Pressed);
                if let Some(state) = self.state.as_ref().filter(|_| down) {
                    self.text.push_str(&state.key_get_utf8(xkb::Keycode::new(key + 8)));
                }
            }
            _ => {}
        }
    }

    fn take_keymap(&mut self, fd: &OwnedFd, size: u32) {
        let mut text = vec![0; size as usize];
        let read = rustix::io::pread(fd, &mut text, 0).unwrap_or(0);
        text.truncate(read.saturating_sub(1));
        self.keymap = String::from_utf8_lossy(&text).into_owned();
        self.keymaps += 1;
        let context = xkb::Context::new(xkb::CONTEXT_NO_FLAGS);
        let (format, flags) = (xkb::KEYMAP_FORMAT_TEXT_V1, xkb::KEYMAP_COMPILE_NO_FLAGS);
        let keymap = xkb::Keymap::new_from_string(&context, self.keymap.clone(), format, flags);
        self.state = keymap.map(|keymap| xkb::State::new(&keymap));
    }
}

impl Log {
    /// The text that was typed so far.
    #[must_use]
    pub fn typed(&self) -> &str {
        &self.typing.text
    }

    /// The last keymap that the service told, and how many there were.
    #[must_use]
    pub fn keymap(&self) -> (&str, usize) {
        (&self.typing.keymap, self.typing.keymaps)
    }
}

impl Program {
    /// A virtual keyboard on a seat that says codes and brings no keymap.
    ///
    /// # Errors
    /// When the socket does not show the global.
    pub fn virtual_keyboard(&self, seat: &WlSeat) -> Result<ZwpVirtualKeyboardV1> {
        self.virtual_keyboard_with(seat, "")
    }

    /// A virtual keyboard with a keymap of its own.
    ///
    /// # Errors
    /// When the socket does not show the global.
    pub fn virtual_keyboard_with(
        &self,
        seat: &WlSeat,
        keymap: &str,
    ) -> Result<ZwpVirtualKeyboardV1> {
        let manager: ZwpVirtualKeyboardManagerV1 = self.bind()?;
        let keyboard = manager.create_virtual_keyboard(seat, self.handle(), ());
        self.set_keymap(&keyboard, keymap)?;
        Ok(keyboard)
    }

    /// Gives a virtual keyboard another keymap.
    ///
    /// # Errors
    /// When memory is short.
    pub fn set_keymap(&self, keyboard: &ZwpVirtualKeyboardV1, keymap: &str) -> Result<()> {
        let size = u32::try_from(keymap.len() + 1).map_err(|e| Failure::new(e.to_string()))?;
        let memory = PoolMemory::new(size.into(), false)?;
        memory.write(keymap.as_bytes())?;
        // Format 1 is xkb_v1.
        keyboard.keymap(1, memory.fd(), size);
        Ok(())
    }
}

/// The text of a layout's keymap.
///
/// # Errors
/// When there is no such layout.
pub fn keymap_of(layout: &str) -> Result<String> {
    let context = xkb::Context::new(xkb::CONTEXT_NO_FLAGS);
    let flags = xkb::KEYMAP_COMPILE_NO_FLAGS;
    let keymap = xkb::Keymap::new_from_names(&context, "", "", layout, "", None, flags);
    let keymap = keymap.ok_or_else(|| Failure::new(format!("no layout {layout}")))?;
    Ok(keymap.get_as_string(xkb::KEYMAP_FORMAT_TEXT_V1))
}
