//! The measurements: each runs a compositor for a scene and reads what it cost.

mod capture;
mod frames;
pub(crate) mod kernels;
pub(crate) mod kms;
mod pictures;
mod quiet;
mod start;
pub(crate) mod vga;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use porthole_rig::progress::say;
use porthole_rig::{Result, RigError};
use serde_json::Value;

use crate::compositor::{Kind, Programs};
use crate::path::Path;

pub(crate) use capture::{fairness, latency};
pub(crate) use frames::{Delays, cost, flooded, missed, rate, until_shown};
pub(crate) use quiet::{private_memory, wake_ups};
pub(crate) use start::{connected, first_frame, splash};

/// How everything is measured.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) programs: Programs,
    /// How often each compositor is measured, in turns.
    pub(crate) rounds: u32,
    /// How long frames are counted.
    pub(crate) span: Duration,
    /// Guests that were booted and what was measured with them.
    pub(crate) path: RefCell<Path>,
    /// What a guest is to measure on its screen.
    pub(crate) on_screens: Vec<String>,
    /// What was measured on a guest's screen: rows as JSON.
    pub(crate) kms: RefCell<Vec<Value>>,
    /// How long pictures of a scene took until they were shown.
    pub(crate) delays: RefCell<BTreeMap<&'static str, Delays>>,
}

/// What was measured: a number for each round, by who was measured.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    pub(crate) by: BTreeMap<&'static str, Vec<f64>>,
    /// What a reader of the numbers must know.
    pub(crate) notes: Vec<String>,
}

impl Samples {
    /// Adds a number.
    pub(crate) fn add(&mut self, who: &'static str, number: f64) {
        self.by.entry(who).or_default().push(number);
    }

    /// Adds a note, once.
    pub(crate) fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

impl Bench {
    /// Measures some compositors in turns. A peer that fails is told in a note; that the service
    /// fails is an error.
    pub(crate) fn in_turns(
        &self,
        kinds: &[Kind],
        mut once: impl FnMut(Kind, &mut Samples) -> Result<f64>,
    ) -> Result<Samples> {
        let mut samples = Samples::default();
        for round in 1..=self.rounds {
            for kind in kinds {
                if let Err(why) = self.programs.have(*kind) {
                    samples.note(format!("{} cannot be had: {why}", kind.name()));
                    continue;
                }
                match once(*kind, &mut samples) {
                    Ok(number) => {
                        say(&format!("  round {round}: {} {number:.3}", kind.name()));
                        samples.add(kind.name(), number);
                    }
                    Err(error) if *kind == Kind::Porthole => return Err(error),
                    Err(error) => samples.note(format!("{} failed: {error}", kind.name())),
                }
            }
        }
        Ok(samples)
    }
}

/// A number of nanoseconds as milliseconds.
#[expect(clippy::cast_precision_loss, reason = "an hour of nanoseconds is exact in a double")]
pub(crate) fn milliseconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e6
}

/// A count as a number to calculate with.
#[expect(clippy::cast_precision_loss, reason = "counts of a measurement are exact in a double")]
pub(crate) fn number(count: u64) -> f64 {
    count as f64
}

/// The number below which such a part of all numbers lies.
pub(crate) fn quantile(numbers: &[f64], part: f64) -> Result<f64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index into the numbers, which are few"
    )]
    let index = (number(sorted.len().saturating_sub(1) as u64) * part).round() as usize;
    sorted.get(index).copied().ok_or_else(|| RigError::failed("nothing was measured"))
}
