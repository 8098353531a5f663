//! Who may give which port another size.

use std::collections::BTreeMap;

use porthole_core::{Name, config::ResizedBy};
use porthole_pixel::Size;
use smithay::reexports::wayland_server::Client;

use crate::{
    protocols::output_management::{
        HeadId, HeadInfo, OutputManagementHandler, OutputManagementState,
        delegate_output_management,
    },
    sockets::socket_of,
    state::State,
};

/// The sizes that viewers gave to ports, over those of the configuration.
pub(crate) type ViewerSizes = BTreeMap<Name, Size>;

impl OutputManagementHandler for State {
    fn output_management(&mut self) -> &mut OutputManagementState {
        &mut self.globals.output_management
    }

    fn heads_for(&self, client: &Client) -> Vec<HeadInfo> {
        let Some(socket) = socket_of(client) else { return Vec::new() };
        self.device
            .ports()
            .filter(|(_, port)| socket.with_rights(|rights| rights.may_resize(port.name.as_str())))
            .map(|(id, port)| {
                let physical = self.ports.get(id).map(|port| port.output.physical_properties());
                let (make, model) = physical.map(|p| (p.make, p.model)).unwrap_or_default();
                HeadInfo {
                    id,
                    name: port.name.to_string(),
                    description: format!("Porthole port {}", port.name),
                    make,
                    model,
                    size: port.mode.size,
                    millihertz: port.mode.refresh.millihertz(),
                    scale: port.mode.scale.factor(),
                }
            })
            .collect()
    }

    fn set_sizes(&mut self, client: &Client, sizes: &[(HeadId, Size)], apply: bool) -> bool {
        let mut wanted = self.viewer_sizes.clone();
        for (id, size) in sizes {
            let Some(port) = self.device.port(*id) else { return false };
            if port.mode.size == *size {
                continue;
            }
            let name = port.name.as_str();
            let led_by_viewers =
                self.config.port(name).is_some_and(|p| p.resized_by == ResizedBy::Viewers);
            let right =
                socket_of(client).is_some_and(|s| s.with_rights(|rights| rights.may_resize(name)));
            if !led_by_viewers || !right {
                return false;
            }
            wanted.insert(port.name.clone(), *size);
        }
        if wanted == self.viewer_sizes {
            return true;
        }
        self.resize_ports(wanted, apply)
    }
}

impl State {
    /// Tells those who manage outputs what changed.
    pub(crate) fn tell_outputs(&mut self) {
        let mut management = std::mem::take(&mut self.globals.output_management);
        let display = self.display.clone();
        management.changed::<Self>(&display, |client| self.heads_for(client));
        self.globals.output_management = management;
    }
}

delegate_output_management!(State);
