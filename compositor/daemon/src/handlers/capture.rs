//! Who may capture which port.

use porthole_core::model::PortId;
use porthole_pixel::Size;
use smithay::{
    input::pointer::PointerHandle,
    output::Output,
    reexports::wayland_server::{
        Client,
        protocol::{wl_output::WlOutput, wl_pointer::WlPointer},
    },
};

use crate::{
    ports::Ports,
    protocols::capture::{CaptureHandler, CaptureState, SourceId, delegate_capture},
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

    /// Stops captures for which a reload took the right away.
    pub(crate) fn stop_forbidden_captures(&mut self) {
        let mut capture = std::mem::take(&mut self.globals.capture);
        capture.stop_unless(|client, port| self.may_capture(client, port));
        self.globals.capture = capture;
    }
}

impl CaptureHandler for State {
    fn capture_state(&mut self) -> &mut CaptureState {
        &mut self.globals.capture
    }

    fn source_of_output(&mut self, client: &Client, output: &WlOutput) -> Option<SourceId> {
        let id = self.port_of_output(output)?;
        self.may_capture(client, id).then_some(id)
    }

    fn source_size(&mut self, source: SourceId) -> Option<Size> {
        self.ports.get(source).map(|port| port.size)
    }

    fn source_of_pointer(&mut self, pointer: &WlPointer) -> Option<SourceId> {
        let handle = PointerHandle::<Self>::from_resource(pointer)?;
        self.ports.iter().map(|(id, _)| id).find(|id| {
            self.seats.get(*id).and_then(|s| s.seat.get_pointer()).is_some_and(|p| p == handle)
        })
    }

    fn capture_wanted(&mut self, source: SourceId) {
        self.serve_captures(source);
    }
}

delegate_capture!(State);
