//! Who keeps ports awake. Nothing puts them to sleep yet; what asks is kept and counted.

use std::collections::HashMap;

use smithay::{
    delegate_idle_inhibit,
    reexports::wayland_server::{Resource, backend::ObjectId, protocol::wl_surface::WlSurface},
    wayland::idle_inhibit::IdleInhibitHandler,
};

use crate::state::State;

/// The surfaces that keep their port awake, and how many times each was asked to.
#[derive(Debug, Default)]
pub(crate) struct Inhibitors(HashMap<ObjectId, (WlSurface, u32)>);

impl Inhibitors {
    /// A surface is gone.
    pub(crate) fn forget(&mut self, surface: &WlSurface) {
        self.0.remove(&surface.id());
    }

    /// The surfaces.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &WlSurface> {
        self.0.values().map(|(surface, _)| surface)
    }
}

impl State {
    /// How many surfaces that are shown keep a port awake.
    pub(crate) fn shown_inhibitors(&self) -> usize {
        let shown = |surface: &&WlSurface| {
            let mut inputs = self.ports.iter().flat_map(|(_, port)| &port.input);
            inputs.any(|input| input.surface == **surface)
        };
        self.globals.desktop.inhibitors.iter().filter(shown).count()
    }
}

impl IdleInhibitHandler for State {
    fn inhibit(&mut self, surface: WlSurface) {
        let inhibitors = &mut self.globals.desktop.inhibitors.0;
        let (_, count) = inhibitors.entry(surface.id()).or_insert((surface, 0));
        *count = count.saturating_add(1);
    }

    fn uninhibit(&mut self, surface: WlSurface) {
        let inhibitors = &mut self.globals.desktop.inhibitors.0;
        if let Some((_, count)) = inhibitors.get_mut(&surface.id()) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                inhibitors.remove(&surface.id());
            }
        }
    }
}

delegate_idle_inhibit!(State);
