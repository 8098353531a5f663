//! What each port's pointer looks like, for those who capture it.

use std::sync::Arc;

use porthole_core::model::PortId;
use porthole_pixel::{Format, Size};
use smithay::{
    input::pointer::{CursorImageStatus, CursorImageSurfaceData},
    reexports::wayland_server::{Resource, protocol::wl_surface::WlSurface},
    wayland::compositor::with_states,
};

use crate::{
    protocols::{
        capture::{CursorImage, SourceId},
        shm::Pixels,
    },
    state::State,
    surfaces::{Waiting, with_content},
};

/// The largest pointer, a side in pixels, that is shown: four times what any desktop uses.
const MAX_SIDE: u32 = 512;

/// The arrow of a pointer over nobody's surface: `#` is black, `.` is white.
const ARROW: [&str; 19] = [
    "#           ",
    "##          ",
    "#.#         ",
    "#..#        ",
    "#...#       ",
    "#....#      ",
    "#.....#     ",
    "#......#    ",
    "#.......#   ",
    "#........#  ",
    "#.........# ",
    "#......#####",
    "#...#..#    ",
    "#..##...#   ",
    "#.#  #..#   ",
    "##   #...#  ",
    "#     #..#  ",
    "      #...# ",
    "       ###  ",
];

/// The arrow as a pointer picture.
pub(crate) fn arrow() -> Option<CursorImage> {
    let words = ARROW.iter().flat_map(|row| row.bytes()).map(|c| match c {
        b'#' => 0xff00_0000,
        b'.' => 0xffff_ffff,
        _ => 0,
    });
    let pixels = Pixels::owned(Format::Argb8888, Size::new(12, 19), words.collect())?;
    Some(CursorImage { pixels: Arc::new(pixels), hotspot: (0, 0) })
}

impl State {
    /// A port's pointer moved.
    pub(crate) fn cursor_moved(&mut self, port: PortId) {
        let at = self.seats.get(port).and_then(crate::seats::PortSeat::position);
        let touched = self.globals.capture.cursor_moved(SourceId::Port(port), at);
        self.globals.screencopy.pointer_damaged(port, &touched);
        self.serve_captures(port);
    }

    /// A client chose another picture for a port's pointer, or drew into the one it chose.
    pub(crate) fn cursor_changed(&mut self, port: PortId) {
        let Some(seat) = self.seats.get(port) else { return };
        let image = match &seat.cursor {
            CursorImageStatus::Hidden => None,
            CursorImageStatus::Named(icon) => {
                let named = self.globals.desktop.named_cursors.get(*icon);
                named.or_else(|| self.arrow.clone())
            }
            CursorImageStatus::Surface(surface) => surface_image(surface),
        };
        let touched = self.globals.capture.cursor_changed(SourceId::Port(port), image);
        self.globals.screencopy.pointer_damaged(port, &touched);
        self.serve_captures(port);
    }

    /// A surface that may be a pointer's picture committed something.
    pub(crate) fn cursor_committed(&mut self, surface: &WlSurface) {
        let ports: Vec<PortId> = self.ports.iter().map(|(id, _)| id).collect();
        for port in ports {
            let is_cursor = self.seats.get(port).is_some_and(
                |s| matches!(&s.cursor, CursorImageStatus::Surface(c) if c == surface),
            );
            if is_cursor {
                self.cursor_changed(port);
                self.tick_wanted(port);
            }
        }
    }
}

/// Moves what waits on a pointer's picture to those that the port's next tick answers.
pub(crate) fn take_waiting(cursor: &CursorImageStatus, waiting: &mut Waiting) {
    if let CursorImageStatus::Surface(surface) = cursor
        && surface.is_alive()
    {
        with_states(surface, |states| waiting.take_from(states));
    }
}

fn surface_image(surface: &WlSurface) -> Option<CursorImage> {
    if !surface.is_alive() {
        return None;
    }
    with_states(surface, |states| {
        let pixels = with_content(states, |c| c.pixels.clone())?;
        let size = pixels.layout().size();
        if size.width > MAX_SIDE || size.height > MAX_SIDE {
            return None;
        }
        let hotspot = states
            .data_map
            .get::<CursorImageSurfaceData>()
            .and_then(|data| data.lock().ok().map(|d| (d.hotspot.x, d.hotspot.y)))
            .unwrap_or_default();
        Some(CursorImage { pixels, hotspot })
    })
}
