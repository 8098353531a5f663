//! Keys of a device that brought a keymap of its own: `wtype` and its like type any text so.
//!
//! Nobody here reads such a keymap. The program that has the keyboard is handed it, with the device's
//! own codes, and gets the seat's keymap back before the next key that is the seat's. A guest has a
//! keyboard whose keymap is its own: to it codes are the seat's codes.

use std::sync::Arc;

use porthole_core::{config::Keymap, input::SeatId};
use smithay::{
    input::keyboard::{KeyboardHandle, xkb},
    reexports::wayland_server::{
        Client, Resource,
        protocol::wl_keyboard::{KeyState, KeymapFormat},
    },
    utils::SERIAL_COUNTER,
};

use super::{Seats, keyboard::knows_layouts};
use crate::{
    clock,
    protocols::virtual_keyboard::{DeviceKeymap, Modifiers, Typed},
    sockets::{SocketKind, socket_of},
    state::State,
};

/// Keymaps that are kept; more than a configuration commonly has.
const MAX_TOLD: usize = 16;

/// A keymap that a program has instead of its seat's.
#[derive(Debug)]
pub(super) struct Lent {
    keymap: Arc<DeviceKeymap>,
    to: Client,
}

impl Seats {
    /// A seat's keymap as programs are told it. Making it takes milliseconds, so it is kept.
    pub(crate) fn told_keymap(&mut self, id: SeatId) -> Option<Arc<DeviceKeymap>> {
        let keymap = self.get(id)?.keymap.clone();
        if let Some((_, told)) = self.told_keymaps.iter().find(|(known, _)| *known == keymap) {
            return Some(told.clone());
        }
        let told = Arc::new(DeviceKeymap::keep(text(&keymap)?.into_bytes()).ok()?);
        // Every reload may bring others.
        if self.told_keymaps.len() >= MAX_TOLD {
            self.told_keymaps.clear();
        }
        self.told_keymaps.push((keymap, told.clone()));
        Some(told)
    }
}

fn text(keymap: &Keymap) -> Option<String> {
    if !knows_layouts() {
        return None;
    }
    let context = xkb::Context::new(xkb::CONTEXT_NO_FLAGS);
    let (layout, variant) = (keymap.layout.as_str(), keymap.variant.as_deref().unwrap_or(""));
    let flags = xkb::KEYMAP_COMPILE_NO_FLAGS;
    let keymap = xkb::Keymap::new_from_names(&context, "", "", layout, variant, None, flags)?;
    Some(keymap.get_as_string(xkb::KEYMAP_FORMAT_TEXT_V1))
}

impl State {
    /// Hands on what a device with its own keymap does; false where a guest, or nobody, has the
    /// keyboard.
    pub(crate) fn type_key(
        &mut self,
        id: SeatId,
        keymap: &Arc<DeviceKeymap>,
        modifiers: Modifiers,
        what: Typed,
    ) -> bool {
        let Some(client) = self.seat_focus(id).and_then(|surface| surface.client()) else {
            return false;
        };
        let is_program = socket_of(&client).is_some_and(|s| s.kind == SocketKind::Programs);
        let keyboard = self.seats.get(id).and_then(|s| s.seat.get_keyboard());
        let Some(keyboard) = keyboard.filter(|_| is_program) else { return false };
        let fresh = self.lend(id, keymap, &client, &keyboard);
        if fresh || what == Typed::Modifiers {
            let [depressed, latched, locked, group] = modifiers;
            let serial = SERIAL_COUNTER.next_serial().into();
            for object in keyboard.client_keyboards(&client) {
                object.modifiers(serial, depressed, latched, locked, group);
            }
        }
        if let Typed::Key { code, pressed } = what {
            let state = if pressed { KeyState::Pressed } else { KeyState::Released };
            let serial = SERIAL_COUNTER.next_serial().into();
            for object in keyboard.client_keyboards(&client) {
                object.key(serial, clock::milliseconds(), code, state);
            }
        }
        true
    }

    /// Makes sure that a program has a device's keymap; true when it had another one.
    fn lend(
        &mut self,
        id: SeatId,
        keymap: &Arc<DeviceKeymap>,
        client: &Client,
        keyboard: &KeyboardHandle<Self>,
    ) -> bool {
        let Some(seat) = self.seats.get_mut(id) else { return false };
        let has = |l: &Lent| Arc::ptr_eq(&l.keymap, keymap) && l.to == *client;
        if seat.lent.as_ref().is_some_and(has) {
            return false;
        }
        let (file, size) = keymap.file();
        for object in keyboard.client_keyboards(client) {
            object.keymap(KeymapFormat::XkbV1, file, size);
        }
        seat.lent = Some(Lent { keymap: keymap.clone(), to: client.clone() });
        true
    }

    /// A device's keymap is used no more: who has it gets the seat's.
    pub(crate) fn keymap_unused(&mut self, id: SeatId, keymap: &Arc<DeviceKeymap>) {
        let lent = self.seats.get(id).and_then(|s| s.lent.as_ref());
        if lent.is_some_and(|l| Arc::ptr_eq(&l.keymap, keymap)) {
            self.give_keymap_back(id);
        }
    }

    /// Gives the program that has another keymap the seat's.
    pub(super) fn give_keymap_back(&mut self, id: SeatId) {
        let Some(seat) = self.seats.get_mut(id) else { return };
        let Some(Lent { to, .. }) = seat.lent.take() else { return };
        let Some(keyboard) = seat.seat.get_keyboard() else { return };
        let Some(told) = self.seats.told_keymap(id) else { return };
        let (file, size) = told.file();
        let mods = keyboard.modifier_state().serialized;
        let serial = SERIAL_COUNTER.next_serial().into();
        for object in keyboard.client_keyboards(&to) {
            object.keymap(KeymapFormat::XkbV1, file, size);
            object.modifiers(
                serial,
                mods.depressed,
                mods.latched,
                mods.locked,
                mods.layout_effective,
            );
        }
    }
}
