//! Memory of clients: how much each may have.

use std::sync::Arc;

use smithay::reexports::wayland_server::{
    Client,
    protocol::{wl_buffer::WlBuffer, wl_shm::WlShm, wl_shm_pool::WlShmPool},
};

use crate::{
    limits,
    protocols::shm::{Account, OverLimit, Pool, ShmBuffer, ShmHandler, ShmState},
    relay,
    sockets::ClientState,
    state::State,
};

impl State {
    /// Ends a client that goes beyond a limit of [`limits`].
    pub(super) fn refuse(&self, client: &Client, why: &str) {
        let handle = self.display.backend_handle();
        relay::post_display_error(&handle, &client.id(), relay::NO_MEMORY, why);
    }
}

impl ShmHandler for State {
    fn account(&self, client: &Client) -> Arc<Account> {
        // Every client comes through a socket of ours, which gives it this data.
        client.get_data::<ClientState>().map_or_else(
            || Arc::new(Account::new(limits::POOL_BYTES, limits::COPIED_BYTES, None)),
            |data| data.account.clone(),
        )
    }

    fn no_memory(&self, client: &Client, why: OverLimit) {
        self.refuse(client, &why.to_string());
    }
}

wayland_server::delegate_global_dispatch!(State: [WlShm: ()] => ShmState);
wayland_server::delegate_dispatch!(State: [WlShm: ()] => ShmState);
wayland_server::delegate_dispatch!(State: [WlShmPool: Arc<Pool>] => ShmState);
wayland_server::delegate_dispatch!(State: [WlBuffer: ShmBuffer] => ShmState);
