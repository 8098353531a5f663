//! Commits that wait, and what tells when they were shown.

use wayland_client::{
    Connection, Dispatch, Proxy, QueueHandle, delegate_noop, protocol::wl_surface::WlSurface,
};
use wayland_protocols::wp::{
    commit_timing::v1::client::{
        wp_commit_timer_v1::WpCommitTimerV1, wp_commit_timing_manager_v1::WpCommitTimingManagerV1,
    },
    fifo::v1::client::{wp_fifo_manager_v1::WpFifoManagerV1, wp_fifo_v1::WpFifoV1},
    presentation_time::client::{
        wp_presentation::WpPresentation,
        wp_presentation_feedback::{self, WpPresentationFeedback},
    },
};

use super::{Log, Program};
use crate::failure::Result;

impl Program {
    /// Lets the commits of a surface wait for each other.
    ///
    /// # Errors
    /// When the global is missing.
    pub fn fifo(&self, surface: &WlSurface) -> Result<WpFifoV1> {
        Ok(self.bind::<WpFifoManagerV1>()?.get_fifo(surface, &self.handle, ()))
    }

    /// Lets the commits of a surface wait for a time.
    ///
    /// # Errors
    /// When the global is missing.
    pub fn commit_timer(&self, surface: &WlSurface) -> Result<WpCommitTimerV1> {
        Ok(self.bind::<WpCommitTimingManagerV1>()?.get_timer(surface, &self.handle, ()))
    }

    /// Asks when the next commit is shown; the log says `presented at` and the time in nanoseconds.
    ///
    /// # Errors
    /// When the global is missing.
    pub fn feedback(&self, surface: &WlSurface) -> Result<()> {
        self.bind::<WpPresentation>()?.feedback(surface, &self.handle, ());
        Ok(())
    }

    /// The times in nanoseconds at which commits were shown since a mark.
    #[must_use]
    pub fn presented(&self, mark: usize) -> Vec<u64> {
        let lines = self.log.since(mark).iter();
        lines.filter_map(|l| l.strip_prefix("presented at ")?.parse().ok()).collect()
    }
}

impl Dispatch<WpPresentationFeedback, ()> for Log {
    fn event(
        log: &mut Self,
        _: &WpPresentationFeedback,
        event: <WpPresentationFeedback as Proxy>::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        match event {
            wp_presentation_feedback::Event::Presented { tv_sec_lo, tv_nsec, .. } => {
                let at = u64::from(tv_sec_lo) * 1_000_000_000 + u64::from(tv_nsec);
                log.say(format!("presented at {at}"));
            }
            wp_presentation_feedback::Event::Discarded => log.say("discarded"),
            _ => {}
        }
    }
}

delegate_noop!(Log: WpFifoManagerV1);
delegate_noop!(Log: WpFifoV1);
delegate_noop!(Log: WpCommitTimingManagerV1);
delegate_noop!(Log: WpCommitTimerV1);
delegate_noop!(Log: ignore WpPresentation);
