//! What came of a replay.

use std::collections::BTreeMap;
use std::io::{self, Write};

use porthole_gpu_device::Statistics;
use porthole_trace::{Ending, Event, Start};
use serde_json::{Value, json};

use super::list::command_name;

/// Differences that are told one by one.
const TOLD: u64 = 20;

/// Counts and differences.
#[derive(Debug)]
pub struct Report {
    guest: String,
    kinds: Vec<String>,
    records: u64,
    requests: u64,
    time_us: u64,
    /// By name of the command.
    commands: BTreeMap<&'static str, u64>,
    shown: BTreeMap<&'static str, u64>,
    differences: u64,
    /// What differs behind a hole of the trace, where nothing can be said.
    unsure: u64,
    lost: u64,
    /// The device of the record.
    device: u8,
    /// Something is missing since a device's whole state was known: a bit for each.
    holes: u64,
    /// A device did not begin as after power-on.
    moved: bool,
    summary: Option<Value>,
    done: Value,
}

impl Report {
    pub(super) fn new(start: &Start) -> Self {
        Self {
            guest: start.guest.clone(),
            kinds: start.devices.iter().map(|device| device.kind.clone()).collect(),
            records: 0,
            requests: 0,
            time_us: 0,
            commands: BTreeMap::new(),
            shown: BTreeMap::new(),
            differences: 0,
            unsure: 0,
            lost: 0,
            device: 0,
            holes: 0,
            moved: false,
            summary: None,
            done: Value::Null,
        }
    }

    /// Counts a step: a request with all that belongs to it, or another record.
    pub(super) fn record(&mut self, time_us: u64, device: u8, event: &Event<'_>) {
        self.records += 1;
        (self.time_us, self.device) = (time_us, device);
        match event {
            Event::Request { .. } => self.requests += 1,
            Event::Lost { records, bytes } => {
                self.lost = self.lost.saturating_add(*records);
                self.holes = u64::MAX;
                let (step, seconds) = (self.records, self.seconds());
                tracing::warn!(
                    "step {step} at {seconds:.6} s: {records} records ({bytes} bytes) are missing here; what \
                     differs is not counted until the whole state of its device follows"
                );
            }
            Event::Frame { .. } | Event::Disabled { .. } | Event::CursorImage { .. } => {
                *self.shown.entry(event.name()).or_default() += 1;
            }
            _ => {}
        }
    }

    /// Counts a request of a GPU.
    pub(super) fn command(&mut self, queue: u8, bytes: &[u8]) {
        *self.commands.entry(command_name(queue, bytes)).or_default() += 1;
    }

    /// Requests so far, over all devices.
    pub(super) const fn requests(&self) -> u64 {
        self.requests
    }

    fn seconds(&self) -> f64 {
        self.time_us as f64 / 1e6
    }

    fn bit(&self) -> u64 {
        1_u64.checked_shl(self.device.into()).unwrap_or(0)
    }

    /// Something is not as recorded.
    pub fn differs(&mut self, what: &str) {
        if self.holes & self.bit() != 0 {
            self.unsure += 1;
            return;
        }
        self.differences += 1;
        if self.differences <= TOLD {
            let (record, seconds) = (self.records, self.seconds());
            tracing::warn!("step {record} at {seconds:.6} s: {what}");
        }
    }

    /// Something is as recorded, or not.
    pub fn check(&mut self, same: bool, what: &str) {
        if !same {
            self.differs(what);
        }
    }

    /// The device of the record is as the trace has it again.
    pub fn whole_again(&mut self) {
        if self.holes & self.bit() != 0 {
            let kind = self.kinds.get(usize::from(self.device)).map_or("?", String::as_str);
            let (step, seconds) = (self.records, self.seconds());
            tracing::info!("step {step} at {seconds:.6} s: {kind} goes on from its whole state");
        }
        self.holes &= !self.bit();
        self.moved = true;
    }

    /// How much was not as recorded.
    #[must_use]
    pub const fn differences(&self) -> u64 {
        self.differences
    }

    /// How much was not as recorded where something is missing, so that nothing can be said.
    #[must_use]
    pub const fn unsure(&self) -> u64 {
        self.unsure
    }

    /// How many records are missing.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    /// How many pictures the trace has.
    #[must_use]
    pub fn pictures(&self) -> u64 {
        self.shown.get("frame").copied().unwrap_or(0)
    }

    /// What the program counted when it ended.
    pub(super) fn summary(&mut self, text: &str) {
        self.summary = serde_json::from_str(text).ok();
    }

    /// Compares it with what is counted now.
    pub(super) fn finish(&mut self, done: &Statistics) {
        self.done = json!({
            "commands": done.commands,
            "errors": done.errors,
            "frames": done.frames,
            "transferred_bytes": done.copies.transfer,
        });
        let all_seen = self.lost == 0 && !self.moved;
        if all_seen && self.summary.as_ref().is_some_and(|summary| *summary != self.done) {
            let text = format!("in all it was {:?} and is {}", self.summary, self.done);
            self.differs(&text);
        }
    }

    pub(super) fn print(
        &self,
        ending: Option<Ending>,
        as_json: bool,
        mut output: impl Write,
    ) -> io::Result<()> {
        let ending = match ending {
            None => "stopped",
            Some(Ending::Whole) if self.summary.is_some() => "whole",
            Some(Ending::Whole) => "without an end",
            Some(Ending::Cut) => "cut",
            Some(Ending::Damaged) => "damaged",
        };
        if as_json {
            let value = json!({
                "guest": self.guest,
                "devices": self.kinds,
                "seconds": self.seconds(),
                "steps": self.records,
                "requests": self.requests,
                "commands": self.commands,
                "shown": self.shown,
                "device": self.done,
                "lost_records": self.lost,
                "ending": ending,
                "differences": self.differences,
                "differences_behind_a_hole": self.unsure,
            });
            return writeln!(output, "{value:#}");
        }
        let seconds = self.seconds();
        writeln!(
            output,
            "{}: {} over {seconds:.3} s, {ending}",
            self.guest,
            self.kinds.join(", ")
        )?;
        for (name, count) in &self.commands {
            writeln!(output, "{count:>10} {name}")?;
        }
        for (name, count) in &self.shown {
            writeln!(output, "{count:>10} {name} shown")?;
        }
        if self.lost > 0 {
            let (lost, unsure) = (self.lost, self.unsure);
            writeln!(output, "{lost} records are missing; {unsure} differences behind that")?;
        }
        writeln!(output, "{} steps, {} differences", self.records, self.differences)
    }
}
