use std::os::fd::AsFd;

use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

use super::*;

const XRGB: u32 = 0x2002_0888;
const RGB565: u32 = 0x1002_0565;
const ROOM: u64 = 1 << 20;

struct Bench {
    screen: Screen,
    statistics: Statistics,
}

fn pixels(width: u32, height: u32) -> Pixels {
    Pixels { size: Size::new(width, height), stride: width * 4, format: XRGB }
}

/// Bytes of a picture of one colour.
fn plain(width: u32, height: u32, byte: u8) -> Vec<u8> {
    vec![byte; (width * height * 4) as usize]
}

fn rect(x: i32, y: i32, width: i32, height: i32) -> Rect {
    Rect::new(x, y, width, height)
}

impl Bench {
    fn new() -> Self {
        Self { screen: Screen::new(0), statistics: Statistics::default() }
    }

    fn scanout(&mut self, pixels: Pixels, data: &[u8]) -> Result<(), Refused> {
        self.screen.scanout(pixels, data, ROOM, &mut self.statistics)
    }

    fn update(&mut self, rect: Rect, byte: u8) -> Result<(), Refused> {
        let Size { width, height } = rect.size();
        let data = plain(width, height, byte);
        let pixels = pixels(width, height);
        self.screen.update(rect, pixels, &data, ROOM, &mut self.statistics)
    }

    fn map(&mut self, memory: &OwnedFd, offset: u64, pixels: Pixels) -> Result<(), Refused> {
        let memory = memory.try_clone().unwrap();
        self.screen.map(memory, offset, pixels, ROOM, &mut self.statistics)
    }

    fn frame(&mut self) -> Frame {
        self.screen.settled(u64::MAX);
        match self.screen.next(Instant::now(), &mut self.statistics).unwrap() {
            Some(Next::Frame(frame)) => frame,
            other => panic!("{other:?}"),
        }
    }
}

/// The blue channel of a pixel of a frame.
fn blue(frame: &Frame, x: u32, y: u32) -> u8 {
    let mut bytes = [0; 4];
    let at = frame.layout.row_offset(y).unwrap() + u64::from(x) * 4;
    frame.memory.read_at(at, &mut bytes).unwrap();
    bytes[0]
}

fn memfd(flags: MemfdFlags, bytes: &[u8]) -> OwnedFd {
    let fd = memfd_create("theirs", flags | MemfdFlags::CLOEXEC).unwrap();
    rustix::io::write(&fd, bytes).unwrap();
    fd
}

#[test]
fn parts_that_came_together_are_one_frame() {
    let mut bench = Bench::new();
    bench.scanout(pixels(8, 4), &plain(8, 4, 1)).unwrap();
    bench.update(rect(2, 1, 3, 2), 2).unwrap();
    let frame = bench.frame();
    assert_eq!(frame.damage.area(), 32);
    assert_eq!((blue(&frame, 1, 1), blue(&frame, 2, 1), blue(&frame, 5, 1)), (1, 2, 1));
    assert!(bench.screen.next(Instant::now(), &mut bench.statistics).unwrap().is_none());
    bench.update(rect(0, 0, 1, 1), 3).unwrap();
    let next = bench.frame();
    assert_eq!((next.damage.area(), next.serial), (1, 2));
    // The first frame is still held, so that its pixels stay.
    assert_eq!((blue(&frame, 0, 0), blue(&next, 0, 0), blue(&next, 2, 1)), (1, 3, 2));
    assert_eq!(bench.statistics.copies.transfer, (32 + 6 + 1) * 4);
}

#[test]
fn what_changes_while_a_frame_is_under_way_waits_for_it() {
    let mut bench = Bench::new();
    bench.scanout(pixels(8, 4), &plain(8, 4, 1)).unwrap();
    let first = bench.frame();
    assert_eq!(bench.screen.deadline(), None, "nothing waits, so no timer runs");
    let now = Instant::now();
    for x in 0..8 {
        bench.update(rect(x, 0, 1, 1), 2).unwrap();
        assert!(bench.screen.next(now, &mut bench.statistics).unwrap().is_none());
    }
    let until = bench.screen.deadline().unwrap();
    bench.screen.settled(first.serial - 1);
    assert_eq!(bench.screen.deadline(), Some(until), "an older one");
    assert!(matches!(bench.screen.next(until, &mut bench.statistics), Ok(Some(Next::Frame(_)))));
    // The second buffer was made equal once.
    assert_eq!(bench.statistics.copies.repair, (32 - 1) * 4);
    bench.update(rect(0, 0, 1, 1), 3).unwrap();
    bench.screen.settled(first.serial + 1);
    assert_eq!(bench.frame().damage.area(), 1);
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let mut bench = Bench::new();
    bench.update(rect(0, 0, 1, 1), 0).unwrap_err();
    bench.screen.map_update(rect(0, 0, 1, 1), &mut bench.statistics).unwrap_err();
    let wrong = [
        (pixels(8, 4), 127),
        (pixels(0, 4), 64),
        (pixels(20_000, 1), 80_000),
        (Pixels { stride: 31, ..pixels(8, 4) }, 128),
        (Pixels { stride: u32::MAX, ..pixels(8, 4) }, 128),
        (Pixels { format: 0x1234, ..pixels(8, 4) }, 128),
    ];
    for (pixels, length) in wrong {
        bench.scanout(pixels, &vec![0; length]).unwrap_err();
    }
    // A picture that is larger than what the guest may have.
    let error = bench.scanout(pixels(512, 513), &plain(512, 513, 0)).unwrap_err();
    assert!(error.0.contains("--max-memory"), "{error}");
    bench.scanout(pixels(8, 4), &plain(8, 4, 0)).unwrap();
    let short =
        bench.screen.update(rect(0, 0, 8, 4), pixels(8, 4), &[0; 5], ROOM, &mut bench.statistics);
    short.unwrap_err();
    bench.update(rect(0, 0, 20_000, 1), 0).unwrap_err();
    assert_eq!(bench.screen.size(), Some(Size::new(8, 4)));
}

/// As QEMU 7.2 does it: parts of a picture of another size, and only then the size.
#[test]
fn a_size_that_changes_under_parts_is_waited_for() {
    let mut bench = Bench::new();
    bench.scanout(pixels(8, 8), &plain(8, 8, 1)).unwrap();
    bench.frame();
    bench.update(rect(0, 0, 12, 2), 2).unwrap();
    assert!(bench.screen.is_unsure());
    assert!(bench.screen.next(Instant::now(), &mut bench.statistics).unwrap().is_none());
    bench.screen.resize(Size::new(12, 6), ROOM, &mut bench.statistics).unwrap();
    let frame = bench.frame();
    assert_eq!(frame.layout.size(), Size::new(12, 6));
    assert_eq!(frame.damage.area(), 72);
    assert_eq!((blue(&frame, 11, 1), blue(&frame, 7, 5), blue(&frame, 11, 5)), (2, 1, 0));
}

#[test]
fn sealed_memory_is_shown_where_it_lies() {
    let memory = memfd(MemfdFlags::ALLOW_SEALING, &plain(8, 5, 7));
    let mut bench = Bench::new();
    bench.map(&memory, 32, pixels(8, 4)).unwrap();
    let frame = bench.frame();
    assert!(!frame.memory.is_ours());
    assert_eq!((frame.layout.offset(), blue(&frame, 7, 3)), (32, 7));
    ftruncate(&memory, 1).unwrap_err();
    bench.screen.map_update(rect(1, 1, 2, 2), &mut bench.statistics).unwrap();
    assert_eq!(bench.frame().damage.area(), 4);
    let Statistics { shared_frames, copies, .. } = bench.statistics;
    assert_eq!((shared_frames, copies.total()), (2, 0));
}

#[test]
fn other_memory_is_copied_where_it_changed() {
    let memory = memfd(MemfdFlags::empty(), &plain(8, 5, 7));
    let mut bench = Bench::new();
    bench.map(&memory, 32, pixels(8, 4)).unwrap();
    let first = bench.frame();
    assert!(first.memory.is_ours());
    rustix::io::pwrite(&memory, &plain(8, 5, 9), 0).unwrap();
    bench.screen.map_update(rect(1, 1, 2, 2), &mut bench.statistics).unwrap();
    let next = bench.frame();
    assert_eq!((blue(&next, 1, 1), blue(&next, 3, 1), blue(&first, 1, 1)), (9, 7, 7));
    assert_eq!(bench.statistics.copies.transfer, (32 + 4) * 4);
    // Memory that was taken away is not shown any more.
    ftruncate(&memory, 0).unwrap();
    bench.screen.map_update(rect(0, 0, 8, 4), &mut bench.statistics).unwrap();
    bench.screen.settled(u64::MAX);
    bench.screen.next(Instant::now(), &mut bench.statistics).unwrap_err();
    assert!(matches!(
        bench.screen.next(Instant::now(), &mut bench.statistics),
        Ok(Some(Next::Disabled))
    ));
}

#[test]
fn memory_that_lies_is_refused() {
    let memory = memfd(MemfdFlags::empty(), &plain(8, 4, 7));
    let mut bench = Bench::new();
    bench.map(&memory, 1, pixels(8, 4)).unwrap_err();
    bench.map(&memory, u64::from(u32::MAX), pixels(8, 4)).unwrap_err();
    bench.map(&memory, 0, Pixels { stride: u32::MAX, ..pixels(8, 4) }).unwrap_err();
    let (socket, _) = std::os::unix::net::UnixStream::pair().unwrap();
    let socket = socket.as_fd().try_clone_to_owned().unwrap();
    bench.map(&socket, 0, pixels(8, 4)).unwrap_err();
    assert_eq!(bench.screen.size(), None);
    bench.map(&memory, 0, pixels(8, 4)).unwrap();
    for outside in [rect(7, 0, 2, 1), rect(0, 4, 1, 1), rect(i32::MAX, 0, 1, 1)] {
        bench.screen.map_update(outside, &mut bench.statistics).unwrap_err();
    }
}

#[test]
fn words_of_two_bytes_are_widened() {
    let red: Vec<u8> = 0xf800_u16.to_le_bytes().repeat(6);
    let format = Pixels { size: Size::new(3, 2), stride: 6, format: RGB565 };
    let mut bench = Bench::new();
    bench.scanout(format, &red).unwrap();
    let frame = bench.frame();
    let mut word = [0; 4];
    frame.memory.read_at(20, &mut word).unwrap();
    assert_eq!((frame.layout.format(), word), (Format::Xrgb8888, [0, 0, 0xff, 0xff]));
    let memory = memfd(MemfdFlags::ALLOW_SEALING, &red);
    bench.map(&memory, 0, format).unwrap();
    let frame = bench.frame();
    frame.memory.read_at(20, &mut word).unwrap();
    assert!(frame.memory.is_ours());
    assert_eq!(word, [0, 0, 0xff, 0xff]);
}

#[test]
fn what_is_replaced_is_retired() {
    let mut bench = Bench::new();
    bench.scanout(pixels(8, 4), &plain(8, 4, 1)).unwrap();
    let first = bench.frame().buffer;
    bench.scanout(pixels(8, 4), &plain(8, 4, 2)).unwrap();
    assert!(bench.screen.take_retired().is_empty(), "the same picture");
    bench.scanout(pixels(4, 4), &plain(4, 4, 2)).unwrap();
    let retired: Vec<u64> = bench.screen.take_retired().into_iter().map(BufferId::get).collect();
    assert!(retired.contains(&first));
    bench.screen.disable();
    assert!(matches!(
        bench.screen.next(Instant::now(), &mut bench.statistics),
        Ok(Some(Next::Disabled))
    ));
    assert_eq!(bench.screen.size(), None);
}

fn dma_buf(memory: &OwnedFd, size: Size, modifier: u64) -> DmaBuf {
    let fourcc = u32::from_le_bytes(*b"XR24");
    let planes = vec![(memory.try_clone().unwrap(), 0, size.width * 4)];
    DmaBuf { planes, size, fourcc, modifier, place: (0, 0), bottom_up: false }
}

#[test]
fn memory_of_devices_is_known_when_it_comes_again() {
    let mut bench = Bench::new();
    let size = Size::new(8, 4);
    let memories: Vec<OwnedFd> =
        (0..5).map(|n| memfd(MemfdFlags::empty(), &plain(8, 4, n))).collect();
    let show = |bench: &mut Bench, n: usize| {
        bench.screen.device(dma_buf(&memories[n], size, 0), &mut bench.statistics).unwrap();
        bench.frame().buffer
    };
    let first = show(&mut bench, 0);
    let second = show(&mut bench, 1);
    assert!(first != second);
    assert_eq!((show(&mut bench, 0), show(&mut bench, 1)), (first, second));
    assert!(bench.screen.take_retired().is_empty());
    // A fifth is one too many: the one that was shown longest ago goes.
    for n in 2..5 {
        show(&mut bench, n);
    }
    let retired: Vec<u64> = bench.screen.take_retired().into_iter().map(BufferId::get).collect();
    assert_eq!(retired, [first]);
    assert_eq!(bench.statistics.copies.total(), 0);
    // What comes by message has nothing to do with them.
    bench.scanout(pixels(8, 4), &plain(8, 4, 1)).unwrap();
    assert_eq!(bench.screen.take_retired().len(), 4);
}

#[test]
fn only_plain_rows_of_devices_are_taken() {
    let mut bench = Bench::new();
    let (memory, size) = (memfd(MemfdFlags::empty(), &plain(8, 4, 0)), Size::new(8, 4));
    let good = || dma_buf(&memory, size, 0);
    let mut two = good();
    two.planes.push((memory.try_clone().unwrap(), 0, 32));
    let wrong = [
        two,
        DmaBuf { planes: Vec::new(), ..good() },
        DmaBuf { modifier: 1, ..good() },
        DmaBuf { fourcc: 7, ..good() },
        DmaBuf { place: (0, 1), ..good() },
        DmaBuf { place: (u32::MAX, u32::MAX), ..good() },
        DmaBuf { place: (0, 1), bottom_up: true, ..good() },
        DmaBuf { size: Size::new(u32::MAX, u32::MAX), ..good() },
    ];
    for buffer in wrong {
        bench.screen.device(buffer, &mut bench.statistics).unwrap_err();
    }
    let rect = rect(0, 0, 8, 4);
    bench.screen.device_update(rect, &mut bench.statistics).unwrap_err();
    bench.screen.device(good(), &mut bench.statistics).unwrap();
    bench.screen.device_update(rect, &mut bench.statistics).unwrap();
    assert_eq!(bench.frame().memory.device().map(|device| device.modifier), Some(0));
}
