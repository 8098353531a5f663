//! What happened, how long it took, and what grew.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::{Duration, Instant};

use porthole_tests::Result;
use porthole_tests::failure::OrFail;
use serde_json::{Value, json};

use crate::act::Act;
use crate::sample::Reading;
use crate::verdict::{Slack, Trend, at};

/// Memory may grow by a tenth and 4 MiB: allocators keep what was once needed.
const MEMORY: Slack = Slack { part: 0.1, more: 4096.0 };
/// A capture may be between two frames.
const DESCRIPTORS: Slack = Slack { part: 0.0, more: 3.0 };
const THREADS: Slack = Slack { part: 0.0, more: 0.0 };
/// In a second in which nothing changes.
const WAKE_UPS: Slack = Slack { part: 0.0, more: 5.0 };
/// Emulated guests on a machine that does other things are not steady.
const PICTURE: Slack = Slack { part: 2.0, more: 5.0 };

/// Everything that was seen.
#[derive(Debug)]
pub(crate) struct Report {
    /// What decided what happened.
    pub(crate) seed: u64,
    start: Instant,
    acts: BTreeMap<Act, Vec<f64>>,
    /// By process and what was counted, a number for each round.
    rows: BTreeMap<(String, &'static str), Vec<f64>>,
    /// Milliseconds from a guest's order to draw until the picture was seen.
    pictures: Vec<f64>,
    /// The same as a multiple of what an order without a picture takes at the same moment: whatever
    /// else the machine does makes both slower.
    relative: Vec<f64>,
    /// Milliseconds from the service's start until the whole screen was back.
    backs: Vec<f64>,
    rounds: u32,
}

/// Writes a text to standard output.
pub(crate) fn print(text: &str) -> Result<()> {
    writeln!(std::io::stdout().lock(), "{text}").or_fail("write the result")
}

fn milliseconds(span: Duration) -> f64 {
    span.as_secs_f64() * 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn number(count: u64) -> f64 {
    count as f64
}

impl Report {
    /// Nothing seen yet.
    pub(crate) fn new(seed: u64) -> Report {
        Report {
            seed,
            start: Instant::now(),
            acts: BTreeMap::new(),
            rows: BTreeMap::new(),
            pictures: Vec::new(),
            relative: Vec::new(),
            backs: Vec::new(),
            rounds: 0,
        }
    }

    /// An act is done.
    pub(crate) fn acted(&mut self, act: Act, took: Duration) {
        self.acts.entry(act).or_default().push(milliseconds(took));
    }

    /// The screen was whole again so long after the service was started.
    pub(crate) fn back(&mut self, took: Duration) {
        self.backs.push(milliseconds(took));
    }

    /// A picture was seen so long after it was ordered; an order without one took `answer`.
    pub(crate) fn picture(&mut self, took: Duration, answer: Duration) {
        self.pictures.push(milliseconds(took));
        self.relative.push(milliseconds(took) / milliseconds(answer).max(1.0));
    }

    /// How many rounds of pictures were timed.
    pub(crate) const fn probes(&self) -> u32 {
        self.rounds
    }

    /// A round has ended; the processes were read before and after a time of quiet.
    pub(crate) fn rested(
        &mut self,
        before: &[(String, Reading)],
        after: &[(String, Reading)],
        quiet: Duration,
    ) {
        self.rounds += 1;
        for ((name, before), (_, after)) in before.iter().zip(after) {
            let woken = number(after.wake_ups.saturating_sub(before.wake_ups));
            let counts = [
                ("memory KiB", number(after.memory)),
                ("descriptors", number(after.descriptors)),
                ("threads", number(after.threads)),
                ("wake-ups/s", woken / quiet.as_secs_f64()),
            ];
            for (what, count) in counts {
                self.rows.entry((name.clone(), what)).or_default().push(count);
            }
        }
    }

    /// Where the run is, in a line.
    pub(crate) fn line(&self) -> String {
        let acts: usize = self.acts.values().map(Vec::len).sum();
        let memory = self.rows.get(&("porthole".to_owned(), "memory KiB"));
        let memory = memory.and_then(|row| row.last()).unwrap_or(&0.0) / 1024.0;
        let (minutes, seconds) =
            (self.start.elapsed().as_secs() / 60, self.start.elapsed().as_secs() % 60);
        format!(
            "{minutes:3}:{seconds:02}  round {}, {acts} acts; the service has {memory:.1} MiB",
            self.rounds
        )
    }

    /// The trends that there are: what, of whom, and how much it may grow.
    fn trends(&self) -> Vec<(String, Trend, Slack)> {
        let slack = |what| match what {
            "memory KiB" => MEMORY,
            "descriptors" => DESCRIPTORS,
            "threads" => THREADS,
            _ => WAKE_UPS,
        };
        let rows = self.rows.iter().filter_map(|((name, what), row)| {
            Some((format!("{name}, {what}"), Trend::of(row)?, slack(*what)))
        });
        let pictures = Trend::of(&self.relative);
        let pictures =
            pictures.map(|trend| ("picture, by an answer's time".to_owned(), trend, PICTURE));
        rows.chain(pictures).collect()
    }

    /// What grew more than it may.
    pub(crate) fn growth(&self) -> Vec<String> {
        let grown = self.trends().into_iter().filter(|(_, trend, slack)| !trend.is_flat(*slack));
        grown
            .map(|(what, Trend { first, last }, _)| {
                format!("{what} grew from {first:.1} to {last:.1}")
            })
            .collect()
    }

    /// The whole report for a person.
    pub(crate) fn text(&self) -> String {
        let mut lines = vec![format!(
            "seed {}: {} rounds in {} s",
            self.seed,
            self.rounds,
            self.start.elapsed().as_secs()
        )];
        lines.push(format!("\n{:14} {:>6} {:>10} {:>10}", "act", "times", "p50 ms", "max ms"));
        let timed = |name: &str, row: &[f64]| {
            let (middle, most) = (at(row, 50).unwrap_or(0.0), at(row, 100).unwrap_or(0.0));
            format!("{name:14} {:>6} {middle:>10.0} {most:>10.0}", row.len())
        };
        lines.extend(self.acts.iter().map(|(act, row)| timed(act.name(), row)));
        lines.push(timed("picture", &self.pictures));
        lines.push(timed("screen back", &self.backs));
        lines.push(format!("\n{:38} {:>10} {:>10}", "at rest", "at first", "at last"));
        for (what, Trend { first, last }, slack) in self.trends() {
            let verdict = if (Trend { first, last }).is_flat(slack) { "" } else { "  GREW" };
            lines.push(format!("{what:38} {first:>10.1} {last:>10.1}{verdict}"));
        }
        lines.join("\n")
    }

    /// The whole report for a program, with every number.
    pub(crate) fn json(&self) -> Value {
        let rows: BTreeMap<String, &Vec<f64>> =
            self.rows.iter().map(|((name, what), row)| (format!("{name}, {what}"), row)).collect();
        let acts: BTreeMap<&str, &Vec<f64>> =
            self.acts.iter().map(|(act, row)| (act.name(), row)).collect();
        json!({
            "seed": self.seed,
            "seconds": self.start.elapsed().as_secs(),
            "rounds": self.rounds,
            "acts_ms": acts,
            "picture_ms": self.pictures,
            "picture_by_answer": self.relative,
            "screen_back_ms": self.backs,
            "at_rest": rows,
            "grew": self.growth(),
        })
    }
}
