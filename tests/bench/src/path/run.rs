//! One run: a guest draws, a viewer looks, and what lies between is timed and counted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use porthole_guest::commands::Command as Order;
use porthole_guest::motion::Motion;
use porthole_guest::pattern::Pattern;
use porthole_rfb::Encoding;
use porthole_rig::{Result, RigError};
use serde_json::Value;

use super::canvas::Canvas;
use super::system::{Sight, System, TEXT};
use super::viewer::{self, Film, Mark, Seen, Viewer};
use crate::clock::{pause_until, wait_until};
use crate::counters::Counters;

/// How long the guest draws before anything is counted.
const WARM_UP: Duration = Duration::from_millis(700);
/// The same for text: QEMU's VNC server looks ever more rarely at a display that rests, at last every two
/// seconds, and needs some pictures to look often again.
const TEXT_WARM_UP: Duration = Duration::from_secs(5);
/// How long it draws afterwards, so that the last frames are like the others.
const COOL_DOWN: Duration = Duration::from_millis(200);
/// How long the last frame may take to the viewer.
const ECHO: Duration = Duration::from_secs(2);

/// What a guest draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Load {
    /// A small change every 90 to 190 ms, as of somebody who types.
    Typing,
    /// A small change 60 times a second.
    Small,
    /// A window that moves 60 times a second.
    Window,
    /// A film of 30 pictures a second.
    Film,
    /// Whole pictures on two pages, as many as can be.
    Flips,
    /// A window that moves, as many pictures as can be.
    Draws,
    /// Text in a VGA's text mode that scrolls by a line 18 times a second.
    Text,
    /// A VGA's own mode, 30 pictures a second.
    Canvas(Canvas),
}

impl Load {
    /// The motion, its interval in microseconds, and how much is added to it at most.
    const fn order(self) -> (Motion, u32, u32) {
        match self {
            // Not drawn by the guest's program at all.
            Self::Text | Self::Canvas(_) => (Motion::Small, 0, 0),
            Self::Typing => (Motion::Small, 90_000, 100_000),
            Self::Small => (Motion::Small, 16_667, 0),
            Self::Window => (Motion::Window, 16_667, 0),
            Self::Film => (Motion::Film, 33_333, 0),
            Self::Flips => (Motion::Flip, 0, 0),
            Self::Draws => (Motion::Window, 0, 0),
        }
    }

    /// What a guest without an operating system is told to draw it, and to stop; and how frames are known.
    const fn letters(self) -> Option<(char, char, Mark)> {
        match self {
            Self::Text => Some(('s', 't', Mark::Letters)),
            Self::Canvas(canvas) => Some((canvas.letter(), 'e', canvas.mark())),
            _ => None,
        }
    }

    const fn ground(self) -> Pattern {
        match self {
            Self::Film | Self::Flips => Pattern::Gradient,
            _ => Pattern::Infotainment,
        }
    }
}

/// What a run brought.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    /// Seconds in which was counted.
    pub(crate) seconds: f64,
    /// Milliseconds for each frame of the guest until the viewer saw it, or a newer one.
    pub(crate) latencies: Vec<f64>,
    /// Frames that the guest drew, and that the viewer saw.
    pub(crate) drawn: usize,
    pub(crate) seen: usize,
    /// Nanoseconds of processor time by program.
    pub(crate) spent: Vec<(&'static str, u64)>,
    /// Bytes that went to the viewer in all of the run.
    pub(crate) bytes: u64,
    /// Of all of the run, by the guest's clock: frames, and interrupts of the device.
    pub(crate) guest_rate: f64,
    pub(crate) guest_frames: u64,
    pub(crate) interrupts: u64,
    /// Kicks of the device, where it counts them.
    pub(crate) kicks: Option<u64>,
    /// Bytes that our programs copied in all of the run, by who copied them; QEMU does not count its own.
    pub(crate) copied: Vec<(&'static str, u64)>,
}

/// Runs a load for a while; `first` is the number of its first frame, which no other run has.
pub(crate) fn run(
    system: &mut System,
    load: Load,
    encoding: Encoding,
    first: u32,
    span: Duration,
) -> Result<Outcome> {
    if let Some((begin, end, mark)) = load.letters() {
        return by_letters(system, (begin, end, mark), encoding, span);
    }
    system.draw(load.ground())?;
    let (motion, interval, spread) = load.order();
    system.guest.stamps.begin();
    let film =
        Film { mark: Mark::Motion(motion), first, stamps: system.guest.stamps.clone(), part: None };
    let viewer = look(system, encoding, film)?;
    let all = WARM_UP + span + COOL_DOWN;
    let milliseconds = u32::try_from(all.as_millis()).unwrap_or(u32::MAX);
    let order = Order::Animate { head: 0, motion, first, milliseconds, interval, spread };
    let (kicks, copies) = (kicks(system), copied(system));
    system.guest.line.give(&order)?;
    // The guest counts from when it begins, so do we.
    if !wait_until(ECHO, || system.guest.stamps.count() > 0) {
        return Err(RigError::failed("the guest draws nothing"));
    }
    let start = Instant::now() + WARM_UP;
    pause_until(start);
    let before = system.spent();
    pause_until(start + span);
    let after = system.spent();
    let end = Instant::now();
    let answer = system.guest.line.answer().map_err(|error| system.explain(&error))?;
    let kicks = kicks.zip(self::kicks(system)).map(|(before, after)| after.saturating_sub(before));
    let stamps = system.guest.stamps.take();
    pause_until(Instant::now() + COOL_DOWN);
    let seen = viewer.finish()?;
    let [guest_frames, microseconds, interrupts] = numbers(&answer)?;
    #[expect(clippy::cast_precision_loss, reason = "counts of seconds are exact in a double")]
    let guest_rate = guest_frames as f64 * 1e6 / (microseconds.max(1)) as f64;
    let spent = between(&before, &after);
    let outcome = outcome(&stamps, first, &seen, (start, end))?;
    let copied = since(&copies, &copied(system));
    Ok(Outcome { spent, guest_rate, guest_frames, interrupts, kicks, copied, ..outcome })
}

/// Somebody who looks.
pub(super) fn look(system: &System, encoding: Encoding, film: Film) -> Result<Viewer> {
    let viewer = match &system.sight {
        Sight::Vnc(vnc) => Viewer::start(vnc, encoding, film),
        Sight::Screen(screen) => Viewer::watch(Arc::clone(screen), film),
    };
    viewer.map_err(|error| system.explain(&error))
}

/// The processor time of each program between two counts.
fn between(
    before: &[(&'static str, Counters)],
    after: &[(&'static str, Counters)],
) -> Vec<(&'static str, u64)> {
    let both = before.iter().zip(after);
    both.map(|((who, before), (_, after))| (*who, after.since(*before).cpu)).collect()
}

/// What a guest without an operating system draws until it is told to stop; the numbers begin at 0 in each run.
fn by_letters(
    system: &mut System,
    (begin, finish, mark): (char, char, Mark),
    encoding: Encoding,
    span: Duration,
) -> Result<Outcome> {
    system.guest.stamps.begin();
    // The size changes with the mode, which a viewer has to be told; something is there already.
    let film = Film { mark, first: 0, stamps: system.guest.stamps.clone(), part: Some(TEXT) };
    let viewer = look(system, encoding, film)?;
    let copies = copied(system);
    system.guest.line.say(&begin.to_string())?;
    if !wait_until(ECHO, || system.guest.stamps.count() > 0) {
        return Err(RigError::failed("the guest draws nothing"));
    }
    let start = Instant::now() + TEXT_WARM_UP;
    pause_until(start);
    let before = system.spent();
    pause_until(start + span);
    let (after, end) = (system.spent(), Instant::now());
    pause_until(end + COOL_DOWN);
    system.guest.line.say(&finish.to_string())?;
    for letter in [begin, finish] {
        let answer = system.guest.line.wait_for(&format!("DONE {letter}"));
        answer.map_err(|error| system.explain(&error))?;
    }
    let stamps = system.guest.stamps.take();
    let seen = viewer.finish()?;
    let outcome = outcome(&stamps, 0, &seen, (start, end))?;
    let (spent, guest_frames) = (between(&before, &after), stamps.len() as u64);
    let copied = since(&copies, &copied(system));
    Ok(Outcome { spent, guest_frames, copied, ..outcome })
}

/// What stamps and sights tell of the frames between two moments.
pub(crate) fn outcome(
    stamps: &[(u8, Instant)],
    first: u32,
    seen: &Seen,
    (start, end): (Instant, Instant),
) -> Result<Outcome> {
    let times = check(stamps, first)?;
    let counted = |time: &Instant| (start..end).contains(time);
    Ok(Outcome {
        seconds: end.duration_since(start).as_secs_f64(),
        latencies: latencies(&times, &seen.sights, counted),
        drawn: times.iter().filter(|time| counted(time)).count(),
        seen: seen.sights.iter().filter(|(_, time)| counted(time)).count(),
        bytes: seen.bytes,
        ..Outcome::default()
    })
}

fn kicks(system: &System) -> Option<u64> {
    system.statistics("porthole-gpu").get("kicks")?.as_u64()
}

/// Bytes that our programs have copied so far.
fn copied(system: &System) -> Vec<(&'static str, u64)> {
    let number = |from: &Value, name: &str| from.get(name).and_then(Value::as_u64).unwrap_or(0);
    let mut copied = Vec::new();
    let bridge = system.statistics("porthole-qemu");
    if !bridge.is_null() {
        let bytes = number(&bridge, "copied_bytes") + number(&bridge, "repaired_bytes");
        copied.push(("bridge", bytes));
    }
    let source = system.statistics("porthole-rfb");
    if !source.is_null() {
        let bytes = number(&source, "decoded_bytes") + number(&source, "repaired_bytes");
        copied.push(("porthole-rfb", bytes));
    }
    let service = system.statistics("porthole");
    if let Some(ports) = service.get("ports").and_then(Value::as_object) {
        let composed = ports.values().map(|port| number(port, "composed_bytes")).sum();
        copied.push(("composition", composed));
        copied.push(("captures", number(&service, "captured_bytes")));
    }
    copied
}

fn since(
    before: &[(&'static str, u64)],
    after: &[(&'static str, u64)],
) -> Vec<(&'static str, u64)> {
    let both = before.iter().zip(after);
    both.map(|((who, before), (_, after))| (*who, after.saturating_sub(*before))).collect()
}

/// The times of the stamps, if none of them is missing.
fn check(stamps: &[(u8, Instant)], first: u32) -> Result<Vec<Instant>> {
    let numbers = (0..).map(|number: u32| first.wrapping_add(number).to_le_bytes()[0]);
    if stamps.iter().zip(numbers).any(|((stamp, _), number)| *stamp != number) {
        return Err(RigError::failed("a frame's number was lost on its way from the guest"));
    }
    Ok(stamps.iter().map(|(_, time)| *time).collect())
}

/// For each frame that counts: milliseconds until it was seen, or a newer one. Frames at the end that
/// nobody saw have none.
fn latencies(
    stamps: &[Instant],
    sights: &[viewer::Sight],
    counted: impl Fn(&Instant) -> bool,
) -> Vec<f64> {
    let mut sights = sights.iter().peekable();
    let mut latencies = Vec::new();
    for (frame, stamp) in stamps.iter().enumerate() {
        while sights.next_if(|(seen, _)| *seen < frame).is_some() {}
        let Some((_, seen)) = sights.peek() else { break };
        if counted(stamp) {
            latencies.push(seen.saturating_duration_since(*stamp).as_secs_f64() * 1e3);
        }
    }
    latencies
}

/// The numbers of the guest's answer.
fn numbers(answer: &[String]) -> Result<[u64; 3]> {
    let words: Vec<u64> = answer
        .iter()
        .flat_map(|line| line.split_whitespace())
        .filter_map(|word| word.parse().ok())
        .collect();
    words.try_into().map_err(|_| RigError::failed(format!("the guest answers {answer:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_that_is_skipped_is_late_until_a_newer_one_is_seen() {
        let zero = Instant::now();
        let at = |milliseconds| zero + Duration::from_millis(milliseconds);
        let stamps = [at(0), at(10), at(20), at(30)];
        let sights = [(0, at(4)), (2, at(25))];
        let all = latencies(&stamps, &sights, |_| true);
        assert_eq!(all.iter().map(|ms| ms.round()).collect::<Vec<_>>(), [4.0, 15.0, 5.0]);
        assert_eq!(latencies(&stamps, &sights, |time| *time >= at(10)).len(), 2);
    }

    #[test]
    fn numbers_must_follow_each_other() {
        let now = Instant::now();
        assert_eq!(check(&[(255, now), (0, now)], 511).unwrap().len(), 2);
        check(&[(255, now), (1, now)], 511).unwrap_err();
        assert_eq!(numbers(&["frames 3 microseconds 4 interrupts 5".into()]).unwrap(), [3, 4, 5]);
    }
}
