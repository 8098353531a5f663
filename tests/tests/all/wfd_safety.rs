//! Signatures of what a port really shows.

use porthole_tests::{
    Result,
    program::{Program, signature},
    wait,
};
use porthole_wayland::{
    safety::client::wfd_safety_region_v1::Report, wfd::client::wfd_device_v1::CommitFlags,
};
use wayland_client::protocol::wl_shm::Format;

use crate::{
    wayland_scene::{APP, pattern, picture, show},
    wfd_commits::{State, two},
    wfd_control::{DEVICE, configuration, controller, service},
};

#[test]
fn a_signature_is_that_of_the_captured_picture_and_comes_at_once() -> Result<()> {
    let service = service()?;
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let output = program.output("main")?;
    let all = program.watch(&output, [0, 0, 64, 48])?;
    program.wait_for("the first signature", 0, |l| l.starts_with("safety signature"))?;
    assert_eq!(program.signatures(0), [signature(&picture(&mut program)?)]);

    let toplevel = program.toplevel(APP)?;
    let buffer = program.buffer((40, 20), Format::Xrgb8888, true)?;
    buffer.paint(pattern)?;
    let mark = program.log.len();
    show(&mut program, &toplevel, &buffer)?;
    program.wait_for("its signature", mark, |l| l.starts_with("safety signature"))?;
    let seen = picture(&mut program)?;
    assert_eq!(program.signatures(mark), [signature(&seen)]);

    // Asked for without a change, the same comes again.
    let mark = program.log.len();
    all.request_signature();
    program.wait_for("the same", mark, |l| l.starts_with("safety signature"))?;
    assert_eq!(program.signatures(mark), [signature(&seen)]);

    // A part of the layer that does not change says nothing when another part does.
    let part = program.watch(&output, [9, 5, 3, 2])?;
    program.roundtrip()?;
    let mark = program.log.len();
    all.destroy();
    program.frame(&toplevel.surface);
    buffer.paint(|x, y| if x > 20 { 7 } else { pattern(x, y) })?;
    toplevel.show_damaged(&buffer, [0, 0, 40, 20]);
    program.wait_for("a frame", mark, |l| l == "frame done")?;
    part.request_signature();
    let words: Vec<u32> = (1..3).flat_map(|y| (1..4).map(move |x| pattern(x, y))).collect();
    program.wait_for("the part", mark, |l| l.starts_with("safety signature"))?;
    assert!(program.signatures(mark).iter().all(|s| *s == signature(&words)));
    Ok(())
}

#[test]
fn what_is_not_what_it_should_be_is_told_once() -> Result<()> {
    let service = service()?;
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let toplevel = program.toplevel(APP)?;
    let buffer = program.buffer((40, 20), Format::Xrgb8888, true)?;
    let paint = |program: &mut Program, colour: u32| -> Result<()> {
        buffer.paint(|_, _| colour)?;
        show(program, &toplevel, &buffer)
    };
    paint(&mut program, 0xff_0000)?;
    let output = program.output("main")?;
    let lamp = program.watch(&output, [10, 10, 8, 8])?;
    lamp.set_reference(1, signature(&[0xff_0000; 64]));
    program.wait_for("the comparison", 0, |l| l == "safety equal")?;
    let mark = program.log.len();
    for colour in [0x00_ff00, 0x00_00ff, 0xff_0000] {
        paint(&mut program, colour)?;
    }
    program.wait_for("the lamp", mark, |l| l == "safety equal")?;
    let told: Vec<_> = program.log.since(mark).iter().filter(|l| *l == "safety mismatch").collect();
    assert_eq!(told.len(), 1);
    Ok(())
}

#[test]
fn what_stays_as_it_is_too_long_is_frozen_until_it_changes() -> Result<()> {
    let service = service()?;
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let toplevel = program.toplevel(APP)?;
    let buffer = program.buffer((40, 20), Format::Xrgb8888, true)?;
    let output = program.output("main")?;
    program.watch(&output, [10, 10, 8, 8])?.set_freeze_threshold(50);
    let mut mark = program.log.len();
    for round in 1..3_u32 {
        program.wait_for("a frozen picture", mark, |l| l == "safety frozen")?;
        // It may freeze again before this program looks.
        mark = program.log.len();
        buffer.paint(|_, _| round)?;
        show(&mut program, &toplevel, &buffer)?;
        program.wait_for("the recovery", mark, |l| l == "safety recovered")?;
    }
    Ok(())
}

#[test]
fn only_who_may_watches_and_only_what_is_there() -> Result<()> {
    let service = service()?;
    let mut looker = Program::connect(&service.socket("looker")?)?;
    let output = looker.output("main")?;
    assert!(looker.watch(&output, [0, 0, 1, 1]).is_err(), "no right, no global");
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let (main, side) = (program.output("main")?, program.output("side")?);
    for wrong in [[-1, 0, 4, 4], [60, 0, 5, 5], [0, 0, 0, 4], [0, 0, i32::MAX, i32::MAX]] {
        let mark = program.log.len();
        program.watch(&main, wrong)?;
        program.wait_for("why not", mark, |l| l == "safety failed Value(Outside)")?;
    }
    let mark = program.log.len();
    program.watch(&side, [0, 0, 4, 4])?;
    program.wait_for("why not", mark, |l| l == "safety failed Value(Denied)")?;
    // A right that goes, and a port that shrinks.
    let mark = program.log.len();
    program.watch(&main, [60, 40, 4, 8])?;
    program.watch(&main, [0, 0, 4, 8])?;
    program.roundtrip()?;
    let smaller = configuration("").replace("[64, 48]", "[60, 48]");
    service.reload(&smaller)?;
    program.wait_for("why not", mark, |l| l == "safety failed Value(Outside)")?;
    service.reload(&smaller.replace(", \"safety:main\"", ""))?;
    program.wait_for("why not", mark, |l| l == "safety failed Value(Denied)")
}

/// The service's own record of every frame that it presented, while layers and holes move: each is one
/// of the scenes that were committed, in their order, and the last is what a capture sees.
#[test]
fn every_presented_frame_of_a_thousand_commits_is_a_committed_scene() -> Result<()> {
    let service = service()?;
    let (mut program, device, _, pipelines) = controller(&service)?;
    let [(lower, _below), (upper, _above)] = two(&mut program, &device, &pipelines)?;
    let mut seed = 11;
    let first = State::next(&mut seed);
    first.set(&program, &lower, &upper);
    let now = CommitFlags::empty();
    assert_eq!(program.wfd_commit(&device, DEVICE, now)?, "presented");

    let mut watcher = Program::connect(&service.socket("viewer")?)?;
    let output = watcher.output("main")?;
    watcher.watch(&output, [0, 0, 64, 48])?.set_report(Report::All);
    watcher.wait_for("the first signature", 0, |l| l.starts_with("safety signature"))?;
    let mut scenes = vec![signature(&first.picture())];
    let mut last = 0;
    while scenes.len() <= 1000 {
        let state = State::next(&mut seed);
        state.set(&program, &lower, &upper);
        last = program.wfd_start_commit(&device, DEVICE, now);
        scenes.push(signature(&state.picture()));
        // Some in one frame, some in a frame of their own.
        if scenes.len() % 3 == 0 {
            assert_eq!(program.wfd_outcome(last)?, "presented");
        }
    }
    assert_eq!(program.wfd_outcome(last)?, "presented");
    let end = *scenes.last().unwrap();
    let presented = wait::wait_until("the last signature", wait::SHORT, || {
        watcher.roundtrip()?;
        let presented = watcher.signatures(0);
        Ok((presented.last() == Some(&end)).then_some(presented))
    })?;
    assert_eq!(signature(&picture(&mut program)?), end);
    let mut at = 0;
    for (frame, signature) in presented.iter().enumerate() {
        let found = scenes.iter().skip(at).position(|scene| scene == signature);
        assert!(found.is_some(), "frame {frame} after scene {at} is no committed scene");
        at += found.unwrap_or_default();
    }
    assert!(presented.len() > 300, "only {} frames", presented.len());
    Ok(())
}
