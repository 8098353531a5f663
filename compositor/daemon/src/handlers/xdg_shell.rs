//! Toplevels go to the layer that the configuration gives them; popups stay with their parent.

use smithay::{
    delegate_xdg_decoration, delegate_xdg_shell,
    input::Seat,
    reexports::{
        wayland_protocols::xdg::decoration::zv1::server::zxdg_toplevel_decoration_v1::Mode,
        wayland_server::protocol::{wl_seat::WlSeat, wl_surface::WlSurface},
    },
    utils::Serial,
    wayland::{
        compositor::with_states,
        shell::xdg::{
            PopupSurface, PositionerState, ToplevelSurface, XdgPopupSurfaceData, XdgShellHandler,
            XdgShellState, XdgToplevelSurfaceData, decoration::XdgDecorationHandler,
        },
    },
};

use crate::state::State;

/// Configures that a client may leave unanswered: each is kept until it is answered. A client that asks
/// again and again, and never answers, is not listened to.
const MAX_UNANSWERED: usize = 64;

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
        self.place_popup(&surface, positioner);
    }

    fn popup_destroyed(&mut self, surface: PopupSurface) {
        self.globals.desktop.grabs.remove(&surface);
        if let Some(parent) = surface.get_parent_surface() {
            let root = self.popup_root(parent);
            self.toplevel_committed(&root);
        }
    }

    fn grab(&mut self, popup: PopupSurface, seat: WlSeat, _: Serial) {
        match Seat::from_resource(&seat) {
            Some(seat) => self.grab_popup(popup, seat),
            None => popup.send_popup_done(),
        }
    }

    fn reposition_request(
        &mut self,
        surface: PopupSurface,
        positioner: PositionerState,
        token: u32,
    ) {
        let unanswered = with_states(surface.wl_surface(), |states| {
            let data = states.data_map.get::<XdgPopupSurfaceData>();
            data.and_then(|d| d.lock().ok().map(|d| d.pending_configures().len())).unwrap_or(0)
        });
        if unanswered <= MAX_UNANSWERED {
            self.place_popup(&surface, positioner);
            surface.send_repositioned(token);
        }
    }
}

/// The layer is all the program's: nobody draws a frame.
impl XdgDecorationHandler for State {
    fn new_decoration(&mut self, toplevel: ToplevelSurface) {
        toplevel.with_pending_state(|state| state.decoration_mode = Some(Mode::ServerSide));
        if toplevel.is_initial_configure_sent() {
            toplevel.send_pending_configure();
        }
    }

    fn request_mode(&mut self, toplevel: ToplevelSurface, _: Mode) {
        // Each request is answered, also by what the client did not ask for.
        toplevel.with_pending_state(|state| state.decoration_mode = Some(Mode::ServerSide));
        if toplevel.is_initial_configure_sent() && !too_many_unanswered(&toplevel) {
            toplevel.send_configure();
        }
    }

    fn unset_mode(&mut self, toplevel: ToplevelSurface) {
        self.request_mode(toplevel, Mode::ServerSide);
    }
}

impl State {
    fn place_popup(&self, popup: &PopupSurface, positioner: PositionerState) {
        let bounds = self.popup_bounds(popup);
        popup.with_pending_state(|state| {
            state.geometry = bounds.map_or_else(
                || positioner.get_geometry(),
                |bounds| positioner.get_unconstrained_geometry(bounds),
            );
            state.positioner = positioner;
        });
    }

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

fn too_many_unanswered(toplevel: &ToplevelSurface) -> bool {
    with_states(toplevel.wl_surface(), |states| {
        let data = states.data_map.get::<XdgToplevelSurfaceData>();
        let count = data.and_then(|d| d.lock().ok().map(|d| d.pending_configures().len()));
        count.unwrap_or(0) > MAX_UNANSWERED
    })
}

delegate_xdg_decoration!(State);
delegate_xdg_shell!(State);
