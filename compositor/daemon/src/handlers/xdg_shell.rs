//! Toplevels go to the layer that the configuration gives them; popups stay with their parent.

use smithay::{
    delegate_xdg_shell,
    reexports::wayland_server::protocol::{wl_seat::WlSeat, wl_surface::WlSurface},
    utils::Serial,
    wayland::shell::xdg::{
        PopupSurface, PositionerState, ToplevelSurface, XdgShellHandler, XdgShellState,
    },
};

use crate::state::State;

impl XdgShellHandler for State {
    fn xdg_shell_state(&mut self) -> &mut XdgShellState {
        &mut self.globals.xdg_shell
    }

    fn new_toplevel(&mut self, _: ToplevelSurface) {
        // Its application id is not known yet: it is placed at its first commit.
    }

    fn toplevel_destroyed(&mut self, surface: ToplevelSurface) {
        self.remove_toplevel(&surface);
    }

    fn app_id_changed(&mut self, surface: ToplevelSurface) {
        if surface.is_initial_configure_sent() {
            self.place_toplevel(&surface);
        }
        self.toplevel_info_changed(surface.wl_surface());
    }

    fn title_changed(&mut self, surface: ToplevelSurface) {
        self.toplevel_info_changed(surface.wl_surface());
    }

    fn new_popup(&mut self, surface: PopupSurface, positioner: PositionerState) {
        surface.with_pending_state(|state| {
            state.geometry = positioner.get_geometry();
            state.positioner = positioner;
        });
    }

    fn popup_destroyed(&mut self, surface: PopupSurface) {
        if let Some(parent) = surface.get_parent_surface() {
            let root = self.popup_root(parent);
            self.toplevel_committed(&root);
        }
    }

    fn grab(&mut self, _: PopupSurface, _: WlSeat, _: Serial) {
        // Popup grabs come with the desktop storey; a popup closes when its client closes it.
    }

    fn reposition_request(
        &mut self,
        surface: PopupSurface,
        positioner: PositionerState,
        token: u32,
    ) {
        surface.with_pending_state(|state| {
            state.geometry = positioner.get_geometry();
            state.positioner = positioner;
        });
        surface.send_repositioned(token);
    }
}

impl State {
    /// Answers the commit with which a toplevel or popup asks for its size. False for any other.
    pub(crate) fn answer_first_commit(&mut self, surface: &WlSurface) -> bool {
        let toplevels = self.globals.xdg_shell.toplevel_surfaces();
        let toplevel = toplevels.iter().find(|t| t.wl_surface() == surface).cloned();
        if let Some(toplevel) = toplevel.filter(|t| !t.is_initial_configure_sent()) {
            self.place_toplevel(&toplevel);
            return true;
        }
        let popups = self.globals.xdg_shell.popup_surfaces();
        let popup = popups.iter().find(|p| p.wl_surface() == surface);
        if let Some(popup) = popup.filter(|p| !p.is_initial_configure_sent()) {
            if let Err(error) = popup.send_configure() {
                tracing::warn!("a popup was not configured: {error}");
            }
            return true;
        }
        false
    }

    /// The toplevel's surface that a popup hangs on, or the surface itself.
    pub(crate) fn popup_root(&self, surface: WlSurface) -> WlSurface {
        let popups = self.globals.xdg_shell.popup_surfaces();
        let mut root = surface;
        // A client cannot make a loop: a popup's parent exists before it does.
        while let Some(parent) = popups
            .iter()
            .find(|p| *p.wl_surface() == root)
            .and_then(PopupSurface::get_parent_surface)
        {
            root = parent;
        }
        root
    }
}

delegate_xdg_shell!(State);
