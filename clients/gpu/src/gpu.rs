//! The GPU core on the vhost-user transport.

use std::time::{Duration, Instant};

use porthole_client::present::GuestState;
use porthole_gpu_device::{Answer, BufferId, Event as Shown, Gpu, MAX_REQUEST, Token};
use porthole_pixel::Size;
use porthole_trace::{Event, Tap};
use porthole_vhost_device::{Buffer, Chain, Device, Rings, Shape};

use crate::trace::{self, Ram, small};

const CONTROL: usize = 0;
const CURSOR: usize = 1;

/// A cursor command is 56 bytes; the rest is room for a sloppy driver.
const MAX_CURSOR_REQUEST: usize = 256;

/// How long a fence waits for its frame at most: two periods at 60 Hz. A guest must never
/// depend on a compositor for going on.
pub(crate) const FENCE_LIMIT: Duration = Duration::from_micros(33_333);

/// The transport's description of a GPU with these features.
pub(crate) fn shape(gpu: &Gpu) -> Shape {
    Shape { name: "gpu", features: gpu.features(), queues: &[MAX_REQUEST, MAX_CURSOR_REQUEST] }
}

/// A GPU with the answers that wait for a frame.
#[derive(Debug)]
pub(crate) struct GpuPort {
    pub(crate) gpu: Gpu,
    /// What the driver's use of the device says of the guest.
    pub(crate) state: GuestState,
    /// Where everything is recorded.
    pub(crate) tap: Tap,
    waiting: Vec<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    token: Token,
    buffer: Buffer,
    answer: Vec<u8>,
    until: Instant,
}

impl GpuPort {
    pub(crate) fn new(gpu: Gpu, tap: Tap) -> Self {
        Self { gpu, state: GuestState::Off, tap, waiting: Vec::new() }
    }

    /// What the presenter is to be told.
    pub(crate) fn take_events(&mut self) -> Vec<Shown> {
        let events = self.gpu.take_events();
        for event in &events {
            self.tap.record(|| trace::shown(event));
        }
        events
    }

    /// The presenter no longer holds a buffer; see [`Gpu::buffer_released`].
    pub(crate) fn released(&mut self, index: usize, id: BufferId, serial: u64) {
        let (scanout, buffer) = (small(index), id.get());
        self.tap.record(|| Event::Released { scanout, buffer, serial });
        self.gpu.buffer_released(index, id, serial);
    }

    /// A frame is on the screen.
    pub(crate) fn presented(&mut self, index: usize, serial: u64) {
        self.tap.record(|| Event::Presented { scanout: small(index), serial });
        self.gpu.presented(index, serial);
    }

    /// A frame will never be on the screen.
    pub(crate) fn discarded(&mut self, index: usize, serial: u64) {
        self.tap.record(|| Event::Discarded { scanout: small(index), serial });
        self.gpu.discarded(index, serial);
    }

    /// Whether somebody sees a display.
    pub(crate) fn set_visible(&mut self, index: usize, visible: bool) {
        self.tap.record(|| Event::Visible { scanout: small(index), visible });
        self.gpu.set_visible(index, visible);
    }

    /// Asks the guest for another size; see [`Gpu::set_size`].
    pub(crate) fn set_size(&mut self, index: usize, size: Option<Size>) -> bool {
        let scanout = small(index);
        let pair = size.map(|size| (size.width, size.height));
        self.tap.record(|| Event::Display { scanout, size: pair });
        self.gpu.set_size(index, size)
    }

    /// Says how a display is; see [`Gpu::describe`].
    pub(crate) fn describe(
        &mut self,
        index: usize,
        refresh_mhz: u32,
        millimetres: (u32, u32),
    ) -> bool {
        let scanout = small(index);
        self.tap.record(|| Event::Describe { scanout, refresh_mhz, millimetres });
        self.gpu.describe(index, refresh_mhz, millimetres)
    }

    /// When the first waiting answer must go out, presented or not.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.waiting.iter().map(|waiting| waiting.until).min()
    }

    /// Writes the answers whose frames were presented, or that waited for too long.
    pub(crate) fn complete_due(&mut self, now: Instant, rings: &mut Rings) {
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
                self.tap.record(|| Event::Answer { token: None, bytes: &bytes });
                rings.complete(buffer, &bytes);
            }
            Answer::WhenPresented { bytes, token } => {
                self.tap.record(|| Event::Answer { token: Some(token.get()), bytes: &bytes });
                let until = Instant::now() + FENCE_LIMIT;
                self.waiting.push(Waiting { token, buffer, answer: bytes, until });
            }
        }
    }

    fn cursor(&mut self, chain: Chain, rings: &mut Rings) {
        self.record_request(CURSOR, &chain);
        self.gpu.cursor(&chain.request, &Ram { ram: rings.ram(), tap: &self.tap });
        self.tap.record(|| Event::Answer { token: None, bytes: &[] });
        rings.complete(chain.buffer, &[]);
    }

    fn record_request(&self, queue: usize, chain: &Chain) {
        self.tap.record(|| trace::request(queue, chain));
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
}

#[cfg(test)]
mod tests {
    use porthole_gpu_device::Options;
    use porthole_vhost_device::testing::{Driver, NEXT, WRITE};

    use super::*;

    const REQUEST: u64 = 0x8000;
    const ANSWER: u64 = 0x9000;

    fn started() -> (Driver, GpuPort) {
        let gpu = Gpu::new(&Options { blob: true, ..Options::default() });
        let driver = Driver::started(shape(&gpu));
        (driver, GpuPort::new(gpu, Tap::default()))
    }

    /// Sends a command of little-endian words behind a header; returns the used elements so far.
    fn command(
        driver: &mut Driver,
        port: &mut GpuPort,
        (kind, flags): (u32, u32),
        words: &[u32],
    ) -> Vec<(u32, u32)> {
        let header = [kind, flags, 77, 0, 0, 0];
        let bytes: Vec<u8> =
            header.iter().chain(words).flat_map(|word| word.to_le_bytes()).collect();
        driver.write(REQUEST, &bytes);
        let len = u32::try_from(bytes.len()).unwrap();
        driver.descriptor(CONTROL, 0, (REQUEST, len, NEXT, 1));
        driver.descriptor(CONTROL, 1, (ANSWER, 2048, WRITE, 0));
        driver.make_available(CONTROL, 0);
        driver.kick(CONTROL);
        driver.turn(port).unwrap();
        driver.used(CONTROL)
    }

    fn answer(driver: &Driver) -> u32 {
        u32::from_le_bytes(driver.read(ANSWER, 4).try_into().unwrap())
    }

    /// A blob of guest memory on the screen, flushed with a fence.
    fn fenced_flush(driver: &mut Driver, port: &mut GpuPort) -> usize {
        let blob = [1, 1, 0, 1, 0, 0, 16384, 0, 0x2_0000, 0, 16384, 0];
        command(driver, port, (0x10c, 0), &blob);
        assert_eq!(answer(driver), 0x1100);
        let mut scanout = [0; 18];
        scanout[..12].copy_from_slice(&[0, 0, 64, 64, 0, 1, 64, 64, 2, 0, 256, 0]);
        command(driver, port, (0x10d, 0), &scanout);
        assert_eq!(answer(driver), 0x1100);
        port.gpu.set_visible(0, true);
        command(driver, port, (0x104, 1), &[0, 0, 64, 64, 1, 0]).len()
    }

    #[test]
    fn display_info_is_answered() {
        let (mut driver, mut port) = started();
        let used = command(&mut driver, &mut port, (0x100, 0), &[]);
        assert_eq!(used, [(0, 408)]);
        assert_eq!(answer(&driver), 0x1101);
        let width = u32::from_le_bytes(driver.read(ANSWER + 32, 4).try_into().unwrap());
        assert_eq!(width, 1280);
    }

    #[test]
    fn a_fence_waits_for_its_frame() {
        let (mut driver, mut port) = started();
        assert_eq!(fenced_flush(&mut driver, &mut port), 2);
        assert!(port.deadline().is_some());
        let Some(porthole_gpu_device::Event::Frame(frame)) =
            port.gpu.take_events().into_iter().next()
        else {
            panic!("no frame");
        };
        port.gpu.presented(0, frame.serial);
        driver.server.with_rings(|rings| port.complete_due(Instant::now(), rings));
        assert_eq!(driver.used(CONTROL).len(), 3);
        assert_eq!(driver.read(ANSWER, 12), [0, 0x11, 0, 0, 1, 0, 0, 0, 77, 0, 0, 0]);
        assert!(port.deadline().is_none());
    }

    #[test]
    fn a_fence_waits_two_periods_at_most() {
        let (mut driver, mut port) = started();
        assert_eq!(fenced_flush(&mut driver, &mut port), 2);
        let later = Instant::now() + FENCE_LIMIT;
        driver.server.with_rings(|rings| port.complete_due(later, rings));
        assert_eq!(driver.used(CONTROL).len(), 3);
        assert!(port.deadline().is_none());
    }

    #[test]
    fn a_queue_that_stops_leaves_no_fence_behind() {
        let (mut driver, mut port) = started();
        assert_eq!(fenced_flush(&mut driver, &mut port), 2);
        assert_eq!(driver.get_vring_base(0, &mut port), 3);
        assert_eq!(driver.used(CONTROL).len(), 3);
        assert!(port.deadline().is_none());
    }

    #[test]
    fn a_cursor_command_has_no_answer() {
        let (mut driver, mut port) = started();
        driver.descriptor(CURSOR, 0, (REQUEST, 56, NEXT, 1));
        driver.descriptor(CURSOR, 1, (ANSWER, 64, WRITE, 0));
        driver.make_available(CURSOR, 0);
        driver.kick(CURSOR);
        driver.turn(&mut port).unwrap();
        assert_eq!(driver.used(CURSOR), [(0, 0)]);
    }
}
