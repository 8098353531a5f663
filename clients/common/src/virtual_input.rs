//! A virtual keyboard and pointer of one seat. Each person has an own pair, so that what one holds is
//! released when that one goes.

use porthole_pixel::Size;
pub use wayland_client::protocol::wl_pointer::Axis;
use wayland_client::protocol::{
    wl_keyboard::KeymapFormat,
    wl_pointer::{AxisSource, ButtonState},
};
use wayland_protocols_misc::zwp_virtual_keyboard_v1::client::zwp_virtual_keyboard_v1::ZwpVirtualKeyboardV1;
use wayland_protocols_wlr::virtual_pointer::v1::client::zwlr_virtual_pointer_v1::ZwlrVirtualPointerV1;

use crate::seat::Keymap;

/// Wayland's length of one wheel step.
const STEP_LENGTH: f64 = 15.0;

/// Modifiers as XKB counts them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ModifierMasks {
    /// Held.
    pub depressed: u32,
    /// Held until the next key.
    pub latched: u32,
    /// Locked.
    pub locked: u32,
    /// The effective layout.
    pub group: u32,
}

/// See the module's text. Requests go out with the connection's next flush.
#[derive(Debug)]
pub struct VirtualInput {
    keyboard: Option<ZwpVirtualKeyboardV1>,
    pointer: Option<ZwlrVirtualPointerV1>,
    has_keymap: bool,
}

impl VirtualInput {
    pub(crate) const fn new(
        keyboard: Option<ZwpVirtualKeyboardV1>,
        pointer: Option<ZwlrVirtualPointerV1>,
    ) -> Self {
        Self { keyboard, pointer, has_keymap: false }
    }

    /// Sends the seat's own keymap back: the protocol wants one before the first key, and any
    /// other would change what the keys mean.
    pub fn set_keymap(&mut self, keymap: &Keymap) {
        if let Some(keyboard) = &self.keyboard {
            let (fd, size) = keymap.memory();
            keyboard.keymap(KeymapFormat::XkbV1.into(), std::os::fd::AsFd::as_fd(&fd), size);
            self.has_keymap = true;
        }
    }

    /// True once keys can be sent.
    #[must_use]
    pub const fn has_keyboard(&self) -> bool {
        self.has_keymap
    }

    /// Presses or releases a key by its evdev code; `time` in milliseconds of a monotonic clock.
    pub fn key(&self, time: u32, code: u16, down: bool) {
        if let Some(keyboard) = self.keyboard.as_ref().filter(|_| self.has_keymap) {
            keyboard.key(time, u32::from(code), u32::from(down));
        }
    }

    /// Says which modifiers are in force, for compositors that do not derive them from keys.
    pub fn modifiers(&self, masks: ModifierMasks) {
        if let Some(keyboard) = self.keyboard.as_ref().filter(|_| self.has_keymap) {
            let ModifierMasks { depressed, latched, locked, group } = masks;
            keyboard.modifiers(depressed, latched, locked, group);
        }
    }

    /// Moves the pointer to a pixel of a picture of this size.
    pub fn motion(&self, time: u32, x: u32, y: u32, extent: Size) {
        if let Some(pointer) = &self.pointer {
            pointer.motion_absolute(time, x, y, extent.width, extent.height);
        }
    }

    /// Moves the pointer so far to the right and down.
    pub fn relative_motion(&self, time: u32, dx: i32, dy: i32) {
        if let Some(pointer) = &self.pointer {
            pointer.motion(time, f64::from(dx), f64::from(dy));
        }
    }

    /// Presses or releases a button by its evdev code.
    pub fn button(&self, time: u32, code: u32, down: bool) {
        if let Some(pointer) = &self.pointer {
            let state = if down { ButtonState::Pressed } else { ButtonState::Released };
            pointer.button(time, code, state);
        }
    }

    /// Turns a wheel by whole steps: down and right are positive.
    pub fn scroll(&self, time: u32, axis: Axis, steps: i32) {
        if let Some(pointer) = &self.pointer {
            pointer.axis_source(AxisSource::Wheel);
            pointer.axis_discrete(time, axis, STEP_LENGTH * f64::from(steps), steps);
        }
    }

    /// Ends a group of pointer changes that belong together.
    pub fn frame(&self) {
        if let Some(pointer) = &self.pointer {
            pointer.frame();
        }
    }
}

impl Drop for VirtualInput {
    fn drop(&mut self) {
        if let Some(keyboard) = &self.keyboard {
            keyboard.destroy();
        }
        if let Some(pointer) = &self.pointer {
            pointer.destroy();
        }
    }
}
