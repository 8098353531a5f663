//! The whole way of a picture: from a guest through device, service and VNC server to a viewer, beside
//! the same guest in a QEMU that does all of it by itself.

mod line;
mod program;
mod run;
mod stamps;
mod system;
mod viewer;

use std::collections::BTreeMap;

use porthole_rfb::Encoding;
use porthole_rig::progress::{Step, say};
use porthole_rig::{Result, RigError};

use self::run::Outcome;
use self::system::{System, Who};
use crate::measure::{Bench, Samples, milliseconds, number, quantile};

pub(crate) use self::run::Load;

/// What is asked of runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Metric {
    /// Milliseconds below which such a part of the frames was seen, or a newer one.
    Latency(f64),
    /// Frames in a second that the viewer saw.
    Rate,
    /// Milliseconds of processor time for each frame that the viewer saw.
    Cost,
    /// Frames in a second that the guest drew, by its own clock.
    GuestRate,
    /// Interrupts of the guest for each of its frames.
    Interrupts,
    /// Kicks of the device for each of the guest's frames.
    Kicks,
}

/// Which runs are asked for what.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Question {
    pub(crate) load: Load,
    pub(crate) coding: Coding,
    pub(crate) metric: Metric,
}

/// How a viewer wants the pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Coding {
    /// As they are: the viewer is on this machine.
    Raw,
    /// Compressed without loss: the viewer is elsewhere.
    Zrle,
}

impl Coding {
    const fn encoding(self) -> Encoding {
        match self {
            Self::Raw => Encoding::Raw,
            Self::Zrle => Encoding::Zrle,
        }
    }
}

/// The two systems, and the runs that were made: several rows tell of the same ones.
#[derive(Debug, Default)]
pub(crate) struct Path {
    systems: BTreeMap<Who, std::result::Result<System, String>>,
    runs: BTreeMap<(Load, Coding), Runs>,
    /// The number of the next run's first frame.
    next: u32,
}

/// Who, and what came of it or why nothing did.
type Runs = Vec<(Who, std::result::Result<Outcome, String>)>;

/// Frames that a run may have.
const MOST_FRAMES: u32 = 1 << 18;

/// Answers a question: a number for each round and system.
pub(crate) fn measure(bench: &Bench, question: Question) -> Result<Samples> {
    let mut path = bench.path.borrow_mut();
    let mut samples = Samples::default();
    let key = (question.load, question.coding);
    if !path.runs.contains_key(&key) {
        let runs = path.run(bench, question.load, question.coding);
        for (who, outcome) in &runs {
            samples.note(describe(*who, outcome));
        }
        path.runs.insert(key, runs);
    }
    for (who, outcome) in path.runs.get(&key).into_iter().flatten() {
        let answer = outcome.as_ref().map_err(|error| RigError::failed(error.clone()));
        match answer.and_then(|outcome| question.metric.of(outcome)) {
            Ok(Some(answer)) => samples.add(who.name(), answer),
            Ok(None) => {}
            Err(error) if *who == Who::Porthole => return Err(error),
            Err(error) => samples.note(format!("{} failed: {error}", who.name())),
        }
    }
    Ok(samples)
}

impl Path {
    /// A system, started when it is first needed.
    fn system(&mut self, who: Who) -> std::result::Result<&mut System, String> {
        let system = self.systems.entry(who).or_insert_with(|| {
            let _step = Step::start(format!("booting a guest for {}", who.name()));
            System::start(who).map_err(|error| error.to_string())
        });
        system.as_mut().map_err(|error| error.clone())
    }

    fn run(&mut self, bench: &Bench, load: Load, coding: Coding) -> Runs {
        let mut runs = Vec::new();
        for round in 1..=bench.rounds {
            for who in Who::ALL {
                let first = self.next;
                self.next = self.next.wrapping_add(MOST_FRAMES) & 0xff_ffff;
                let outcome = self.system(who).and_then(|system| {
                    system.pause(false);
                    let outcome = run::run(system, load, coding.encoding(), first, bench.span);
                    system.pause(true);
                    outcome.map_err(|error| error.to_string())
                });
                say(&format!("  round {round}: {}", describe(who, &outcome)));
                runs.push((who, outcome));
            }
        }
        runs
    }
}

impl Metric {
    /// The number of one run; none where nobody counts it.
    fn of(self, outcome: &Outcome) -> Result<Option<f64>> {
        let frames = number(outcome.guest_frames.max(1));
        Ok(Some(match self {
            Self::Latency(part) => quantile(&outcome.latencies, part)?,
            Self::Rate => number(outcome.seen as u64) / outcome.seconds,
            Self::Cost => {
                let spent = outcome.spent.iter().map(|(_, spent)| *spent).sum();
                milliseconds(spent) / number(outcome.seen.max(1) as u64)
            }
            Self::GuestRate => outcome.guest_rate,
            Self::Interrupts => number(outcome.interrupts) / frames,
            Self::Kicks => match outcome.kicks {
                Some(kicks) => number(kicks) / frames,
                None => return Ok(None),
            },
        }))
    }
}

/// What a reader of the numbers should know of a run.
fn describe(who: Who, outcome: &std::result::Result<Outcome, String>) -> String {
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(error) => return format!("{} failed: {error}", who.name()),
    };
    let part = |part| quantile(&outcome.latencies, part).unwrap_or(f64::NAN);
    let frames = number(outcome.seen.max(1) as u64);
    let spent: Vec<String> = outcome
        .spent
        .iter()
        .map(|(who, spent)| format!("{who} {:.2}", milliseconds(*spent) / frames))
        .collect();
    format!(
        "{}: {:.2} ms in the middle, {:.2} of 99 in 100, {} of {} frames seen in {:.1} s, ms of CPU/frame: \
         {}; {:.1} MB; guest: {:.1} frames/s, {:.2} interrupts and {} kicks a frame",
        who.name(),
        part(0.5),
        part(0.99),
        outcome.seen,
        outcome.drawn,
        outcome.seconds,
        spent.join(", "),
        number(outcome.bytes) / 1e6,
        outcome.guest_rate,
        number(outcome.interrupts) / number(outcome.guest_frames.max(1)),
        outcome.kicks.map_or_else(
            || "?".to_owned(),
            |kicks| format!("{:.2}", number(kicks) / number(outcome.guest_frames.max(1)))
        ),
    )
}
