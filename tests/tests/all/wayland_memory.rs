//! Client memory: every way to lie about it, and that nobody else notices.

use porthole_tests::{
    Result, Service,
    program::{Buffer, PoolMemory, Program},
};
use wayland_client::{Proxy, protocol::wl_shm::Format};

use crate::wayland_scene::{APP, service};

/// The program is told off, and another one still works.
fn refused(service: &Service, mut liar: Program, error: &str) -> Result<()> {
    let told = liar.roundtrip().and_then(|()| liar.roundtrip()).expect_err("a lie was believed");
    assert!(told.to_string().contains(error), "{told}");
    works(service)
}

fn works(service: &Service) -> Result<()> {
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let toplevel = program.toplevel(APP)?;
    let buffer = program.buffer((20, 10), Format::Xrgb8888, true)?;
    let mark = program.log.len();
    program.frame(&toplevel.surface);
    toplevel.show(&buffer);
    program.wait_for("a frame", mark, |line| line == "frame done")
}

#[test]
fn a_pool_cut_short_is_the_clients_own_error() -> Result<()> {
    let service = service()?;
    let mut liar = Program::connect(&service.socket("viewer")?)?;
    let toplevel = liar.toplevel(APP)?;
    let buffer = liar.buffer((64, 64), Format::Xrgb8888, false)?;
    toplevel.show(&buffer);
    liar.roundtrip()?;
    buffer.memory.truncate(100)?;
    toplevel.show(&buffer);
    refused(&service, liar, "ends before byte")
}

#[test]
fn a_sealed_pool_that_claims_more_than_it_has_is_refused() -> Result<()> {
    let service = service()?;
    let mut liar = Program::connect(&service.socket("viewer")?)?;
    let toplevel = liar.toplevel(APP)?;
    let memory = PoolMemory::new(4096, true)?;
    let pool = liar.pool(&memory, 1 << 20)?;
    let object = pool.create_buffer(0, 256, 256, 1024, Format::Xrgb8888, liar.handle(), ());
    toplevel.surface.attach(Some(&object), 0, 0);
    toplevel.surface.commit();
    refused(&service, liar, "its file has only 4096")
}

#[test]
fn buffers_outside_of_their_pool_are_refused() -> Result<()> {
    let service = service()?;
    let cases = [
        ([0, 32, 33, 128], "ends at byte"),
        ([1, 32, 32, 128], "ends at byte"),
        ([0, 33, 1, 128], "shorter than a row"),
        ([0, -1, 1, 4], "negative"),
        ([0, 0, 1, 4], "is empty"),
        ([-4, 1, 1, 4], "negative"),
        ([0, i32::MAX, i32::MAX, i32::MAX], "too large"),
    ];
    for ([offset, width, height, stride], error) in cases {
        let liar = Program::connect(&service.socket("viewer")?)?;
        let memory = PoolMemory::new(4096, true)?;
        let pool = liar.pool(&memory, 4096)?;
        let format = Format::Xrgb8888;
        pool.create_buffer(offset, width, height, stride, format, liar.handle(), ());
        refused(&service, liar, error)?;
    }
    let liar = Program::connect(&service.socket("viewer")?)?;
    let memory = PoolMemory::new(4096, true)?;
    liar.pool(&memory, 4096)?.resize(100);
    refused(&service, liar, "can only grow")
}

#[test]
fn subsurfaces_nested_without_end_are_refused() -> Result<()> {
    let service = service()?;
    let liar = Program::connect(&service.socket("viewer")?)?;
    let mut parent = liar.surface();
    for _ in 0..40 {
        parent = liar.subsurface(&parent).0;
    }
    refused(&service, liar, "nest deeper than 32")?;
    // The same from the inside out.
    let liar = Program::connect(&service.socket("viewer")?)?;
    let mut child = liar.surface();
    for _ in 0..40 {
        let parent = liar.surface();
        let _subsurface = liar.make_subsurface(&child, &parent);
        child = parent;
    }
    refused(&service, liar, "nest deeper than 32")
}

#[test]
fn damage_without_end_costs_no_time_without_end() -> Result<()> {
    let service = service()?;
    let mut flooder = Program::connect(&service.socket("viewer")?)?;
    let toplevel = flooder.toplevel(APP)?;
    let buffer = flooder.buffer((40, 20), Format::Xrgb8888, true)?;
    toplevel.surface.attach(Some(&buffer.object), 0, 0);
    for i in 0..20_000 {
        toplevel.surface.damage_buffer(i * 7 % 40, i * 3 % 20, 1, 1);
    }
    let mark = flooder.log.len();
    flooder.frame(&toplevel.surface);
    toplevel.surface.commit();
    flooder.wait_for("a frame", mark, |line| line == "frame done")?;
    works(&service)
}

#[test]
fn a_buffer_comes_back_when_another_one_is_shown() -> Result<()> {
    let service = service()?;
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let toplevel = program.toplevel(APP)?;
    for sealed in [true, false] {
        let first = program.buffer((20, 10), Format::Xrgb8888, sealed)?;
        let second = program.buffer((20, 10), Format::Xrgb8888, sealed)?;
        let name = |b: &Buffer| format!("buffer {} released", b.object.id().protocol_id());
        let mark = program.log.len();
        toplevel.show(&first);
        // Attached twice in a row: it is still in use, and released once.
        toplevel.show(&first);
        program.frame(&toplevel.surface);
        toplevel.show(&second);
        program.wait_for("the release", mark, |line| line == name(&first))?;
        program.wait_for("a frame", mark, |line| line == "frame done")?;
        program.roundtrip()?;
        let releases = program.log.since(mark).iter().filter(|l| **l == name(&first)).count();
        // A copied buffer is free after each copy; a mapped one when the last holder lets go.
        assert_eq!(releases, if sealed { 1 } else { 2 });
    }
    Ok(())
}

#[test]
fn a_buffer_is_free_before_the_program_is_told_to_draw_again() -> Result<()> {
    let service = service()?;
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let toplevel = program.toplevel(APP)?;
    let buffers = [
        program.buffer((20, 10), Format::Xrgb8888, true)?,
        program.buffer((20, 10), Format::Xrgb8888, true)?,
    ];
    let release = |b: &Buffer| format!("buffer {} released", b.object.id().protocol_id());
    for (shown, before) in [0, 1, 0, 1, 0, 1, 0, 1].into_iter().map(|i: usize| (i, 1 - i)).skip(1) {
        let mark = program.log.len();
        program.frame(&toplevel.surface);
        // Damage in one round and none in the next: both ways to a callback.
        toplevel.surface.attach(Some(&buffers[shown].object), 0, 0);
        if shown == 0 {
            toplevel.surface.damage_buffer(0, 0, 20, 10);
        }
        toplevel.surface.commit();
        program.wait_for("a frame", mark, |line| line == "frame done")?;
        let said = program.log.since(mark);
        let freed = said.iter().position(|line| *line == release(&buffers[before]));
        let told = said.iter().position(|line| line == "frame done");
        // The first picture replaces none.
        if mark > 0 && program.log.since(0).iter().filter(|l| *l == "frame done").count() > 1 {
            assert!(freed < told && freed.is_some(), "{said:?}");
        }
    }
    Ok(())
}
