//! What each seat's pointer looks like, for those who capture it.

use std::sync::Arc;

use porthole_core::{input::SeatId, model::PortId};
use porthole_pixel::{Format, Rect, Size};
use smithay::{
    input::pointer::{CursorImageStatus, CursorImageSurfaceData},
    reexports::wayland_server::{Resource, protocol::wl_surface::WlSurface},
    wayland::compositor::with_states,
};

use crate::{
    protocols::{
        capture::{CursorImage, Places, SourceId},
        foreign_toplevel::ToplevelId,
        shm::Pixels,
    },
    scene::own_place,
    seats::OneSeat,
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
    /// A seat's pointer moved, perhaps to no port at all.
    pub(crate) fn cursor_moved(&mut self, id: SeatId) {
        let Some(port) = self.seats.get(id).map(|seat| seat.port) else { return };
        let places = self.pointer_places(id);
        let touched = self.globals.capture.cursor_moved(id, places);
        self.pointer_touched(&touched);
        if let Some(port) = port.filter(|_| !touched.is_empty()) {
            self.serve_captures(port);
        }
    }

    /// Where a seat's pointer is, on its port and in the toplevel's own picture that it is over.
    fn pointer_places(&self, id: SeatId) -> Places {
        let Some(seat) = self.seats.get(id) else { return Vec::new() };
        let on_port = seat.port.map(SourceId::Port).zip(seat.position());
        let in_toplevel = || {
            let (toplevel, at) = self.toplevel_under_pointer(id)?;
            Some((SourceId::Toplevel(toplevel), at))
        };
        on_port.into_iter().chain(in_toplevel()).collect()
    }

    fn toplevel_under_pointer(&self, id: SeatId) -> Option<(ToplevelId, (i32, i32))> {
        let (under, _) = self.under_pointer(id)?;
        let root = self.windows.shown(under.element.layer)?.wl_surface();
        let toplevel = self.windows.id_of(root)?;
        let seat = self.seats.get(id)?;
        let port = self.ports.get(seat.port?)?;
        let on = port.input.iter().find(|on| on.surface == *root)?;
        Some((toplevel, own_place(root, on.mapping.to_source(seat.at()?))))
    }

    /// A client chose another picture for a seat's pointer, or drew into the one it chose.
    pub(crate) fn cursor_changed(&mut self, id: SeatId) {
        let Some(seat) = self.seats.get(id) else { return };
        let port = seat.port;
        let image = match &seat.cursor {
            CursorImageStatus::Hidden => None,
            CursorImageStatus::Named(icon) => {
                let named = self.globals.desktop.named_cursors.get(*icon);
                named.or_else(|| self.arrow.clone())
            }
            CursorImageStatus::Surface(surface) => surface_image(surface),
        };
        let dragged = self.seats.get(id).and_then(|seat| seat.dragged.as_ref());
        let image = match dragged {
            Some(dragged) => dragged.under(image),
            None => image,
        };
        let touched = self.globals.capture.cursor_changed(id, image);
        self.pointer_touched(&touched);
        if let Some(port) = port {
            self.serve_captures(port);
        }
    }

    /// Pictures with pointers painted in look different there.
    pub(crate) fn pointer_touched(&mut self, touched: &[(SourceId, Rect)]) {
        for (source, rect) in touched {
            if let SourceId::Port(port) = source {
                self.globals.screencopy.pointer_damaged(*port, &[*rect]);
                self.pointer_on_screen(*port, *rect);
            }
        }
    }

    /// A surface that may be a pointer's picture committed something.
    pub(crate) fn cursor_committed(&mut self, surface: &WlSurface) {
        let is_cursor = |cursor: &CursorImageStatus| matches!(cursor, CursorImageStatus::Surface(c) if c == surface);
        let drags = |seat: &OneSeat| seat.dragged.as_ref().is_some_and(|d| d.surface == *surface);
        for dragged in self.seats.dragged_mut().filter(|dragged| dragged.surface == *surface) {
            dragged.committed();
        }
        let seats = self.seats.iter().filter(|(_, s)| is_cursor(&s.cursor) || drags(s));
        let seats: Vec<(SeatId, Option<PortId>)> = seats.map(|(id, s)| (id, s.port)).collect();
        for (id, port) in seats {
            self.cursor_changed(id);
            if let Some(port) = port {
                self.tick_wanted(port);
            }
        }
    }
}

/// Moves what waits on a pointer's picture to those that the port's next tick answers.
pub(crate) fn take_waiting(seat: &OneSeat, waiting: &mut Waiting) {
    let cursor = match &seat.cursor {
        CursorImageStatus::Surface(surface) => Some(surface),
        _ => None,
    };
    let dragged = seat.dragged.as_ref().map(|dragged| &dragged.surface);
    for surface in cursor.into_iter().chain(dragged).filter(|surface| surface.is_alive()) {
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
