//! Updates for viewers: what the newest frames change, as far as there is time in one turn.

use std::{collections::BTreeSet, time::Instant};

use calloop::Interest;
use porthole_client::capture::Frame;
use porthole_rfb::{Encoding, Frame as Picture, Move};

use super::{Service, turns::TURN};

impl Service {
    /// Tells viewers about new frames, and sends those that wait what they miss: first whoever has had
    /// least of the time. For whom there is no time in this turn there is in the next one, behind what
    /// viewers have said by then.
    pub(super) fn serve(&mut self, frames: &[Frame]) {
        if !frames.is_empty() {
            self.back();
        }
        let mut end = End { begun: Instant::now(), served: false };
        let current = self.damage(frames);
        if let [frame] = frames {
            self.send_moves(frame, &current, &mut end);
        }
        self.owes = false;
        for id in self.waiting() {
            if end.is_reached() {
                self.owes = true;
                break;
            }
            self.encode(id, None);
            end.served = true;
        }
        for id in self.ids() {
            self.watch(id);
        }
    }

    /// Adds what frames change to what viewers miss; gives those that had all of the frame before.
    fn damage(&mut self, frames: &[Frame]) -> BTreeSet<u64> {
        let mut current = BTreeSet::new();
        for (id, entry) in &mut self.viewers {
            let server = entry.viewer.server_mut();
            if server.is_current() {
                current.insert(*id);
            }
            for frame in frames {
                server.resize(frame.size);
                server.damage(&frame.damage);
            }
        }
        current
    }

    /// A viewer that shows the frame before exactly may get a part of the new one as a move.
    fn send_moves(&mut self, frame: &Frame, current: &BTreeSet<u64>, end: &mut End) {
        let mut moved: Option<Option<Move>> = None;
        for id in self.waiting() {
            let entry = self.viewers.get(&id).filter(|_| current.contains(&id));
            let takes = entry.is_some_and(|e| e.viewer.server().offers(Encoding::CopyRect));
            if !takes || end.is_reached() {
                continue;
            }
            let (search, view) = (&mut self.search, self.view.as_ref());
            let found = *moved.get_or_insert_with(|| search.find(view?, &frame.damage));
            let Some(found) = found else { return };
            self.encode(id, Some(found));
            end.served = true;
        }
    }

    /// Viewers that could be sent an update now; who has had least of the time comes first.
    fn waiting(&mut self) -> Vec<u64> {
        let mut places = Vec::new();
        for (id, entry) in &mut self.viewers {
            entry.viewer.write();
            if entry.viewer.may_update() {
                places.push((self.turns.place(&mut entry.share), *id));
            }
        }
        places.sort_unstable();
        places.into_iter().map(|(_, id)| id).collect()
    }

    /// Sends a viewer that may be sent one an update.
    fn encode(&mut self, id: u64, moved: Option<Move>) {
        let Some(entry) = self.viewers.get_mut(&id) else { return };
        let begun = Instant::now();
        let server = entry.viewer.server_mut();
        let overlay = if server.offers(Encoding::Cursor) { None } else { entry.cursor.overlay() };
        let mut update = |frame: Picture<'_>| {
            let frame = overlay.map_or(frame, |overlay| frame.with_overlay(overlay));
            server.update(&frame, moved)
        };
        let updated = match (&self.view, &self.away) {
            (_, Some(away)) => away.frame().and_then(&mut update),
            (Some(view), None) => view
                .with_pictures(|size, bytes, _| {
                    update(Picture::new(size, size.width as usize * 4, bytes).ok()?)
                })
                .flatten(),
            (None, None) => None,
        };
        if let Some(update) = updated {
            tracing::trace!(viewer = id, ?update);
        }
        entry.viewer.write();
        self.turns.served(&mut entry.share, begun.elapsed());
    }

    /// Listens to a viewer as far as it reads.
    fn watch(&mut self, id: u64) {
        let Some(entry) = self.viewers.get_mut(&id) else { return };
        let interest = Interest {
            readable: entry.viewer.wants_read() && !entry.waiting,
            writable: entry.viewer.wants_write(),
        };
        let changed = {
            let mut source = entry.source.as_source_mut();
            let before = std::mem::replace(&mut source.interest, interest);
            (before.readable, before.writable) != (interest.readable, interest.writable)
        };
        if changed && let Err(error) = self.handle.update(&entry.token) {
            tracing::warn!("a viewer's socket cannot be watched: {error}");
            entry.viewer.close();
        }
    }
}

/// When no further update is begun in a turn.
struct End {
    begun: Instant,
    /// One is sent in each turn, whatever went before it.
    served: bool,
}

impl End {
    fn is_reached(&self) -> bool {
        self.served && self.begun.elapsed() >= TURN
    }
}
