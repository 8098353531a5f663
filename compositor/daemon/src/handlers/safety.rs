//! Who may watch which port, and when a region is looked at.

use std::time::Duration;

use porthole_core::model::PortId;
use porthole_pixel::Size;
use smithay::{
    output::Output,
    reexports::{
        calloop::timer::{TimeoutAction, Timer},
        wayland_server::{Client, protocol::wl_output::WlOutput},
    },
};

use crate::{
    clock,
    ports::Ports,
    protocols::safety::{RegionKey, SafetyHandler, SafetyState, delegate_safety},
    sockets::socket_of,
    state::State,
};

fn may_watch(ports: &Ports, client: &Client, port: PortId) -> bool {
    let Some(port) = ports.get(port) else { return false };
    socket_of(client).is_some_and(|s| s.with_rights(|r| r.may_watch(&port.name)))
}

impl SafetyHandler for State {
    fn safety(&mut self) -> &mut SafetyState {
        &mut self.globals.safety
    }

    fn watched_port(&mut self, client: &Client, output: &WlOutput) -> Option<(PortId, Size, bool)> {
        let id = self.ports.of_output(&Output::from_resource(output)?)?;
        let size = self.ports.get(id)?.size;
        Some((id, size, may_watch(&self.ports, client, id)))
    }

    fn signature_wanted(&mut self, port: PortId) {
        self.damage_port(port);
    }

    fn look_after(&mut self, region: RegionKey, generation: u64, wait: Duration) {
        let timer =
            self.handle.insert_source(Timer::from_duration(wait), move |_, (), state| match state
                .globals
                .safety
                .look(region, generation, clock::now())
            {
                Some(left) => TimeoutAction::ToDuration(left),
                None => TimeoutAction::Drop,
            });
        if let Err(error) = timer {
            tracing::error!("no timer for a watched region: {error}");
        }
    }

    fn safety_now(&self) -> Duration {
        clock::now()
    }
}

impl State {
    /// Ends the regions for which a reload took the right away.
    pub(crate) fn stop_forbidden_watches(&mut self) {
        let ports = &self.ports;
        self.globals.safety.stop_unless(|client, port| may_watch(ports, client, port));
    }
}

delegate_safety!(State);
