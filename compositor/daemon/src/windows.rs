//! Which toplevel shows in which layer.

use std::collections::BTreeSet;

use porthole_core::{Name, config::Content, model::PipelineId};
use smithay::{
    reexports::wayland_server::{Resource, protocol::wl_surface::WlSurface},
    wayland::{
        compositor::with_states,
        shell::xdg::{ToplevelSurface, XdgToplevelSurfaceData},
    },
};

use crate::{ports::Port, sockets::SocketKind, state::State, surfaces::with_content};

/// What a guest device calls the toplevel of its scanout `N`.
const SCANOUT_APP_ID: &str = "porthole.scanout.";

/// A toplevel that belongs to a layer.
#[derive(Debug)]
struct Window {
    toplevel: ToplevelSurface,
    pipeline: PipelineId,
}

/// Every toplevel that has a layer, the newest last.
#[derive(Debug, Default)]
pub(crate) struct Windows {
    windows: Vec<Window>,
    /// Layers that have shown a frame at some time: there the splash has given way.
    shown: BTreeSet<PipelineId>,
}

impl Windows {
    /// The toplevel that a layer shows: the newest one with a picture.
    pub(crate) fn shown(&self, pipeline: PipelineId) -> Option<&ToplevelSurface> {
        let mut of_layer = self.windows.iter().rev().filter(|w| w.pipeline == pipeline);
        of_layer.find(|w| is_mapped(w.toplevel.wl_surface())).map(|w| &w.toplevel)
    }

    /// True once the layer has shown a frame.
    pub(crate) fn has_shown(&self, pipeline: PipelineId) -> bool {
        self.shown.contains(&pipeline)
    }

    /// The layer of a toplevel's surface.
    pub(crate) fn layer_of(&self, surface: &WlSurface) -> Option<PipelineId> {
        self.windows.iter().find(|w| w.toplevel.wl_surface() == surface).map(|w| w.pipeline)
    }

    fn remove(&mut self, surface: &WlSurface) -> Option<PipelineId> {
        let layer = self.layer_of(surface);
        self.windows.retain(|w| w.toplevel.wl_surface() != surface);
        layer
    }
}

fn is_mapped(surface: &WlSurface) -> bool {
    surface.is_alive() && with_states(surface, |s| with_content(s, |c| c.pixels.is_some()))
}

impl State {
    /// What a toplevel shows, by the socket that its client came through and its application id.
    fn content_of(&self, toplevel: &ToplevelSurface) -> Option<Content> {
        let surface = toplevel.wl_surface();
        let app_id = with_states(surface, |states| {
            let data = states.data_map.get::<XdgToplevelSurfaceData>()?;
            data.lock().ok()?.app_id.clone()
        })
        .unwrap_or_default();
        let client = surface.client()?;
        let socket = crate::sockets::socket_of(&client)?;
        Some(match &socket.kind {
            SocketKind::Guest => {
                let scanout = app_id.strip_prefix(SCANOUT_APP_ID)?.parse().ok()?;
                Content::Guest { guest: socket.name.clone(), scanout }
            }
            SocketKind::Programs => Content::App { socket: socket.name.clone(), app_id },
        })
    }

    /// Finds a toplevel's layer, tells it the size, and answers its first commit.
    pub(crate) fn place_toplevel(&mut self, toplevel: &ToplevelSurface) {
        let surface = toplevel.wl_surface();
        let content = self.content_of(toplevel);
        let found = content.as_ref().and_then(|c| self.device.pipeline_showing(c));
        let before = self.windows.layer_of(surface);
        let now = found.map(|(id, _)| id);
        let size = found.map(|(_, pipeline)| pipeline.destination.size());
        if before != now {
            if let Some(port) = before.and_then(|layer| self.port_of_layer(layer)) {
                port.output.leave(surface);
            }
            self.windows.remove(surface);
            if let Some(pipeline) = now {
                self.windows.windows.push(Window { toplevel: toplevel.clone(), pipeline });
            }
        }
        match (&content, now) {
            (Some(content), Some(_)) if before != now => {
                tracing::info!("{content} has its layer");
            }
            (Some(content), None) => {
                tracing::info!("{content} has no layer in the configuration: it is not shown");
            }
            (None, None) => tracing::info!(
                "a toplevel of a guest without an id '{SCANOUT_APP_ID}N' is not shown"
            ),
            _ => {}
        }
        configure(toplevel, size);
        for pipeline in before.into_iter().chain(now) {
            self.layer_changed(pipeline);
        }
    }

    /// A toplevel was destroyed, or its client died.
    pub(crate) fn remove_toplevel(&mut self, toplevel: &ToplevelSurface) {
        if let Some(pipeline) = self.windows.remove(toplevel.wl_surface()) {
            self.layer_changed(pipeline);
        }
    }

    /// A toplevel committed something: a first picture takes its layer from the splash.
    pub(crate) fn toplevel_committed(&mut self, surface: &WlSurface) {
        let Some(pipeline) = self.windows.layer_of(surface) else { return };
        if is_mapped(surface) {
            if self.windows.shown.insert(pipeline) {
                tracing::info!(layer = self.layer_name(pipeline), "first picture");
            }
            if let Some(port) = self.port_of_layer(pipeline) {
                port.output.enter(surface);
            }
        }
        self.layer_changed(pipeline);
    }

    /// The name that the configuration gives to a layer.
    pub(crate) fn layer_name(&self, pipeline: PipelineId) -> String {
        let name = self.device.pipeline(pipeline).and_then(|p| p.name.as_ref());
        name.map(Name::to_string).unwrap_or_default()
    }

    fn port_of_layer(&self, pipeline: PipelineId) -> Option<&Port> {
        self.ports.get(self.device.pipeline(pipeline)?.port)
    }

    fn layer_changed(&mut self, pipeline: PipelineId) {
        if let Some(port) = self.device.pipeline(pipeline).map(|p| p.port) {
            self.damage_port(port);
        }
    }

    /// Finds every toplevel's layer anew, after the configuration changed.
    pub(crate) fn place_all_toplevels(&mut self) {
        let toplevels = self.globals.xdg_shell.toplevel_surfaces().to_vec();
        for toplevel in toplevels.iter().filter(|t| t.is_initial_configure_sent()) {
            self.place_toplevel(toplevel);
        }
    }
}

/// Tells a toplevel the size of its layer, when that is news.
fn configure(toplevel: &ToplevelSurface, size: Option<porthole_pixel::Size>) {
    use smithay::reexports::wayland_protocols::xdg::shell::server::xdg_toplevel::State as Flag;
    toplevel.with_pending_state(|state| {
        let signed = |v: u32| i32::try_from(v).unwrap_or(i32::MAX);
        state.size = size.map(|s| (signed(s.width), signed(s.height)).into());
        // Fullscreen tells programs to draw no decorations: the layer is all theirs.
        state.states.set(Flag::Fullscreen);
        state.states.set(Flag::Activated);
    });
    if toplevel.is_initial_configure_sent() {
        toplevel.send_pending_configure();
    } else {
        toplevel.send_configure();
    }
}
