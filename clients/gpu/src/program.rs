//! The event loop of the device thread.

mod devices;

use std::io;
use std::time::Instant;

use calloop::{Interest, PostAction};
use porthole_client::present::Told;
use porthole_client::program::{Events, Program, watch};
use porthole_device::confine::confine;
use porthole_device::{OpenError, ready};
use porthole_program::InheritError;
use porthole_vhost_device::Fault;
use thiserror::Error;

use self::devices::{Devices, Which};
use crate::capabilities;
use crate::cli::{Cli, Task};

/// Why the program cannot go on; each says what to do where something can be done.
#[derive(Debug, Error)]
pub enum Failure {
    /// A socket cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The ready descriptor is of no use.
    #[error("--ready-fd")]
    ReadyFd(#[source] InheritError),
    /// A device's connection failed.
    #[error("{device}")]
    Device {
        /// Which device.
        device: &'static str,
        /// Why.
        source: Fault,
    },
    /// A system call failed that has no reason to.
    #[error("{0}")]
    System(&'static str, #[source] io::Error),
    /// A replay did not come to a good end.
    #[error("replay")]
    Replay(#[source] porthole_replay::Failure),
    /// The event loop failed.
    #[error("event loop")]
    Loop(#[from] calloop::Error),
}

/// What the loop works on.
struct State {
    devices: Devices,
    /// How it ends.
    end: Option<Result<(), Failure>>,
}

/// Runs the devices until the VM ends.
///
/// # Errors
/// When a socket cannot be opened or a device cannot go on.
pub fn run(cli: &Cli) -> Result<(), Failure> {
    if cli.print_capabilities {
        return capabilities::print(io::stdout().lock())
            .map_err(|error| Failure::System("writing to standard output", error));
    }
    if let Some(Task::Replay(options)) = &cli.task {
        return porthole_replay::run(options, !cli.common.no_sandbox, &|_, _| None)
            .map_err(Failure::Replay);
    }
    // Inherited descriptors are taken over before anything else is opened.
    let ready = cli.common.take_ready_fd().map_err(Failure::ReadyFd)?;
    let mut devices = Devices::open(cli)?;
    let (events, tell) = Events::<State>::new()?;
    for which in devices.present() {
        let fd = devices.fd(which).map_err(|error| Failure::System("dup", error))?;
        watch(&events.handle(), fd, Interest::READ, move |state: &mut State| state.turn(which))?;
    }
    let sockets = cli.devices.sockets(("gpu", cli.gpu_address()));
    let held = confine(&cli.common, &sockets)
        .map_err(|error| Failure::System("starting the connector", error))?;
    // Threads inherit the blocked signals and the sandbox, so they start after them.
    devices.start_trace()?;
    devices.start_presenter(cli, tell)?;
    if let Some(fd) = ready {
        ready::tell(fd, &cli.guest, &sockets, held)
            .map_err(|error| Failure::System("writing to the ready descriptor", error))?;
    }
    let mut state = State { devices, end: None };
    let end = events.run(&mut state);
    state.devices.end();
    end
}

impl State {
    /// One device has something to do.
    fn turn(&mut self, which: Which) -> PostAction {
        match self.devices.turn(which) {
            Ok(true) => PostAction::Continue,
            Ok(false) => {
                if which == Which::Gpu {
                    let done = self.devices.statistics();
                    tracing::info!(done.commands, done.errors, done.frames, "the VM has ended");
                    self.end = Some(Ok(()));
                }
                PostAction::Remove
            }
            Err(source) => {
                self.end = Some(Err(Failure::Device { device: which.name(), source }));
                PostAction::Remove
            }
        }
    }
}

impl Program for State {
    type Failure = Failure;

    fn told(&mut self, told: Told) {
        self.devices.told(told);
    }

    fn unseen(&mut self) {
        self.devices.release_all();
    }

    fn statistics(&mut self) -> Option<serde_json::Value> {
        let done = self.devices.statistics();
        Some(serde_json::json!({
            "commands": done.commands,
            "errors": done.errors,
            "frames": done.frames,
            "kicks": self.devices.kicks(),
            "transferred_bytes": done.copies.transfer,
            "repaired_bytes": done.copies.repair,
        }))
    }

    fn end(&mut self) -> &mut Option<Result<(), Failure>> {
        &mut self.end
    }

    fn settle(&mut self) -> Result<(), Failure> {
        self.devices.settle();
        Ok(())
    }

    /// Neither a fence nor a size may wait for ever.
    fn deadline(&self) -> Option<Instant> {
        self.devices.deadline()
    }
}
