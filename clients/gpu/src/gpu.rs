//! The GPU core on the vhost-user transport.

use std::time::{Duration, Instant};

use porthole_gpu_device::{Answer, Gpu, GuestMemory, MAX_REQUEST, NotRam, Token};
use porthole_vhost_device::{Buffer, Chain, Device, GuestRam, Rings, Shape};

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
    waiting: Vec<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    token: Token,
    buffer: Buffer,
    answer: Vec<u8>,
    until: Instant,
}

/// Guest RAM as the core wants to see it.
struct Ram<'a>(&'a GuestRam);

impl GuestMemory for Ram<'_> {
    fn contains(&self, address: u64, length: u64) -> bool {
        usize::try_from(length).is_ok_and(|length| self.0.contains(address, length))
    }

    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), NotRam> {
        self.0.read(address, into).map_err(|_| NotRam)
    }
}

impl GpuPort {
    pub(crate) fn new(gpu: Gpu) -> Self {
        Self { gpu, waiting: Vec::new() }
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
        self.answer(due, rings);
    }

    fn answer(&mut self, due: Vec<Waiting>, rings: &mut Rings) {
        for Waiting { token, buffer, answer, .. } in due {
            self.gpu.expired(token);
            rings.complete(buffer, &answer);
        }
    }

    fn control(&mut self, chain: Chain, rings: &mut Rings) {
        let Chain { request, buffer, .. } = chain;
        let answer = self.gpu.control(&request, buffer.writable(), &Ram(rings.ram()));
        match answer {
            Answer::Now(bytes) => rings.complete(buffer, &bytes),
            Answer::WhenPresented { bytes, token } => self.waiting.push(Waiting {
                token,
                buffer,
                answer: bytes,
                until: Instant::now() + FENCE_LIMIT,
            }),
        }
    }
}

impl Device for GpuPort {
    fn config(&self, offset: u32, len: u32) -> Vec<u8> {
        self.gpu.config(u64::from(offset), len as usize)
    }

    fn write_config(&mut self, offset: u32, bytes: &[u8]) {
        self.gpu.write_config(u64::from(offset), bytes);
    }

    fn process(&mut self, queue: usize, rings: &mut Rings) {
        while let Some(chain) = rings.pop(queue) {
            match queue {
                CONTROL => self.control(chain, rings),
                CURSOR => {
                    self.gpu.cursor(&chain.request, &Ram(rings.ram()));
                    rings.complete(chain.buffer, &[]);
                }
                _ => rings.complete(chain.buffer, &[]),
            }
        }
        self.complete_due(Instant::now(), rings);
    }

    fn stopping(&mut self, queue: usize, rings: &mut Rings) {
        if queue == CONTROL {
            let all = std::mem::take(&mut self.waiting);
            self.answer(all, rings);
        }
    }

    fn reset(&mut self) {
        self.waiting.clear();
        self.gpu.reset();
    }
}
