//! Sockets that a sandbox engine makes for what it runs.

use std::os::fd::{AsFd, OwnedFd};

use wayland_client::delegate_noop;
use wayland_protocols::wp::security_context::v1::client::{
    wp_security_context_manager_v1::WpSecurityContextManagerV1,
    wp_security_context_v1::WpSecurityContextV1,
};

use super::{Log, Program};
use crate::failure::{OrFail, Result};

impl Program {
    /// Describes a sandbox whose programs connect to this listener; it ends with the descriptor that
    /// is returned.
    ///
    /// # Errors
    /// When the global is missing.
    pub fn sandbox(&self, listener: impl AsFd) -> Result<(WpSecurityContextV1, OwnedFd)> {
        let manager: WpSecurityContextManagerV1 = self.bind()?;
        let (theirs, ours) =
            rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).or_fail("make a pipe")?;
        let context = manager.create_listener(listener.as_fd(), theirs.as_fd(), &self.handle, ());
        Ok((context, ours))
    }
}

delegate_noop!(Log: WpSecurityContextManagerV1);
delegate_noop!(Log: WpSecurityContextV1);
