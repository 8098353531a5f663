//! When pictures are on the parent's screen, where the parent says so (`wp_presentation`).

use std::time::Duration;

use wayland_client::{Connection, Dispatch, QueueHandle, protocol::wl_surface::WlSurface};
use wayland_protocols::wp::presentation_time::client::{
    wp_presentation::{self, WpPresentation},
    wp_presentation_feedback::{self, WpPresentationFeedback},
};

use super::{
    Event,
    client::{Client, Heard},
};
use crate::{clock, screens::WINDOW_PATIENCE};

/// Pictures of which it may owe its word; of further ones it is not asked.
const MOST_ASKED: u32 = 16;

/// The parent's word for when it shows what.
#[derive(Debug, Default)]
pub(super) struct Clock {
    presentation: Option<WpPresentation>,
    /// Its times are of our own clock.
    is_ours: bool,
    /// Pictures that it has said nothing of yet.
    asked: u32,
}

/// When the drawing of a picture began.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Begun(Duration);

impl Clock {
    /// Asks when the picture that is committed next is shown.
    pub(super) fn ask(&mut self, on: &WlSurface, handle: &QueueHandle<Client>, begun: Duration) {
        if let Some(presentation) = self.presentation.clone()
            && self.may_ask()
        {
            presentation.feedback(on, handle, Begun(begun));
        }
    }

    /// Counts one more question, unless it owes too many answers, or answers by another clock.
    const fn may_ask(&mut self) -> bool {
        let may = self.is_ours && self.asked < MOST_ASKED;
        if may {
            self.asked += 1;
        }
        may
    }

    fn is_answered(&mut self, event: &wp_presentation_feedback::Event) {
        use wp_presentation_feedback::Event as Said;
        if let Said::Presented { .. } | Said::Discarded = event {
            self.asked = self.asked.saturating_sub(1);
        }
    }
}

impl Client {
    /// Asks which clock the parent goes by.
    pub(super) fn open_clock(&mut self) {
        self.clock.presentation = self.bind(1, 1);
    }
}

/// Whether a picture missed a refresh of the screen. It is drawn when the parent asks for it, and shown at the
/// next refresh, or, where the parent was composing its own just then, at the one after. One that comes after
/// that is late; one that comes much later was a picture of a window that nobody saw.
fn is_late(begun: Duration, shown: Duration, period: Duration) -> bool {
    let took = shown.saturating_sub(begun);
    !period.is_zero() && took > period * 2 && took < WINDOW_PATIENCE
}

impl Dispatch<WpPresentation, ()> for Client {
    fn event(
        client: &mut Self,
        _: &WpPresentation,
        event: wp_presentation::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let wp_presentation::Event::ClockId { clk_id } = event {
            client.clock.is_ours = clk_id == clock::ID;
        }
    }
}

impl Dispatch<WpPresentationFeedback, Begun> for Client {
    fn event(
        client: &mut Self,
        _: &WpPresentationFeedback,
        event: wp_presentation_feedback::Event,
        Begun(begun): &Begun,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        client.clock.is_answered(&event);
        let wp_presentation_feedback::Event::Presented {
            tv_sec_hi,
            tv_sec_lo,
            tv_nsec,
            refresh,
            ..
        } = event
        else {
            return;
        };
        let seconds = u64::from(tv_sec_hi) << 32 | u64::from(tv_sec_lo);
        // A parent may say anything.
        let shown =
            Duration::from_secs(seconds).saturating_add(Duration::from_nanos(tv_nsec.into()));
        if is_late(*begun, shown, Duration::from_nanos(refresh.into())) {
            client.events.push(Heard::Other(Event::Late));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_owes_so_many_answers() {
        let mut clock = Clock::default();
        assert!(!clock.may_ask(), "its clock is not known");
        clock.is_ours = true;
        assert_eq!((0..100).filter(|_| clock.may_ask()).count(), 16);
        clock.is_answered(&wp_presentation_feedback::Event::Discarded);
        assert!(clock.may_ask());
        assert!(!clock.may_ask());
    }

    #[test]
    fn a_picture_is_late_that_missed_a_refresh_for_sure() {
        let ms = Duration::from_millis;
        for (took, period, late) in [
            (5, 16, false),
            // Just too late for the next refresh.
            (31, 16, false),
            (33, 16, true),
            (200, 16, true),
            // Nobody saw the window.
            (250, 16, false),
            (5000, 16, false),
            // A screen without a rate.
            (33, 0, false),
        ] {
            assert_eq!(is_late(ms(1000), ms(1000 + took), ms(period)), late, "{took} of {period}");
        }
        assert!(!is_late(ms(1000), ms(900), ms(16)), "before it was begun");
    }
}
