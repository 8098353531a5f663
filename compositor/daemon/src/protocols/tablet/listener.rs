//! A client that asked for the tablets of a seat, and what it is told.

use std::collections::BTreeMap;

use porthole_core::{
    input::SeatId,
    pen::{Tool, ToolKind},
};
use smithay::reexports::{
    wayland_protocols::wp::tablet::zv2::server::{
        zwp_tablet_seat_v2::ZwpTabletSeatV2 as SeatObject,
        zwp_tablet_tool_v2::{Capability, Type, ZwpTabletToolV2 as ToolObject},
        zwp_tablet_v2::ZwpTabletV2 as TabletObject,
    },
    wayland_server::{
        Client, Dispatch, DisplayHandle, Resource,
        backend::{ClientId, ObjectId},
        protocol::wl_surface::WlSurface,
    },
};

use super::{TabletId, TabletInfo, ToolId};

/// A client's object for a tool.
#[derive(Debug)]
struct Heard {
    object: ToolObject,
    /// The number with which the tool came over a surface of the client, while it is there.
    entered: Option<u32>,
    /// It left, and the frame is not ended.
    left: bool,
}

/// A client that asked once. It hears of what it was told until it has destroyed all of that.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) client: ClientId,
    pub(super) seat: SeatId,
    /// None when it wants to hear of no more.
    object: Option<SeatObject>,
    tablets: BTreeMap<TabletId, TabletObject>,
    tools: BTreeMap<ToolId, Heard>,
}

/// The high and the low half of a number.
const fn halves(number: u64) -> (u32, u32) {
    #[expect(clippy::cast_possible_truncation, reason = "the halves are meant")]
    let halves = ((number >> 32) as u32, number as u32);
    halves
}

const fn type_of(kind: ToolKind) -> Type {
    match kind {
        ToolKind::Pen => Type::Pen,
        ToolKind::Eraser => Type::Eraser,
        ToolKind::Brush => Type::Brush,
        ToolKind::Pencil => Type::Pencil,
        ToolKind::Airbrush => Type::Airbrush,
        ToolKind::Mouse => Type::Mouse,
        ToolKind::Lens => Type::Lens,
    }
}

impl Listener {
    pub(super) const fn new(client: ClientId, seat: SeatId, object: SeatObject) -> Self {
        Self {
            client,
            seat,
            object: Some(object),
            tablets: BTreeMap::new(),
            tools: BTreeMap::new(),
        }
    }

    /// The client, while it wants to hear of what comes.
    fn asks(&self) -> Option<(Client, &SeatObject)> {
        let object = self.object.as_ref()?;
        Some((object.client()?, object))
    }

    pub(super) fn tell_tablet<D>(
        &mut self,
        display: &DisplayHandle,
        id: TabletId,
        info: &TabletInfo,
    ) where
        D: Dispatch<TabletObject, ()> + 'static,
    {
        let Some((client, seat)) = self.asks() else { return };
        let made = client.create_resource::<TabletObject, _, D>(display, seat.version(), ());
        // An error says that the client is gone.
        let Ok(tablet) = made else { return };
        seat.tablet_added(&tablet);
        tablet.name(info.name.clone());
        tablet.id(info.id.0, info.id.1);
        tablet.done();
        self.tablets.insert(id, tablet);
    }

    pub(super) fn tell_tool<D>(&mut self, display: &DisplayHandle, id: ToolId, tool: &Tool)
    where
        D: Dispatch<ToolObject, ToolId> + 'static,
    {
        let Some((client, seat)) = self.asks() else { return };
        let made = client.create_resource::<ToolObject, _, D>(display, seat.version(), id);
        let Ok(object) = made else { return };
        seat.tool_added(&object);
        object._type(type_of(tool.kind));
        if let Some((high, low)) = tool.serial.map(halves) {
            object.hardware_serial(high, low);
        }
        if tool.model != 0 {
            let (high, low) = halves(tool.model);
            object.hardware_id_wacom(high, low);
        }
        let all = [
            (tool.has.tilt, Capability::Tilt),
            (tool.has.pressure, Capability::Pressure),
            (tool.has.distance, Capability::Distance),
            (tool.has.rotation, Capability::Rotation),
            (tool.has.slider, Capability::Slider),
            (tool.has.wheel, Capability::Wheel),
        ];
        all.into_iter().filter(|(has, _)| *has).for_each(|(_, what)| object.capability(what));
        object.done();
        self.tools.insert(id, Heard { object, entered: None, left: false });
    }

    pub(super) fn tablet_gone(&mut self, id: TabletId) {
        if let Some(object) = self.tablets.remove(&id) {
            object.removed();
        }
    }

    pub(super) fn tool_gone(&mut self, id: ToolId) {
        if let Some(heard) = self.tools.remove(&id) {
            heard.object.removed();
        }
    }

    pub(super) fn hears(&self, tool: ToolId, tablet: TabletId, surface: &ObjectId) -> bool {
        let tool = self.tools.get(&tool).filter(|t| t.object.id().same_client_as(surface));
        tool.is_some() && self.tablets.contains_key(&tablet)
    }

    pub(super) fn enter(
        &mut self,
        tool: ToolId,
        tablet: TabletId,
        surface: &WlSurface,
        serial: u32,
    ) {
        if self.hears(tool, tablet, &surface.id())
            && let Some(heard) = self.tools.get_mut(&tool)
            && let Some(tablet) = self.tablets.get(&tablet)
        {
            heard.object.proximity_in(serial, tablet, surface);
            (heard.entered, heard.left) = (Some(serial), false);
        }
    }

    /// The object for a tool that is over a surface of this client.
    fn entered(&mut self, tool: ToolId, surface: &ObjectId) -> Option<&mut Heard> {
        let heard = self.tools.get_mut(&tool)?;
        (heard.entered.is_some() && heard.object.id().same_client_as(surface)).then_some(heard)
    }

    pub(super) fn tell(&self, tool: ToolId, surface: &ObjectId, tell: impl Fn(&ToolObject)) {
        if let Some(heard) = self.tools.get(&tool)
            && heard.entered.is_some()
            && heard.object.id().same_client_as(surface)
        {
            tell(&heard.object);
        }
    }

    pub(super) fn leave(&mut self, tool: ToolId, surface: &ObjectId) {
        if let Some(heard) = self.entered(tool, surface) {
            heard.object.proximity_out();
            heard.left = true;
        }
    }

    pub(super) fn frame(&mut self, tool: ToolId, surface: &ObjectId, time: u32) {
        if let Some(heard) = self.entered(tool, surface) {
            heard.object.frame(time);
            if std::mem::take(&mut heard.left) {
                heard.entered = None;
            }
        }
    }

    pub(super) fn has_entered(&self, object: &ToolObject, serial: u32) -> bool {
        let mut tools = self.tools.values();
        tools.any(|heard| heard.object == *object && heard.entered == Some(serial))
    }

    /// A client destroyed the object by which it asked.
    pub(super) fn asks_no_more(&mut self, object: &SeatObject) {
        self.object.take_if(|own| own == object);
    }

    pub(super) fn forget_tablet(&mut self, object: &TabletObject) {
        self.tablets.retain(|_, tablet| tablet != object);
    }

    pub(super) fn forget_tool(&mut self, object: &ToolObject) {
        self.tools.retain(|_, heard| heard.object != *object);
    }

    /// Whether nothing comes any more.
    pub(super) fn is_silent(&self) -> bool {
        self.object.is_none() && self.tablets.is_empty() && self.tools.is_empty()
    }
}
