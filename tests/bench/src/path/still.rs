//! What a picture of a VGA costs that stays as it is, in memory that the guest has mapped.

use std::time::Duration;

use porthole_rfb::Encoding;
use porthole_rig::progress::say;
use porthole_rig::{Result, RigError};

use super::canvas::Canvas;
use super::run;
use super::system::{System, Who};
use super::viewer::{Film, Mark};
use crate::clock::pause;
use crate::counters::Counters;
use crate::measure::{Bench, Samples, milliseconds, number};

/// How long a picture must have been there before it counts as one that stays: QEMU's VNC server and our
/// adapter look less and less often.
const SETTLE: Duration = Duration::from_secs(5);

/// What is asked of a picture that stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Still {
    /// Hundredths of a processor that showing it takes, of all programs.
    Cost,
    /// How often a second the device's threads wake up; in QEMU's own case all but the guest's processor.
    WakeUps,
}

/// What a still picture of 1920×1080 in video memory costs.
pub(crate) fn measure_still(bench: &Bench, still: Still) -> Result<Samples> {
    let mut path = bench.path.borrow_mut();
    let mut samples = Samples::default();
    if path.rests.is_empty() {
        let words = Canvas::Words;
        for round in 1..=bench.rounds {
            for who in [Who::Adapter(words), Who::Standard(words)] {
                let rest = path.system(who).and_then(|system| {
                    system.pause(false);
                    let rest = rest(system, bench.span * 2);
                    system.pause(true);
                    rest.map_err(|error| error.to_string())
                });
                say(&format!("  round {round}: {}", resting(who, &rest)));
                path.rests.push((who, rest));
            }
        }
    }
    for (who, rest) in &path.rests {
        samples.note(resting(*who, rest));
        match rest {
            Ok(rest) => samples.add(who.name(), still.of(rest, who.is_ours())),
            Err(error) if who.is_ours() => return Err(RigError::failed(error.clone())),
            Err(_) => {}
        }
    }
    Ok(samples)
}

impl Still {
    fn of(self, rest: &Rest, ours: bool) -> f64 {
        let Rest { spent, seconds } = rest;
        match self {
            Self::Cost => {
                let spent = spent.iter().map(|(_, counters)| counters.cpu).sum();
                milliseconds(spent) / 10.0 / seconds
            }
            Self::WakeUps => {
                let device = |name: &str| !ours || name == "porthole-vga";
                let device = spent.iter().filter(|(name, _)| device(name));
                number(device.map(|(_, counters)| counters.wake_ups).sum()) / seconds
            }
        }
    }
}

fn resting(who: Who, rest: &std::result::Result<Rest, String>) -> String {
    let Rest { spent, seconds } = match rest {
        Ok(rest) => rest,
        Err(error) => return format!("{} failed: {error}", who.name()),
    };
    let share = |(name, counters): &(_, Counters)| {
        let (cost, wakes) = (milliseconds(counters.cpu) / 10.0, number(counters.wake_ups));
        format!("{name} {:.2} % and {:.1} times a second", cost / seconds, wakes / seconds)
    };
    let shares: Vec<String> = spent.iter().map(share).collect();
    format!("{}: {}", who.name(), shares.join(", "))
}

/// What a picture costs that stays: by program, and in how many seconds.
#[derive(Clone, Debug)]
pub(crate) struct Rest {
    pub(crate) spent: Vec<(&'static str, Counters)>,
    pub(crate) seconds: f64,
}

/// Has a guest draw one picture of 32 bits a pixel, which a viewer sees, and counts what that costs afterwards.
fn rest(system: &mut System, span: Duration) -> Result<Rest> {
    system.guest.stamps.begin();
    let (mark, stamps) = (Mark::Squares, system.guest.stamps.clone());
    let viewer = run::look(system, Encoding::Raw, Film { mark, first: 0, stamps, part: None })?;
    system.guest.line.say("i")?;
    system.guest.line.wait_for("DONE i").map_err(|error| system.explain(&error))?;
    pause(SETTLE);
    let before = system.spent();
    pause(span);
    let after = system.spent();
    viewer.finish()?;
    let both = before.iter().zip(after);
    let spent = both.map(|((who, before), (_, after))| (*who, after.since(*before))).collect();
    Ok(Rest { spent, seconds: span.as_secs_f64() })
}
