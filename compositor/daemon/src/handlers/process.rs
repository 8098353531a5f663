//! How much the processes of guests and viewers matter, and what they say of their work.

use smithay::reexports::wayland_server::Client;

use crate::{
    protocols::process::{ProcessHandler, ProcessState, Standing, delegate_process},
    sockets::socket_of,
    state::State,
};
use porthole_core::rights::SocketRights;

impl ProcessHandler for State {
    fn processes(&mut self) -> &mut ProcessState {
        &mut self.globals.processes
    }

    fn standing(&self, client: &Client) -> Option<Standing> {
        let account = &socket_of(client)?.account;
        let priority = account.priority();
        let all = self.sockets.infos();
        let rivals = all.filter(|info| info.with_rights(SocketRights::may_capture_any));
        let highest = rivals.map(|info| info.account.priority()).max().unwrap_or(priority);
        Some(Standing { account: account.id, priority, highest })
    }
}

impl State {
    /// Tells processes what a configuration says of their priority.
    pub(crate) fn tell_priorities(&mut self) {
        ProcessState::refresh(self);
    }
}

delegate_process!(State);
