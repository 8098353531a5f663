//! What one client may have: too much of anything ends it, and nobody else notices.

use porthole_tests::{
    Result, Service,
    program::{PoolMemory, Program},
    wait::{SHORT, wait_until},
};
use wayland_client::protocol::{
    wl_compositor::WlCompositor, wl_shm::Format, wl_shm::WlShm, wl_surface::WlSurface,
};

use crate::wayland_scene::{APP, picture, service};

/// Asks for much of something; the client is told that it is too much, and so is the log.
fn too_much(
    service: &Service,
    error: &str,
    ask: impl FnOnce(&mut Program) -> Result<()>,
) -> Result<()> {
    let mut greedy = Program::connect(&service.socket("viewer")?)?;
    let told = ask(&mut greedy)
        .and_then(|()| greedy.roundtrip())
        .and_then(|()| greedy.roundtrip())
        .expect_err("more than a client may have was given");
    assert!(told.to_string().contains(error), "{told} instead of {error}");
    wait_until("the log to say so", SHORT, || {
        let log = service.process.log();
        Ok(log.lines().any(|l| l.contains(error) && l.contains("viewer")).then_some(()))
    })?;
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let toplevel = program.toplevel(APP)?;
    let mark = program.log.len();
    program.frame(&toplevel.surface);
    toplevel.show(&program.buffer((20, 10), Format::Xrgb8888, true)?);
    program.wait_for("a frame", mark, |line| line == "frame done")
}

#[test]
fn objects_of_each_kind_are_counted() -> Result<()> {
    let service = service()?;
    too_much(&service, "too many wl_surface objects; a client may have 1024", |greedy| {
        (0..2000).for_each(|_| drop(greedy.surface()));
        Ok(())
    })?;
    too_much(&service, "too many wl_region objects", |greedy| {
        let compositor: WlCompositor = greedy.bind()?;
        (0..2000).for_each(|_| drop(compositor.create_region(greedy.handle(), ())));
        Ok(())
    })?;
    too_much(&service, "too many wl_callback objects; a client may have 4096", |greedy| {
        let surface = greedy.surface();
        (0..6000).for_each(|_| greedy.frame(&surface));
        Ok(())
    })?;
    too_much(&service, "too many wp_presentation_feedback objects", |greedy| {
        // Those of a surface that is never shown wait for ever.
        let surface = greedy.surface();
        (0..6000).try_for_each(|_| greedy.feedback(&surface))
    })?;
    too_much(&service, "too many protocol objects; a client may have 16384", |greedy| {
        (0..20_000).try_for_each(|_| greedy.bind::<WlCompositor>().map(drop))
    })?;
    too_much(&service, "too many wl_shm_pool objects; a client may have 1024", |greedy| {
        let (memory, shm) = (PoolMemory::new(64, true)?, greedy.bind::<WlShm>()?);
        for _ in 0..20 {
            // The library would send all descriptors ahead, which is another limit.
            (0..100).for_each(|_| drop(shm.create_pool(memory.fd(), 64, greedy.handle(), ())));
            greedy.roundtrip()?;
        }
        Ok(())
    })?;
    too_much(&service, "too many wl_buffer objects; a client may have 4096", |greedy| {
        let memory = PoolMemory::new(64, true)?;
        let pool = greedy.pool(&memory, 64)?;
        for _ in 0..6000 {
            pool.create_buffer(0, 4, 4, 16, Format::Xrgb8888, greedy.handle(), ());
        }
        Ok(())
    })
}

#[test]
fn capture_sessions_and_virtual_devices_are_counted() -> Result<()> {
    let service = service()?;
    too_much(&service, "too many ext_image_copy_capture_session_v1 objects", |greedy| {
        let output = greedy.output("main")?;
        let managers = greedy.capture_managers()?;
        (0..400).try_for_each(|_| greedy.capture_with(&managers, &output).map(drop))
    })?;
    too_much(&service, "too many zwlr_screencopy_manager_v1 objects", |greedy| {
        (0..400).try_for_each(|_| greedy.copies().map(drop))
    })?;
    too_much(&service, "too many ext_foreign_toplevel_list_v1 objects", |greedy| {
        (0..400).try_for_each(|_| greedy.toplevel_list().map(drop))
    })?;
    too_much(
        &service,
        "too many zwp_virtual_keyboard_v1 objects; a client may have 64",
        |greedy| {
            let seat = greedy.seat("main")?;
            (0..400).try_for_each(|_| greedy.virtual_keyboard(&seat).map(drop))
        },
    )?;
    too_much(&service, "too many zwp_tablet_seat_v2 objects; a client may have 64", |greedy| {
        let seat = greedy.seat("main")?;
        (0..400).try_for_each(|_| greedy.pens(&seat).map(drop))
    })?;
    too_much(&service, "too many zwlr_virtual_pointer_v1 objects; a client may have 64", |greedy| {
        let output = greedy.output("main")?;
        (0..400).try_for_each(|_| greedy.virtual_pointer(&output).map(drop))
    })
}

#[test]
fn pools_have_so_many_bytes_together() -> Result<()> {
    let service = service()?;
    let largest = u64::from(u32::MAX >> 1);
    too_much(&service, "shared memory would take", |greedy| {
        let memory = PoolMemory::new(64, true)?;
        let first = greedy.pool(&memory, largest)?;
        greedy.roundtrip()?;
        // What is gone does not count any more.
        first.destroy();
        greedy.pool(&memory, largest)?;
        greedy.roundtrip()?;
        greedy.pool(&memory, 64).map(drop)
    })?;
    too_much(&service, "shared memory would take", |greedy| {
        let memory = PoolMemory::new(64, true)?;
        let growing = greedy.pool(&memory, 64)?;
        greedy.pool(&memory, largest - 64)?;
        growing.resize(65);
        greedy.roundtrip()?;
        growing.resize(100);
        Ok(())
    })
}

#[test]
fn pictures_that_are_copied_have_so_many_bytes_together() -> Result<()> {
    let service = service()?;
    too_much(&service, "pictures copied out of unsealed pools would take", |greedy| {
        // A file without pages reads as zeros and costs nobody anything but the service.
        let memory = PoolMemory::new(8192 * 8192 * 4, false)?;
        let pool = greedy.pool(&memory, memory.len())?;
        let [large, small] = [8192, 8].map(|side| {
            let (handle, format) = (greedy.handle(), Format::Xrgb8888);
            pool.create_buffer(0, side, side, side * 4, format, handle, ())
        });
        // The third is refused before it is copied: a large one takes seconds of a busy machine.
        for buffer in [&large, &small, &large] {
            let surface = greedy.surface();
            surface.attach(Some(buffer), 0, 0);
            surface.commit();
        }
        Ok(())
    })
}

#[test]
fn regions_have_so_many_rectangles() -> Result<()> {
    let service = service()?;
    too_much(&service, "a region of more than 1024 rectangles", |greedy| {
        let compositor: WlCompositor = greedy.bind()?;
        let region = compositor.create_region(greedy.handle(), ());
        (0..1024).for_each(|i| region.add(i, 0, 1, 1));
        greedy.roundtrip()?;
        region.subtract(0, 0, 1, 1);
        Ok(())
    })
}

#[test]
fn commits_that_wait_for_a_parent_are_counted() -> Result<()> {
    let service = service()?;
    let committed = |children: &[WlSurface], count: usize| {
        (0..count).for_each(|i| children[i % children.len()].commit());
    };
    let subsurfaces = |program: &Program| {
        let parent = program.surface();
        let children: Vec<_> = (0..4).map(|_| program.subsurface(&parent).0).collect();
        (parent, children)
    };
    // Those that were applied do not count.
    let mut patient = Program::connect(&service.socket("viewer")?)?;
    let (parent, children) = subsurfaces(&patient);
    for _ in 0..4 {
        committed(&children, 1000);
        parent.commit();
        patient.roundtrip()?;
    }
    too_much(&service, "more than 2048 commits wait", |greedy| {
        committed(&subsurfaces(greedy).1, 3000);
        Ok(())
    })?;
    patient.roundtrip()
}

#[test]
fn damage_beyond_what_is_kept_is_all_of_the_surface() -> Result<()> {
    let service = service()?;
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let toplevel = program.toplevel(APP)?;
    let buffer = program.buffer((40, 20), Format::Xrgb8888, true)?;
    buffer.paint(|_, _| 0x11_1111)?;
    let mark = program.log.len();
    program.frame(&toplevel.surface);
    toplevel.show(&buffer);
    program.wait_for("a frame", mark, |line| line == "frame done")?;
    buffer.paint(|_, _| 0x22_2222)?;
    toplevel.surface.attach(Some(&buffer.object), 0, 0);
    (0..300).for_each(|_| toplevel.surface.damage_buffer(0, 0, 1, 1));
    let mark = program.log.len();
    program.frame(&toplevel.surface);
    toplevel.surface.commit();
    program.wait_for("a frame", mark, |line| line == "frame done")?;
    let seen = picture(&mut program)?;
    let in_layer = |i: usize| (8..48).contains(&(i % 64)) && (4..24).contains(&(i / 64));
    assert!((0..seen.len()).filter(|i| in_layer(*i)).all(|i| seen[i] == 0x22_2222));
    Ok(())
}

#[test]
fn a_socket_has_so_many_clients() -> Result<()> {
    let service = service()?;
    let socket = service.socket("plain")?;
    let mut clients = (0..64).map(|_| Program::connect(&socket)).collect::<Result<Vec<_>>>()?;
    Program::connect(&socket).expect_err("the 65th");
    assert!(service.process.log().contains("a client was refused: there are 64 already"));
    Program::connect(&service.socket("viewer")?)?.roundtrip()?;
    clients.pop();
    wait_until("room for one more", SHORT, || Ok(Program::connect(&socket).ok()))?.roundtrip()
}

/// Rectangles of a negative size are empty, whoever names them.
#[test]
fn negative_sizes_are_nothing() -> Result<()> {
    let service = service()?;
    let mut program = Program::connect(&service.socket("plain")?)?;
    let region = program.region(&[[0, 0, -1, 20], [5, 5, i32::MIN, i32::MIN]]);
    region.subtract(0, 0, 20, -1);
    let surface = program.surface();
    surface.set_input_region(Some(&region));
    surface.damage(0, 0, -5, 5);
    surface.damage_buffer(0, 0, 5, -5);
    surface.commit();
    program.roundtrip()
}
