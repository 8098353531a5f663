//! The rows about guests with our adapter, beside the same guests with QEMU's VGA and its VNC server.

use super::{Benchmark, Goal, Pick, Work};
use crate::measure::{Bench, Samples};
use crate::path::{Canvas, Coding, Firmware, Load, Machine, Metric, Question, Still, first_pixel};

const MIDDLE: Metric = Metric::Latency(0.5);
const MOST: Metric = Metric::Latency(0.99);

/// What text and planes should cost at the most, as part of QEMU's.
const QUARTER: Goal = Goal::OfPeer(0.25);
const SAME: Goal = Goal::OfPeer(1.0);

/// All of it.
pub(super) const ALL: &[Benchmark] = &[
    first("adapter.first.bios", "from QEMU's start until SeaBIOS shows something", |bench| {
        first_pixel(bench, Firmware::Bios, "VGA")
    }),
    first("adapter.first.same", "the same beside the device with the same ROM", |bench| {
        first_pixel(bench, Firmware::Bios, "bochs-display")
    }),
    first("adapter.first.uefi", "until UEFI firmware shows something", |bench| {
        first_pixel(bench, Firmware::Uefi, "VGA")
    }),
    late("adapter.text.latency", "text scrolls", Canvas::Text, MIDDLE),
    late("adapter.text.p99", "text scrolls", Canvas::Text, MOST),
    rate("adapter.text.rate", "text scrolls", Canvas::Text),
    cost("adapter.text.cpu", "text scrolls", Canvas::Text, QUARTER),
    late("adapter.planar.latency", "640×480 of 16 colours", Canvas::Planes, MIDDLE),
    late("adapter.planar.p99", "640×480 of 16 colours", Canvas::Planes, MOST),
    rate("adapter.planar.rate", "640×480 of 16 colours", Canvas::Planes),
    cost("adapter.planar.cpu", "640×480 of 16 colours", Canvas::Planes, QUARTER),
    late("adapter.palette.latency", "1920×1080 of 256 colours", Canvas::Bytes, MIDDLE),
    late("adapter.palette.p99", "1920×1080 of 256 colours", Canvas::Bytes, MOST),
    rate("adapter.palette.rate", "1920×1080 of 256 colours", Canvas::Bytes),
    cost("adapter.palette.cpu", "1920×1080 of 256 colours", Canvas::Bytes, SAME),
    late("adapter.rgb32.latency", "1920×1080 of 32 bits", Canvas::Words, MIDDLE),
    late("adapter.rgb32.p99", "1920×1080 of 32 bits", Canvas::Words, MOST),
    rate("adapter.rgb32.rate", "1920×1080 of 32 bits", Canvas::Words),
    cost("adapter.rgb32.cpu", "1920×1080 of 32 bits", Canvas::Words, SAME),
    Benchmark {
        id: "adapter.idle.cpu",
        unit: "% of a processor",
        what: "1920×1080 of 32 bits that stays",
        goal: Goal::AtMost(1.0),
        pick: Pick::Least,
        measure: Work::Still(Still::Cost),
    },
    Benchmark {
        id: "adapter.idle.wakeups",
        unit: "1/s",
        what: "the adapter's threads wake up meanwhile",
        goal: Goal::AtMost(4.0),
        pick: Pick::Least,
        measure: Work::Still(Still::WakeUps),
    },
];

const fn first(
    id: &'static str,
    what: &'static str,
    measure: fn(&Bench) -> porthole_rig::Result<Samples>,
) -> Benchmark {
    let (goal, measure) = (Goal::Within(50.0), Work::Alone(measure));
    Benchmark { id, unit: "ms", what, goal, pick: Pick::Median, measure }
}

const fn work(canvas: Canvas, metric: Metric) -> Work {
    let (machine, load) = (Machine::Canvas(canvas), Load::Canvas(canvas));
    Work::Path(Question { machine, load, coding: Coding::Raw, metric })
}

const fn late(id: &'static str, what: &'static str, canvas: Canvas, metric: Metric) -> Benchmark {
    let measure = work(canvas, metric);
    Benchmark { id, unit: "ms", what, goal: SAME, pick: Pick::Median, measure }
}

const fn rate(id: &'static str, what: &'static str, canvas: Canvas) -> Benchmark {
    // As for a guest's own rate: of equal ones either may be a hundredth of a frame ahead.
    let (goal, measure) = (Goal::AtLeastOfPeer(0.96), work(canvas, Metric::Rate));
    Benchmark { id, unit: "frames/s", what, goal, pick: Pick::Median, measure }
}

const fn cost(id: &'static str, what: &'static str, canvas: Canvas, goal: Goal) -> Benchmark {
    let measure = work(canvas, Metric::Cost);
    Benchmark { id, unit: super::FRAME, what, goal, pick: Pick::Least, measure }
}
