//! Who may send input to which port.

use porthole_core::model::PortId;
use smithay::{
    input::Seat,
    reexports::wayland_server::{
        Client,
        protocol::{wl_output::WlOutput, wl_seat::WlSeat},
    },
};

use crate::{
    protocols::{
        virtual_keyboard::{VirtualKeyboardHandler, delegate_virtual_keyboard},
        virtual_pointer::{PointerInput, VirtualPointerHandler, delegate_virtual_pointer},
    },
    sockets::socket_of,
    state::State,
};

impl State {
    fn port_of_seat(&self, seat: &WlSeat) -> Option<PortId> {
        self.seats.port_of(&Seat::from_resource(seat)?)
    }

    fn may_input(&self, client: &Client, port: PortId) -> bool {
        let port = self.ports.get(port);
        port.is_some_and(|p| {
            socket_of(client).is_some_and(|s| s.with_rights(|r| r.may_input(&p.name)))
        })
    }
}

impl VirtualKeyboardHandler for State {
    fn keyboard_port(&mut self, client: &Client, seat: &WlSeat) -> Option<PortId> {
        self.port_of_seat(seat).filter(|port| self.may_input(client, *port))
    }

    fn may_type(&mut self, client: &Client, port: PortId) -> bool {
        self.may_input(client, port)
    }

    fn virtual_key(&mut self, port: PortId, code: u32, pressed: bool) {
        self.key(port, code, pressed);
    }
}

impl VirtualPointerHandler for State {
    fn pointer_port(
        &mut self,
        client: &Client,
        seat: Option<&WlSeat>,
        output: Option<&WlOutput>,
    ) -> Option<PortId> {
        let port = match (output, seat) {
            (Some(output), _) => self.port_of_output(output),
            (None, Some(seat)) => self.port_of_seat(seat),
            // Neither is named: right where there is one port only.
            (None, None) => {
                let mut ports = self.ports.iter().map(|(id, _)| id);
                ports.next().filter(|_| ports.next().is_none())
            }
        };
        port.filter(|port| self.may_input(client, *port))
    }

    fn may_point(&mut self, client: &Client, port: PortId) -> bool {
        self.may_input(client, port)
    }

    fn virtual_pointer(&mut self, port: PortId, input: PointerInput) {
        self.pointer_input(port, input);
    }
}

delegate_virtual_keyboard!(State);
delegate_virtual_pointer!(State);
