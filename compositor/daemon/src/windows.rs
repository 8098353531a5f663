//! Which toplevel shows in which layer.

use std::collections::BTreeSet;

use porthole_core::{
    Name, Scale,
    config::Content,
    model::{Pipeline, PipelineId, PortId},
    plan::Planner,
    scene::Lead,
};
use porthole_pixel::Size;
use smithay::{
    reexports::wayland_server::{Resource, protocol::wl_surface::WlSurface},
    wayland::{
        compositor::{TraversalAction, get_parent, with_states, with_surface_tree_upward},
        fractional_scale::with_fractional_scale,
        shell::xdg::{ToplevelSurface, XdgToplevelSurfaceData},
    },
};

use crate::{
    handlers::foreign_toplevel::info,
    ports::Port,
    protocols::{capture::SourceId, foreign_toplevel::ToplevelId, virtio_gpu_metadata},
    sockets::SocketKind,
    state::State,
    surfaces::with_content,
};

/// What a guest device calls the toplevel of its scanout `N`.
const SCANOUT_APP_ID: &str = "porthole.scanout.";

/// A toplevel that belongs to a layer.
#[derive(Debug)]
struct Window {
    toplevel: ToplevelSurface,
    pipeline: PipelineId,
    /// While it is mapped: what others call it.
    listed: Option<ToplevelId>,
    /// Plans its own picture, while it is captured.
    view: Option<Planner>,
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

    /// The mapped toplevels of a layer that `wanted` says, with what others call them.
    pub(crate) fn listed(
        &self,
        wanted: impl Fn(PipelineId) -> bool,
    ) -> Vec<(ToplevelId, PipelineId)> {
        let windows = self.windows.iter().filter(|w| wanted(w.pipeline));
        windows.filter_map(|w| Some((w.listed?, w.pipeline))).collect()
    }

    /// The surface of a listed toplevel.
    pub(crate) fn surface(&self, id: ToplevelId) -> Option<&WlSurface> {
        self.of_id(id).map(|w| w.toplevel.wl_surface())
    }

    /// The planner of a listed toplevel's own picture, as it was left.
    pub(crate) fn view(&mut self, id: ToplevelId) -> Option<&mut Option<Planner>> {
        self.windows.iter_mut().find(|w| w.listed == Some(id)).map(|w| &mut w.view)
    }

    fn get_mut(&mut self, surface: &WlSurface) -> Option<&mut Window> {
        self.windows.iter_mut().find(|w| w.toplevel.wl_surface() == surface)
    }

    fn of_id(&self, id: ToplevelId) -> Option<&Window> {
        self.windows.iter().find(|w| w.listed == Some(id))
    }

    /// What others call a toplevel, while it is mapped.
    pub(crate) fn id_of(&self, surface: &WlSurface) -> Option<ToplevelId> {
        self.windows.iter().find(|w| w.toplevel.wl_surface() == surface)?.listed
    }

    fn remove(&mut self, surface: &WlSurface) -> Option<Window> {
        let at = self.windows.iter().position(|w| w.toplevel.wl_surface() == surface)?;
        Some(self.windows.remove(at))
    }
}

/// The size of a toplevel's picture; empty while it has none.
pub(crate) fn picture_size(surface: &WlSurface) -> Size {
    if !surface.is_alive() {
        return Size::default();
    }
    with_states(surface, |states| {
        with_content(states, |c| c.pixels.as_ref().map(|_| c.size).unwrap_or_default())
    })
}

fn is_mapped(surface: &WlSurface) -> bool {
    surface.is_alive() && with_states(surface, |s| with_content(s, |c| c.pixels.is_some()))
}

impl State {
    /// What a toplevel shows, by the socket that its client came through and its application id.
    pub(crate) fn content_of(&self, toplevel: &ToplevelSurface) -> Option<Content> {
        let surface = toplevel.wl_surface();
        let (scanout, app_id) = with_states(surface, |states| {
            let data = states.data_map.get::<XdgToplevelSurfaceData>();
            let app_id = data.and_then(|data| data.lock().ok()?.app_id.clone());
            (virtio_gpu_metadata::scanout(states), app_id.unwrap_or_default())
        });
        let client = surface.client()?;
        let socket = crate::sockets::socket_of(&client)?;
        Some(match &socket.kind {
            SocketKind::Guest => {
                // The display of crosvm gives none: it names its scanout, or shows the first.
                let scanout = match (scanout, app_id.as_str()) {
                    (Some(scanout), _) => scanout,
                    (None, "") => 0,
                    (None, id) => id.strip_prefix(SCANOUT_APP_ID)?.parse().ok()?,
                };
                Content::Guest { guest: socket.name.clone(), scanout }
            }
            SocketKind::Programs => {
                let app_id = socket.app_id.clone().unwrap_or(app_id);
                Content::App { socket: socket.name.clone(), app_id }
            }
        })
    }

    /// A commit may have named the scanout that a toplevel shows.
    pub(crate) fn scanout_committed(&mut self, surface: &WlSurface) {
        if !with_states(surface, virtio_gpu_metadata::take_news) {
            return;
        }
        let toplevels = self.globals.xdg_shell.toplevel_surfaces();
        if let Some(toplevel) = toplevels.iter().find(|t| t.wl_surface() == surface).cloned() {
            self.place_toplevel(&toplevel);
        }
    }

    /// Finds a toplevel's layer, tells it the size, and answers its first commit.
    pub(crate) fn place_toplevel(&mut self, toplevel: &ToplevelSurface) {
        let surface = toplevel.wl_surface();
        self.globals.wfd.changed();
        let content = self.content_of(toplevel);
        let found = content.as_ref().and_then(|c| self.device.pipeline_showing(c));
        let before = self.windows.layer_of(surface);
        let now = found.map(|(id, _)| id);
        let size = found.and_then(|(_, pipeline)| self.wanted_size(toplevel, pipeline));
        if before != now {
            if let Some(port) = before.and_then(|layer| self.port_of_layer(layer)) {
                port.output.leave(surface);
            }
            let listed = self.windows.remove(surface).and_then(|w| w.listed);
            // On another port others may know it: it goes from the list and comes back.
            let stays = before.zip(now).is_some_and(|(a, b)| self.on_one_port(a, b));
            if !stays && let Some(id) = listed {
                self.unlist_toplevel(id);
            }
            if !stays && before.is_some() {
                self.cancel_fingers_on(surface);
                self.pens_lose(surface);
            }
            if let Some(pipeline) = now {
                let listed = listed.filter(|_| stays);
                self.windows.windows.push(Window {
                    toplevel: toplevel.clone(),
                    pipeline,
                    listed,
                    view: None,
                });
                self.list_toplevel(surface);
            }
        }
        match (&content, now) {
            (Some(content), Some(_)) if before != now => {
                tracing::info!("{content} has its layer");
            }
            // Every change of the layout asks again.
            (Some(_), None) if before.is_none() && toplevel.is_initial_configure_sent() => {}
            (Some(content), None) => {
                tracing::info!("{content} has no layer in the configuration: it is not shown");
            }
            (None, None) => tracing::info!(
                "a toplevel of a guest with another id than '{SCANOUT_APP_ID}N' is not shown"
            ),
            _ => {}
        }
        configure(toplevel, size);
        self.configure_stream(toplevel);
        self.tell_scale(surface);
        for pipeline in before.into_iter().chain(now) {
            self.layer_changed(pipeline);
        }
    }

    /// The size that a toplevel is asked to take, in its own coordinates; none where its layer leaves
    /// it the choice.
    pub(crate) fn wanted_size(
        &self,
        toplevel: &ToplevelSurface,
        pipeline: &Pipeline,
    ) -> Option<Size> {
        let port = self.ports.get(pipeline.port)?;
        let scale = scale_for(toplevel.wl_surface(), port.scale);
        let mut size = pipeline.destination.size();
        if pipeline.transform.swaps_sides() {
            size = Size::new(size.height, size.width);
        }
        let asked = Size::new(scale.to_surface(size.width), scale.to_surface(size.height));
        (pipeline.sizing.lead == Lead::Layer).then_some(asked)
    }

    /// The scale at which a surface is drawn; that of the first port until it has a layer.
    pub(crate) fn scale_of(&self, surface: &WlSurface) -> Scale {
        let root = self.root_of(surface.clone());
        let layer = self.windows.layer_of(&root);
        let port = layer.and_then(|layer| self.port_of_layer(layer));
        let port = port.or_else(|| self.ports.iter().next().map(|(_, port)| port));
        port.map_or_else(Scale::default, |port| scale_for(&root, port.scale))
    }

    /// The toplevel that a surface belongs to.
    pub(crate) fn root_of(&self, surface: WlSurface) -> WlSurface {
        let mut root = surface;
        while let Some(parent) = get_parent(&root) {
            root = parent;
        }
        self.popup_root(root)
    }

    /// Tells a toplevel and its subsurfaces at which scale they are drawn; only what changed is sent.
    fn tell_scale(&self, root: &WlSurface) {
        let scale = self.scale_of(root).factor();
        with_surface_tree_upward(
            root,
            (),
            |_, _, ()| TraversalAction::DoChildren(()),
            |_, states, ()| with_fractional_scale(states, |told| told.set_preferred_scale(scale)),
            |_, _, ()| true,
        );
    }

    /// A toplevel was destroyed, or its client died.
    pub(crate) fn remove_toplevel(&mut self, toplevel: &ToplevelSurface) {
        self.globals.desktop.streams.toplevel_gone(toplevel.wl_surface());
        self.globals.wfd.changed();
        if let Some(window) = self.windows.remove(toplevel.wl_surface()) {
            if let Some(id) = window.listed {
                self.unlist_toplevel(id);
            }
            self.layers.forget_promises(window.pipeline);
            self.layer_changed(window.pipeline);
        }
    }

    /// Brings the list of toplevels up to date with what the toplevel shows.
    fn list_toplevel(&mut self, surface: &WlSurface) {
        let mapped = is_mapped(surface);
        let Some(window) = self.windows.get_mut(surface) else { return };
        match (window.listed, mapped) {
            (None, true) => {
                let id = self.globals.foreign_toplevels.add(info(surface));
                window.listed = Some(id);
                self.tell_toplevel(id);
            }
            (Some(id), false) => {
                (window.listed, window.view) = (None, None);
                // To be mapped again it asks for its size again.
                window.toplevel.reset_initial_configure_sent();
                self.unlist_toplevel(id);
            }
            _ => {}
        }
    }

    fn unlist_toplevel(&mut self, id: ToplevelId) {
        self.globals.foreign_toplevels.remove(id);
        self.globals.capture.removed(SourceId::Toplevel(id));
    }

    /// The port on which a listed toplevel has its layer.
    pub(crate) fn port_of_toplevel(&self, id: ToplevelId) -> Option<PortId> {
        Some(self.device.pipeline(self.windows.of_id(id)?.pipeline)?.port)
    }

    fn on_one_port(&self, a: PipelineId, b: PipelineId) -> bool {
        let port = |layer| self.device.pipeline(layer).map(|p| p.port);
        port(a).is_some() && port(a) == port(b)
    }

    /// A toplevel committed something: a first picture takes its layer from the splash.
    pub(crate) fn toplevel_committed(&mut self, surface: &WlSurface) {
        let Some(pipeline) = self.windows.layer_of(surface) else { return };
        self.heard_of(surface);
        self.list_toplevel(surface);
        if let Some(id) = self.windows.id_of(surface) {
            self.resize_view(id);
        }
        if is_mapped(surface) {
            if self.windows.shown.insert(pipeline) {
                tracing::info!(layer = self.layer_name(pipeline), "first picture");
            }
            if let Some(port) = self.port_of_layer(pipeline) {
                port.output.enter(surface);
            }
            if self.is_early(pipeline) {
                return;
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

    pub(crate) fn layer_changed(&mut self, pipeline: PipelineId) {
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

/// The scale at which a toplevel draws on a port of this scale. Guests count in pixels.
pub(crate) fn scale_for(toplevel: &WlSurface, port: Scale) -> Scale {
    let client = toplevel.client();
    let socket = client.as_ref().and_then(crate::sockets::socket_of);
    match socket.map(|socket| socket.kind) {
        Some(SocketKind::Guest) => Scale::default(),
        _ => port,
    }
}

/// Tells a toplevel the size of its layer, when that is news.
fn configure(toplevel: &ToplevelSurface, size: Option<Size>) {
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
