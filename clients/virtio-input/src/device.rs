//! A device: what a seat does goes in, packets for the guest come out.

use serde::{Deserialize, Serialize};

use crate::codes::{
    ABS_X, ABS_Y, BTN_TOOL_PEN, BTN_TOOL_RUBBER, EV_ABS, EV_KEY, EV_LED, EV_REL, LED_CAPSL,
    LED_NUML, LED_SCROLLL, REL_HWHEEL, REL_HWHEEL_HI_RES, REL_WHEEL, REL_WHEEL_HI_RES, REL_X,
    REL_Y,
};
use crate::config::Config;
use crate::event::{Event, Motion, Packet};
use crate::kind::{ABS_MAX, Kind, is_pens_own};
use crate::outbox::Outbox;
use crate::pen::PenPlace;
use crate::touch::Fingers;

/// What a seat did. What a device of the kind cannot do is ignored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Input {
    /// A key or button went down or came up. No repeats: the guest makes its own.
    Key {
        /// The evdev code.
        code: u16,
        /// Down.
        pressed: bool,
    },
    /// The pointer is here; 0 to [`ABS_MAX`] across the scanout, larger values are cut.
    Pointer {
        /// From the left.
        x: u16,
        /// From the top.
        y: u16,
    },
    /// The pointer went so far, in whole steps of a mouse; huge ones are cut.
    Motion {
        /// To the right.
        dx: i32,
        /// Down.
        dy: i32,
    },
    /// Wheels turned, in 1/120 of a detent.
    Wheel {
        /// Positive away from the user.
        vertical: i32,
        /// Positive to the right.
        horizontal: i32,
    },
    /// A finger came down.
    TouchDown {
        /// The seat's number for it.
        id: i32,
        /// From the left, as [`Input::Pointer`].
        x: u16,
        /// From the top.
        y: u16,
    },
    /// A finger moved.
    TouchMotion {
        /// The seat's number for it.
        id: i32,
        /// From the left.
        x: u16,
        /// From the top.
        y: u16,
    },
    /// A finger left.
    TouchUp {
        /// The seat's number for it.
        id: i32,
    },
    /// A pen is near and here. Its tip and buttons are keys.
    Pen(PenPlace),
    /// The pen is not near any more, and nothing of it is down.
    PenLeft,
}

/// The lamps as the guest wants them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Leds {
    /// Num Lock.
    pub num: bool,
    /// Caps Lock.
    pub caps: bool,
    /// Scroll Lock.
    pub scroll: bool,
}

/// A virtio-input device without its transport.
#[derive(Clone, Debug)]
pub struct Device {
    pub(crate) kind: Kind,
    pub(crate) config: Config,
    pub(crate) outbox: Outbox,
    pub(crate) fingers: Fingers,
    /// Parts of a detent that no whole one was sent for: vertical, horizontal.
    pub(crate) parts: [i32; 2],
    pub(crate) leds: Leds,
    pub(crate) listening: bool,
}

/// A whole detent of a wheel.
pub(crate) const DETENT: i32 = 120;
/// Far more than any mouse goes at once; keeps sums away from overflow.
const MAX_STEPS: i32 = 1 << 16;
/// Far more than any wheel turns at once; keeps sums away from overflow.
const MAX_WHEEL: i32 = 1 << 20;

impl Device {
    /// A device that the guest sees under this name and serial number.
    #[must_use]
    pub fn new(kind: Kind, name: &str, serial: &str) -> Self {
        Self {
            kind,
            config: Config::new(kind, name, serial),
            outbox: Outbox::default(),
            fingers: Fingers::default(),
            parts: [0; 2],
            leds: Leds::default(),
            listening: false,
        }
    }

    /// Config space from `offset` on, at most `len` bytes.
    #[must_use]
    pub fn config(&self, offset: u32, len: u32) -> Vec<u8> {
        let bytes = self.config.bytes();
        let from = (offset as usize).min(bytes.len());
        let rest = bytes.get(from..).unwrap_or_default();
        rest.iter().copied().take(len as usize).collect()
    }

    /// The driver writes config space: it selects what it wants to read.
    pub fn write_config(&mut self, offset: u32, bytes: &[u8]) {
        self.config.write(offset, bytes);
    }

    /// The driver reads events from now on (`true`), or has stopped reading for a while.
    /// Nothing is pressed for a guest that does not listen; what it holds can come up.
    pub fn set_listening(&mut self, listening: bool) {
        self.listening = listening;
    }

    /// Whether a driver reads events.
    #[must_use]
    pub const fn is_listening(&self) -> bool {
        self.listening
    }

    /// The driver starts over: it knows of nothing that is down.
    pub fn reset(&mut self) {
        self.config.reset();
        self.outbox.clear();
        self.fingers.clear();
        self.parts = [0; 2];
        self.leds = Leds::default();
        self.listening = false;
    }

    /// Takes in what a seat did.
    pub fn send(&mut self, input: Input) {
        match input {
            Input::Key { code, pressed } => self.key(code, pressed),
            Input::Pointer { x, y } if self.kind == Kind::Tablet && self.listening => {
                let at = |code, value: u16| Event::new(EV_ABS, code, i32::from(value.min(ABS_MAX)));
                let events = vec![at(ABS_X, x), at(ABS_Y, y)];
                self.outbox.motion(Packet::motion(Motion::Pointer, events));
            }
            Input::Motion { dx, dy } if self.kind == Kind::Mouse && self.listening => {
                let went = [(REL_X, dx), (REL_Y, dy)].into_iter().filter(|(_, steps)| *steps != 0);
                let step = |steps: i32| steps.clamp(-MAX_STEPS, MAX_STEPS);
                let events: Vec<_> =
                    went.map(|(code, steps)| Event::new(EV_REL, code, step(steps))).collect();
                if !events.is_empty() {
                    self.outbox.motion(Packet::motion(Motion::Pointer, events));
                }
            }
            Input::Wheel { vertical, horizontal }
                if matches!(self.kind, Kind::Tablet | Kind::Mouse) && self.listening =>
            {
                self.wheel(vertical, horizontal);
            }
            Input::Pen(pen) if self.kind == Kind::Pen && self.listening => self.pen(pen),
            Input::PenLeft if self.kind == Kind::Pen => self.release_all(),
            _ if self.kind == Kind::Touch => self.touch(input),
            _ => {}
        }
    }

    /// Lets go of every key, button and finger: the seat's focus went elsewhere.
    pub fn release_all(&mut self) {
        let mut down = self.outbox.down();
        if self.kind == Kind::Pen {
            // What a pen holds goes up before the pen leaves, which has the lowest codes.
            down.reverse();
        }
        down.into_iter().for_each(|what| self.release(what));
    }

    /// The next packet, ended by `SYN_REPORT`, when the driver has `room` buffers for it.
    pub fn next_packet(&mut self, room: usize) -> Option<Vec<Event>> {
        self.outbox.next(room)
    }

    /// The driver sent a buffer on the status queue; the lamps if it changed one.
    pub fn status(&mut self, bytes: &[u8]) -> Option<Leds> {
        let event = Event::parse(bytes)?;
        if self.kind != Kind::Keyboard || event.kind != EV_LED {
            return None;
        }
        let before = self.leds;
        let on = event.value != 0;
        match event.code {
            LED_NUML => self.leds.num = on,
            LED_CAPSL => self.leds.caps = on,
            LED_SCROLLL => self.leds.scroll = on,
            _ => {}
        }
        (self.leds != before).then_some(self.leds)
    }

    /// The lamps as the guest wants them.
    #[must_use]
    pub const fn leds(&self) -> Leds {
        self.leds
    }

    fn key(&mut self, code: u16, pressed: bool) {
        if !self.kind.has_key(code) || self.kind == Kind::Touch {
            return;
        }
        // A pen that is not near touches nothing, and how near it is is no key.
        if self.kind == Kind::Pen && !(is_pens_own(code) && self.has_pen()) {
            return;
        }
        if pressed {
            if self.listening {
                self.outbox.press(code, Packet::step(vec![Event::new(EV_KEY, code, 1)]));
            }
        } else {
            self.release(code);
        }
    }

    fn release(&mut self, what: u16) {
        if !self.outbox.is_down(what) {
            return;
        }
        let packet = match (self.kind, u8::try_from(what)) {
            (Kind::Touch, Ok(slot)) => self.fingers.up(slot),
            _ => Packet::step(vec![Event::new(EV_KEY, what, 0)]),
        };
        self.outbox.release(what, packet);
    }

    /// Whether a pen is near for the guest.
    fn has_pen(&self) -> bool {
        self.outbox.is_down(BTN_TOOL_PEN) || self.outbox.is_down(BTN_TOOL_RUBBER)
    }

    fn pen(&mut self, pen: PenPlace) {
        let tool = if pen.rubber { BTN_TOOL_RUBBER } else { BTN_TOOL_PEN };
        let mut events = pen.events();
        if self.outbox.is_down(tool) {
            return self.outbox.motion(Packet::motion(Motion::Pen, events));
        }
        self.release_all();
        events.push(Event::new(EV_KEY, tool, 1));
        self.outbox.press(tool, Packet::step(events));
    }

    fn wheel(&mut self, vertical: i32, horizontal: i32) {
        let turned =
            [(vertical, REL_WHEEL, REL_WHEEL_HI_RES), (horizontal, REL_HWHEEL, REL_HWHEEL_HI_RES)];
        let mut events = Vec::new();
        for ((turn, detents, fine), part) in turned.into_iter().zip(&mut self.parts) {
            let turn = turn.clamp(-MAX_WHEEL, MAX_WHEEL);
            if turn == 0 {
                continue;
            }
            // A turn back starts a new detent, or the wheel would seem to stick.
            if turn.signum() != part.signum() {
                *part = 0;
            }
            *part = part.saturating_add(turn);
            let whole = *part / DETENT;
            *part %= DETENT;
            events.push(Event::new(EV_REL, fine, turn));
            if whole != 0 {
                events.push(Event::new(EV_REL, detents, whole));
            }
        }
        if !events.is_empty() {
            self.outbox.motion(Packet::motion(Motion::Wheel, events));
        }
    }

    fn touch(&mut self, input: Input) {
        let cut = |value: u16| value.min(ABS_MAX);
        match input {
            Input::TouchDown { id, x, y } if self.listening => {
                let Some(slot) = self.fingers.free(id) else { return };
                let before = self.fingers.clone();
                let packet = self.fingers.down(slot, id, cut(x), cut(y));
                if !self.outbox.press(u16::from(slot), packet) {
                    self.fingers = before;
                }
            }
            Input::TouchMotion { id, x, y } if self.listening => {
                if let Some(slot) = self.fingers.find(id) {
                    self.outbox.motion(Fingers::moved(slot, cut(x), cut(y)));
                }
            }
            Input::TouchUp { id } => {
                if let Some(slot) = self.fingers.find(id) {
                    self.release(u16::from(slot));
                }
            }
            _ => {}
        }
    }

    #[cfg(test)]
    pub(crate) fn verify_invariants(&self) {
        self.outbox.verify_invariants();
    }
}

#[cfg(test)]
mod tests;
