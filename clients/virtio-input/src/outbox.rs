//! Packets on their way to a guest that may not be listening.

use std::collections::{BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use crate::codes::{BTN_TOOL_PEN, BTN_TOOL_RUBBER};
use crate::event::{Event, Motion, Packet};

/// Packets that wait at most.
const CAPACITY: usize = 256;
/// Sorts of motion that one device has: ten fingers, or pointer and wheel.
const LATE: usize = 10;
/// Events of the longest packet, without its end: a pen that comes near.
const LONGEST: usize = 7;

/// A bounded queue of packets that never owes the guest a release.
///
/// INVARIANT: `waiting.len() + down.len() <= CAPACITY`: for everything that is down for
/// the guest (once it has read all), there is room for its release.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Outbox {
    waiting: VecDeque<Packet>,
    /// Keys, or fingers, that are down once all that waits has been read.
    down: BTreeSet<u16>,
    /// The newest motion of each sort that found no room.
    late: VecDeque<Packet>,
}

impl Outbox {
    /// Something goes down. False when there is no room: then it never went down.
    pub(crate) fn press(&mut self, what: u16, packet: Packet) -> bool {
        let promised = self.waiting.len().saturating_add(self.down.len());
        // One place for the packet and one for the release to come.
        if self.down.contains(&what) || promised.saturating_add(2) > CAPACITY {
            return false;
        }
        self.flush_late();
        self.down.insert(what);
        self.waiting.push_back(packet);
        true
    }

    /// Something comes up. False when it was not down.
    pub(crate) fn release(&mut self, what: u16, packet: Packet) -> bool {
        if !self.down.remove(&what) {
            return false;
        }
        // A finger or pen that has left does not move any more.
        let leaves = matches!(what, BTN_TOOL_PEN | BTN_TOOL_RUBBER);
        self.late.retain(|late| !(late.is_of_finger(what) || (leaves && late.is_of_pen())));
        // The place that its press reserved.
        self.waiting.push_back(packet);
        true
    }

    /// A position or a wheel changes: merged with what waits, or kept aside.
    pub(crate) fn motion(&mut self, packet: Packet) {
        let last = self.waiting.back_mut().filter(|_| self.late.is_empty());
        let same = last
            .into_iter()
            .chain(&mut self.late)
            .find(|known| known.motion.is_some() && known.motion == packet.motion);
        match same {
            Some(known) => known.absorb(&packet),
            None => self.late.push_back(packet),
        }
        self.flush_late();
    }

    /// The next packet, when the guest has buffers for all of it.
    pub(crate) fn next(&mut self, room: usize) -> Option<Vec<Event>> {
        self.flush_late();
        if self.waiting.front()?.len() > room {
            return None;
        }
        let packet = self.waiting.pop_front()?;
        self.flush_late();
        let mut events = packet.events;
        events.push(Event::SYN);
        Some(events)
    }

    /// What is down for the guest.
    pub(crate) fn down(&self) -> Vec<u16> {
        self.down.iter().copied().collect()
    }

    pub(crate) fn is_down(&self, what: u16) -> bool {
        self.down.contains(&what)
    }

    /// The driver started over: nothing is down for it, nothing of before matters.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Whether a device could have got here: what comes from a file may be anything.
    pub(crate) fn is_sound(&self) -> bool {
        let all = self.waiting.iter().chain(&self.late);
        let motions: BTreeSet<Option<Motion>> = self.late.iter().map(|late| late.motion).collect();
        self.waiting.len().saturating_add(self.down.len()) <= CAPACITY
            && self.late.len() <= LATE
            && motions.len() == self.late.len()
            && !motions.contains(&None)
            && all.clone().all(|packet| (1..=LONGEST).contains(&packet.events.len()))
            && all.flat_map(|packet| &packet.events).all(|event| event.kind != Event::SYN.kind)
    }

    fn flush_late(&mut self) {
        while self.waiting.len().saturating_add(self.down.len()) < CAPACITY {
            let Some(packet) = self.late.pop_front() else { return };
            self.waiting.push_back(packet);
        }
    }

    #[cfg(test)]
    pub(crate) fn verify_invariants(&self) {
        assert!(self.waiting.len() + self.down.len() <= CAPACITY);
        assert!(self.is_sound());
    }
}
