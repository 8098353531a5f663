//! `zwp_tablet_manager_v2`: pens and their tablets, for programs that ask for them.
//!
//! smithay's does not tell when a tablet or tool is gone, takes a seat that is gone for a mistake of the
//! service, and sends no frame where a pen comes and goes. Pads are not announced.

mod dispatch;
mod listener;

use std::collections::{BTreeMap, BTreeSet};

use porthole_core::{input::SeatId, pen::Tool};
use smithay::{
    input::pointer::CursorImageStatus,
    reexports::{
        wayland_protocols::wp::tablet::zv2::server::{
            zwp_tablet_manager_v2::ZwpTabletManagerV2 as Manager,
            zwp_tablet_tool_v2::ZwpTabletToolV2 as ToolObject,
            zwp_tablet_v2::ZwpTabletV2 as TabletObject,
        },
        wayland_server::{
            Dispatch, DisplayHandle, GlobalDispatch, Resource,
            protocol::{wl_seat::WlSeat, wl_surface::WlSurface},
        },
    },
};

use self::listener::Listener;

/// Version 2 only adds dials of pads.
const VERSION: u32 = 1;

/// How often a client may have asked for the tablets of seats at a time: each is told of all of them, and
/// of all that their pens do. What it asks for beyond that stays silent.
const MAX_LISTENERS: usize = 64;

/// A tablet of a seat. Numbers are never used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub(crate) struct TabletId(u64);

/// A tool of a seat. Numbers are never used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub(crate) struct ToolId(u64);

/// What programs are told of a tablet. Where its file is is not for them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct TabletInfo {
    pub(crate) name: String,
    /// Who made it, and the maker's number for it.
    pub(crate) id: (u32, u32),
}

#[derive(Debug)]
struct Tablet {
    seat: SeatId,
    info: TabletInfo,
}

#[derive(Debug)]
struct KnownTool {
    seat: SeatId,
    tool: Tool,
    /// Those that it was used on.
    tablets: BTreeSet<TabletId>,
}

/// What the compositor must answer.
pub(crate) trait TabletHandler {
    fn tablets(&mut self) -> &mut TabletState;
    /// The seat, unless it is gone.
    fn tablet_seat(&self, seat: &WlSeat) -> Option<SeatId>;
    /// Who has a pen says what it looks like.
    fn tool_cursor(&mut self, tool: ToolId, image: CursorImageStatus);
}

/// All tablets and tools, and all who hear of them.
#[derive(Debug, Default)]
pub(crate) struct TabletState {
    tablets: BTreeMap<TabletId, Tablet>,
    tools: BTreeMap<ToolId, KnownTool>,
    listeners: Vec<Listener>,
    next: u64,
}

impl TabletState {
    /// Announces the global.
    pub(crate) fn new<D>(display: &DisplayHandle) -> Self
    where
        D: GlobalDispatch<Manager, ()> + 'static,
    {
        display.create_global::<D, Manager, _>(VERSION, ());
        Self::default()
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// A seat has one more tablet.
    pub(crate) fn add_tablet<D>(
        &mut self,
        display: &DisplayHandle,
        seat: SeatId,
        info: TabletInfo,
    ) -> TabletId
    where
        D: Dispatch<TabletObject, ()> + 'static,
    {
        let id = TabletId(self.number());
        for listener in self.listeners.iter_mut().filter(|listener| listener.seat == seat) {
            listener.tell_tablet::<D>(display, id, &info);
        }
        self.tablets.insert(id, Tablet { seat, info });
        id
    }

    /// A tablet is gone, and with it the tools that were used on no other one. None of them is near it any
    /// more.
    pub(crate) fn remove_tablet(&mut self, id: TabletId) {
        self.tablets.remove(&id);
        let mut gone = Vec::new();
        for (tool, known) in &mut self.tools {
            if known.tablets.remove(&id) && known.tablets.is_empty() {
                gone.push(*tool);
            }
        }
        gone.into_iter().for_each(|tool| self.remove_tool(tool));
        self.listeners.iter_mut().for_each(|listener| listener.tablet_gone(id));
        self.forget_silent();
    }

    /// A tool of a tablet that is known: one with a number of its own may be used on all tablets of a seat.
    pub(crate) fn find_tool(&mut self, tablet: TabletId, tool: &Tool) -> Option<ToolId> {
        let seat = self.tablets.get(&tablet)?.seat;
        let (id, known) = self.tools.iter_mut().find(|(_, known)| {
            known.seat == seat
                && known.tool == *tool
                && (tool.serial.is_some() || known.tablets.contains(&tablet))
        })?;
        known.tablets.insert(tablet);
        Some(*id)
    }

    /// A tool is used on a tablet for the first time.
    pub(crate) fn add_tool<D>(
        &mut self,
        display: &DisplayHandle,
        tablet: TabletId,
        tool: Tool,
    ) -> Option<ToolId>
    where
        D: Dispatch<ToolObject, ToolId> + 'static,
    {
        let seat = self.tablets.get(&tablet)?.seat;
        let id = ToolId(self.number());
        for listener in self.listeners.iter_mut().filter(|listener| listener.seat == seat) {
            listener.tell_tool::<D>(display, id, &tool);
        }
        self.tools.insert(id, KnownTool { seat, tool, tablets: [tablet].into() });
        Some(id)
    }

    /// The tools of a seat, the oldest first.
    pub(crate) fn tools_of(&self, seat: SeatId) -> impl Iterator<Item = ToolId> {
        self.tools.iter().filter(move |(_, tool)| tool.seat == seat).map(|(id, _)| *id)
    }

    /// A tool is not known any more. Nobody has it.
    pub(crate) fn remove_tool(&mut self, id: ToolId) {
        self.tools.remove(&id);
        self.listeners.iter_mut().for_each(|listener| listener.tool_gone(id));
        self.forget_silent();
    }

    /// A seat is gone.
    pub(crate) fn remove_seat(&mut self, seat: SeatId) {
        let of_seat = self.tablets.iter().filter(|(_, tablet)| tablet.seat == seat);
        let tablets: Vec<TabletId> = of_seat.map(|(id, _)| *id).collect();
        tablets.into_iter().for_each(|tablet| self.remove_tablet(tablet));
    }

    /// Whether the program of a surface hears of a tool on a tablet.
    pub(crate) fn hears(&self, tool: ToolId, tablet: TabletId, surface: &WlSurface) -> bool {
        self.listeners.iter().any(|listener| listener.hears(tool, tablet, &surface.id()))
    }

    /// A tool is over a surface from now on.
    pub(crate) fn enter(&mut self, tool: ToolId, tablet: TabletId, on: &WlSurface, serial: u32) {
        for listener in &mut self.listeners {
            listener.enter(tool, tablet, on, serial);
        }
    }

    /// Tells the program of a surface something about the tool that is over it.
    pub(crate) fn tell(&self, tool: ToolId, on: &WlSurface, tell: impl Fn(&ToolObject)) {
        for listener in &self.listeners {
            listener.tell(tool, &on.id(), &tell);
        }
    }

    /// A tool is not over a surface any more. The frame comes after that.
    pub(crate) fn leave(&mut self, tool: ToolId, on: &WlSurface) {
        for listener in &mut self.listeners {
            listener.leave(tool, &on.id());
        }
    }

    /// What was told belongs together.
    pub(crate) fn frame(&mut self, tool: ToolId, on: &WlSurface, time: u32) {
        for listener in &mut self.listeners {
            listener.frame(tool, &on.id(), time);
        }
    }

    /// Whether a tool is over a surface of an object's client since the event of this number.
    pub(crate) fn has_entered(&self, object: &ToolObject, serial: u32) -> bool {
        self.listeners.iter().any(|listener| listener.has_entered(object, serial))
    }

    fn forget_silent(&mut self) {
        self.listeners.retain(|listener| !listener.is_silent());
    }
}

pub(crate) use dispatch::delegate_tablet;
