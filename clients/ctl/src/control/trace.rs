//! What happened when, for each frame of a port.

use std::collections::VecDeque;

use porthole_wayland::wfd::client::wfd_trace_v1::{self as trace, WfdTraceV1};
use serde_json::{Value, json};
use wayland_client::{Connection, Dispatch, QueueHandle};

use super::{
    Control, Told,
    change::Subject,
    told::State,
    words::{self, Word, word},
};
use crate::{failure::Failure, show::text};

/// Frames that nobody has read yet; more are dropped, so that a slow reader costs no memory.
const MAX_WAITING: usize = 1024;
/// Stages of one frame: a picture of each layer, and what happens to the frame.
const MAX_STAGES: usize = 256;

/// Something that happened to a frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Stage {
    pub(crate) what: Word,
    /// The layer whose picture came, or 0.
    pub(crate) layer: u32,
    pub(crate) time_ns: u64,
}

/// A frame.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Frame {
    pub(crate) number: u64,
    pub(crate) pixels: u32,
    pub(crate) captures: u32,
    pub(crate) stages: Vec<Stage>,
}

/// Frames as they are told.
#[derive(Debug, Default)]
pub(super) struct Frames {
    growing: Frame,
    whole: VecDeque<Frame>,
}

#[cfg(test)]
impl Frames {
    /// How many frames and stages wait, and the number of the oldest frame.
    pub(super) fn waiting(&self) -> (usize, usize, Option<u64>) {
        let stages = self.whole.iter().map(|frame| frame.stages.len()).sum();
        (self.whole.len(), stages, self.whole.front().map(|frame| frame.number))
    }
}

impl Frame {
    /// When something happened to it.
    pub(crate) fn time(&self, what: &str) -> Option<u64> {
        self.stages.iter().find(|stage| stage.what == what).map(|stage| stage.time_ns)
    }

    /// For programs.
    pub(crate) fn json(&self, state: &State, port: &str) -> Value {
        let stage = |stage: &Stage| {
            let layer = state.layers.get(&stage.layer);
            let layer = layer.map(|layer| text::layer_name(stage.layer, layer));
            json!({ "stage": stage.what, "layer": layer, "time_ns": stage.time_ns })
        };
        json!({
            "port": port,
            "frame": self.number,
            "pixels": self.pixels,
            "captures": self.captures,
            "stages": self.stages.iter().map(stage).collect::<Vec<_>>(),
        })
    }
}

impl Control {
    /// Traces the frames of a port from now on.
    pub(crate) fn start_trace(&mut self, port: u32) -> Result<(), Failure> {
        let queue = self.queue.handle();
        let subject = Subject(self.told.state.name_of(port));
        let object = self.observer.create_port(port, &queue, subject);
        object.trace(&queue, ());
        self.roundtrip()
    }

    /// The next frame; waits for it.
    pub(crate) fn next_frame(&mut self) -> Result<Frame, Failure> {
        loop {
            if let Some(frame) = self.told.frames.whole.pop_front() {
                return Ok(frame);
            }
            self.queue.blocking_dispatch(&mut self.told)?;
            if let Some(refusal) = self.told.refused.take() {
                return Err(refusal.into());
            }
        }
    }
}

impl Dispatch<WfdTraceV1, ()> for Told {
    fn event(
        told: &mut Self,
        _: &WfdTraceV1,
        event: trace::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        let wide = |high: u32, low: u32| u64::from(high) << 32 | u64::from(low);
        let Frames { growing, whole } = &mut told.frames;
        match event {
            trace::Event::Frame { frame_hi, frame_lo, damaged_pixels, captures } => {
                let number = wide(frame_hi, frame_lo);
                *growing = Frame { number, pixels: damaged_pixels, captures, stages: Vec::new() };
            }
            trace::Event::Stage { stage, pipeline_id, time_hi, time_lo }
                if growing.stages.len() < MAX_STAGES =>
            {
                let what = word(words::STAGES, stage);
                let time_ns = wide(time_hi, time_lo);
                growing.stages.push(Stage { what, layer: pipeline_id, time_ns });
            }
            trace::Event::Done => {
                if whole.len() == MAX_WAITING {
                    whole.pop_front();
                }
                whole.push_back(std::mem::take(growing));
            }
            _ => {}
        }
    }
}
