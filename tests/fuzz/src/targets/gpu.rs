//! virtio-gpu: what a guest sends on both queues, and what presenter and transport do meanwhile.

mod script;

use std::cell::Cell;
use std::collections::BTreeSet;

use porthole_gpu_device::{Answer, Event, Frame, Gpu, GuestMemory, NotRam, Options, Quotas, Token};
use porthole_pixel::{Rect, Size};

use self::script::{COMMANDS, command, cursor};
use crate::input::Input;

const QUOTAS: Quotas = Quotas { bytes: 1 << 20, resources: 12, entries: 96 };
/// The steps of a script that seeds are made of: a request as it is, of fewer bytes than this, and what the
/// presenter does.
pub(crate) const RAW: u8 = 176;
pub(crate) const RAW_MOST: usize = 120;
pub(crate) const PRESENT: u8 = 208;
/// Enough to fill every quota, few enough to be tried often.
const MOST_STEPS: usize = 256;
const HEADER: usize = 24;
const FENCE: u32 = 1;
const OK_NODATA: u32 = 0x1100;

/// Guest memory with a gap; what is read twice differs, as if another of the guest's processors wrote.
struct Ram(Cell<u8>);

/// Where guest memory begins, and where its gap lies.
pub(crate) const BASE: u64 = 0x10_0000;
pub(crate) const LEN: u64 = 0x10_0000;
const GAP: std::ops::Range<u64> = 0x18_0000..0x18_1000;

impl GuestMemory for Ram {
    fn contains(&self, address: u64, length: u64) -> bool {
        let end = address.checked_add(length);
        let inside = |end| address >= BASE && end <= BASE + LEN;
        end.is_some_and(|end| inside(end) && (end <= GAP.start || address >= GAP.end))
    }

    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), NotRam> {
        if !self.contains(address, into.len() as u64) {
            return Err(NotRam);
        }
        self.0.set(self.0.get().wrapping_add(1));
        into.fill(self.0.get());
        Ok(())
    }
}

/// The device and what a peer knows of it.
struct World {
    options: Options,
    gpu: Gpu,
    ram: Ram,
    /// Resources by the answers that were given.
    live: BTreeSet<u32>,
    waiting: BTreeSet<Token>,
    shown: Vec<Frame>,
}

pub(crate) fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let flags = input.u8();
    let mut world = World::new(flags);
    for _ in 0..MOST_STEPS {
        if input.is_empty() {
            break;
        }
        world.step(&mut input);
        world.check();
    }
    world.end(flags & 16 != 0);
}

/// How many requests of a script are refused, and how many frames are there at its end.
#[cfg(test)]
pub(crate) fn outcome(script: &[u8]) -> (u64, usize) {
    let mut input = Input::new(script);
    let mut world = World::new(input.u8());
    while !input.is_empty() {
        world.step(&mut input);
        world.check();
    }
    (world.gpu.statistics().errors, world.shown.len())
}

impl World {
    fn new(flags: u8) -> Self {
        let options = Options {
            name: "fuzz".to_owned(),
            scanouts: vec![Some(Size::new(640, 480)); 1 + usize::from(flags & 3)],
            quotas: QUOTAS,
            blob: flags & 4 != 0,
            uuids: (flags & 8 != 0).then_some(u64::MAX),
        };
        let gpu = Gpu::new(&options);
        World {
            options,
            gpu,
            ram: Ram(Cell::new(0)),
            live: BTreeSet::new(),
            waiting: BTreeSet::new(),
            shown: Vec::new(),
        }
    }

    fn step(&mut self, input: &mut Input<'_>) {
        match input.u8() {
            choice @ 0..=175 => {
                let kind = COMMANDS[usize::from(choice) % COMMANDS.len()];
                let request = command(kind, input);
                self.control(&request, input);
            }
            RAW..=191 => {
                let length = input.below(RAW_MOST);
                let request = input.bytes(length).to_vec();
                self.control(&request, input);
            }
            192..=207 => self.gpu.cursor(&cursor(input), &self.ram),
            PRESENT..=223 => self.present(input),
            224..=231 => {
                let scanout = input.below(5);
                let size = input.flag().then(|| Size::new(input.side(), input.side()));
                self.gpu.set_size(scanout, size);
                self.gpu.describe(scanout, input.u32(), (input.side(), input.side()));
            }
            232..=239 => {
                self.gpu.write_config(input.u64(), input.bytes(9));
                let len = input.below(64);
                assert_eq!(self.gpu.config(input.u64(), len).len(), len);
            }
            240..=247 => self.gpu.set_visible(input.below(5), input.flag()),
            248..=251 => {
                let oldest = self.waiting.pop_first();
                oldest.into_iter().for_each(|token| self.gpu.expired(token));
            }
            252 => {
                self.gpu.reset();
                self.live.clear();
                self.waiting.clear();
                assert_eq!(self.gpu.statistics().bytes, 0);
            }
            _ => self.compare_with_its_snapshot(),
        }
    }

    /// Sends a request, and judges the answer's form.
    fn control(&mut self, request: &[u8], input: &mut Input<'_>) {
        let room = input.one_of(&[4096, 4096, 4096, 4096, 1056, 408, 40, 25, 24, 23, 4, 0]);
        let before = self.gpu.statistics();
        let (answer, waits) = match self.gpu.control(request, room, &self.ram) {
            Answer::Now(bytes) => (bytes, false),
            Answer::WhenPresented { bytes, token } => {
                assert!(self.waiting.insert(token), "{token:?} twice");
                (bytes, true)
            }
        };
        assert!(answer.len() <= room);
        let word = |bytes: &[u8], at: usize| {
            bytes.get(at..at + 4).map(|bytes| u32::from_le_bytes(*bytes.first_chunk().unwrap()))
        };
        let errors = self.gpu.statistics().errors - before.errors;
        let Some(kind) = word(&answer, 0) else { return self.follow(request, errors == 0) };
        let good = (OK_NODATA..=0x1105).contains(&kind);
        assert!(good || (0x1200..=0x1205).contains(&kind), "{kind:#x}");
        assert_eq!(good, errors == 0, "{kind:#x}");
        assert!(!waits || kind == OK_NODATA);
        if room >= HEADER {
            assert!(good || answer.len() == HEADER);
            let fenced = word(request, 4).unwrap_or(0) & FENCE != 0 && request.len() >= HEADER;
            assert_eq!(word(&answer, 4), Some(u32::from(fenced)));
            let id = if fenced { &request[8..16] } else { &[0; 8] };
            assert_eq!(answer[8..16], *id);
        }
        self.follow(request, good);
    }

    /// Keeps account of which resources exist.
    fn follow(&mut self, request: &[u8], good: bool) {
        let words = request.as_chunks::<4>().0;
        let word = |index: usize| words.get(index).map(|word| u32::from_le_bytes(*word));
        let (Some(kind), Some(id)) = (word(0), word(6)) else { return };
        match kind {
            0x101 | 0x10c if good => assert!(id != 0 && self.live.insert(id), "{id} twice"),
            0x102 if good => assert!(self.live.remove(&id), "{id} twice"),
            _ => {}
        }
    }

    /// What holds after every step.
    fn check(&mut self) {
        let statistics = self.gpu.statistics();
        assert_eq!(statistics.resources, self.live.len());
        assert!(statistics.resources <= QUOTAS.resources);
        assert!(statistics.bytes < QUOTAS.bytes);
        for token in self.gpu.take_completed() {
            // One that expired before was forgotten by the device too.
            assert!(self.waiting.remove(&token), "{token:?} waits for nobody");
        }
    }

    /// The presenter takes what there is, and gives some of it back.
    fn present(&mut self, input: &mut Input<'_>) {
        for event in self.gpu.take_events() {
            match event {
                Event::Frame(frame) => {
                    assert!(frame.scanout < self.options.scanouts.len());
                    let layout = frame.layout;
                    assert!(layout.offset() + layout.byte_len() <= frame.memory.len());
                    let all = Rect::from_size(layout.size());
                    let mut inside = frame.damage.rects().iter();
                    assert!(inside.all(|rect| all.contains_rect(*rect)));
                    assert!(frame.damage.rects().len() <= 64);
                    self.shown.push(frame);
                }
                Event::CursorImage { size, pixels, hot, .. } => {
                    assert_eq!(pixels.len() as u64, size.area() * 4);
                    assert!(hot.0 < size.width && hot.1 < size.height);
                }
                Event::Disabled { .. }
                | Event::Retired(_)
                | Event::CursorMoved { .. }
                | Event::CursorHidden { .. } => {}
            }
        }
        for _ in 0..input.below(4) {
            if self.shown.is_empty() {
                return;
            }
            let index = input.below(self.shown.len().min(256));
            let frame = self.shown.swap_remove(index);
            if input.flag() {
                self.gpu.presented(frame.scanout, frame.serial);
            } else {
                self.gpu.discarded(frame.scanout, frame.serial);
            }
            self.gpu.buffer_released(frame.scanout, frame.buffer, frame.serial);
        }
    }

    /// A device that is restored is the device that was saved.
    fn compare_with_its_snapshot(&self) {
        let state = self.gpu.save();
        let again = Gpu::restore(&self.options, &state).expect("our own snapshot");
        assert_eq!(again.save(), state);
        let (ours, others) = (self.gpu.statistics(), again.statistics());
        assert_eq!((ours.bytes, ours.resources), (others.bytes, others.resources));
    }

    /// Nothing is left, whichever way the guest ends.
    fn end(mut self, by_reset: bool) {
        self.compare_with_its_snapshot();
        if by_reset {
            self.gpu.reset();
        } else {
            for id in std::mem::take(&mut self.live) {
                let request = [0x102, 0, 0, 0, 0, 0, id, 0].map(u32::to_le_bytes).concat();
                let answer = self.gpu.control(&request, 4096, &self.ram);
                assert!(matches!(answer, Answer::Now(bytes) if bytes[..2] == [0, 0x11]));
            }
            for scanout in 0..self.options.scanouts.len() {
                self.gpu.set_visible(scanout, false);
            }
            self.check();
            assert_eq!(self.waiting, BTreeSet::new(), "nobody sees, and yet they wait");
        }
        let statistics = self.gpu.statistics();
        assert_eq!((statistics.bytes, statistics.resources), (0, 0));
    }
}
