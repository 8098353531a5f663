//! What frames cost, and whether all are shown.

use std::time::{Duration, Instant};

use porthole_rig::{Result, RigError};

use super::pictures::Pictures;
use super::{Bench, Samples, milliseconds, number, quantile};
use crate::clock::{pause, pause_until};
use crate::compositor::{Compositor, Kind};
use crate::counters::Counters;
use crate::load::{Flood, Flooding, Load, Tally, Window};
use crate::scene::Scene;

/// How long programs draw before frames are counted.
const WARM_UP: Duration = Duration::from_millis(700);
/// How long a compositor may take to move a window that it has just mapped.
const SETTLE: Duration = Duration::from_millis(700);

/// One run.
struct Run {
    counted: Counters,
    tally: Tally,
    warnings: Vec<String>,
}

/// The processor time of all processes of a compositor for each frame, in milliseconds.
pub(crate) fn cost(bench: &Bench, scene: &Scene, kinds: &[Kind]) -> Result<Samples> {
    let mut pictures = Pictures::default();
    // What a guest's screen shows is for the tests to judge.
    let looks = !bench.programs.screen;
    let mut samples = bench.in_turns(kinds, |kind, samples| {
        let run = run(bench, kind, scene, false, Some(&mut pictures).filter(|_| looks))?;
        if run.tally.frames == 0 {
            return Err(RigError::failed("no frame was shown"));
        }
        note(kind, &run, bench, samples);
        Ok(milliseconds(run.counted.cpu) / number(run.tally.frames))
    })?;
    if looks {
        pictures.compare(scene).into_iter().for_each(|note| samples.note(note));
    }
    Ok(samples)
}

/// How many frames are shown in a second.
pub(crate) fn rate(bench: &Bench, scene: &Scene, kinds: &[Kind]) -> Result<Samples> {
    bench.in_turns(kinds, |kind, samples| {
        let run = run(bench, kind, scene, false, None)?;
        note(kind, &run, bench, samples);
        Ok(number(run.tally.frames) / bench.span.as_secs_f64())
    })
}

/// How long pictures took in each run, in milliseconds, and what is to be known of the runs.
#[derive(Debug, Default)]
pub(crate) struct Delays {
    runs: Vec<(Kind, Vec<f64>)>,
    notes: Vec<String>,
}

/// Milliseconds from a commit until the picture is shown, by the compositor's own word: below it such a part
/// of all commits lies. The runs of a scene are made once.
pub(crate) fn until_shown(
    bench: &Bench,
    (name, scene, part): (&'static str, &Scene, f64),
    kinds: &[Kind],
) -> Result<Samples> {
    if !bench.delays.borrow().contains_key(name) {
        let mut runs = Vec::new();
        let samples = bench.in_turns(kinds, |kind, samples| {
            let run = run(bench, kind, scene, false, None)?;
            note(kind, &run, bench, samples);
            let delays: Vec<f64> =
                run.tally.delays.iter().map(|delay| milliseconds(*delay)).collect();
            let median = quantile(&delays, 0.5)?;
            runs.push((kind, delays));
            Ok(median)
        })?;
        bench.delays.borrow_mut().insert(name, Delays { runs, notes: samples.notes });
    }
    let mut samples = Samples::default();
    if let Some(Delays { runs, notes }) = bench.delays.borrow().get(name) {
        notes.iter().for_each(|note| samples.note(note.clone()));
        for (kind, delays) in runs {
            samples.add(kind.name(), quantile(delays, part)?);
        }
    }
    Ok(samples)
}

/// How many commits of a hundred were never shown, while the compositor has one processor.
pub(crate) fn missed(bench: &Bench, scene: &Scene, kinds: &[Kind]) -> Result<Samples> {
    bench.in_turns(kinds, |kind, samples| {
        let run = run(bench, kind, scene, true, None)?;
        note(kind, &run, bench, samples);
        Ok(100.0 * number(run.tally.missed) / number(run.tally.commits.max(1)))
    })
}

/// How much longer a program's frames take beside one that floods: the worst of all floods, as part of
/// its frames without one.
pub(crate) fn flooded(bench: &Bench, scene: &Scene, kinds: &[Kind]) -> Result<Samples> {
    bench.in_turns(kinds, |kind, samples| {
        let alone = run(bench, kind, scene, false, None)?.tally.frames;
        let mut worst = 0.0_f64;
        for flood in Flood::ALL {
            let beside = run_beside(bench, kind, scene, flood)?.tally.frames;
            let rate = number(beside) / bench.span.as_secs_f64();
            samples.note(format!("{}: {rate:.1} frames/s beside {}", kind.name(), flood.name()));
            worst = worst.max(number(alone) / number(beside.max(1)));
        }
        Ok(worst)
    })
}

fn note(kind: Kind, run: &Run, bench: &Bench, samples: &mut Samples) {
    let Tally { commits, missed, frames, late, .. } = run.tally;
    let rate = number(frames) / bench.span.as_secs_f64();
    for warning in &run.warnings {
        samples.note(format!("{}: {warning}", kind.name()));
    }
    samples.note(format!(
        "{}: {rate:.1} frames/s, {missed} of {commits} commits not shown, {late} ticks late",
        kind.name()
    ));
}

fn run(
    bench: &Bench,
    kind: Kind,
    scene: &Scene,
    alone: bool,
    pictures: Option<&mut Pictures>,
) -> Result<Run> {
    let compositor = Compositor::start(kind, &bench.programs, scene, alone)?;
    let load = Load::start(&compositor, scene).map_err(|e| compositor.failure(&e.to_string()))?;
    if let Some(pictures) = pictures.filter(|pictures| !pictures.has(kind)) {
        pause(SETTLE);
        pictures.add(kind, compositor.picture()?);
    }
    let mut run = count(bench, &compositor, load)?;
    if kind == Kind::Porthole {
        run.warnings = warnings(&compositor.log());
    }
    Ok(run)
}

/// What the service warns of: such a run says less.
fn warnings(log: &str) -> Vec<String> {
    let from = |line: &str| line.find("WARN").and_then(|at| line.get(at..)).map(str::to_owned);
    log.lines().filter_map(from).collect()
}

/// The same beside a program that floods.
fn run_beside(bench: &Bench, kind: Kind, scene: &Scene, flood: Flood) -> Result<Run> {
    let compositor = Compositor::start(kind, &bench.programs, scene, false)?;
    let load = Load::start(&compositor, scene).map_err(|e| compositor.failure(&e.to_string()))?;
    let _flooding = Flooding::start(&compositor, flood)?;
    count(bench, &compositor, load)
}

fn count(bench: &Bench, compositor: &Compositor, load: Load) -> Result<Run> {
    let start = Instant::now() + WARM_UP;
    let window = Window { start, end: start + bench.span };
    load.draw(window);
    pause_until(window.start);
    let processes = compositor.processes();
    let before = Counters::of(&processes);
    pause_until(window.end);
    let counted = Counters::of(&processes).since(before);
    let tally = load.finish()?;
    Ok(Run { counted, tally, warnings: Vec::new() })
}
