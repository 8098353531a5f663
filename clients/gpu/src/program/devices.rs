//! All devices of the guest, and the presenter behind them.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

use calloop::channel::Sender;
use porthole_client::present::{Display, Guest, GuestState, Lamps, Numbers, Told, Touch};
use porthole_client::resizes::Resizes;
use porthole_gpu_device::{Event, Options, Quotas};
use porthole_input_device::{Input, Kind, Leds};
use porthole_trace::{Event as Record, Tap, Tracer};
use porthole_vhost_device::{Address, Endpoint, Fault, Server, Turn};

use super::Failure;
use crate::cli::Cli;
use crate::desk::Desk;
use crate::diary::Diary;
use crate::gpu::{self, GpuPort};
use crate::input::{self, InputPort};
use crate::presenter::Presenter;
use crate::trace;

/// Names a device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Which {
    Gpu,
    /// An index into the inputs.
    Input(usize),
}

/// Pixels that a display may have each way; drivers refuse smaller ones.
const SIDES: std::ops::RangeInclusive<u32> = 16..=16384;

const KINDS: [Kind; 4] = [Kind::Keyboard, Kind::Tablet, Kind::Mouse, Kind::Touch];

impl Which {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Gpu => "gpu",
            Self::Input(index) => KINDS.get(index).map_or("input", |kind| input::shape(*kind).name),
        }
    }
}

/// An input device on its socket.
struct InputDevice {
    server: Server,
    port: InputPort,
}

/// Everything that the device thread owns.
pub(super) struct Devices {
    server: Server,
    port: GpuPort,
    /// In the order of [`KINDS`]; those that the command line asks for.
    inputs: [Option<InputDevice>; 4],
    presenter: Presenter,
    desk: Desk,
    resizes: Resizes,
    /// Displays that are to be unplugged as soon as the guest can be told.
    unplug: BTreeSet<usize>,
    /// What the presenter was told of the guest.
    told: Guest,
    diary: Diary,
    /// Pictures in 1000 seconds that are promised while the guest runs.
    rate_mhz: u32,
    /// The features that were recorded last.
    features: u64,
    /// What a trace begins with, until it does.
    trace: Option<trace::Opened>,
    tracer: Option<Tracer>,
}

/// The devices that the command line asks for, by the names of the ready line.
pub(super) fn sockets(cli: &Cli) -> Vec<(&'static str, &Address)> {
    let all = [
        ("gpu", cli.gpu_address()),
        ("keyboard", cli.keyboard_socket.as_ref()),
        ("tablet", cli.tablet_socket.as_ref()),
        ("mouse", cli.mouse_socket.as_ref()),
        ("touch", cli.touch_socket.as_ref()),
    ];
    all.into_iter().filter_map(|(name, address)| Some((name, address?))).collect()
}

impl Devices {
    pub(super) fn open(cli: &Cli) -> Result<Self, Failure> {
        let options = Options {
            name: cli.guest.clone(),
            scanouts: vec![Some(cli.size); usize::from(cli.scanouts)],
            quotas: Quotas { bytes: u64::from(cli.max_memory) << 20, ..Quotas::default() },
            blob: cli.blob,
            uuids: Some(random()?),
        };
        let gpu_info = trace::gpu_info(&options);
        let port = GpuPort::new(options, Tap::default());
        let server = match cli.gpu_address() {
            Some(address) => serve(address, gpu::shape(&port.gpu))?,
            None => return Err(Failure::System("no socket", io::ErrorKind::InvalidInput.into())),
        };
        let (keyboard, tablet) = (&cli.keyboard_socket, &cli.tablet_socket);
        let addresses = [keyboard, tablet, &cli.mouse_socket, &cli.touch_socket];
        let mut inputs = [const { None }; 4];
        for ((slot, kind), address) in inputs.iter_mut().zip(KINDS).zip(addresses) {
            if let Some(address) = address {
                let server = serve(address, input::shape(kind))?;
                let port = InputPort::new(kind, &cli.guest);
                *slot = Some(InputDevice { server, port });
            }
        }
        let present = inputs.iter().zip(KINDS).filter(|(input, _)| input.is_some());
        let infos = present.map(|(_, kind)| input::info(kind, &cli.guest));
        let infos = std::iter::once(gpu_info).chain(infos).collect();
        let trace = trace::open(cli, infos).map_err(|error| Failure::System("--trace", error))?;
        Ok(Self {
            server,
            port,
            inputs,
            presenter: Presenter::Null,
            desk: Desk::new(usize::from(cli.scanouts)),
            resizes: Resizes::new(usize::from(cli.scanouts)),
            unplug: BTreeSet::new(),
            told: Guest::default(),
            diary: Diary::default(),
            rate_mhz: cli.rate.map_or(0, |rate| rate.saturating_mul(1000)),
            features: 0,
            trace,
            tracer: None,
        })
    }

    /// The devices that exist.
    pub(super) fn present(&self) -> Vec<Which> {
        let inputs = self.inputs.iter().enumerate();
        let inputs = inputs.filter(|(_, input)| input.is_some());
        std::iter::once(Which::Gpu).chain(inputs.map(|(index, _)| Which::Input(index))).collect()
    }

    /// A device's descriptor for the event loop.
    pub(super) fn fd(&self, which: Which) -> io::Result<OwnedFd> {
        let server = match which {
            Which::Gpu => Some(&self.server),
            Which::Input(index) => {
                self.inputs.get(index).and_then(Option::as_ref).map(|input| &input.server)
            }
        };
        server.ok_or(io::ErrorKind::NotFound)?.as_fd().try_clone_to_owned()
    }

    /// Lets a device work; false when its front-end has gone.
    pub(super) fn turn(&mut self, which: Which) -> Result<bool, Fault> {
        let turn = match which {
            Which::Gpu => {
                for told in self.presenter.news() {
                    self.told(told);
                }
                self.server.turn(&mut self.port)?
            }
            Which::Input(index) => match self.inputs.get_mut(index).and_then(Option::as_mut) {
                Some(InputDevice { server, port }) => server.turn(port)?,
                None => Turn::Disconnected,
            },
        };
        Ok(turn == Turn::Waiting)
    }

    /// After each turn: frames go to the presenter, due answers and displays to the guest.
    pub(super) fn settle(&mut self) {
        self.presenter.set_waiting(self.port.deadline().is_some());
        for event in self.port.take_events() {
            match &event {
                Event::Frame(frame) => self.desk.set(frame.scanout, Some(frame.layout.size())),
                Event::Disabled { scanout } => self.desk.set(*scanout, None),
                _ => {}
            }
            self.presenter.show(event, &mut self.port);
        }
        let now = Instant::now();
        for (scanout, display) in self.resizes.take_due(now) {
            self.change_display(scanout, display);
        }
        self.unplug();
        self.report();
        if let Some(numbers) = self.diary.say(now, self.numbers()) {
            self.presenter.say(numbers);
        }
        let Self { server, port, .. } = self;
        server.with_rings(|rings| port.complete_due(now, rings));
        if port.take_news() && !server.config_changed() {
            tracing::debug!("the guest that came will see its displays when it starts");
        }
        if let Some(tracer) = &self.tracer {
            let bits = server.features();
            if std::mem::replace(&mut self.features, bits) != bits {
                port.tap.record(|| Record::Features { bits });
            }
            port.mend_trace();
            tracer.flush();
        }
    }

    /// Writes the end of the trace, if there is one.
    pub(super) fn end(&self) {
        let done = self.statistics();
        let summary = serde_json::json!({
            "commands": done.commands,
            "errors": done.errors,
            "frames": done.frames,
            "transferred_bytes": done.copies.transfer,
        });
        let summary = summary.to_string();
        self.port.tap.record(|| Record::End { summary: &summary });
    }

    /// What the GPU did in its life, for the log.
    pub(super) fn statistics(&self) -> porthole_gpu_device::Statistics {
        self.port.gpu.statistics()
    }

    /// The same for the compositor.
    fn numbers(&self) -> Numbers {
        let (done, most) = (self.statistics(), self.port.most_bytes());
        let resources = u64::try_from(done.resources).unwrap_or(u64::MAX);
        Numbers([
            done.commands,
            done.errors,
            done.frames,
            done.copies.transfer,
            done.copies.repair,
            self.kicks(),
            resources,
            done.bytes,
            most,
        ])
    }

    /// How often the guest has kicked the GPU's queues.
    pub(super) fn kicks(&self) -> u64 {
        self.server.kicks()
    }

    /// When the next fence must be answered, or the next display be asked for.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let all = [self.port.deadline(), self.resizes.deadline(), self.diary.deadline()];
        all.into_iter().flatten().min()
    }

    /// Starts to record, where the command line says so.
    pub(super) fn start_trace(&mut self) -> Result<(), Failure> {
        let Some(opened) = self.trace.take() else { return Ok(()) };
        let tracer = trace::start(opened).map_err(|error| Failure::System("--trace", error))?;
        self.port.tap = tracer.tap(0);
        for (input, number) in self.inputs.iter_mut().flatten().zip(1..) {
            input.port.tap = tracer.tap(number);
        }
        self.tracer = Some(tracer);
        Ok(())
    }

    /// Starts showing frames.
    pub(super) fn start_presenter(&mut self, cli: &Cli, tell: Sender<Told>) -> Result<(), Failure> {
        self.presenter = Presenter::start(cli, tell)
            .map_err(|error| Failure::System("starting the presenter", error))?;
        Ok(())
    }

    /// The presenter has news.
    pub(super) fn told(&mut self, told: Told) {
        let port = &mut self.port;
        match told {
            Told::Display { scanout, display } => self.resizes.want(scanout, display),
            Told::Visible { scanout, visible } => port.set_visible(scanout, visible),
            Told::Closed { scanout } => {
                tracing::info!(scanout, "the window was closed; the guest goes on without");
            }
            Told::Released { scanout, buffer, serial } => {
                if let Some(buffer) = self.presenter.buffer(buffer) {
                    port.released(scanout, buffer, serial);
                }
            }
            Told::Presented { scanout, serial, .. } => port.presented(scanout, serial),
            Told::Discarded { scanout, serial } => port.discarded(scanout, serial),
            Told::Key { code, pressed, .. } => self.input(Input::Key { code, pressed }),
            // Codes go to the guest as they are; its own keymap makes modifiers of them.
            Told::Modifiers { .. } | Told::FocusLost { .. } => {}
            Told::Pointer { scanout, x, y } => {
                let (x, y) = self.desk.locate(scanout, x, y);
                self.input(Input::Pointer { x, y });
            }
            Told::Motion { dx, dy, .. } => self.input(Input::Motion { dx, dy }),
            Told::Wheel { vertical, horizontal, .. } => {
                self.input(Input::Wheel { vertical, horizontal });
            }
            Told::Touch { scanout, id, touch, x, y } => {
                let (x, y) = self.desk.locate(scanout, x, y);
                self.input(match touch {
                    Touch::Down => Input::TouchDown { id, x, y },
                    Touch::Motion => Input::TouchMotion { id, x, y },
                    Touch::Up => Input::TouchUp { id },
                });
            }
        }
    }

    /// Lets go of everything that is pressed.
    pub(super) fn release_all(&mut self) {
        for InputDevice { server, port } in self.inputs.iter_mut().flatten() {
            port.release_all();
            server.with_rings(|rings| port.deliver(rings));
        }
    }

    /// Asks the guest to use another display.
    fn change_display(&mut self, scanout: usize, display: Display) {
        if !display.connected {
            self.unplug.insert(scanout);
            return;
        }
        self.unplug.remove(&scanout);
        let port = &mut self.port;
        // Where the guest may choose it is told what it was told before.
        let size = display.size.unwrap_or_else(|| port.gpu.last_size(scanout));
        let fits = |side: u32| SIDES.contains(&side);
        if !fits(size.width) || !fits(size.height) {
            tracing::debug!(scanout, ?size, "a size that no display has");
            return;
        }
        let described = port.describe(scanout, display.refresh_mhz, display.millimetres);
        let resized = port.set_size(scanout, Some(size));
        if (described || resized) && !self.server.config_changed() {
            tracing::debug!(scanout, ?size, "the guest will see this display when it starts");
        }
    }

    /// Takes displays from the guest that nothing shows. A guest that could not be told of their
    /// coming back keeps them.
    fn unplug(&mut self) {
        if self.unplug.is_empty() || !self.server.tells_config() {
            return;
        }
        for scanout in std::mem::take(&mut self.unplug) {
            if self.port.set_size(scanout, None) {
                tracing::info!(scanout, "nothing shows this display: the guest has it no more");
                self.server.config_changed();
            }
        }
    }

    /// Tells the presenter how the guest is, when that is news.
    fn report(&mut self) {
        let leds = self.device(Kind::Keyboard).and_then(|keyboard| keyboard.port.leds());
        let lamps = leds.map(|Leds { num, caps, scroll }| Lamps { num, caps, scroll });
        // A guest that is paused promises nothing.
        let runs = self.port.state == GuestState::Running;
        let guest = Guest {
            state: self.port.state,
            lamps,
            relative: self.uses_mouse(),
            rate_mhz: if runs { self.rate_mhz } else { 0 },
        };
        if std::mem::replace(&mut self.told, guest) != guest {
            self.presenter.tell(guest);
        }
    }

    fn device(&self, wanted: Kind) -> Option<&InputDevice> {
        let mut devices = self.inputs.iter().zip(KINDS);
        devices.find(|(_, kind)| *kind == wanted).and_then(|(device, _)| device.as_ref())
    }

    /// Whether the guest is pointed at with the mouse: it has a driver for it, and none for a tablet.
    fn uses_mouse(&self) -> bool {
        let used = |kind| self.device(kind).is_some_and(|device| device.port.is_listening());
        used(Kind::Mouse) && !used(Kind::Tablet)
    }

    /// What a seat did goes to every device; each takes what it can do. Of tablet and mouse only one is
    /// used, the other one lets go of what it holds.
    fn input(&mut self, input: Input) {
        let unused = if self.uses_mouse() { Kind::Tablet } else { Kind::Mouse };
        for (device, kind) in self.inputs.iter_mut().zip(KINDS) {
            let Some(InputDevice { server, port }) = device else { continue };
            let presses = matches!(input, Input::Key { pressed: true, .. });
            let moves = matches!(input, Input::Wheel { .. });
            if kind == unused && (presses || moves) {
                continue;
            }
            port.send(input);
            server.with_rings(|rings| port.deliver(rings));
        }
    }
}

fn serve(address: &Address, shape: porthole_vhost_device::Shape) -> Result<Server, Failure> {
    let endpoint = Endpoint::open(address)
        .map_err(|source| Failure::Endpoint { device: shape.name, source })?;
    Server::new(endpoint, shape).map_err(|error| Failure::System("epoll", error))
}

fn random() -> Result<u64, Failure> {
    let mut bytes = [0; 8];
    rustix::rand::getrandom(&mut bytes[..], rustix::rand::GetRandomFlags::empty())
        .map_err(|error| Failure::System("getrandom", error.into()))?;
    Ok(u64::from_le_bytes(bytes))
}
