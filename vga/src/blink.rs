//! Blinking: the cursor turns every 266 ms, text that blinks every 532 ms. A change of the kind of
//! screen turns the cursor too.
//!
//! A phase ends at the first look at the screen after its time, as on QEMU: a machine that looks
//! seldom blinks late, but never skips a phase.

use std::time::Duration;

use crate::snapshot::{Bad, Reader, Writer};

/// Sixteen frames of 60 Hz, in whole milliseconds.
const PHASE: Duration = Duration::from_millis(266);

/// What kind of screen the guest has set; a change of it begins a phase.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Blank,
    Text,
    Graphics,
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Blink {
    now: Duration,
    /// When the cursor's phase ends, and the text's.
    until: Duration,
    text_until: Duration,
    cursor: bool,
    text: bool,
    kind: Option<Kind>,
}

impl Blink {
    pub(crate) fn set_now(&mut self, now: Duration) {
        self.now = self.now.max(now);
    }

    /// The screen is looked at.
    pub(crate) fn look(&mut self, kind: Kind) {
        if self.kind != Some(kind) {
            self.kind = Some(kind);
            self.until = self.now;
        }
        // Milliseconds, because a fraction would make phases of a different number of them.
        if kind == Kind::Text && self.now.as_millis() >= self.until.as_millis() {
            self.until = self.now + PHASE;
            self.cursor = !self.cursor;
        }
        if kind == Kind::Text && self.now.as_millis() >= self.text_until.as_millis() {
            self.text_until = self.now + 2 * PHASE;
            self.text = !self.text;
        }
    }

    /// When the cursor's next phase begins.
    pub(crate) fn until(&self) -> Duration {
        self.until
    }

    /// When the text's next phase begins.
    pub(crate) fn text_until(&self) -> Duration {
        self.text_until
    }

    /// Whether the cursor shows.
    pub(crate) fn cursor(&self) -> bool {
        self.cursor
    }

    /// Whether characters that blink show.
    pub(crate) fn text(&self) -> bool {
        self.text
    }

    /// What a reset of the device leaves: the phase of the cursor, and the time.
    pub(crate) fn after_reset(&self) -> Self {
        Self { kind: None, ..self.clone() }
    }

    pub(crate) fn save(&self, to: &mut Writer) {
        let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        to.qword(nanoseconds(self.now));
        to.qword(nanoseconds(self.until));
        to.qword(nanoseconds(self.text_until));
        to.flag(self.cursor);
        to.flag(self.text);
        to.byte(match self.kind {
            None => 0,
            Some(Kind::Blank) => 1,
            Some(Kind::Text) => 2,
            Some(Kind::Graphics) => 3,
        });
    }

    pub(crate) fn load(from: &mut Reader<'_>) -> Result<Self, Bad> {
        let now = Duration::from_nanos(from.qword()?);
        let until = Duration::from_nanos(from.qword()?);
        let text_until = Duration::from_nanos(from.qword()?);
        let last = now.saturating_add(2 * PHASE);
        if until > last || text_until > last {
            return Err(Bad::Value("blinking"));
        }
        Ok(Self {
            now,
            until,
            text_until,
            cursor: from.flag("blinking")?,
            text: from.flag("blinking")?,
            kind: match from.byte()? {
                0 => None,
                1 => Some(Kind::Blank),
                2 => Some(Kind::Text),
                3 => Some(Kind::Graphics),
                _ => return Err(Bad::Value("blinking")),
            },
        })
    }
}
