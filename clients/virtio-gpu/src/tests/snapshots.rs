//! Devices in saved states.

use proptest::prelude::*;

use super::bench::*;
use crate::{BadSnapshot, Event, Gpu, Options, RestoreError, State};

fn options() -> Options {
    let sizes = vec![Some(porthole_pixel::Size::new(640, 480)); 2];
    Options { scanouts: sizes, blob: true, uuids: Some(5), ..Options::default() }
}

fn busy_bench() -> Bench {
    let mut bench = Bench::new(&options());
    bench.shown(1, 64, 64, 0x21);
    bench.send(0x10b, &[1, 0]);
    bench.ram.fill(1 << 16, 32 * 32 * 4, 0x43);
    bench.create_blob(2, 32 * 32 * 4, 1 << 16, 32 * 32 * 4);
    bench.show_blob(1, 2, [32, 32]);
    bench.flush(2, [0, 0, 32, 32]);
    bench.send(0x101, &[3, 1, 64, 64]);
    bench.cursor(0x300, [1, 7, 8, 0, 3, 1, 2, 0]);
    bench.gpu.set_size(1, None);
    bench.gpu.describe(1, 144_000, (300, 200));
    bench
}

#[test]
fn a_restored_device_is_the_same_and_shows_the_same() {
    let mut old = busy_bench();
    let frames = old.frames();
    let state = old.gpu.save();
    let bytes = state.to_bytes().unwrap();
    assert!(bytes.len() as u64 <= old.gpu.snapshot_limit());
    let state = State::from_bytes(&bytes).unwrap();
    let mut new = Bench { gpu: Gpu::restore(&options(), &state).unwrap(), ram: old.ram };
    assert_eq!(new.gpu.save(), state);
    let events = new.events();
    let shown: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Frame(frame) => Some((frame.scanout, frame.layout, pixel(frame, 31, 31))),
            _ => None,
        })
        .collect();
    let expected: Vec<_> =
        frames.iter().map(|frame| (frame.scanout, frame.layout, pixel(frame, 31, 31))).collect();
    assert_eq!(shown, expected);
    assert!(events.iter().any(|event| matches!(event, Event::CursorMoved { x: 7, y: 8, .. })));
    assert_eq!(new.gpu.statistics().bytes, old.gpu.statistics().bytes);
    assert_eq!(new.gpu.config(0, 4), old.gpu.config(0, 4));
    // It goes on working: backings are still there.
    new.draw(1, [0, 0, 64, 64], 64, 0x65);
    new.flush(1, [0, 0, 64, 64]);
    assert_eq!(pixel(&new.frame(), 0, 0), 0x65);
}

#[test]
fn bad_snapshots_are_refused() {
    let state = busy_bench().gpu.save();
    let fewer = Options { scanouts: vec![None], ..options() };
    assert_eq!(Gpu::restore(&fewer, &state).unwrap_err(), RestoreError::Scanouts);
    let mut small = options();
    small.quotas.bytes = 100;
    assert_eq!(Gpu::restore(&small, &state).unwrap_err(), RestoreError::Resource(1));
    let text = serde_json::to_string(&state).unwrap();
    for (from, to) in [
        ("\"rect\":[0,0,64,64]", "\"rect\":[0,0,65,64]"),
        ("\"id\":1", "\"id\":0"),
        ("\"size\":[64,64]", "\"size\":[64,63]"),
        ("\"resource\":1", "\"resource\":9"),
        ("\"stride\":128", "\"stride\":132"),
    ] {
        assert!(text.contains(from), "{from}");
        let bad: State = serde_json::from_str(&text.replace(from, to)).unwrap();
        Gpu::restore(&options(), &bad).unwrap_err();
    }
}

#[test]
fn what_is_no_snapshot_is_refused() {
    let bytes = busy_bench().gpu.save().to_bytes().unwrap();
    assert_eq!(State::from_bytes(b"PORTH"), Err(BadSnapshot::Other));
    assert_eq!(State::from_bytes(&[0; 99]), Err(BadSnapshot::Other));
    for length in 12..bytes.len() {
        assert_eq!(State::from_bytes(&bytes[..length]), Err(BadSnapshot::Malformed));
    }
    let mut more = bytes.clone();
    more.push(0);
    assert_eq!(State::from_bytes(&more), Err(BadSnapshot::Malformed));
    more[8] = 2;
    assert_eq!(State::from_bytes(&more), Err(BadSnapshot::Version(2)));
}

#[test]
fn an_unplugged_display_keeps_its_edid() {
    let mut old = busy_bench();
    let state = old.gpu.save();
    let mut new = Bench { gpu: Gpu::restore(&options(), &state).unwrap(), ram: Ram::new() };
    for scanout in [0, 1] {
        let edid = request(0x10a, &[scanout, 0]);
        assert_eq!(new.answer(&edid), old.answer(&edid));
    }
}

#[test]
fn a_restored_blob_shows_no_more_than_was_flushed() {
    let mut old = busy_bench();
    old.events();
    // The guest draws, and flushes nothing before and a corner after.
    old.ram.fill(1 << 16, 32 * 32 * 4, 0x77);
    let state = old.gpu.save();
    let mut new = Bench { gpu: Gpu::restore(&options(), &state).unwrap(), ram: old.ram };
    new.events();
    new.flush(2, [0, 0, 4, 4]);
    let frame = new.frame();
    assert_eq!((pixel(&frame, 3, 3), pixel(&frame, 4, 4)), (0x77, 0x43));
    assert_eq!(frame.damage.area(), 16);
}

proptest! {
    #[test]
    fn spoiled_snapshots_make_a_device_or_an_error(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
    ) {
        let mut bytes = busy_bench().gpu.save().to_bytes().unwrap();
        // The pixels are most of it, and any of them is as good as another.
        let numbers = bytes.len().min(200);
        for (index, byte) in changes {
            bytes[index.index(numbers)] = byte;
        }
        if let Ok(state) = State::from_bytes(&bytes)
            && let Ok(gpu) = Gpu::restore(&options(), &state)
        {
            prop_assert!(gpu.statistics().bytes < options().quotas.bytes);
            let state = gpu.save();
            prop_assert!(Gpu::restore(&options(), &state).unwrap().save() == state);
        }
    }
}
