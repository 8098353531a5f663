//! Attacks that other devices fell for, by the number of the report where there is one.

use super::bench::*;
use crate::{Event, Gpu, Options, Quotas};

#[test]
fn cve_2016_10029_scanout_out_of_range() {
    let mut bench = Bench::all_features(2);
    bench.shown(1, 64, 64, 1);
    bench.create_blob(2, 64 * 64 * 4, 0, 64 * 64 * 4);
    for scanout in [2, 15, 16, 255, u32::MAX] {
        assert_eq!(bench.set_scanout(scanout, 1, [0, 0, 64, 64]), SCANOUT_ID);
        assert_eq!(bench.set_scanout(scanout, 0, [0; 4]), SCANOUT_ID);
        assert_eq!(bench.show_blob(scanout, 2, [64, 64]), SCANOUT_ID);
        assert_eq!(bench.send(0x10a, &[scanout, 0]), PARAMETER);
        bench.cursor(0x300, [scanout, 0, 0, 0, 1, 0, 0, 0]);
    }
}

#[test]
fn cve_2016_10028_and_9908_capsets_leak_nothing() {
    let mut bench = Bench::all_features(1);
    for kind in [0x108, 0x109] {
        for words in [&[0; 2][..], &[1, 0], &[u32::MAX; 2], &[]] {
            let answer = bench.answer(&request(kind, words));
            assert_eq!((kind_of(&answer), answer.len()), (UNSPEC, 24));
            assert!(answer[4..].iter().all(|byte| *byte == 0));
        }
    }
}

#[test]
fn cve_2021_3545_padding_of_responses_is_zero() {
    let mut bench = Bench::all_features(16);
    let edid = bench.answer(&request(0x10a, &[3, 0]));
    assert_eq!(edid.len(), 1056);
    assert!(edid[32 + 256..].iter().all(|byte| *byte == 0));
    let info = bench.answer(&request(0x100, &[]));
    assert!((0..16).all(|scanout| info[24 + 24 * scanout + 20..][..4] == [0; 4]));
}

#[test]
fn cve_2016_7994_2017_5857_9060_nothing_is_left_behind() {
    let mut bench = Bench::all_features(1);
    for turn in 0..2000 {
        let id = turn % 3 + 1;
        assert_eq!(bench.create(id, 64, 64), OK);
        assert_eq!(bench.create(id, 64, 64), RESOURCE_ID);
        bench.attach(id, 0, 64 * 64 * 4);
        bench.attach(id, 0, 64 * 64 * 4);
        bench.transfer(id, [0, 0, 64, 64], 0);
        for _ in 0..3 {
            bench.set_scanout(0, id, [0, 0, 64, 64]);
        }
        bench.events();
        assert_eq!(bench.unref(id), OK);
        let statistics = bench.gpu.statistics();
        assert_eq!((statistics.bytes, statistics.resources), (0, 0));
    }
    bench.events();
    let state = bench.gpu.save();
    assert_eq!(Gpu::restore(&Options::default(), &state).unwrap().statistics().bytes, 0);
    let descriptors = std::fs::read_dir("/proc/self/fd").unwrap().count();
    assert!(descriptors < 200, "{descriptors} descriptors are open");
}

#[test]
fn cve_2016_9846_cursors_of_changing_size() {
    let mut bench = Bench::plain();
    bench.send(0x101, &[1, 1, 64, 64]);
    for (id, width, height) in [(2, 32, 32), (3, 65, 64), (4, 1, 4096), (5, 256, 256)] {
        bench.send(0x101, &[id, 1, width, height]);
    }
    for turn in 0..500 {
        bench.cursor(0x300, [0, 0, 0, 0, turn % 6, 0, 0, 0]);
    }
    for event in bench.events() {
        if let Event::CursorImage { pixels, .. } = event {
            assert_eq!(pixels.len(), 64 * 64 * 4);
        }
    }
}

#[test]
fn cve_2024_3446_addresses_outside_ram_are_never_touched() {
    let mut bench = Bench::all_features(1);
    bench.create(1, 64, 64);
    for address in [0_u64, 0xfee0_0000, BASE - 1, u64::MAX - 8, 1 << 52] {
        let [low, high] = wide(address);
        assert_eq!(bench.send(0x106, &[1, 1, low, high, 64 * 64 * 4, 0]), OK);
        assert_eq!(bench.transfer(1, [0, 0, 64, 64], 0), OK);
        assert_eq!(bench.detach(1), OK);
        let blob = [2, 1, 1, 1, 0, 0, 4096, 0, low, high, 4096, 0];
        assert_eq!(bench.send(0x10c, &blob), UNSPEC);
    }
    assert!(bench.ram.reads.borrow().is_empty());
    assert_eq!(bench.gpu.statistics().unreadable, 5);
}

#[test]
fn cve_2026_6502_66020_blobs_that_go_away_while_shown() {
    let mut bench = Bench::all_features(2);
    bench.create_blob(1, 64 * 64 * 4, 0, 64 * 64 * 4);
    bench.show_blob(0, 1, [64, 64]);
    bench.show_blob(1, 1, [32, 32]);
    bench.flush(1, [0, 0, 64, 64]);
    bench.frames();
    assert_eq!(bench.detach(1), OK);
    assert_eq!(bench.flush(1, [0, 0, 64, 64]), OK);
    assert_eq!(bench.show_blob(0, 1, [64, 64]), UNSPEC);
    bench.cursor(0x300, [0, 0, 0, 0, 1, 0, 0, 0]);
    assert_eq!(bench.unref(1), OK);
    assert_eq!(bench.flush(1, [0, 0, 64, 64]), RESOURCE_ID);
    assert_eq!(bench.gpu.statistics().bytes, 0);
}

#[test]
fn cve_2026_66021_blob_bounds_without_overflow() {
    let mut bench = Bench::all_features(1);
    bench.create_blob(1, 64 * 64 * 4, 0, 64 * 64 * 4);
    let all = [0, 0, 64, 64];
    let mut set = |rect, size, place| bench.set_scanout_blob(rect, [0, 1], size, place);
    assert_eq!(set(all, [64, 64], [256, 0]), OK);
    assert_eq!(set(all, [64, 64], [256, 1]), PARAMETER);
    assert_eq!(set(all, [64, 64], [260, 0]), PARAMETER);
    assert_eq!(set(all, [64, 64], [255, 0]), PARAMETER);
    assert_eq!(set(all, [64, 64], [0, 0]), PARAMETER);
    assert_eq!(set(all, [64, 64], [u32::MAX, u32::MAX]), PARAMETER);
    assert_eq!(set([0, 0, 64, 0], [64, 64], [256, 0]), PARAMETER);
    assert_eq!(set([0, 0, 16, 16], [u32::MAX, u32::MAX], [u32::MAX, 0]), PARAMETER);
    assert_eq!(set([48, 48, 16, 16], [64, 64], [256, 0]), OK);
    assert_eq!(set([49, 48, 16, 16], [64, 64], [256, 0]), PARAMETER);
    assert_eq!(set([u32::MAX, 0, 16, 16], [64, 64], [256, 0]), PARAMETER);
}

#[test]
fn cve_2017_5578_2016_9912_memory_is_given_once_and_goes_with_its_resource() {
    let quotas = Quotas { entries: 4, ..Quotas::default() };
    let mut bench = Bench::new(&Options { quotas, ..Options::default() });
    for _ in 0..1000 {
        assert_eq!(bench.create(1, 64, 64), OK);
        assert_eq!(bench.attach(1, 0, 64 * 64 * 4), OK);
        // Again and again: the first list stays, the others cost nothing.
        assert_eq!(bench.attach(1, 0, 64 * 64 * 4), UNSPEC);
        assert_eq!(bench.unref(1), OK);
    }
}

#[test]
fn cve_2021_3544_3546_requests_of_every_number_leave_nothing_and_say_nothing() {
    let mut bench = Bench::all_features(1);
    // Capability sets of any number, size and version, and 3D commands with any claims of length.
    for kind in (0x108..=0x109).chain(0x200..=0x209) {
        for words in [[0; 6], [u32::MAX; 6], [1, 0, u32::MAX, 0x7fff_ffff, 0, 1]] {
            let answer = bench.answer(&request(kind, &words));
            assert_eq!((kind_of(&answer), answer.len()), (UNSPEC, 24), "{kind:#x}");
            assert!(answer[4..].iter().all(|byte| *byte == 0));
        }
    }
    let statistics = bench.gpu.statistics();
    assert_eq!((statistics.bytes, statistics.resources), (0, 0));
}

#[test]
fn cve_2026_6426_a_blob_is_not_shown_after_its_memory_was_taken() {
    let mut bench = Bench::all_features(1);
    bench.ram.fill(0, 64 * 64 * 4, 7);
    bench.create_blob(1, 64 * 64 * 4, 0, 64 * 64 * 4);
    bench.show_blob(0, 1, [64, 64]);
    bench.flush(1, [0, 0, 64, 64]);
    bench.frame();
    assert_eq!(bench.detach(1), OK);
    bench.ram.reads.borrow_mut().clear();
    bench.ram.fill(0, 64 * 64 * 4, 9);
    bench.flush(1, [0, 0, 64, 64]);
    assert!(bench.ram.reads.borrow().is_empty(), "read what the guest has back");
    assert!(bench.frames().iter().all(|frame| pixel(frame, 0, 0) == 7));
}

#[test]
fn cve_2021_4206_4207_cursors_whose_size_is_a_claim() {
    let mut bench = Bench::all_features(1);
    // Blobs have no size of their own: only one that holds 64 by 64 pixels is a cursor.
    for (id, bytes) in [(1, 1), (2, 64 * 64 * 4 - 1), (3, 64 * 64 * 4), (4, 1 << 32)] {
        bench.create_blob(id, bytes, 0, 64 * 64 * 4);
    }
    for hot in [0, 63, 64, u32::MAX] {
        for id in 1..=4 {
            bench.cursor(0x300, [0, u32::MAX, 1 << 31, 0, id, hot, hot, 0]);
        }
    }
    for event in bench.events() {
        if let Event::CursorImage { size, pixels, hot, .. } = event {
            assert_eq!((size.area() * 4, pixels.len()), (16384, 16384));
            assert!(hot.0 < 64 && hot.1 < 64);
        }
    }
}

#[test]
fn transfers_behind_the_backing_do_not_abort() {
    let mut bench = Bench::plain();
    bench.shown(1, 64, 64, 1);
    for offset in [20_000, 16_384, 1 << 32, u64::MAX, u64::MAX - 255] {
        assert_eq!(bench.transfer(1, [0, 0, 64, 64], offset), OK);
        assert_eq!(bench.transfer(1, [1, 1, 62, 62], offset), OK);
    }
    assert_eq!(bench.transfer(1, [64, 64, 0, 0], 0), OK);
    for rect in [[65, 0, 0, 0], [0, 0, 65, 1], [u32::MAX, 0, 2, 1], [1, 1, 64, 64]] {
        assert_eq!(bench.transfer(1, rect, 0), PARAMETER);
        assert_eq!(bench.flush(1, rect), PARAMETER);
    }
    bench.flush(1, [0, 0, 64, 64]);
    assert_eq!(pixel(&bench.frame(), 63, 63), 1);
}

#[test]
fn huge_allocations_are_refused() {
    let mut bench = Bench::plain();
    for (width, height) in
        [(0, 1), (1, 0), (1 << 30, 4), (u32::MAX, u32::MAX), (65536, 65536), (8192, 8192)]
    {
        assert_eq!(bench.create(1, width, height), OUT_OF_MEMORY, "{width}x{height}");
    }
    // The largest picture is made, and costs nothing until it is drawn.
    assert_eq!(bench.create(1, 8192, 8191), OK);
    // Longer than any screen: may exist, but not be shown.
    let mut bench = Bench::plain();
    assert_eq!(bench.create(1, 65536, 16), OK);
    bench.attach(1, 0, 65536 * 16 * 4);
    assert_eq!(bench.transfer(1, [0, 0, 65536, 16], 0), OK);
    assert_eq!(bench.set_scanout(0, 1, [0, 0, 65536, 16]), PARAMETER);
    assert_eq!(bench.set_scanout(0, 1, [65000, 0, 536, 16]), OK);
}

#[test]
fn short_requests_and_short_responses() {
    let mut bench = Bench::plain();
    let create = request(0x101, &[1, 2, 64, 64]);
    for length in 24..40 {
        assert_eq!(kind_of(&bench.answer(&create[..length])), PARAMETER);
    }
    for length in 0..24 {
        let answer = bench.answer(&create[..length]);
        assert_eq!((kind_of(&answer), answer.len()), (PARAMETER, 24));
    }
    for room in [0, 4, 23, 24, 25] {
        let crate::Answer::Now(bytes) = bench.gpu.control(&create, room, &bench.ram) else {
            panic!("waits")
        };
        assert_eq!(bytes.len(), room.min(24));
    }
}
