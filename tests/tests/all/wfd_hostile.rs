//! Controllers that ask for too much: it is bounded, and others do not feel it.

use porthole_tests::{Result, program::Program};
use porthole_wayland::wfd::client::{
    wfd_device_v1::CommitFlags,
    wfd_manager_v1::Access,
    wfd_pipeline_v1::{Transition, Transparency},
};
use wayland_client::protocol::wl_shm::Format;

use crate::{
    wayland_scene::{APP, BACK, expect, in_layer, picture, show},
    wfd_control::{DEVICE, controller, service},
};

const NOW: CommitFlags = CommitFlags::empty();

#[test]
fn a_region_of_too_many_pieces_is_refused_whole() -> Result<()> {
    let service = service()?;
    let (mut program, device, _, pipelines) = controller(&service)?;
    let id = pipelines[0];
    let layer = program.wfd_pipeline(&device, id);
    // Rectangles that do not touch, as many as a hole may have.
    let dots: Vec<[i32; 4]> = (0..1024).map(|i| [i % 32 * 2, i / 32 * 2, 1, 1]).collect();
    layer.set_hole(Some(&program.region(&dots)));
    assert_eq!(program.wfd_commit(&device, DEVICE, NOW)?, "presented");
    // A grid of cuts makes pieces by the hundred thousand out of a thousand requests.
    let grid = program.region(&[[0, 0, 16_000, 16_000]]);
    for i in 0..511 {
        grid.subtract(0, i * 30, 16_000, 1);
        grid.subtract(i * 30, 0, 1, 16_000);
    }
    layer.set_hole(Some(&grid));
    let outcome = program.wfd_commit(&device, DEVICE, NOW)?;
    assert!(outcome.contains(&format!("Value(NotSupported), object_id: {id}")), "{outcome}");
    // The hole is still the one before.
    program.roundtrip()?;
    let holes: Vec<_> =
        program.log.since(0).iter().filter(|line| line.contains(" Hole { ")).cloned().collect();
    assert_eq!(holes.len(), 2, "{holes:?}");
    assert!(holes[1].contains("rectangles: 1024"), "{holes:?}");

    let endless: Vec<[i32; 4]> = (0..10_000).map(|i| [i, i, 1, 1]).collect();
    layer.set_hole(Some(&program.region(&endless)));
    let error = program.roundtrip().unwrap_err().to_string();
    assert!(error.contains("1024 rectangles"), "{error}");
    Ok(())
}

/// A flood of commits, of which nobody reads the outcome, holds up nobody else.
#[test]
fn floods_of_commits_do_not_hold_up_others() -> Result<()> {
    let service = service()?;
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let toplevel = program.toplevel(APP)?;
    let buffer = program.buffer((40, 20), Format::Xrgb8888, true)?;
    show(&mut program, &toplevel, &buffer)?;
    let (mut flood, device, _, pipelines) = controller(&service)?;
    let layer = flood.wfd_pipeline(&device, pipelines[1]);
    for i in 0..900_i32 {
        layer.set_destination_rectangle(i % 20, i % 20, 10, 10);
        layer.set_layer(i);
        flood.wfd_start_commit(&device, DEVICE, NOW);
    }
    flood.send()?;
    for _ in 0..10 {
        show(&mut program, &toplevel, &buffer)?;
    }
    flood.roundtrip()?;

    // More than may wait: the client is ended, with a reason in the log.
    let source = flood.wfd_program(&layer, "viewer", "never");
    for _ in 0..3000 {
        layer.bind_source(Some(&source), Transition::WhenReady, 0);
        flood.wfd_start_commit(&device, DEVICE, CommitFlags::TestOnly);
        flood.wfd_start_commit(&device, DEVICE, NOW);
    }
    flood.roundtrip()?;
    show(&mut program, &toplevel, &buffer)
}

/// Requests of a few bytes that would take long, as many as come in one load.
#[test]
fn regions_and_dumps_that_take_long_do_not_hold_up_others() -> Result<()> {
    let service = service()?;
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let toplevel = program.toplevel(APP)?;
    let buffer = program.buffer((40, 20), Format::Xrgb8888, true)?;
    show(&mut program, &toplevel, &buffer)?;
    let (mut flood, device, _, pipelines) = controller(&service)?;
    let layer = flood.wfd_pipeline(&device, pipelines[1]);
    // Thousands of pieces, and then hundreds of steps that each have to look at all of them.
    let slow = flood.region(&[[0, 0, 16_000, 16_000]]);
    for i in 0..60 {
        slow.subtract(0, i * 200 + 50, 16_000, 1);
        slow.subtract(i * 200 + 50, 0, 1, 16_000);
    }
    for i in 0..440 {
        slow.add(i % 60 * 200 + 50, i / 60 * 200 + 50, 1, 1);
        slow.subtract(i % 60 * 200, i / 60 * 200, 1, 1);
    }
    for _ in 0..4000 {
        layer.set_hole(Some(&slow));
        device.device.dump();
    }
    flood.send()?;
    for _ in 0..10 {
        show(&mut program, &toplevel, &buffer)?;
    }
    let outcome = flood.wfd_commit(&device, DEVICE, NOW)?;
    assert!(outcome.contains("NotSupported"), "{outcome}");
    let dumps = flood.log.since(0).iter().filter(|line| *line == "device Dump true").count();
    assert!((1..4000).contains(&dumps), "{dumps}");
    Ok(())
}

/// Memory that is not there when it is read.
#[test]
fn masks_that_lie_fail_and_change_nothing() -> Result<()> {
    let service = service()?;
    let (mut program, device, _, pipelines) = controller(&service)?;
    let layer = program.wfd_pipeline(&device, pipelines[0]);
    let cut = program.buffer((64, 64), Format::Argb8888, false)?;
    cut.memory.truncate(100)?;
    program.wfd_mask(&layer, &cut);
    program.wfd_image(&layer, &cut);
    // More than the masks of a client may take; it is refused before it is looked at.
    let wide = program.buffer((8200, 8200), Format::Argb8888, true)?;
    let mask = program.wfd_mask(&layer, &wide);
    program.roundtrip()?;
    let count = |what: &str| program.log.since(0).iter().filter(|l| l.starts_with(what)).count();
    assert_eq!((count("source Failed"), count("mask Failed")), (1, 2));
    layer.bind_mask(Some(&mask), Transition::AtVsync);
    let outcome = program.wfd_commit(&device, DEVICE, NOW)?;
    assert!(outcome.contains("Value(BadHandle)"), "{outcome}");
    assert_eq!(program.wfd_commit(&device, DEVICE, NOW)?, "presented");
    Ok(())
}

#[test]
fn sources_masks_and_devices_are_counted() -> Result<()> {
    let service = service()?;
    let (mut program, device, _, pipelines) = controller(&service)?;
    let layer = program.wfd_pipeline(&device, pipelines[0]);
    let buffer = program.buffer((4, 4), Format::Xrgb8888, true)?;
    let before = picture(&mut program)?;
    let sources: Vec<_> = (0..300).map(|_| program.wfd_image(&layer, &buffer)).collect();
    program.roundtrip()?;
    let count = |program: &Program, what: &str| {
        program.log.since(0).iter().filter(|line| line.starts_with(what)).count()
    };
    assert_eq!(count(&program, "source Created"), 256);
    assert_eq!(count(&program, "source Failed"), 44);
    sources.iter().for_each(|source| source.destroy());
    let mask = program.wfd_mask(&layer, &buffer);
    program.roundtrip()?;
    assert_eq!(count(&program, "mask Failed"), 0, "room again");
    mask.destroy();

    // What failed can be bound, and fails the commit.
    let wrong = program.wfd_program(&layer, "nowhere", "app");
    layer.bind_source(Some(&wrong), Transition::AtVsync, 0);
    let outcome = program.wfd_commit(&device, DEVICE, NOW)?;
    assert!(outcome.contains("Value(BadHandle)"), "{outcome}");
    let unknown = program.wfd_source(&layer, 999);
    layer.bind_source(Some(&unknown), Transition::AtVsync, 0);
    let outcome = program.wfd_commit(&device, DEVICE, NOW)?;
    assert!(outcome.contains("Value(BadHandle)"), "{outcome}");
    assert_eq!(picture(&mut program)?, before);

    let mut many = Program::connect(&service.socket("looker")?)?;
    let ended = (0..600).find_map(|_| many.wfd(Access::Observe).err());
    assert!(ended.is_some_and(|error| error.to_string().contains("wfd_")));
    program.roundtrip()
}

/// A program's name for itself may be as long as a message: nobody is told of it then.
#[test]
fn a_name_without_end_does_not_reach_controllers() -> Result<()> {
    let service = service()?;
    let (mut program, ..) = controller(&service)?;
    let mut other = Program::connect(&service.socket("plain")?)?;
    other.toplevel(&"x".repeat(4000))?;
    let mut late = Program::connect(&service.socket("viewer")?)?;
    late.wfd(Access::Control)?;
    late.wfd_stream(APP)?;
    program.roundtrip()
}

/// A hole that comes and goes with every commit while its layer's program changes the size of its
/// picture all the time: the picture at the end is that of the last state, to the pixel.
#[test]
fn holes_and_sizes_that_change_all_the_time_leave_nothing_behind() -> Result<()> {
    let service = service()?;
    let mut app = Program::connect(&service.socket("viewer")?)?;
    let toplevel = app.toplevel(APP)?;
    let sizes = [(40, 20), (20, 10), (80, 40)];
    let mut buffers = Vec::new();
    for size in sizes {
        let buffer = app.buffer(size, Format::Xrgb8888, true)?;
        buffer.paint(|_, _| 0x40_8020)?;
        buffers.push(buffer);
    }
    show(&mut app, &toplevel, &buffers[0])?;
    let (mut program, device, _, pipelines) = controller(&service)?;
    let layer = program.wfd_pipeline(&device, pipelines[0]);
    layer.set_transparency(Transparency::Hole);
    let mut last = 0;
    for i in 0..200_i32 {
        let index = usize::try_from(i % 3).unwrap_or_default();
        toplevel.show(&buffers[index]);
        app.send()?;
        if i % 2 == 0 {
            layer.set_hole(Some(&program.region(&[[i % 30, i % 15, 9, 4], [50, 50, 5, 5]])));
        } else {
            layer.set_hole(None);
        }
        last = program.wfd_start_commit(&device, DEVICE, NOW);
        if i % 10 == 0 {
            program.wfd_outcome(last)?;
        }
    }
    program.wfd_outcome(last)?;
    layer.set_hole(Some(&program.region(&[[3, 4, 9, 4], [39, 19, 50, 50]])));
    assert_eq!(program.wfd_commit(&device, DEVICE, NOW)?, "presented");
    show(&mut app, &toplevel, &buffers[1])?;
    expect(&picture(&mut program)?, |x, y| {
        let hole = (11..20).contains(&x) && (8..12).contains(&y) || (x, y) == (47, 23);
        if in_layer(x, y) && !hole { 0x40_8020 } else { BACK }
    });
    Ok(())
}
