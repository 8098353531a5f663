//! Who hears of which toplevel: a socket that may capture the port where it shows.

use smithay::{
    reexports::wayland_server::{Client, protocol::wl_surface::WlSurface},
    wayland::{compositor::with_states, shell::xdg::XdgToplevelSurfaceData},
};

use crate::{
    protocols::foreign_toplevel::{
        ForeignToplevelHandler, ForeignToplevels, ToplevelId, ToplevelInfo,
        delegate_foreign_toplevel,
    },
    state::State,
};

/// Longer titles and application ids are cut: a Wayland message has at most 4096 bytes.
const MAX_TEXT: usize = 1024;

impl ForeignToplevelHandler for State {
    fn foreign_toplevels(&mut self) -> &mut ForeignToplevels {
        &mut self.globals.foreign_toplevels
    }

    fn may_know(&self, client: &Client, toplevel: ToplevelId) -> bool {
        let port = self.port_of_toplevel(toplevel);
        port.is_some_and(|port| self.may_capture(client, port))
    }
}

impl State {
    /// Tells a toplevel to all who may know it now.
    pub(crate) fn tell_toplevel(&mut self, id: ToplevelId) {
        let Some(port) = self.port_of_toplevel(id) else { return };
        let ports = &self.ports;
        let may_know = |client: &Client| super::capture::may_capture(ports, client, port);
        self.globals.foreign_toplevels.tell::<Self>(id, may_know);
    }

    /// Rights changed: tells every toplevel anew.
    pub(crate) fn tell_all_toplevels(&mut self) {
        for id in self.globals.foreign_toplevels.ids() {
            self.tell_toplevel(id);
        }
    }

    /// A toplevel has another title or application id.
    pub(crate) fn toplevel_info_changed(&mut self, surface: &WlSurface) {
        if let Some(id) = self.windows.id_of(surface) {
            self.globals.foreign_toplevels.change(id, info(surface));
        }
    }
}

/// What a toplevel says of itself.
pub(crate) fn info(surface: &WlSurface) -> ToplevelInfo {
    with_states(surface, |states| {
        let data = states.data_map.get::<XdgToplevelSurfaceData>();
        let data = data.and_then(|data| data.lock().ok());
        let told = data.map(|d| (d.title.clone(), d.app_id.clone())).unwrap_or_default();
        let text = |t: Option<String>| cut(t.unwrap_or_default());
        ToplevelInfo { title: text(told.0), app_id: text(told.1) }
    })
}

fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(MAX_TEXT));
    text
}

delegate_foreign_toplevel!(State);
