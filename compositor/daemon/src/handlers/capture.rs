//! Who may capture which port and which toplevel.

use porthole_core::{input::SeatId, model::PortId};
use porthole_pixel::Size;
use smithay::{
    input::pointer::PointerHandle,
    output::Output,
    reexports::{
        wayland_protocols::ext::foreign_toplevel_list::v1::server::ext_foreign_toplevel_handle_v1::ExtForeignToplevelHandleV1 as Handle,
        wayland_server::{
            Client,
            protocol::{wl_output::WlOutput, wl_pointer::WlPointer},
        },
    },
};

use crate::{
    ports::Ports,
    protocols::{
        capture::{CaptureHandler, CaptureState, SourceId, delegate_capture},
        foreign_toplevel::ForeignToplevelHandler,
    },
    sockets::socket_of,
    state::State,
};

impl State {
    /// The port behind a client's output object.
    pub(crate) fn port_of_output(&self, output: &WlOutput) -> Option<PortId> {
        self.ports.of_output(&Output::from_resource(output)?)
    }
}

/// Whether a client's socket has the right to capture a port.
pub(super) fn may_capture(ports: &Ports, client: &Client, port: PortId) -> bool {
    let Some(port) = ports.get(port) else { return false };
    socket_of(client).is_some_and(|s| s.with_rights(|r| r.may_capture(&port.name)))
}

impl State {
    pub(super) fn may_capture(&self, client: &Client, port: PortId) -> bool {
        may_capture(&self.ports, client, port)
    }

    /// The port on which a source shows.
    fn port_of_source(&self, source: SourceId) -> Option<PortId> {
        match source {
            SourceId::Port(port) => Some(port),
            SourceId::Toplevel(toplevel) => self.port_of_toplevel(toplevel),
        }
    }

    /// Stops captures for which a reload took the right away.
    pub(crate) fn stop_forbidden_captures(&mut self) {
        let mut capture = std::mem::take(&mut self.globals.capture);
        capture.stop_unless(|client, source| {
            self.port_of_source(source).is_some_and(|port| self.may_capture(client, port))
        });
        self.globals.capture = capture;
        let mut screencopy = std::mem::take(&mut self.globals.screencopy);
        screencopy.stop_unless(|client, port| self.may_capture(client, port));
        self.globals.screencopy = screencopy;
    }
}

impl CaptureHandler for State {
    fn capture_state(&mut self) -> &mut CaptureState {
        &mut self.globals.capture
    }

    fn source_of_output(&mut self, client: &Client, output: &WlOutput) -> Option<SourceId> {
        let id = self.port_of_output(output)?;
        self.may_capture(client, id).then_some(SourceId::Port(id))
    }

    fn source_of_toplevel(&mut self, client: &Client, handle: &Handle) -> Option<SourceId> {
        let id = self.globals.foreign_toplevels.of_handle(handle)?;
        self.may_know(client, id).then_some(SourceId::Toplevel(id))
    }

    fn source_size(&mut self, source: SourceId) -> Option<Size> {
        match source {
            SourceId::Port(port) => self.ports.get(port).map(|port| port.size),
            SourceId::Toplevel(toplevel) => self.toplevel_size(toplevel),
        }
    }

    fn seat_of_pointer(&mut self, pointer: &WlPointer) -> Option<SeatId> {
        let handle = PointerHandle::<Self>::from_resource(pointer)?;
        let mut seats = self.seats.iter();
        seats.find(|(_, s)| s.seat.get_pointer().as_ref() == Some(&handle)).map(|(id, _)| id)
    }

    fn capture_wanted(&mut self, source: SourceId) {
        if let SourceId::Toplevel(toplevel) = source {
            self.toplevel_captured(toplevel);
        }
        if let Some(port) = self.port_of_source(source) {
            self.serve_captures(port);
        }
    }
}

delegate_capture!(State);
