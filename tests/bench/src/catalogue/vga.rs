//! What is measured of our VGA.

use super::{Benchmark, Goal, Pick, Work};
use crate::measure::vga::{self, Scene};

/// All of it.
pub(super) const ALL: &[Benchmark] = &[
    picture("vga.text", "80×25 characters, all drawn", Goal::OfPeer(0.25), |bench| {
        vga::picture(bench, Scene::Text)
    }),
    picture("vga.planar", "640×480 of 16 colours", Goal::OfPeer(0.25), |bench| {
        vga::picture(bench, Scene::Planar)
    }),
    picture("vga.bytes", "320×200 of 256 colours, doubled", Goal::OfPeer(1.0), |bench| {
        vga::picture(bench, Scene::Bytes)
    }),
    picture("vga.palette", "1920×1080 of 256 colours", Goal::OfPeer(1.0), |bench| {
        vga::picture(bench, Scene::Dispi(8))
    }),
    picture("vga.rgb16", "1920×1080 of 16 bits", Goal::Known, |bench| {
        vga::picture(bench, Scene::Dispi(16))
    }),
    picture("vga.rgb24", "1920×1080 of 24 bits", Goal::Known, |bench| {
        vga::picture(bench, Scene::Dispi(24))
    }),
    picture("vga.rgb32", "1920×1080 of 32 bits, beside a copy", Goal::OfPeer(1.2), vga::copied),
    look("vga.idle.text", "a look at text that stays", |bench| vga::idle(bench, Scene::Text)),
    look("vga.idle.rgb32", "a look at 1920×1080 that stays", |bench| {
        vga::idle(bench, Scene::Dispi(32))
    }),
];

type Measure = fn(&crate::measure::Bench) -> porthole_rig::Result<crate::measure::Samples>;

const fn picture(id: &'static str, what: &'static str, goal: Goal, measure: Measure) -> Benchmark {
    let measure = Work::Alone(measure);
    Benchmark { id, unit: "ms", what, goal, pick: Pick::Least, measure }
}

const fn look(id: &'static str, what: &'static str, measure: Measure) -> Benchmark {
    let (goal, measure) = (Goal::AtMost(5.0), Work::Alone(measure));
    Benchmark { id, unit: "µs", what, goal, pick: Pick::Least, measure }
}
