//! Ports with a screen: their ticks follow its flips, and frames may be late for them.

use std::time::Duration;

use super::{Action, Redraw, State, nanoseconds};

/// What a frame was meant for when it was begun.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Meant {
    /// When it was to begin; a timer may be later.
    pub(super) at: Duration,
    /// How long before the flip that was.
    pub(super) lead: Duration,
    /// It was to begin at a tick of a screen, so its flip is known. Any other frame is in time with the
    /// first flip for which it can be ready, which is less than a period after that.
    pub(super) in_step: bool,
}

impl Meant {
    /// No frame was begun.
    pub(super) const NOTHING: Self =
        Self { at: Duration::ZERO, lead: Duration::ZERO, in_step: false };
}

impl Redraw {
    /// The frame that is drawn was handed to a screen, this long after it was begun.
    pub fn handed(&mut self, took: Duration) {
        self.lead.took(took, self.period);
    }

    /// How long before a screen's next flip a frame is begun: as long as it takes to draw and to hand over.
    #[must_use]
    pub fn lead(&self) -> Duration {
        self.lead.of(self.period)
    }

    /// As [`Redraw::drawn`], for a screen that says when it shows a frame and has no clock of its own. One
    /// that it shows after the port's next tick is late.
    pub fn shown(&mut self, flip: Duration, now: Duration) -> Action {
        let State::Drawing { .. } = self.state else { return Action::None };
        let flip = self.believable(flip, now);
        let due = if self.beat.is_some() { self.due() } else { self.meant.at + self.period };
        self.late += u64::from(flip > due);
        self.drawn(now)
    }

    /// As [`Redraw::drawn`], for a screen that began to show the frame at `flip`. The next drawing begins
    /// [`Redraw::lead`] before the screen's next flip.
    pub fn flipped(&mut self, flip: Duration, now: Duration) -> Action {
        let State::Drawing { .. } = self.state else { return Action::None };
        let flip = self.believable(flip, now);
        let late = flip > self.due();
        self.late += u64::from(late);
        self.last = Some(flip.saturating_sub(self.lead()));
        self.beat = Some(flip);
        let behind = late || self.earliest().is_some_and(|next| now > next);
        self.over(behind, now)
    }

    /// The moment at which a screen began to show the frame that is drawn, if it can be what the screen says,
    /// and else now: no frame is shown before it is begun, and no clock is a whole period ahead. Some drivers
    /// tell times of other clocks, or none.
    #[must_use]
    pub fn believable(&self, flip: Duration, now: Duration) -> Duration {
        let began = self.last.unwrap_or_default();
        let can_be = (began..=now.saturating_add(self.period)).contains(&flip);
        if can_be { flip } else { now }
    }

    /// The ticks follow no screen from now on.
    pub const fn unsync(&mut self) {
        self.beat = None;
    }

    /// How many frames a screen showed later than they were meant for.
    #[must_use]
    pub const fn late(&self) -> u64 {
        self.late
    }

    /// A frame changed nothing on the screen: the ticks stay where they were, and the last of them before this
    /// frame counts as its own.
    pub(super) fn keep_step(&mut self) {
        let (Some(beat), Some(last)) = (self.beat, self.last) else { return };
        let since = last.saturating_add(self.lead()).saturating_sub(beat);
        let since = since.as_nanos() % self.period.as_nanos().max(1);
        self.last = Some(last.saturating_sub(nanoseconds(since)));
    }

    /// A flip after this is later than the frame that is drawn was meant for.
    fn due(&self) -> Duration {
        let Meant { at, lead, in_step } = self.meant;
        // Half a period on each side of a flip that is known.
        let patience = if in_step { self.period / 2 } else { self.period };
        at.saturating_add(lead).saturating_add(patience)
    }
}
