//! Fingers: which slot each has, and the numbers they carry.

use serde::{Deserialize, Serialize};

use crate::codes::{
    ABS_MT_POSITION_X, ABS_MT_POSITION_Y, ABS_MT_SLOT, ABS_MT_TRACKING_ID, BTN_TOUCH, EV_ABS,
    EV_KEY,
};
use crate::event::{Event, Motion, Packet};
use crate::kind::SLOTS;

/// The slots of a touch screen.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Fingers {
    /// The seat's number of the finger in each slot.
    slots: [Option<i32>; SLOTS as usize],
    next_tracking_id: u16,
}

impl Fingers {
    /// The slot of a finger.
    pub(crate) fn find(&self, id: i32) -> Option<u8> {
        let slot = self.slots.iter().position(|slot| *slot == Some(id))?;
        u8::try_from(slot).ok()
    }

    /// A slot for a new finger: none when all are taken or the finger is there already.
    pub(crate) fn free(&self, id: i32) -> Option<u8> {
        if self.find(id).is_some() {
            return None;
        }
        let slot = self.slots.iter().position(Option::is_none)?;
        u8::try_from(slot).ok()
    }

    /// The packet of a finger that comes down.
    pub(crate) fn down(&mut self, slot: u8, id: i32, x: u16, y: u16) -> Packet {
        let first = self.slots.iter().all(Option::is_none);
        if let Some(place) = self.slots.get_mut(usize::from(slot)) {
            *place = Some(id);
        }
        let tracking_id = self.next_tracking_id;
        self.next_tracking_id = tracking_id.wrapping_add(1);
        let mut events = vec![
            Event::new(EV_ABS, ABS_MT_SLOT, i32::from(slot)),
            Event::new(EV_ABS, ABS_MT_TRACKING_ID, i32::from(tracking_id)),
            Event::new(EV_ABS, ABS_MT_POSITION_X, i32::from(x)),
            Event::new(EV_ABS, ABS_MT_POSITION_Y, i32::from(y)),
        ];
        if first {
            events.push(Event::new(EV_KEY, BTN_TOUCH, 1));
        }
        Packet::step(events)
    }

    /// The packet of a finger that moves.
    pub(crate) fn moved(slot: u8, x: u16, y: u16) -> Packet {
        Packet::motion(
            Motion::Finger(slot),
            vec![
                Event::new(EV_ABS, ABS_MT_SLOT, i32::from(slot)),
                Event::new(EV_ABS, ABS_MT_POSITION_X, i32::from(x)),
                Event::new(EV_ABS, ABS_MT_POSITION_Y, i32::from(y)),
            ],
        )
    }

    /// The packet of a finger that leaves.
    pub(crate) fn up(&mut self, slot: u8) -> Packet {
        if let Some(place) = self.slots.get_mut(usize::from(slot)) {
            *place = None;
        }
        let mut events = vec![
            Event::new(EV_ABS, ABS_MT_SLOT, i32::from(slot)),
            Event::new(EV_ABS, ABS_MT_TRACKING_ID, -1),
        ];
        if self.slots.iter().all(Option::is_none) {
            events.push(Event::new(EV_KEY, BTN_TOUCH, 0));
        }
        Packet::step(events)
    }

    /// Which slots have a finger.
    pub(crate) fn taken(&self) -> impl Iterator<Item = u16> {
        let slots = (0_u16..).zip(&self.slots);
        slots.filter(|(_, slot)| slot.is_some()).map(|(number, _)| number)
    }

    /// Forgets all fingers, without a word to the guest.
    pub(crate) fn clear(&mut self) {
        self.slots = Default::default();
    }
}
