//! What a port does with its finished picture, and where input goes on it.

use porthole_tests::{Result, Service, program::Program, wait};
use wayland_client::protocol::wl_shm::Format;

use crate::wayland_scene::{APP, BACK, configuration, expect, in_layer, pattern, picture, show};

/// A program shown in the layer, whose buffer is 40 x 20.
fn shown(service: &Service, app: &str, word: impl Fn(u32, u32) -> u32) -> Result<Program> {
    let mut program = Program::connect(&service.socket("viewer")?)?;
    program.seat("main")?;
    let toplevel = program.toplevel(app)?;
    let buffer = program.buffer((40, 20), Format::Xrgb8888, true)?;
    buffer.paint(word)?;
    show(&mut program, &toplevel, &buffer)?;
    Ok(program)
}

/// Points at the middle of a pixel.
fn point(service: &Service, (x, y): (u32, u32)) -> Result<()> {
    let mut hand = Program::connect(&service.socket("viewer")?)?;
    let output = hand.output("main")?;
    let pointer = hand.virtual_pointer(&output)?;
    pointer.motion_absolute(0, 2 * x + 1, 2 * y + 1, 128, 96);
    pointer.frame();
    hand.roundtrip()
}

#[test]
fn a_port_turns_its_picture_and_the_input_with_it() -> Result<()> {
    // 48 x 64 before it is turned, with the layer at 4, 8.
    let text = configuration("").replace("[8, 4, 40, 20]", "[4, 8, 40, 20]");
    for (rotation, place) in [
        // Where the pixel of the layer at (x, y) goes on the port.
        (90, (|x, y| (63 - (8 + y), 4 + x)) as fn(u32, u32) -> (u32, u32)),
        (270, |x, y| (8 + y, 47 - (4 + x))),
    ] {
        let turned = format!("rotation = {rotation}\nsize = ");
        let service = Service::start_with(&text.replace("size = ", &turned))?;
        let mut program = shown(&service, APP, pattern)?;
        let mut want = vec![BACK; 64 * 48];
        for (x, y) in (0..20).flat_map(|y| (0..40).map(move |x| (x, y))) {
            let (to_x, to_y) = place(x, y);
            want[(to_y * 64 + to_x) as usize] = pattern(x, y);
        }
        expect(&picture(&mut program)?, |x, y| want[(y * 64 + x) as usize]);
        let mark = program.log.len();
        point(&service, place(30, 5))?;
        program.wait_for("the pointer", mark, |line| line == "pointer enter 30.5 5.5")?;
    }
    Ok(())
}

#[test]
fn flipped_and_mirrored_is_turned_by_half() -> Result<()> {
    let text = configuration("").replace("size = ", "flip = true\nmirror = true\nsize = ");
    let service = Service::start_with(&text)?;
    let mut program = shown(&service, APP, pattern)?;
    expect(&picture(&mut program)?, |x, y| {
        let (x, y) = (63 - x, 47 - y);
        if in_layer(x, y) { pattern(x - 8, y - 4) } else { BACK }
    });
    Ok(())
}

#[test]
fn gamma_bends_each_channel_of_what_changes_once() -> Result<()> {
    let bent = |word: u32| {
        // The nearest to 255 * (v / 255)^2.
        let bent = |v: &u8| (u32::from(*v).pow(2) * 2 + 255) / 510;
        word.to_be_bytes().iter().map(bent).fold(0, |all, v| (all << 8) | v)
    };
    let service = Service::start_with(&configuration("").replace("size = ", "gamma = 2\nsize = "))?;
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let toplevel = program.toplevel(APP)?;
    let buffer = program.buffer((40, 20), Format::Xrgb8888, true)?;
    buffer.paint(pattern)?;
    show(&mut program, &toplevel, &buffer)?;
    let want = |x, y| bent(if in_layer(x, y) { pattern(x - 8, y - 4) } else { BACK });
    expect(&picture(&mut program)?, want);
    // A small change must not bend the rest a second time.
    let mark = program.log.len();
    program.frame(&toplevel.surface);
    toplevel.show_damaged(&buffer, [3, 3, 5, 5]);
    program.wait_for("a frame", mark, |line| line == "frame done")?;
    expect(&picture(&mut program)?, want);
    // Another gamma bends all of it anew.
    service.reload(&configuration(""))?;
    wait::wait_until("the plain picture", wait::SHORT, || {
        let seen = picture(&mut program)?;
        Ok((seen[0] == BACK && seen[4 * 64 + 9] == pattern(1, 0)).then_some(()))
    })
}

/// Two layers one over the other, the upper with a policy for input.
fn two_layers(upper: &str) -> String {
    let lower = configuration("");
    let (x, y, w, h) = (8, 4, 40, 20);
    format!(
        "{lower}\n[[layer]]\nname = \"upper\"\nport = \"main\"\nsocket = \"viewer\"\n\
         app_id = \"upper\"\nrect = [{x}, {y}, {w}, {h}]\norder = 2\n{upper}\n"
    )
}

#[test]
fn input_goes_as_the_upper_layer_says() -> Result<()> {
    for (policy, to_upper, to_lower) in [
        ("input = \"accept\"", true, false),
        ("input = \"pass\"", false, true),
        ("input = \"block\"", false, false),
        // Through a hole it always goes to the layer below.
        ("input = \"accept\"\nhole = [[10, 5, 10, 10]]", false, true),
        ("input = \"block\"\nhole = [[10, 5, 10, 10]]", false, true),
    ] {
        let service = Service::start_with(&two_layers(policy))?;
        let mut lower = shown(&service, APP, |_, _| 1)?;
        let mut upper = shown(&service, "upper", |_, _| 2)?;
        point(&service, (8 + 12, 4 + 6))?;
        // What is sent to one of them is in its log after a round trip.
        for (program, wanted) in [(&mut upper, to_upper), (&mut lower, to_lower)] {
            program.roundtrip()?;
            let got = program.log.since(0).iter().any(|line| line == "pointer enter 12.5 6.5");
            assert_eq!(got, wanted, "{policy}: {:?}", program.log.since(0));
        }
    }
    Ok(())
}
