//! One viewer's keyboard and pointer, from RFB's events to that viewer's seat.

use porthole_client::{
    seat,
    virtual_input::{Axis, VirtualInput},
};
use porthole_keys::{KeyChange, Keyboard, evdev_from_xt};
use porthole_pixel::Size;

use crate::{
    clock,
    keymap::{KeyState, Keymap},
    pointer::{Change, Pointer},
};

/// See the module's text. What is held is released on drop.
#[derive(Debug)]
pub(crate) struct Input {
    devices: VirtualInput,
    keyboard: Keyboard,
    state: Option<KeyState>,
    pointer: Pointer,
    /// A move that waits for the next one, or for something that is more than a move: viewers
    /// may send thousands in one go.
    moved: Option<(u16, u16)>,
}

impl Input {
    pub(crate) fn new(devices: VirtualInput) -> Self {
        Self {
            devices,
            keyboard: Keyboard::new(),
            state: None,
            pointer: Pointer::default(),
            moved: None,
        }
    }

    /// The seat has another keymap; what is held under the old one is released.
    pub(crate) fn set_keymap(&mut self, told: &seat::Keymap, keymap: &Keymap) {
        let changes = self.keyboard.release_all().to_vec();
        self.send_keys(&changes);
        self.devices.set_keymap(told);
        self.state = Some(keymap.state());
    }

    /// A key by its symbol.
    pub(crate) fn keysym(&mut self, keysym: u32, down: bool, keymap: Option<&Keymap>, size: Size) {
        self.flush_move(size);
        let Some(keymap) = keymap else { return };
        if down && keymap.layout().find(keysym).is_none() {
            tracing::debug!("no key of the layout has keysym {keysym:#x}");
        }
        let changes = self.keyboard.keysym(keysym, down, keymap.layout()).to_vec();
        self.send_keys(&changes);
    }

    /// A key by its scancode; by its symbol where the scancode says nothing.
    pub(crate) fn scancode(
        &mut self,
        scancode: u32,
        keysym: u32,
        down: bool,
        keymap: Option<&Keymap>,
        size: Size,
    ) {
        let Some(code) = evdev_from_xt(scancode) else {
            return self.keysym(keysym, down, keymap, size);
        };
        self.flush_move(size);
        let changes = self.keyboard.code(code, down).to_vec();
        self.send_keys(&changes);
    }

    /// The pointer, in pixels of a picture of `size`.
    pub(crate) fn pointer(&mut self, x: u16, y: u16, buttons: u8, size: Size) {
        if self.pointer.holds(buttons) {
            self.moved = Some((x, y));
            return;
        }
        self.moved = None;
        let settled = self.keyboard.settle().to_vec();
        self.send_keys(&settled);
        let changes = self.pointer.update(x, y, buttons);
        self.send_pointer(&changes, size);
    }

    /// The pointer of a viewer that tells how far it went.
    pub(crate) fn motion(&mut self, dx: i32, dy: i32, buttons: u8, size: Size) {
        self.flush_move(size);
        if (dx, dy) != (0, 0) {
            self.devices.relative_motion(clock::milliseconds(), dx, dy);
            self.devices.frame();
        }
        if !self.pointer.holds(buttons) {
            let settled = self.keyboard.settle().to_vec();
            self.send_keys(&settled);
            let changes = self.pointer.update_buttons(buttons);
            self.send_pointer(&changes, size);
        }
    }

    /// Sends the move that waits.
    pub(crate) fn flush_move(&mut self, size: Size) {
        if let Some((x, y)) = self.moved.take() {
            let buttons = self.pointer.buttons();
            let changes = self.pointer.update(x, y, buttons);
            self.send_pointer(&changes, size);
        }
    }

    fn send_keys(&mut self, changes: &[KeyChange]) {
        for change in changes {
            self.devices.key(clock::milliseconds(), change.code, change.down);
            if let Some(masks) = self.state.as_mut().and_then(|state| state.update(*change)) {
                self.devices.modifiers(masks);
            }
        }
    }

    fn send_pointer(&self, changes: &[Change], size: Size) {
        let time = clock::milliseconds();
        for change in changes {
            match *change {
                Change::Move { x, y } => {
                    // A viewer that has not heard of a new size yet may point outside of it.
                    let x = u32::from(x).min(size.width.saturating_sub(1));
                    let y = u32::from(y).min(size.height.saturating_sub(1));
                    self.devices.motion(time, x, y, size);
                }
                Change::Button { code, down } => self.devices.button(time, code, down),
                Change::Wheel { horizontal, step } => {
                    let axis =
                        if horizontal { Axis::HorizontalScroll } else { Axis::VerticalScroll };
                    self.devices.scroll(time, axis, step);
                }
            }
        }
        if !changes.is_empty() {
            self.devices.frame();
        }
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        let keys = self.keyboard.release_all().to_vec();
        self.send_keys(&keys);
        let buttons = self.pointer.release_all();
        self.send_pointer(&buttons, Size::default());
    }
}
