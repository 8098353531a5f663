//! Commits: what is asked, and telling what became of it.

use std::{collections::BTreeMap, time::Duration};

use porthole_core::model::{
    CommitError, Device, Flags, PipelineId, PortId, Scope, SourceId, Status,
};
use porthole_wayland::wfd::server::wfd_commit_v1::WfdCommitV1 as CommitObject;
use smithay::reexports::wayland_server::Resource;

use super::{DeviceKey, WfdState, halves, number, wire_status};

/// A commit that a client asks for.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) device: DeviceKey,
    pub(crate) scope: Scope,
    pub(crate) flags: Flags,
    pub(super) serial: u32,
    pub(super) object: CommitObject,
}

/// A frame that is on a port.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    pub(crate) at: Duration,
    /// From one frame of the port to the next.
    pub(crate) period: Duration,
    pub(crate) frame: u64,
}

/// A commit that took effect and waits for the first frame of each port that shows it.
#[derive(Debug)]
pub(crate) struct Waiting {
    order: Order,
    /// Whether the frame that shows it was planned.
    ports: BTreeMap<PortId, bool>,
    sources: Vec<(PipelineId, Option<SourceId>)>,
    masks: Vec<PipelineId>,
}

/// How a commit ended. It is told at the end of the turn: an object cannot end in the request that
/// makes it.
#[derive(Debug)]
pub(super) enum Ending {
    Tested,
    Failed { status: Status, object: u32, why: String },
    Presented { port: u32, frame: Frame },
}

impl Ending {
    fn tell(self, object: &CommitObject) {
        match self {
            Self::Tested => object.tested(),
            Self::Failed { status, object: at_fault, why } => {
                object.failed(wire_status(status), at_fault, why);
            }
            Self::Presented { port, frame: Frame { at, period, frame } } => {
                let (sec_hi, sec_lo) = halves(at.as_secs());
                let (frame_hi, frame_lo) = halves(frame);
                let period = u32::try_from(period.as_nanos()).unwrap_or(u32::MAX);
                let nanos = at.subsec_nanos();
                object.presented(port, sec_hi, sec_lo, nanos, period, frame_hi, frame_lo);
            }
        }
    }
}

impl WfdState {
    /// A commit failed, and nothing changed.
    pub(crate) fn failed(&mut self, order: &Order, error: &CommitError) {
        let (status, object) = (error.status(), error.object().map_or(0, number));
        self.end(order, Ending::Failed { status, object, why: error.to_string() });
    }

    /// A commit failed for a reason that is no object's.
    pub(crate) fn gave_up(&mut self, order: &Order, status: Status, why: &str) {
        self.end(order, Ending::Failed { status, object: 0, why: why.to_owned() });
    }

    /// A commit would succeed.
    pub(crate) fn tested(&mut self, order: &Order) {
        self.end(order, Ending::Tested);
    }

    pub(super) fn end(&mut self, order: &Order, ending: Ending) {
        self.endings.push((order.object.clone(), ending));
    }

    /// Tells how commits ended.
    pub(super) fn tell_endings(&mut self) {
        for (object, ending) in self.endings.drain(..) {
            ending.tell(&object);
        }
    }

    /// A commit took effect. It is told when the next frame of each of these ports is shown; without
    /// any it is told now.
    pub(crate) fn applied(
        &mut self,
        order: Order,
        (before, after): (&Device, &Device),
        ports: &[PortId],
        now: Duration,
    ) {
        order.object.applied();
        let mut waiting = Waiting {
            ports: ports.iter().map(|port| (*port, false)).collect(),
            sources: Vec::new(),
            masks: Vec::new(),
            order,
        };
        for (id, pipeline) in after.pipelines() {
            let Some(was) = before.pipeline(id) else { continue };
            if was.source != pipeline.source {
                waiting.sources.push((id, was.source));
            }
            if was.mask != pipeline.mask {
                waiting.masks.push(id);
            }
        }
        self.news = true;
        if waiting.ports.is_empty() {
            self.finish(&waiting, 0, Frame { at: now, period: Duration::ZERO, frame: 0 });
        } else {
            self.waiting.push(waiting);
        }
    }

    /// A frame of a port was planned: it shows all that took effect until now.
    pub(crate) fn planned(&mut self, port: PortId) {
        for waiting in &mut self.waiting {
            if let Some(planned) = waiting.ports.get_mut(&port) {
                *planned = true;
            }
        }
    }

    /// The planned frame of a port is shown.
    pub(crate) fn presented(&mut self, port: PortId, shown: Frame, told: Duration) {
        self.traced(port, shown, told);
        self.settle(port, shown, |planned| planned);
    }

    /// A port shows nothing any more, or is gone: nobody waits for it.
    pub(crate) fn dark(&mut self, port: PortId, shown: Frame) {
        self.settle(port, shown, |_| true);
    }

    fn settle(&mut self, port: PortId, shown: Frame, over: impl Fn(bool) -> bool) {
        if self.waiting.is_empty() {
            return;
        }
        let mut done = Vec::new();
        for mut waiting in std::mem::take(&mut self.waiting) {
            if waiting.ports.get(&port).is_some_and(|planned| over(*planned)) {
                waiting.ports.remove(&port);
            }
            if waiting.ports.is_empty() {
                done.push(waiting);
            } else if waiting.order.object.is_alive() {
                self.waiting.push(waiting);
            }
        }
        for waiting in done {
            self.finish(&waiting, port.get(), shown);
        }
    }

    fn finish(&mut self, waiting: &Waiting, port: u32, shown: Frame) {
        let serial = waiting.order.serial;
        if let Some(entry) = self.devices.get(&waiting.order.device) {
            let object = |id: PipelineId| entry.pipelines.iter().find(|p| p.id == id);
            for (id, previous) in &waiting.sources {
                if let Some(pipeline) = object(*id) {
                    let previous = previous.map_or(0, |id| id.get());
                    pipeline.object.bind_source_complete(serial, previous);
                }
            }
            for pipeline in waiting.masks.iter().filter_map(|id| object(*id)) {
                pipeline.object.bind_mask_complete(serial);
            }
        }
        self.end(&waiting.order, Ending::Presented { port, frame: shown });
    }
}
