//! What can be measured, and what is wished of it.

mod adapter;
mod kms;
mod path;
mod vga;

use porthole_rig::Result;

use crate::compositor::Kind;
use crate::measure::{self, Bench, Samples};
use crate::path::{Load, Many, Metric, Question, Still};
use crate::scene::Scene;

/// What the number of the service should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Goal {
    /// At most this part of the best peer's number.
    OfPeer(f64),
    /// At least this part of the best peer's number.
    AtLeastOfPeer(f64),
    /// At most so much more than the best peer's number.
    Within(f64),
    /// At most this.
    AtMost(f64),
    /// Nothing in particular: it is good to know.
    Known,
}

/// Which of a measurement's rounds tells most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pick {
    /// The smallest: others on the machine can only add to a cost.
    Least,
    /// The one in the middle.
    Median,
}

/// One row of the result.
#[derive(Clone, Copy)]
pub(crate) struct Benchmark {
    pub(crate) id: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) what: &'static str,
    pub(crate) goal: Goal,
    pub(crate) pick: Pick,
    pub(crate) measure: Work,
}

/// How a row comes about.
#[derive(Clone, Copy)]
pub(crate) enum Work {
    /// By a measurement of its own.
    Alone(fn(&Bench) -> Result<Samples>),
    /// From runs of a guest, which several rows share.
    Path(Question),
    /// From runs of a guest with a trace and without.
    Trace(Load, Metric),
    /// From so many guests on one port.
    Many(usize, Many),
    /// From a guest whose picture stays.
    Still(Still),
}

impl Benchmark {
    /// Measures.
    pub(crate) fn run(&self, bench: &Bench) -> Result<Samples> {
        match self.measure {
            Work::Alone(measure) => measure(bench),
            Work::Path(question) => crate::path::measure(bench, question),
            Work::Trace(load, metric) => crate::path::measure_trace(bench, load, metric),
            Work::Many(count, many) => crate::path::measure_many(bench, count, many),
            Work::Still(still) => crate::path::measure_still(bench, still),
        }
    }
}

/// The compositors that can be captured by the same protocol.
const CAPTURED: [Kind; 2] = [Kind::Porthole, Kind::Sway];

const FRAME: &str = "ms of CPU/frame";

/// Everything that is measured of the service alone.
const SERVICE: &[Benchmark] = &[
    cost("compose.full", "a film that fills the output", 1.0, |bench| {
        measure::cost(bench, &Scene::full(), &Kind::ALL)
    }),
    cost("compose.blend3", "a film under three half transparent pictures", 0.45, |bench| {
        measure::cost(bench, &Scene::blend3(), &Kind::ALL)
    }),
    cost("compose.cockpit", "a car's instruments", 0.8, |bench| {
        measure::cost(bench, &Scene::cockpit(), &Kind::ALL)
    }),
    cost("compose.eight", "eight programs that overlap", 0.8, |bench| {
        measure::cost(bench, &Scene::eight(), &Kind::ALL)
    }),
    cost("compose.damage64", "64×64 changing pixels under three pictures", 0.8, |bench| {
        measure::cost(bench, &Scene::damage64(), &Kind::ALL)
    }),
    Benchmark {
        id: "blend.over",
        unit: "ms",
        what: "the arithmetic for a half transparent 1920×1080",
        goal: Goal::OfPeer(0.45),
        pick: Pick::Least,
        measure: Work::Alone(measure::kernels::over),
    },
    Benchmark {
        id: "blend.mask",
        unit: "ms",
        what: "the same with mask and opacity",
        goal: Goal::AtMost(2.0),
        pick: Pick::Least,
        measure: Work::Alone(measure::kernels::mask),
    },
    Benchmark {
        id: "blend.key",
        unit: "ms",
        what: "1920×1080 with a colour key",
        goal: Goal::AtMost(0.6),
        pick: Pick::Least,
        measure: Work::Alone(measure::kernels::key),
    },
    hole("hole.0", "a film under a half transparent picture", |bench| hole_cost(bench, 0)),
    hole("hole.1", "the same with a hole of a seventh", |bench| hole_cost(bench, 1)),
    hole("hole.64", "the same area in 64 holes", |bench| hole_cost(bench, 64)),
    Benchmark {
        id: "idle.wakeups",
        unit: "1/s",
        what: "threads that wake up while nothing changes",
        goal: Goal::AtMost(0.0),
        pick: Pick::Least,
        measure: Work::Alone(|bench| measure::wake_ups(bench, &Kind::ALL)),
    },
    Benchmark {
        id: "capture.idle",
        unit: "ms",
        what: "from a commit to its capture, median",
        goal: Goal::AtMost(1.5),
        pick: Pick::Median,
        measure: Work::Alone(|bench| measure::latency(bench, false, 0.5, &CAPTURED)),
    },
    Benchmark {
        id: "capture.load",
        unit: "ms",
        what: "the same beside a film, 95 of 100 captures",
        goal: Goal::AtMost(16.7),
        pick: Pick::Median,
        measure: Work::Alone(|bench| measure::latency(bench, true, 0.95, &CAPTURED)),
    },
    Benchmark {
        id: "fairness.fast",
        unit: "×",
        what: "from a commit to its capture beside a program at 1000 Hz, as part of that beside one at 60 Hz",
        goal: Goal::AtMost(1.05),
        pick: Pick::Median,
        measure: Work::Alone(|bench| measure::fairness(bench, 1000, &CAPTURED)),
    },
    Benchmark {
        id: "fairness.flood",
        unit: "×",
        what: "time of a film's frames beside a program that floods, as part of that without one",
        goal: Goal::AtMost(1.05),
        pick: Pick::Median,
        measure: Work::Alone(|bench| measure::flooded(bench, &Scene::film(), &Kind::ALL)),
    },
    Benchmark {
        id: "start.splash",
        unit: "ms",
        what: "from exec until programs can connect; the splash is there",
        goal: Goal::AtMost(20.0),
        pick: Pick::Least,
        measure: Work::Alone(|bench| measure::connected(bench, &Kind::ALL)),
    },
    Benchmark {
        id: "start.first_frame",
        unit: "ms",
        what: "from exec until a program's first frame is done",
        goal: Goal::OfPeer(1.0),
        pick: Pick::Least,
        measure: Work::Alone(|bench| measure::first_frame(bench, &Kind::ALL)),
    },
    Benchmark {
        id: "memory.private",
        unit: "MiB",
        what: "private memory beyond one picture of the output",
        goal: Goal::AtMost(6.0),
        pick: Pick::Median,
        measure: Work::Alone(|bench| measure::private_memory(bench, &Kind::ALL)),
    },
    Benchmark {
        id: "missed.eight",
        unit: "% of commits",
        what: "never shown, of eight programs at 60 Hz, on one processor",
        goal: Goal::AtMost(0.0),
        pick: Pick::Median,
        measure: Work::Alone(|bench| measure::missed(bench, &Scene::eight(), &Kind::ALL)),
    },
];

const fn cost(
    id: &'static str,
    what: &'static str,
    part: f64,
    measure: fn(&Bench) -> Result<Samples>,
) -> Benchmark {
    Benchmark {
        id,
        unit: FRAME,
        what,
        goal: Goal::OfPeer(part),
        pick: Pick::Least,
        measure: Work::Alone(measure),
    }
}

const fn hole(
    id: &'static str,
    what: &'static str,
    measure: fn(&Bench) -> Result<Samples>,
) -> Benchmark {
    Benchmark {
        id,
        unit: FRAME,
        what,
        goal: Goal::Known,
        pick: Pick::Least,
        measure: Work::Alone(measure),
    }
}

/// No other compositor can punch holes.
fn hole_cost(bench: &Bench, holes: u32) -> Result<Samples> {
    measure::cost(bench, &Scene::holes(holes), &[Kind::Porthole])
}

/// Everything that can be measured.
fn all() -> impl Iterator<Item = &'static Benchmark> {
    SERVICE.iter().chain(path::ALL).chain(vga::ALL).chain(adapter::ALL).chain(kms::ALL)
}

/// What a guest measures on its screen: what is named, all if nothing is.
pub(crate) fn on_screens(names: &[String]) -> Vec<&'static Benchmark> {
    let is_named = |id: &str| names.is_empty() || names.iter().any(|name| name == id);
    kms::INSIDE.iter().filter(|row| is_named(row.id)).collect()
}

/// What a guest measures on its screen for these rows.
pub(crate) fn on_screens_for(rows: &[&Benchmark]) -> Vec<String> {
    let rows = rows.iter().filter(|row| kms::ALL.iter().any(|other| other.id == row.id));
    let mut names: Vec<String> = rows.flat_map(|row| kms::inside(row.id)).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The benchmarks that are named, by themselves or by what their names begin with; all if none is.
pub(crate) fn chosen(names: &[String]) -> Vec<&'static Benchmark> {
    let named =
        |id: &str| names.iter().any(|name| id == name || id.starts_with(&format!("{name}.")));
    all().filter(|benchmark| names.is_empty() || named(benchmark.id)).collect()
}

/// A name that names nothing.
pub(crate) fn unknown(names: &[String]) -> Option<&String> {
    names.iter().find(|name| chosen(std::slice::from_ref(name)).is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_choose_one_or_a_group() {
        let count = |name: &str| chosen(&[name.to_owned()]).len();
        assert_eq!((count("compose"), count("compose.full"), count("comp")), (5, 1, 0));
        assert_eq!(chosen(&[]).len(), all().count());
        let names = ["compose", "comp", "idle.wakeups"].map(str::to_owned);
        assert_eq!(unknown(&names), Some(&names[1]));
    }

    #[test]
    fn every_id_is_there_once() {
        let mut ids: Vec<_> = all().map(|benchmark| benchmark.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all().count());
    }
}
