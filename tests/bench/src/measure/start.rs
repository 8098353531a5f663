//! How long a start takes.

use porthole_rig::Result;

use super::{Bench, Samples, milliseconds, quantile};
use crate::compositor::{Compositor, Kind};
use crate::load::Client;
use crate::scene::Scene;

/// Starts in each round: one is over quickly.
const STARTS: u32 = 5;

/// Milliseconds from the start of the process until a program can connect, at which time the
/// service's splash is on every port.
pub(crate) fn connected(bench: &Bench, kinds: &[Kind]) -> Result<Samples> {
    measure(bench, kinds, |kind| {
        let compositor =
            Compositor::start(kind, &bench.programs, &Scene::start(bench.programs.screen), false)?;
        Ok(compositor.connected_after.as_secs_f64() * 1e3)
    })
}

/// Milliseconds from the start of our process until its splash is on the screen, as the service says.
pub(crate) fn splash(bench: &Bench) -> Result<Samples> {
    measure(bench, &[Kind::Porthole], |kind| {
        let scene = Scene::start(bench.programs.screen);
        let compositor = Compositor::start(kind, &bench.programs, &scene, false)?;
        let log = compositor.log();
        let line = log.lines().find(|line| line.contains("first frame"));
        let at = line.and_then(|line| line.split_once("monotonic_ns="));
        let at = at.and_then(|(_, at)| at.split_whitespace().next()?.parse::<u64>().ok());
        let at = at.ok_or_else(|| compositor.failure("does not say when its splash was shown"))?;
        Ok(milliseconds(at.saturating_sub(compositor.started_ns)))
    })
}

/// Milliseconds from the start of the process until the first program's first frame is done.
pub(crate) fn first_frame(bench: &Bench, kinds: &[Kind]) -> Result<Samples> {
    measure(bench, kinds, |kind| {
        let scene = Scene::start(bench.programs.screen);
        let compositor = Compositor::start(kind, &bench.programs, &scene, false)?;
        let mut client = Client::connect(&compositor, scene.size)?;
        let mut shown = compositor.started;
        for (number, layer) in scene.layers.iter().enumerate() {
            shown = client.show(number, layer)?;
        }
        Ok(shown.duration_since(compositor.started).as_secs_f64() * 1e3)
    })
}

/// The median of some starts, of those that are not the first: files must be read from disk then.
fn measure(
    bench: &Bench,
    kinds: &[Kind],
    mut start: impl FnMut(Kind) -> Result<f64>,
) -> Result<Samples> {
    let mut warm = Vec::new();
    bench.in_turns(kinds, |kind, _| {
        if !warm.contains(&kind) {
            warm.push(kind);
            start(kind)?;
        }
        let times = (0..STARTS).map(|_| start(kind)).collect::<Result<Vec<_>>>()?;
        quantile(&times, 0.5)
    })
}
