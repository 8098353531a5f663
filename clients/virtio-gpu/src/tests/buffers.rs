//! Buffers that the compositor holds are not drawn into, and nothing is copied without need.

use super::bench::*;

const ALL: [u32; 4] = [0, 0, 64, 64];

#[test]
fn a_free_buffer_is_drawn_into_at_once() {
    let mut bench = Bench::plain();
    bench.shown(1, 64, 64, 1);
    let first = bench.frame();
    bench.gpu.buffer_released(0, first.buffer, first.serial);
    bench.draw(1, [0, 0, 1, 1], 64, 2);
    bench.flush(1, [0, 0, 1, 1]);
    assert_eq!(bench.frame().buffer, first.buffer);
    let copies = bench.gpu.statistics().copies;
    assert_eq!((copies.transfer, copies.repair), ((64 * 64 + 1) * 4, 0));
}

#[test]
fn a_held_buffer_keeps_its_pixels() {
    let mut bench = Bench::plain();
    bench.shown(1, 64, 64, 1);
    let first = bench.frame();
    bench.draw(1, [0, 0, 8, 8], 64, 2);
    assert_eq!(pixel(&first, 0, 0), 1);
    bench.flush(1, [0, 0, 8, 8]);
    let second = bench.frame();
    assert_ne!(second.buffer, first.buffer);
    assert_eq!((pixel(&first, 0, 0), pixel(&second, 0, 0), pixel(&second, 9, 9)), (1, 2, 1));
    // All but what was drawn came from the first buffer.
    assert_eq!(bench.gpu.statistics().copies.repair, (64 * 64 - 64) * 4);
}

#[test]
fn repair_is_what_the_other_buffer_missed_less_what_is_drawn() {
    let mut bench = Bench::plain();
    bench.shown(1, 64, 64, 1);
    let mut shown = bench.frame();
    bench.draw(1, ALL, 64, 2);
    bench.flush(1, ALL);
    let mut next = bench.frame();
    assert_eq!(bench.gpu.statistics().copies.repair, 0);
    for turn in 0..6_u8 {
        bench.gpu.buffer_released(0, shown.buffer, shown.serial);
        shown = next;
        let before = bench.gpu.statistics().copies.repair;
        // Two rows a turn, each turn one row further: the other buffer misses one of them. At first
        // it misses the whole picture.
        let rect = [0, u32::from(turn), 64, 2];
        bench.draw(1, rect, 64, 10 + turn);
        bench.flush(1, rect);
        next = bench.frame();
        assert_ne!(next.buffer, shown.buffer);
        let repair = bench.gpu.statistics().copies.repair - before;
        assert_eq!(repair, if turn == 0 { 62 * 64 * 4 } else { 64 * 4 }, "turn {turn}");
        for row in 0..=turn {
            assert_eq!(pixel(&next, 63, u32::from(row)), 10 + row);
        }
    }
}

#[test]
fn several_transfers_go_into_one_buffer() {
    let mut bench = Bench::plain();
    bench.shown(1, 64, 64, 1);
    bench.frame();
    for row in 0..64 {
        bench.draw(1, [0, row, 64, 1], 64, 3);
    }
    bench.flush(1, ALL);
    let second = bench.frame();
    assert_eq!(pixel(&second, 5, 63), 3);
    assert_eq!(bench.gpu.statistics().copies.repair, 63 * 64 * 4);
}

#[test]
fn three_buffers_are_enough_and_a_fourth_is_never_made() {
    let mut bench = Bench::plain();
    bench.shown(1, 64, 64, 0);
    let mut ids = vec![bench.frame().buffer];
    for turn in 1..6 {
        bench.draw(1, ALL, 64, turn);
        bench.flush(1, ALL);
        let frame = bench.frame();
        assert_eq!(pixel(&frame, 1, 1), turn);
        ids.push(frame.buffer);
    }
    ids.sort();
    ids.dedup();
    assert_eq!((ids.len(), bench.gpu.statistics().overdrawn), (3, 3));
}

#[test]
fn flushes_of_one_turn_are_merged_and_free_what_was_never_shown() {
    let mut bench = Bench::plain();
    bench.shown(1, 64, 64, 0);
    bench.frame();
    for turn in 1..50 {
        bench.draw(1, [u32::from(turn), 0, 1, 1], 64, turn);
        bench.flush(1, [u32::from(turn), 0, 1, 1]);
    }
    let frame = bench.frame();
    assert_eq!(frame.damage.area(), 49);
    assert_eq!((pixel(&frame, 1, 0), pixel(&frame, 49, 0)), (1, 49));
    assert_eq!(bench.gpu.statistics().overdrawn, 0);
}

#[test]
fn a_release_that_crosses_a_frame_on_its_way_is_ignored() {
    let mut bench = Bench::plain();
    bench.shown(1, 64, 64, 1);
    let first = bench.frame();
    // Flushed again without a transfer: the same buffer goes out a second time.
    bench.flush(1, ALL);
    let second = bench.frame();
    assert_eq!(second.buffer, first.buffer);
    bench.gpu.buffer_released(0, first.buffer, first.serial);
    bench.draw(1, ALL, 64, 2);
    assert_eq!(pixel(&second, 0, 0), 1);
    bench.gpu.buffer_released(0, second.buffer, second.serial);
    bench.flush(1, ALL);
    assert_ne!(bench.frame().buffer, second.buffer);
}

#[test]
fn a_release_before_the_frame_is_taken_frees_what_the_frame_does_not_use() {
    let mut bench = Bench::plain();
    bench.shown(1, 64, 64, 1);
    let first = bench.frame();
    bench.flush(1, ALL);
    bench.gpu.buffer_released(0, first.buffer, first.serial);
    bench.draw(1, ALL, 64, 2);
    bench.flush(1, ALL);
    // The pending frame with the first buffer was superseded, so that one is free again.
    let second = bench.frame();
    assert_ne!(second.buffer, first.buffer);
    bench.draw(1, ALL, 64, 3);
    bench.flush(1, ALL);
    assert_eq!(bench.frame().buffer, first.buffer);
}

#[test]
fn a_short_backing_leaves_old_pixels_in_every_buffer() {
    let mut bench = Bench::plain();
    bench.shown(1, 64, 64, 1);
    let first = bench.frame();
    bench.detach(1);
    bench.attach(1, 0, 32 * 64 * 4);
    bench.draw(1, ALL, 64, 2);
    bench.flush(1, ALL);
    let second = bench.frame();
    assert_ne!(second.buffer, first.buffer);
    assert_eq!((pixel(&second, 0, 31), pixel(&second, 0, 32)), (2, 1));
}
