//! What a process beside the service is told of itself, and says of its work.

use porthole_wayland::process::client::porthole_process_v1::{self as process, PortholeProcessV1};
use wayland_client::{Connection, Dispatch, QueueHandle};

use super::{Log, Program};
use crate::failure::Result;

impl Program {
    /// A process; the log says `priority NUMBER of NUMBER`.
    ///
    /// # Errors
    /// When the global is missing.
    pub fn process(&self) -> Result<PortholeProcessV1> {
        self.bind()
    }
}

impl Dispatch<PortholeProcessV1, ()> for Log {
    fn event(
        log: &mut Self,
        _: &PortholeProcessV1,
        event: process::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let process::Event::Priority { priority, highest } = event {
            log.say(format!("priority {priority} of {highest}"));
        }
    }
}
