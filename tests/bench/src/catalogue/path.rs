//! The rows about the whole way from a guest to a viewer.

use super::{Benchmark, Goal, Pick, Work};
use crate::path::{Coding, Load, Machine, Many, Metric, Plainly, Question};

const MIDDLE: Metric = Metric::Latency(0.5);
const COPIED: Metric = Metric::Copied;
const MOST: Metric = Metric::Latency(0.99);

/// Each load is asked for latency, rate and cost.
pub(super) const ALL: &[Benchmark] = &[
    row("path.typing.raw.latency", "sparse 64×64, raw", Load::Typing, Coding::Raw, MIDDLE),
    row("path.typing.raw.p99", "sparse 64×64, raw", Load::Typing, Coding::Raw, MOST),
    row("path.typing.raw.cpu", "sparse 64×64, raw", Load::Typing, Coding::Raw, Metric::Cost),
    row("path.small.raw.latency", "64×64 at 60 Hz, raw", Load::Small, Coding::Raw, MIDDLE),
    row("path.small.raw.p99", "64×64 at 60 Hz, raw", Load::Small, Coding::Raw, MOST),
    row("path.small.raw.rate", "64×64 at 60 Hz, raw", Load::Small, Coding::Raw, Metric::Rate),
    row("path.small.raw.cpu", "64×64 at 60 Hz, raw", Load::Small, Coding::Raw, Metric::Cost),
    row("path.small.zrle.latency", "64×64 at 60 Hz, ZRLE", Load::Small, Coding::Zrle, MIDDLE),
    row("path.small.zrle.p99", "64×64 at 60 Hz, ZRLE", Load::Small, Coding::Zrle, MOST),
    row("path.small.zrle.cpu", "64×64 at 60 Hz, ZRLE", Load::Small, Coding::Zrle, Metric::Cost),
    row("path.window.raw.latency", "400×300 moves, raw", Load::Window, Coding::Raw, MIDDLE),
    row("path.window.raw.p99", "400×300 moves, raw", Load::Window, Coding::Raw, MOST),
    row("path.window.raw.rate", "400×300 moves, raw", Load::Window, Coding::Raw, Metric::Rate),
    row("path.window.raw.cpu", "400×300 moves, raw", Load::Window, Coding::Raw, Metric::Cost),
    row("path.window.zrle.latency", "400×300 moves, ZRLE", Load::Window, Coding::Zrle, MIDDLE),
    row("path.window.zrle.p99", "400×300 moves, ZRLE", Load::Window, Coding::Zrle, MOST),
    row("path.window.zrle.cpu", "400×300 moves, ZRLE", Load::Window, Coding::Zrle, Metric::Cost),
    row("path.film.raw.latency", "1920×1080 at 30 Hz, raw", Load::Film, Coding::Raw, MIDDLE),
    row("path.film.raw.p99", "1920×1080 at 30 Hz, raw", Load::Film, Coding::Raw, MOST),
    row("path.film.raw.rate", "1920×1080 at 30 Hz, raw", Load::Film, Coding::Raw, Metric::Rate),
    row("path.film.raw.cpu", "1920×1080 at 30 Hz, raw", Load::Film, Coding::Raw, Metric::Cost),
    row("path.film.zrle.latency", "1920×1080 at 30 Hz, ZRLE", Load::Film, Coding::Zrle, MIDDLE),
    row("path.film.zrle.p99", "1920×1080 at 30 Hz, ZRLE", Load::Film, Coding::Zrle, MOST),
    row("path.film.zrle.rate", "1920×1080 at 30 Hz, ZRLE", Load::Film, Coding::Zrle, Metric::Rate),
    row("path.film.zrle.cpu", "1920×1080 at 30 Hz, ZRLE", Load::Film, Coding::Zrle, Metric::Cost),
    row("guest.flips.rate", "guest's page flips", Load::Flips, Coding::Raw, Metric::GuestRate),
    row(
        "guest.flips.interrupts",
        "guest's page flips",
        Load::Flips,
        Coding::Raw,
        Metric::Interrupts,
    ),
    row("guest.flips.kicks", "guest's page flips", Load::Flips, Coding::Raw, Metric::Kicks),
    row("guest.draws.rate", "guest's window moves", Load::Draws, Coding::Raw, Metric::GuestRate),
    row(
        "guest.draws.interrupts",
        "guest's window moves",
        Load::Draws,
        Coding::Raw,
        Metric::Interrupts,
    ),
    row("guest.draws.kicks", "guest's window moves", Load::Draws, Coding::Raw, Metric::Kicks),
    traced("trace.small.latency", "64×64 at 60 Hz", Load::Small, MIDDLE),
    traced("trace.small.cpu", "64×64 at 60 Hz", Load::Small, Metric::Cost),
    traced("trace.window.latency", "400×300 moves", Load::Window, MIDDLE),
    traced("trace.window.cpu", "400×300 moves", Load::Window, Metric::Cost),
    traced("trace.film.latency", "1920×1080 at 30 Hz", Load::Film, MIDDLE),
    traced("trace.film.cpu", "1920×1080 at 30 Hz", Load::Film, Metric::Cost),
    bridge("bridge.text.latency", "text of the firmware scrolls", TEXT, MIDDLE),
    bridge("bridge.text.p99", "text of the firmware scrolls", TEXT, MOST),
    bridge("bridge.text.cpu", "text of the firmware scrolls", TEXT, Metric::Cost),
    bridge("bridge.text.copied", "bytes that we copy for that", TEXT, COPIED),
    bridge("bridge.shared.latency", "the same from shared memory", SHARED, MIDDLE),
    bridge("bridge.shared.p99", "the same from shared memory", SHARED, MOST),
    bridge("bridge.shared.cpu", "the same from shared memory", SHARED, Metric::Cost),
    bridge("bridge.shared.copied", "bytes that we copy for that", SHARED, COPIED),
    bridge("bridge.small.latency", "64×64 at 60 Hz on a VGA", (LINUX, Load::Small), MIDDLE),
    bridge("bridge.small.p99", "64×64 at 60 Hz on a VGA", (LINUX, Load::Small), MOST),
    bridge("bridge.small.cpu", "64×64 at 60 Hz on a VGA", (LINUX, Load::Small), Metric::Cost),
    bridge("bridge.small.copied", "bytes that we copy for that", (LINUX, Load::Small), COPIED),
    bridge("bridge.film.latency", "1920×1080 at 30 Hz on a VGA", (LINUX, Load::Film), MIDDLE),
    bridge("bridge.film.p99", "1920×1080 at 30 Hz on a VGA", (LINUX, Load::Film), MOST),
    bridge("bridge.film.rate", "1920×1080 at 30 Hz on a VGA", (LINUX, Load::Film), Metric::Rate),
    bridge("bridge.film.cpu", "1920×1080 at 30 Hz on a VGA", (LINUX, Load::Film), Metric::Cost),
    bridge("bridge.film.copied", "bytes that we copy for that", (LINUX, Load::Film), COPIED),
    source("source.text.latency", "text of the firmware scrolls", VNC_TEXT, MIDDLE),
    source("source.text.p99", "text of the firmware scrolls", VNC_TEXT, MOST),
    source("source.text.cpu", "text of the firmware scrolls", VNC_TEXT, Metric::Cost),
    source("source.text.decode", "text of the firmware scrolls", VNC_TEXT, Metric::Decoding),
    source("source.text.copied", "bytes that we copy for that", VNC_TEXT, COPIED),
    source("source.small.latency", "64×64 at 60 Hz, ZRLE", VNC_SMALL, MIDDLE),
    source("source.small.cpu", "64×64 at 60 Hz, ZRLE", VNC_SMALL, Metric::Cost),
    source("source.small.decode", "64×64 at 60 Hz, ZRLE", VNC_SMALL, Metric::Decoding),
    source("source.film.latency", "1920×1080 at 30 Hz, ZRLE", VNC_FILM, MIDDLE),
    source("source.film.p99", "1920×1080 at 30 Hz, ZRLE", VNC_FILM, MOST),
    source("source.film.rate", "1920×1080 at 30 Hz, ZRLE", VNC_FILM, Metric::Rate),
    source("source.film.cpu", "1920×1080 at 30 Hz, ZRLE", VNC_FILM, Metric::Cost),
    source("source.film.decode", "1920×1080 at 30 Hz, ZRLE", VNC_FILM, Metric::Decoding),
    source("source.film.copied", "bytes that we copy for that", VNC_FILM, COPIED),
    source("source.raw.latency", "1920×1080 at 30 Hz, raw", VNC_RAW, MIDDLE),
    source("source.raw.rate", "1920×1080 at 30 Hz, raw", VNC_RAW, Metric::Rate),
    source("source.raw.cpu", "1920×1080 at 30 Hz, raw", VNC_RAW, Metric::Cost),
    source("source.raw.decode", "1920×1080 at 30 Hz, raw", VNC_RAW, Metric::Decoding),
    many("guests.1.latency", "one guest of a small picture", 1, Many::Latency(0.5)),
    many("guests.1.p99", "one guest of a small picture", 1, Many::Latency(0.99)),
    many("guests.1.cpu", "one guest of a small picture", 1, Many::Cost),
    many("guests.8.latency", "the first of eight guests", 8, Many::Latency(0.5)),
    many("guests.8.p99", "the first of eight guests", 8, Many::Latency(0.99)),
    many("guests.8.cpu", "eight guests on a port", 8, Many::Cost),
    many("guests.8.memory", "each of eight guests", 8, Many::Memory),
    many("guests.8.restart", "the service dies, eight guests are back", 8, Many::Restart),
    many("guests.16.latency", "the first of sixteen guests", 16, Many::Latency(0.5)),
    many("guests.16.p99", "the first of sixteen guests", 16, Many::Latency(0.99)),
    many("guests.16.cpu", "sixteen guests on a port", 16, Many::Cost),
    many("guests.16.memory", "each of sixteen guests", 16, Many::Memory),
    many("guests.16.restart", "the service dies, sixteen guests are back", 16, Many::Restart),
];

/// As part of the same without a trace; noise of a run is larger than 5 %, so the rounds' middle counts.
const fn traced(id: &'static str, what: &'static str, load: Load, metric: Metric) -> Benchmark {
    let (goal, measure) = (Goal::AtMost(1.05), Work::Trace(load, metric));
    Benchmark { id, unit: "×", what, goal, pick: Pick::Median, measure }
}

const LINUX: Machine = Machine::Plain(Plainly::Linux);
const TEXT: (Machine, Load) = (Machine::Plain(Plainly::Text), Load::Text);
const SHARED: (Machine, Load) = (Machine::Plain(Plainly::NewestText), Load::Text);

const VNC_TEXT: (Machine, Load) = (Machine::Served(Plainly::Text, Coding::Zrle), Load::Text);
const VNC_LINUX: Machine = Machine::Served(Plainly::Linux, Coding::Zrle);
const VNC_SMALL: (Machine, Load) = (VNC_LINUX, Load::Small);
const VNC_FILM: (Machine, Load) = (VNC_LINUX, Load::Film);
const VNC_RAW: (Machine, Load) = (Machine::Served(Plainly::Linux, Coding::Raw), Load::Film);

/// A VNC server's picture, beside TigerVNC's viewer of the same server: how often that looks at its guest
/// is in both.
const fn source(
    id: &'static str,
    what: &'static str,
    shown: (Machine, Load),
    metric: Metric,
) -> Benchmark {
    let row = bridge(id, what, shown, metric);
    match metric {
        Metric::Decoding => Benchmark { goal: Goal::OfPeer(1.0), ..row },
        _ => row,
    }
}

/// A machine of QEMU's own devices, beside QEMU's own VNC server: QEMU looks at a VGA no more often for
/// us than for itself, so its time is in both.
const fn bridge(
    id: &'static str,
    what: &'static str,
    (machine, load): (Machine, Load),
    metric: Metric,
) -> Benchmark {
    let (unit, goal, pick) = match metric {
        Metric::Latency(_) => ("ms", Goal::OfPeer(1.0), Pick::Median),
        Metric::Rate => ("frames/s", Goal::AtLeastOfPeer(1.0), Pick::Median),
        Metric::Copied => ("MB/frame", Goal::Known, Pick::Median),
        _ => (super::FRAME, Goal::Known, Pick::Least),
    };
    let measure = Work::Path(Question { machine, load, coding: Coding::Raw, metric });
    Benchmark { id, unit, what, goal, pick, measure }
}

const fn many(id: &'static str, what: &'static str, count: usize, many: Many) -> Benchmark {
    let (unit, goal, pick) = match many {
        Many::Latency(_) => ("ms", Goal::Known, Pick::Median),
        Many::Cost => (super::FRAME, Goal::Known, Pick::Least),
        Many::Memory => ("MiB", Goal::Known, Pick::Median),
        Many::Restart => ("ms", Goal::AtMost(500.0), Pick::Median),
    };
    Benchmark { id, unit, what, goal, pick, measure: Work::Many(count, many) }
}

const fn row(
    id: &'static str,
    what: &'static str,
    load: Load,
    coding: Coding,
    metric: Metric,
) -> Benchmark {
    let (unit, goal, pick) = match metric {
        Metric::Latency(_) => ("ms", Goal::OfPeer(0.5), Pick::Median),
        Metric::Rate => ("frames/s", Goal::AtLeastOfPeer(1.0), Pick::Median),
        Metric::Cost | Metric::Decoding => (super::FRAME, Goal::OfPeer(1.0), Pick::Least),
        Metric::GuestRate => ("frames/s", Goal::AtLeastOfPeer(0.96), Pick::Median),
        Metric::Interrupts => ("1/frame", Goal::OfPeer(1.0), Pick::Median),
        Metric::Kicks => ("1/frame", Goal::Known, Pick::Median),
        Metric::Copied => ("MB/frame", Goal::Known, Pick::Median),
    };
    let measure = Work::Path(Question { machine: Machine::Ours, load, coding, metric });
    Benchmark { id, unit, what, goal, pick, measure }
}
