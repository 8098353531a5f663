//! `zwp_virtual_keyboard_v1`, through the seat.
//!
//! smithay's own sends keys past the seat, to the focused client only, and leaves them pressed when
//! their client dies. Here a key is the seat's: what a device held is released when the device goes.
//! Codes are evdev codes, and the seat's keymap is the guest's. A device that brings another keymap
//! types text: programs are handed that keymap with its keys, see [`Typed`].

mod keymap;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

pub(crate) use keymap::DeviceKeymap;

use porthole_core::input::SeatId;
use smithay::reexports::wayland_server::{
    Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, backend::ClientId,
    protocol::wl_seat::WlSeat,
};
use wayland_protocols_misc::zwp_virtual_keyboard_v1::server::{
    zwp_virtual_keyboard_manager_v1::{self as manager, ZwpVirtualKeyboardManagerV1 as Manager},
    zwp_virtual_keyboard_v1::{self as keyboard, ZwpVirtualKeyboardV1 as Keyboard},
};

use super::globals::{Filtered, filtered_manager};

/// Modifiers and group as a device tells them: depressed, latched, locked, group.
pub(crate) type Modifiers = [u32; 4];

/// What a device with a keymap of its own does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Typed {
    /// A key of the device's own code goes down or up.
    Key { code: u32, pressed: bool },
    /// The modifiers are others.
    Modifiers,
}

/// The highest code of linux/input-event-codes.h (`KEY_MAX`).
const KEY_MAX: u32 = 0x2ff;

/// `wl_keyboard.keymap_format` of all keymaps that there are.
const XKB_V1: u32 = 1;

/// What the compositor must answer.
pub(crate) trait VirtualKeyboardHandler {
    /// The seat, when the client may send it input.
    fn keyboard_seat(&mut self, client: &Client, seat: &WlSeat) -> Option<SeatId>;
    /// Whether the client may still send input to this seat.
    fn may_type(&mut self, client: &Client, seat: SeatId) -> bool;
    /// A key of an evdev code goes down or up.
    fn virtual_key(&mut self, seat: SeatId, code: u32, pressed: bool);
    /// Whether a keymap is another one than the seat's.
    fn is_another_keymap(&mut self, seat: SeatId, keymap: &DeviceKeymap) -> bool;
    /// A device with a keymap of its own does something. False where the one who has the keyboard
    /// cannot be handed a keymap: a key is then a key of the seat.
    fn typed(
        &mut self,
        seat: SeatId,
        keymap: &Arc<DeviceKeymap>,
        modifiers: Modifiers,
        what: Typed,
    ) -> bool;
    /// A keymap is used no more.
    fn keymap_gone(&mut self, seat: SeatId, keymap: &Arc<DeviceKeymap>);
}

/// One device.
#[derive(Debug)]
pub(crate) struct VirtualKeyboardData {
    seat: Option<SeatId>,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    has_keymap: bool,
    /// The device's keymap, where it is not the seat's.
    own: Option<Arc<DeviceKeymap>>,
    modifiers: Modifiers,
    /// What is down, and whether it is so for the seat.
    codes: BTreeMap<u32, bool>,
}

impl VirtualKeyboardData {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes another keymap, or none; what was held is let go.
    fn take_keymap<D: VirtualKeyboardHandler>(
        &self,
        state: &mut D,
        own: Option<Arc<DeviceKeymap>>,
    ) {
        let Some(seat) = self.seat else { return };
        let codes = std::mem::take(&mut self.held().codes);
        for (code, of_seat) in codes {
            self.release(state, seat, code, of_seat);
        }
        let before = std::mem::replace(&mut self.held().own, own);
        if let Some(before) = before {
            state.keymap_gone(seat, &before);
        }
    }

    fn press<D: VirtualKeyboardHandler>(&self, state: &mut D, seat: SeatId, code: u32) {
        let (own, modifiers) = {
            let held = self.held();
            (held.own.clone(), held.modifiers)
        };
        let what = Typed::Key { code, pressed: true };
        let handed_on = own.is_some_and(|own| state.typed(seat, &own, modifiers, what));
        if !handed_on {
            state.virtual_key(seat, code, true);
        }
        self.held().codes.insert(code, !handed_on);
    }

    fn release<D: VirtualKeyboardHandler>(
        &self,
        state: &mut D,
        seat: SeatId,
        code: u32,
        of_seat: bool,
    ) {
        if of_seat {
            state.virtual_key(seat, code, false);
            return;
        }
        let (own, modifiers) = {
            let held = self.held();
            (held.own.clone(), held.modifiers)
        };
        if let Some(own) = own {
            state.typed(seat, &own, modifiers, Typed::Key { code, pressed: false });
        }
    }
}

/// The global.
#[derive(Debug)]
pub(crate) struct VirtualKeyboardState;

impl VirtualKeyboardState {
    /// Announces the global to the clients that `filter` lets see it.
    pub(crate) fn new<D>(
        display: &DisplayHandle,
        filter: impl Fn(&Client) -> bool + Send + Sync + 'static,
    ) -> Self
    where
        D: GlobalDispatch<Manager, Filtered> + 'static,
    {
        let global = Filtered::new(filter);
        display.create_global::<D, Manager, _>(1, global);
        Self
    }
}

filtered_manager!(VirtualKeyboardState, Manager);

impl<D> Dispatch<Manager, (), D> for VirtualKeyboardState
where
    D: VirtualKeyboardHandler
        + Dispatch<Manager, ()>
        + Dispatch<Keyboard, VirtualKeyboardData>
        + 'static,
{
    fn request(
        state: &mut D,
        client: &Client,
        resource: &Manager,
        request: manager::Request,
        (): &(),
        _: &DisplayHandle,
        init: &mut DataInit<'_, D>,
    ) {
        use smithay::reexports::wayland_server::Resource as _;
        if let manager::Request::CreateVirtualKeyboard { seat, id } = request {
            let seat = state.keyboard_seat(client, &seat);
            init.init(id, VirtualKeyboardData { seat, held: Mutex::default() });
            if seat.is_none() {
                resource.post_error(
                    manager::Error::Unauthorized,
                    "this socket has no right 'input:PORT' for the seat's port",
                );
            }
        }
    }
}

impl<D> Dispatch<Keyboard, VirtualKeyboardData, D> for VirtualKeyboardState
where
    D: VirtualKeyboardHandler + Dispatch<Keyboard, VirtualKeyboardData> + 'static,
{
    fn request(
        state: &mut D,
        client: &Client,
        resource: &Keyboard,
        request: keyboard::Request,
        data: &VirtualKeyboardData,
        _: &DisplayHandle,
        _: &mut DataInit<'_, D>,
    ) {
        use smithay::reexports::wayland_server::Resource as _;
        let Some(seat) = data.seat else { return };
        match request {
            keyboard::Request::Keymap { format, fd, size } => {
                let read = if format == XKB_V1 { DeviceKeymap::read(&fd, size) } else { Ok(None) };
                let own = read.unwrap_or_else(|error| {
                    tracing::warn!("a virtual keyboard's keymap cannot be read: {error}");
                    None
                });
                let own = own.filter(|keymap| state.is_another_keymap(seat, keymap)).map(Arc::new);
                data.take_keymap(state, own);
                data.held().has_keymap = true;
            }
            keyboard::Request::Key { key, state: down, .. } => {
                let pressed = down != 0;
                // The right may be gone since; what is held may be let go all the same.
                if pressed && !state.may_type(client, seat) {
                    return;
                }
                if !data.held().has_keymap {
                    resource.post_error(keyboard::Error::NoKeymap, "key before keymap");
                    return;
                }
                let held = data.held().codes.get(&key).copied();
                match (pressed, held) {
                    (true, None) if key <= KEY_MAX => data.press(state, seat, key),
                    (false, Some(of_seat)) => {
                        data.held().codes.remove(&key);
                        data.release(state, seat, key, of_seat);
                    }
                    _ => {}
                }
            }
            keyboard::Request::Modifiers { mods_depressed, mods_latched, mods_locked, group } => {
                let modifiers = [mods_depressed, mods_latched, mods_locked, group];
                let own = {
                    let mut held = data.held();
                    held.modifiers = modifiers;
                    held.own.clone()
                };
                // With the seat's keymap, the seat counts modifiers from the keys themselves.
                if let Some(own) = own
                    && state.may_type(client, seat)
                {
                    state.typed(seat, &own, modifiers, Typed::Modifiers);
                }
            }
            _ => {}
        }
    }

    fn destroyed(state: &mut D, _: ClientId, _: &Keyboard, data: &VirtualKeyboardData) {
        data.take_keymap(state, None);
    }
}

/// Gives a `State` the dispatch of this module.
macro_rules! delegate_virtual_keyboard {
    ($state:ty) => {
        const _: () = {
            use $crate::protocols::virtual_keyboard::{
                VirtualKeyboardData, VirtualKeyboardState,
            };
            use ::wayland_protocols_misc::zwp_virtual_keyboard_v1::server::{
                zwp_virtual_keyboard_manager_v1::ZwpVirtualKeyboardManagerV1,
                zwp_virtual_keyboard_v1::ZwpVirtualKeyboardV1,
            };
            ::wayland_server::delegate_global_dispatch!($state: [ZwpVirtualKeyboardManagerV1: $crate::protocols::globals::Filtered] => VirtualKeyboardState);
            ::wayland_server::delegate_dispatch!($state: [ZwpVirtualKeyboardManagerV1: ()] => VirtualKeyboardState);
            ::wayland_server::delegate_dispatch!($state: [ZwpVirtualKeyboardV1: VirtualKeyboardData] => VirtualKeyboardState);
        };
    };
}
pub(crate) use delegate_virtual_keyboard;
