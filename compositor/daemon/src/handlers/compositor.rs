//! Surfaces, their memory, and the small protocols around them.

use porthole_core::account::Counter;
use smithay::{
    delegate_presentation, delegate_viewporter,
    reexports::wayland_server::{
        Client, Resource,
        protocol::wl_surface::{self, WlSurface},
    },
    wayland::compositor::{
        CompositorClientState, CompositorHandler, CompositorState, add_pre_commit_hook,
        get_children, get_parent, is_sync_subsurface, with_states,
    },
};

use super::pending::committed;
use crate::{
    protocols::pacing,
    scene::MAX_DEPTH,
    sockets::ClientState,
    state::State,
    surfaces::{self, News},
    windows::picture_size,
};

/// Counts a picture for its client, and one that nobody saw.
fn count(surface: &WlSurface, &News { picture, unseen }: &News) {
    let client = surface.client().filter(|_| picture || unseen.is_some());
    let Some(data) = client.as_ref().and_then(|client| client.get_data::<ClientState>()) else {
        return;
    };
    if picture {
        data.party.picture();
    }
    if let Some(socket) = data.socket.as_ref().filter(|_| unseen.is_some()) {
        socket.account.count(Counter::Dropped, 1);
    }
}

/// What a client has that smithay did not give it: nothing can be asked of it.
fn no_client_state() -> &'static CompositorClientState {
    static NONE: std::sync::OnceLock<ClientState> = std::sync::OnceLock::new();
    &NONE.get_or_init(ClientState::default).compositor
}

impl CompositorHandler for State {
    fn compositor_state(&mut self) -> &mut CompositorState {
        &mut self.globals.compositor
    }

    fn client_compositor_state<'a>(&self, client: &'a Client) -> &'a CompositorClientState {
        // Every client comes through a socket of ours, which gives it this data.
        match client.get_data::<ClientState>() {
            Some(data) => &data.compositor,
            None => no_client_state(),
        }
    }

    fn new_surface(&mut self, surface: &WlSurface) {
        add_pre_commit_hook::<Self, _>(surface, |_, _, surface| surfaces::note_children(surface));
        pacing::hook::<Self>(surface);
    }

    fn new_subsurface(&mut self, surface: &WlSurface, parent: &WlSurface) {
        let above = std::iter::successors(get_parent(parent), get_parent).count();
        let levels = u32::try_from(above).unwrap_or(u32::MAX).saturating_add(height(surface) + 1);
        if levels >= MAX_DEPTH {
            // No error of the protocol fits; its text says what is meant.
            let why = format!("subsurfaces nest deeper than {MAX_DEPTH}");
            surface.post_error(wl_surface::Error::InvalidSize, why);
        }
    }

    fn commit(&mut self, surface: &WlSurface) {
        committed(surface);
        let observed = self.globals.wfd.is_observed();
        let before = observed.then(|| picture_size(surface));
        let news = with_states(surface, |states| surfaces::commit(surface, states, &self.released));
        count(surface, &news);
        if before.is_some_and(|before| before != picture_size(surface)) {
            self.globals.wfd.changed();
        }
        surfaces::place_children(surface);
        self.cursor_committed(surface);
        self.pace_commit(surface);
        if self.answer_first_commit(surface) {
            return;
        }
        self.scanout_committed(surface);
        // A synchronised subsurface shows with its parent's next commit.
        if is_sync_subsurface(surface) {
            return;
        }
        let mut root = surface.clone();
        while let Some(parent) = get_parent(&root) {
            root = parent;
        }
        let root = self.popup_root(root);
        self.toplevel_committed(&root);
        if let Some(age) = news.unseen {
            self.picture_missed(&root, age);
        }
    }

    fn destroyed(&mut self, surface: &WlSurface) {
        self.globals.desktop.inhibitors.forget(surface);
        // A pointer's picture may be gone.
        if surface.client().is_some() {
            self.cursor_committed(surface);
        }
    }
}

/// Levels of subsurfaces under a surface, counted no further than is allowed.
fn height(surface: &WlSurface) -> u32 {
    let mut level = vec![surface.clone()];
    let mut height = 0;
    while !level.is_empty() && height < MAX_DEPTH {
        level = level.iter().flat_map(get_children).collect();
        height += 1;
    }
    height
}

delegate_presentation!(State);
delegate_viewporter!(State);
