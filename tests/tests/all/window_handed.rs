//! Pictures that a window's parent reads where programs wrote them: nothing is copied. The parent is another
//! run of the service.

use porthole_tests::{
    Failure, Result, Service,
    demo::statistics,
    program::{Buffer, Program, Toplevel},
    wait::{SHORT, wait_until},
};
use wayland_client::{Proxy, protocol::wl_shm::Format};

use crate::{
    wayland_scene::{APP, BACK, configuration, in_layer, pattern, picture, service, show},
    window::{child, parent_shows},
};

const SIZE: (u32, u32) = (40, 20);

/// Bytes copied into the window's memory, and frames whose memory the parent was given. A picture that was
/// copied because the parent took too long to show it, as on a machine under load, is not counted.
pub(crate) fn counted(child: &Service, (width, height): (u32, u32)) -> Result<(u64, u64)> {
    let all = statistics(&child.process)?;
    let count = |name: &str| all.pointer(&format!("/ports/main/{name}")).and_then(|n| n.as_u64());
    let counts = count("screen_bytes").zip(count("handed_frames")).zip(count("taken_back"));
    let ((copied, handed), back) =
        counts.ok_or_else(|| Failure::new(format!("no counts in {all}")))?;
    Ok((copied.saturating_sub(back * u64::from(width * height * 4)), handed))
}

/// Memory that nobody can cut short or forbid any more.
pub(crate) fn sealed(program: &Program, size: (u32, u32)) -> Result<Buffer> {
    let buffer = program.buffer(size, Format::Xrgb8888, true)?;
    buffer.memory.seal_for_good()?;
    Ok(buffer)
}

/// The pattern in another colour for each round.
fn other(round: u32) -> impl Fn(u32, u32) -> u32 {
    move |x, y| pattern(x, y) ^ (round.wrapping_mul(0x1_0305) & 0xff_ffff)
}

/// What the parent shows with that in its layer.
fn of_parent(round: u32) -> impl Fn(u32, u32) -> u32 {
    move |x, y| if in_layer(x, y) { other(round)(x - 8, y - 4) } else { BACK }
}

fn wait_for_release(program: &mut Program, mark: usize, buffer: &Buffer) -> Result<()> {
    let line = format!("buffer {} released", buffer.object.id().protocol_id());
    program.wait_for("the buffer to be released", mark, |said| said == line)
}

/// A program with two buffers, which draws into one when it has that back.
struct Film {
    program: Program,
    toplevel: Toplevel,
    buffers: [Buffer; 2],
    /// Where the program's log ended when each buffer was shown.
    shown: [Option<usize>; 2],
}

impl Film {
    fn start(child: &Service) -> Result<Self> {
        let mut program = Program::connect(&child.socket("viewer")?)?;
        let toplevel = program.toplevel(APP)?;
        let buffers = [sealed(&program, SIZE)?, sealed(&program, SIZE)?];
        Ok(Self { program, toplevel, buffers, shown: [None, None] })
    }

    fn show(&mut self, round: u32) -> Result<()> {
        let index = usize::from(round % 2 == 1);
        let (Some(buffer), Some(shown)) = (self.buffers.get(index), self.shown.get_mut(index))
        else {
            return Err(Failure::new("no buffer"));
        };
        if let Some(mark) = *shown {
            wait_for_release(&mut self.program, mark, buffer)?;
        }
        buffer.paint(other(round))?;
        *shown = Some(self.program.log.len());
        show(&mut self.program, &self.toplevel, buffer)
    }
}

/// A film whose first picture the parent shows. The port's splash was copied before.
fn film(parent: &Service, child: &Service) -> Result<Film> {
    let mut film = Film::start(child)?;
    film.show(0)?;
    parent_shows(parent, of_parent(0))?;
    Ok(film)
}

#[test]
fn a_picture_that_fills_a_window_is_not_copied() -> Result<()> {
    let parent = service()?;
    let child = child(&parent, "")?;
    let mut film = film(&parent, &child)?;
    let before = counted(&child, SIZE)?;
    for round in 1..8 {
        film.show(round)?;
        parent_shows(&parent, of_parent(round))?;
    }
    let after = counted(&child, SIZE)?;
    assert!(after.0 <= before.0, "bytes copied for the window: {after:?} after {before:?}");
    assert!(after.1 > before.1 + 3, "{after:?} after {before:?}");
    // Viewers of the port see the same.
    let mut viewer = Program::connect(&child.socket("viewer")?)?;
    let output = viewer.output("main")?;
    let session = viewer.capture(&output)?;
    let copy = viewer.buffer(SIZE, Format::Xrgb8888, true)?;
    let mark = viewer.log.len();
    viewer.capture_frame(&session, &copy);
    viewer.wait_for("a capture", mark, |line| line == "capture ready")?;
    let wanted: Vec<u32> =
        (0..SIZE.1).flat_map(|y| (0..SIZE.0).map(move |x| other(7)(x, y))).collect();
    let words: Vec<u32> = copy.words()?.into_iter().map(|word| word & 0xff_ffff).collect();
    assert!(words == wanted, "what is captured is what is shown");

    // Something over it: both are copied, and nothing of before is left.
    let Film { mut program, toplevel, .. } = film;
    let (surface, _subsurface) = program.subsurface(&toplevel.surface);
    let above = program.buffer((10, 10), Format::Xrgb8888, true)?;
    above.paint(|_, _| 0xff00)?;
    surface.attach(Some(&above.object), 0, 0);
    surface.damage_buffer(0, 0, 10, 10);
    surface.commit();
    toplevel.surface.commit();
    program.roundtrip()?;
    let in_above = |x: u32, y: u32| (8..18).contains(&x) && (4..14).contains(&y);
    parent_shows(&parent, |x, y| if in_above(x, y) { 0xff00 } else { of_parent(7)(x, y) })?;
    let copied = counted(&child, SIZE)?;
    // Without it again.
    surface.attach(None, 0, 0);
    surface.commit();
    toplevel.surface.commit();
    program.roundtrip()?;
    parent_shows(&parent, of_parent(7))?;
    let last = counted(&child, SIZE)?;
    assert!(last.0 <= copied.0, "bytes copied for the window: {last:?} after {copied:?}");
    assert!(last.1 > copied.1, "{last:?} after {copied:?}");
    Ok(())
}

#[test]
fn memory_that_may_change_is_copied_for_a_window() -> Result<()> {
    let parent = service()?;
    let child = child(&parent, "")?;
    let mut program = Program::connect(&child.socket("viewer")?)?;
    let toplevel = program.toplevel(APP)?;
    let (_, none) = counted(&child, SIZE)?;
    for round in 0..4_u32 {
        // Sealed against shrinking, or not even that: who has it may still seal it against writing.
        let buffer = program.buffer(SIZE, Format::Xrgb8888, round % 2 == 0)?;
        buffer.paint(other(round))?;
        show(&mut program, &toplevel, &buffer)?;
        parent_shows(&parent, of_parent(round))?;
    }
    let (copied, handed) = counted(&child, SIZE)?;
    assert_eq!(handed, none, "frames whose memory the parent was given");
    assert!(copied >= u64::from(SIZE.0 * SIZE.1 * 4 * 4), "{copied} bytes");
    Ok(())
}

/// A program that draws where the parent reads gets what it asks for, and every frame is whole at last.
#[test]
fn a_buffer_that_comes_again_is_not_given_back_too_soon() -> Result<()> {
    let parent = service()?;
    let child = child(&parent, "")?;
    let Film { mut program, toplevel, buffers: [only, _], .. } = film(&parent, &child)?;
    for round in 1..7 {
        only.paint(other(round))?;
        let mark = program.log.len();
        show(&mut program, &toplevel, &only)?;
        parent_shows(&parent, of_parent(round))?;
        let releases = || {
            let line = format!("buffer {} released", only.object.id().protocol_id());
            program.log.since(mark).iter().filter(|said| **said == line).count()
        };
        assert!(releases() <= 1, "it was shown once");
    }
    Ok(())
}

/// The parent keeps what it was given last. A program that has two buffers would wait for it forever.
#[test]
fn programs_get_their_memory_back_from_a_window_that_nobody_sees() -> Result<()> {
    let parent = service()?;
    let child = child(&parent, "")?;
    let mut film = film(&parent, &child)?;
    parent.reload(&configuration("").replace(APP, "org.porthole.other"))?;
    parent_shows(&parent, |_, _| BACK)?;
    for round in 1..8 {
        film.show(round)?;
    }
    let (_, hidden) = counted(&child, SIZE)?;
    parent.reload(&configuration(""))?;
    parent_shows(&parent, of_parent(7))?;
    for round in 8..12 {
        film.show(round)?;
        parent_shows(&parent, of_parent(round))?;
    }
    let (_, seen) = counted(&child, SIZE)?;
    assert!(seen > hidden, "{seen} frames after {hidden}");
    Ok(())
}

#[test]
fn programs_get_their_memory_back_when_the_parent_dies() -> Result<()> {
    let mut parent = service()?;
    let child = child(&parent, "")?;
    let mut film = film(&parent, &child)?;
    film.show(1)?;
    parent_shows(&parent, of_parent(1))?;
    parent.kill()?;
    for round in 2..6 {
        film.show(round)?;
    }
    parent.start_again(&[], None)?;
    parent_shows(&parent, of_parent(5))?;
    let before = counted(&child, SIZE)?;
    for round in 6..10 {
        film.show(round)?;
        parent_shows(&parent, of_parent(round))?;
    }
    let after = counted(&child, SIZE)?;
    assert!(after.0 <= before.0, "bytes copied for the window: {after:?} after {before:?}");
    assert!(after.1 > before.1, "{after:?} after {before:?}");
    Ok(())
}

/// How much memory of programs a service has mapped.
fn mapped(service: &Service) -> Result<usize> {
    let all = service.process.mapped_memory()?;
    Ok(all.iter().filter(|(_, name)| name == "program").count())
}

#[test]
fn the_parent_forgets_what_a_dead_program_showed() -> Result<()> {
    let parent = service()?;
    let child = child(&parent, "")?;
    let mut first = film(&parent, &child)?;
    first.show(1)?;
    parent_shows(&parent, of_parent(1))?;
    assert!(mapped(&parent)? >= 2, "the parent reads both buffers");
    first.program.die();
    // The layer is empty, so the window has the port's background: nothing.
    parent_shows(&parent, |x, y| if in_layer(x, y) { 0 } else { BACK })?;
    wait_until("the parent to forget both", SHORT, || Ok((mapped(&parent)? == 0).then_some(())))?;
    let mut second = film(&parent, &child)?;
    second.show(1)?;
    parent_shows(&parent, of_parent(1))
}

#[test]
fn a_parent_knows_so_many_buffers_of_programs() -> Result<()> {
    let parent = service()?;
    let child = child(&parent, "")?;
    let mut program = Program::connect(&child.socket("viewer")?)?;
    let toplevel = program.toplevel(APP)?;
    let buffers: Vec<Buffer> = (0..24).map(|_| sealed(&program, SIZE)).collect::<Result<_>>()?;
    for (round, buffer) in (0..).zip(buffers.iter().chain(&buffers)) {
        buffer.paint(other(round))?;
        show(&mut program, &toplevel, buffer)?;
    }
    parent_shows(&parent, of_parent(47))?;
    wait_until("what is left", SHORT, || Ok((mapped(&parent)? <= 16).then_some(())))?;
    assert!(mapped(&parent)? > 8, "it knows the others");
    Ok(())
}

#[test]
fn a_window_of_another_size_gets_pictures_of_that_size() -> Result<()> {
    let parent = service()?;
    let child = child(&parent, "")?;
    let mut film = film(&parent, &child)?;
    let mark = film.program.log.len();
    parent.reload(&configuration("").replace("[8, 4, 40, 20]", "[0, 0, 20, 16]"))?;
    film.program.wait_for("another size", mark, |line| line == "toplevel 20x16")?;
    let buffer = sealed(&film.program, (20, 16))?;
    buffer.paint(other(3))?;
    show(&mut film.program, &film.toplevel, &buffer)?;
    parent_shows(&parent, |x, y| if x < 20 && y < 16 { other(3)(x, y) } else { BACK })?;
    let (_, handed) = counted(&child, SIZE)?;
    assert!(handed > 1, "{handed} frames");
    // Whoever asks the parent sees the same.
    let seen = picture(&mut Program::connect(&parent.socket("viewer")?)?)?;
    assert_eq!(seen.first().copied(), Some(other(3)(0, 0)));
    Ok(())
}
