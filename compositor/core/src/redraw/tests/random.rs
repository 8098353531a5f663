//! A port on a screen, with whatever may come whenever it may come. The loop's promises are asked after
//! each step, and which frames are late is known from the screen's own refreshes, one by one.

use proptest::prelude::*;

use super::*;

mod world;

use world::{PATIENCE, World};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Screen {
    None,
    Clocked,
    /// It shows what it gets as soon as it has it.
    Unclocked,
}

/// What a screen says of when it flipped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Told {
    Zero,
    BeforeTheFrame,
    /// The time of day, say.
    AnotherClock,
}

/// Parts are thousandths of a period.
#[derive(Clone, Copy, Debug)]
enum Op {
    Damage,
    TickWanted,
    Missed,
    /// The timer is called though nobody asked for that.
    Stray,
    /// Frames take so long from now on.
    Cost(u64),
    /// The next frame changes nothing.
    Blank,
    /// The next timer fires so much later.
    TimerLate(u64),
    /// So many refreshes go by until the screen shows the next frame.
    Skip(u64),
    /// The screen never says that it shows the next frame.
    Silent,
    /// The next flip is heard of so much later.
    HeardLate(u64),
    /// And it is told with this time.
    Told(Told),
    /// The next one is told twice.
    Twice,
    /// Another mode, in millihertz; the screen's refreshes then begin anew.
    Rate(u32),
    Screen(Screen),
    /// The process is stopped; all that was due meanwhile is found afterwards.
    Stop(u64),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        16 => Just(Op::Damage),
        3 => Just(Op::TickWanted),
        2 => Just(Op::Missed),
        2 => Just(Op::Stray),
        4 => (0..1_500_u64).prop_map(Op::Cost),
        3 => Just(Op::Blank),
        2 => (0..3_000_u64).prop_map(Op::TimerLate),
        2 => (0..4_u64).prop_map(Op::Skip),
        1 => Just(Op::Silent),
        2 => (0..3_000_u64).prop_map(Op::HeardLate),
        1 => prop_oneof![
            Just(Op::Told(Told::Zero)),
            Just(Op::Told(Told::BeforeTheFrame)),
            Just(Op::Told(Told::AnotherClock)),
        ],
        1 => Just(Op::Twice),
        1 => (1_000..=240_000_u32).prop_map(Op::Rate),
        1 => prop_oneof![Just(Screen::None), Just(Screen::Clocked), Just(Screen::Unclocked)]
            .prop_map(Op::Screen),
        1 => (0..9_000_u64).prop_map(Op::Stop),
    ]
}

fn screen() -> impl Strategy<Value = Screen> {
    prop_oneof![3 => Just(Screen::Clocked), 1 => Just(Screen::Unclocked), 1 => Just(Screen::None)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]
    /// Whatever comes: there is one frame at a time and each is because of damage; damage and callbacks never
    /// wait for ever, and nothing is armed for nothing else; no frame is begun later than the next flip
    /// allows, and those that are late are counted, and no others.
    #[test]
    fn a_screen_is_served_whatever_comes(
        rate in 1_000..=240_000_u32,
        phase in any::<u64>(),
        screen in screen(),
        ops in prop::collection::vec((0..2_500_u64, op()), 1..80),
    ) {
        let mut world = World::new(rate, phase, screen);
        for (wait, op) in ops {
            // Often at the same moment as the one before.
            let wait = world.part(wait.saturating_sub(500));
            world.run_until(world.now + wait)?;
            world.apply(op)?;
        }
        world.run_until(world.now + 10 * PATIENCE)?;
        prop_assert_eq!(world.redraw.state(), State::Idle);
        prop_assert!(world.frame.is_none() && !world.damaged && !world.ticking);
    }

    /// Frames that can be ready in time are shown at every refresh while there is something new, each with
    /// what came until just before it, and none is called late.
    #[test]
    fn frames_that_fit_are_shown_at_every_refresh(
        rate in 24_000..=144_000_u32,
        phase in any::<u64>(),
        // They differ by less than is added for that.
        costs in prop::collection::vec(850..=1000_u64, 20..60),
    ) {
        let mut world = World::new(rate, phase, Screen::Clocked);
        // With a quarter and a millisecond more, it is less than three quarters of a period.
        let most = (world.part(750) - 1_000_000) * 4 / 5 - 1;
        let most = most * 1000 / world.period();
        world.cost = most;
        world.apply(Op::Damage)?;
        world.apply(Op::Damage)?;
        // Which of the first frames are in time is a matter of luck.
        while world.last_flip == 0 {
            world.run_until(world.now + 1000)?;
        }
        let (first, late) = (world.last_flip, world.redraw.late());
        for (n, cost) in costs.into_iter().enumerate() {
            let shown = first + world.period() * u64::try_from(n).unwrap();
            prop_assert_eq!(world.last_flip, shown);
            let slept = world.timer.unwrap_or_default().saturating_sub(shown);
            prop_assert!(slept >= world.part(250), "begun too early");
            world.cost = most * cost / 1000;
            world.run_until(shown + world.part(500))?;
            world.run_until(shown + world.period() - 1)?;
            // For the frame after the next.
            world.apply(Op::Damage)?;
            world.run_until(shown + world.period())?;
        }
        prop_assert_eq!(world.redraw.late(), late);
    }
}
