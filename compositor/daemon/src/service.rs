//! Start-up, the event loop, and the end.
//!
//! The order matters: the splash is on every port before the first socket exists.

use std::{
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    time::Duration,
};

use porthole_core::model::{Device, PortId};
use porthole_program::InheritError;
use smithay::{
    input::SeatState,
    reexports::{
        calloop::{
            EventLoop,
            channel::{self, Channel, Event},
            ping::{PingSource, make_ping},
            signals::{Signal, Signals},
        },
        wayland_server::Display,
    },
};

use crate::{
    choice::Source,
    cli::Cli,
    confine::confine,
    cursor, early,
    handlers::{machine::Machine, parents::Parents, wfd::Control},
    layers::Layers,
    pictures::{Files, Pictures},
    ports::Ports,
    programs::Programs,
    protocols::shm::Releases,
    ready,
    reload::{self, ApplyError},
    remember::{Digest, Memory, Start},
    render::Drawn,
    screens::{self, Cards},
    seats::Seats,
    sockets::{HandedError, HandedOver, Sockets},
    state::{Globals, State, Statistics},
    turn::Turn,
    windows::Windows,
};

/// Why the service could not start, or had to end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServiceError {
    #[error("{0}")]
    Apply(#[from] ApplyError),
    #[error("the event loop failed: {0}")]
    Loop(#[from] smithay::reexports::calloop::Error),
    #[error("the Wayland display cannot be made: {0}")]
    Display(String),
    #[error("--ready-fd cannot be used: {0}")]
    ReadyFd(#[from] InheritError),
    #[error("{0}")]
    User(#[from] early::UserError),
    #[error("{0}")]
    Handed(#[from] HandedError),
    #[error("standard output cannot be written: {0}")]
    Output(std::io::Error),
    #[error("the process that starts programs cannot be had: {0}")]
    Starter(std::io::Error),
}

/// Runs the service until it is told to end.
pub(crate) fn run(cli: &Cli) -> Result<(), ServiceError> {
    let ready_fd = cli.ready_fd.map(porthole_program::ready_fd).transpose()?;
    let runtime = runtime_dir(cli);
    let mut handed = handed(cli, &runtime)?;
    let mut cards = Cards::new(handed.take_cards());
    // Before the sandbox changes the environment.
    let parents = Parents::of_session();
    let source = Source::find(cli, &parents, &mut cards);
    if let Some(why) = source.why() {
        tracing::info!("{why}");
    }
    let (config, text) = source.load().map_err(ApplyError::from)?;
    let splash = reload::splash(&config)?;
    // It may start a process, and opens cards.
    let session = cards.begin_session(config.seat.as_ref());
    // Sizes may be those of screens.
    let config = cards.read(&config);
    let mut pictures = Pictures::default();
    pictures.files = Files::load(&config).map_err(ApplyError::from)?;
    let images = pictures.files.sizes();
    let sockets = Sockets::new(&runtime, handed).map_err(ApplyError::from)?;
    let digest = Digest::of(&text, &images);
    let state_dir = cli.state_dir.clone().unwrap_or_else(|| default_state_dir(&runtime));
    let mut memory = Memory::open(state_dir.clone(), default_state_dir(&runtime));
    let start =
        memory.recall(&config, (digest, &mut pictures), cli.fresh).map_err(ApplyError::from)?;
    let Start { device, viewer_sizes } = start;
    pictures.follow(&device);

    let mut event_loop: EventLoop<'static, State> = EventLoop::try_new()?;
    // Before any thread is started, so that all of them leave the signals to this source.
    let signals =
        Signals::new(&[Signal::SIGHUP, Signal::SIGUSR1, Signal::SIGTERM, Signal::SIGINT])?;
    let display: Display<State> =
        Display::new().map_err(|e| ServiceError::Display(e.to_string()))?;
    // A socket of this kind cannot be made later.
    let uevents = screens::listen(&config);
    // Threads inherit it as well.
    let starter =
        confine(cli, (&source, &config), &runtime, &state_dir).map_err(ServiceError::Starter)?;
    let (answers, drawn) = channel::channel();
    let (wake, released) = make_ping().map_err(|e| ServiceError::Loop(e.into()))?;
    let handle = display.handle();
    let mut state = State {
        globals: Globals::new(&handle),
        display: handle,
        handle: event_loop.handle(),
        signal: event_loop.get_signal(),
        is_ending: false,
        source,
        viewer_sizes,
        device: Device::new(),
        memory,
        control: Control::default(),
        ports: Ports::new(answers),
        cards,
        parents,
        seats: Seats::new(SeatState::new(), config.input.repeat, reload::layout(&config)),
        machine: Machine::with(session),
        windows: Windows::default(),
        layers: Layers::default(),
        pictures,
        sockets,
        successor: None,
        programs: Programs::new(starter),
        statistics: Statistics::default(),
        released: Releases::new(wake),
        arrow: cursor::arrow(),
        config,
    };
    insert_sources(&event_loop, signals, drawn, released)?;
    state.watch_uevents(uevents);
    state.watch_programs().map_err(ServiceError::Starter)?;
    state.offer_handover();

    let ports = state.add_ports(&device, splash.as_ref(), state.config.render.renderer)?;
    state.device = device;
    state.attach_screens();
    state.memory.changed();
    show_splash(&mut event_loop, &mut state, &ports)?;
    // Nothing of this is needed for a picture.
    state.memory.start();
    let mut turn =
        Turn::new(display, event_loop.handle()).map_err(|e| ServiceError::Loop(e.into()))?;
    state.open_devices();
    open(&mut state, ready_fd)?;

    go_on(&mut event_loop, &mut state, &mut turn)?;
    end(state);
    Ok(())
}

/// Runs until the service is told to end, if it was not meanwhile.
fn go_on(
    event_loop: &mut EventLoop<'static, State>,
    state: &mut State,
    turn: &mut Turn,
) -> Result<(), ServiceError> {
    if !state.is_ending {
        event_loop.run(None, state, |state| turn.run(state))?;
    }
    Ok(())
}

impl State {
    /// Has the service end once it can.
    pub(crate) fn stop(&mut self) {
        self.is_ending = true;
        self.signal.stop();
    }
}

fn end(mut state: State) {
    tracing::info!("ending");
    let handle = state.handle.clone();
    state.programs.stop_all(&handle);
    // Last of all: the next run then begins.
    let successor = state.successor.take();
    drop(state);
    drop(successor);
}

/// What the service manager kept, and what the run before this one has.
fn handed(cli: &Cli, runtime: &Path) -> Result<HandedOver, ServiceError> {
    // Before anything is opened or made.
    if let Some(user) = &cli.user {
        early::become_user(user)?;
    }
    let mut handed = HandedOver::take()?;
    if cli.early && is_ended_with_initramfs() {
        tracing::warn!(
            "systemd ends this service together with the initramfs: its name must begin with '@' (ExecStart=@/usr/bin/porthole @porthole --early)"
        );
    }
    if cli.take_over && handed.take_over(runtime)? {
        tracing::info!("what the service before this one had is taken over");
    }
    Ok(handed)
}

/// Whether we are in an initramfs of systemd's, and it does not know that we are to outlive that.
fn is_ended_with_initramfs() -> bool {
    let named =
        std::env::args_os().next().is_some_and(|name| name.as_encoded_bytes().starts_with(b"@"));
    !named && Path::new("/etc/initrd-release").exists() && Path::new("/run/systemd/system").exists()
}

fn runtime_dir(cli: &Cli) -> PathBuf {
    cli.runtime_dir.clone().unwrap_or_else(|| {
        std::env::var_os("XDG_RUNTIME_DIR")
            .map_or_else(|| PathBuf::from("/run"), PathBuf::from)
            .join("porthole")
    })
}

fn default_state_dir(runtime: &Path) -> PathBuf {
    runtime.join(".state")
}

/// Has the first frame of every port drawn, makes the seats meanwhile, and waits for the frames.
fn show_splash(
    event_loop: &mut EventLoop<'static, State>,
    state: &mut State,
    ports: &[PortId],
) -> Result<(), ServiceError> {
    for id in ports {
        state.damage_port(*id);
    }
    state.refresh_ports();
    // A card takes its time to show a frame, perhaps in another mode: that is when the rest is made.
    while !state.ports.all_cards_have_frames() {
        event_loop.dispatch(None::<Duration>, state)?;
    }
    state.add_seats(ports);
    while !state.ports.all_shown() {
        event_loop.dispatch(None::<Duration>, state)?;
    }
    tracing::info!("the splash is on every port");
    Ok(())
}

/// Opens the sockets, starts the programs and says so.
fn open(state: &mut State, ready_fd: Option<OwnedFd>) -> Result<(), ServiceError> {
    let config = state.config.clone();
    state.sockets.apply(&state.handle, &state.display, &config).map_err(ApplyError::from)?;
    state.apply_programs(&config.programs);
    state.remember();
    ready::tell(state, ready_fd);
    Ok(())
}

fn insert_sources(
    event_loop: &EventLoop<'static, State>,
    signals: Signals,
    drawn: Channel<(PortId, Drawn)>,
    released: PingSource,
) -> Result<(), ServiceError> {
    let handle = event_loop.handle();
    let failed = |e: smithay::reexports::calloop::Error| ServiceError::Loop(e);
    handle
        .insert_source(signals, |event, &mut (), state| match event.signal() {
            Signal::SIGHUP => state.reload(),
            Signal::SIGUSR1 => tracing::info!("statistics {}", state.statistics()),
            _ => state.stop(),
        })
        .map_err(|e| failed(e.error))?;
    handle
        .insert_source(drawn, |event, &mut (), state| {
            if let Event::Msg((port, drawn)) = event {
                state.drawn(port, drawn);
            }
        })
        .map_err(|e| failed(e.error))?;
    handle
        .insert_source(released, |(), &mut (), state| state.released.send())
        .map_err(|e| failed(e.error))?;
    Ok(())
}
