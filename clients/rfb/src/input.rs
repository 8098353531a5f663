//! Keys and pointer for the server.

use std::collections::BTreeMap;

use porthole_client::present::{Told, Touch};
use porthole_keys::xt_from_evdev;
use porthole_pixel::Size;
use porthole_rfb::client::{Canvas, Client};

use crate::keymap::Keymap;

/// The evdev codes of a pointer's buttons.
const BUTTONS: std::ops::RangeInclusive<u16> = 0x110..=0x117;
/// Their bits for the server: left, right, middle, and what goes back.
const LEFT: u8 = 1;
const BITS: [(u16, u8); 4] = [(0x110, LEFT), (0x111, 4), (0x112, 2), (0x113, 0x80)];
/// The bits of the wheels: away from the user, to the user, to the left, to the right.
const WHEELS: [u8; 4] = [8, 0x10, 0x20, 0x40];
/// What a detent counts.
const DETENT: i32 = 120;
/// Nobody turns a wheel farther at once.
const MAX_DETENTS: i32 = 20;
/// Nobody moves a pointer farther at once.
const MAX_MOTION: i32 = 4096;

/// What is held and where the pointer is, of one connection.
#[derive(Debug, Default)]
pub(crate) struct Input {
    /// Keys that are down at the server, with the symbols that they went down with.
    keys: BTreeMap<u16, u32>,
    buttons: u8,
    place: (u16, u16),
    /// Parts of detents: up and down, left and right.
    turned: (i32, i32),
    /// The finger that is the pointer.
    finger: Option<i32>,
    /// The server takes scancodes.
    pub(crate) scancodes: bool,
    /// The server wants to hear how far the pointer went.
    pub(crate) relative: bool,
}

impl Input {
    /// Where the pointer was put.
    pub(crate) const fn place(&self) -> (u16, u16) {
        self.place
    }

    /// Tells the server what a seat did. Returns whether the pointer is elsewhere now.
    pub(crate) fn tell<C: Canvas>(
        &mut self,
        what: &Told,
        keymap: &mut Keymap,
        client: &mut Client<C>,
    ) -> bool {
        let before = self.place;
        match *what {
            Told::Key { code, pressed, .. } if BUTTONS.contains(&code) => {
                let bit = BITS.iter().find(|(known, _)| *known == code).map_or(0, |(_, bit)| *bit);
                self.press(bit, pressed, client);
            }
            Told::Key { code, pressed, .. } => self.key(code, pressed, keymap, client),
            Told::Pointer { x, y, .. } => {
                self.place = place((x, y), client.canvas().size());
                self.point(client);
            }
            Told::Motion { dx, dy, .. } if self.relative => {
                let part = |went: i32| {
                    i16::try_from(went.clamp(-MAX_MOTION, MAX_MOTION)).unwrap_or_default()
                };
                client.motion(part(dx), part(dy), self.buttons);
            }
            Told::Wheel { vertical, horizontal, .. } => {
                let [up, down, left, right] = WHEELS;
                let turns = turn(&mut self.turned.0, vertical);
                self.roll(turns, (up, down), client);
                let turns = turn(&mut self.turned.1, horizontal);
                self.roll(turns, (right, left), client);
            }
            Told::Touch { id, touch, x, y, .. } => self.touch((id, touch), (x, y), client),
            _ => {}
        }
        before != self.place
    }

    fn key<C: Canvas>(
        &mut self,
        code: u16,
        pressed: bool,
        keymap: &mut Keymap,
        client: &mut Client<C>,
    ) {
        let symbol = keymap.key(code, pressed);
        let symbol = if pressed {
            self.keys.insert(code, symbol);
            symbol
        } else {
            // What went down comes up, whatever modifiers have come or gone; what was pressed on another
            // connection is up here.
            let Some(symbol) = self.keys.remove(&code) else { return };
            symbol
        };
        match xt_from_evdev(code).filter(|_| self.scancodes) {
            Some(scancode) => client.extended_key(symbol, scancode, pressed),
            None if symbol != 0 => client.key(symbol, pressed),
            None => {}
        }
    }

    fn press<C: Canvas>(&mut self, bit: u8, pressed: bool, client: &mut Client<C>) {
        self.buttons = if pressed { self.buttons | bit } else { self.buttons & !bit };
        self.point(client);
    }

    /// Says where the pointer is and what is pressed.
    fn point<C: Canvas>(&self, client: &mut Client<C>) {
        self.point_with(self.buttons, client);
    }

    fn point_with<C: Canvas>(&self, buttons: u8, client: &mut Client<C>) {
        if self.relative {
            client.motion(0, 0, buttons);
        } else {
            client.pointer(self.place.0, self.place.1, buttons);
        }
    }

    fn roll<C: Canvas>(&self, turns: i32, (more, less): (u8, u8), client: &mut Client<C>) {
        let bit = if turns > 0 { more } else { less };
        for _ in 0..turns.abs().min(MAX_DETENTS) {
            self.point_with(self.buttons | bit, client);
            self.point_with(self.buttons, client);
        }
    }

    /// The first finger is the pointer with its left button; the others are nothing.
    fn touch<C: Canvas>(
        &mut self,
        (id, touch): (i32, Touch),
        at: (f64, f64),
        client: &mut Client<C>,
    ) {
        if *self.finger.get_or_insert(id) != id {
            return;
        }
        self.place = place(at, client.canvas().size());
        self.point(client);
        match touch {
            Touch::Down => self.press(LEFT, true, client),
            Touch::Motion => {}
            Touch::Up => {
                self.finger = None;
                self.press(LEFT, false, client);
            }
        }
    }
}

/// Whole detents of what has come together.
fn turn(turned: &mut i32, by: i32) -> i32 {
    *turned = turned.saturating_add(by);
    let detents = *turned / DETENT;
    *turned %= DETENT;
    detents
}

/// The pixel of a place that is 0 to 1 each way.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the value lies within the picture, whose sides have 16 bits"
)]
fn place((x, y): (f64, f64), size: Size) -> (u16, u16) {
    let at = |part: f64, side: u32| {
        let last = side.saturating_sub(1).min(u32::from(u16::MAX));
        let part = if part.is_nan() { 0.0 } else { part.clamp(0.0, 1.0) };
        (part * f64::from(side)).floor().min(f64::from(last)) as u16
    };
    (at(x, size.width), at(y, size.height))
}

#[cfg(test)]
#[path = "input_tests.rs"]
mod tests;
