//! Whose pictures a frame shows, for the accounts; and which ports are drawn first.

use std::sync::Arc;

use porthole_core::{
    Name, Priority,
    account::Counter,
    config::Content,
    model::{PipelineId, PortId},
    plan::Draw,
};

use crate::{accounts::SocketAccount, clock, scene::Scene, state::State};

/// Bytes of a pixel of a port's picture.
const PIXEL_BYTES: u64 = 4;

/// The socket of a stream.
pub(crate) const fn socket_name(content: &Content) -> &Name {
    match content {
        Content::Guest { guest, .. } => guest,
        Content::App { socket, .. } => socket,
    }
}

impl State {
    /// The account of whom a layer shows.
    pub(crate) fn account_of(&self, layer: PipelineId) -> Option<&Arc<SocketAccount>> {
        self.sockets.account(socket_name(self.device.stream_of(layer)?))
    }

    /// How much a layer matters: as much as whom it shows.
    pub(crate) fn priority_of(&self, layer: PipelineId) -> Priority {
        self.account_of(layer).map(|account| account.priority()).unwrap_or_default()
    }

    /// How much a port matters: as much as the layer on it that matters most.
    pub(crate) fn port_priority(&self, id: PortId) -> Priority {
        let layers = self.device.layers_of(id);
        layers.iter().map(|(layer, _)| self.priority_of(*layer)).max().unwrap_or_default()
    }

    /// A frame is planned: counts the pictures that are new in it, and what is painted of each layer.
    pub(super) fn count_frame(&mut self, id: PortId, scene: &Scene, draws: &[Draw]) {
        let now = clock::now();
        let Some(port) = self.ports.get_mut(id) else { return };
        let before = std::mem::replace(&mut port.planned, now);
        // A picture waits for the next tick, a period at most, and the ticks may be put off a little.
        let patience = port.period() + port.period() / 4;
        for (layer, came) in &scene.came {
            // What came before the last frame and is not in it was hidden, or put off. Who was suspended with
            // the machine is not late.
            let late = *came >= before && now.saturating_sub(*came) > patience;
            let late = late && !self.ports.sleeps.since(*came);
            let Some(account) = self.account_of(*layer) else { continue };
            account.count_all(&[(Counter::Shown, 1), (Counter::Late, late.into())]);
        }
        for (layer, pixels) in scene.drawn(draws) {
            if let Some(account) = self.account_of(layer) {
                account.count(Counter::ComposedBytes, pixels * PIXEL_BYTES);
            }
        }
    }
}
