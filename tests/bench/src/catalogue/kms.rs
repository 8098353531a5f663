//! What is measured of ports on graphics cards: in a guest, beside weston on the same card.

use super::{Benchmark, FRAME, Goal, Pick, Work};
use crate::compositor::Kind;
use crate::measure::{self, kms};
use crate::scene::Scene;

/// Who can show pictures on a card without a seat.
const BOTH: [Kind; 2] = [Kind::Porthole, Kind::Weston];

/// What is asked of the guest.
pub(super) const ALL: &[Benchmark] = &[
    row("kms.cpu", FRAME, "instruments on a card", Goal::OfPeer(0.7), Pick::Least, |bench| {
        kms::of(bench, "inside.cpu")
    }),
    row(
        "kms.flips",
        "frames/s",
        "a spot that changes at 240 Hz",
        Goal::AtLeastOfPeer(1.0),
        Pick::Median,
        |bench| kms::of(bench, "inside.flips"),
    ),
    row(
        "kms.missed",
        "% of commits",
        "instruments at 60 Hz, never shown",
        Goal::OfPeer(1.0),
        Pick::Median,
        |bench| kms::of(bench, "inside.missed"),
    ),
    row(
        "kms.latency.typing",
        "ms",
        "a spot that changes now and then, from commit to flip",
        Goal::OfPeer(1.0),
        Pick::Median,
        |bench| kms::of(bench, "inside.latency.typing"),
    ),
    row(
        "kms.latency.typing.p99",
        "ms",
        "a spot that changes now and then, 99 in 100",
        Goal::OfPeer(1.0),
        Pick::Median,
        |bench| kms::of(bench, "inside.latency.typing.p99"),
    ),
    row(
        "kms.latency.instruments",
        "ms",
        "instruments at 60 Hz, from commit to flip",
        Goal::OfPeer(1.0),
        Pick::Median,
        |bench| kms::of(bench, "inside.latency.instruments"),
    ),
    row(
        "kms.latency.instruments.p99",
        "ms",
        "instruments at 60 Hz, 99 in 100",
        Goal::OfPeer(1.0),
        Pick::Median,
        |bench| kms::of(bench, "inside.latency.instruments.p99"),
    ),
    row(
        "kms.splash",
        "ms",
        "from exec until the splash is on the screen",
        Goal::AtMost(150.0),
        Pick::Least,
        kms::splash,
    ),
    row(
        "kms.first",
        "ms",
        "the same beside weston's first frame of a program",
        Goal::OfPeer(0.5),
        Pick::Least,
        kms::splash_beside_first_frame,
    ),
];

/// What the guest measures.
pub(super) const INSIDE: &[Benchmark] = &[
    row("inside.cpu", FRAME, "instruments", Goal::Known, Pick::Least, |bench| {
        measure::cost(bench, &Scene::instruments(), &BOTH)
    }),
    row("inside.flips", "frames/s", "a spot", Goal::Known, Pick::Median, |bench| {
        measure::rate(bench, &Scene::spot(), &BOTH)
    }),
    row("inside.missed", "% of commits", "instruments", Goal::Known, Pick::Median, |bench| {
        measure::missed(bench, &Scene::instruments(), &BOTH)
    }),
    row(
        "inside.latency.typing",
        "ms",
        "a spot that changes now and then",
        Goal::Known,
        Pick::Median,
        |bench| measure::until_shown(bench, ("typing", &Scene::typing(), 0.5), &BOTH),
    ),
    row(
        "inside.latency.typing.p99",
        "ms",
        "a spot that changes now and then",
        Goal::Known,
        Pick::Median,
        |bench| measure::until_shown(bench, ("typing", &Scene::typing(), 0.99), &BOTH),
    ),
    row(
        "inside.latency.instruments",
        "ms",
        "instruments at 60 Hz",
        Goal::Known,
        Pick::Median,
        |bench| measure::until_shown(bench, ("instruments", &Scene::instruments(), 0.5), &BOTH),
    ),
    row(
        "inside.latency.instruments.p99",
        "ms",
        "instruments at 60 Hz",
        Goal::Known,
        Pick::Median,
        |bench| measure::until_shown(bench, ("instruments", &Scene::instruments(), 0.99), &BOTH),
    ),
    row(
        "inside.splash",
        "ms",
        "until the splash is shown",
        Goal::Known,
        Pick::Least,
        measure::splash,
    ),
    row(
        "inside.connected",
        "ms",
        "until programs can connect",
        Goal::Known,
        Pick::Least,
        |bench| measure::connected(bench, &BOTH),
    ),
    row("inside.first", "ms", "until a first frame", Goal::Known, Pick::Least, |bench| {
        measure::first_frame(bench, &BOTH)
    }),
];

/// What the guest measures for a row.
pub(crate) fn inside(row: &str) -> Vec<String> {
    let splash = "inside.splash".to_owned();
    match row.split_once('.') {
        Some((_, "splash")) => vec![splash, "inside.connected".to_owned()],
        Some((_, "first")) => vec![splash, "inside.first".to_owned()],
        Some((_, rest)) => vec![format!("inside.{rest}")],
        None => Vec::new(),
    }
}

type Measure = fn(&crate::measure::Bench) -> porthole_rig::Result<crate::measure::Samples>;

const fn row(
    id: &'static str,
    unit: &'static str,
    what: &'static str,
    goal: Goal,
    pick: Pick,
    measure: Measure,
) -> Benchmark {
    Benchmark { id, unit, what, goal, pick, measure: Work::Alone(measure) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guest_measures_what_rows_are_made_of() {
        for row in ALL {
            for id in inside(row.id) {
                assert!(INSIDE.iter().any(|inside| inside.id == id), "{id} of {}", row.id);
            }
        }
    }
}
