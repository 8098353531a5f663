//! Pointers that a surface holds: locked where they are, or kept inside of it.
//!
//! A surface has a pointer only while it is under it, so only what a person points at can hold it.

use porthole_core::{input::SeatId, scene::Point};
use porthole_pixel::{Rect, Region};
use smithay::{
    delegate_pointer_constraints, delegate_relative_pointer,
    input::pointer::{PointerHandle, RelativeMotionEvent},
    reexports::wayland_server::protocol::wl_surface::WlSurface,
    utils::{Logical, Point as SmithayPoint},
    wayland::{
        compositor::with_states,
        pointer_constraints::{
            PointerConstraint, PointerConstraintsHandler, with_pointer_constraint,
        },
    },
};

use super::{Seats, pointer::smithay_point};
use crate::{
    clock,
    scene::InputSurface,
    state::State,
    surfaces::{region, with_content},
};

/// What a constraint lets a motion do.
enum Allowed {
    /// Anywhere.
    Free,
    /// Nothing: the surface wants to know how far it went, no more.
    Locked,
    /// Inside of this part of the surface.
    Inside(Region),
}

/// All of a surface, in its own coordinates.
fn all_of(surface: &WlSurface) -> Rect {
    Rect::from_size(with_states(surface, |s| with_content(s, |c| c.size)))
}

fn contains(region: &Region, at: Point) -> bool {
    #[expect(clippy::cast_possible_truncation, reason = "the cast saturates, which is wanted")]
    let (x, y) = (at.x.floor() as i32, at.y.floor() as i32);
    region.contains(x, y)
}

/// The nearest point inside the bounds of a region.
fn nearest(region: &Region, at: Point) -> Option<Point> {
    let bounds = region.bounds()?;
    // The last pixel is the farthest that a pointer gets.
    let clamp = |v: f64, from: i32, to: i32| v.clamp(f64::from(from), f64::from(to) - 1.0 / 256.0);
    Some(Point {
        x: clamp(at.x, bounds.left(), bounds.right()),
        y: clamp(at.y, bounds.top(), bounds.bottom()),
    })
}

impl Seats {
    fn of_pointer(&self, pointer: &PointerHandle<State>) -> Option<SeatId> {
        let is = |seat: &super::OneSeat| seat.seat.get_pointer().is_some_and(|p| p == *pointer);
        self.iter().find(|(_, seat)| is(seat)).map(|(id, _)| id)
    }
}

impl State {
    /// Where the pointer of a seat goes when its device goes this far, to `to`; none when it stays.
    /// The surface under it is told how far it went.
    pub(super) fn constrained(&mut self, id: SeatId, to: Point, by: Point) -> Option<Point> {
        let Some(at) = self.seats.get(id).and_then(|s| s.at) else { return Some(to) };
        let pointer = self.seats.get(id).and_then(|s| s.seat.get_pointer());
        let under = self.under_pointer(id).map(|(on, local)| (on.clone(), local));
        let (Some(pointer), Some((on, local))) = (pointer, under) else { return Some(to) };
        let there = on.mapping.to_source(Point { x: at.x + by.x, y: at.y + by.y });
        self.send_relative_motion(&pointer, (at, local), (&on, there));
        if pointer.current_focus().as_ref() != Some(&on.surface) {
            return Some(to);
        }
        match self.allowed(&on.surface, &pointer) {
            Allowed::Free => Some(to),
            Allowed::Locked => None,
            Allowed::Inside(part) => {
                let wanted = nearest(&part, on.mapping.to_source(to))?;
                // In a region of several parts the nearest point may be in none of them.
                contains(&part, wanted).then(|| on.mapping.to_port(wanted))
            }
        }
    }

    fn send_relative_motion(
        &mut self,
        pointer: &PointerHandle<Self>,
        (at, local): (Point, Point),
        (on, there): (&InputSurface, Point),
    ) {
        let origin = Point { x: at.x - local.x, y: at.y - local.y };
        // In the surface's own coordinates, as its absolute motion is.
        let delta = smithay_point(Point { x: there.x - local.x, y: there.y - local.y });
        let utime = u64::try_from(clock::now().as_micros()).unwrap_or(u64::MAX);
        let event = RelativeMotionEvent { delta, delta_unaccel: delta, utime };
        pointer.relative_motion(self, Some((on.surface.clone(), smithay_point(origin))), &event);
    }

    fn allowed(&self, surface: &WlSurface, pointer: &PointerHandle<Self>) -> Allowed {
        with_pointer_constraint(surface, pointer, |constraint| {
            let held = constraint.filter(|c| c.is_active());
            // The surface's state is locked here: its part is looked up outside.
            held.map(|c| match &*c {
                PointerConstraint::Locked(_) => None,
                PointerConstraint::Confined(c) => Some(c.region().cloned()),
            })
        })
        .map_or(Allowed::Free, |held| match held {
            None => Allowed::Locked,
            Some(part) => {
                let all = all_of(surface);
                Allowed::Inside(part.map_or_else(|| Region::from_rect(all), |r| region(&r, all)))
            }
        })
    }

    /// Whether a surface holds the pointer in its place.
    pub(super) fn is_locked(&self, surface: &WlSurface, pointer: &PointerHandle<Self>) -> bool {
        matches!(self.allowed(surface, pointer), Allowed::Locked)
    }

    /// Whether a surface holds the pointer of a seat in its place.
    pub(crate) fn has_locked_pointer(&self, id: SeatId) -> bool {
        let pointer = self.seats.get(id).and_then(|s| s.seat.get_pointer());
        let on = pointer.as_ref().and_then(PointerHandle::current_focus);
        pointer.zip(on).is_some_and(|(pointer, on)| self.is_locked(&on, &pointer))
    }

    /// The pointer of a seat is on a surface: what that asked for begins.
    pub(super) fn begin_constraint(&self, id: SeatId) {
        let Some(seat) = self.seats.get(id).filter(|s| !s.escape.free) else { return };
        let Some(pointer) = seat.seat.get_pointer() else { return };
        let Some((on, local)) = self.under_pointer(id) else { return };
        if pointer.current_focus().as_ref() != Some(&on.surface) {
            return;
        }
        let wants = with_pointer_constraint(&on.surface, &pointer, |constraint| {
            constraint.filter(|c| !c.is_active()).map(|c| c.region().cloned())
        });
        let Some(wants) = wants else { return };
        let all = all_of(&on.surface);
        if wants.is_none_or(|part| contains(&region(&part, all), local)) {
            with_pointer_constraint(&on.surface, &pointer, |constraint| {
                if let Some(constraint) = constraint {
                    constraint.activate();
                }
            });
        }
    }
}

impl PointerConstraintsHandler for State {
    fn new_constraint(&mut self, _: &WlSurface, pointer: &PointerHandle<Self>) {
        if let Some(id) = self.seats.of_pointer(pointer) {
            self.begin_constraint(id);
        }
    }

    fn cursor_position_hint(
        &mut self,
        surface: &WlSurface,
        pointer: &PointerHandle<Self>,
        location: SmithayPoint<f64, Logical>,
    ) {
        // Where the client has drawn a pointer of its own meanwhile: it goes on from there.
        let Some(id) = self.seats.of_pointer(pointer) else { return };
        let locked = matches!(self.allowed(surface, pointer), Allowed::Locked);
        let Some((on, _)) =
            self.under_pointer(id).filter(|(on, _)| locked && on.surface == *surface)
        else {
            return;
        };
        let hint = Point { x: location.x, y: location.y };
        let part = Region::from_rect(all_of(surface));
        let Some(at) = nearest(&part, hint).map(|hint| on.mapping.to_port(hint)) else { return };
        if at.x.is_finite()
            && at.y.is_finite()
            && let Some(seat) = self.seats.get_mut(id)
        {
            seat.at = Some(at);
            pointer.set_location(smithay_point(at));
            self.cursor_moved(id);
        }
    }
}

delegate_pointer_constraints!(State);
delegate_relative_pointer!(State);
