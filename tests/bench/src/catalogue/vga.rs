//! What is measured of our VGA.

use super::{Benchmark, Goal, Pick, Work};
use crate::measure::vga::{self, Peer, Scene};

/// All of it.
pub(super) const ALL: &[Benchmark] = &[
    picture("vga.text", "80×25 characters, beside a screendump", Goal::OfPeer(0.25), |bench| {
        vga::picture(bench, Scene::Text, Peer::Screendump)
    }),
    picture("vga.text.drawn", "the same beside QEMU's drawing alone", Goal::Known, |bench| {
        vga::picture(bench, Scene::Text, Peer::Drawing)
    }),
    picture(
        "vga.planar",
        "640×480 of 16 colours, beside a screendump",
        Goal::OfPeer(0.25),
        |bench| vga::picture(bench, Scene::Planar, Peer::Screendump),
    ),
    picture("vga.planar.drawn", "the same beside QEMU's drawing alone", Goal::Known, |bench| {
        vga::picture(bench, Scene::Planar, Peer::Drawing)
    }),
    picture(
        "vga.bytes",
        "320×200 of 256 colours, beside a screendump",
        Goal::OfPeer(0.25),
        |bench| vga::picture(bench, Scene::Bytes, Peer::Screendump),
    ),
    picture(
        "vga.palette",
        "1920×1080 of 256 colours, beside a screendump",
        Goal::OfPeer(0.25),
        |bench| vga::picture(bench, Scene::Dispi(8), Peer::Screendump),
    ),
    picture("vga.palette.drawn", "the same beside QEMU's drawing alone", Goal::Known, |bench| {
        vga::picture(bench, Scene::Dispi(8), Peer::Drawing)
    }),
    picture("vga.rgb16", "1920×1080 of 16 bits, beside a screendump", Goal::Known, |bench| {
        vga::picture(bench, Scene::Dispi(16), Peer::Screendump)
    }),
    picture("vga.rgb24", "1920×1080 of 24 bits, beside a screendump", Goal::Known, |bench| {
        vga::picture(bench, Scene::Dispi(24), Peer::Screendump)
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
