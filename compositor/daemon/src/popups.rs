//! Menus: which popups want every click and key of a seat, and what a click outside does to them.

use smithay::{
    input::Seat,
    reexports::wayland_server::{Resource, protocol::wl_surface::WlSurface},
    utils::{Logical, Point, Rectangle},
    wayland::{
        compositor::with_states,
        shell::xdg::{PopupSurface, SurfaceCachedState},
    },
};

use crate::{scene::MAX_DEPTH, state::State, surfaces::with_content};

/// A popup that grabs a seat.
#[derive(Debug)]
struct Grab {
    seat: Seat<State>,
    popup: PopupSurface,
}

/// The popups that grab seats, each menu below its submenus.
#[derive(Debug, Default)]
pub(crate) struct Grabs(Vec<Grab>);

impl Grabs {
    fn of<'a>(
        &'a self,
        seat: &'a Seat<State>,
    ) -> impl DoubleEndedIterator<Item = &'a PopupSurface> {
        self.0.iter().filter(move |g| g.seat == *seat && g.popup.alive()).map(|g| &g.popup)
    }

    /// A popup was destroyed.
    pub(crate) fn remove(&mut self, popup: &PopupSurface) {
        self.0.retain(|g| g.popup != *popup);
    }

    /// Tells all popups that grab a seat that they are over, submenus first.
    pub(crate) fn dismiss(&mut self, seat: &Seat<State>) {
        self.of(seat).rev().for_each(PopupSurface::send_popup_done);
        self.0.retain(|g| g.seat != *seat);
    }
}

impl State {
    /// A popup wants a seat. It gets it if its client has the seat's attention, and if it hangs on
    /// the popup that has the seat now.
    pub(crate) fn grab_popup(&mut self, popup: PopupSurface, seat: Seat<Self>) {
        let id = self.seats.id_of(&seat);
        let pens = id.and_then(|id| self.seats.get(id)).into_iter();
        let pens: Vec<WlSurface> = pens.flat_map(|seat| seat.pen_surfaces().cloned()).collect();
        let attention = [
            seat.get_pointer().and_then(|p| p.current_focus()),
            seat.get_keyboard().and_then(|k| k.current_focus()),
        ];
        let of_client =
            |s: &WlSurface| s.id().same_client_as(&popup.wl_surface().id()) && s.is_alive();
        let grabs = &mut self.globals.desktop.grabs;
        let nested = grabs.of(&seat).next_back().is_none_or(|top| {
            popup.get_parent_surface().is_some_and(|parent| parent == *top.wl_surface())
        });
        if !nested || !attention.iter().flatten().chain(&pens).any(of_client) {
            popup.send_popup_done();
            return;
        }
        grabs.0.push(Grab { seat, popup });
    }

    /// A button or finger went down on a surface, or on none: menus of other clients close.
    pub(crate) fn clicked_outside(&mut self, seat: &Seat<Self>, on: Option<&WlSurface>) {
        let grabs = &mut self.globals.desktop.grabs;
        let Some(top) = grabs.of(seat).next_back() else { return };
        if on.is_none_or(|on| !on.id().same_client_as(&top.wl_surface().id())) {
            grabs.dismiss(seat);
        }
    }

    /// The menu that has a seat's keyboard instead of the toplevel that it hangs on.
    pub(crate) fn grabbing_popup(&self, seat: &Seat<Self>, root: &WlSurface) -> Option<WlSurface> {
        let top = self.globals.desktop.grabs.of(seat).next_back()?;
        let surface = top.wl_surface();
        let mapped = with_states(surface, |s| with_content(s, |c| c.pixels.is_some()));
        (mapped && self.popup_root(surface.clone()) == *root).then(|| surface.clone())
    }

    /// Where a popup may be, in the coordinates that its positioner counts in: the bounds of the
    /// toplevel that it hangs on, as a layer shows nothing outside of them.
    pub(crate) fn popup_bounds(&self, popup: &PopupSurface) -> Option<Rectangle<i32, Logical>> {
        let mut parent = popup.get_parent_surface()?;
        let mut offset = Point::<i32, Logical>::default();
        for _ in 0..MAX_DEPTH {
            let popups = self.globals.xdg_shell.popup_surfaces();
            let Some(above) = popups.iter().find(|p| *p.wl_surface() == parent) else { break };
            let at = above.with_pending_state(|state| state.geometry.loc);
            offset = (offset.x.saturating_add(at.x), offset.y.saturating_add(at.y)).into();
            parent = above.get_parent_surface()?;
        }
        let size = with_states(&parent, |states| {
            let geometry = states.cached_state.get::<SurfaceCachedState>().current().geometry;
            geometry.map_or_else(
                || {
                    let size = with_content(states, |c| c.size);
                    let signed = |v: u32| i32::try_from(v).unwrap_or(i32::MAX);
                    (signed(size.width), signed(size.height)).into()
                },
                |g| g.size,
            )
        });
        let origin = (offset.x.saturating_neg(), offset.y.saturating_neg());
        Some(Rectangle::new(origin.into(), size))
    }
}
