//! How long it takes from a program's commit until a viewer has it.

use std::time::{Duration, Instant};

use porthole_rig::Result;

use super::{Bench, Samples, quantile};
use crate::capture::Capturer;
use crate::clock::pause;
use crate::compositor::{Compositor, Kind};
use crate::load::{Client, Load, Window};
use crate::scene::Scene;

/// How long a compositor may take to move a window that it has just mapped.
const SETTLE: Duration = Duration::from_millis(700);
/// The time between two commits: from this, and up to so much more.
const BETWEEN: Duration = Duration::from_millis(20);
const VARIATION_MICROSECONDS: u64 = 17_000;
/// The rate of the output, and of programs that draw as often.
const USUAL: u32 = 60;

/// Milliseconds from the commit of a small window until a capture that shows it is ready, below which
/// such a part of all captures lies. If `busy`, a larger window changes 60 times a second.
pub(crate) fn latency(bench: &Bench, busy: bool, part: f64, kinds: &[Kind]) -> Result<Samples> {
    bench.in_turns(kinds, |kind, samples| {
        let times = once(bench, kind, if busy { USUAL } else { 0 })?;
        let (half, most) = (quantile(&times, 0.5)?, quantile(&times, 0.95)?);
        let worst = quantile(&times, 1.0)?;
        samples.note(format!(
            "{}: {} captures, median {half:.2}, 95 % {most:.2}, longest {worst:.2} ms",
            kind.name(),
            times.len()
        ));
        quantile(&times, part)
    })
}

/// How many times as long the same takes beside a window that changes so many times a second as beside
/// one that changes as often as the output: the median, and in the notes the hundredth of all that takes
/// longest.
pub(crate) fn fairness(bench: &Bench, rate: u32, kinds: &[Kind]) -> Result<Samples> {
    bench.in_turns(kinds, |kind, samples| {
        let (usual, fast) = (once(bench, kind, USUAL)?, once(bench, kind, rate)?);
        let (before, after) = (quantile(&usual, 0.5)?, quantile(&fast, 0.5)?);
        let (slowest, slowest_after) = (quantile(&usual, 0.99)?, quantile(&fast, 0.99)?);
        samples.note(format!(
            "{}: median {before:.2} and {after:.2} ms, 99 % {slowest:.2} and {slowest_after:.2} ms",
            kind.name()
        ));
        Ok(after / before)
    })
}

fn once(bench: &Bench, kind: Kind, rate: u32) -> Result<Vec<f64>> {
    let scene = Scene::signal(rate);
    let compositor = Compositor::start(kind, &bench.programs, &scene, false)?;
    let mut layers = scene.layers.iter().cloned();
    let mut others = scene.clone();
    others.layers = layers.next().into_iter().collect();
    let load = Load::start(&compositor, &others)?;
    let mut client = Client::connect(&compositor, scene.size)?;
    let mut place = (0, 0);
    for layer in layers {
        place = (layer.position.0 + 5, layer.position.1 + 5);
        client.show(1, &layer)?;
    }
    pause(SETTLE);
    let now = Instant::now();
    let end = now + bench.span;
    load.draw(Window { start: now, end });
    let mut capturer = Capturer::connect(&compositor.socket)?;
    capturer.ask(false)?;
    capturer.wait()?;
    let mut times = Vec::new();
    let mut random = 1_u64;
    while Instant::now() < end {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let more = Duration::from_micros((random >> 33) % VARIATION_MICROSECONDS);
        times.push(signal(&mut client, &mut capturer, place, BETWEEN + more)?);
    }
    load.finish()?;
    Ok(times)
}

/// Waits, changes the colour of a window, and waits until that is seen.
fn signal(
    client: &mut Client,
    capturer: &mut Capturer,
    (x, y): (u32, u32),
    wait: Duration,
) -> Result<f64> {
    let before = capturer.pixel(x, y);
    capturer.ask(true)?;
    capturer.settle()?;
    capturer.follow(Instant::now() + wait)?;
    let start = Instant::now();
    client.draw(0, false);
    client.flush()?;
    loop {
        capturer.wait()?;
        if capturer.pixel(x, y) != before {
            break;
        }
        capturer.ask(true)?;
    }
    let time = start.elapsed().as_secs_f64() * 1e3;
    client.serve(Instant::now())?;
    Ok(time)
}
