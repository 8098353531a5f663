//! Which answers wait, and for what.

use super::bench::*;
use crate::{Answer, Token};

fn blob_bench() -> Bench {
    let mut bench = Bench::all_features(1);
    bench.create_blob(1, 64 * 64 * 4, 0, 64 * 64 * 4);
    bench.show_blob(0, 1, [64, 64]);
    bench
}

fn fenced_flush(bench: &mut Bench, fence: u64) -> Answer {
    let flush = fenced_request(0x104, Some(fence), &[0, 0, 64, 64, 1, 0]);
    bench.gpu.control(&flush, 24, &bench.ram)
}

fn token(answer: Answer) -> Token {
    match answer {
        Answer::WhenPresented { token, bytes } => {
            assert_eq!((kind_of(&bytes), bytes.len(), bytes[4]), (OK, 24, 1));
            token
        }
        Answer::Now(_) => panic!("does not wait"),
    }
}

#[test]
fn a_fenced_flush_of_a_visible_blob_waits_for_its_own_frame() {
    let mut bench = blob_bench();
    bench.gpu.set_visible(0, true);
    let one = token(fenced_flush(&mut bench, 1));
    let first = bench.frame();
    let two = token(fenced_flush(&mut bench, 2));
    let second = bench.frame();
    bench.gpu.presented(0, first.serial);
    assert_eq!(bench.gpu.take_completed(), [one]);
    bench.gpu.discarded(0, second.serial);
    assert_eq!(bench.gpu.take_completed(), [two]);
    assert!(bench.gpu.take_completed().is_empty());
}

#[test]
fn a_merged_frame_completes_all_that_it_stands_for() {
    let mut bench = blob_bench();
    bench.gpu.set_visible(0, true);
    let tokens = [1, 2, 3].map(|fence| token(fenced_flush(&mut bench, fence)));
    let frame = bench.frame();
    bench.gpu.presented(0, frame.serial);
    assert_eq!(bench.gpu.take_completed(), tokens);
}

#[test]
fn nothing_waits_that_nobody_sees() {
    let mut bench = blob_bench();
    assert!(matches!(fenced_flush(&mut bench, 1), Answer::Now(_)));
    bench.gpu.set_visible(0, true);
    let hidden = token(fenced_flush(&mut bench, 2));
    bench.gpu.set_visible(0, false);
    assert_eq!(bench.gpu.take_completed(), [hidden]);
    bench.gpu.set_visible(0, true);
    let disabled = token(fenced_flush(&mut bench, 3));
    bench.set_scanout(0, 0, [0; 4]);
    assert_eq!(bench.gpu.take_completed(), [disabled]);
    assert!(matches!(fenced_flush(&mut bench, 4), Answer::Now(_)));
}

#[test]
fn only_fenced_flushes_of_blobs_wait() {
    let mut bench = blob_bench();
    bench.gpu.set_visible(0, true);
    assert_eq!(bench.flush(1, [0, 0, 64, 64]), OK);
    bench.shown(2, 64, 64, 1);
    for kind in [0x104, 0x105, 0x100] {
        let request = fenced_request(kind, Some(9), &[0, 0, 64, 64, 2, 0, 2, 0]);
        let answer = bench.gpu.control(&request, 4096, &bench.ram);
        assert!(matches!(answer, Answer::Now(_)), "{kind:x}");
    }
    // A flush that is refused does not wait either.
    let request = fenced_request(0x104, Some(9), &[0, 0, 64, 64, 99, 0]);
    assert!(matches!(bench.gpu.control(&request, 24, &bench.ram), Answer::Now(_)));
}

#[test]
fn fences_that_the_transport_completed_are_forgotten() {
    let mut bench = blob_bench();
    bench.gpu.set_visible(0, true);
    let one = token(fenced_flush(&mut bench, 1));
    let two = token(fenced_flush(&mut bench, 2));
    bench.gpu.expired(one);
    bench.gpu.presented(0, u64::MAX);
    assert_eq!(bench.gpu.take_completed(), [two]);
}

#[test]
fn a_flood_of_fences_does_not_pile_up() {
    let mut bench = blob_bench();
    bench.gpu.set_visible(0, true);
    let waiting = (0..5000)
        .filter(|fence| matches!(fenced_flush(&mut bench, *fence), Answer::WhenPresented { .. }));
    assert_eq!(waiting.count(), 1024);
}
