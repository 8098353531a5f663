//! The service, its timers and a screen, as far as the redraw loop hears of them.

use super::*;

/// How long the service waits for a screen's word.
pub(super) const PATIENCE: u64 = 5_000_000_000;

/// A frame under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    begun: u64,
    /// When it was to begin.
    at: u64,
    /// The refresh that it is meant for, or after which it is late.
    meant: u64,
    ready: u64,
    /// It was handed to the screen, which shows it then, and says so then; unless it is silent.
    flip: Option<(u64, u64)>,
    silent: bool,
    told: Option<Told>,
    /// What it was meant for is known.
    fair: bool,
    /// It was handed over before the screen got another mode.
    old: bool,
}

/// The service, the screen, and what the next frame has coming.
#[derive(Debug)]
pub(super) struct World {
    pub(super) redraw: Redraw,
    pub(super) now: u64,
    pub(super) timer: Option<u64>,
    pub(super) frame: Option<Frame>,
    screen: Screen,
    /// One of the screen's refreshes; the others are periods away.
    phase: u64,
    pub(super) last_flip: u64,
    /// The last flip was of this mode, and told as it was.
    in_sync: bool,
    pub(super) damaged: bool,
    pub(super) ticking: bool,
    pub(super) cost: u64,
    blank: bool,
    timer_late: u64,
    skip: u64,
    silent: bool,
    heard_late: u64,
    told: Option<Told>,
    twice: bool,
    /// Frames that were late, and how many may have been.
    late: u64,
    /// The longest period since the beginning.
    longest: u64,
}

const fn at(nanoseconds: u64) -> Duration {
    Duration::from_nanos(nanoseconds)
}

fn count(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap()
}

impl World {
    pub(super) fn new(rate: u32, phase: u64, screen: Screen) -> Self {
        let redraw = Redraw::new(Refresh::nearest(rate));
        let now = 1_000_000_000_000;
        let longest = count(redraw.period());
        Self {
            redraw,
            now,
            timer: None,
            frame: None,
            screen,
            phase: now + phase % longest,
            last_flip: 0,
            in_sync: false,
            damaged: false,
            ticking: false,
            cost: 100,
            blank: false,
            timer_late: 0,
            skip: 0,
            silent: false,
            heard_late: 0,
            told: None,
            twice: false,
            late: 0,
            longest,
        }
    }

    pub(super) fn period(&self) -> u64 {
        count(self.redraw.period())
    }

    pub(super) fn part(&self, thousandths: u64) -> u64 {
        self.period() * thousandths / 1000
    }

    /// The screen's first refresh at or after a time.
    fn refresh(&self, from: u64) -> u64 {
        let period = self.period();
        let into = (i128::from(from) - i128::from(self.phase)).rem_euclid(period.into());
        let into = u64::try_from(into).unwrap();
        if into == 0 { from } else { from + period - into }
    }

    /// Lets time go by.
    pub(super) fn run_until(&mut self, end: u64) -> Result<(), TestCaseError> {
        loop {
            let timer = self.timer.map(|at| at + self.timer_late);
            let frame = self.frame.map(|frame| match frame.flip {
                None => frame.ready,
                Some(_) if frame.silent => frame.ready + PATIENCE,
                Some((_, heard)) => heard,
            });
            let next = [timer, frame].into_iter().flatten().min().filter(|next| *next <= end);
            let Some(next) = next else { break };
            self.now = self.now.max(next);
            if timer == Some(next) {
                let due = self.timer.take();
                self.timer_late = 0;
                let action = self.redraw.timer(at(self.now));
                self.obey(action, due)?;
            } else {
                self.frame_goes_on()?;
            }
            self.check()?;
        }
        self.now = self.now.max(end);
        Ok(())
    }

    fn frame_goes_on(&mut self) -> Result<(), TestCaseError> {
        let Some(mut frame) = self.frame else { return Ok(()) };
        if self.screen == Screen::None {
            return self.over(frame, |redraw, now| redraw.drawn(now));
        }
        if frame.flip.is_none() {
            let took = self.now - frame.begun;
            self.redraw.handed(at(took));
            let shown = match self.screen {
                Screen::Clocked => {
                    let first = self.refresh(self.now.max(self.last_flip + 1));
                    first + std::mem::take(&mut self.skip) * self.period()
                }
                _ => self.now,
            };
            frame.silent = std::mem::take(&mut self.silent);
            frame.told = self.told.take();
            frame.flip = Some((shown, shown + std::mem::take(&mut self.heard_late)));
            self.frame = Some(frame);
            return Ok(());
        }
        self.shown(frame)
    }

    /// The service hears that a frame is shown, or waits no longer.
    fn shown(&mut self, frame: Frame) -> Result<(), TestCaseError> {
        let Some((flip, _)) = frame.flip else { return Ok(()) };
        self.last_flip = flip;
        let before = self.redraw.late();
        let told = at(match frame.told {
            None => flip,
            Some(Told::Zero) => 0,
            Some(Told::BeforeTheFrame) => frame.at - 1,
            Some(Told::AnotherClock) => 1_800_000_000_000_000_000,
        });
        if frame.silent {
            self.over(frame, |redraw, now| redraw.shown(now, now))?;
        } else if self.screen == Screen::Clocked {
            self.in_sync = frame.told.is_none() && !frame.old;
            self.over(frame, |redraw, now| redraw.flipped(told, now))?;
        } else {
            self.over(frame, |redraw, now| redraw.shown(told, now))?;
        }
        let late = self.redraw.late() - before;
        if frame.fair && !frame.silent && frame.told.is_none() {
            prop_assert_eq!(late, u64::from(flip > frame.meant), "{:?}", frame);
        }
        prop_assert!(late <= 1);
        self.late += late;
        if std::mem::take(&mut self.twice) {
            // Before another frame is begun, or it would be that one's.
            let state = self.redraw;
            if self.frame.is_none() {
                prop_assert_eq!(self.redraw.flipped(told, at(self.now)), Action::None);
                prop_assert_eq!(self.redraw, state);
            }
        }
        Ok(())
    }

    fn over(
        &mut self,
        frame: Frame,
        tell: impl FnOnce(&mut Redraw, Duration) -> Action,
    ) -> Result<(), TestCaseError> {
        prop_assert!(self.frame.take().is_some_and(|own| own.begun == frame.begun));
        let action = tell(&mut self.redraw, at(self.now));
        self.obey(action, None)
    }

    /// Does what the loop says. `due` is the time of the timer that it was asked by.
    fn obey(&mut self, action: Action, due: Option<u64>) -> Result<(), TestCaseError> {
        match action {
            Action::None => {}
            Action::Tick => {
                prop_assert!(self.ticking);
                (self.timer, self.ticking) = (None, false);
            }
            Action::ArmTimer(when) => {
                let when = count(when);
                prop_assert!(when >= self.now, "it is over");
                prop_assert!(when <= self.now + 2 * self.longest, "it is too far away");
                if self.damaged && self.in_sync && self.screen == Screen::Clocked {
                    let lead = count(self.redraw.lead());
                    let first = self.refresh((self.now + lead + 1).max(self.last_flip + 1));
                    prop_assert!(when + lead <= first, "too late for {}", first);
                }
                self.timer = Some(when);
            }
            Action::Draw => self.begin(due)?,
        }
        Ok(())
    }

    fn begin(&mut self, due: Option<u64>) -> Result<(), TestCaseError> {
        prop_assert!(self.frame.is_none(), "two frames at once");
        prop_assert!(self.damaged, "nothing changed");
        // Whoever draws waits for nothing else.
        self.timer = None;
        (self.damaged, self.ticking) = (false, false);
        if std::mem::take(&mut self.blank) {
            let action = self.redraw.drawn(at(self.now));
            prop_assert_eq!(action, Action::None);
            return Ok(());
        }
        let from = due.unwrap_or(self.now);
        let lead = count(self.redraw.lead());
        self.frame = Some(Frame {
            begun: self.now,
            at: from,
            meant: match self.screen {
                // One that is begun at no tick may be ready just when the screen begins to show something.
                Screen::Clocked => self.refresh(from + lead + u64::from(due.is_none())),
                _ => from + self.period(),
            },
            ready: self.now + self.part(self.cost),
            flip: None,
            silent: false,
            told: None,
            fair: due.is_none() || self.in_sync || self.screen == Screen::Unclocked,
            old: false,
        });
        Ok(())
    }

    pub(super) fn apply(&mut self, op: Op) -> Result<(), TestCaseError> {
        let now = at(self.now);
        match op {
            Op::Damage => {
                self.damaged = true;
                let action = self.redraw.damage(now);
                self.obey(action, None)?;
            }
            Op::TickWanted => {
                self.ticking = true;
                let action = self.redraw.tick_wanted(now);
                self.obey(action, None)?;
            }
            Op::Missed => {
                let action = self.redraw.missed(now);
                prop_assert!(action == Action::None || !self.in_sync, "a screen's ticks moved");
                self.obey(action, None)?;
            }
            Op::Stray => {
                let due = self.timer;
                let action = self.redraw.timer(now);
                self.obey(action, due)?;
            }
            Op::Cost(part) => self.cost = part,
            Op::Blank => self.blank = true,
            Op::TimerLate(part) => self.timer_late = self.part(part),
            Op::Skip(refreshes) => self.skip = refreshes,
            Op::Silent => self.silent = true,
            Op::HeardLate(part) => self.heard_late = self.part(part),
            Op::Told(told) => self.told = Some(told),
            Op::Twice => self.twice = true,
            Op::Rate(rate) => {
                self.redraw.set_refresh(Refresh::nearest(rate));
                self.longest = self.longest.max(self.period());
                self.in_sync = false;
                self.phase = self.now;
                if let Some(frame) = &mut self.frame {
                    (frame.fair, frame.old) = (false, frame.flip.is_some());
                }
            }
            Op::Screen(screen) => {
                (self.screen, self.in_sync) = (screen, false);
                self.redraw.unsync();
                match &mut self.frame {
                    Some(frame) if frame.flip.is_none() => frame.fair = false,
                    Some(frame) => {
                        let frame = *frame;
                        self.over(frame, |redraw, now| redraw.drawn(now))?;
                    }
                    None => {}
                }
            }
            Op::Stop(part) => self.now += self.part(part),
        }
        self.check()
    }

    /// What is always so.
    fn check(&self) -> Result<(), TestCaseError> {
        prop_assert!(self.redraw.lead() <= self.redraw.period() * 3 / 4);
        let drawing = matches!(self.redraw.state(), State::Drawing { .. });
        prop_assert_eq!(drawing, self.frame.is_some());
        let waits = self.damaged || self.ticking;
        prop_assert_eq!(self.timer.is_some(), waits && !drawing, "{:?}", self);
        Ok(())
    }
}
