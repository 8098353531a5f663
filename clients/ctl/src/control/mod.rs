//! The client side of `wfd_v1`: what the service tells, as typed state.

pub(crate) mod accounts;
mod change;
mod dispatch;
#[cfg(test)]
mod tests;
pub(crate) mod told;
mod trace;
pub(crate) mod words;

use std::{collections::VecDeque, io::Read, path::Path};

use porthole_client::{
    arrival::Pauses,
    connection::{bind, connect, connect_when_there},
};
use porthole_wayland::wfd::client::{
    wfd_device_v1::WfdDeviceV1,
    wfd_manager_v1::{Access, WfdManagerV1},
};
use serde_json::{Value, json};
use wayland_client::{
    Connection, EventQueue,
    globals::{GlobalList, registry_queue_init},
};

pub(crate) use change::{How, now_ns};
pub(crate) use trace::Frame;

use crate::failure::Failure;
use told::{Frames, State};

const NEEDS_RIGHTS: &str = ": the socket needs one of the rights 'layout:PORT', 'power:PORT', \
                            'safety:PORT' and 'capture:PORT', or 'watch', in the service's \
                            configuration";
/// No dump is longer.
const MAX_DUMP: u64 = 64 << 20;

/// The service said no.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{}", self.text())]
pub struct Refusal {
    /// What was refused.
    pub subject: String,
    /// The status as a word.
    pub status: String,
    /// The service's sentence.
    pub message: String,
    /// What to do.
    pub hint: &'static str,
}

impl Refusal {
    /// A sentence that names what is at fault once.
    fn text(&self) -> String {
        let Self { subject, status, message, hint } = self;
        if message.contains(subject.as_str()) {
            return format!("{message} ({status}){hint}");
        }
        format!("{subject}: {message} ({status}){hint}")
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        json!({
            "outcome": "failed",
            "status": self.status,
            "object": self.subject,
            "message": self.message,
        })
    }
}

/// Whose object an event is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    /// Reads state.
    Observer,
    /// Changes it.
    Controller,
}

/// The state of the event queue.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) state: State,
    pub(crate) renderer: String,
    dump: Option<std::os::fd::OwnedFd>,
    refused: Option<Refusal>,
    ended: Option<change::Ended>,
    /// State after each change, while somebody watches.
    watched: Option<VecDeque<State>>,
    frames: trace::Frames,
}

/// A connection that observes.
#[derive(Debug)]
pub(crate) struct Control {
    connection: Connection,
    globals: GlobalList,
    manager: WfdManagerV1,
    queue: EventQueue<Told>,
    told: Told,
    observer: WfdDeviceV1,
}

impl Control {
    /// Connects, and reads all that the socket may see.
    pub(crate) fn open(path: Option<&Path>) -> Result<Self, Failure> {
        Self::on(connect(path)?)
    }

    /// The same once the service is there, however long that takes.
    pub(crate) fn open_when_there(path: Option<&Path>) -> Result<Self, Failure> {
        let mut pauses = Pauses::default();
        loop {
            match connect_when_there(path, |_| ()).map_err(Failure::from).and_then(Self::on) {
                // It went again meanwhile.
                Err(Failure::Lost(_) | Failure::Globals(_)) => pauses.pause(),
                end => return end,
            }
        }
    }

    fn on(connection: Connection) -> Result<Self, Failure> {
        let (globals, queue) = registry_queue_init::<Told>(&connection)?;
        let handle = queue.handle();
        let manager: WfdManagerV1 = bind(&globals, &handle, 1..=1, NEEDS_RIGHTS)?;
        let observer = manager.create_device(0, Access::Observe, &handle, Role::Observer);
        let told = Told::default();
        let mut control = Self { connection, globals, manager, queue, told, observer };
        // What there is, then the values of each.
        control.roundtrip()?;
        control.roundtrip()?;
        Ok(control)
    }

    /// All that was told.
    pub(crate) const fn told(&self) -> &Told {
        &self.told
    }

    /// The connection, for what else it can do.
    pub(crate) const fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Waits until the service has answered all requests.
    pub(crate) fn roundtrip(&mut self) -> Result<(), Failure> {
        self.queue.roundtrip(&mut self.told)?;
        match self.told.refused.take() {
            Some(refusal) => Err(refusal.into()),
            None => Ok(()),
        }
    }

    /// The state after the next change; waits for it.
    pub(crate) fn next_change(&mut self) -> Result<State, Failure> {
        loop {
            let watched = self.told.watched.get_or_insert_default();
            let Some(mut state) = watched.pop_front() else {
                self.queue.blocking_dispatch(&mut self.told)?;
                if let Some(refusal) = self.told.refused.take() {
                    return Err(refusal.into());
                }
                continue;
            };
            // No event lists the rectangles of a hole.
            if state.layers.values().any(|layer| layer.hole.is_unknown()) {
                self.dump()?;
                for (id, layer) in &mut state.layers {
                    let newest = self.told.state.layers.get(id).map(|layer| &layer.hole);
                    if let Some(hole) = newest.filter(|hole| hole.count == layer.hole.count) {
                        layer.hole = hole.clone();
                    }
                }
            }
            return Ok(state);
        }
    }

    /// All that no event tells: the rectangles of holes, and what the ports showed.
    pub(crate) fn look(&mut self) -> Result<(), Failure> {
        let dump = self.dump()?;
        self.told.take_frames(&dump);
        Ok(())
    }

    /// All state in the service's own words, and the holes from it.
    pub(crate) fn dump(&mut self) -> Result<Value, Failure> {
        self.observer.dump();
        self.roundtrip()?;
        let strange = |what: String| Failure::Strange(format!("a dump: {what}"));
        let file = self.told.dump.take().ok_or_else(|| strange("there is none".into()))?;
        let mut text = String::new();
        let mut file = std::fs::File::from(file).take(MAX_DUMP);
        file.read_to_string(&mut text).map_err(|error| strange(error.to_string()))?;
        let dump: Value = serde_json::from_str(&text).map_err(|e| strange(e.to_string()))?;
        self.told.take_holes(&dump);
        Ok(dump)
    }
}

impl Told {
    /// What the ports showed until a dump was made. Afterwards no event says it, unless accounts are told.
    fn take_frames(&mut self, dump: &Value) {
        for dumped in dump.get("ports").and_then(Value::as_array).into_iter().flatten() {
            let number = |key: &str| dumped.get(key).and_then(Value::as_u64);
            let id = number("id").and_then(|id| id.try_into().ok());
            let Some(port) = id.and_then(|id: u32| self.state.ports.get_mut(&id)) else { continue };
            let counts = number("frames").zip(number("late_frames"));
            let frames = counts.map(|(shown, late)| Frames { shown, late, per_second: None });
            port.frames = frames.or(port.frames);
        }
    }

    /// The rectangles of holes, which no event lists.
    fn take_holes(&mut self, dump: &Value) {
        let ports = dump.get("ports").and_then(Value::as_array);
        let pipelines = ports.into_iter().flatten().filter_map(|port| port.get("pipelines"));
        for pipeline in pipelines.filter_map(Value::as_array).flatten() {
            let id = pipeline.get("id").and_then(Value::as_u64).and_then(|id| id.try_into().ok());
            let Some(layer) = id.and_then(|id: u32| self.state.layers.get_mut(&id)) else {
                continue;
            };
            let rects = pipeline.get("hole").cloned().map(serde_json::from_value);
            layer.hole.rects = rects.and_then(Result::ok);
        }
    }
}
