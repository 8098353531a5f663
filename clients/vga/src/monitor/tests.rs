//! A guest that draws behind the device's back, as it does with mapped memory.

use std::time::Duration;

use porthole_vga_device::Width;

use super::*;

const MODE: [(u32, u64); 5] = [(4, 0), (1, 640), (2, 480), (3, 32), (4, 0x41)];

fn monitor() -> (Monitor, Video) {
    let video = Video::new(4 << 20).unwrap();
    (Monitor::new(Model::Combined, video.clone(), "ivi").unwrap(), video)
}

fn set_mode(monitor: &mut Monitor, mode: &[(u32, u64)]) {
    for (index, value) in mode {
        monitor.vga.mmio_write(0x500 + 2 * index, Width::Word, *value);
    }
    monitor.vga.mmio_write(0x400, Width::Byte, 0x20);
}

/// The frame of a look, if there is one.
fn frame(look: &Look) -> Option<&Frame> {
    look.show.iter().find_map(|show| match show {
        Show::Frame(frame) => Some(frame),
        _ => None,
    })
}

fn rects(look: &Look) -> Vec<Rect> {
    frame(look).map(|frame| frame.damage.rects().to_vec()).unwrap_or_default()
}

#[test]
fn nothing_is_shown_before_the_first_mode() {
    let (mut monitor, _) = monitor();
    let look = monitor.look(Instant::now(), false);
    assert!(look.show.is_empty() && !look.changed && look.size.is_none());
}

#[test]
fn memory_is_the_picture_and_what_changes_is_found() {
    let (mut monitor, video) = monitor();
    set_mode(&mut monitor, &MODE);
    let now = Instant::now();
    let look = monitor.look(now, false);
    let first = frame(&look).unwrap();
    assert!(first.memory.is_ours());
    assert_eq!((first.layout.size(), first.layout.stride()), (Size::new(640, 480), 2560));
    assert_eq!(first.damage, Region::from_rect(Rect::new(0, 0, 640, 480)));
    let buffer = first.buffer;
    // The first look at what is watched takes all of it for new.
    monitor.look(now, false);
    assert!(monitor.look(now, false).show.is_empty());
    // A pixel at 100, 10, and another one three lines below.
    video.shared().store(10 * 2560 + 400, 1);
    video.shared().store(13 * 2560 + 400, 1);
    let look = monitor.look(now, false);
    assert_eq!(rects(&look), [Rect::new(64, 10, 64, 1), Rect::new(64, 13, 64, 1)]);
    assert_eq!(frame(&look).unwrap().buffer, buffer);
    // Behind the picture is nothing to be seen.
    video.shared().store(480 * 2560 + 256, 1);
    assert!(monitor.look(now, false).show.is_empty());
    // All of it again, for who has forgotten it.
    assert_eq!(rects(&monitor.look(now, true)), [Rect::new(0, 0, 640, 480)]);
}

#[test]
fn another_mode_is_another_buffer() {
    let (mut monitor, _) = monitor();
    set_mode(&mut monitor, &MODE);
    let now = Instant::now();
    let first = frame(&monitor.look(now, false)).unwrap().buffer;
    set_mode(&mut monitor, &[(4, 0), (1, 320), (2, 200), (3, 16), (4, 0x41)]);
    let look = monitor.look(now, false);
    let second = frame(&look).unwrap();
    assert_eq!(second.layout.size(), Size::new(320, 200));
    assert_ne!(second.buffer, first);
    assert!(matches!(&look.show[1], Show::Retired(old) if old[..] == [first]));
    // 16 bits a pixel are converted: white is white.
    for at in 0..4 {
        monitor.vga.vram().shared().store(at, 0xff);
    }
    let look = monitor.look(now, false);
    let Some(Frame { memory, .. }) = frame(&look) else { panic!("no frame") };
    let mut pixels = [0; 12];
    memory.read_at(0, &mut pixels).unwrap();
    assert_eq!(pixels, [0xff, 0xff, 0xff, 0, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0]);
}

#[test]
fn a_quiet_picture_is_looked_at_less_and_less() {
    let (mut monitor, video) = monitor();
    set_mode(&mut monitor, &MODE);
    let mut now = Instant::now();
    for _ in 0..40 {
        now = monitor.next_look(true);
        monitor.look(now, false);
    }
    assert_eq!(monitor.next_look(true) - now, Duration::from_millis(250));
    for _ in 0..5 {
        video.shared().store(0, video.shared().load(0).wrapping_add(1));
        now = monitor.next_look(true);
        assert!(monitor.look(now, false).changed);
    }
    assert_eq!(monitor.next_look(true) - now, Duration::from_millis(16));
}

#[test]
fn damage_is_where_bytes_were_written() {
    let layout = Layout::new(Format::Xrgb8888, Size::new(100, 10), 1000, 500, 1 << 20).unwrap();
    let damage = |runs: &[(u64, u64)]| {
        let runs: Vec<_> = runs.iter().map(|(start, end)| *start..*end).collect();
        damage_of(&layout, &runs).rects().to_vec()
    };
    // In front of it, between its lines, and behind it.
    assert_eq!(damage(&[(0, 500), (900, 1500), (10_500, 20_000)]), []);
    assert_eq!(damage(&[(504, 508)]), [Rect::new(1, 0, 1, 1)]);
    assert_eq!(damage(&[(0, u64::MAX)]), [Rect::new(0, 0, 100, 10)]);
    assert_eq!(damage(&[(1500, 1504), (2600, 2604)]), [Rect::new(0, 1, 26, 2)]);
}

#[test]
fn damage_has_so_many_rectangles() {
    let layout = Layout::packed(Format::Xrgb8888, Size::new(64, 1000)).unwrap();
    let runs: Vec<_> = (0..500).map(|line| line * 512..line * 512 + 256).collect();
    let damage = damage_of(&layout, &runs);
    assert!(damage.rects().len() <= MAX_RECTS);
    assert!((0..500).all(|line| damage.contains(0, line * 2)));
}
