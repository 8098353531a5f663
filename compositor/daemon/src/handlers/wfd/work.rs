//! What costs time out of proportion to its request: each client gets some of it in a turn of the event
//! loop, so that nobody waits for another's rectangles.

use std::collections::HashMap;

use porthole_pixel::{Rect, Region};
use smithay::{
    reexports::wayland_server::{Client, backend::ClientId, protocol::wl_region::WlRegion},
    wayland::compositor::{RectangleKind, get_region_attributes},
};

/// No port is larger, and a hole is cut to a part of one.
const MAX_SIDE: i32 = 16_384;
/// A region of more pieces than this on the way to its end is given up.
const MAX_PIECES: usize = 4096;
/// Looks at a piece of a region, in a turn: some milliseconds. A hole of the most rectangles takes ten
/// thousand.
const LOOKS: usize = 1 << 18;

/// What the clients used up in this turn.
#[derive(Debug, Default)]
pub(super) struct Work {
    used: HashMap<ClientId, Used>,
}

#[derive(Debug, Default)]
struct Used {
    looks: usize,
    dumped: bool,
}

impl Work {
    /// A turn of the event loop is over.
    pub(super) fn turn(&mut self) {
        self.used.clear();
    }

    /// Whether a client gets a dump: one in a turn.
    pub(super) fn may_dump(&mut self, client: &Client) -> bool {
        !std::mem::replace(&mut self.used.entry(client.id()).or_default().dumped, true)
    }

    /// The pixels of a region; `None` where that has too many pieces, or takes too long.
    pub(super) fn region(&mut self, client: &Client, region: &WlRegion) -> Option<Region> {
        let bounds = Rect::new(0, 0, MAX_SIDE, MAX_SIDE);
        let used = &mut self.used.entry(client.id()).or_default().looks;
        let mut pixels = Region::new();
        let rects = &get_region_attributes(region).rects;
        let adds = |kind: &RectangleKind| matches!(kind, RectangleKind::Add);
        for run in rects.chunk_by(|a, b| adds(&a.0) == adds(&b.0)) {
            let inside = run.iter().filter_map(|(_, r)| {
                Rect::new(r.loc.x, r.loc.y, r.size.w, r.size.h).intersect(bounds)
            });
            // What was used up is asked first: then nothing of it is worked out.
            if *used > LOOKS {
                return None;
            }
            let levels = run.len().ilog2() as usize + 1;
            *used += run.len() * levels;
            let Some(part) = Region::of(inside, MAX_PIECES) else {
                *used += levels * MAX_PIECES;
                return None;
            };
            if run.first().is_some_and(|(kind, _)| adds(kind)) {
                pixels.union(&part);
            } else {
                pixels.subtract_region(&part);
            }
            *used += part.rects().len() + pixels.rects().len();
            if pixels.rects().len() > MAX_PIECES {
                return None;
            }
        }
        Some(pixels)
    }
}
