//! What the devices of guests are told of the layout, and what they say of their guests.

use std::{collections::BTreeSet, time::Duration};

use porthole_core::model::PortId;
use porthole_pixel::Size;
use smithay::{
    reexports::wayland_server::protocol::wl_surface::WlSurface,
    wayland::shell::xdg::ToplevelSurface,
};

use crate::{
    clock,
    protocols::{
        capture::SourceId,
        foreign_toplevel::ToplevelId,
        stream::{Change, StreamHandler, StreamState, Wanted, delegate_stream},
    },
    state::State,
    surfaces::content_ids,
};

impl StreamHandler for State {
    fn stream_state(&mut self) -> &mut StreamState {
        &mut self.globals.desktop.streams
    }

    fn stream_now(&self) -> Duration {
        clock::now()
    }

    fn new_stream(&mut self, surface: &WlSurface) {
        let toplevels = self.globals.xdg_shell.toplevel_surfaces();
        let toplevel = toplevels.iter().find(|t| t.wl_surface() == surface).cloned();
        if let Some(toplevel) = toplevel.filter(ToplevelSurface::is_initial_configure_sent) {
            self.configure_stream(&toplevel);
            // Whether it is seen is found out with the next frame.
            if let Some(port) = self.port_showing(surface) {
                self.damage_port(port);
            }
        }
    }

    fn stream_changed(&mut self, surface: &WlSurface, what: Change) {
        let Some(report) = self.globals.desktop.streams.report(surface).copied() else { return };
        let layer = self.windows.layer_of(surface).map(|layer| self.layer_name(layer));
        if matches!(what, Change::Heartbeat | Change::Rate) {
            self.heard_of(surface);
        }
        if what == Change::State {
            self.globals.wfd.changed();
            tracing::info!(layer, "the guest is {:?}", report.state);
        } else {
            tracing::debug!(layer, ?what, ?report, "a stream reports");
        }
    }

    fn stream_gone(&mut self, _: &WlSurface) {}
}

impl State {
    fn port_showing(&self, surface: &WlSurface) -> Option<PortId> {
        Some(self.device.pipeline(self.windows.layer_of(surface)?)?.port)
    }

    /// Tells a toplevel's stream, if it has one, what the layout wants.
    pub(crate) fn configure_stream(&mut self, toplevel: &ToplevelSurface) {
        let surface = toplevel.wl_surface();
        let layer = self.windows.layer_of(surface).and_then(|id| self.device.pipeline(id));
        let wanted = layer.and_then(|layer| {
            let port = self.ports.get(layer.port)?;
            let turned = self.device.port(layer.port)?.transform.swaps_sides();
            let (port_size, port_mm) = (port.size, port.millimetres());
            // As the layer lies on the port before the port turns it, and then as the guest draws it.
            let (port_size, port_mm) = if turned {
                (swapped(port_size), (port_mm.1, port_mm.0))
            } else {
                (port_size, port_mm)
            };
            let (across, down) = millimetres(layer.destination.size(), port_size, port_mm);
            let swaps = layer.transform.swaps_sides();
            let limit = layer.rate_limit.map_or(u32::MAX, |limit| limit.millihertz());
            Some(Wanted {
                size: self.wanted_size(toplevel, layer).unwrap_or_default(),
                refresh_mhz: port.refresh_mhz().min(limit),
                connected: true,
                millimetres: if swaps { (down, across) } else { (across, down) },
            })
        });
        let streams = &mut self.globals.desktop.streams;
        streams.configure(surface, wanted.unwrap_or_default());
        if wanted.is_none() {
            streams.set_visible(surface, false);
        }
    }

    /// Tells the streams of a port's layers whether any pixel of theirs is shown.
    pub(crate) fn tell_visible(&mut self, id: PortId, shown: &BTreeSet<u64>) {
        for surface in self.globals.desktop.streams.surfaces() {
            if self.port_showing(&surface) == Some(id) {
                let seen = content_ids(&surface).iter().any(|content| shown.contains(content));
                let toplevel = self.windows.id_of(&surface).map(SourceId::Toplevel);
                let captured = toplevel.is_some_and(|of| self.globals.capture.is_captured(of));
                self.globals.desktop.streams.set_visible(&surface, seen || captured);
            }
        }
    }
}

impl State {
    /// Somebody captures a toplevel: it is seen, whatever its port shows.
    pub(super) fn toplevel_captured(&mut self, id: ToplevelId) {
        if let Some(surface) = self.windows.surface(id) {
            self.globals.desktop.streams.set_visible(surface, true);
        }
    }
}

const fn swapped(size: Size) -> Size {
    Size::new(size.height, size.width)
}

/// How large a part of a port is that is so many millimetres in all.
fn millimetres(part: Size, port: Size, (across, down): (u32, u32)) -> (u32, u32) {
    let side = |part: u32, port: u32, length: u32| {
        let part = u64::from(part) * u64::from(length) / u64::from(port.max(1));
        u32::try_from(part).unwrap_or(u32::MAX)
    };
    (side(part.width, port.width, across), side(part.height, port.height, down))
}

delegate_stream!(State);
