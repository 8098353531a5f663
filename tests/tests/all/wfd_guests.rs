//! What guests and people feel of a layout: who is seen through a hole, who gets the input there, and
//! what observers hear of pictures and frames.

use porthole_tests::{
    Result, Service,
    program::{Program, Toplevel},
};
use porthole_wayland::wfd::client::{
    wfd_device_v1::CommitFlags,
    wfd_manager_v1::Access,
    wfd_pipeline_v1::{InputPolicy, Transition, Transparency},
};
use wayland_client::protocol::{wl_pointer::ButtonState, wl_shm::Format};

use crate::{
    wayland_scene::show,
    wfd_control::{DEVICE, controller},
};

const NOW: CommitFlags = CommitFlags::empty();
/// `BTN_LEFT` of linux/input-event-codes.h.
const BTN_LEFT: u32 = 0x110;

/// A port of 64 x 48 that both scanouts of a guest fill, the second one above.
fn service() -> Result<Service> {
    let layer = |name: &str, scanout: u32, order: u32| {
        format!(
            "[[layer]]\nname = \"{name}\"\nport = \"main\"\nguest = \"ivi\"\n\
             scanout = {scanout}\norder = {order}\n"
        )
    };
    let text = "version = 1\n[[port]]\nname = \"main\"\nsize = [64, 48]\n\
                [[guest]]\nname = \"ivi\"\nscanouts = 2\n\
                [[socket]]\nname = \"viewer\"\n\
                rights = [\"capture:main\", \"input:main\", \"layout:main\"]\n";
    Service::start_with(&format!("{text}{}{}", layer("lower", 0, 1), layer("upper", 1, 2)))
}

/// A device of the guest that shows both scanouts.
fn guest(service: &Service) -> Result<(Program, [Toplevel; 2])> {
    let mut guest = Program::connect(&service.socket("ivi")?)?;
    guest.seat("main")?;
    let [lower, upper] =
        [0, 1].map(|scanout| guest.toplevel(&format!("porthole.scanout.{scanout}")));
    let toplevels = [lower?, upper?];
    for toplevel in &toplevels {
        let buffer = guest.buffer((64, 48), Format::Xrgb8888, true)?;
        toplevel.show(&buffer);
    }
    guest.roundtrip()?;
    Ok((guest, toplevels))
}

/// Frame callbacks and `visible` follow what is seen, also if that is only through a hole.
#[test]
fn a_guest_behind_a_hole_is_seen_and_goes_on_drawing() -> Result<()> {
    let service = service()?;
    let mut guest = Program::connect(&service.socket("ivi")?)?;
    let lower = guest.toplevel("porthole.scanout.0")?;
    let _stream = guest.stream(&lower.surface)?;
    let buffer = guest.buffer((64, 48), Format::Xrgb8888, true)?;
    lower.show(&buffer);
    guest.wait_for("to be seen", 0, |line| line == "stream visible")?;
    let mark = guest.log.len();
    let upper = guest.toplevel("porthole.scanout.1")?;
    let cover = guest.buffer((64, 48), Format::Xrgb8888, true)?;
    upper.show(&cover);
    guest.wait_for("to be covered", mark, |line| line == "stream hidden")?;

    let (mut program, device, _, pipelines) = controller(&service)?;
    let layer = program.wfd_pipeline(&device, pipelines[1]);
    layer.set_hole(Some(&program.region(&[[10, 10, 4, 4]])));
    layer.set_transparency(Transparency::Hole);
    let mark = guest.log.len();
    assert_eq!(program.wfd_commit(&device, DEVICE, NOW)?, "presented");
    guest.wait_for("to be seen again", mark, |line| line == "stream visible")?;
    for _ in 0..3 {
        let mark = guest.log.len();
        guest.frame(&lower.surface);
        lower.show(&buffer);
        guest.wait_for("a frame through the hole", mark, |line| line == "frame done")?;
    }
    let mark = guest.log.len();
    layer.set_hole(None);
    assert_eq!(program.wfd_commit(&device, DEVICE, NOW)?, "presented");
    guest.wait_for("the end of it", mark, |line| line == "stream hidden")
}

/// A click goes to what is seen in the hole, in that layer's own coordinates, and around it to the
/// layer with the hole; what a button holds stays where it began.
#[test]
fn input_goes_through_holes_and_by_each_layers_policy() -> Result<()> {
    let service = service()?;
    let (mut guest, [lower, upper]) = guest(&service)?;
    let (mut program, device, _, pipelines) = controller(&service)?;
    let above = program.wfd_pipeline(&device, pipelines[1]);
    let below = program.wfd_pipeline(&device, pipelines[0]);
    // The lower picture is shown at half its size, so that its coordinates are not the port's.
    below.set_destination_rectangle(16, 12, 32, 24);
    above.set_hole(Some(&program.region(&[[20, 16, 8, 8]])));
    above.set_transparency(Transparency::Hole);
    assert_eq!(program.wfd_commit(&device, DEVICE, NOW)?, "presented");

    let mut hand = Program::connect(&service.socket("viewer")?)?;
    let output = hand.output("main")?;
    let pointer = hand.virtual_pointer(&output)?;
    let mut go = |guest: &mut Program, x: u32, y: u32, line: &str| -> Result<()> {
        let mark = guest.log.len();
        pointer.motion_absolute(0, x, y, 64, 48);
        pointer.frame();
        hand.roundtrip()?;
        guest.wait_for(line, mark, |said| said == line)
    };
    go(&mut guest, 4, 4, "pointer enter 4.0 4.0")?;
    // At 24, 20 the lower layer is 8 port pixels in, which are 16 of its own.
    go(&mut guest, 24, 20, "pointer enter 16.0 16.0")?;
    go(&mut guest, 30, 20, "pointer enter 30.0 20.0")?;

    // A button that went down in the hole keeps the pointer, though the hole closes.
    go(&mut guest, 24, 20, "pointer enter 16.0 16.0")?;
    pointer.button(0, BTN_LEFT, ButtonState::Pressed);
    pointer.frame();
    hand_over(&mut guest, &mut hand, "button 272 pressed")?;
    above.set_hole(None);
    assert_eq!(program.wfd_commit(&device, DEVICE, NOW)?, "presented");
    let mark = guest.log.len();
    pointer.motion_absolute(0, 26, 20, 64, 48);
    pointer.frame();
    hand.roundtrip()?;
    guest.wait_for("the drag", mark, |line| line == "pointer motion 20.0 16.0")?;
    pointer.button(0, BTN_LEFT, ButtonState::Released);
    pointer.frame();
    hand_over(&mut guest, &mut hand, "button 272 released")?;

    // Let through, it is as if all were a hole; blocked, nobody gets anything.
    above.set_input_policy(InputPolicy::Pass);
    assert_eq!(program.wfd_commit(&device, DEVICE, NOW)?, "presented");
    let mark = guest.log.len();
    pointer.motion_absolute(0, 32, 24, 64, 48);
    pointer.frame();
    hand.roundtrip()?;
    guest.wait_for("the lower one", mark, |line| line.ends_with(" 32.0 24.0"))?;
    above.set_input_policy(InputPolicy::Block);
    assert_eq!(program.wfd_commit(&device, DEVICE, NOW)?, "presented");
    let mark = guest.log.len();
    pointer.motion_absolute(0, 34, 24, 64, 48);
    pointer.frame();
    pointer.button(0, BTN_LEFT, ButtonState::Pressed);
    pointer.button(0, BTN_LEFT, ButtonState::Released);
    pointer.frame();
    hand.roundtrip()?;
    guest.roundtrip()?;
    let heard: Vec<_> =
        guest.log.since(mark).iter().filter(|line| line.starts_with("button")).collect();
    assert!(heard.is_empty(), "{heard:?}");
    drop((lower, upper));
    Ok(())
}

fn hand_over(guest: &mut Program, hand: &mut Program, line: &str) -> Result<()> {
    hand.roundtrip()?;
    guest.wait_for(line, 0, |said| said == line)
}

#[test]
fn observers_hear_of_pictures_that_come_and_go() -> Result<()> {
    let service = service()?;
    let mut looker = Program::connect(&service.socket("viewer")?)?;
    looker.wfd(Access::Observe)?;
    let mark = looker.log.len();
    let (guest, _toplevels) = guest(&service)?;
    for number in 1..=2 {
        let line = format!(
            "device StreamState {{ stream_id: {number}, state: Value(Running), width: 64, height: 48 }}"
        );
        looker.wait_for(&line, mark, |said| said == line)?;
    }
    let mark = looker.log.len();
    guest.die();
    looker.wait_for("the end of the guest", mark, |line| line.contains("state: Value(Off)"))
}

/// A trace tells of each frame when its picture came, when it was planned and drawn, and when that was
/// told, in this order.
#[test]
fn a_frame_is_traced_from_its_commit_to_its_presentation() -> Result<()> {
    let service = service()?;
    let (mut guest, [_, upper]) = guest(&service)?;
    let buffer = guest.buffer((64, 48), Format::Xrgb8888, true)?;
    show(&mut guest, &upper, &buffer)?;
    let mut looker = Program::connect(&service.socket("viewer")?)?;
    let device = looker.wfd(Access::Observe)?;
    let port = looker.wfd_ports()[0];
    let pipeline = looker.wfd_pipelines()[1];
    let port = looker.wfd_port(&device, port);
    looker.wfd_trace(&port);
    looker.roundtrip()?;
    let mark = looker.log.len();
    upper.show_damaged(&buffer, [0, 0, 10, 5]);
    guest.roundtrip()?;
    looker.wait_for("a frame", mark, |line| line == "trace Done")?;
    let told = looker.log.since(mark).to_vec();
    let end = told.iter().position(|line| line == "trace Done").unwrap();
    let lines = &told[..end];
    assert!(lines[0].starts_with("trace Frame") && lines[0].contains("damaged_pixels: 50"));
    let stages: Vec<_> = lines[1..].iter().map(|line| line.split([':', ','])).collect();
    let names: Vec<String> =
        stages.iter().filter_map(|words| words.clone().nth(1)).map(str::to_owned).collect();
    assert_eq!(names, [" Value(Committed)", " Value(Planned)", " Value(Drawn)", " Value(Told)"]);
    assert!(lines[1].contains(&format!("pipeline_id: {pipeline}")));
    let number = |text: &str| -> u64 {
        text.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or_default()
    };
    let times: Vec<u64> = stages
        .into_iter()
        .map(|words| words.collect::<Vec<_>>())
        .map(|words| number(words[5]) << 32 | number(words[7]))
        .collect();
    assert!(times.is_sorted() && times[0] > 0, "{times:?}");
    Ok(())
}

/// A finger belongs to the layer on which it came down, though the hole closes over it; when that layer
/// goes, what the finger did is undone.
#[test]
fn a_finger_stays_with_its_layer_until_that_goes() -> Result<()> {
    let service = service()?;
    let mut hands = Program::connect(&service.socket("viewer")?)?;
    let output = hands.output("main")?;
    let touch = hands.virtual_touch(None, &output)?;
    hands.roundtrip()?;
    let (mut guest, toplevels) = guest(&service)?;
    guest.seat("main")?.get_touch(guest.handle(), ());
    let (mut program, device, _, pipelines) = controller(&service)?;
    let above = program.wfd_pipeline(&device, pipelines[1]);
    let below = program.wfd_pipeline(&device, pipelines[0]);
    above.set_hole(Some(&program.region(&[[20, 16, 8, 8]])));
    above.set_transparency(Transparency::Hole);
    below.set_destination_rectangle(16, 12, 32, 24);
    assert_eq!(program.wfd_commit(&device, DEVICE, NOW)?, "presented");
    guest.roundtrip()?;

    touch.down(0, 1, 24, 20, 64, 48);
    touch.frame();
    hands.roundtrip()?;
    guest.wait_for("the finger", 0, |line| line == "touch 0 down 16.0 16.0")?;
    above.set_hole(None);
    assert_eq!(program.wfd_commit(&device, DEVICE, NOW)?, "presented");
    touch.motion(0, 1, 26, 20, 64, 48);
    touch.frame();
    hands.roundtrip()?;
    guest.wait_for("its way", 0, |line| line == "touch 0 motion 20.0 16.0")?;
    below.bind_source(None, Transition::AtVsync, 0);
    assert_eq!(program.wfd_commit(&device, DEVICE, NOW)?, "presented");
    guest.wait_for("the end of it", 0, |line| line == "touch cancel")?;
    drop(toplevels);
    Ok(())
}
