//! What a compositor tells a program.

use std::time::Instant;

use wayland_client::globals::GlobalListContents;
use wayland_client::protocol::{
    wl_buffer, wl_callback, wl_compositor::WlCompositor, wl_output::WlOutput, wl_registry,
    wl_shm::WlShm, wl_shm_pool::WlShmPool, wl_surface::WlSurface,
};
use wayland_client::{Connection, Dispatch, QueueHandle, delegate_noop};
use wayland_protocols::wp::presentation_time::client::{
    wp_presentation::{self, WpPresentation},
    wp_presentation_feedback,
};
use wayland_protocols::xdg::shell::client::{xdg_surface, xdg_toplevel, xdg_wm_base};

/// A picture that changes has so many buffers.
pub(super) const BUFFERS: usize = 3;

/// What is known of one surface.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) configured: bool,
    /// The size that the compositor wishes.
    pub(super) size: (i32, i32),
    busy: [bool; BUFFERS],
    pub(super) presented: u64,
    /// Nanoseconds from a commit until it was shown, of those that were counted.
    pub(super) delays: Vec<u64>,
    /// When its first frame was done.
    pub(super) first_frame: Option<Instant>,
}

/// All that is known.
#[derive(Debug, Default)]
pub(super) struct Events {
    pub(super) seen: Vec<Seen>,
    /// Presentation times are of `CLOCK_MONOTONIC`.
    known_clock: bool,
}

/// The clock's number for `wp_presentation.clock_id` (`CLOCK_MONOTONIC` of linux/time.h).
const MONOTONIC: u32 = 1;

/// Which commit a presentation is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Feedback {
    pub(super) index: usize,
    pub(super) counted: bool,
    /// When it was committed.
    pub(super) at: u64,
}

impl Seen {
    pub(super) fn is_busy(&self, buffer: usize) -> bool {
        self.busy.get(buffer).copied().unwrap_or_default()
    }

    pub(super) fn set_busy(&mut self, buffer: usize, busy: bool) {
        if let Some(state) = self.busy.get_mut(buffer) {
            *state = busy;
        }
    }
}

impl Dispatch<xdg_wm_base::XdgWmBase, ()> for Events {
    fn event(
        _: &mut Self,
        shell: &xdg_wm_base::XdgWmBase,
        event: xdg_wm_base::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let xdg_wm_base::Event::Ping { serial } = event {
            shell.pong(serial);
        }
    }
}

impl Dispatch<xdg_surface::XdgSurface, usize> for Events {
    fn event(
        events: &mut Self,
        surface: &xdg_surface::XdgSurface,
        event: xdg_surface::Event,
        index: &usize,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let xdg_surface::Event::Configure { serial } = event {
            surface.ack_configure(serial);
            if let Some(seen) = events.seen.get_mut(*index) {
                seen.configured = true;
            }
        }
    }
}

impl Dispatch<xdg_toplevel::XdgToplevel, usize> for Events {
    fn event(
        events: &mut Self,
        _: &xdg_toplevel::XdgToplevel,
        event: xdg_toplevel::Event,
        index: &usize,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let xdg_toplevel::Event::Configure { width, height, .. } = event
            && let Some(seen) = events.seen.get_mut(*index)
        {
            seen.size = (width, height);
        }
    }
}

impl Dispatch<wl_buffer::WlBuffer, (usize, usize)> for Events {
    fn event(
        events: &mut Self,
        _: &wl_buffer::WlBuffer,
        event: wl_buffer::Event,
        (index, buffer): &(usize, usize),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let wl_buffer::Event::Release = event
            && let Some(seen) = events.seen.get_mut(*index)
        {
            seen.set_busy(*buffer, false);
        }
    }
}

impl Dispatch<wl_callback::WlCallback, usize> for Events {
    fn event(
        events: &mut Self,
        _: &wl_callback::WlCallback,
        event: wl_callback::Event,
        index: &usize,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let wl_callback::Event::Done { .. } = event
            && let Some(seen) = events.seen.get_mut(*index)
        {
            seen.first_frame.get_or_insert_with(Instant::now);
        }
    }
}

impl Dispatch<wp_presentation_feedback::WpPresentationFeedback, Feedback> for Events {
    fn event(
        events: &mut Self,
        _: &wp_presentation_feedback::WpPresentationFeedback,
        event: wp_presentation_feedback::Event,
        feedback: &Feedback,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let wp_presentation_feedback::Event::Presented { tv_sec_hi, tv_sec_lo, tv_nsec, .. } =
            event
            && let Some(seen) = events.seen.get_mut(feedback.index)
            && feedback.counted
        {
            seen.presented += 1;
            let seconds = u64::from(tv_sec_hi) << 32 | u64::from(tv_sec_lo);
            let shown = seconds.saturating_mul(1_000_000_000).saturating_add(tv_nsec.into());
            if events.known_clock {
                seen.delays.push(shown.saturating_sub(feedback.at));
            }
        }
    }
}

impl Dispatch<wl_registry::WlRegistry, GlobalListContents> for Events {
    fn event(
        _: &mut Self,
        _: &wl_registry::WlRegistry,
        _: wl_registry::Event,
        _: &GlobalListContents,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
    }
}

delegate_noop!(Events: WlCompositor);
delegate_noop!(Events: WlShmPool);
delegate_noop!(Events: ignore WlShm);
delegate_noop!(Events: ignore WlSurface);
delegate_noop!(Events: ignore WlOutput);

impl Dispatch<WpPresentation, ()> for Events {
    fn event(
        events: &mut Self,
        _: &WpPresentation,
        event: wp_presentation::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let wp_presentation::Event::ClockId { clk_id } = event {
            events.known_clock = clk_id == MONOTONIC;
        }
    }
}
