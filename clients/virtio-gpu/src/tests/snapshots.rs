//! Devices in saved states.

use super::bench::*;
use crate::{Event, Gpu, Options, RestoreError, State};

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
    bench
}

#[test]
fn a_restored_device_is_the_same_and_shows_the_same() {
    let mut old = busy_bench();
    let frames = old.frames();
    let state = old.gpu.save();
    let text = serde_json::to_string(&state).unwrap();
    let state: State = serde_json::from_str(&text).unwrap();
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
