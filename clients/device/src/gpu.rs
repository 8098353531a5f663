//! The GPU core on the vhost-user transport.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use porthole_client::present::{Display, GuestState, Numbers};
use porthole_gpu_device::{
    Answer, BufferId, Event as Shown, Gpu, MAX_REQUEST, Options, State, Token,
};
use porthole_pixel::Size;
use porthole_trace::{Event, Tap};
use porthole_virtio_device::{Buffer, Chain, Device, Rings, Shape};

use crate::trace::{self, Ram, small};

/// Pixels that a display may have each way; drivers refuse smaller ones.
const SIDES: std::ops::RangeInclusive<u32> = 16..=16384;

const CONTROL: usize = 0;
const CURSOR: usize = 1;

/// A cursor command is 56 bytes; the rest is room for a sloppy driver.
const MAX_CURSOR_REQUEST: usize = 256;

/// How long a fence waits for its frame at most: two periods at 60 Hz. A guest must never
/// depend on a compositor for going on.
pub const FENCE_LIMIT: Duration = Duration::from_micros(33_333);

/// The transport's description of a GPU with these features.
#[must_use]
pub fn shape(gpu: &Gpu) -> Shape {
    Shape { name: "gpu", features: gpu.features(), queues: &[MAX_REQUEST, MAX_CURSOR_REQUEST] }
}

/// A GPU with the answers that wait for a frame.
#[derive(Debug)]
pub struct GpuPort {
    /// The core.
    pub gpu: Gpu,
    /// What the driver's use of the device says of the guest.
    pub state: GuestState,
    /// Where everything is recorded.
    pub tap: Tap,
    waiting: Vec<Waiting>,
    options: Options,
    /// What the host wants of each display, as far as it has said so.
    wishes: BTreeMap<usize, Wish>,
    /// The driver must look at its displays again.
    news: bool,
}

/// What the host wants of a display.
#[derive(Clone, Copy, Debug, Default)]
struct Wish {
    visible: bool,
    size: Option<Option<Size>>,
    description: Option<(u32, (u32, u32))>,
}

#[derive(Debug)]
struct Waiting {
    token: Token,
    buffer: Buffer,
    answer: Vec<u8>,
    until: Instant,
}

impl GpuPort {
    /// A device as after power-on.
    #[must_use]
    pub fn new(options: Options, tap: Tap) -> Self {
        let (gpu, wishes) = (Gpu::new(&options), BTreeMap::new());
        let state = GuestState::Off;
        Self { gpu, state, tap, waiting: Vec::new(), options, wishes, news: false }
    }

    /// What the presenter is to be told.
    pub fn take_events(&mut self) -> Vec<Shown> {
        let events = self.gpu.take_events();
        for event in &events {
            self.tap.record(|| trace::shown(event));
        }
        events
    }

    /// The presenter no longer holds a buffer; see [`Gpu::buffer_released`].
    pub fn released(&mut self, index: usize, id: BufferId, serial: u64) {
        let (scanout, buffer) = (small(index), id.get());
        self.tap.record(|| Event::Released { scanout, buffer, serial });
        self.gpu.buffer_released(index, id, serial);
    }

    /// A frame is on the screen.
    pub fn presented(&mut self, index: usize, serial: u64) {
        self.tap.record(|| Event::Presented { scanout: small(index), serial });
        self.gpu.presented(index, serial);
    }

    /// A frame will never be on the screen.
    pub fn discarded(&mut self, index: usize, serial: u64) {
        self.tap.record(|| Event::Discarded { scanout: small(index), serial });
        self.gpu.discarded(index, serial);
    }

    /// Whether somebody sees a display.
    pub fn set_visible(&mut self, index: usize, visible: bool) {
        self.tap.record(|| Event::Visible { scanout: small(index), visible });
        self.wishes.entry(index).or_default().visible = visible;
        self.gpu.set_visible(index, visible);
    }

    /// Asks the guest for another size; see [`Gpu::set_size`].
    pub fn set_size(&mut self, index: usize, size: Option<Size>) -> bool {
        let scanout = small(index);
        let pair = size.map(|size| (size.width, size.height));
        self.tap.record(|| Event::Display { scanout, size: pair });
        self.wishes.entry(index).or_default().size = Some(size);
        self.gpu.set_size(index, size)
    }

    /// Says how a display is; see [`Gpu::describe`].
    pub fn describe(&mut self, index: usize, refresh_mhz: u32, millimetres: (u32, u32)) -> bool {
        let scanout = small(index);
        self.tap.record(|| Event::Describe { scanout, refresh_mhz, millimetres });
        let wish = self.wishes.entry(index).or_default();
        wish.description = Some((refresh_mhz, millimetres));
        self.gpu.describe(index, refresh_mhz, millimetres)
    }

    /// How much was done, for the compositor; the transport has counted the kicks.
    #[must_use]
    pub fn numbers(&self, kicks: u64) -> Numbers {
        let done = self.gpu.statistics();
        let resources = u64::try_from(done.resources).unwrap_or(u64::MAX);
        let most = self.options.quotas.bytes;
        Numbers([
            done.commands,
            done.errors,
            done.frames,
            done.copies.transfer,
            done.copies.repair,
            kicks,
            resources,
            done.bytes,
            most,
        ])
    }

    /// Asks the guest to use such a display. Returns true when the transport must tell the guest that the
    /// configuration has changed.
    pub fn want_display(&mut self, index: usize, display: &Display) -> bool {
        // Where the guest may choose it is told what it was told before.
        let size = display.size.unwrap_or_else(|| self.gpu.last_size(index));
        let fits = |side: u32| SIDES.contains(&side);
        if !fits(size.width) || !fits(size.height) {
            tracing::debug!(index, ?size, "a size that no display has");
            return false;
        }
        let described = self.describe(index, display.refresh_mhz, display.millimetres);
        self.set_size(index, Some(size)) || described
    }

    /// Whether the driver must be told of its displays, once.
    pub fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.news)
    }

    /// Records the whole state where the trace has a hole before.
    pub fn mend_trace(&self) {
        if self.tap.wants_state() {
            let fits = self.gpu.statistics().bytes < self.tap.state_limit() as u64;
            let state = if fits { self.gpu.save().to_bytes() } else { None };
            self.tap.state(state.as_deref());
        }
    }

    /// Records the end.
    pub fn end_trace(&self) {
        let done = self.gpu.statistics();
        let summary = serde_json::json!({
            "commands": done.commands,
            "errors": done.errors,
            "frames": done.frames,
            "transferred_bytes": done.copies.transfer,
        });
        let summary = summary.to_string();
        self.tap.record(|| Event::End { summary: &summary });
    }

    /// When the first waiting answer must go out, presented or not.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.waiting.iter().map(|waiting| waiting.until).min()
    }

    /// Writes the answers whose frames were presented, or that waited for too long.
    pub fn complete_due(&mut self, now: Instant, rings: &mut Rings) {
        let completed = self.gpu.take_completed();
        let (due, waiting): (Vec<_>, Vec<_>) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|waiting| waiting.until <= now || completed.contains(&waiting.token));
        self.waiting = waiting;
        self.answer(due, &completed, rings);
    }

    fn answer(&mut self, due: Vec<Waiting>, completed: &[Token], rings: &mut Rings) {
        for Waiting { token, buffer, answer, .. } in due {
            let late = !completed.contains(&token);
            self.tap.record(|| Event::Fence { token: token.get(), late });
            self.gpu.expired(token);
            rings.complete(buffer, &answer);
        }
    }

    fn control(&mut self, chain: Chain, rings: &mut Rings) {
        self.record_request(CONTROL, &chain);
        let Chain { request, buffer, .. } = chain;
        let ram = Ram { ram: rings.ram(), tap: &self.tap };
        let answer = self.gpu.control(&request, buffer.writable(), &ram);
        match answer {
            Answer::Now(bytes) => {
                self.tap.close(|| Event::Answer { token: None, bytes: &bytes });
                rings.complete(buffer, &bytes);
            }
            Answer::WhenPresented { bytes, token } => {
                self.tap.close(|| Event::Answer { token: Some(token.get()), bytes: &bytes });
                let until = Instant::now() + FENCE_LIMIT;
                self.waiting.push(Waiting { token, buffer, answer: bytes, until });
            }
        }
    }

    fn cursor(&mut self, chain: Chain, rings: &mut Rings) {
        self.record_request(CURSOR, &chain);
        self.gpu.cursor(&chain.request, &Ram { ram: rings.ram(), tap: &self.tap });
        self.tap.close(|| Event::Answer { token: None, bytes: &[] });
        rings.complete(chain.buffer, &[]);
    }

    fn record_request(&self, queue: usize, chain: &Chain) {
        self.tap.open(|| trace::request(queue, chain));
    }
}

impl Device for GpuPort {
    fn config(&self, offset: u32, len: u32) -> Vec<u8> {
        let bytes = self.gpu.config(u64::from(offset), len as usize);
        self.tap.record(|| Event::ConfigRead { offset: u64::from(offset), bytes: &bytes });
        bytes
    }

    fn write_config(&mut self, offset: u32, bytes: &[u8]) {
        self.tap.record(|| Event::ConfigWrite { offset: u64::from(offset), bytes });
        self.gpu.write_config(u64::from(offset), bytes);
    }

    fn process(&mut self, queue: usize, rings: &mut Rings) {
        while let Some(chain) = rings.pop(queue) {
            self.state = GuestState::Running;
            match queue {
                CONTROL => self.control(chain, rings),
                CURSOR => self.cursor(chain, rings),
                _ => rings.complete(chain.buffer, &[]),
            }
        }
        self.complete_due(Instant::now(), rings);
    }

    fn stopping(&mut self, queue: usize, rings: &mut Rings) {
        if queue == CONTROL {
            // A reset may follow at once, or with the next driver.
            self.state = GuestState::Suspended;
            let all = std::mem::take(&mut self.waiting);
            self.answer(all, &[], rings);
        }
        self.tap.record(|| Event::Stop { queue: small(queue) });
    }

    fn reset(&mut self) {
        self.state = GuestState::Off;
        self.waiting.clear();
        self.tap.record(|| Event::Reset);
        self.gpu.reset();
    }

    fn save(&self) -> Option<Vec<u8>> {
        self.gpu.save().to_bytes()
    }

    fn state_limit(&self) -> u64 {
        self.gpu.snapshot_limit()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), String> {
        // Frames have numbers, which would begin again.
        if self.gpu.statistics().frames > 0 {
            return Err("this device has shown pictures of another guest".to_owned());
        }
        let saved = State::from_bytes(state).map_err(|error| error.to_string())?;
        let gpu = Gpu::restore(&self.options, &saved).map_err(|error| error.to_string())?;
        self.gpu = gpu;
        self.state = GuestState::Suspended;
        self.tap.state(Some(state));
        // Displays are as this host has them, whatever they were where the guest comes from.
        for (index, wish) in self.wishes.clone() {
            self.set_visible(index, wish.visible);
            if let Some(size) = wish.size {
                self.news |= self.set_size(index, size);
            }
            if let Some((refresh_mhz, millimetres)) = wish.description {
                self.news |= self.describe(index, refresh_mhz, millimetres);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
