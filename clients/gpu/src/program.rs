//! The event loop of the device thread.

mod devices;

use std::io;
use std::time::{Duration, Instant};

use calloop::channel::{self, Channel};
use calloop::generic::Generic;
use calloop::signals::{Signal, Signals};
use calloop::timer::{TimeoutAction, Timer};
use calloop::{EventLoop, Interest, LoopHandle, Mode, PostAction, RegistrationToken};
use porthole_client::present::Told;
use porthole_device::confine::{Needs, confine};
use porthole_device::ready;
use porthole_program::InheritError;
use porthole_vhost_device::{EndpointError, Fault};
use thiserror::Error;

use self::devices::{Devices, Which};
use crate::capabilities;
use crate::cli::{Cli, Task};
use crate::replay;

/// Why the program cannot go on; each says what to do where something can be done.
#[derive(Debug, Error)]
pub enum Failure {
    /// A socket cannot be opened.
    #[error("{device}: cannot wait for QEMU")]
    Endpoint {
        /// Which device.
        device: &'static str,
        /// Why.
        source: EndpointError,
    },
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
    Replay(#[source] replay::Failure),
    /// The event loop failed.
    #[error("event loop")]
    Loop(#[source] calloop::Error),
}

/// What the loop works on.
struct State {
    devices: Devices,
    /// How it ends.
    end: Option<Result<(), Failure>>,
    timer: Option<(RegistrationToken, Instant)>,
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
        return replay::run(options, !cli.no_sandbox).map_err(Failure::Replay);
    }
    // Inherited descriptors are taken over before anything else is opened.
    let ready =
        cli.ready_fd.map(porthole_program::ready_fd).transpose().map_err(Failure::ReadyFd)?;
    let (tell, told) = channel::channel();
    let mut devices = Devices::open(cli)?;
    let mut event_loop = EventLoop::<State>::try_new().map_err(Failure::Loop)?;
    let handle = event_loop.handle();
    watch_signals(&handle)?;
    watch_presenter(&handle, told)?;
    for which in devices.present() {
        watch_device(&handle, &devices, which)?;
    }
    let sockets = devices::sockets(cli);
    let needs = Needs {
        no_sandbox: cli.no_sandbox,
        shows: !cli.null,
        wayland: cli.wayland.as_deref(),
        sockets: &sockets,
    };
    let held = confine(needs).map_err(|error| Failure::System("starting the connector", error))?;
    // Threads inherit the blocked signals and the sandbox, so they start after them.
    devices.start_trace()?;
    devices.start_presenter(cli, tell)?;
    if let Some(fd) = ready {
        ready::tell(fd, &cli.guest, &sockets, held)
            .map_err(|error| Failure::System("writing to the ready descriptor", error))?;
    }
    let mut state = State { devices, end: None, timer: None };
    loop {
        event_loop.dispatch(None::<Duration>, &mut state).map_err(Failure::Loop)?;
        if let Some(end) = state.end.take() {
            state.devices.end();
            return end;
        }
        state.devices.settle();
        state.set_timer(&handle)?;
    }
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

    /// Neither a fence nor a size may wait for ever; a timer runs only while one waits.
    fn set_timer(&mut self, handle: &LoopHandle<'static, Self>) -> Result<(), Failure> {
        let Some(deadline) = self.devices.deadline() else { return Ok(()) };
        if let Some((token, set_for)) = self.timer {
            if set_for <= deadline {
                return Ok(());
            }
            handle.remove(token);
        }
        let token = handle
            .insert_source(Timer::from_deadline(deadline), |_, (), state: &mut Self| {
                state.timer = None;
                TimeoutAction::Drop
            })
            .map_err(|error| Failure::Loop(error.error))?;
        self.timer = Some((token, deadline));
        Ok(())
    }
}

fn watch_signals(handle: &LoopHandle<'static, State>) -> Result<(), Failure> {
    let all = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGUSR1];
    let signals = Signals::new(&all).map_err(Failure::Loop)?;
    handle
        .insert_source(signals, |event, (), state: &mut State| match event.signal() {
            Signal::SIGUSR1 => {
                let done = state.devices.statistics();
                let line = serde_json::json!({
                    "commands": done.commands,
                    "errors": done.errors,
                    "frames": done.frames,
                    "kicks": state.devices.kicks(),
                    "transferred_bytes": done.copies.transfer,
                    "repaired_bytes": done.copies.repair,
                });
                tracing::info!("statistics {line}");
            }
            signal => {
                tracing::info!(?signal, "ending");
                state.end = Some(Ok(()));
            }
        })
        .map(|_| ())
        .map_err(|error| Failure::Loop(error.error))
}

fn watch_presenter(
    handle: &LoopHandle<'static, State>,
    told: Channel<Told>,
) -> Result<(), Failure> {
    handle
        .insert_source(told, |event, (), state: &mut State| match event {
            channel::Event::Msg(told) => state.devices.told(told),
            // Nobody looks any more; the guest goes on.
            channel::Event::Closed => state.devices.release_all(),
        })
        .map(|_| ())
        .map_err(|error| Failure::Loop(error.error))
}

fn watch_device(
    handle: &LoopHandle<'static, State>,
    devices: &Devices,
    which: Which,
) -> Result<(), Failure> {
    let fd = devices.fd(which).map_err(|error| Failure::System("dup", error))?;
    handle
        .insert_source(Generic::new(fd, Interest::READ, Mode::Level), move |_, _, state| {
            Ok(state.turn(which))
        })
        .map(|_| ())
        .map_err(|error| Failure::Loop(error.error))
}
