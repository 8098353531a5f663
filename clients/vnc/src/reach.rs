//! Finding the service and its port, however long that takes, on a thread of its own: viewers are served
//! meanwhile.

use std::{io, path::PathBuf};

use calloop::channel::Sender;
use porthole_client::{
    arrival::Pauses,
    capture::{Pointers, PortView, ViewError},
    connection::connect_when_there,
};
use wayland_client::{Connection, EventQueue};

use crate::failure::Failure;

/// What is looked for.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) wayland: Option<PathBuf>,
    pub(crate) port: String,
    pub(crate) pointers: Pointers,
}

/// A port that can be seen.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) connection: Connection,
    pub(crate) view: PortView,
    pub(crate) queue: EventQueue<PortView>,
}

/// Looks for the port; tells once what came of it.
pub(crate) fn start(target: Target, tell: Sender<Result<Found, Failure>>) -> io::Result<()> {
    let thread = std::thread::Builder::new().name("reach".to_owned());
    let thread = thread.spawn(move || {
        // If nobody listens any more the program is ending.
        let _ = tell.send(reach(&target));
    });
    thread.map(drop)
}

fn reach(target: &Target) -> Result<Found, Failure> {
    let mut pauses = Pauses::default();
    loop {
        let connection = connect_when_there(target.wayland.as_deref(), |path| {
            tracing::info!("waiting for the display service at {}", path.display());
        })?;
        match PortView::open(&connection, &target.port, target.pointers) {
            Ok((view, queue)) => return Ok(Found { connection, view, queue }),
            // It went again meanwhile, or threw us out.
            Err(ViewError::Globals(_) | ViewError::Dispatch(_)) => pauses.pause(),
            Err(source) => return Err(Failure::View { port: target.port.clone(), source }),
        }
    }
}
