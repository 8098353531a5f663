//! Commands and their answers, beyond what the recorded vectors hold.

use porthole_pixel::{Format, Rect, Region, Size};

use super::bench::*;
use crate::{Event, Options, Quotas};

#[test]
fn a_drawn_picture_is_shown_with_the_damage_of_its_flush() {
    let mut bench = Bench::plain();
    bench.shown(1, 64, 32, 0x11);
    let frame = bench.frame();
    assert_eq!(frame.layout.size(), Size::new(64, 32));
    assert_eq!(frame.layout.format(), Format::Xrgb8888);
    assert_eq!(pixel(&frame, 63, 31), 0x11);
    bench.draw(1, [8, 4, 16, 2], 64, 0x22);
    bench.flush(1, [8, 4, 16, 2]);
    let frame = bench.frame();
    assert_eq!(frame.damage, Region::from_rect(Rect::new(8, 4, 16, 2)));
    assert_eq!(
        (pixel(&frame, 7, 4), pixel(&frame, 8, 4), pixel(&frame, 23, 5)),
        (0x11, 0x22, 0x22)
    );
}

#[test]
fn the_alpha_of_a_scanout_means_nothing() {
    let mut bench = Bench::plain();
    assert_eq!(bench.send(0x101, &[1, 1, 64, 64]), OK);
    bench.attach(1, 0, 64 * 64 * 4);
    bench.transfer(1, [0, 0, 64, 64], 0);
    bench.set_scanout(0, 1, [0, 0, 64, 64]);
    assert_eq!(bench.frame().layout.format(), Format::Xrgb8888);
}

#[test]
fn nothing_is_shown_before_it_is_drawn() {
    let mut bench = Bench::plain();
    bench.create(1, 64, 64);
    bench.attach(1, 0, 64 * 64 * 4);
    assert_eq!(bench.set_scanout(0, 1, [0, 0, 64, 64]), OK);
    assert!(bench.events().is_empty());
    bench.flush(1, [0, 0, 0, 0]);
    assert!(bench.events().is_empty());
    bench.draw(1, [0, 0, 64, 64], 64, 5);
    bench.flush(1, [0, 0, 1, 1]);
    // The first frame is damaged as a whole.
    assert_eq!(bench.frame().damage.area(), 64 * 64);
}

#[test]
fn one_resource_on_two_scanouts() {
    let mut bench = Bench::all_features(2);
    bench.shown(1, 64, 64, 1);
    assert_eq!(bench.set_scanout(1, 1, [32, 0, 32, 64]), OK);
    let frames = bench.frames();
    assert_eq!(frames.iter().map(|f| f.scanout).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(frames[0].buffer, frames[1].buffer);
    assert_eq!(frames[1].layout.size(), Size::new(32, 64));
    bench.draw(1, [30, 0, 4, 1], 64, 9);
    bench.flush(1, [30, 0, 4, 1]);
    let frames = bench.frames();
    assert_eq!(frames[0].damage, Region::from_rect(Rect::new(30, 0, 4, 1)));
    assert_eq!(frames[1].damage, Region::from_rect(Rect::new(0, 0, 2, 1)));
    assert_eq!(pixel(&frames[1], 0, 0), 9);
    // The buffer is free when both scanouts have given it back.
    let (one, two) = (&frames[0], &frames[1]);
    bench.gpu.buffer_released(0, one.buffer, one.serial);
    bench.draw(1, [0, 0, 1, 1], 64, 3);
    bench.flush(1, [0, 0, 1, 1]);
    let [next] = &bench.frames()[..] else { panic!("one frame") };
    assert_ne!(next.buffer, two.buffer);
    assert_eq!(bench.unref(1), OK);
    let off = |event: &Event| matches!(event, Event::Disabled { .. });
    assert_eq!(bench.events().iter().filter(|event| off(event)).count(), 2);
}

#[test]
fn a_scanout_that_is_set_again_in_one_turn_is_never_dark() {
    let mut bench = Bench::plain();
    bench.shown(1, 64, 64, 1);
    bench.frames();
    bench.set_scanout(0, 0, [0; 4]);
    bench.set_scanout(0, 1, [0, 0, 32, 32]);
    let events = bench.events();
    assert!(matches!(&events[..], [Event::Frame(f)] if f.layout.size() == Size::new(32, 32)));
    bench.set_scanout(0, 0, [0; 4]);
    assert!(matches!(bench.events()[..], [Event::Disabled { scanout: 0 }]));
    bench.set_scanout(0, 0, [0; 4]);
    assert!(bench.events().is_empty());
}

#[test]
fn sizes_are_told_by_event_display_info_and_edid() {
    let mut bench = Bench::all_features(2);
    assert!(bench.gpu.set_size(0, Some(Size::new(1024, 600))));
    assert!(!bench.gpu.set_size(0, Some(Size::new(1024, 600))));
    assert!(!bench.gpu.set_size(9, None));
    assert!(bench.gpu.set_size(1, Some(Size::new(1, 99999))));
    assert_eq!(bench.gpu.config(0, 12), [1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0]);
    bench.gpu.write_config(4, &[1, 0, 0, 0]);
    assert_eq!(bench.gpu.config(0, 4), [0; 4]);
    let info = bench.answer(&request(0x100, &[]));
    let word = |at: usize| u32::from_le_bytes(*info[at..].first_chunk().unwrap());
    assert_eq!([word(24), word(32), word(36), word(40)], [0, 1024, 600, 1]);
    assert_eq!([word(48), word(56), word(60), word(64)], [1024, 16, 16384, 1]);
    let edid = bench.answer(&request(0x10a, &[0, 0]));
    assert_eq!((edid[32 + 56], edid[32 + 58] >> 4), (0, 4));
    // Half the rate has half the clock, nearly; what nobody can believe is the usual rate.
    let clock = |edid: &[u8]| u32::from(u16::from_le_bytes([edid[32 + 54], edid[32 + 55]]));
    assert!(bench.gpu.describe(0, 30_000, (90, 50)));
    assert!(!bench.gpu.describe(0, 30_000, (90, 50)));
    assert_eq!(bench.gpu.config(0, 4), [1, 0, 0, 0]);
    let slow = bench.answer(&request(0x10a, &[0, 0]));
    assert!(clock(&slow) < clock(&edid) * 6 / 10, "{} of {}", clock(&slow), clock(&edid));
    assert_eq!(slow[32 + 21..32 + 23], [9, 5]);
    assert!(bench.gpu.describe(0, u32::MAX, (0, 0)));
    assert_eq!(bench.answer(&request(0x10a, &[0, 0])), edid);
    bench.gpu.set_size(1, None);
    let info = bench.answer(&request(0x100, &[]));
    assert!(info[48..].iter().all(|byte| *byte == 0));
    assert_eq!(bench.send(0x10a, &[1, 0]), 0x1104);
}

#[test]
fn uuids_are_stable_and_unique() {
    let mut bench = Bench::all_features(1);
    bench.create(1, 16, 16);
    bench.create(2, 16, 16);
    let mut uuid = |id| bench.answer(&request(0x10b, &[id, 0]))[24..].to_vec();
    let (one, two) = (uuid(1), uuid(2));
    assert_eq!(uuid(1), one);
    assert_ne!(one, two);
    assert_eq!((one[6] >> 4, one[8] >> 6, one.len()), (8, 2, 16));
    assert_eq!(bench.send(0x10b, &[3, 0]), RESOURCE_ID);
}

#[test]
fn quotas_hold() {
    let quotas = Quotas { bytes: 64 * 64 * 4 * 2 + 1, resources: 3, ..Quotas::default() };
    let mut bench = Bench::new(&Options { quotas, blob: true, ..Options::default() });
    assert_eq!(bench.create(1, 64, 64), OK);
    assert_eq!(bench.create(2, 64, 64), OK);
    assert_eq!(bench.create(3, 1, 1), OUT_OF_MEMORY);
    assert_eq!(bench.unref(2), OK);
    assert_eq!(bench.create_blob(4, 64 * 64 * 4, 0, 64 * 64 * 4), OK);
    assert_eq!(bench.create(5, 16, 16), OK);
    assert_eq!(bench.create(6, 1, 1), OUT_OF_MEMORY);
    // A shown blob needs a picture of the host.
    assert_eq!(bench.show_blob(0, 4, [64, 64]), OUT_OF_MEMORY);
    bench.unref(5);
    assert_eq!(bench.show_blob(0, 4, [64, 64]), OK);
    assert_eq!(bench.gpu.statistics().bytes, 64 * 64 * 4 * 2);
    bench.unref(4);
    assert_eq!(bench.gpu.statistics().bytes, 64 * 64 * 4);
}

#[test]
fn entries_are_limited_over_all_resources() {
    let quotas = Quotas { entries: 3, ..Quotas::default() };
    let mut bench = Bench::new(&Options { quotas, blob: true, ..Options::default() });
    let [low, high] = wide(BASE);
    let list = |id, count: u32| {
        let entry = [low, high, 4096, 0];
        [&[id, count][..], &entry.repeat(count as usize)].concat()
    };
    bench.create(1, 64, 64);
    bench.create(2, 64, 64);
    assert_eq!(bench.send(0x106, &list(1, 2)), OK);
    assert_eq!(bench.send(0x106, &list(2, 2)), OUT_OF_MEMORY);
    assert_eq!(bench.create_blob(3, 4096, 0, 4096), OK);
    assert_eq!(bench.send(0x106, &list(2, 1)), OUT_OF_MEMORY);
    assert_eq!(bench.detach(1), OK);
    assert_eq!(bench.send(0x106, &list(2, 2)), OK);
    assert_eq!(bench.unref(2), OK);
    assert_eq!(bench.unref(3), OK);
    assert_eq!(bench.send(0x106, &list(1, 3)), OK);
}

#[test]
fn blobs_are_read_at_each_flush_where_they_changed() {
    let mut bench = Bench::all_features(1);
    bench.ram.fill(0, 64 * 64 * 4, 7);
    assert_eq!(bench.create_blob(1, 64 * 64 * 4, 0, 64 * 64 * 4), OK);
    assert_eq!(bench.transfer(1, [0, 0, 9, 9], 0), OK);
    assert_eq!(bench.show_blob(0, 1, [64, 64]), OK);
    assert!(bench.events().is_empty());
    assert_eq!(bench.flush(1, [0, 0, 1, 1]), OK);
    let frame = bench.frame();
    assert_eq!((pixel(&frame, 63, 63), frame.damage.area()), (7, 64 * 64));
    bench.ram.fill(0, 64 * 64 * 4, 8);
    bench.ram.reads.borrow_mut().clear();
    assert_eq!(bench.flush(1, [4, 5, 6, 2]), OK);
    let frame = bench.frame();
    assert_eq!(frame.damage, Region::from_rect(Rect::new(4, 5, 6, 2)));
    let row = |y: u64| (BASE + (y * 64 + 4) * 4, 24);
    assert_eq!(*bench.ram.reads.borrow(), [row(5), row(6)]);
    assert_eq!((pixel(&frame, 3, 5), pixel(&frame, 4, 5), pixel(&frame, 9, 6)), (7, 8, 8));
    assert_eq!(bench.gpu.statistics().copies.transfer, (64 * 64 + 12) * 4);
}

#[test]
fn flips_between_blobs_keep_their_buffers() {
    let mut bench = Bench::all_features(1);
    for id in [1, 2] {
        bench.create_blob(id, 64 * 64 * 4, u64::from(id) << 16, 64 * 64 * 4);
    }
    let mut seen = std::collections::BTreeSet::new();
    for turn in 0..10_u32 {
        let id = turn % 2 + 1;
        bench.ram.fill((id << 16) as usize, 64 * 64 * 4, u8::try_from(turn).unwrap());
        assert_eq!(bench.show_blob(0, id, [64, 64]), OK);
        bench.flush(id, [0, 0, 64, 64]);
        let frame = bench.frame();
        assert_eq!(u32::from(pixel(&frame, 9, 9)), turn);
        seen.insert(frame.buffer);
        bench.gpu.buffer_released(0, frame.buffer, frame.serial);
    }
    assert_eq!(seen.len(), 1);
}

#[test]
fn cursors_follow_the_guest() {
    let mut bench = Bench::plain();
    bench.send(0x101, &[1, 1, 64, 64]);
    bench.attach(1, 0, 64 * 64 * 4);
    bench.ram.fill(0, 64 * 64 * 4, 0x40);
    bench.transfer(1, [0, 0, 64, 64], 0);
    bench.cursor(0x300, [0, 5, u32::MAX, 0, 1, 3, 4000, 0]);
    let events = bench.events();
    let [Event::CursorImage { size, pixels, hot, .. }, Event::CursorMoved { x: 5, y: -1, .. }] =
        &events[..]
    else {
        panic!("{events:?}")
    };
    assert_eq!((*size, *hot), (Size::new(64, 64), (3, 63)));
    assert!(pixels.iter().all(|byte| *byte == 0x40));
    bench.cursor(0x301, [0, 6, 7, 0, 0, 0, 0, 0]);
    assert!(matches!(bench.events()[..], [Event::CursorMoved { x: 6, y: 7, .. }]));
    bench.cursor(0x300, [0, 6, 7, 0, 0, 0, 0, 0]);
    assert!(matches!(bench.events()[..], [Event::CursorHidden { scanout: 0 }]));
    bench.cursor(0x301, [0, 60, 7, 0, 0, 0, 0, 0]);
    assert!(bench.events().is_empty());
}

#[test]
fn a_cursor_can_be_a_blob() {
    let mut bench = Bench::all_features(1);
    bench.ram.fill(0, 64 * 64 * 4, 0x33);
    bench.create_blob(1, 64 * 64 * 4, 0, 64 * 64 * 4);
    bench.create_blob(2, 64 * 64 * 4 - 4, 0, 64 * 64 * 4);
    bench.cursor(0x300, [0, 0, 0, 0, 2, 0, 0, 0]);
    assert!(bench.events().is_empty() || bench.gpu.statistics().errors == 1);
    bench.cursor(0x300, [0, 0, 0, 0, 1, 0, 0, 0]);
    let events = bench.events();
    assert!(matches!(&events[..], [Event::CursorImage { pixels, .. }] if pixels[9] == 0x33));
}

#[test]
fn reset_leaves_nothing_of_the_guest() {
    let mut bench = Bench::all_features(1);
    bench.shown(1, 64, 64, 9);
    let frame = bench.frame();
    bench.gpu.set_size(0, Some(Size::new(800, 600)));
    bench.gpu.reset();
    let events = bench.events();
    let [Event::Disabled { .. }, Event::Retired(retired)] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(retired[..], [frame.buffer]);
    let statistics = bench.gpu.statistics();
    assert_eq!((statistics.resources, statistics.bytes), (0, 0));
    assert_eq!(bench.gpu.config(0, 4), [0; 4]);
    assert_eq!(bench.create(1, 64, 64), OK);
}
