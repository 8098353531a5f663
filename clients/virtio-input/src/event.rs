//! One event on the wire, and packets of them.

use serde::{Deserialize, Serialize};

use crate::codes::{EV_ABS, EV_SYN, SYN_REPORT};

/// An evdev event: 8 bytes in a buffer of its own (virtio 1.2, 5.8.6).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Event {
    /// `EV_*`.
    pub kind: u16,
    /// The code within the type.
    pub code: u16,
    /// The value.
    pub value: i32,
}

impl Event {
    /// Bytes on the wire.
    pub const LEN: usize = 8;

    pub(crate) const SYN: Self = Self { kind: EV_SYN, code: SYN_REPORT, value: 0 };

    pub(crate) const fn new(kind: u16, code: u16, value: i32) -> Self {
        Self { kind, code, value }
    }

    /// The event's 8 bytes.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::LEN] {
        let [a, b] = self.kind.to_le_bytes();
        let [c, d] = self.code.to_le_bytes();
        let [e, f, g, h] = self.value.to_le_bytes();
        [a, b, c, d, e, f, g, h]
    }

    /// Reads an event; `None` when there are fewer than 8 bytes.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (&[a, b, c, d, e, f, g, h], _) = bytes.split_first_chunk::<{ Self::LEN }>()?;
        Some(Self {
            kind: u16::from_le_bytes([a, b]),
            code: u16::from_le_bytes([c, d]),
            value: i32::from_le_bytes([e, f, g, h]),
        })
    }
}

/// Events that belong together; the `SYN_REPORT` is added when they leave.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Packet {
    pub(crate) events: Vec<Event>,
    /// Nothing but positions and wheels, which a later packet of the same `about` may
    /// absorb.
    pub(crate) motion: Option<Motion>,
}

/// What a motion packet is about; only like may be merged with like.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(crate) enum Motion {
    Pointer,
    Wheel,
    Finger(u8),
    Pen,
}

impl Packet {
    pub(crate) fn motion(about: Motion, events: Vec<Event>) -> Self {
        Self { events, motion: Some(about) }
    }

    pub(crate) fn step(events: Vec<Event>) -> Self {
        Self { events, motion: None }
    }

    /// Buffers that the packet takes, its end included.
    pub(crate) fn len(&self) -> usize {
        self.events.len().saturating_add(1)
    }

    /// Whether it is the motion of the finger in this slot.
    pub(crate) fn is_of_finger(&self, slot: u16) -> bool {
        matches!(self.motion, Some(Motion::Finger(own)) if u16::from(own) == slot)
    }

    /// Whether it is the motion of a pen.
    pub(crate) fn is_of_pen(&self) -> bool {
        self.motion == Some(Motion::Pen)
    }

    /// Takes in a later packet of the same sort: positions replace, wheels add up.
    pub(crate) fn absorb(&mut self, later: &Self) {
        for event in &later.events {
            let known = self
                .events
                .iter_mut()
                .find(|known| known.kind == event.kind && known.code == event.code);
            match known {
                Some(known) if event.kind == EV_ABS => known.value = event.value,
                Some(known) => known.value = known.value.saturating_add(event.value),
                None => self.events.push(*event),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn golden() {
        let event = Event::new(3, 0x35, -2);
        assert_eq!(event.to_bytes(), [3, 0, 0x35, 0, 0xfe, 0xff, 0xff, 0xff]);
        assert_eq!(Event::parse(&event.to_bytes()), Some(event));
        assert_eq!(Event::parse(&[0; 7]), None);
    }

    proptest! {
        #[test]
        fn bytes_round_trip(kind: u16, code: u16, value: i32) {
            let event = Event { kind, code, value };
            prop_assert_eq!(Event::parse(&event.to_bytes()), Some(event));
        }
    }
}
