//! An input device that does again what a trace says.

use porthole_input_device::{Device, Event as Word, Input, Kind, PenPlace};
use porthole_trace::{Event, Input as Done};
use serde_json::Value;

use super::report::Report;

const EVENTS: u8 = 0;

/// An input device and the buffers that its driver lent.
pub(super) struct InputReplay {
    device: Device,
    kind: Kind,
    name: String,
    serial: String,
    lent: usize,
}

impl InputReplay {
    /// A device as after power-on; nothing when it cannot be made.
    pub(super) fn new(kind: &str, options: &Value) -> Option<Self> {
        let kind = match kind {
            "keyboard" => Kind::Keyboard,
            "tablet" => Kind::Tablet,
            "mouse" => Kind::Mouse,
            "touch" => Kind::Touch,
            "pen" => Kind::Pen,
            _ => return None,
        };
        let text = |key: &str| options.get(key).and_then(Value::as_str).unwrap_or_default();
        let (name, serial) = (text("name").to_owned(), text("serial").to_owned());
        let device = Device::new(kind, &name, &serial);
        Some(Self { device, kind, name, serial, lent: 0 })
    }

    pub(super) fn apply(&mut self, event: &Event<'_>, report: &mut Report) {
        match event {
            Event::Request { queue: EVENTS, writable, .. } => {
                let fits = usize::try_from(*writable).is_ok_and(|room| room >= Word::LEN);
                self.lent = self.lent.saturating_add(usize::from(fits));
            }
            Event::Request { bytes, .. } => drop(self.device.status(bytes)),
            Event::ConfigRead { offset, bytes } => {
                let offset = u32::try_from(*offset).unwrap_or(u32::MAX);
                let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
                if self.device.config(offset, length) != *bytes {
                    report.differs("configuration space reads otherwise");
                }
            }
            Event::ConfigWrite { offset, bytes } => {
                self.device.write_config(u32::try_from(*offset).unwrap_or(u32::MAX), bytes);
            }
            Event::Listening { on } => self.device.set_listening(*on),
            Event::Input(Done::ReleaseAll) => self.device.release_all(),
            Event::Input(done) => self.device.send(input(*done)),
            Event::Packet { events } => {
                let packet = self.device.next_packet(self.lent).unwrap_or_default();
                self.lent = self.lent.saturating_sub(packet.len());
                let same = packet.iter().map(|word| (word.kind, word.code, word.value));
                if !same.eq(events.iter().copied()) {
                    report.differs(&format!("the driver got {packet:?} instead of {events:?}"));
                }
            }
            // A state of such a device is no longer than one record.
            Event::State { bytes, .. } => {
                match Device::restore(self.kind, &self.name, &self.serial, bytes) {
                    Ok(device) => {
                        // Buffers that the driver has lent follow.
                        (self.device, self.lent) = (device, 0);
                        report.whole_again();
                    }
                    Err(error) => report.differs(&error.to_string()),
                }
            }
            Event::Stop { queue: EVENTS } => self.lent = 0,
            Event::Reset => {
                self.lent = 0;
                self.device.reset();
            }
            _ => {}
        }
    }
}

fn input(done: Done) -> Input {
    match done {
        Done::Key { code, pressed } => Input::Key { code, pressed },
        Done::Pointer { x, y } => Input::Pointer { x, y },
        Done::Motion { dx, dy } => Input::Motion { dx, dy },
        Done::Wheel { vertical, horizontal } => Input::Wheel { vertical, horizontal },
        Done::TouchDown { id, x, y } => Input::TouchDown { id, x, y },
        Done::TouchMotion { id, x, y } => Input::TouchMotion { id, x, y },
        Done::TouchUp { id } => Input::TouchUp { id },
        Done::Pen { rubber, place: (x, y), pressure, distance, tilt } => {
            Input::Pen(PenPlace { rubber, x, y, pressure, distance, tilt })
        }
        Done::PenLeft => Input::PenLeft,
        // Taken before; nothing moves by nothing.
        Done::ReleaseAll => Input::Motion { dx: 0, dy: 0 },
    }
}
