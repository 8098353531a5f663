//! An input core on the vhost-user transport.

use std::collections::VecDeque;

use porthole_input_device::{Device as Core, Event, Input, Kind};
use porthole_vhost_device::{Buffer, Device, Rings, Shape};

const EVENTS: usize = 0;
const STATUS: usize = 1;

/// The transport's description of any input device: events to the guest carry no request.
pub(crate) fn shape(kind: Kind) -> Shape {
    let name = match kind {
        Kind::Keyboard => "keyboard",
        Kind::Tablet => "tablet",
        Kind::Touch => "touch",
    };
    Shape { name, features: 0, queues: &[0, Event::LEN] }
}

/// An input device with the buffers that its driver lent for events.
#[derive(Debug)]
pub(crate) struct InputPort {
    core: Core,
    /// At most as many as the ring has entries.
    lent: VecDeque<Buffer>,
}

impl InputPort {
    pub(crate) fn new(kind: Kind, guest: &str) -> Self {
        let name = format!("Porthole {}", shape(kind).name);
        Self { core: Core::new(kind, &name, &format!("porthole/{guest}")), lent: VecDeque::new() }
    }

    pub(crate) fn send(&mut self, input: Input) {
        self.core.send(input);
    }

    pub(crate) fn release_all(&mut self) {
        self.core.release_all();
    }

    /// Hands as many packets to the driver as it has buffers for.
    pub(crate) fn deliver(&mut self, rings: &mut Rings) {
        while let Some(packet) = self.core.next_packet(self.lent.len()) {
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
        self.core.config(offset, len)
    }

    fn write_config(&mut self, offset: u32, bytes: &[u8]) {
        self.core.write_config(offset, bytes);
    }

    fn process(&mut self, queue: usize, rings: &mut Rings) {
        while let Some(chain) = rings.pop(queue) {
            match queue {
                // A buffer that holds no event would swallow one.
                EVENTS if chain.buffer.writable() >= Event::LEN => {
                    self.lent.push_back(chain.buffer);
                }
                STATUS => {
                    if let Some(leds) = self.core.status(&chain.request) {
                        tracing::debug!(?leds, "the guest changed a lamp");
                    }
                    rings.complete(chain.buffer, &[]);
                }
                _ => rings.complete(chain.buffer, &[]),
            }
        }
        if queue == EVENTS {
            self.core.set_listening(true);
            self.deliver(rings);
        }
    }

    fn stopping(&mut self, queue: usize, rings: &mut Rings) {
        if queue == EVENTS {
            self.core.set_listening(false);
            rings.put_back(EVENTS, self.lent.drain(..));
        }
    }

    fn reset(&mut self) {
        self.lent.clear();
        self.core.reset();
    }
}
