//! A device's state as bytes: what is down, what waits for the guest, lamps and selectors.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::device::{DETENT, Device, Leds};
use crate::kind::Kind;
use crate::outbox::Outbox;
use crate::touch::Fingers;

/// Longer snapshots need not be read.
pub const SNAPSHOT_LIMIT: usize = 1 << 16;

/// The first bytes of every snapshot.
const MAGIC: [u8; 8] = *b"PORTHINP";

/// The form that is written, and the only one that is read.
const VERSION: u8 = 1;

/// These bytes are no snapshot of such a device.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadSnapshot {
    /// They do not begin as one does, or are too many.
    #[error("this is no snapshot of a virtio-input device of Porthole")]
    Other,
    /// Another version wrote it.
    #[error("the snapshot has format {0}, and only format {VERSION} is known here")]
    Version(u8),
    /// It is of another kind of device.
    #[error("the snapshot is of another kind of device")]
    Kind,
    /// There are fewer bytes than it should have, or more, or no device can be so.
    #[error("the snapshot is cut short or malformed")]
    Malformed,
}

/// Everything that changes while a device lives.
#[derive(Serialize, Deserialize)]
struct Saved<'a> {
    kind: u16,
    selected: (u8, u8),
    outbox: Cow<'a, Outbox>,
    fingers: Cow<'a, Fingers>,
    parts: [i32; 2],
    leds: Leds,
    listening: bool,
}

impl Device {
    /// The state as bytes, at most [`SNAPSHOT_LIMIT`] of them. Nothing when there is no memory for them.
    ///
    /// What the device holds down stays down for the guest: whoever goes on with the snapshot must let
    /// go of it ([`Device::release_all`]) unless the same seat still presses it.
    #[must_use]
    pub fn save(&self) -> Option<Vec<u8>> {
        let mut bytes = MAGIC.to_vec();
        bytes.push(VERSION);
        let saved = Saved {
            kind: self.kind.product(),
            selected: self.config.selected(),
            outbox: Cow::Borrowed(&self.outbox),
            fingers: Cow::Borrowed(&self.fingers),
            parts: self.parts,
            leds: self.leds,
            listening: self.listening,
        };
        postcard::to_extend(&saved, bytes).ok()
    }

    /// A device in a saved state.
    ///
    /// # Errors
    /// When the bytes are no snapshot of a device of this kind, or no device could be in that state.
    pub fn restore(
        kind: Kind,
        name: &str,
        serial: &str,
        bytes: &[u8],
    ) -> Result<Self, BadSnapshot> {
        let head = bytes.split_first_chunk::<8>().filter(|_| bytes.len() <= SNAPSHOT_LIMIT);
        let (magic, rest) = head.ok_or(BadSnapshot::Other)?;
        if *magic != MAGIC {
            return Err(BadSnapshot::Other);
        }
        let (version, body) = rest.split_first().ok_or(BadSnapshot::Other)?;
        if *version != VERSION {
            return Err(BadSnapshot::Version(*version));
        }
        let taken = postcard::take_from_bytes::<Saved<'_>>(body);
        let (saved, rest) = taken.map_err(|_| BadSnapshot::Malformed)?;
        if saved.kind != kind.product() {
            return Err(BadSnapshot::Kind);
        }
        if !rest.is_empty() || !saved.is_sound(kind) {
            return Err(BadSnapshot::Malformed);
        }
        let mut device = Self::new(kind, name, serial);
        device.config.write(0, &[saved.selected.0, saved.selected.1]);
        device.outbox = saved.outbox.into_owned();
        device.fingers = saved.fingers.into_owned();
        device.parts = saved.parts;
        device.leds = saved.leds;
        device.listening = saved.listening;
        Ok(device)
    }
}

impl Saved<'_> {
    /// Whether a device of this kind could have got here.
    fn is_sound(&self, kind: Kind) -> bool {
        let down = self.outbox.down();
        let held = if kind == Kind::Touch {
            down.iter().copied().eq(self.fingers.taken())
        } else {
            down.iter().all(|code| kind.has_key(*code)) && self.fingers.taken().next().is_none()
        };
        held && self.outbox.is_sound() && self.parts.iter().all(|part| part.abs() < DETENT)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Event, Input, PenPlace};

    const KINDS: [Kind; 5] = [Kind::Keyboard, Kind::Tablet, Kind::Mouse, Kind::Touch, Kind::Pen];

    #[derive(Clone, Debug)]
    enum Step {
        Send(Input),
        Take(usize),
        Listen(bool),
        Config(Vec<u8>),
        Status(u16, i32),
        ReleaseAll,
        Reset,
    }

    fn step() -> impl Strategy<Value = Step> {
        let code = || prop_oneof![1_u16..40, 0x110_u16..0x118, 0x140_u16..0x14d, any::<u16>()];
        let send = prop_oneof![
            (code(), any::<bool>()).prop_map(|(code, pressed)| Input::Key { code, pressed }),
            (any::<u16>(), any::<u16>()).prop_map(|(x, y)| Input::Pointer { x, y }),
            (-300_i32..300, any::<i32>())
                .prop_map(|(vertical, horizontal)| Input::Wheel { vertical, horizontal }),
            (any::<i32>(), -9_i32..9).prop_map(|(dx, dy)| Input::Motion { dx, dy }),
            (0_i32..12, any::<u16>(), any::<u16>()).prop_map(|(id, x, y)| Input::TouchDown {
                id,
                x,
                y
            }),
            (0_i32..12, any::<u16>(), any::<u16>()).prop_map(|(id, x, y)| Input::TouchMotion {
                id,
                x,
                y
            }),
            (0_i32..12).prop_map(|id| Input::TouchUp { id }),
            (any::<bool>(), any::<u16>(), any::<(u16, u16)>(), any::<(i8, i8)>()).prop_map(
                |(rubber, x, (pressure, distance), tilt)| {
                    let y = x.rotate_left(3);
                    Input::Pen(PenPlace { rubber, x, y, pressure, distance, tilt })
                }
            ),
            Just(Input::PenLeft),
        ];
        prop_oneof![
            20 => send.prop_map(Step::Send),
            4 => (0_usize..9).prop_map(Step::Take),
            2 => any::<bool>().prop_map(Step::Listen),
            1 => prop::collection::vec(any::<u8>(), 0..3).prop_map(Step::Config),
            1 => (0_u16..4, 0_i32..2).prop_map(|(lamp, on)| Step::Status(lamp, on)),
            1 => Just(Step::ReleaseAll),
            1 => Just(Step::Reset),
        ]
    }

    /// Does a step; what the driver gets of it.
    fn apply(device: &mut Device, step: &Step) -> Vec<Option<Vec<Event>>> {
        match step {
            Step::Send(input) => device.send(*input),
            Step::Take(room) => return vec![device.next_packet(*room)],
            Step::Listen(on) => device.set_listening(*on),
            Step::Config(bytes) => device.write_config(0, bytes),
            Step::Status(code, value) => {
                let event = Event { kind: 0x11, code: *code, value: *value };
                device.status(&event.to_bytes());
            }
            Step::ReleaseAll => device.release_all(),
            Step::Reset => device.reset(),
        }
        Vec::new()
    }

    proptest! {
        #[test]
        fn a_device_that_moved_goes_on_as_it_would_have(
            index in 0_usize..5,
            before in prop::collection::vec(step(), 0..300),
            after in prop::collection::vec(step(), 0..100),
        ) {
            let mut stayed = Device::new(KINDS[index], "name", "serial");
            stayed.set_listening(true);
            for step in &before {
                apply(&mut stayed, step);
            }
            let bytes = stayed.save().unwrap();
            prop_assert!(bytes.len() <= SNAPSHOT_LIMIT);
            let mut moved = Device::restore(KINDS[index], "name", "serial", &bytes).unwrap();
            prop_assert_eq!(moved.save().unwrap(), bytes.clone());
            for other in KINDS.into_iter().filter(|kind| *kind != KINDS[index]) {
                let refused = Device::restore(other, "name", "serial", &bytes);
                prop_assert_eq!(refused.unwrap_err(), BadSnapshot::Kind);
            }
            for step in &after {
                prop_assert_eq!(apply(&mut stayed, step), apply(&mut moved, step));
                prop_assert_eq!(stayed.config(0, 200), moved.config(0, 200));
                prop_assert_eq!(stayed.leds(), moved.leds());
            }
            prop_assert_eq!(stayed.save(), moved.save());
        }

        #[test]
        fn anything_is_a_sound_device_or_refused(
            index in 0_usize..5,
            steps in prop::collection::vec(step(), 0..40),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
            tail in prop::collection::vec(any::<u8>(), 0..9),
        ) {
            let mut device = Device::new(KINDS[index], "", "");
            device.set_listening(true);
            for step in &steps {
                apply(&mut device, step);
            }
            let mut bytes = device.save().unwrap();
            let length = bytes.len();
            for (at, byte) in changes {
                bytes[at.index(length)] = byte;
            }
            bytes.extend(tail);
            if let Ok(mut device) = Device::restore(KINDS[index], "", "", &bytes) {
                device.verify_invariants();
                for step in &steps {
                    apply(&mut device, step);
                    device.verify_invariants();
                }
                device.release_all();
                while device.next_packet(usize::MAX).is_some() {}
                device.verify_invariants();
            }
        }
    }

    #[test]
    fn what_is_no_snapshot_is_refused() {
        let restore = |bytes: &[u8]| Device::restore(Kind::Touch, "", "", bytes).unwrap_err();
        assert_eq!(restore(b""), BadSnapshot::Other);
        assert_eq!(restore(b"PORTHINP"), BadSnapshot::Other);
        assert_eq!(restore(b"PORTHINP\x02"), BadSnapshot::Version(2));
        assert_eq!(restore(b"PORTHINP\x01"), BadSnapshot::Malformed);
        let mut bytes = Device::new(Kind::Touch, "", "").save().unwrap();
        bytes.push(0);
        assert_eq!(restore(&bytes), BadSnapshot::Malformed);
        assert_eq!(restore(&[0; SNAPSHOT_LIMIT + 1]), BadSnapshot::Other);
    }
}
