//! Pens of a seat. Programs that ask for pens hear of them as such; for all others a pen is the seat's
//! pointer. There is one cursor to a seat, which is where its pointer or pen was moved last.

use std::collections::BTreeMap;

use porthole_core::{
    input::SeatId,
    pen::{Action, Axes, Pen, Told, Tool, Under, Wheel},
    scene::Point,
};
use porthole_pixel::Rect;
use smithay::{
    input::pointer::CursorImageStatus,
    reexports::{
        wayland_protocols::wp::tablet::zv2::server::zwp_tablet_tool_v2::{
            ButtonState, ZwpTabletToolV2 as ToolObject,
        },
        wayland_server::{Resource, protocol::wl_surface::WlSurface},
    },
    utils::SERIAL_COUNTER,
};

use crate::{
    clock,
    protocols::{
        tablet::{TabletId, TabletInfo, ToolId},
        virtual_pointer::PointerInput,
    },
    scene::surface_at,
    state::State,
};

/// Tools of one seat that are known at a time: some people have a box of pens. The tablet says which tool it
/// is, and may say another number each time.
const MAX_TOOLS: usize = 32;

/// What the wire has for 1.
const FULL: f64 = 65535.0;

/// What a pen of a seat did.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct PenInput {
    pub(crate) tablet: TabletId,
    pub(crate) tool: ToolId,
    /// Parts of the port: 0 is its left or top edge, 1 its right or bottom one.
    pub(crate) at: Point,
    pub(crate) axes: Axes,
    pub(crate) wheel: Option<Wheel>,
    pub(crate) action: Action,
}

/// A pen near its tablet.
#[derive(Debug)]
struct SeatPen {
    tablet: TabletId,
    /// Where it is, as parts of the port and in port pixels.
    part: Point,
    at: Point,
    axes: Axes,
    /// Where it is on the surface that has it, as that was told.
    told: Option<Point>,
    pen: Pen<WlSurface>,
}

/// The pens of a seat.
#[derive(Debug, Default)]
pub(super) struct Pens {
    near: BTreeMap<ToolId, SeatPen>,
    /// The one that has the seat's cursor, over a program that asked for pens: there is no pointer then.
    shown: Option<ToolId>,
}

impl Pens {
    /// Whether there is a pen where the seat's pointer would be.
    pub(super) const fn have_cursor(&self) -> bool {
        self.shown.is_some()
    }

    /// The surfaces that have a pen.
    pub(super) fn surfaces(&self) -> impl Iterator<Item = &WlSurface> {
        self.near.values().filter_map(|pen| pen.pen.surface())
    }
}

impl State {
    /// A seat has one more tablet.
    pub(crate) fn add_tablet(&mut self, id: SeatId, info: TabletInfo) -> TabletId {
        self.globals.tablets.add_tablet::<Self>(&self.display, id, info)
    }

    /// A tablet of a seat is gone, and whatever is near it.
    pub(crate) fn remove_tablet(&mut self, id: SeatId, tablet: TabletId) {
        self.pens_leave(id, |pen| *pen == tablet);
        self.globals.tablets.remove_tablet(tablet);
    }

    /// The number of a tool that is used on a tablet of a seat.
    pub(crate) fn tool_on(&mut self, id: SeatId, tablet: TabletId, tool: Tool) -> Option<ToolId> {
        let all = &mut self.globals.tablets;
        if let Some(known) = all.find_tool(tablet, &tool) {
            return Some(known);
        }
        if all.tools_of(id).count() >= MAX_TOOLS {
            let near = &self.seats.get(id)?.pens.near;
            let oldest = all.tools_of(id).find(|known| !near.contains_key(known))?;
            all.remove_tool(oldest);
        }
        all.add_tool::<Self>(&self.display, tablet, tool)
    }

    /// A pen of a seat did something.
    pub(crate) fn pen_input(&mut self, id: SeatId, input: PenInput) {
        let PenInput { tablet, tool, at: part, axes, wheel, action } = input;
        // One that is said to be near two tablets has left the first.
        let elsewhere = |pen: &SeatPen| pen.tablet != tablet;
        let known = self.seats.get(id).and_then(|seat| seat.pens.near.get(&tool));
        if action == Action::Left || known.is_some_and(elsewhere) {
            self.pen_left(id, tool);
        }
        let Some(at) = self.pen_on_port(id, part).filter(|_| action != Action::Left) else {
            return;
        };
        let under = self.under_pen(id, (tablet, tool), at);
        let Some(seat) = self.seats.get_mut(id) else { return };
        let pen = seat.pens.near.entry(tool).or_insert_with(|| SeatPen {
            tablet,
            part,
            at,
            axes,
            told: None,
            pen: Pen::default(),
        });
        (pen.part, pen.at, pen.axes) = (part, at, axes);
        let told = pen.pen.act(action, (&axes, wheel), &under);
        self.tell_pen(id, tool, told);
    }

    /// Parts of the port to port pixels, within what the seat is for; the last pixel is the farthest that a
    /// pen gets.
    fn pen_on_port(&self, id: SeatId, part: Point) -> Option<Point> {
        let size = self.ports.get(self.seats.get(id)?.port?)?.size;
        let within = self.bounds_of(id).unwrap_or_else(|| Rect::from_size(size));
        let clamp =
            |v: f64, from: i32, to: i32| v.clamp(f64::from(from), f64::from(to) - 1.0 / 256.0);
        Some(Point {
            x: clamp(part.x * f64::from(size.width), within.left(), within.right()),
            y: clamp(part.y * f64::from(size.height), within.top(), within.bottom()),
        })
    }

    /// Who is to hear of a pen where it is.
    fn under_pen(
        &self,
        id: SeatId,
        (tablet, tool): (TabletId, ToolId),
        at: Point,
    ) -> Under<WlSurface> {
        let port = self.seats.get(id).and_then(|seat| self.ports.get(seat.port?));
        let found = port.and_then(|port| surface_at(&port.input, at));
        let found = found.filter(|(on, _)| self.hears(on.element.layer, id));
        let asked = |on: &WlSurface| self.globals.tablets.hears(tool, tablet, on);
        match found.map(|(on, _)| &on.surface).filter(|on| asked(on)) {
            Some(surface) => Under::Surface(surface.clone()),
            None => Under::Pointer,
        }
    }

    /// Where a pen is on a surface, if that is shown.
    fn pen_on(&self, id: SeatId, surface: &WlSurface, at: Point) -> Option<Point> {
        let port = self.ports.get(self.seats.get(id)?.port?)?;
        let on = port.input.iter().find(|on| on.surface == *surface)?;
        Some(on.mapping.to_source(at))
    }

    fn tell_pen(&mut self, id: SeatId, tool: ToolId, told: Vec<Told<WlSurface>>) {
        let near = self.seats.get(id).and_then(|seat| seat.pens.near.get(&tool));
        let Some((tablet, part, at)) = near.map(|pen| (pen.tablet, pen.part, pen.at)) else {
            return;
        };
        for told in told {
            match told {
                Told::In(on) => {
                    let serial = SERIAL_COUNTER.next_serial().into();
                    self.globals.tablets.enter(tool, tablet, &on, serial);
                }
                Told::Motion(on) => self.tell_place(id, tool, &on, at),
                Told::Pointer => self.point_with_pen(id, tool, part),
                Told::PointerButton(code, pressed) => {
                    self.pointer_input(id, PointerInput::Button { code, pressed });
                    self.pointer_input(id, PointerInput::Frame);
                }
                Told::PointerLeft => self.pointer_left(id),
                Told::Clicked(on) => self.pen_clicked(id, &on),
                Told::Out(on) => self.globals.tablets.leave(tool, &on),
                Told::Frame(on) => {
                    self.globals.tablets.frame(tool, &on, clock::milliseconds());
                }
                Told::Axes(on, axes) => {
                    self.globals.tablets.tell(tool, &on, |object| tell_axes(object, &axes));
                }
                Told::Wheel(on, wheel) => self.globals.tablets.tell(tool, &on, |object| {
                    object.wheel(wheel.degrees, wheel.clicks);
                }),
                Told::Tip(on, true) => {
                    let serial = SERIAL_COUNTER.next_serial().into();
                    self.globals.tablets.tell(tool, &on, |object| object.down(serial));
                }
                Told::Tip(on, false) => self.globals.tablets.tell(tool, &on, ToolObject::up),
                Told::Button(on, code, down) => {
                    let serial = SERIAL_COUNTER.next_serial().into();
                    let state = if down { ButtonState::Pressed } else { ButtonState::Released };
                    let tell = |object: &ToolObject| object.button(serial, code, state);
                    self.globals.tablets.tell(tool, &on, tell);
                }
            }
        }
    }

    /// Tells the program of a surface where a pen is, and shows the cursor there.
    fn tell_place(&mut self, id: SeatId, tool: ToolId, on: &WlSurface, at: Point) {
        let local = self.pen_on(id, on, at);
        if let Some(local) = local {
            self.globals.tablets.tell(tool, on, |object| object.motion(local.x, local.y));
        }
        let Some(seat) = self.seats.get_mut(id) else { return };
        if let Some(pen) = seat.pens.near.get_mut(&tool) {
            pen.told = local;
        }
        (seat.at, seat.told, seat.device) = (Some(at), None, None);
        let is_new = seat.pens.shown.replace(tool) != Some(tool);
        if is_new {
            // An arrow, until the program says otherwise.
            seat.cursor = CursorImageStatus::default_named();
            if let Some(pointer) = seat.seat.get_pointer() {
                self.point_nowhere(&pointer);
            }
            self.cursor_changed(id);
        }
        self.cursor_moved(id);
    }

    /// A pen is the pointer of its seat.
    fn point_with_pen(&mut self, id: SeatId, tool: ToolId, Point { x, y }: Point) {
        // What has the pen's place now is no pointer's.
        if let Some(seat) = self.seats.get_mut(id)
            && seat.pens.shown.take_if(|shown| *shown == tool).is_some()
        {
            seat.cursor = CursorImageStatus::default_named();
            self.cursor_changed(id);
        }
        self.pointer_input(id, PointerInput::MotionAbsolute { x, y });
        self.pointer_input(id, PointerInput::Frame);
    }

    /// Something else than a pen has the pointer of a seat: it goes on from where the pen is.
    pub(super) fn take_pointer_back(&mut self, id: SeatId) {
        if let Some(seat) = self.seats.get_mut(id)
            && seat.pens.shown.take().is_some()
        {
            seat.cursor = CursorImageStatus::default_named();
            self.cursor_changed(id);
            self.send_motion(id);
        }
    }

    /// Who puts a pen down wants to be where it is.
    fn pen_clicked(&mut self, id: SeatId, on: &WlSurface) {
        let Some(seat) = self.seats.get(id) else { return };
        let (Some(port), wl_seat) = (seat.port, seat.seat.clone()) else { return };
        self.clicked_outside(&wl_seat, Some(on));
        let input = self.ports.get(port).map(|port| port.input.iter());
        let layer = input.and_then(|mut all| all.find(|i| i.surface == *on));
        if let Some(layer) = layer.map(|input| input.element.layer) {
            self.click_focus(id, port, layer);
        }
    }

    /// A pen of a seat is not near its tablet any more.
    fn pen_left(&mut self, id: SeatId, tool: ToolId) {
        let Some(seat) = self.seats.get_mut(id) else { return };
        let Some(pen) = seat.pens.near.get_mut(&tool) else { return };
        let axes = pen.axes;
        let told = pen.pen.act(Action::Left, (&axes, None), &Under::Pointer);
        self.tell_pen(id, tool, told);
        let Some(seat) = self.seats.get_mut(id) else { return };
        seat.pens.near.remove(&tool);
        if seat.pens.shown.take_if(|shown| *shown == tool).is_some() {
            seat.cursor = CursorImageStatus::default_named();
            self.cursor_changed(id);
            self.pointer_left(id);
        }
    }

    /// Pens leave that are near some tablets of a seat.
    pub(super) fn pens_leave(&mut self, id: SeatId, which: impl Fn(&TabletId) -> bool) {
        let Some(seat) = self.seats.get(id) else { return };
        let near = seat.pens.near.iter().filter(|(_, pen)| which(&pen.tablet));
        let tools: Vec<ToolId> = near.map(|(tool, _)| *tool).collect();
        tools.into_iter().for_each(|tool| self.pen_left(id, tool));
    }

    /// A toplevel is shown no more: nobody has a pen there.
    pub(crate) fn pens_lose(&mut self, toplevel: &WlSurface) {
        let seats: Vec<SeatId> = self.seats.iter().map(|(id, _)| id).collect();
        for id in seats {
            let Some(seat) = self.seats.get(id) else { continue };
            let on = seat.pens.surfaces().filter(|on| self.root_of((*on).clone()) == *toplevel);
            let lost: Vec<WlSurface> = on.cloned().collect();
            if !lost.is_empty() {
                self.pens_lost(id, |surface| lost.contains(surface));
            }
        }
    }

    fn pens_lost(&mut self, id: SeatId, is_lost: impl Fn(&WlSurface) -> bool) {
        let Some(seat) = self.seats.get_mut(id) else { return };
        let near = seat.pens.near.iter_mut();
        let told: Vec<_> = near.map(|(tool, pen)| (*tool, pen.pen.lost(&is_lost))).collect();
        told.into_iter().for_each(|(tool, told)| self.tell_pen(id, tool, told));
    }

    /// Other surfaces may be under pens that rest, or the same ones elsewhere.
    pub(super) fn refresh_pens(&mut self, id: SeatId) {
        if self.seats.get(id).is_none_or(|seat| seat.pens.near.is_empty()) {
            return;
        }
        self.pens_lost(id, |surface| !surface.is_alive());
        let Some(seat) = self.seats.get(id) else { return };
        let tools: Vec<ToolId> = seat.pens.near.keys().copied().collect();
        for tool in tools {
            let near = self.seats.get(id).and_then(|seat| seat.pens.near.get(&tool));
            let Some(SeatPen { tablet, at, axes, told, pen, .. }) = near else { continue };
            let moved = pen.surface().filter(|_| !pen.is_held()).is_some_and(|on| {
                let now = self.pen_on(id, on, *at);
                now.is_some() && now != *told
            });
            let (axes, under) = (*axes, self.under_pen(id, (*tablet, tool), *at));
            let pen = self.seats.get_mut(id).and_then(|seat| seat.pens.near.get_mut(&tool));
            let told = pen.map(|pen| match moved {
                true => pen.pen.act(Action::Moved, (&axes, None), &under),
                false => pen.pen.look(&axes, &under),
            });
            self.tell_pen(id, tool, told.unwrap_or_default());
        }
    }

    /// Who has a pen says what it looks like.
    pub(crate) fn pen_looks(&mut self, tool: ToolId, image: CursorImageStatus) {
        let found = self.seats.iter().find(|(_, seat)| seat.pens.shown == Some(tool));
        let Some(id) = found.map(|(id, _)| id) else { return };
        if let Some(seat) = self.seats.get_mut(id) {
            seat.cursor = image;
        }
        self.cursor_changed(id);
    }
}

fn tell_axes(object: &ToolObject, axes: &Axes) {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the value is within the range, and the cast saturates"
    )]
    let part = |value: f64| (value.clamp(0.0, 1.0) * FULL).round() as u32;
    if let Some(pressure) = axes.pressure {
        object.pressure(part(pressure));
    }
    if let Some(distance) = axes.distance {
        object.distance(part(distance));
    }
    if let Some(Point { x, y }) = axes.tilt {
        object.tilt(x, y);
    }
    if let Some(degrees) = axes.rotation {
        object.rotation(degrees);
    }
    if let Some(slider) = axes.slider {
        #[expect(clippy::cast_possible_truncation, reason = "as above")]
        object.slider((slider.clamp(-1.0, 1.0) * FULL).round() as i32);
    }
}
