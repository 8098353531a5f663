//! Who may send input to which seat, and whose seats there are.

use std::sync::Arc;

use porthole_core::{input::SeatId, model::PortId, rights::SocketRights};
use smithay::{
    input::Seat,
    reexports::wayland_server::{
        Client,
        backend::GlobalId,
        protocol::{wl_output::WlOutput, wl_seat::WlSeat},
    },
};

use crate::{
    protocols::{
        transient_seat::{TransientSeatHandler, delegate_transient_seat},
        virtual_keyboard::{
            DeviceKeymap, Modifiers, Typed, VirtualKeyboardHandler, delegate_virtual_keyboard,
        },
        virtual_pointer::{PointerInput, VirtualPointerHandler, delegate_virtual_pointer},
        virtual_touch::{TouchInput, VirtualTouchHandler, delegate_virtual_touch},
    },
    seats::Owner,
    sockets::socket_of,
    state::State,
};

impl State {
    pub(super) fn seat_id(&self, seat: &WlSeat) -> Option<SeatId> {
        self.seats.id_of(&Seat::from_resource(seat)?)
    }

    fn may_input(&self, client: &Client, port: PortId) -> bool {
        let port = self.ports.get(port);
        port.is_some_and(|p| {
            socket_of(client).is_some_and(|s| s.with_rights(|r| r.may_input(&p.name)))
        })
    }

    /// Whether a client may send input through a seat: where the seat is, or where it is nowhere yet
    /// and the client made it.
    pub(super) fn may_use(&self, client: &Client, seat: SeatId) -> bool {
        let Some(seat) = self.seats.get(seat) else { return false };
        match seat.port {
            Some(port) => self.may_input(client, port),
            None => {
                seat.owner == Owner::Client(client.id())
                    && socket_of(client).is_some_and(|s| s.with_rights(SocketRights::may_input_any))
            }
        }
    }

    /// The seat for a pointing device of this seat and output. A port's own seat stays with its port,
    /// so there the output decides; a transient seat goes to the output's port, and stays there.
    pub(super) fn pointing_seat(
        &mut self,
        client: &Client,
        seat: Option<&WlSeat>,
        output: Option<&WlOutput>,
    ) -> Option<SeatId> {
        let port = output.and_then(|output| self.port_of_output(output));
        let seat = seat.and_then(|seat| self.seat_id(seat));
        let transient = seat
            .filter(|id| self.seats.get(*id).is_some_and(|s| matches!(s.owner, Owner::Client(_))));
        if let Some(id) = transient {
            if let Some(port) = port.filter(|port| self.may_input(client, *port))
                && self.may_use(client, id)
            {
                self.join_port(id, port);
            }
            let at = self.seats.get(id).and_then(|s| s.port);
            return (port.is_none() || port == at).then_some(id);
        }
        match (port, output, seat) {
            (Some(port), ..) => self.seats.of_port(port),
            // The output is gone.
            (None, Some(_), _) => None,
            (None, None, Some(seat)) => Some(seat),
            // Neither is named: right where there is one port only.
            (None, None, None) => {
                let mut ports = self.ports.iter().map(|(id, _)| id);
                let port = ports.next().filter(|_| ports.next().is_none())?;
                self.seats.of_port(port)
            }
        }
    }

    /// The port to which alone a client may send input.
    fn only_port(&self, client: &Client) -> Option<PortId> {
        let mut ports =
            self.ports.iter().map(|(id, _)| id).filter(|id| self.may_input(client, *id));
        ports.next().filter(|_| ports.next().is_none())
    }
}

impl VirtualKeyboardHandler for State {
    fn keyboard_seat(&mut self, client: &Client, seat: &WlSeat) -> Option<SeatId> {
        let id = self.seat_id(seat).filter(|id| self.may_use(client, *id))?;
        self.add_keyboard(id);
        Some(id)
    }

    fn may_type(&mut self, client: &Client, seat: SeatId) -> bool {
        self.may_use(client, seat)
    }

    fn virtual_key(&mut self, seat: SeatId, code: u32, pressed: bool) {
        self.key(seat, code, pressed);
    }

    fn is_another_keymap(&mut self, seat: SeatId, keymap: &DeviceKeymap) -> bool {
        self.seats.told_keymap(seat).is_none_or(|seats| seats.text() != keymap.text())
    }

    fn typed(
        &mut self,
        seat: SeatId,
        keymap: &Arc<DeviceKeymap>,
        modifiers: Modifiers,
        what: Typed,
    ) -> bool {
        self.type_key(seat, keymap, modifiers, what)
    }

    fn keymap_gone(&mut self, seat: SeatId, keymap: &Arc<DeviceKeymap>) {
        self.keymap_unused(seat, keymap);
    }
}

impl VirtualPointerHandler for State {
    fn pointer_seat(
        &mut self,
        client: &Client,
        seat: Option<&WlSeat>,
        output: Option<&WlOutput>,
    ) -> Option<SeatId> {
        let id = self.pointing_seat(client, seat, output)?;
        if !self.may_use(client, id) {
            return None;
        }
        self.add_pointer(id);
        Some(id)
    }

    fn may_point(&mut self, client: &Client, seat: SeatId) -> bool {
        self.may_use(client, seat)
    }

    fn virtual_pointer(&mut self, seat: SeatId, input: PointerInput) {
        self.pointer_input(seat, input);
    }
}

impl VirtualTouchHandler for State {
    fn touch_seat(
        &mut self,
        client: &Client,
        seat: Option<&WlSeat>,
        output: &WlOutput,
    ) -> Option<SeatId> {
        let id = self.pointing_seat(client, seat, Some(output))?;
        if !self.may_use(client, id) {
            return None;
        }
        self.add_touch(id);
        Some(id)
    }

    fn may_touch(&mut self, client: &Client, seat: SeatId) -> bool {
        self.may_use(client, seat)
    }

    fn virtual_touch(&mut self, seat: SeatId, input: TouchInput) {
        self.touch_input(seat, input);
    }
}

impl TransientSeatHandler for State {
    fn create_transient_seat(&mut self, client: &Client) -> Option<(SeatId, GlobalId)> {
        let socket = socket_of(client)?.name.clone();
        let port = self.only_port(client);
        let name = match port.and_then(|port| self.ports.get(port)) {
            Some(port) => format!("{}/{socket}", port.name),
            None => socket.to_string(),
        };
        let made = self.seats.add_transient(&self.display, &name, (&socket, client.id()))?;
        if let Some(port) = port {
            self.join_port(made.0, port);
        }
        Some(made)
    }

    fn transient_seat_destroyed(&mut self, seat: SeatId) {
        self.remove_seat(seat);
    }
}

delegate_transient_seat!(State);
delegate_virtual_keyboard!(State);
delegate_virtual_pointer!(State);
delegate_virtual_touch!(State);
