//! What a compositor costs while nothing changes.

use porthole_rig::Result;

use super::{Bench, Samples, number};
use crate::clock::{pause, wait_until};
use crate::compositor::{Compositor, Kind};
use crate::counters::{self, Counters};
use crate::load::Load;
use crate::scene::Scene;

/// How long the echo of a start may last, and how long it must be quiet to be over.
const ECHO: std::time::Duration = std::time::Duration::from_secs(5);
const QUIET: std::time::Duration = std::time::Duration::from_millis(500);

/// How often a second threads wake up while one program shows a still picture.
pub(crate) fn wake_ups(bench: &Bench, kinds: &[Kind]) -> Result<Samples> {
    bench.in_turns(kinds, |kind, _| {
        let scene = Scene::idle();
        let compositor = Compositor::start(kind, &bench.programs, &scene, false)?;
        let load = Load::start(&compositor, &scene)?;
        let processes = compositor.processes();
        wait_until(ECHO, || {
            let before = Counters::of(&processes);
            pause(QUIET);
            Counters::of(&processes).since(before).wake_ups == 0
        });
        let before = Counters::of(&processes);
        pause(bench.span);
        let counted = Counters::of(&processes).since(before);
        load.finish()?;
        Ok(number(counted.wake_ups) / bench.span.as_secs_f64())
    })
}

/// MiB that only the compositor's processes use, beyond one picture of the output, while one
/// program shows a still picture.
pub(crate) fn private_memory(bench: &Bench, kinds: &[Kind]) -> Result<Samples> {
    bench.in_turns(kinds, |kind, _| {
        let scene = Scene::idle();
        let compositor = Compositor::start(kind, &bench.programs, &scene, false)?;
        let load = Load::start(&compositor, &scene)?;
        pause(QUIET);
        let bytes = counters::private_memory(&compositor.processes());
        load.finish()?;
        let (width, height) = scene.size;
        let picture = u64::from(width) * u64::from(height) * 4;
        Ok((number(bytes) - number(picture)) / f64::from(1 << 20))
    })
}
