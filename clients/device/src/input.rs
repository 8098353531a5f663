//! An input core on the vhost-user transport.

use std::collections::VecDeque;

use porthole_input_device::{Device as Core, Event, Input, Kind, Leds, SNAPSHOT_LIMIT};
use porthole_trace::{DeviceInfo, Event as Record, Input as Done, Tap};
use porthole_virtio_device::{Buffer, Device, Rings, Shape};

use crate::trace;

const EVENTS: usize = 0;
const STATUS: usize = 1;

/// The transport's description of any input device: events to the guest carry no request.
#[must_use]
pub fn shape(kind: Kind) -> Shape {
    let name = match kind {
        Kind::Keyboard => "keyboard",
        Kind::Tablet => "tablet",
        Kind::Mouse => "mouse",
        Kind::Touch => "touch",
        Kind::Pen => "pen",
    };
    Shape { name, features: 0, queues: &[0, Event::LEN] }
}

/// What the guest calls a device: its name and serial number.
fn names(kind: Kind, guest: &str) -> (String, String) {
    (format!("Porthole {}", shape(kind).name), format!("porthole/{guest}"))
}

/// How a device is made, for a trace.
#[must_use]
pub fn info(kind: Kind, guest: &str) -> DeviceInfo {
    let (name, serial) = names(kind, guest);
    let options = serde_json::json!({ "name": name, "serial": serial });
    DeviceInfo { kind: shape(kind).name.to_owned(), options }
}

/// An input device with the buffers that its driver lent for events.
#[derive(Debug)]
pub struct InputPort {
    core: Core,
    kind: Kind,
    name: String,
    serial: String,
    /// At most as many as the ring has entries.
    lent: VecDeque<Buffer>,
    /// Whether a driver has used it.
    used: bool,
    /// Where everything is recorded.
    pub tap: Tap,
}

impl InputPort {
    /// A device of this kind of a guest of this name.
    #[must_use]
    pub fn new(kind: Kind, guest: &str) -> Self {
        let (name, serial) = names(kind, guest);
        let core = Core::new(kind, &name, &serial);
        Self { core, kind, name, serial, lent: VecDeque::new(), used: false, tap: Tap::default() }
    }

    /// Whether a driver reads what the device does.
    #[must_use]
    pub const fn is_listening(&self) -> bool {
        self.core.is_listening()
    }

    /// The lamps as the guest wants them; none before it has used the device.
    #[must_use]
    pub fn leds(&self) -> Option<Leds> {
        self.used.then(|| self.core.leds())
    }

    /// What a person did.
    pub fn send(&mut self, input: Input) {
        self.tap.record(|| trace::done(input));
        self.core.send(input);
    }

    /// Records the whole state where the trace has a hole before.
    pub fn mend_trace(&self) {
        if self.tap.wants_state() {
            self.tap.state(self.core.save().as_deref());
            for buffer in &self.lent {
                let writable = u32::try_from(buffer.writable()).unwrap_or(u32::MAX);
                let (queue, truncated) = (trace::small(EVENTS), false);
                self.tap.record(|| Record::Request { queue, writable, truncated, bytes: &[] });
            }
        }
    }

    /// Lets go of everything that is pressed.
    pub fn release_all(&mut self) {
        self.tap.record(|| Record::Input(Done::ReleaseAll));
        self.core.release_all();
    }

    /// Hands as many packets to the driver as it has buffers for.
    pub fn deliver(&mut self, rings: &mut Rings) {
        while let Some(packet) = self.core.next_packet(self.lent.len()) {
            self.tap.record(|| trace::packet(&packet));
            for event in packet {
                if let Some(buffer) = self.lent.pop_front() {
                    rings.complete(buffer, &event.to_bytes());
                }
            }
        }
    }
}

impl Device for InputPort {
    fn config(&self, offset: u32, len: u32) -> Vec<u8> {
        let bytes = self.core.config(offset, len);
        self.tap.record(|| Record::ConfigRead { offset: u64::from(offset), bytes: &bytes });
        bytes
    }

    fn write_config(&mut self, offset: u32, bytes: &[u8]) {
        self.tap.record(|| Record::ConfigWrite { offset: u64::from(offset), bytes });
        self.core.write_config(offset, bytes);
    }

    fn process(&mut self, queue: usize, rings: &mut Rings) {
        while let Some(chain) = rings.pop(queue) {
            self.tap.record(|| trace::request(queue, &chain));
            match queue {
                // A buffer that holds no event would swallow one.
                EVENTS if chain.buffer.writable() >= Event::LEN => {
                    self.lent.push_back(chain.buffer);
                }
                STATUS => {
                    if let Some(leds) = self.core.status(&chain.request) {
                        tracing::debug!(?leds, "the guest changed a lamp");
                        self.used = true;
                    }
                    rings.complete(chain.buffer, &[]);
                }
                _ => rings.complete(chain.buffer, &[]),
            }
        }
        if queue == EVENTS {
            if !self.core.is_listening() {
                self.tap.record(|| Record::Listening { on: true });
            }
            self.core.set_listening(true);
            self.used = true;
            self.deliver(rings);
        }
    }

    fn stopping(&mut self, queue: usize, rings: &mut Rings) {
        if queue == EVENTS {
            self.tap.record(|| Record::Listening { on: false });
            self.core.set_listening(false);
            rings.put_back(EVENTS, self.lent.drain(..));
        }
        self.tap.record(|| Record::Stop { queue: trace::small(queue) });
    }

    fn reset(&mut self) {
        self.lent.clear();
        self.tap.record(|| Record::Reset);
        self.core.reset();
    }

    fn save(&self) -> Option<Vec<u8>> {
        self.core.save()
    }

    fn state_limit(&self) -> u64 {
        SNAPSHOT_LIMIT as u64
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), String> {
        let core = Core::restore(self.kind, &self.name, &self.serial, state);
        self.core = core.map_err(|error| error.to_string())?;
        self.tap.state(Some(state));
        // Nobody here presses what was pressed there.
        self.release_all();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use porthole_vhost_device::testing::{Driver, WRITE};

    use super::*;

    const ROOM: u64 = 0x9000;

    /// A driver that lends this many buffers of eight bytes.
    fn lend(driver: &mut Driver, buffers: u16) {
        for index in 0..buffers {
            let at = ROOM + u64::from(index) * 8;
            driver.descriptor(EVENTS, index, (at, 8, WRITE, 0));
            driver.make_available(EVENTS, index);
        }
        driver.kick(EVENTS);
    }

    #[test]
    fn events_reach_the_driver_in_whole_packets() {
        let mut driver = Driver::started(shape(Kind::Keyboard));
        let mut port = InputPort::new(Kind::Keyboard, "ivi");
        lend(&mut driver, 3);
        driver.turn(&mut port).unwrap();
        for pressed in [true, false] {
            port.send(Input::Key { code: 30, pressed });
        }
        driver.server.with_rings(|rings| port.deliver(rings));
        // Three buffers: one packet of two, and the next one waits for a fourth.
        assert_eq!(driver.used(EVENTS), [(0, 8), (1, 8)]);
        assert_eq!(driver.read(ROOM, 8), [1, 0, 30, 0, 1, 0, 0, 0]);
        assert_eq!(driver.read(ROOM + 8, 8), [0; 8]);
        assert_eq!(driver.interrupts(EVENTS), 1);
        driver.descriptor(EVENTS, 3, (ROOM + 24, 8, WRITE, 0));
        driver.make_available(EVENTS, 3);
        driver.kick(EVENTS);
        driver.turn(&mut port).unwrap();
        assert_eq!(driver.read(ROOM + 16, 8), [1, 0, 30, 0, 0, 0, 0, 0]);
        assert_eq!(driver.used(EVENTS).len(), 4);
    }

    #[test]
    fn a_pause_gives_unused_buffers_back() {
        let mut driver = Driver::started(shape(Kind::Tablet));
        let mut port = InputPort::new(Kind::Tablet, "ivi");
        lend(&mut driver, 8);
        driver.turn(&mut port).unwrap();
        port.send(Input::Pointer { x: 1, y: 2 });
        driver.server.with_rings(|rings| port.deliver(rings));
        assert_eq!(driver.get_vring_base(0, &mut port), 3);
        // Goes on where it was, with what came meanwhile dropped and the buffers still there.
        port.send(Input::Pointer { x: 3, y: 4 });
        driver.start_ring(0, 3, &mut port);
        driver.set_available_index(EVENTS, 8);
        driver.kick(EVENTS);
        driver.turn(&mut port).unwrap();
        port.send(Input::Pointer { x: 5, y: 6 });
        driver.server.with_rings(|rings| port.deliver(rings));
        assert_eq!(driver.used(EVENTS).len(), 6);
        assert_eq!(driver.read(ROOM + 24, 8), [3, 0, 0, 0, 5, 0, 0, 0]);
    }

    #[test]
    fn buffers_without_room_swallow_nothing() {
        let mut driver = Driver::started(shape(Kind::Keyboard));
        let mut port = InputPort::new(Kind::Keyboard, "ivi");
        driver.descriptor(EVENTS, 0, (ROOM, 7, WRITE, 0));
        driver.descriptor(EVENTS, 1, (ROOM, 8, 0, 0));
        driver.make_available(EVENTS, 0);
        driver.make_available(EVENTS, 1);
        driver.kick(EVENTS);
        driver.turn(&mut port).unwrap();
        assert_eq!(driver.used(EVENTS), [(0, 0), (1, 0)]);
        assert!(port.lent.is_empty());
    }

    #[test]
    fn the_status_queue_answers_with_nothing() {
        let mut driver = Driver::started(shape(Kind::Keyboard));
        let mut port = InputPort::new(Kind::Keyboard, "ivi");
        driver.write(ROOM, &[0x11, 0, 1, 0, 1, 0, 0, 0]);
        driver.descriptor(STATUS, 0, (ROOM, 8, 0, 0));
        driver.make_available(STATUS, 0);
        driver.kick(STATUS);
        assert_eq!(port.leds(), None);
        driver.turn(&mut port).unwrap();
        assert_eq!(driver.used(STATUS), [(0, 0)]);
        let caps = Leds { caps: true, ..Leds::default() };
        assert_eq!(port.leds(), Some(caps));
        // After a reset they are off, which its next driver is to be seen with.
        port.reset();
        assert_eq!(port.leds(), Some(Leds::default()));
    }
}
