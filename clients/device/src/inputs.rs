//! The input devices of a guest: each on a vhost-user socket of its own.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use porthole_client::present::{Held, Lamps, Told, Touch};
use porthole_input_device::{Input, Kind, Leds, PenPlace};
use porthole_trace::{DeviceInfo, Tracer};
use porthole_vhost_device::{Address, Endpoint, EndpointError, Fault, Server, Turn};
use thiserror::Error;

use crate::desk::Desk;
use crate::input::{self, InputPort};

const KINDS: [Kind; 5] = [Kind::Keyboard, Kind::Tablet, Kind::Mouse, Kind::Touch, Kind::Pen];

/// Why an input device cannot be had.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Its socket cannot be opened.
    #[error("{device}: cannot wait for QEMU")]
    Endpoint {
        /// Which device.
        device: &'static str,
        /// Why.
        source: EndpointError,
    },
    /// The system has no descriptors left.
    #[error("epoll")]
    System(#[source] io::Error),
}

/// An input device on its socket.
#[derive(Debug)]
struct InputDevice {
    server: Server,
    port: InputPort,
}

/// Keyboard, tablet, mouse, touch screen and pen; those that are wanted.
#[derive(Debug)]
pub struct Inputs {
    devices: [Option<InputDevice>; 5],
}

impl Inputs {
    /// Opens the sockets of those that have an address, in the order of keyboard, tablet, mouse, touch screen
    /// and pen.
    ///
    /// # Errors
    /// When one of them cannot be opened.
    pub fn open(guest: &str, addresses: [Option<&Address>; 5]) -> Result<Self, OpenError> {
        let mut devices = [const { None }; 5];
        for ((slot, kind), address) in devices.iter_mut().zip(KINDS).zip(addresses) {
            let Some(address) = address else { continue };
            let shape = input::shape(kind);
            let endpoint = Endpoint::open(address)
                .map_err(|source| OpenError::Endpoint { device: shape.name, source })?;
            let server = Server::new(endpoint, shape).map_err(OpenError::System)?;
            *slot = Some(InputDevice { server, port: InputPort::new(kind, guest) });
        }
        Ok(Self { devices })
    }

    /// How those that there are were made, for a trace.
    pub fn infos(&self, guest: &str) -> Vec<DeviceInfo> {
        let there = self.devices.iter().zip(KINDS).filter(|(device, _)| device.is_some());
        there.map(|(_, kind)| input::info(kind, guest)).collect()
    }

    /// Has those that there are recorded, as the devices from this number on.
    pub fn record(&mut self, tracer: &Tracer, first: u8) {
        for (device, number) in self.devices.iter_mut().flatten().zip(first..) {
            device.port.tap = tracer.tap(number);
        }
    }

    /// The numbers of those that there are.
    pub fn present(&self) -> impl Iterator<Item = usize> {
        let devices = self.devices.iter().enumerate();
        devices.filter(|(_, device)| device.is_some()).map(|(index, _)| index)
    }

    /// What a device is called.
    #[must_use]
    pub fn name(index: usize) -> &'static str {
        KINDS.get(index).map_or("input", |kind| input::shape(*kind).name)
    }

    /// A device's descriptor for the event loop.
    ///
    /// # Errors
    /// When there is no such device, or no descriptor left.
    pub fn fd(&self, index: usize) -> io::Result<OwnedFd> {
        let device = self.devices.get(index).and_then(Option::as_ref);
        device.ok_or(io::ErrorKind::NotFound)?.server.as_fd().try_clone_to_owned()
    }

    /// Lets a device work; false when its front-end has gone.
    ///
    /// # Errors
    /// When it cannot go on.
    pub fn turn(&mut self, index: usize) -> Result<bool, Fault> {
        match self.devices.get_mut(index).and_then(Option::as_mut) {
            Some(InputDevice { server, port }) => {
                let turn = server.turn(port)?;
                port.mend_trace();
                Ok(turn == Turn::Waiting)
            }
            None => Ok(false),
        }
    }

    /// Lets go of everything that is pressed.
    pub fn release_all(&mut self) {
        for InputDevice { server, port } in self.devices.iter_mut().flatten() {
            port.release_all();
            server.with_rings(|rings| port.deliver(rings));
        }
    }

    /// The keyboard's lamps; none before the guest has used one.
    pub fn lamps(&self) -> Option<Lamps> {
        let leds = self.device(Kind::Keyboard).and_then(|keyboard| keyboard.port.leds());
        leds.map(|Leds { num, caps, scroll }| Lamps { num, caps, scroll })
    }

    /// Whether the guest is pointed at with the mouse: it has a driver for it, and none for a tablet.
    pub fn uses_mouse(&self) -> bool {
        let used = |kind| self.device(kind).is_some_and(|device| device.port.is_listening());
        used(Kind::Mouse) && !used(Kind::Tablet)
    }

    /// Whether a driver of the guest reads a device of this kind.
    pub fn is_listening(&self, kind: Kind) -> bool {
        self.device(kind).is_some_and(|device| device.port.is_listening())
    }

    /// What a seat did goes to every device; each takes what it can do. Of tablet and mouse only one is
    /// used, the other one lets go of what it holds.
    pub fn input(&mut self, input: Input) {
        let unused = if self.uses_mouse() { Kind::Tablet } else { Kind::Mouse };
        for (device, kind) in self.devices.iter_mut().zip(KINDS) {
            let Some(InputDevice { server, port }) = device else { continue };
            let presses = matches!(input, Input::Key { pressed: true, .. });
            let moves = matches!(input, Input::Wheel { .. });
            if kind == unused && (presses || moves) {
                continue;
            }
            port.send(input);
            server.with_rings(|rings| port.deliver(rings));
            port.mend_trace();
        }
    }

    fn device(&self, wanted: Kind) -> Option<&InputDevice> {
        let mut devices = self.devices.iter().zip(KINDS);
        devices.find(|(_, kind)| *kind == wanted).and_then(|(device, _)| device.as_ref())
    }
}

/// What a presenter tells of a seat, as the guest's devices take it.
#[must_use]
pub fn input_of(told: &Told, desk: &Desk) -> Option<Input> {
    match *told {
        Told::Key { code, pressed, .. } => Some(Input::Key { code, pressed }),
        Told::Pointer { scanout, x, y } => {
            let (x, y) = desk.locate(scanout, x, y);
            Some(Input::Pointer { x, y })
        }
        Told::Motion { dx, dy, .. } => Some(Input::Motion { dx, dy }),
        Told::Wheel { vertical, horizontal, .. } => Some(Input::Wheel { vertical, horizontal }),
        Told::Touch { scanout, id, touch, x, y } => {
            let (x, y) = desk.locate(scanout, x, y);
            Some(match touch {
                Touch::Down => Input::TouchDown { id, x, y },
                Touch::Motion => Input::TouchMotion { id, x, y },
                Touch::Up => Input::TouchUp { id },
            })
        }
        Told::Pen { scanout, x, y, held } => {
            let (x, y) = desk.locate(scanout, x, y);
            let Held { rubber, pressure, distance, tilt } = held;
            Some(Input::Pen(PenPlace { rubber, x, y, pressure, distance, tilt }))
        }
        Told::PenKey { code, pressed } => Some(Input::Key { code, pressed }),
        Told::PenLeft => Some(Input::PenLeft),
        // Codes of keys go to the guest as they are; its own keymap makes modifiers of them.
        _ => None,
    }
}
