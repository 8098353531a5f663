//! What a layer shows when its stream is gone, late or too fast.

use std::{path::Path, time::Duration};

use porthole_tests::{
    Failure, Picture, Result, Service,
    program::{Buffer, Program, Toplevel},
    wait,
};
use porthole_wayland::wfd::client::wfd_manager_v1::Access;
use wayland_client::protocol::wl_shm::Format;

use crate::wayland_scene::{APP, BACK, configuration, expect, in_layer, pattern, picture, show};

/// A program that shows a picture in the layer of 40 x 20.
fn shown(socket: &Path, word: impl Fn(u32, u32) -> u32) -> Result<(Program, Toplevel, Buffer)> {
    let mut program = Program::connect(socket)?;
    let toplevel = program.toplevel(APP)?;
    let buffer = program.buffer((40, 20), Format::Xrgb8888, true)?;
    buffer.paint(word)?;
    show(&mut program, &toplevel, &buffer)?;
    Ok((program, toplevel, buffer))
}

/// Waits until the port is the background with this in the layer.
fn wait_for(watcher: &mut Program, what: &str, in_it: impl Fn(u32, u32) -> u32) -> Result<()> {
    wait_until_port(watcher, what, |x, y| if in_layer(x, y) { in_it(x - 8, y - 4) } else { BACK })
}

/// Waits until the port looks like this.
fn wait_until_port(
    watcher: &mut Program,
    what: &str,
    want: impl Fn(u32, u32) -> u32,
) -> Result<()> {
    let is = |seen: &[u32]| seen.iter().zip(0_u32..).all(|(word, i)| *word == want(i % 64, i / 64));
    wait::wait_until(what, wait::SHORT, || Ok(is(&picture(watcher)?).then_some(())))
}

#[test]
fn the_last_picture_stays_when_its_program_dies_and_follows_its_layer() -> Result<()> {
    let text = configuration("fallback = \"last\"");
    let service = Service::start_with(&text)?;
    let mut watcher = Program::connect(&service.socket("viewer")?)?;
    let (program, ..) = shown(&service.socket("viewer")?, pattern)?;
    program.die();
    // The service has noticed when a new connection is answered.
    Program::connect(&service.socket("viewer")?)?.roundtrip()?;
    expect(
        &picture(&mut watcher)?,
        |x, y| {
            if in_layer(x, y) { pattern(x - 8, y - 4) } else { BACK }
        },
    );
    // It is placed anew with its layer, twice as large as it was.
    service.reload(&text.replace("[8, 4, 40, 20]", "[0, 0, 64, 40]\nfit = \"1:1\""))?;
    wait_until_port(&mut watcher, "the layer in its new place", |x, y| {
        let inside = (12..52).contains(&x) && (10..30).contains(&y);
        if inside { pattern(x - 12, y - 10) } else { BACK }
    })
}

#[test]
fn a_picture_stands_in_for_a_program_that_dies_and_gives_way_to_the_next() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("gone.png");
    Picture::new(4, 2, [1, 200, 30]).write(&file)?;
    let service = Service::start_with(&configuration(&format!("fallback = '{}'", file.display())))?;
    let mut watcher = Program::connect(&service.socket("viewer")?)?;
    let (program, ..) = shown(&service.socket("viewer")?, pattern)?;
    wait_for(&mut watcher, "the program", pattern)?;
    program.die();
    wait_for(&mut watcher, "the fallback", |_, _| 0x01_c81e)?;
    let (_program, ..) = shown(&service.socket("viewer")?, |x, _| x)?;
    wait_for(&mut watcher, "the next program", |x, _| x)
}

#[test]
fn who_promised_signs_of_life_and_is_silent_is_late() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("late.png");
    Picture::new(40, 20, [200, 0, 0]).write(&file)?;
    let layer = format!("fallback = '{}'\ndeadline = 0.2", file.display());
    let service = Service::start_with(&configuration(&layer))?;
    let mut watcher = Program::connect(&service.socket("viewer")?)?;
    let (mut program, toplevel, _buffer) = shown(&service.socket("viewer")?, pattern)?;
    let stream = program.stream(&toplevel.surface)?;
    program.roundtrip()?;
    // Who promises nothing is never late.
    wait::pause(Duration::from_millis(400));
    wait_for(&mut watcher, "the idle program", pattern)?;
    stream.heartbeat(1);
    program.roundtrip()?;
    wait_for(&mut watcher, "the fallback", |_, _| 0xc8_0000)?;
    // However long a look takes, the program is alive meanwhile.
    let socket = service.socket("viewer")?;
    std::thread::scope(|scope| -> Result<()> {
        let looks =
            scope.spawn(|| wait_for(&mut Program::connect(&socket)?, "the program again", pattern));
        let mut beats = 1;
        while !looks.is_finished() {
            beats += 1;
            stream.heartbeat(beats);
            program.roundtrip()?;
            wait::pause(Duration::from_millis(20));
        }
        looks.join().map_err(|_| Failure::new("the look failed"))?
    })?;
    wait_for(&mut watcher, "the fallback again", |_, _| 0xc8_0000)
}

#[test]
fn a_shorter_deadline_counts_at_once() -> Result<()> {
    let layer = |deadline| configuration(&format!("fallback = \"hide\"\ndeadline = {deadline}"));
    let service = Service::start_with(&layer("3600"))?;
    let mut watcher = Program::connect(&service.socket("viewer")?)?;
    let (mut program, toplevel, _buffer) = shown(&service.socket("viewer")?, pattern)?;
    let stream = program.stream(&toplevel.surface)?;
    stream.heartbeat(1);
    program.roundtrip()?;
    service.reload(&layer("0.1"))?;
    stream.heartbeat(2);
    program.roundtrip()?;
    wait_for(&mut watcher, "the fallback", |_, _| BACK)
}

#[test]
fn observers_hear_how_a_layer_reaches_the_screen_and_of_its_fallback() -> Result<()> {
    let service = Service::start_with(&configuration("fallback = \"last\"\ndeadline = 0.1"))?;
    let mut looker = Program::connect(&service.socket("viewer")?)?;
    let device = looker.wfd(Access::Observe)?;
    let layer = looker.wfd_pipelines()[0];
    looker.wfd_pipeline(&device, layer);
    let said = |what: &str| format!("pipeline {layer} {what}");
    let wait = |looker: &mut Program, mark: usize, what: &str| {
        let start = said(what);
        looker.wait_for(what, mark, |line| line.starts_with(&start))
    };
    let placed = |placement: &str| format!("Placement {{ placement: Value({placement})");
    wait(&mut looker, 0, &placed("None"))?;
    let (mut program, toplevel, _buffer) = shown(&service.socket("viewer")?, pattern)?;
    wait(&mut looker, 0, &placed("Composited"))?;
    let mark = looker.log.len();
    program.stream(&toplevel.surface)?.heartbeat(1);
    program.roundtrip()?;
    wait(&mut looker, mark, "Fallback { active: 1")?;
    let mark = looker.log.len();
    toplevel.surface.commit();
    program.roundtrip()?;
    wait(&mut looker, mark, "Fallback { active: 0")?;
    // It is silent again, and then gone.
    wait(&mut looker, mark, "Fallback { active: 1")?;
    program.die();
    let mark = looker.log.len();
    // A picture that fills the port needs no composing.
    let text = configuration("").replace("[8, 4, 40, 20]", "[0, 0, 64, 48]");
    service.reload(&text)?;
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let toplevel = program.toplevel(APP)?;
    let buffer = program.buffer((64, 48), Format::Xrgb8888, true)?;
    show(&mut program, &toplevel, &buffer)?;
    wait(&mut looker, mark, &placed("Primary"))
}

#[test]
fn a_fast_program_is_taken_at_its_layers_rate() -> Result<()> {
    let text = configuration("rate_limit = 5").replace("size = ", "refresh = 240\nsize = ");
    let service = Service::start_with(&text)?;
    // Before the first one: this test may be late with its look at the clock.
    let begin = std::time::Instant::now();
    let (mut program, toplevel, buffer) = shown(&service.socket("viewer")?, |_, _| 0)?;
    for round in 1..=10_u32 {
        buffer.paint(|_, _| round)?;
        show(&mut program, &toplevel, &buffer)?;
    }
    // Ten pictures at five a second; how late the last may be is the machine's business.
    assert!(begin.elapsed() >= Duration::from_millis(1900), "{:?}", begin.elapsed());
    let mut watcher = Program::connect(&service.socket("viewer")?)?;
    wait_for(&mut watcher, "the last picture", |_, _| 10)?;
    // A move of the layer does not wait.
    buffer.paint(|_, _| 11)?;
    toplevel.show(&buffer);
    program.roundtrip()?;
    service.reload(&text.replace("[8, 4, 40, 20]", "[0, 0, 40, 20]"))?;
    wait_until_port(
        &mut watcher,
        "the moved layer",
        |x, y| {
            if x < 40 && y < 20 { 11 } else { BACK }
        },
    )
}
