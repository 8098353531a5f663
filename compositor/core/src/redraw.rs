//! When a port draws: a state machine without a clock.
//!
//! A port draws only on damage. One that was idle draws at once; one that draws already waits for
//! its next tick, so that it never exceeds its refresh rate. Nothing is scheduled while there is
//! nothing to do, so an idle port causes no wake-up. Clients that wait for a frame callback
//! without having damaged anything are answered at the port's ticks, without drawing.
//!
//! Programs that draw at the port's own rate, such as guests, have a phase of their own. Where one of
//! them draws right at the tick, now a little before it and now a little after, some of its pictures
//! are replaced before any frame shows them. So a port that hears of this puts its ticks off a little,
//! until they fall where nobody draws.
//!
//! A port with a screen shows a picture when the screen begins to show it ("flip"), not when it is
//! drawn: its ticks are a little before the screen's next one can begin, so that what came until then
//! is in it. See [`Redraw::flipped`]. A frame that turns out to change nothing leaves these ticks where
//! they are: the next one would miss its flip otherwise.
//!
//! Times are durations since any fixed moment, the same for every call (the daemon uses the
//! monotonic clock).
//!
//! ```text
//!            damage, period over                       timer
//!   Idle ───────────────────────────► Drawing ◄──────────────────── Scheduled
//!    │ ▲                                │ │                           ▲  ▲
//!    │ └─────────── drawn ──────────────┘ └── drawn, damaged again ───┘  │
//!    └─────────── damage too early, or only a tick is wanted ────────────┘
//! ```

use std::time::Duration;

use crate::refresh::Refresh;

mod lead;
mod screen;
#[cfg(test)]
mod tests;

use lead::Lead;
use screen::Meant;

/// A port puts its ticks off once in so many frames at most, by this part of its period: even where
/// that never helps, it costs less than a frame of a hundred.
const SHIFT_EVERY: u32 = 16;
const SHIFT_PART: u32 = 8;

/// A port that was behind once counts as strained for so many frames.
const STRAINED_FOR: u32 = 30;

/// Where a port is in its redraw loop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// Nothing to do and nothing armed.
    Idle,
    /// The timer is armed.
    Scheduled {
        /// When the timer fires.
        at: Duration,
        /// Whether there is damage to draw then; without it the timer only answers frame
        /// callbacks.
        draw: bool,
    },
    /// A frame is being drawn.
    Drawing {
        /// Damage came in meanwhile: draw again at the next tick.
        again: bool,
        /// A tick was asked for meanwhile.
        tick: bool,
    },
}

/// What the caller has to do now. A new `ArmTimer` replaces the timer armed before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Action {
    /// Nothing.
    None,
    /// Draw a frame now, and call [`Redraw::drawn`] when it is shown.
    Draw,
    /// Call [`Redraw::timer`] at this time.
    ArmTimer(Duration),
    /// Answer the frame callbacks that wait; there is nothing to draw.
    Tick,
}

/// The redraw loop of one port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Redraw {
    period: Duration,
    state: State,
    /// The tick that the last drawing began at: the phase of the port's clock.
    last: Option<Duration>,
    /// Frames since the ticks were put off.
    since_shift: u32,
    /// Frames for which it still counts as strained.
    strain: u32,
    /// A flip of the screen whose clock the ticks follow.
    beat: Option<Duration>,
    /// How long before a screen's flip a frame begins.
    lead: Lead,
    /// What the frame that is drawn was meant for.
    meant: Meant,
    /// Frames that a screen showed later than they were meant for.
    late: u64,
}

impl Redraw {
    /// An idle port that has never drawn.
    #[must_use]
    pub const fn new(refresh: Refresh) -> Self {
        let period = refresh.period();
        Self {
            period,
            state: State::Idle,
            last: None,
            since_shift: SHIFT_EVERY,
            strain: 0,
            beat: None,
            lead: Lead::new(),
            meant: Meant::NOTHING,
            late: 0,
        }
    }

    /// Whether a frame took longer than its period, or began a whole period late, not long ago.
    #[must_use]
    pub const fn is_strained(&self) -> bool {
        self.strain > 0
    }

    /// Where the loop is.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// Changes the rate; takes effect from the next time that something is scheduled.
    pub const fn set_refresh(&mut self, refresh: Refresh) {
        self.period = refresh.period();
    }

    /// The picture of the port changed.
    pub fn damage(&mut self, now: Duration) -> Action {
        match &mut self.state {
            State::Idle => self.draw_or_wait(now),
            State::Scheduled { draw: true, .. } => Action::None,
            // The timer was only for callbacks: an idle port still draws at once.
            State::Scheduled { draw: false, .. } => self.draw_or_wait(now),
            State::Drawing { again, .. } => {
                *again = true;
                Action::None
            }
        }
    }

    /// A picture was replaced before any frame showed it, by a program that is not faster than the
    /// port.
    pub fn missed(&mut self, now: Duration) -> Action {
        let State::Scheduled { at, draw: true } = self.state else { return Action::None };
        // A screen's ticks cannot be put off: the frame would come a whole period later.
        if self.beat.is_some() || self.since_shift < SHIFT_EVERY {
            return Action::None;
        }
        self.since_shift = 0;
        let at = at.max(now).saturating_add(self.period / SHIFT_PART);
        self.state = State::Scheduled { at, draw: true };
        Action::ArmTimer(at)
    }

    /// The time from one frame to the next.
    #[must_use]
    pub const fn period(&self) -> Duration {
        self.period
    }

    /// A client waits for a frame callback and has damaged nothing.
    pub fn tick_wanted(&mut self, now: Duration) -> Action {
        match &mut self.state {
            State::Idle => {
                let at = self.next_tick(now);
                self.state = State::Scheduled { at, draw: false };
                Action::ArmTimer(at)
            }
            State::Scheduled { .. } => Action::None,
            State::Drawing { tick, .. } => {
                *tick = true;
                Action::None
            }
        }
    }

    /// The timer fired (or may have: early and stray calls are harmless).
    pub fn timer(&mut self, now: Duration) -> Action {
        match self.state {
            State::Scheduled { at, .. } if now < at => Action::ArmTimer(at),
            State::Scheduled { at, draw } => {
                // Keep the phase when the timer is a little late, so that lateness does not add
                // up; begin a new phase when a whole tick was missed.
                let began = if now.saturating_sub(at) < self.period { at } else { now };
                if draw {
                    if began == now && at != now {
                        self.strain = STRAINED_FOR;
                    }
                    let in_step = self.beat.is_some() && self.earliest() == Some(at);
                    self.draw(began, Meant { at, lead: self.lead(), in_step })
                } else {
                    self.state = State::Idle;
                    Action::Tick
                }
            }
            State::Idle | State::Drawing { .. } => Action::None,
        }
    }

    /// The frame that [`Action::Draw`] asked for is shown, or turned out to change nothing.
    ///
    /// `now` is the time of this call; a frame is paced by when its drawing began, so that drawing
    /// takes nothing off the refresh rate.
    pub fn drawn(&mut self, now: Duration) -> Action {
        let State::Drawing { .. } = self.state else { return Action::None };
        let behind = self.earliest().is_some_and(|next| now > next);
        self.keep_step();
        self.over(behind, now)
    }

    fn draw_or_wait(&mut self, now: Duration) -> Action {
        match self.earliest() {
            Some(at) if now < at => {
                self.state = State::Scheduled { at, draw: true };
                Action::ArmTimer(at)
            }
            _ => self.draw(now, Meant { at: now, lead: self.lead(), in_step: false }),
        }
    }

    const fn draw(&mut self, began: Duration, meant: Meant) -> Action {
        self.last = Some(began);
        self.since_shift = self.since_shift.saturating_add(1);
        self.state = State::Drawing { again: false, tick: false };
        self.meant = meant;
        Action::Draw
    }

    /// A frame is done with; the next one may be due already.
    fn over(&mut self, behind: bool, now: Duration) -> Action {
        let State::Drawing { again, tick } = self.state else { return Action::None };
        self.state = State::Idle;
        self.strain = if behind { STRAINED_FOR } else { self.strain.saturating_sub(1) };
        if again {
            // Through the timer even when the time is over: a port that cannot keep up gives the
            // event loop a turn between two frames.
            let at = self.earliest().map_or(now, |at| at.max(now));
            self.state = State::Scheduled { at, draw: true };
            Action::ArmTimer(at)
        } else if tick {
            self.tick_wanted(now)
        } else {
            Action::None
        }
    }

    /// The earliest time for the next frame; `None` before the first.
    fn earliest(&self) -> Option<Duration> {
        self.last.map(|last| last.saturating_add(self.period))
    }

    /// The first tick of the port's clock after `now`.
    fn next_tick(&self, now: Duration) -> Duration {
        let Some(last) = self.last else { return now.saturating_add(self.period) };
        let period = self.period.as_nanos().max(1);
        let into = now.saturating_sub(last).as_nanos() % period;
        now.saturating_add(nanoseconds(period - into))
    }
}

/// Of a time that is less than a period, which is at most a second.
fn nanoseconds(count: u128) -> Duration {
    Duration::from_nanos(u64::try_from(count).unwrap_or(u64::MAX))
}
