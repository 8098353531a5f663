//! virtio-gpu on its rings, and who is shown: what the main thread and the worker share.
//!
//! The main thread holds it for single accesses to registers, the worker for one turn of a few
//! milliseconds at most. Nobody waits while holding it.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use porthole_client::present::{Display, Guest, GuestState, Lamps, Numbers, Show, Told};
use porthole_device::{Desk, Diary, GpuPort, Presenter, shape, trace};
use porthole_gpu_device::{Event, Options, Statistics};
use porthole_trace::{Event as Record, Tap, Tracer};
use porthole_vfio_device::Ram;
use porthole_virtio_device::{Device, Ring, Rings};

use crate::monitor::{FIRST_SERIAL, Look};
use crate::owner::Owner;
use crate::virtio::Queue;

/// Chains a turn, over all queues, and how long it takes chains.
const CHAINS: usize = 64;
const TURN: Duration = Duration::from_millis(4);
/// How long a memory map that shrinks is expected to become whole again.
const REMAP: Duration = Duration::from_millis(500);

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Engine {
    rings: Rings,
    port: GpuPort,
    presenter: Presenter,
    pub(crate) desk: Desk,
    owner: Owner,
    /// Guest memory is being moved around since then.
    remapping: Option<Instant>,
    /// The guest's memory is checked once for each driver.
    checked: bool,
    lamps: Option<Lamps>,
    /// Whether the guest wants motion alone, and whether pens.
    pointing: (bool, bool),
    /// The VGA shows a picture.
    vga_shows: bool,
    told: Guest,
    kicks: u64,
    diary: Diary,
    /// Pictures of the VGA that were shown.
    vga_frames: u64,
    /// Where it is recorded what the VGA shows.
    vga_tap: Tap,
    tracer: Option<Tracer>,
}

/// How a turn went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Turn {
    /// Something was done.
    Worked,
    /// There was nothing to do.
    Idle,
    /// Guest memory is being moved around: try again soon.
    Wait,
}

impl Engine {
    pub(crate) fn new(options: Options) -> Self {
        let displays = options.scanouts.len();
        let port = GpuPort::new(options, Tap::default());
        Self {
            rings: Rings::new(shape(&port.gpu)),
            port,
            presenter: Presenter::Null,
            desk: Desk::new(displays),
            owner: Owner::new(),
            remapping: None,
            checked: false,
            lamps: None,
            pointing: (false, false),
            vga_shows: false,
            told: Guest::default(),
            kicks: 0,
            diary: Diary::default(),
            vga_frames: 0,
            vga_tap: Tap::default(),
            tracer: None,
        }
    }

    /// Records what is done from now on: virtio-gpu as one device, what the VGA shows as another.
    pub(crate) fn trace(&mut self, tracer: Tracer, vga: Tap, gpu: Tap) {
        (self.vga_tap, self.port.tap) = (vga, gpu);
        self.tracer = Some(tracer);
    }

    /// Hands what was recorded to who writes it.
    pub(crate) fn flush_trace(&self) {
        if let Some(tracer) = &self.tracer {
            tracer.flush();
        }
    }

    /// Writes the end of the trace, if there is one.
    pub(crate) fn end_trace(&self) {
        self.port.end_trace();
    }

    /// The device's own feature bits.
    pub(crate) const fn features(&self) -> u64 {
        self.port.gpu.features()
    }

    pub(crate) fn set_presenter(&mut self, presenter: Presenter) {
        self.presenter = presenter;
    }

    pub(crate) fn statistics(&self) -> Statistics {
        self.port.gpu.statistics()
    }

    /// How often the driver has kicked.
    pub(crate) const fn kicks(&self) -> u64 {
        self.kicks
    }

    /// A kick was heard.
    pub(crate) const fn kicked(&mut self) {
        self.kicks = self.kicks.saturating_add(1);
    }

    /// Some of the device's configuration space.
    pub(crate) fn config(&self, offset: u32, len: usize) -> Vec<u8> {
        self.port.config(offset, u32::try_from(len).unwrap_or(u32::MAX))
    }

    pub(crate) fn write_config(&mut self, offset: u32, bytes: &[u8]) {
        self.port.write_config(offset, bytes);
    }

    /// Guest memory is another one.
    pub(crate) fn set_ram(&mut self, ram: &Ram) {
        self.rings.set_ram(ram.ram.clone());
        match (ram.whole, self.remapping) {
            (true, _) => self.remapping = None,
            (false, None) => self.remapping = Some(Instant::now()),
            (false, Some(_)) => {}
        }
    }

    /// The driver has set up a queue. False when it is no ring in RAM.
    pub(crate) fn start(
        &mut self,
        index: usize,
        queue: Queue,
        event_idx: bool,
        call: Option<OwnedFd>,
    ) -> bool {
        self.stop(index);
        let ram = self.rings.ram().clone();
        let Some(ring) = self.rings.ring_mut(index) else { return false };
        ring.reset();
        ring.set_call(call);
        ring.set_addresses(queue.addresses);
        ring.enabled = true;
        ring.set_size(queue.size.into()) && ring.start(None, &ram, event_idx)
    }

    /// A queue has another eventfd for its interrupts.
    pub(crate) fn set_call(&mut self, index: usize, call: Option<OwnedFd>) {
        if let Some(ring) = self.rings.ring_mut(index) {
            ring.set_call(call);
        }
    }

    fn stop(&mut self, index: usize) {
        if self.rings.ring_mut(index).is_some_and(Ring::take_lived) {
            self.port.stopping(index, &mut self.rings);
            self.rings.notify();
        }
        if let Some(ring) = self.rings.ring_mut(index) {
            ring.stop();
        }
    }

    /// The driver is ready: says so where its memory cannot be seen from here.
    pub(crate) fn ready(&mut self) {
        if !std::mem::replace(&mut self.checked, true) && self.rings.ram().is_blank() {
            tracing::warn!(
                "all that can be seen of guest memory is zero, so the driver will find no device: start \
                 QEMU with -object memory-backend-memfd,id=mem,size=SIZE,share=on -machine memory-backend=mem"
            );
        }
    }

    /// The driver or the machine resets virtio-gpu. Returns whether it had the screen.
    pub(crate) fn reset(&mut self, now: Instant) -> bool {
        for index in 0..self.rings.count() {
            self.stop(index);
        }
        self.rings.all().for_each(Ring::reset);
        self.port.reset();
        self.settle(now);
        let had = self.owner.released(now);
        self.report();
        had
    }

    /// Takes chains, as many as a turn may.
    pub(crate) fn turn(&mut self, now: Instant) -> Turn {
        for told in self.presenter.news() {
            self.told(&told);
        }
        if let Some(since) = self.remapping {
            if now.saturating_duration_since(since) < REMAP {
                return Turn::Wait;
            }
            // It has become smaller, then.
            self.remapping = None;
        }
        let mut worked = false;
        if !self.rings.ram().is_lost() {
            self.rings.refill(CHAINS, Some(now + TURN));
            for queue in 0..self.rings.count() {
                if self.rings.ring(queue).is_some_and(Ring::runs) && self.rings.has_work(queue) {
                    worked = true;
                    self.rings.mute(queue);
                    self.port.process(queue, &mut self.rings);
                }
            }
        }
        self.port.complete_due(now, &mut self.rings);
        self.rings.notify();
        self.settle(now);
        if worked { Turn::Worked } else { Turn::Idle }
    }

    /// Asks for kicks again; true when something came in between.
    pub(crate) fn listen(&mut self) -> bool {
        let mut more = false;
        for queue in 0..self.rings.count() {
            if self.rings.ring(queue).is_some_and(Ring::runs) {
                more |= self.rings.unmute(queue);
            }
        }
        more
    }

    /// When something is due without a kick.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let all = [self.port.deadline(), self.owner.off_at(), self.diary.deadline()];
        all.into_iter().flatten().min()
    }

    /// After each turn: what virtio-gpu shows goes to the presenter.
    pub(crate) fn settle(&mut self, now: Instant) {
        self.presenter.set_waiting(self.port.deadline().is_some());
        for event in self.port.take_events() {
            match &event {
                Event::Frame(frame) => {
                    self.desk.set(frame.scanout, Some(frame.layout.size()));
                    if frame.scanout == 0 && self.owner.drawn(now) {
                        tracing::info!("virtio-gpu has the screen");
                    }
                }
                // The picture stays until it is clear who shows the next one.
                Event::Disabled { scanout: 0 } => {
                    self.owner.switched_off(now);
                    continue;
                }
                Event::Disabled { scanout } => self.desk.set(*scanout, None),
                _ => {}
            }
            self.presenter.show(event, &mut self.port);
        }
        if self.owner.take_off(now) {
            self.desk.set(0, None);
            self.vga_tap.record(|| Record::Disabled { scanout: 0 });
            self.presenter.show_other(Show::Disabled { scanout: 0 });
        }
        self.port.complete_due(now, &mut self.rings);
        self.rings.notify();
        self.say(now);
        self.report();
        self.port.mend_trace();
        self.flush_trace();
    }

    /// Whether the VGA has the screen.
    pub(crate) const fn is_vga(&self) -> bool {
        self.owner.is_vga()
    }

    /// The guest has used the VGA while virtio-gpu has the screen. Returns whether the VGA takes it.
    pub(crate) fn vga_used(&mut self, now: Instant) -> bool {
        self.owner.used();
        self.take_back(now)
    }

    /// Whether the VGA takes the screen from a driver that has gone.
    pub(crate) fn take_back(&mut self, now: Instant) -> bool {
        let takes = self.owner.take_back(now);
        if takes {
            tracing::info!(
                "the virtio-gpu driver is silent and the VGA is used: it has the screen"
            );
            self.vga_tap.record(|| Record::CursorHidden { scanout: 0 });
            self.presenter.show_other(Show::CursorHidden { scanout: 0 });
        }
        takes
    }

    /// Tells the compositor how much was done, as often as it should hear of it. The VGA's pictures count too.
    fn say(&mut self, now: Instant) {
        let Numbers([commands, refused, frames, rest @ ..]) = self.port.numbers(self.kicks);
        let [a, b, c, d, e, f] = rest;
        let frames = frames.saturating_add(self.vga_frames);
        let numbers = Numbers([commands, refused, frames, a, b, c, d, e, f]);
        if let Some(numbers) = self.diary.say(now, numbers) {
            self.presenter.say(numbers);
        }
    }

    /// Shows what the VGA shows, if it has the screen. True when something is due that was not before: the
    /// worker must be told.
    pub(crate) fn show_vga(&mut self, look: Look, now: Instant) -> bool {
        if !self.owner.is_vga() {
            return false;
        }
        let was_due = self.diary.deadline().is_some();
        if let Some(size) = look.size {
            self.desk.set(0, Some(size));
            if !look.show.is_empty() {
                self.owner.shown();
                self.vga_shows = true;
            }
        }
        for show in look.show {
            if let Show::Frame(frame) = &show {
                self.vga_tap.record(|| trace::frame(frame));
                self.vga_tap.record(|| Record::Sum { crc: look.sum });
                self.vga_frames = self.vga_frames.saturating_add(1);
            }
            self.presenter.show_other(show);
        }
        self.report();
        self.say(now);
        !was_due && self.diary.deadline().is_some()
    }

    /// What the guest's input devices are like: its lamps, and whether it wants motion alone, and pens.
    pub(crate) fn set_inputs(&mut self, lamps: Option<Lamps>, pointing: (bool, bool)) {
        (self.lamps, self.pointing) = (lamps, pointing);
        self.report();
    }

    /// Tells the presenter how the guest is, when that is news.
    fn report(&mut self) {
        let state = match self.port.state {
            GuestState::Off if self.vga_shows => GuestState::Running,
            state => state,
        };
        let (relative, pens) = self.pointing;
        let guest = Guest { state, lamps: self.lamps, relative, pens, rate_mhz: 0 };
        if std::mem::replace(&mut self.told, guest) != guest {
            self.presenter.tell(guest);
        }
    }

    /// The presenter has news of a frame or of who sees it.
    pub(crate) fn told(&mut self, told: &Told) {
        match *told {
            Told::Visible { scanout, visible } => self.port.set_visible(scanout, visible),
            Told::Released { scanout, buffer, serial } => {
                if let Some(buffer) = self.presenter.buffer(buffer) {
                    self.port.released(scanout, buffer, serial);
                }
            }
            // Pictures of the VGA are none that a fence waits for.
            Told::Presented { serial, .. } | Told::Discarded { serial, .. }
                if serial >= FIRST_SERIAL => {}
            Told::Presented { scanout, serial, .. } => self.port.presented(scanout, serial),
            Told::Discarded { scanout, serial } => self.port.discarded(scanout, serial),
            Told::Closed { scanout } => {
                tracing::info!(scanout, "the window was closed; the guest goes on without");
            }
            _ => {}
        }
    }

    /// Asks the guest to use another display. True when its driver must be told.
    pub(crate) fn change_display(&mut self, scanout: usize, display: &Display) -> bool {
        if display.connected {
            self.port.want_display(scanout, display)
        } else {
            self.port.set_size(scanout, None)
        }
    }
}
