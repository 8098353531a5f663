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
pub(super) struct Report {
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
    /// Something is missing since the device's whole state was known.
    hole: bool,
    /// The device did not begin as after power-on.
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
            hole: false,
            moved: false,
            summary: None,
            done: Value::Null,
        }
    }

    /// Counts a step: a request with all that belongs to it, or another record.
    pub(super) fn record(&mut self, time_us: u64, event: &Event<'_>) {
        self.records += 1;
        self.time_us = time_us;
        match event {
            Event::Request { .. } => self.requests += 1,
            Event::Lost { records, .. } => {
                self.lost = self.lost.saturating_add(*records);
                self.hole = true;
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

    /// Something is not as recorded.
    pub(super) fn differs(&mut self, what: &str) {
        if self.hole {
            self.unsure += 1;
            return;
        }
        self.differences += 1;
        if self.differences <= TOLD {
            let (record, seconds) = (self.records, self.time_us as f64 / 1e6);
            tracing::warn!("step {record} at {seconds:.6} s: {what}");
        }
    }

    /// Something is as recorded, or not.
    pub(super) fn check(&mut self, same: bool, what: &str) {
        if !same {
            self.differs(what);
        }
    }

    /// The device is as the trace has it again.
    pub(super) const fn whole_again(&mut self) {
        self.hole = false;
        self.moved = true;
    }

    pub(super) const fn differences(&self) -> u64 {
        self.differences
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
                "seconds": self.time_us as f64 / 1e6,
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
        let seconds = self.time_us as f64 / 1e6;
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
