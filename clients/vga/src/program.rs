//! The event loop of the main thread.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Instant;

use calloop::{Interest, LoopHandle, PostAction};
use porthole_client::present::{Display, Told};
use porthole_client::program::{Events, Program, watch};
use porthole_client::resizes::Resizes;
use porthole_device::confine::confine;
use porthole_device::{Inputs, OpenError, Presenter, input_of, ready, trace};
use porthole_input_device::Kind;
use porthole_pixel::Size;
use porthole_program::InheritError;
use porthole_vfio_device::{Endpoint, EndpointError, Fault, Server, Turn};
use porthole_vga_device::Unfit;
use thiserror::Error;

use crate::cli::{Cli, Task};
use crate::config::ids;
use crate::engine::Engine;
use crate::function::Adapter;
use crate::hands::Hands;
use crate::monitor::{Look, Monitor};
use crate::replay;
use crate::rom::{Rom, RomError};
use crate::typist;
use crate::vram::Video;
use crate::worker::{Shared, Worker};

/// Why the program cannot go on; each says what to do where something can be done.
#[derive(Debug, Error)]
pub enum Failure {
    /// A socket cannot be opened.
    #[error("cannot wait for QEMU")]
    Endpoint(#[source] EndpointError),
    /// The socket for QEMU's monitor cannot be opened.
    #[error("--qmp")]
    Monitor(#[source] EndpointError),
    /// An input device's socket cannot be opened.
    #[error(transparent)]
    Input(#[from] OpenError),
    /// The ready descriptor is of no use.
    #[error("--ready-fd")]
    ReadyFd(#[source] InheritError),
    /// There is no option ROM.
    #[error("--rom")]
    Rom(#[source] RomError),
    /// There can be no such video memory.
    #[error("--vram")]
    Vram(#[source] Unfit),
    /// The adapter's connection failed.
    #[error("vga")]
    Device(#[source] Fault),
    /// An input device's connection failed.
    #[error("{0}")]
    InputDevice(&'static str, #[source] porthole_vhost_device::Fault),
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
    server: Server,
    adapter: Adapter,
    shared: Arc<Shared>,
    inputs: Inputs,
    hands: Option<Hands>,
    /// Where their way is watched while it is full.
    handle: Option<LoopHandle<'static, State>>,
    /// It is watched.
    full: bool,
    resizes: Resizes,
    /// Somebody sees the first display.
    visible: bool,
    /// The VGA had the screen at the last look.
    was_vga: bool,
    /// All of the VGA's picture is to be given anew.
    anew: bool,
    next_look: Instant,
    /// How it ends.
    end: Option<Result<(), Failure>>,
    /// What a trace begins with, until it does.
    trace: Option<trace::Opened>,
}

/// Runs the adapter until the VM ends.
///
/// # Errors
/// When a socket cannot be opened or the adapter cannot go on.
pub fn run(cli: &Cli) -> Result<(), Failure> {
    if let Some(Task::Replay(options)) = &cli.task {
        let done = porthole_replay::run(options, !cli.common.no_sandbox, &replay::make);
        return done.map_err(Failure::Replay);
    }
    // Inherited descriptors are taken over before anything else is opened.
    let ready = cli.common.take_ready_fd().map_err(Failure::ReadyFd)?;
    let mut state = State::open(cli)?;
    let (events, tell) = Events::new()?;
    watch_devices(&events.handle(), &mut state)?;
    let sockets = cli.sockets();
    let held = confine(&cli.common, &sockets)
        .map_err(|error| Failure::System("starting the connector", error))?;
    // Threads inherit the blocked signals and the sandbox, so they start after them.
    let options = cli.common.presenter(&cli.guest, usize::from(cli.devices.scanouts));
    state.start_trace()?;
    let presenter = Presenter::start(options, tell)
        .map_err(|error| Failure::System("starting the presenter", error))?;
    state.shared.engine().set_presenter(presenter);
    let _worker = Worker::start(Arc::clone(&state.shared))
        .map_err(|error| Failure::System("starting the worker", error))?;
    if let Some(fd) = ready {
        ready::tell(fd, &cli.guest, &sockets, held)
            .map_err(|error| Failure::System("writing to the ready descriptor", error))?;
    }
    let end = events.run(&mut state);
    state.shared.engine().end_trace();
    end
}

impl State {
    fn open(cli: &Cli) -> Result<Self, Failure> {
        let model = cli.model.into();
        let rom = cli.rom.as_ref().unwrap_or(&Rom::Usual).load(ids(model)).map_err(Failure::Rom)?;
        let system = |what| move |error| Failure::System(what, error);
        let video = Video::new(cli.vram << 20).map_err(system("video memory"))?;
        let memory = Arc::clone(video.shared());
        let mut monitor = Monitor::new(model, video, &cli.guest).map_err(Failure::Vram)?;
        monitor.describe(cli.devices.size, (0, 0));
        let options = cli.devices.gpu(&cli.guest);
        let vga = replay::info(cli.model, cli.vram << 20, rom.len(), &cli.guest, cli.devices.size);
        let devices = vec![vga, trace::gpu_info(&options)];
        let engine = Engine::new(options);
        let shared = Arc::new(Shared::new(engine).map_err(system("eventfd"))?);
        let adapter = Adapter::new(model, monitor, rom, Arc::clone(&shared));
        let file = memory.memory().fd().as_fd().try_clone_to_owned();
        let description = adapter.description(file.map_err(system("dup"))?);
        let Some(address) = cli.address() else {
            return Err(Failure::System("no socket", io::ErrorKind::InvalidInput.into()));
        };
        let endpoint = Endpoint::open(address).map_err(Failure::Endpoint)?;
        let server = Server::new(endpoint, description).map_err(system("epoll"))?;
        let typist = cli.qmp.as_ref().map(Endpoint::open).transpose().map_err(Failure::Monitor)?;
        let typist =
            typist.map(typist::start).transpose().map_err(system("starting the typist"))?;
        let inputs = Inputs::open(&cli.guest, cli.devices.inputs())?;
        let devices = devices.into_iter().chain(inputs.infos(&cli.guest)).collect();
        let trace = cli.recording.open("porthole-vga", &cli.guest, devices);
        Ok(Self {
            server,
            adapter,
            shared,
            inputs,
            hands: typist.map(Hands::new),
            handle: None,
            full: false,
            resizes: Resizes::new(usize::from(cli.devices.scanouts)),
            visible: false,
            was_vga: true,
            anew: false,
            next_look: Instant::now(),
            end: None,
            trace: trace.map_err(system("--trace"))?,
        })
    }

    /// Starts to record, where the command line says so.
    fn start_trace(&mut self) -> Result<(), Failure> {
        let Some(opened) = self.trace.take() else { return Ok(()) };
        let system = |error| Failure::System("--trace", error);
        let tracer = trace::start(opened).map_err(system)?;
        let (vga, gpu) = (tracer.tap(0), tracer.tap(1));
        self.inputs.record(&tracer, 2);
        self.adapter.trace(vga.clone()).map_err(system)?;
        self.shared.engine().trace(tracer, vga, gpu);
        Ok(())
    }

    /// The machine monitor has something to say.
    fn turn(&mut self) -> PostAction {
        match self.server.turn(&mut self.adapter) {
            Ok(Turn::Waiting) => {}
            Ok(Turn::Disconnected) => {
                let done = self.shared.engine().statistics();
                tracing::info!(done.commands, done.errors, done.frames, "the VM has ended");
                self.end = Some(Ok(()));
                return PostAction::Remove;
            }
            Err(source) => {
                self.end = Some(Err(Failure::Device(source)));
                return PostAction::Remove;
            }
        }
        let touched = self.adapter.take_touched();
        let now = Instant::now();
        if touched.mode && !self.shared.engine().is_vga() {
            self.anew |= self.shared.engine().vga_used(now);
        }
        if touched.reset {
            // What the VGA shows has the screen again, all of it and at once.
            self.anew = true;
            self.next_look = now;
        }
        if touched.mode {
            self.adapter.monitor.hurry();
        }
        if touched.registers {
            self.adapter.monitor.poke();
            self.next_look = self.next_look.min(self.adapter.monitor.next_look(true));
        }
        PostAction::Continue
    }

    /// An input device has something to do.
    fn input_turn(&mut self, index: usize) -> PostAction {
        match self.inputs.turn(index) {
            Ok(true) => {
                self.tell_of_inputs();
                PostAction::Continue
            }
            Ok(false) => PostAction::Remove,
            Err(source) => {
                self.end = Some(Err(Failure::InputDevice(Inputs::name(index), source)));
                PostAction::Remove
            }
        }
    }

    /// The process that types has news, or is gone.
    fn hands_turn(&mut self) -> PostAction {
        if self.hands.as_mut().is_some_and(Hands::hear) {
            self.tell_of_inputs();
            return PostAction::Continue;
        }
        tracing::error!(
            "the process that types is gone: the guest has the devices of this one only"
        );
        self.hands = None;
        PostAction::Remove
    }

    /// What could not be let go of, because the way was full, is let go of when there is room.
    fn watch_hands(&mut self) {
        let owing = self.hands.as_ref().filter(|hands| hands.owes() && !self.full);
        let (Some(hands), Some(handle)) = (owing, &self.handle) else { return };
        // Without a descriptor it waits for the next input.
        let Ok(fd) = hands.fd().try_clone() else { return };
        let watched = watch(handle, fd, Interest::WRITE, |state: &mut State| {
            state.hands.iter_mut().for_each(Hands::pay);
            state.full = state.hands.as_ref().is_some_and(Hands::owes);
            if state.full { PostAction::Continue } else { PostAction::Remove }
        });
        self.full = watched.is_ok();
    }

    fn tell_of_inputs(&self) {
        let points = self.inputs.is_listening(Kind::Tablet);
        let moves = self.hands.as_ref().is_some_and(Hands::is_relative) && !points;
        let relative = self.inputs.uses_mouse() || moves;
        let pens = self.inputs.is_listening(Kind::Pen);
        self.shared.engine().set_inputs(self.inputs.lamps(), (relative, pens));
    }

    fn look(&mut self, now: Instant) {
        let vga = self.shared.engine().is_vga();
        let anew = std::mem::take(&mut self.anew) || (vga && !self.was_vga);
        let anew = self.adapter.mend_trace() || anew;
        let look = self.adapter.monitor.look(now, anew);
        let changed = look.changed;
        if vga {
            self.show(look, now);
        } else if self.was_vga {
            // What was drawn until the driver took over was not drawn since.
        } else {
            self.watch_aside(now, &look);
        }
        if changed {
            self.shared.engine().flush_trace();
        }
        self.was_vga = vga;
        self.next_look = self.adapter.monitor.next_look(vga && self.visible);
    }

    /// Sees whether the guest goes on with the VGA, because its driver has crashed.
    fn watch_aside(&mut self, now: Instant, look: &Look) {
        let mut engine = self.shared.engine();
        let takes = if look.changed { engine.vga_used(now) } else { engine.take_back(now) };
        drop(engine);
        if takes {
            let look = self.adapter.monitor.look(now, true);
            self.show(look, now);
        }
    }

    fn show(&self, look: Look, now: Instant) {
        let due = self.shared.engine().show_vga(look, now);
        if due {
            self.shared.wake();
        }
    }

    fn change_display(&mut self, scanout: usize, display: Display) {
        if scanout == 0
            && let Some(size) = display.size.filter(|size| *size != Size::default())
        {
            self.adapter.monitor.describe(size, display.millimetres);
        }
        if self.shared.engine().change_display(scanout, &display) {
            self.adapter.config_changed();
        }
    }
}

impl Program for State {
    type Failure = Failure;

    fn told(&mut self, told: Told) {
        match told {
            Told::Display { scanout, display } => self.resizes.want(scanout, display),
            Told::Visible { scanout, visible } => {
                if scanout == 0 {
                    self.visible = visible;
                    self.next_look = self.next_look.min(self.adapter.monitor.next_look(visible));
                }
                self.shared.engine().told(&told);
            }
            Told::Key { .. }
            | Told::Pointer { .. }
            | Told::Motion { .. }
            | Told::Wheel { .. }
            | Told::Touch { .. } => {
                let input = input_of(&told, &self.shared.engine().desk);
                if let Some(input) = input {
                    self.inputs.input(input);
                    if let Some(hands) = &mut self.hands {
                        hands.input(input, &self.inputs);
                    }
                    self.watch_hands();
                }
                // Who types wants to see it.
                self.adapter.monitor.poke();
                self.next_look = self.next_look.min(self.adapter.monitor.next_look(self.visible));
            }
            other => {
                let mut engine = self.shared.engine();
                engine.told(&other);
                engine.settle(Instant::now());
            }
        }
    }

    fn unseen(&mut self) {
        self.inputs.release_all();
        if let Some(hands) = &mut self.hands {
            hands.release_all();
        }
        self.watch_hands();
    }

    fn statistics(&mut self) -> Option<serde_json::Value> {
        let engine = self.shared.engine();
        let done = engine.statistics();
        Some(serde_json::json!({
            "commands": done.commands,
            "errors": done.errors,
            "frames": done.frames,
            "kicks": engine.kicks(),
            "transferred_bytes": done.copies.transfer,
            "repaired_bytes": done.copies.repair,
            "vga": engine.is_vga(),
        }))
    }

    fn end(&mut self) -> &mut Option<Result<(), Failure>> {
        &mut self.end
    }

    /// After each turn: the VGA is looked at when it is time, and the guest is asked for other displays.
    fn settle(&mut self) -> Result<(), Failure> {
        let now = Instant::now();
        for (scanout, display) in self.resizes.take_due(now) {
            self.change_display(scanout, display);
        }
        if now >= self.next_look {
            self.look(now);
        }
        Ok(())
    }

    fn deadline(&self) -> Option<Instant> {
        self.resizes.deadline().into_iter().chain([self.next_look]).min()
    }
}

fn watch_devices(handle: &LoopHandle<'static, State>, state: &mut State) -> Result<(), Failure> {
    let failed = |error| Failure::System("dup", error);
    let fd = state.server.as_fd().try_clone_to_owned().map_err(failed)?;
    watch(handle, fd, Interest::READ, State::turn)?;
    for index in state.inputs.present() {
        let fd = state.inputs.fd(index).map_err(failed)?;
        watch(handle, fd, Interest::READ, move |state: &mut State| state.input_turn(index))?;
    }
    if let Some(hands) = &state.hands {
        let fd = hands.fd().try_clone().map_err(failed)?;
        watch(handle, fd, Interest::READ, State::hands_turn)?;
        state.handle = Some(handle.clone());
    }
    Ok(())
}
