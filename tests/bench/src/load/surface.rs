//! One window of a program: its buffers are painted once, so that drawing costs next to nothing.

use std::time::{Duration, Instant};

use porthole_memory::Memory;
use porthole_rig::error::Context;
use porthole_rig::{Result, RigError};
use wayland_client::QueueHandle;
use wayland_client::protocol::wl_buffer::WlBuffer;
use wayland_client::protocol::wl_shm::Format;
use wayland_client::protocol::wl_surface::WlSurface;
use wayland_protocols::wp::presentation_time::client::wp_presentation::WpPresentation;
use wayland_protocols::xdg::shell::client::xdg_surface::XdgSurface;
use wayland_protocols::xdg::shell::client::xdg_toplevel::XdgToplevel;

use super::Window;
use super::client::Globals;
use super::events::{BUFFERS, Events, Feedback, Seen};
use crate::clock::monotonic_ns;
use crate::compositor::Placement;
use crate::scene::{Change, Layer};

/// A window and its pictures.
#[derive(Debug)]
pub(super) struct Surface {
    pub(super) wayland: WlSurface,
    pub(super) xdg: XdgSurface,
    _toplevel: XdgToplevel,
    pub(super) layer: Layer,
    buffers: Vec<WlBuffer>,
    next: usize,
    /// When it is drawn anew.
    pub(super) due: Option<Instant>,
    pub(super) commits: u64,
    pub(super) late: u64,
    _memory: Memory,
}

impl Surface {
    /// Makes a window whose events carry `index`.
    pub(super) fn new(
        globals: &Globals,
        queue: &QueueHandle<Events>,
        index: usize,
        (number, layer): (usize, &Layer),
        placement: Placement,
    ) -> Result<Self> {
        let wayland = globals.compositor.create_surface(queue, ());
        let xdg = globals.shell.get_xdg_surface(&wayland, queue, index);
        let toplevel = xdg.get_toplevel(queue, index);
        toplevel.set_app_id(format!("bench-{number}"));
        if placement == Placement::ByGeometry {
            toplevel.set_maximized();
        }
        let (width, height) = layer.size;
        let bytes = u64::from(width) * u64::from(height) * 4;
        let memory = Memory::create("bench", bytes * BUFFERS as u64);
        let memory = memory.context(|| "make a picture".to_owned())?;
        let too_large = || RigError::failed("a layer is too large");
        let signed = |n: u64| i32::try_from(n).map_err(|_| too_large());
        let pool = globals.shm.create_pool(memory.fd(), signed(bytes * BUFFERS as u64)?, queue, ());
        let format = if layer.alpha { Format::Argb8888 } else { Format::Xrgb8888 };
        let (w, h) = (signed(width.into())?, signed(height.into())?);
        // Buffers that are never shown are not painted, and so take no memory.
        let count = if layer.change == Change::Nothing { 1 } else { BUFFERS };
        let mut buffers = Vec::new();
        for buffer in 0..count {
            let offset = bytes * buffer as u64;
            memory
                .write_at(offset, &paint(layer, number, buffer))
                .map_err(|error| RigError::failed(error.to_string()))?;
            let place = signed(offset)?;
            buffers.push(pool.create_buffer(place, w, h, w * 4, format, queue, (index, buffer)));
        }
        pool.destroy();
        let (due, layer) = (None, layer.clone());
        Ok(Self {
            wayland,
            xdg,
            _toplevel: toplevel,
            layer,
            buffers,
            next: 0,
            due,
            commits: 0,
            late: 0,
            _memory: memory,
        })
    }

    /// Shows the next picture; counted or not.
    pub(super) fn draw(
        &mut self,
        queue: &QueueHandle<Events>,
        (index, seen): (usize, &mut Seen),
        presentation: Option<&WpPresentation>,
        counted: bool,
    ) {
        let count = self.buffers.len();
        // The compositor may still read one; when it reads all, this program does as a careless one
        // does.
        let free = (0..count).map(|i| (self.next + i) % count).find(|i| !seen.is_busy(*i));
        let chosen = free.unwrap_or(self.next);
        self.next = (chosen + 1) % count;
        seen.set_busy(chosen, true);
        let Some(buffer) = self.buffers.get(chosen) else { return };
        self.wayland.attach(Some(buffer), 0, 0);
        let (width, height) = match self.layer.change {
            Change::Corner(size) if counted => size,
            _ => self.layer.size,
        };
        let side = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
        self.wayland.damage_buffer(0, 0, side(width), side(height));
        self.wayland.frame(queue, index);
        if counted {
            self.commits += 1;
        }
        if let Some(presentation) = presentation {
            presentation.feedback(
                &self.wayland,
                queue,
                Feedback { index, counted, at: monotonic_ns() },
            );
        }
        self.wayland.commit();
    }

    /// The time from tick to tick, if it has any.
    pub(super) fn period(&self) -> Option<Duration> {
        let rate = self.layer.rate;
        (rate > 0).then(|| Duration::from_secs(1) / rate)
    }

    /// Sets the first tick so that one falls on the start of the window, which programs share.
    pub(super) fn schedule(&mut self, window: Window, now: Instant) {
        self.due = self.period().map(|period| {
            let ahead = window.start.saturating_duration_since(now).as_nanos();
            let whole = u32::try_from(ahead / period.as_nanos()).unwrap_or_default();
            window.start.checked_sub(period * whole).unwrap_or(now)
        });
    }

    /// Sets the next tick after this moment, and counts those that were slept through.
    pub(super) fn tick(&mut self, now: Instant, counted: bool) {
        let (Some(mut due), Some(period)) = (self.due, self.period()) else { return };
        due += period;
        while due <= now {
            due += period;
            self.late += u64::from(counted);
        }
        self.due = Some(due);
    }
}

/// A picture that differs by layer, and a little by buffer; half transparent ones have alpha from 32
/// to 223, so that no pixel can be left out.
fn paint(layer: &Layer, number: usize, buffer: usize) -> Vec<u8> {
    let (width, height) = layer.size;
    let shift = u32::try_from(number * 40 + buffer * 24).unwrap_or_default();
    let mut bytes = Vec::with_capacity(width as usize * height as usize * 4);
    for y in 0..height {
        for x in 0..width {
            let alpha = if layer.alpha { 32 + (x + y) % 192 } else { 255 };
            let times = |value: u32| (value % 256) * alpha / 255;
            let [red, green, blue] =
                [times(x / 4 + shift), times(y / 4 + 2 * shift), times((x ^ y) / 2 + 3 * shift)];
            bytes.extend((alpha << 24 | red << 16 | green << 8 | blue).to_le_bytes());
        }
    }
    bytes
}
