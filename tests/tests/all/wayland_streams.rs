//! What the devices of guests are told of their layers, and what may be said in such a stream.

use porthole_tests::{
    Result, Service,
    program::{Program, Toplevel},
};
use porthole_wayland::stream::client::wfd_stream_v1::{Lamps, PointerMode, State, WfdStreamV1};
use wayland_client::protocol::wl_shm::Format;

/// A port of 400 x 200 at 30 Hz. The layer of scanout 0 has its left half, that of scanout 1 lies below
/// it where a test says so.
fn configuration(first: &str, second: &str) -> String {
    format!(
        r#"
version = 1
[[port]]
name = "main"
size = [400, 200]
refresh = 30
[[guest]]
scanouts = 8
name = "ivi"
[[layer]]
name = "first"
port = "main"
guest = "ivi"
{first}
[[layer]]
name = "second"
port = "main"
guest = "ivi"
scanout = 1
{second}
"#
    )
}

const LEFT: &str = "rect = [0, 0, 200, 200]\norder = 2";
const RIGHT: &str = "rect = [200, 0, 200, 100]\norder = 1";

/// A toplevel of a guest's scanout with its stream, as a device makes them.
fn device(program: &mut Program, scanout: u32) -> Result<(Toplevel, WfdStreamV1)> {
    let toplevel = program.toplevel(&format!("porthole.scanout.{scanout}"))?;
    let stream = program.stream(&toplevel.surface)?;
    program.roundtrip()?;
    Ok((toplevel, stream))
}

fn show(program: &mut Program, toplevel: &Toplevel, size: (u32, u32)) -> Result<()> {
    let buffer = program.buffer(size, Format::Xrgb8888, true)?;
    toplevel.show(&buffer);
    program.roundtrip()
}

fn wait(program: &mut Program, mark: usize, line: &str) -> Result<()> {
    program.wait_for(line, mark, |said| said == line)
}

#[test]
fn a_turned_layer_asks_for_a_display_on_its_side() -> Result<()> {
    let turned = "rect = [0, 0, 100, 200]\nrotation = 90\norder = 2";
    let service = Service::start_with(&configuration(turned, RIGHT))?;
    let mut guest = Program::connect(&service.socket("ivi")?)?;
    let (_toplevel, _stream) = device(&mut guest, 0)?;
    wait(&mut guest, 0, "stream configure 1 200x100 30000 mHz 52x26 mm")
}

#[test]
fn a_stream_follows_its_layer() -> Result<()> {
    let service = Service::start_with(&configuration(LEFT, RIGHT))?;
    let mut guest = Program::connect(&service.socket("ivi")?)?;
    let (_toplevel, stream) = device(&mut guest, 0)?;
    wait(&mut guest, 0, "stream configure 1 200x200 30000 mHz 52x52 mm")?;
    stream.ack_configure(1);
    // Another rate and place at once are one configure, the same again is none.
    let mark = guest.log.len();
    let other = configuration(LEFT, RIGHT).replace("refresh = 30", "refresh = 50");
    let other = other.replace("[0, 0, 200, 200]", "[0, 0, 100, 50]");
    service.reload(&other)?;
    wait(&mut guest, mark, "stream configure 2 100x50 50000 mHz 26x13 mm")?;
    service.reload(&other.replace("[0, 0, 100, 50]", "[8, 8, 100, 50]"))?;
    // The guest leads: its size is its own.
    service.reload(&other.replace("order = 2", "order = 2\nlead = \"picture\""))?;
    wait(&mut guest, mark, "stream configure 3 0x0 50000 mHz 26x13 mm")?;
    // No layer shows it any more, and then one does again.
    service
        .reload(&other.replace("guest = \"ivi\"\nrect", "guest = \"ivi\"\nscanout = 7\nrect"))?;
    wait(&mut guest, mark, "stream configure 4 0x0 0 mHz disconnected")?;
    service.reload(&other)?;
    wait(&mut guest, mark, "stream configure 5 100x50 50000 mHz 26x13 mm")?;
    // Answers may leave some out.
    stream.ack_configure(3);
    stream.ack_configure(5);
    guest.roundtrip()
}

#[test]
fn a_stream_is_visible_while_a_pixel_of_it_is_shown() -> Result<()> {
    let service = Service::start_with(&configuration(LEFT, RIGHT))?;
    let mut guest = Program::connect(&service.socket("ivi")?)?;
    let (above, _first) = device(&mut guest, 0)?;
    let (below, _second) = device(&mut guest, 1)?;
    assert!(!guest.log.since(0).iter().any(|l| l == "stream visible"), "nothing is shown yet");
    show(&mut guest, &below, (200, 100))?;
    wait(&mut guest, 0, "stream visible")?;
    let mark = guest.log.len();
    show(&mut guest, &above, (200, 200))?;
    wait(&mut guest, mark, "stream visible")?;
    // All of it goes under the other one, comes out by a pixel, and is covered again.
    let mark = guest.log.len();
    service.reload(&configuration(LEFT, "rect = [0, 50, 200, 100]\norder = 1"))?;
    wait(&mut guest, mark, "stream hidden")?;
    let mark = guest.log.len();
    service.reload(&configuration(LEFT, "rect = [1, 50, 200, 100]\norder = 1"))?;
    wait(&mut guest, mark, "stream visible")?;
    let mark = guest.log.len();
    service.reload(&configuration(LEFT, "rect = [0, 50, 200, 100]\norder = 1"))?;
    wait(&mut guest, mark, "stream hidden")?;
    // What covers it is translucent, then gone: both times something of it is seen.
    let mark = guest.log.len();
    let glass = format!("{LEFT}\nopacity = 0.5");
    service.reload(&configuration(&glass, "rect = [0, 50, 200, 100]\norder = 1"))?;
    wait(&mut guest, mark, "stream visible")?;
    let mark = guest.log.len();
    service.reload(&configuration(LEFT, "rect = [0, 50, 200, 100]\norder = 1"))?;
    wait(&mut guest, mark, "stream hidden")?;
    let mark = guest.log.len();
    above.hide();
    wait(&mut guest, mark, "stream visible")?;
    let mark = guest.log.len();
    below.hide();
    wait(&mut guest, mark, "stream hidden")
}

#[test]
fn a_stream_that_is_captured_is_seen_though_its_port_hides_it() -> Result<()> {
    let viewer = "[[socket]]\nname = \"viewer\"\nrights = [\"capture:main\"]\n[[guest]]";
    let text = configuration(LEFT, "rect = [0, 50, 200, 100]\norder = 1");
    let service = Service::start_with(&text.replacen("[[guest]]", viewer, 1))?;
    let mut guest = Program::connect(&service.socket("ivi")?)?;
    let (above, _first) = device(&mut guest, 0)?;
    show(&mut guest, &above, (200, 200))?;
    wait(&mut guest, 0, "stream visible")?;
    let mark = guest.log.len();
    let (below, _second) = device(&mut guest, 1)?;
    show(&mut guest, &below, (200, 100))?;
    guest.frame(&below.surface);
    below.surface.commit();
    guest.wait_for("a frame", mark, |line| line == "frame done")?;
    assert!(!guest.log.since(mark).iter().any(|line| line == "stream visible"));
    let mut viewer = Program::connect(&service.socket("viewer")?)?;
    viewer.toplevel_list()?;
    let handle = viewer.listed("porthole.scanout.1")?;
    let session = viewer.capture_toplevel(&handle)?;
    let buffer = viewer.buffer((200, 100), Format::Xrgb8888, true)?;
    viewer.capture_frame(&session, &buffer);
    viewer.roundtrip()?;
    wait(&mut guest, mark, "stream visible")?;
    // The capture ends; the next frame finds it hidden.
    let mark = guest.log.len();
    viewer.die();
    service.reload(&text.replace("rect = [0, 50, 200, 100]", "rect = [0, 60, 200, 100]"))?;
    wait(&mut guest, mark, "stream hidden")
}

#[test]
fn a_stream_that_comes_late_is_told_where_it_is() -> Result<()> {
    let service = Service::start_with(&configuration(LEFT, RIGHT))?;
    let mut guest = Program::connect(&service.socket("ivi")?)?;
    let toplevel = guest.toplevel("porthole.scanout.1")?;
    show(&mut guest, &toplevel, (200, 100))?;
    let stream = guest.stream(&toplevel.surface)?;
    wait(&mut guest, 0, "stream configure 1 200x100 30000 mHz 52x26 mm")?;
    wait(&mut guest, 0, "stream visible")?;
    // It goes and another one comes; the toplevel stays what it is.
    stream.destroy();
    let mark = guest.log.len();
    let stream = guest.stream(&toplevel.surface)?;
    wait(&mut guest, mark, "stream configure 1 200x100 30000 mHz 52x26 mm")?;
    wait(&mut guest, mark, "stream visible")?;
    // Its toplevel goes first: it may say what it likes, and nobody listens.
    toplevel.destroy();
    stream.set_state(State::Crashed);
    stream.heartbeat(7);
    guest.roundtrip()
}

#[test]
fn what_a_guest_says_of_itself_is_heard() -> Result<()> {
    let service = Service::start_with(&configuration(LEFT, RIGHT))?;
    let mut guest = Program::connect(&service.socket("ivi")?)?;
    let (_toplevel, stream) = device(&mut guest, 0)?;
    stream.set_state(State::Running);
    stream.set_rate(30_000);
    stream.heartbeat(1);
    stream.heartbeat(2);
    stream.set_leds(Lamps::Caps | Lamps::Num);
    stream.set_pointer_mode(PointerMode::Relative);
    guest.roundtrip()?;
    assert!(service.process.log().contains("the guest is Running"), "it is in the log");
    // A program is a stream too.
    let service = crate::wayland_scene::service()?;
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let toplevel = program.toplevel(crate::wayland_scene::APP)?;
    let _stream = program.stream(&toplevel.surface)?;
    wait(&mut program, 0, "stream configure 1 40x20 60000 mHz 10x5 mm")
}

/// Every misuse that a correct client can avoid is an error that says what was wrong.
#[test]
fn lies_in_a_stream_are_protocol_errors() -> Result<()> {
    type Lie = fn(&mut Program) -> Result<()>;
    let lies: [(&str, Lie); 6] = [
        ("wfd_stream_manager_v1 error 0", |guest| {
            let surface = guest.surface();
            guest.stream(&surface).map(drop)
        }),
        ("wfd_stream_manager_v1 error 1", |guest| {
            let (toplevel, _stream) = device(guest, 0)?;
            guest.stream(&toplevel.surface).map(drop)
        }),
        ("wfd_stream_v1 error 0", |guest| {
            device(guest, 0)?.1.set_leds(Lamps::from_bits_retain(8));
            Ok(())
        }),
        ("wfd_stream_v1 error 1: no configure 2", |guest| {
            device(guest, 0)?.1.ack_configure(2);
            Ok(())
        }),
        ("wfd_stream_v1 error 1: no configure 0", |guest| {
            device(guest, 0)?.1.ack_configure(0);
            Ok(())
        }),
        ("wfd_stream_v1 error 1: no configure 1", |guest| {
            let stream = device(guest, 0)?.1;
            stream.ack_configure(1);
            stream.ack_configure(1);
            Ok(())
        }),
    ];
    let service = Service::start_with(&configuration(LEFT, RIGHT))?;
    for (expected, lie) in lies {
        let mut guest = Program::connect(&service.socket("ivi")?)?;
        lie(&mut guest)?;
        let error = guest.roundtrip().expect_err(expected).to_string();
        assert!(error.contains(expected), "{error} instead of {expected}");
    }
    Ok(())
}
