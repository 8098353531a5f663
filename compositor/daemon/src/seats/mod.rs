//! Seats: where each pointer is, who has each keyboard.
//!
//! Every port has a seat of its own, named like it, for whoever is in front of it and for tools that
//! know nothing of seats. A client that may send input makes a seat for each person it stands for
//! (`ext-transient-seat-v1`): pointer, keyboard focus, keymap, clipboard and cursor are that person's.

mod activation;
mod constraint;
mod escape;
mod keyboard;
mod pen;
mod pointer;
mod touch;
mod typing;

use std::{collections::BTreeMap, fmt, sync::Arc};

use porthole_core::{
    Name,
    config::{Keymap, Repeat},
    input::{Held, KeyboardFocus, SeatId},
    model::PortId,
    scene::Point,
};
use smithay::{
    input::{
        Seat, SeatState,
        pointer::{AxisFrame, CursorImageStatus},
    },
    reexports::{
        calloop::timer::{TimeoutAction, Timer},
        wayland_server::{
            DisplayHandle, Resource,
            backend::{ClientId, GlobalHandler, GlobalId, InvalidId},
            protocol::{wl_seat::WlSeat, wl_surface::WlSurface},
        },
    },
    utils::SERIAL_COUNTER,
    wayland::selection::{
        data_device::clear_data_device_selection, primary_selection::clear_primary_selection,
    },
};

use crate::{
    clock, drag::DragIcon, ports::LINGER, protocols::virtual_keyboard::DeviceKeymap, state::State,
};
use escape::Escape;
pub(crate) use pen::PenInput;
use pen::Pens;
use touch::Fingers;

/// The version of `wl_seat` that smithay speaks.
const VERSION: u32 = 9;

/// Seats that clients may have made at a time, all together: every program and guest is told of each.
const MAX_TRANSIENT: usize = 64;

/// Seats that are gone and linger, at a time. All programs and guests hear of every seat that comes and
/// goes: who makes and destroys them without end is denied for a while.
const MAX_LINGERING: usize = 256;

/// Whose a seat is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Owner {
    /// A port's own seat.
    Port,
    /// A client made it for one person.
    Client(ClientId),
    /// It is for some of the machine's own devices.
    Machine,
}

/// One seat.
#[derive(Debug)]
pub(crate) struct OneSeat {
    pub(crate) seat: Seat<State>,
    pub(crate) owner: Owner,
    global: Announced,
    /// The port that it is at; a transient seat may be nowhere yet.
    pub(crate) port: Option<PortId>,
    /// The pointer, in port pixels; nowhere until something moves it.
    at: Option<Point>,
    /// Where it is in the surface under it, as that was told.
    told: Option<Point>,
    /// Where its absolute pointing device is, in port pixels.
    device: Option<Point>,
    focus: KeyboardFocus,
    /// The guest that alone hears of it.
    only: Option<Name>,
    /// The socket of the client whose it is.
    socket: Option<Name>,
    keymap: Keymap,
    /// The layout of the keyboard that was used last, for programs.
    layout: Option<Keymap>,
    /// A keymap that a program has instead of this one.
    lent: Option<typing::Lent>,
    keys: Held,
    buttons: Held,
    fingers: Fingers,
    pens: Pens,
    escape: Escape,
    /// Scrolling since the last frame event.
    axis: Option<AxisFrame>,
    /// What the focused client wants the pointer to look like.
    pub(crate) cursor: CursorImageStatus,
    /// What goes with it.
    pub(crate) dragged: Option<DragIcon>,
}

impl OneSeat {
    /// The pointer, in port pixels.
    pub(crate) const fn at(&self) -> Option<Point> {
        self.at
    }

    /// The surfaces that have one of its pens.
    pub(crate) fn pen_surfaces(&self) -> impl Iterator<Item = &WlSurface> {
        self.pens.surfaces()
    }

    /// The keys that it holds.
    pub(crate) const fn keys(&self) -> &Held {
        &self.keys
    }

    /// Nothing holds its pointer: a person took it back.
    pub(crate) const fn is_free(&self) -> bool {
        self.escape.free
    }

    /// The pointer's hot spot in whole port pixels.
    pub(crate) fn position(&self) -> Option<(i32, i32)> {
        #[expect(clippy::cast_possible_truncation, reason = "the cast saturates, which is wanted")]
        self.at.map(|p| (p.x.floor() as i32, p.y.floor() as i32))
    }
}

/// A seat's global, and what announces it again.
#[derive(Clone)]
struct Announced {
    id: GlobalId,
    handler: Arc<dyn GlobalHandler<State>>,
}

impl fmt::Debug for Announced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Announced").field(&self.id).finish()
    }
}

/// All seats.
#[derive(Debug)]
pub(crate) struct Seats {
    pub(crate) state: SeatState<State>,
    by_id: BTreeMap<SeatId, OneSeat>,
    next: u64,
    /// How many seats that are gone can still be bound.
    lingering: usize,
    /// Clients that asked in this turn for touch screens.
    late: Vec<(SeatId, ClientId)>,
    /// Seats that are gone, by name: smithay never forgets one, so a name gets its old one again.
    parked: BTreeMap<String, (Seat<State>, Announced)>,
    /// Keymaps as programs are told them.
    told_keymaps: Vec<(Keymap, Arc<DeviceKeymap>)>,
    /// How programs are to repeat held keys.
    repeat: Repeat,
    /// The layout of keyboards for programs, where a keyboard has no other.
    layout: Keymap,
}

impl Seats {
    pub(crate) const fn new(state: SeatState<State>, repeat: Repeat, layout: Keymap) -> Self {
        Self {
            state,
            by_id: BTreeMap::new(),
            next: 0,
            lingering: 0,
            late: Vec::new(),
            parked: BTreeMap::new(),
            told_keymaps: Vec::new(),
            repeat,
            layout,
        }
    }

    /// Makes a seat without any devices and announces it.
    fn open(
        &mut self,
        display: &DisplayHandle,
        name: &str,
        owner: Owner,
        port: Option<PortId>,
    ) -> Result<SeatId, InvalidId> {
        let backend = display.backend_handle();
        let (seat, global) = match self.parked.remove(name) {
            Some((seat, Announced { handler, .. })) => {
                let id = backend.create_global(WlSeat::interface(), VERSION, handler.clone());
                (seat, Announced { id, handler })
            }
            None => {
                let seat = self.state.new_wl_seat(display, name);
                let id = seat.global().ok_or(InvalidId)?;
                let handler = backend.get_global_handler::<State>(id.clone())?;
                (seat, Announced { id, handler })
            }
        };
        self.next += 1;
        let id = SeatId(self.next);
        let seat = OneSeat {
            seat,
            owner,
            global,
            port,
            at: None,
            told: None,
            device: None,
            focus: KeyboardFocus::default(),
            only: None,
            socket: None,
            keymap: Keymap::default(),
            layout: None,
            lent: None,
            keys: Held::default(),
            buttons: Held::default(),
            fingers: Fingers::default(),
            pens: Pens::default(),
            escape: Escape::default(),
            axis: None,
            cursor: CursorImageStatus::default_named(),
            dragged: None,
        };
        self.by_id.insert(id, seat);
        Ok(id)
    }

    /// Makes the seat of a port, with its name and a keyboard and pointer, and announces it.
    pub(crate) fn add_port(&mut self, display: &DisplayHandle, port: PortId, name: &str) {
        match self.open(display, name, Owner::Port, Some(port)) {
            Ok(id) => {
                self.want_keyboard(id);
                self.want_pointer(id);
            }
            Err(_) => tracing::error!("seat '{name}' cannot be announced"),
        }
    }

    /// Makes a seat for a client of a socket, unless there are too many. Its name is the first of `base` with
    /// a number that no seat has.
    pub(crate) fn add_transient(
        &mut self,
        display: &DisplayHandle,
        base: &str,
        (socket, owner): (&Name, ClientId),
    ) -> Option<(SeatId, GlobalId)> {
        let is_transient = |s: &&OneSeat| matches!(s.owner, Owner::Client(_));
        let transient = self.by_id.values().filter(is_transient).count();
        if transient >= MAX_TRANSIENT || self.lingering >= MAX_LINGERING {
            let gone = self.lingering;
            tracing::warn!(
                socket = socket.as_str(),
                "a seat '{base}-N' is denied: {transient} are there, {gone} just went"
            );
            return None;
        }
        let names = (1..).map(|n: u32| format!("{base}-{n}"));
        let name = names.into_iter().find(|n| self.by_id.values().all(|s| s.seat.name() != n))?;
        let id = self.open(display, &name, Owner::Client(owner), None).ok()?;
        tracing::info!(socket = socket.as_str(), "seat '{name}' is there");
        let seat = self.get_mut(id)?;
        seat.socket = Some(socket.clone());
        Some((id, seat.global.id.clone()))
    }

    /// Makes a seat for devices of the machine, with a keyboard and a pointer; if `only` is given, one
    /// guest alone hears of it.
    pub(crate) fn add_machine(
        &mut self,
        display: &DisplayHandle,
        name: &str,
        only: Option<Name>,
    ) -> Option<SeatId> {
        let id = self.open(display, name, Owner::Machine, None).ok()?;
        if let Some(seat) = self.get_mut(id) {
            seat.only = only;
        }
        self.want_keyboard(id);
        self.want_pointer(id);
        tracing::info!("seat '{name}' is there");
        Some(id)
    }

    pub(crate) fn get(&self, id: SeatId) -> Option<&OneSeat> {
        self.by_id.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: SeatId) -> Option<&mut OneSeat> {
        self.by_id.get_mut(&id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (SeatId, &OneSeat)> {
        self.by_id.iter().map(|(id, seat)| (*id, seat))
    }

    /// What seats drag.
    pub(crate) fn dragged_mut(&mut self) -> impl Iterator<Item = &mut DragIcon> {
        self.by_id.values_mut().filter_map(|seat| seat.dragged.as_mut())
    }

    /// The seats that are at a port.
    pub(crate) fn at_port(&self, port: PortId) -> Vec<SeatId> {
        self.iter().filter(|(_, s)| s.port == Some(port)).map(|(id, _)| id).collect()
    }

    /// The port's own seat.
    pub(crate) fn of_port(&self, port: PortId) -> Option<SeatId> {
        let mut seats = self.iter();
        seats.find(|(_, s)| s.owner == Owner::Port && s.port == Some(port)).map(|(id, _)| id)
    }

    pub(crate) fn id_of(&self, seat: &Seat<State>) -> Option<SeatId> {
        self.iter().find(|(_, s)| s.seat == *seat).map(|(id, _)| id)
    }

    /// The port that a seat is at.
    pub(crate) fn port_of(&self, seat: &Seat<State>) -> Option<PortId> {
        self.get(self.id_of(seat)?)?.port
    }
}

impl State {
    /// A seat goes: everything that it held is released, and clients are told.
    pub(crate) fn remove_seat(&mut self, id: SeatId) {
        self.leave_port(id);
        let Some(mut gone) = self.seats.by_id.remove(&id) else { return };
        self.globals.tablets.remove_seat(id);
        let touched = self.globals.capture.cursor_gone(id);
        self.pointer_touched(&touched);
        // The next person may get this seat again, and is not to find what this one copied.
        clear_data_device_selection(&self.display, &gone.seat);
        clear_primary_selection(&self.display, &gone.seat);
        gone.seat.remove_keyboard();
        gone.seat.remove_pointer();
        gone.seat.remove_touch();
        self.display.disable_global::<Self>(gone.global.id.clone());
        let global = gone.global.id.clone();
        let timer = self.handle.insert_source(Timer::from_duration(LINGER), move |_, (), state| {
            state.display.remove_global::<Self>(global.clone());
            state.seats.lingering -= 1;
            TimeoutAction::Drop
        });
        match timer {
            Ok(_) => self.seats.lingering += 1,
            Err(_) => self.display.remove_global::<Self>(gone.global.id.clone()),
        }
        let socket = gone.socket.as_ref().map(Name::as_str);
        tracing::info!(socket, "seat '{}' is gone", gone.seat.name());
        self.seats.parked.insert(gone.seat.name().to_owned(), (gone.seat, gone.global));
    }

    /// A port goes: its seat too, and the seats that are at it are nowhere.
    pub(crate) fn remove_seats_of(&mut self, port: PortId) {
        for id in self.seats.at_port(port) {
            if self.seats.of_port(port) == Some(id) {
                self.remove_seat(id);
            } else {
                self.leave_port(id);
            }
        }
    }

    /// Releases all that a seat holds, and takes its pointer and keyboard away from everybody.
    pub(crate) fn leave_port(&mut self, id: SeatId) {
        let Some(seat) = self.seats.get_mut(id) else { return };
        let (keys, buttons) = (seat.keys.release_all(), seat.buttons.release_all());
        let kept = std::mem::take(&mut seat.escape).kept;
        let keys = keys.into_iter().filter(|code| !kept.contains(code));
        keys.for_each(|code| self.send_key(id, code, false));
        if !buttons.is_empty() {
            buttons.into_iter().for_each(|code| self.send_button(id, code, false));
            self.pointer_frame(id);
        }
        self.lift_fingers(id, |_| true);
        self.pens_leave(id, |_| true);
        let Some(seat) = self.seats.get_mut(id) else { return };
        let port = seat.port.take();
        seat.at = None;
        seat.dragged = None;
        seat.focus = KeyboardFocus::default();
        let (seat, keyboard, pointer) =
            (seat.seat.clone(), seat.seat.get_keyboard(), seat.seat.get_pointer());
        self.globals.desktop.grabs.dismiss(&seat);
        if let Some(keyboard) = keyboard {
            keyboard.set_focus(self, None, SERIAL_COUNTER.next_serial());
        }
        if let Some(pointer) = pointer {
            pointer.unset_grab(self, SERIAL_COUNTER.next_serial(), clock::milliseconds());
            self.point_nowhere(&pointer);
        }
        self.cursor_moved(id);
        if let Some(port) = port {
            self.serve_captures(port);
        }
    }

    /// A seat that is nowhere is at this port from now on.
    pub(crate) fn join_port(&mut self, id: SeatId, port: PortId) {
        if let Some(seat) = self.seats.get_mut(id)
            && seat.port.is_none()
        {
            seat.port = Some(port);
            self.refresh_keyboard_focus(id, port);
        }
    }
}
