//! Commits that wait for their sources.

use std::time::Duration;

use super::*;

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Binds a fresh source to a pipeline once it is ready.
fn wait_for(
    device: &mut Device,
    pipeline: PipelineId,
    timeout: Option<Duration>,
) -> (SourceId, Pending) {
    let source = device.new_source_id().unwrap();
    let mut pending = Pending::new();
    pending.create_source(source, pipeline, content(source.get()));
    device.commit(Scope::EntireDevice, &mut pending, Flags::default()).unwrap();
    pending.bind_source(pipeline, Some(source), Transition::WhenReady { timeout });
    pending.set_opacity(pipeline, 0.5).unwrap();
    (source, pending)
}

#[test]
fn all_of_a_commit_waits_for_its_sources() {
    let (mut device, _, [a, b], old) = device();
    let mut held = HeldCommits::default();
    let (first, mut pending) = wait_for(&mut device, a, Some(ms(100)));
    let (second, more) = wait_for(&mut device, b, None);
    pending.bind_source(b, more.awaited().next(), Transition::WhenReady { timeout: None });
    let (scope, flags) = (Scope::EntireDevice, Flags::default());
    assert_eq!(held.hold(&device, scope, (&mut pending, flags), ms(5), "swap"), Ok(()));
    assert!(pending.is_empty());
    assert_eq!(held.next_deadline(), Some(ms(105)));
    assert!(held.apply_ready(&mut device, |source| source == first).is_empty());
    assert_eq!(device.pipeline(a).unwrap().source, Some(old[0]), "nothing of it shows yet");
    assert_eq!(device.pipeline(a).unwrap().opacity, 1.0);
    assert_eq!(held.apply_ready(&mut device, |_| true), [("swap", Ok(()))]);
    assert_eq!(device.pipeline(a).unwrap().source, Some(first));
    assert_eq!(device.pipeline(b).unwrap().source, Some(second));
    assert!(held.is_empty() && held.next_deadline().is_none());
}

#[test]
fn who_waits_too_long_changes_nothing() {
    let (mut device, _, [a, _], [old, _]) = device();
    let mut held = HeldCommits::default();
    let (_, mut pending) = wait_for(&mut device, a, Some(ms(100)));
    let scope = Scope::Pipeline(a);
    held.hold(&device, scope, (&mut pending, Flags::default()), ms(0), 1).unwrap();
    assert!(held.expire(ms(99)).is_empty());
    assert_eq!(held.expire(ms(100)), [1]);
    assert!(held.apply_ready(&mut device, |_| true).is_empty());
    assert_eq!(device.pipeline(a).unwrap().source, Some(old));
}

#[test]
fn a_later_commit_replaces_what_it_overlaps() {
    let (mut device, port, [a, b], _) = device();
    let mut held = HeldCommits::default();
    for (pipeline, tag) in [(a, "a"), (b, "b")] {
        let (_, mut pending) = wait_for(&mut device, pipeline, None);
        let scope = Scope::Pipeline(pipeline);
        held.hold(&device, scope, (&mut pending, Flags::default()), ms(0), tag).unwrap();
    }
    assert_eq!(held.replaced_by(&device, Scope::Pipeline(b), |_| true), ["b"]);
    let of_another = held.replaced_by(&device, Scope::EntireDevice, |tag| *tag != "a");
    assert!(of_another.is_empty());
    assert_eq!(held.replaced_by(&device, Scope::EntirePort(port), |_| true), ["a"]);
    assert!(held.is_empty());
}

#[test]
fn what_cannot_be_is_not_held() {
    let (mut device, _, [a, _], _) = device();
    let mut held = HeldCommits::default();
    let (_, mut pending) = wait_for(&mut device, a, None);
    pending.set_layer(a, 1);
    let scope = Scope::Pipeline(a);
    let refused = held.hold(&device, scope, (&mut pending, Flags::default()), ms(0), 7);
    assert!(matches!(refused, Err((CommitError::SameLayer { .. }, 7))));
    assert!(held.is_empty() && pending.is_empty());
}
