//! Pens of a seat, for guests that have a pen. A guest has one at most: whichever came first is it until it
//! leaves.

use std::collections::HashMap;

use porthole_pixel::Size;
use wayland_client::backend::ObjectId;
use wayland_client::protocol::wl_seat::WlSeat;
use wayland_client::{
    Connection, Dispatch, Proxy, QueueHandle, WEnum, delegate_noop, event_created_child,
};
use wayland_protocols::wp::tablet::zv2::client::{
    zwp_tablet_manager_v2::ZwpTabletManagerV2 as Manager,
    zwp_tablet_pad_group_v2::{self as group, ZwpTabletPadGroupV2 as Group},
    zwp_tablet_pad_ring_v2::ZwpTabletPadRingV2 as Ring,
    zwp_tablet_pad_strip_v2::ZwpTabletPadStripV2 as Strip,
    zwp_tablet_pad_v2::{self as pad, ZwpTabletPadV2 as Pad},
    zwp_tablet_seat_v2::{self as seat, ZwpTabletSeatV2 as TabletSeat},
    zwp_tablet_tool_v2::{self as tool, ButtonState, Type, ZwpTabletToolV2 as Object},
    zwp_tablet_v2::{self as tablet, ZwpTabletV2 as Tablet},
};

use super::Told;
use super::pointer::fraction;
use super::stage::Stage;

/// `BTN_TOUCH` of `linux/input-event-codes.h`: the tip.
const TIP: u16 = 0x14a;

/// How a pen is held.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Held {
    /// With its other end down.
    pub rubber: bool,
    /// How hard it is pressed, 0 to 32767.
    pub pressure: u16,
    /// How far it is from the tablet, 0 to 32767.
    pub distance: u16,
    /// How it leans to the right and down, in degrees.
    pub tilt: (i8, i8),
}

/// One tool.
struct Tool {
    object: Object,
    /// The window that it is over, and where.
    over: Option<usize>,
    place: (f64, f64),
    held: Held,
    /// Tip and buttons that changed since the last frame.
    changed: Vec<(u16, bool)>,
    left: bool,
}

/// The pens of one seat.
pub(super) struct Pens {
    seat: TabletSeat,
    tools: HashMap<ObjectId, Tool>,
}

/// Parts of 65535 to parts of 32767.
fn part(value: u32) -> u16 {
    u16::try_from(value / 2).unwrap_or(u16::MAX).min(0x7fff)
}

impl Pens {
    pub(super) fn new(
        manager: &Manager,
        seat: &WlSeat,
        name: u32,
        queue: &QueueHandle<Stage>,
    ) -> Self {
        Self { seat: manager.get_tablet_seat(seat, queue, name), tools: HashMap::new() }
    }

    /// Nobody is to hear of them any more; the guest's pen leaves if it is one of them.
    pub(super) fn leave(&self, guests: &mut Option<ObjectId>, told: &mut Vec<Told>) {
        if guests.take_if(|pen| self.tools.contains_key(pen)).is_some() {
            told.push(Told::PenLeft);
        }
    }

    pub(super) fn destroy(self) {
        self.tools.into_values().for_each(|tool| tool.object.destroy());
        self.seat.destroy();
    }

    fn add(&mut self, object: Object) {
        let (held, changed) = (Held::default(), Vec::new());
        let id = object.id();
        let tool = Tool { object, over: None, place: (0.0, 0.0), held, changed, left: false };
        self.tools.insert(id, tool);
    }

    /// Takes an event of a tool, if that is of this seat.
    pub(super) fn event(
        &mut self,
        object: &Object,
        event: &tool::Event,
        size: impl Fn(usize) -> Option<Size>,
        (guests, told): (&mut Option<ObjectId>, &mut Vec<Told>),
    ) {
        let id = object.id();
        let Some(tool) = self.tools.get_mut(&id) else { return };
        match event {
            tool::Event::Frame { .. } => tool.frame(&id, size, (guests, told)),
            tool::Event::Removed => {
                self.tools.remove(&id);
                object.destroy();
                if guests.take_if(|pen| *pen == id).is_some() {
                    told.push(Told::PenLeft);
                }
            }
            event => tool.take(event),
        }
    }
}

impl Tool {
    fn take(&mut self, event: &tool::Event) {
        #[expect(clippy::cast_possible_truncation, reason = "saturates, and the value is small")]
        let degrees = |value: f64| value.round() as i8;
        match *event {
            tool::Event::Type { tool_type } => {
                self.held.rubber = tool_type == WEnum::Value(Type::Eraser);
            }
            tool::Event::ProximityIn { serial, ref surface, .. } => {
                (self.over, self.left) = (surface.data::<usize>().copied(), false);
                // A guest draws its own.
                self.object.set_cursor(serial, None, 0, 0);
            }
            tool::Event::ProximityOut => self.left = true,
            tool::Event::Motion { x, y } => self.place = (x, y),
            tool::Event::Pressure { pressure } => self.held.pressure = part(pressure),
            tool::Event::Distance { distance } => self.held.distance = part(distance),
            tool::Event::Tilt { tilt_x, tilt_y } => {
                self.held.tilt = (degrees(tilt_x), degrees(tilt_y));
            }
            tool::Event::Down { .. } => self.changed.push((TIP, true)),
            tool::Event::Up => self.changed.push((TIP, false)),
            tool::Event::Button { button, state, .. } => {
                let down = state == WEnum::Value(ButtonState::Pressed);
                self.changed.extend(u16::try_from(button).ok().map(|code| (code, down)));
            }
            _ => {}
        }
    }

    /// What came belongs together.
    fn frame(
        &mut self,
        id: &ObjectId,
        size: impl Fn(usize) -> Option<Size>,
        (guests, told): (&mut Option<ObjectId>, &mut Vec<Told>),
    ) {
        let changed = std::mem::take(&mut self.changed);
        let left = std::mem::take(&mut self.left);
        let over = if left { self.over.take() } else { self.over };
        let Some((scanout, size)) = over.and_then(|scanout| Some((scanout, size(scanout)?))) else {
            if left && guests.take_if(|pen| pen == id).is_some() {
                told.push(Told::PenLeft);
            }
            return;
        };
        if !left {
            guests.get_or_insert_with(|| id.clone());
        }
        if guests.as_ref() != Some(id) {
            return;
        }
        let (x, y) = fraction(self.place, size);
        told.push(Told::Pen { scanout, x, y, held: self.held });
        told.extend(changed.into_iter().map(|(code, pressed)| Told::PenKey { code, pressed }));
        if left {
            *guests = None;
            told.push(Told::PenLeft);
        }
    }
}

impl Dispatch<TabletSeat, u32> for Stage {
    fn event(
        stage: &mut Self,
        _: &TabletSeat,
        event: seat::Event,
        name: &u32,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        match event {
            seat::Event::ToolAdded { id } => {
                if let Some(pens) = stage.seats.pens_of(*name) {
                    pens.add(id);
                } else {
                    id.destroy();
                }
            }
            seat::Event::PadAdded { id } => id.destroy(),
            _ => {}
        }
    }

    event_created_child!(Stage, TabletSeat, [
        seat::EVT_TABLET_ADDED_OPCODE => (Tablet, ()),
        seat::EVT_TOOL_ADDED_OPCODE => (Object, ()),
        seat::EVT_PAD_ADDED_OPCODE => (Pad, ()),
    ]);
}

impl Dispatch<Object, ()> for Stage {
    fn event(
        stage: &mut Self,
        object: &Object,
        event: tool::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        stage.telling(|stage, told| stage.pen(object, &event, told));
    }
}

impl Dispatch<Tablet, ()> for Stage {
    fn event(
        _: &mut Self,
        object: &Tablet,
        event: tablet::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let tablet::Event::Removed = event {
            object.destroy();
        }
    }
}

// What pads have comes before they can be let go of.
impl Dispatch<Pad, ()> for Stage {
    fn event(_: &mut Self, _: &Pad, _: pad::Event, (): &(), _: &Connection, _: &QueueHandle<Self>) {
    }

    event_created_child!(Stage, Pad, [
        pad::EVT_GROUP_OPCODE => (Group, ()),
    ]);
}

impl Dispatch<Group, ()> for Stage {
    fn event(
        _: &mut Self,
        _: &Group,
        _: group::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
    }

    event_created_child!(Stage, Group, [
        group::EVT_RING_OPCODE => (Ring, ()),
        group::EVT_STRIP_OPCODE => (Strip, ()),
    ]);
}

delegate_noop!(Stage: ignore Manager);
delegate_noop!(Stage: ignore Ring);
delegate_noop!(Stage: ignore Strip);
