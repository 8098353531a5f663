use super::*;

mod random;

#[derive(Clone, Copy, Debug)]
enum In {
    Damage,
    TickWanted,
    Timer,
    Drawn,
    Missed,
}
use Action::{ArmTimer, Draw, None as Nothing, Tick};
use In::{Damage, Drawn, Missed, TickWanted, Timer};

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Runs a table of (time in ms, input, expected action) on a port of 100 Hz.
fn run(table: &[(u64, In, Action)]) -> Redraw {
    let mut redraw = Redraw::new(Refresh::from_hz(100.0).unwrap());
    for (row, &(now, input, expected)) in table.iter().enumerate() {
        let action = match input {
            Damage => redraw.damage(ms(now)),
            TickWanted => redraw.tick_wanted(ms(now)),
            Timer => redraw.timer(ms(now)),
            Drawn => redraw.drawn(ms(now)),
            Missed => redraw.missed(ms(now)),
        };
        assert_eq!(action, expected, "row {row}: {input:?} at {now} ms");
    }
    redraw
}

#[test]
fn an_idle_port_draws_at_once_and_goes_back_to_sleep() {
    let redraw = run(&[
        (0, Timer, Nothing),
        (3, Damage, Draw),
        (5, Drawn, Nothing),
        (500, Damage, Draw),
        (501, Drawn, Nothing),
    ]);
    assert_eq!(redraw.state(), State::Idle);
}

#[test]
fn damage_after_a_frame_waits_for_the_period() {
    run(&[
        (100, Damage, Draw),
        (101, Drawn, Nothing),
        (102, Damage, ArmTimer(ms(110))),
        (105, Damage, Nothing),
        (108, Timer, ArmTimer(ms(110))),
        (110, Timer, Draw),
        (111, Drawn, Nothing),
    ]);
}

#[test]
fn damage_while_drawing_draws_once_more() {
    let redraw = run(&[
        (100, Damage, Draw),
        (101, Damage, Nothing),
        (102, Damage, Nothing),
        (104, Drawn, ArmTimer(ms(110))),
        (110, Timer, Draw),
        (112, Drawn, Nothing),
    ]);
    assert_eq!(redraw.state(), State::Idle);
}

#[test]
fn late_timers_keep_the_phase_and_slow_drawing_takes_a_turn() {
    run(&[
        (100, Damage, Draw),
        (101, Damage, Nothing),
        (104, Drawn, ArmTimer(ms(110))),
        (113, Timer, Draw),
        (114, Damage, Nothing),
        // Paced from 110, not from 113.
        (115, Drawn, ArmTimer(ms(120))),
        (120, Timer, Draw),
        (121, Damage, Nothing),
        // Took three periods: next frame is due, by way of the timer.
        (150, Drawn, ArmTimer(ms(150))),
        (150, Timer, Draw),
        // From here the phase is that of 150.
        (151, Drawn, Nothing),
        (152, Damage, ArmTimer(ms(160))),
        // A timer later than a period starts a new phase.
        (185, Timer, Draw),
        (186, Drawn, Nothing),
        (187, Damage, ArmTimer(ms(195))),
    ]);
}

#[test]
fn callbacks_without_damage_tick_without_drawing() {
    let redraw = run(&[
        (100, Damage, Draw),
        (101, Drawn, Nothing),
        (102, TickWanted, ArmTimer(ms(110))),
        (103, TickWanted, Nothing),
        (110, Timer, Tick),
        (114, TickWanted, ArmTimer(ms(120))),
        (120, Timer, Tick),
    ]);
    assert_eq!(redraw.state(), State::Idle);
}

#[test]
fn damage_overtakes_a_tick() {
    run(&[
        (100, Damage, Draw),
        (101, Drawn, Nothing),
        (203, TickWanted, ArmTimer(ms(210))),
        // The port has been idle: do not wait for the tick.
        (204, Damage, Draw),
        (205, Drawn, Nothing),
        // The old timer is stray now.
        (210, Timer, Nothing),
        (211, TickWanted, ArmTimer(ms(214))),
        (212, Damage, ArmTimer(ms(214))),
        (214, Timer, Draw),
        (215, TickWanted, Nothing),
        (216, Drawn, ArmTimer(ms(224))),
        (224, Timer, Tick),
    ]);
}

#[test]
fn a_port_that_never_drew_ticks_a_period_later() {
    run(&[(7, TickWanted, ArmTimer(ms(17))), (17, Timer, Tick)]);
}

#[test]
fn the_rate_can_change() {
    let mut redraw = Redraw::new(Refresh::from_hz(100.0).unwrap());
    assert_eq!(redraw.damage(ms(0)), Draw);
    assert_eq!(redraw.drawn(ms(1)), Nothing);
    redraw.set_refresh(Refresh::from_hz(10.0).unwrap());
    assert_eq!(redraw.damage(ms(20)), ArmTimer(ms(100)));
}

#[test]
fn never_faster_than_the_period_under_constant_damage() {
    let mut redraw = Redraw::new(Refresh::from_hz(100.0).unwrap());
    let mut frames = 0;
    let mut armed = None;
    for now in 0..1000 {
        let mut actions = vec![redraw.damage(ms(now))];
        if armed.is_some_and(|at| ms(now) >= at) {
            armed = None;
            actions.push(redraw.timer(ms(now)));
        }
        for action in actions {
            match action {
                Draw => {
                    frames += 1;
                    if let ArmTimer(at) = redraw.drawn(ms(now)) {
                        armed = Some(at);
                    }
                }
                ArmTimer(at) => armed = Some(at),
                Nothing | Tick => {}
            }
        }
    }
    assert_eq!(frames, 100);
}

#[test]
fn ticks_move_away_from_pictures_that_are_missed() {
    run(&[
        (100, Missed, Nothing),
        (100, Damage, Draw),
        (101, Drawn, Nothing),
        (102, Damage, ArmTimer(ms(110))),
        (109, Missed, ArmTimer(Duration::from_micros(111_250))),
        // Not again so soon.
        (109, Missed, Nothing),
        (112, Timer, Draw),
        (112, Drawn, Nothing),
        // The phase is the new one.
        (113, Damage, ArmTimer(Duration::from_micros(121_250))),
        (120, Missed, Nothing),
    ]);
}

/// A program of the port's own rate that draws right at its ticks, a little too early or too late.
#[test]
fn a_program_at_the_ports_rate_misses_little() {
    let mut redraw = Redraw::new(Refresh::from_hz(100.0).unwrap());
    let (mut armed, mut waiting, mut missed) = (None, false, 0);
    let jitter = [0_u64, 300, 100, 0, 500, 200, 400];
    let mut commits = (0..1000).map(|n| {
        Duration::from_micros(u64::try_from(n).unwrap() * 10_000 + jitter[n % jitter.len()])
    });
    let mut next = commits.next();
    while let Some(commit) = next {
        let (now, is_timer) = match armed {
            Some(at) if at <= commit => (at, true),
            _ => (commit, false),
        };
        let action = if is_timer {
            armed = None;
            redraw.timer(now)
        } else {
            next = commits.next();
            let lost = std::mem::replace(&mut waiting, true);
            missed += u32::from(lost);
            let shifted = if lost { redraw.missed(now) } else { Nothing };
            if let ArmTimer(at) = shifted {
                armed = Some(at);
            }
            redraw.damage(now)
        };
        match action {
            Draw => {
                waiting = false;
                assert_eq!(redraw.drawn(now), Nothing);
            }
            ArmTimer(at) => armed = Some(at),
            Nothing | Tick => {}
        }
    }
    assert!(missed <= 2, "{missed} of 1000 pictures were never shown");
}

#[test]
fn a_port_that_was_behind_is_strained_for_some_frames() {
    // A frame that takes longer than the period.
    let mut redraw = run(&[(0, Damage, Draw), (25, Drawn, Nothing)]);
    assert!(redraw.is_strained());
    let mut now = 30;
    while redraw.is_strained() {
        assert_eq!(redraw.damage(ms(now)), Draw);
        assert_eq!(redraw.drawn(ms(now + 1)), Nothing);
        now += 10;
        assert!(now < 1000);
    }
    assert_eq!(now, 30 + 10 * u64::from(STRAINED_FOR));
    // One that begins a whole period late.
    let redraw = run(&[
        (0, Damage, Draw),
        (1, Drawn, Nothing),
        (2, Damage, ArmTimer(ms(10))),
        (25, Timer, Draw),
    ]);
    assert!(redraw.is_strained());
    // One that is in time, or only a little late.
    let redraw = run(&[
        (0, Damage, Draw),
        (1, Drawn, Nothing),
        (2, Damage, ArmTimer(ms(10))),
        (12, Timer, Draw),
        (14, Drawn, Nothing),
    ]);
    assert!(!redraw.is_strained());
}

/// A port of 100 Hz whose screen showed a frame at 10 ms, and which takes 2 ms for a frame.
fn on_screen() -> Redraw {
    let mut redraw = Redraw::new(Refresh::from_hz(100.0).unwrap());
    assert_eq!(redraw.damage(ms(3)), Draw);
    redraw.handed(Duration::from_micros(800));
    assert_eq!(redraw.lead(), ms(2), "a quarter and a millisecond more than it took");
    assert_eq!(redraw.flipped(ms(10), ms(10)), Nothing);
    redraw
}

#[test]
fn a_screens_next_frame_is_drawn_a_little_before_its_next_flip() {
    let mut redraw = on_screen();
    assert_eq!(redraw.damage(ms(11)), ArmTimer(ms(18)));
    assert_eq!(redraw.damage(ms(15)), Nothing);
    assert_eq!(redraw.missed(ms(16)), Nothing, "ticks of a screen are not put off");
    assert_eq!(redraw.timer(ms(18)), Draw);
    assert_eq!(redraw.damage(ms(19)), Nothing);
    assert_eq!(redraw.flipped(ms(20), ms(21)), ArmTimer(ms(28)));
    assert_eq!((redraw.late(), redraw.is_strained()), (0, false));
}

#[test]
fn a_screen_that_was_idle_draws_at_once_and_in_step() {
    let mut redraw = on_screen();
    assert_eq!(redraw.damage(ms(503)), Draw);
    assert_eq!(redraw.flipped(ms(510), ms(510)), Nothing);
    assert_eq!(redraw.damage(ms(511)), ArmTimer(ms(518)));
    assert_eq!(redraw.late(), 0);
}

#[test]
fn frames_that_miss_their_flip_are_counted() {
    let mut redraw = on_screen();
    assert_eq!(redraw.damage(ms(11)), ArmTimer(ms(18)));
    assert_eq!(redraw.timer(ms(18)), Draw);
    assert_eq!(redraw.flipped(ms(30), ms(30)), Nothing);
    assert_eq!((redraw.late(), redraw.is_strained()), (1, true));
    redraw.unsync();
    assert_eq!(redraw.flipped(ms(40), ms(40)), Nothing, "a stray flip changes nothing");
    assert_eq!(redraw.late(), 1);
}

#[test]
fn a_screen_without_a_clock_is_late_after_the_next_tick() {
    let mut redraw = Redraw::new(Refresh::from_hz(100.0).unwrap());
    assert_eq!(redraw.damage(ms(3)), Draw);
    assert_eq!(redraw.shown(ms(12), ms(12)), Nothing);
    assert_eq!(redraw.damage(ms(12)), ArmTimer(ms(13)), "its own clock goes on");
    assert_eq!(redraw.timer(ms(13)), Draw);
    assert_eq!(redraw.shown(ms(22), ms(30)), Nothing, "heard of late, and shown in time");
    assert_eq!(redraw.late(), 0);
    assert_eq!(redraw.damage(ms(40)), Draw);
    assert_eq!(redraw.shown(ms(51), ms(51)), Nothing);
    assert_eq!((redraw.late(), redraw.is_strained()), (1, true));
    assert_eq!(redraw.shown(ms(99), ms(99)), Nothing, "a stray one changes nothing");
    assert_eq!(redraw.late(), 1);
}

#[test]
fn a_frame_that_takes_longer_than_any_before_is_late_all_the_same() {
    let mut redraw = on_screen();
    assert_eq!(redraw.damage(ms(11)), ArmTimer(ms(18)));
    assert_eq!(redraw.timer(ms(18)), Draw);
    // What is known of frames now says nothing of what this one was meant for.
    redraw.handed(ms(7));
    assert_eq!(redraw.lead(), Duration::from_micros(7500), "never more than three quarters");
    assert_eq!(redraw.flipped(ms(30), ms(30)), Nothing);
    assert_eq!(redraw.late(), 1);
}

#[test]
fn a_frame_that_begins_a_refresh_late_is_late() {
    let mut redraw = on_screen();
    assert_eq!(redraw.damage(ms(11)), ArmTimer(ms(18)));
    assert_eq!(redraw.timer(ms(29)), Draw, "the flip at 20 is over");
    assert_eq!(redraw.flipped(ms(40), ms(40)), Nothing);
    assert_eq!(redraw.late(), 1);
    // On a screen without a clock too.
    let mut redraw = run(&[(0, Damage, Draw), (1, Drawn, Nothing), (2, Damage, ArmTimer(ms(10)))]);
    assert_eq!(redraw.timer(ms(22)), Draw);
    assert_eq!(redraw.shown(ms(23), ms(23)), Nothing);
    assert_eq!(redraw.late(), 1);
}

#[test]
fn a_frame_begun_as_soon_as_it_could_be_is_meant_for_the_next_flip() {
    let mut redraw = on_screen();
    assert_eq!(redraw.damage(ms(503)), Draw);
    assert_eq!(redraw.damage(ms(504)), Nothing);
    // Heard of late: the tick at 518 is over.
    assert_eq!(redraw.flipped(ms(510), ms(519)), ArmTimer(ms(519)));
    assert_eq!(redraw.timer(ms(519)), Draw);
    assert_eq!(redraw.flipped(ms(530), ms(530)), Nothing);
    assert_eq!(redraw.late(), 0);
}

#[test]
fn a_frame_that_changes_nothing_leaves_the_ticks_where_they_are() {
    let mut redraw = on_screen();
    assert_eq!(redraw.damage(ms(19)), Draw);
    assert_eq!(redraw.drawn(ms(19)), Nothing);
    // At 29 it would miss the flip at 30.
    assert_eq!(redraw.damage(ms(20)), ArmTimer(ms(28)));
    assert_eq!(redraw.timer(ms(28)), Draw);
    assert_eq!(redraw.flipped(ms(30), ms(30)), Nothing);
    assert_eq!(redraw.late(), 0);
}

#[test]
fn times_that_cannot_be_are_not_believed() {
    for strange in
        [Duration::ZERO, ms(502), ms(521), Duration::from_secs(1_800_000_000), Duration::MAX]
    {
        let mut redraw = on_screen();
        assert_eq!(redraw.damage(ms(503)), Draw);
        assert_eq!(redraw.believable(strange, ms(510)), ms(510));
        assert_eq!(redraw.flipped(strange, ms(510)), Nothing);
        assert_eq!(redraw.damage(ms(511)), ArmTimer(ms(518)), "{strange:?}");
        assert_eq!(redraw.late(), 0);
    }
    // The middle of a screen's first line may be a little ahead.
    let mut redraw = on_screen();
    assert_eq!(redraw.damage(ms(503)), Draw);
    assert_eq!(redraw.flipped(ms(511), ms(510)), Nothing);
    assert_eq!(redraw.damage(ms(512)), ArmTimer(ms(519)));
}
