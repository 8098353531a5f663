//! All devices of the guest, and the presenter behind them.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

use calloop::channel::Sender;
use porthole_client::present::{Display, Guest, GuestState, Told};
use porthole_client::resizes::Resizes;
use porthole_device::{Desk, Diary, GpuPort, Inputs, OpenError, Presenter, input_of, shape, trace};
use porthole_gpu_device::{Event, Options};
use porthole_input_device::Kind;
use porthole_trace::{Event as Record, Tap, Tracer};
use porthole_vhost_device::{Address, Endpoint, Fault, Server, Turn};

use super::Failure;
use crate::cli::Cli;

/// Names a device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Which {
    Gpu,
    /// An index into the inputs.
    Input(usize),
}

impl Which {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Gpu => "gpu",
            Self::Input(index) => Inputs::name(index),
        }
    }
}

/// Everything that the device thread owns.
pub(super) struct Devices {
    server: Server,
    port: GpuPort,
    inputs: Inputs,
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

impl Devices {
    pub(super) fn open(cli: &Cli) -> Result<Self, Failure> {
        let options = cli.devices.gpu(&cli.guest);
        let options = Options { blob: cli.blob, uuids: Some(random()?), ..options };
        let gpu_info = trace::gpu_info(&options);
        let port = GpuPort::new(options, Tap::default());
        let server = match cli.gpu_address() {
            Some(address) => serve(address, shape(&port.gpu))?,
            None => return Err(Failure::System("no socket", io::ErrorKind::InvalidInput.into())),
        };
        let inputs = Inputs::open(&cli.guest, cli.devices.inputs())?;
        let infos = std::iter::once(gpu_info).chain(inputs.infos(&cli.guest)).collect();
        let trace = cli.recording.open("porthole-gpu", &cli.guest, infos);
        let trace = trace.map_err(|error| Failure::System("--trace", error))?;
        let scanouts = usize::from(cli.devices.scanouts);
        Ok(Self {
            server,
            port,
            inputs,
            presenter: Presenter::Null,
            desk: Desk::new(scanouts),
            resizes: Resizes::new(scanouts),
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
        std::iter::once(Which::Gpu).chain(self.inputs.present().map(Which::Input)).collect()
    }

    /// A device's descriptor for the event loop.
    pub(super) fn fd(&self, which: Which) -> io::Result<OwnedFd> {
        match which {
            Which::Gpu => self.server.as_fd().try_clone_to_owned(),
            Which::Input(index) => self.inputs.fd(index),
        }
    }

    /// Lets a device work; false when its front-end has gone.
    pub(super) fn turn(&mut self, which: Which) -> Result<bool, Fault> {
        match which {
            Which::Gpu => {
                for told in self.presenter.news() {
                    self.told(told);
                }
                Ok(self.server.turn(&mut self.port)? == Turn::Waiting)
            }
            Which::Input(index) => self.inputs.turn(index),
        }
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
        if let Some(numbers) = self.diary.say(now, self.port.numbers(self.server.kicks())) {
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
        self.port.end_trace();
    }

    /// What the GPU did in its life, for the log.
    pub(super) fn statistics(&self) -> porthole_gpu_device::Statistics {
        self.port.gpu.statistics()
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
        self.inputs.record(&tracer, 1);
        self.tracer = Some(tracer);
        Ok(())
    }

    /// Starts showing frames.
    pub(super) fn start_presenter(&mut self, cli: &Cli, tell: Sender<Told>) -> Result<(), Failure> {
        let options = cli.common.presenter(&cli.guest, usize::from(cli.devices.scanouts));
        self.presenter = Presenter::start(options, tell)
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
            seat => {
                if let Some(input) = input_of(&seat, &self.desk) {
                    self.inputs.input(input);
                }
            }
        }
    }

    /// Lets go of everything that is pressed.
    pub(super) fn release_all(&mut self) {
        self.inputs.release_all();
    }

    /// Asks the guest to use another display.
    fn change_display(&mut self, scanout: usize, display: Display) {
        if !display.connected {
            self.unplug.insert(scanout);
            return;
        }
        self.unplug.remove(&scanout);
        if self.port.want_display(scanout, &display) && !self.server.config_changed() {
            tracing::debug!(scanout, "the guest will see this display when it starts");
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
        // A guest that is paused promises nothing.
        let runs = self.port.state == GuestState::Running;
        let guest = Guest {
            state: self.port.state,
            lamps: self.inputs.lamps(),
            relative: self.inputs.uses_mouse(),
            pens: self.inputs.is_listening(Kind::Pen),
            rate_mhz: if runs { self.rate_mhz } else { 0 },
        };
        if std::mem::replace(&mut self.told, guest) != guest {
            self.presenter.tell(guest);
        }
    }
}

fn serve(address: &Address, shape: porthole_vhost_device::Shape) -> Result<Server, OpenError> {
    let endpoint = Endpoint::open(address)
        .map_err(|source| OpenError::Endpoint { device: shape.name, source })?;
    Server::new(endpoint, shape).map_err(OpenError::System)
}

fn random() -> Result<u64, Failure> {
    let mut bytes = [0; 8];
    rustix::rand::getrandom(&mut bytes[..], rustix::rand::GetRandomFlags::empty())
        .map_err(|error| Failure::System("getrandom", error.into()))?;
    Ok(u64::from_le_bytes(bytes))
}
