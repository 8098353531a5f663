//! `zwp_virtual_keyboard_v1`, through the seat.
//!
//! smithay's own sends keys past the seat, to the focused client only, and leaves them pressed when
//! their client dies. Here a key is the seat's: what a device held is released when the device goes.
//! Codes are evdev codes whatever keymap the client uploads; the seat's keymap is the guest's.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use porthole_core::input::SeatId;
use smithay::reexports::wayland_server::{
    Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, New, backend::ClientId,
    protocol::wl_seat::WlSeat,
};
use wayland_protocols_misc::zwp_virtual_keyboard_v1::server::{
    zwp_virtual_keyboard_manager_v1::{self as manager, ZwpVirtualKeyboardManagerV1 as Manager},
    zwp_virtual_keyboard_v1::{self as keyboard, ZwpVirtualKeyboardV1 as Keyboard},
};

use super::capture::ClientFilter;

/// The highest code of linux/input-event-codes.h (`KEY_MAX`).
const KEY_MAX: u32 = 0x2ff;

/// What the compositor must answer.
pub(crate) trait VirtualKeyboardHandler {
    /// The seat, when the client may send it input.
    fn keyboard_seat(&mut self, client: &Client, seat: &WlSeat) -> Option<SeatId>;
    /// Whether the client may still send input to this seat.
    fn may_type(&mut self, client: &Client, seat: SeatId) -> bool;
    /// A key of an evdev code goes down or up.
    fn virtual_key(&mut self, seat: SeatId, code: u32, pressed: bool);
}

/// Data of the global: who sees it.
pub(crate) struct VirtualKeyboardGlobal {
    filter: ClientFilter,
}

impl std::fmt::Debug for VirtualKeyboardGlobal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("VirtualKeyboardGlobal")
    }
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
    codes: BTreeSet<u32>,
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
        D: GlobalDispatch<Manager, VirtualKeyboardGlobal> + 'static,
    {
        let global = VirtualKeyboardGlobal { filter: Box::new(filter) };
        display.create_global::<D, Manager, _>(1, global);
        Self
    }
}

impl<D> GlobalDispatch<Manager, VirtualKeyboardGlobal, D> for VirtualKeyboardState
where
    D: GlobalDispatch<Manager, VirtualKeyboardGlobal> + Dispatch<Manager, ()> + 'static,
{
    fn bind(
        _: &mut D,
        _: &DisplayHandle,
        _: &Client,
        resource: New<Manager>,
        _: &VirtualKeyboardGlobal,
        init: &mut DataInit<'_, D>,
    ) {
        init.init(resource, ());
    }

    fn can_view(client: Client, global: &VirtualKeyboardGlobal) -> bool {
        (global.filter)(&client)
    }
}

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
            keyboard::Request::Keymap { .. } => {
                data.held.lock().unwrap_or_else(PoisonError::into_inner).has_keymap = true;
            }
            keyboard::Request::Key { key, state: down, .. } => {
                let pressed = down != 0;
                // The right may be gone since; what is held may be let go all the same.
                if pressed && !state.may_type(client, seat) {
                    return;
                }
                let news = {
                    let mut held = data.held.lock().unwrap_or_else(PoisonError::into_inner);
                    if !held.has_keymap {
                        resource.post_error(keyboard::Error::NoKeymap, "key before keymap");
                        return;
                    }
                    key <= KEY_MAX
                        && if pressed { held.codes.insert(key) } else { held.codes.remove(&key) }
                };
                if news {
                    state.virtual_key(seat, key, pressed);
                }
            }
            // The seat counts modifiers from the keys themselves.
            _ => {}
        }
    }

    fn destroyed(state: &mut D, _: ClientId, _: &Keyboard, data: &VirtualKeyboardData) {
        let held = {
            let mut held = data.held.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut held.codes)
        };
        if let Some(seat) = data.seat {
            held.into_iter().for_each(|code| state.virtual_key(seat, code, false));
        }
    }
}

/// Gives a `State` the dispatch of this module.
macro_rules! delegate_virtual_keyboard {
    ($state:ty) => {
        const _: () = {
            use $crate::protocols::virtual_keyboard::{
                VirtualKeyboardData, VirtualKeyboardGlobal, VirtualKeyboardState,
            };
            use ::wayland_protocols_misc::zwp_virtual_keyboard_v1::server::{
                zwp_virtual_keyboard_manager_v1::ZwpVirtualKeyboardManagerV1,
                zwp_virtual_keyboard_v1::ZwpVirtualKeyboardV1,
            };
            ::wayland_server::delegate_global_dispatch!($state: [ZwpVirtualKeyboardManagerV1: VirtualKeyboardGlobal] => VirtualKeyboardState);
            ::wayland_server::delegate_dispatch!($state: [ZwpVirtualKeyboardManagerV1: ()] => VirtualKeyboardState);
            ::wayland_server::delegate_dispatch!($state: [ZwpVirtualKeyboardV1: VirtualKeyboardData] => VirtualKeyboardState);
        };
    };
}
pub(crate) use delegate_virtual_keyboard;
