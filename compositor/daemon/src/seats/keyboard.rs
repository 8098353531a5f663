//! Keys of a seat, and which layer of its port has them.

use porthole_core::{
    config::{Content, Keymap, Repeat},
    input::{FocusLayer, SeatId},
    model::{PipelineId, PortId},
};
use smithay::{
    backend::input::KeyState,
    input::keyboard::{FilterResult, Keycode, XkbConfig, xkb},
    reexports::wayland_server::{Resource, protocol::wl_surface::WlSurface},
    utils::SERIAL_COUNTER,
};

use super::Seats;
use crate::{clock, state::State};

fn xkb_config(keymap: &Keymap) -> XkbConfig<'_> {
    XkbConfig {
        layout: &keymap.layout,
        variant: keymap.variant.as_deref().unwrap_or(""),
        ..XkbConfig::default()
    }
}

/// Whether there are keyboard layouts at all, as in an initramfs there may not be. Without any of its
/// folders xkbcommon makes no context, and whoever uses that without asking ends.
pub(super) fn knows_layouts() -> bool {
    !xkb::Context::new(xkb::CONTEXT_NO_FLAGS).get_raw_ptr().is_null()
}

/// Rate and delay in Wayland's numbers.
fn numbers(repeat: Repeat) -> (i32, i32) {
    let number = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
    (number(repeat.rate), number(repeat.delay))
}

impl Seats {
    /// The layout of keyboards for programs, from now on.
    pub(crate) fn set_layout(&mut self, layout: Keymap) {
        self.layout = layout;
    }

    /// How programs are to repeat held keys from now on.
    pub(crate) fn set_repeat(&mut self, repeat: Repeat) {
        if std::mem::replace(&mut self.repeat, repeat) != repeat {
            let (rate, delay) = numbers(repeat);
            for keyboard in self.iter().filter_map(|(_, seat)| seat.seat.get_keyboard()) {
                keyboard.change_repeat_info(rate, delay);
            }
        }
    }

    /// Gives a seat a keyboard if it has none.
    pub(super) fn want_keyboard(&mut self, id: SeatId) {
        let (rate, delay) = numbers(self.repeat);
        let Some(seat) = self.get_mut(id).filter(|s| s.seat.get_keyboard().is_none()) else {
            return;
        };
        if !knows_layouts() {
            let name = seat.seat.name();
            return tracing::warn!("seat '{name}' has no keyboard: is xkb-data installed?");
        }
        let config = xkb_config(&seat.keymap);
        if let Err(error) = seat.seat.add_keyboard(config, delay, rate) {
            let name = seat.seat.name();
            tracing::error!("seat '{name}' has no keyboard: {error}; is xkb-data installed?");
        }
    }
}

impl State {
    /// A virtual keyboard appeared on a seat.
    pub(crate) fn add_keyboard(&mut self, id: SeatId) {
        self.seats.want_keyboard(id);
        if self.seats.get(id).is_some_and(|s| s.port.is_some()) {
            self.send_keyboard_focus(id);
        }
    }

    /// A device of a seat presses a key of an evdev code, or lets go of it.
    pub(crate) fn key(&mut self, id: SeatId, code: u32, pressed: bool) {
        let Some(seat) = self.seats.get_mut(id) else { return };
        let news = if pressed { seat.keys.press(code) } else { seat.keys.release(code) };
        if news && !self.keeps_key(id, code, pressed) {
            self.send_key(id, code, pressed);
        }
    }

    pub(super) fn send_key(&mut self, id: SeatId, code: u32, pressed: bool) {
        self.give_keymap_back(id);
        let Some(keyboard) = self.seats.get(id).and_then(|s| s.seat.get_keyboard()) else {
            return;
        };
        let state = if pressed { KeyState::Pressed } else { KeyState::Released };
        let serial = SERIAL_COUNTER.next_serial();
        // XKB counts from 8.
        let code = Keycode::new(code.saturating_add(8));
        keyboard.input::<(), _>(self, code, state, serial, clock::milliseconds(), |_, _, _| {
            FilterResult::Forward
        });
    }

    /// The layers of a port that show something and may hear of a seat, from the bottom up.
    pub(super) fn focus_layers(&self, id: SeatId, port: PortId) -> Vec<FocusLayer> {
        let layers = self.device.layers_of(port);
        let shown = layers
            .into_iter()
            .filter(|(layer, _)| self.windows.shown(*layer).is_some() && self.hears(*layer, id));
        shown.map(|(layer, p)| FocusLayer { layer, keyboard: p.keyboard }).collect()
    }

    /// Other layers may be shown now, or other toplevels in them.
    pub(super) fn refresh_keyboard_focus(&mut self, id: SeatId, port: PortId) {
        let shown = self.focus_layers(id, port);
        let moved = self.seats.get_mut(id).is_some_and(|s| s.focus.layers_changed(&shown));
        // The same layer may have another toplevel: its client restarted.
        if moved || self.keyboard_surface(id) != self.seat_focus(id) {
            self.send_keyboard_focus(id);
        }
    }

    /// A button went down on a layer: it gets the keyboard, if it may have it.
    pub(super) fn click_focus(&mut self, id: SeatId, port: PortId, layer: PipelineId) {
        let shown = self.focus_layers(id, port);
        if self.seats.get_mut(id).is_some_and(|s| s.focus.clicked(layer, &shown)) {
            self.send_keyboard_focus(id);
        }
    }

    fn keyboard_surface(&self, id: SeatId) -> Option<WlSurface> {
        let seat = self.seats.get(id)?;
        let root = self.windows.shown(seat.focus.layer()?)?.wl_surface();
        Some(self.grabbing_popup(&seat.seat, root).unwrap_or_else(|| root.clone()))
    }

    pub(super) fn seat_focus(&self, id: SeatId) -> Option<WlSurface> {
        let focus = self.seats.get(id)?.seat.get_keyboard()?.current_focus();
        focus.filter(Resource::is_alive)
    }

    pub(super) fn send_keyboard_focus(&mut self, id: SeatId) {
        self.refresh_keymap(id);
        let surface = self.keyboard_surface(id);
        let keyboard = self.seats.get(id).and_then(|s| s.seat.get_keyboard());
        if let Some(keyboard) = keyboard {
            keyboard.set_focus(self, surface, SERIAL_COUNTER.next_serial());
        }
    }

    /// The layer that has a seat's keyboard.
    pub(crate) fn keyboard_layer(&self, id: SeatId) -> Option<PipelineId> {
        self.seats.get(id)?.focus.layer()
    }

    /// Gives every seat of a port the keymap of the guest that has its keyboard.
    pub(crate) fn refresh_keymaps(&mut self, port: PortId) {
        self.seats.at_port(port).into_iter().for_each(|id| self.refresh_keymap(id));
    }

    fn refresh_keymap(&mut self, id: SeatId) {
        let layer = self.seats.get(id).and_then(|s| s.focus.layer());
        let keymap = layer.and_then(|layer| self.keymap_of(layer)).unwrap_or_else(|| {
            let own = self.seats.get(id).and_then(|s| s.layout.clone());
            own.unwrap_or_else(|| self.seats.layout.clone())
        });
        let Some(seat) = self.seats.get_mut(id) else { return };
        let Some(keyboard) = seat.seat.get_keyboard() else { return };
        if seat.keymap != keymap {
            seat.keymap.clone_from(&keymap);
            if let Err(error) = keyboard.set_xkb_config(self, xkb_config(&keymap)) {
                tracing::error!(
                    "keymap '{keymap}' cannot be used: {error}; is it below /usr/share/X11/xkb/symbols?"
                );
            }
        }
    }

    /// The keyboard that the guest of a layer believes to have; programs take any.
    fn keymap_of(&self, layer: PipelineId) -> Option<Keymap> {
        match self.device.stream_of(layer) {
            Some(Content::Guest { guest, .. }) => {
                self.config.guest(guest.as_str()).map(|g| g.keymap.clone())
            }
            _ => None,
        }
    }

    /// A keyboard of this layout is used on a seat.
    pub(crate) fn use_layout(&mut self, id: SeatId, layout: &Keymap) {
        let Some(seat) = self.seats.get_mut(id) else { return };
        if seat.layout.as_ref() != Some(layout) {
            seat.layout = Some(layout.clone());
            self.refresh_keymap(id);
        }
    }

    /// Whether what shows on a layer may hear of a seat.
    pub(super) fn hears(&self, layer: PipelineId, id: SeatId) -> bool {
        let only = self.seats.get(id).and_then(|seat| seat.only.as_ref());
        only.is_none_or(|only| {
            matches!(self.device.stream_of(layer), Some(Content::Guest { guest, .. }) if guest == only)
        })
    }
}
