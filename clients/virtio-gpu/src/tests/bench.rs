//! A device on a bench: guest memory, requests by name, and a look at what is shown.

use std::cell::RefCell;

use porthole_pixel::Size;

use crate::{Answer, Event, Frame, Gpu, GuestMemory, NotRam, Options};

/// Where guest memory starts.
pub(crate) const BASE: u64 = 0x10_0000;
const LEN: usize = 4 << 20;

/// Guest memory that notes where it was read.
pub(crate) struct Ram {
    pub(crate) bytes: Vec<u8>,
    pub(crate) reads: RefCell<Vec<(u64, usize)>>,
}

impl Ram {
    pub(crate) fn new() -> Self {
        Self { bytes: vec![0; LEN], reads: RefCell::default() }
    }

    pub(crate) fn fill(&mut self, offset: usize, length: usize, byte: u8) {
        self.bytes[offset..offset + length].fill(byte);
    }
}

impl GuestMemory for Ram {
    fn contains(&self, address: u64, length: u64) -> bool {
        let end = address.checked_sub(BASE).and_then(|start| start.checked_add(length));
        end.is_some_and(|end| end <= LEN as u64)
    }

    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), NotRam> {
        if !self.contains(address, into.len() as u64) {
            return Err(NotRam);
        }
        self.reads.borrow_mut().push((address, into.len()));
        let start = usize::try_from(address - BASE).unwrap();
        into.copy_from_slice(&self.bytes[start..start + into.len()]);
        Ok(())
    }
}

/// A request from its numbers: 32-bit ones as they are, 64-bit ones by [`wide`].
pub(crate) fn request(kind: u32, words: &[u32]) -> Vec<u8> {
    fenced_request(kind, None, words)
}

pub(crate) fn fenced_request(kind: u32, fence: Option<u64>, words: &[u32]) -> Vec<u8> {
    let mut bytes = kind.to_le_bytes().to_vec();
    bytes.extend(u32::from(fence.is_some()).to_le_bytes());
    bytes.extend(fence.unwrap_or(0).to_le_bytes());
    bytes.extend([0; 8]);
    bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    bytes
}

/// The two words of a 64-bit number.
pub(crate) fn wide(number: u64) -> [u32; 2] {
    let [a, b, c, d, e, f, g, h] = number.to_le_bytes();
    [u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h])]
}

pub(crate) const OK: u32 = 0x1100;
pub(crate) const UNSPEC: u32 = 0x1200;
pub(crate) const OUT_OF_MEMORY: u32 = 0x1201;
pub(crate) const SCANOUT_ID: u32 = 0x1202;
pub(crate) const RESOURCE_ID: u32 = 0x1203;
pub(crate) const PARAMETER: u32 = 0x1205;

pub(crate) struct Bench {
    pub(crate) gpu: Gpu,
    pub(crate) ram: Ram,
}

impl Bench {
    pub(crate) fn new(options: &Options) -> Self {
        Self { gpu: Gpu::new(options), ram: Ram::new() }
    }

    pub(crate) fn plain() -> Self {
        Self::new(&Options::default())
    }

    pub(crate) fn all_features(scanouts: usize) -> Self {
        let scanouts = vec![Some(Size::new(640, 480)); scanouts];
        let options = Options {
            scanouts,
            blob: true,
            uuids: Some(0x1122_3344_5566_7788),
            ..Options::default()
        };
        Self::new(&options)
    }

    /// Sends a request and returns the type of its response.
    pub(crate) fn send(&mut self, kind: u32, words: &[u32]) -> u32 {
        kind_of(&self.answer(&request(kind, words)))
    }

    pub(crate) fn answer(&mut self, request: &[u8]) -> Vec<u8> {
        match self.gpu.control(request, 4096, &self.ram) {
            Answer::Now(bytes) => bytes,
            Answer::WhenPresented { .. } => panic!("an answer that waits"),
        }
    }

    pub(crate) fn create(&mut self, id: u32, width: u32, height: u32) -> u32 {
        self.send(0x101, &[id, 2, width, height])
    }

    pub(crate) fn unref(&mut self, id: u32) -> u32 {
        self.send(0x102, &[id, 0])
    }

    pub(crate) fn set_scanout(&mut self, scanout: u32, id: u32, rect: [u32; 4]) -> u32 {
        self.send(0x103, &[rect[0], rect[1], rect[2], rect[3], scanout, id])
    }

    pub(crate) fn flush(&mut self, id: u32, rect: [u32; 4]) -> u32 {
        self.send(0x104, &[rect[0], rect[1], rect[2], rect[3], id, 0])
    }

    pub(crate) fn transfer(&mut self, id: u32, rect: [u32; 4], offset: u64) -> u32 {
        let [low, high] = wide(offset);
        self.send(0x105, &[rect[0], rect[1], rect[2], rect[3], low, high, id, 0])
    }

    /// Attaches guest memory from an offset on.
    pub(crate) fn attach(&mut self, id: u32, offset: u64, length: u32) -> u32 {
        let [low, high] = wide(BASE + offset);
        self.send(0x106, &[id, 1, low, high, length, 0])
    }

    pub(crate) fn detach(&mut self, id: u32) -> u32 {
        self.send(0x107, &[id, 0])
    }

    pub(crate) fn create_blob(&mut self, id: u32, size: u64, offset: u64, length: u32) -> u32 {
        let ([size_low, size_high], [low, high]) = (wide(size), wide(BASE + offset));
        let head = [id, 1, 1, 1, 0, 0, size_low, size_high];
        self.send(0x10c, &[&head[..], &[low, high, length, 0]].concat())
    }

    /// Shows a whole blob of 32-bit pixels.
    pub(crate) fn show_blob(&mut self, scanout: u32, id: u32, size: [u32; 2]) -> u32 {
        self.set_scanout_blob([0, 0, size[0], size[1]], [scanout, id], size, [size[0] * 4, 0])
    }

    pub(crate) fn set_scanout_blob(
        &mut self,
        rect: [u32; 4],
        ids: [u32; 2],
        size: [u32; 2],
        [stride, offset]: [u32; 2],
    ) -> u32 {
        let picture = [size[0], size[1], 2, 0, stride, 0, 0, 0, offset, 0, 0, 0];
        self.send(0x10d, &[&rect[..], &ids, &picture].concat())
    }

    /// A picture that was drawn in one colour and is shown on scanout 0.
    pub(crate) fn shown(&mut self, id: u32, width: u32, height: u32, byte: u8) {
        let length = width * height * 4;
        assert_eq!(self.create(id, width, height), OK);
        assert_eq!(self.attach(id, 0, length), OK);
        self.draw(id, [0, 0, width, height], width, byte);
        assert_eq!(self.set_scanout(0, id, [0, 0, width, height]), OK);
        assert_eq!(self.flush(id, [0, 0, width, height]), OK);
    }

    /// Draws one colour into a rectangle of guest memory and transfers that.
    pub(crate) fn draw(&mut self, id: u32, rect: [u32; 4], width: u32, byte: u8) {
        for y in rect[1]..rect[1] + rect[3] {
            let start = ((y * width + rect[0]) * 4) as usize;
            self.ram.fill(start, (rect[2] * 4) as usize, byte);
        }
        let offset = u64::from((rect[1] * width + rect[0]) * 4);
        assert_eq!(self.transfer(id, rect, offset), OK);
    }

    pub(crate) fn cursor(&mut self, kind: u32, words: [u32; 8]) {
        self.gpu.cursor(&request(kind, &words), &self.ram);
    }

    pub(crate) fn events(&mut self) -> Vec<Event> {
        self.gpu.take_events()
    }

    pub(crate) fn frames(&mut self) -> Vec<Frame> {
        let frame = |event| match event {
            Event::Frame(frame) => Some(frame),
            _ => None,
        };
        self.events().into_iter().filter_map(frame).collect()
    }

    pub(crate) fn frame(&mut self) -> Frame {
        let mut frames = self.frames();
        assert_eq!(frames.len(), 1, "one frame");
        frames.remove(0)
    }
}

pub(crate) fn kind_of(response: &[u8]) -> u32 {
    u32::from_le_bytes(*response.first_chunk().unwrap())
}

/// The first byte of a pixel of a frame.
pub(crate) fn pixel(frame: &Frame, x: u32, y: u32) -> u8 {
    let mut bytes = [0; 4];
    let offset = frame.layout.row_offset(y).unwrap() + u64::from(x) * 4;
    frame.memory.read_at(offset, &mut bytes).unwrap();
    bytes[0]
}
