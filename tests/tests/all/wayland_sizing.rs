//! Pictures that do not have the size of their layer, and ports that change size.

use porthole_tests::{
    Result, Service,
    program::{Program, Toplevel},
};
use wayland_client::protocol::wl_shm::Format;

use crate::wayland_scene::{
    APP, BACK, configuration, expect, in_layer, pattern, picture, service_with, show,
};

/// Connects a program whose picture has this size, shows it, and gives the port's picture.
fn shown(
    service: &Service,
    size: (u32, u32),
    before: impl FnOnce(&Program, &Toplevel) -> Result<()>,
) -> Result<(Program, Vec<u32>)> {
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let toplevel = program.toplevel(APP)?;
    before(&program, &toplevel)?;
    let buffer = program.buffer(size, Format::Xrgb8888, true)?;
    buffer.paint(pattern)?;
    show(&mut program, &toplevel, &buffer)?;
    let picture = picture(&mut program)?;
    Ok((program, picture))
}

#[test]
fn fill_covers_the_layer_and_cuts_what_is_too_much() -> Result<()> {
    let service = service_with("fit = \"fill\"")?;
    let (_program, picture) = shown(&service, (20, 20), |_, _| Ok(()))?;
    // Twice as large in both directions, and ten lines of the port too high.
    expect(
        &picture,
        |x, y| {
            if in_layer(x, y) { pattern((x - 8) / 2, (y - 4 + 10) / 2) } else { BACK }
        },
    );
    Ok(())
}

#[test]
fn whole_multiples_stay_sharp_unless_the_layer_says_otherwise() -> Result<()> {
    let doubled = |x: u32, y: u32| {
        if in_layer(x, y) { pattern((x - 8) / 2, (y - 4) / 2) } else { BACK }
    };
    let service = service_with("")?;
    let (_program, sharp) = shown(&service, (20, 10), |_, _| Ok(()))?;
    expect(&sharp, doubled);
    let service = service_with("filter = \"bilinear\"")?;
    let (_program, smooth) = shown(&service, (20, 10), |_, _| Ok(()))?;
    let differs = (0..48).flat_map(|y| (0..64).map(move |x| (x, y)));
    let differs = differs.zip(&smooth).filter(|((x, y), word)| **word != doubled(*x, *y)).count();
    assert!(differs > 300, "only {differs} pixels are mixed of their neighbours");
    Ok(())
}

#[test]
fn a_layer_follows_its_picture_where_that_leads() -> Result<()> {
    let service = service_with("lead = \"picture\"")?;
    let (program, picture) = shown(&service, (12, 6), |_, _| Ok(()))?;
    assert!(
        program.log.since(0).iter().any(|line| line == "toplevel 0x0"),
        "the size is left to it"
    );
    expect(&picture, |x, y| {
        let inside = (8..20).contains(&x) && (4..10).contains(&y);
        if inside { pattern(x - 8, y - 4) } else { BACK }
    });
    Ok(())
}

#[test]
fn one_pixel_is_one_pixel_on_a_port_with_a_fractional_scale() -> Result<()> {
    let text =
        configuration("fit = \"1:1\"").replace("size = [64, 48]", "size = [64, 48]\nscale = 1.5");
    let service = Service::start_with(&text)?;
    // A program that draws for the scale says so by its viewport.
    let (mut program, picture) = shown(&service, (40, 20), |program, toplevel| {
        program.fractional_scale(&toplevel.surface)?;
        program.viewport(&toplevel.surface)?.set_destination(27, 13);
        Ok(())
    })?;
    assert!(
        program.log.since(0).iter().any(|line| line == "toplevel 27x13"),
        "40x20 at 1.5: {:?}",
        program.log
    );
    expect(&picture, |x, y| if in_layer(x, y) { pattern(x - 8, y - 4) } else { BACK });
    program.wait_for("the scale", 0, |line| line == "scale 180/120")?;
    drop(program);
    // One that knows nothing of scales too: its pixels are not enlarged here.
    let (_program, picture) = shown(&service, (27, 13), |_, _| Ok(()))?;
    expect(&picture, |x, y| {
        let inside = (14..41).contains(&x) && (7..20).contains(&y);
        if inside { pattern(x - 14, y - 7) } else { BACK }
    });
    Ok(())
}

#[test]
fn guests_count_in_pixels_on_every_port() -> Result<()> {
    let text = configuration("")
        .replace("size = [64, 48]", "size = [64, 48]\nscale = 2")
        .replace(&format!("socket = \"viewer\"\napp_id = \"{APP}\""), "guest = \"ivi\"");
    let service = Service::start_with(&text)?;
    let mut device = Program::connect(&service.socket("ivi")?)?;
    let _toplevel = device.toplevel("porthole.scanout.0")?;
    assert!(device.log.since(0).iter().any(|line| line == "toplevel 40x20"), "{:?}", device.log);
    Ok(())
}

/// A port whose size viewers may set, with a layer that fills it and one that does not.
fn resizable(extra: &str) -> String {
    configuration("")
        .replace("size = [64, 48]", &format!("size = [64, 48]\n{extra}"))
        .replace("\"input:main\"", "\"input:main\", \"resize:main\"")
        .replace(
            "[[guest]]",
            "[[layer]]\nname = \"ivi\"\nport = \"main\"\nguest = \"ivi\"\norder = 0\n[[guest]]",
        )
}

#[test]
fn viewers_resize_a_port_where_it_lets_them() -> Result<()> {
    let service = Service::start_with(&resizable("resize = \"viewers\""))?;
    let mut device = Program::connect(&service.socket("ivi")?)?;
    let _toplevel = device.toplevel("porthole.scanout.0")?;
    let mut viewer = Program::connect(&service.socket("viewer")?)?;
    let output = viewer.output("main")?;
    let _session = viewer.capture(&output)?;
    let manager = viewer.manage_outputs()?;
    assert!(viewer.log.since(0).iter().any(|line| line == "head main"));
    assert!(viewer.log.since(0).iter().any(|line| line == "head mode 64x48"));

    let mark = viewer.log.len();
    assert_eq!(viewer.ask_size(&manager, (96, 32), false, |_| ())?, "configuration succeeded");
    assert!(!viewer.log.since(mark).iter().any(|l| l == "head mode 96x32"), "it was only a test");
    assert_eq!(viewer.ask_size(&manager, (96, 32), true, |_| ())?, "configuration succeeded");
    viewer.wait_for("the new mode", mark, |line| line == "head mode 96x32")?;
    viewer.wait_for("the capture's size", mark, |line| line == "capture size 96x32")?;
    device.wait_for("the layer that fills the port", 0, |line| line == "toplevel 96x32")?;

    // Everything that a port cannot be is refused, and nothing changes.
    for size in [(8, 8), (20_000, 100), (16_384, 16_384)] {
        let mark = viewer.log.len();
        assert_eq!(viewer.ask_size(&manager, size, true, |_| ())?, "configuration failed");
        assert!(!viewer.log.since(mark).iter().any(|line| line.starts_with("head mode")));
    }
    let answer = viewer.ask_size(&manager, (80, 60), true, |wish| wish.set_scale(2.0))?;
    assert_eq!(answer, "configuration failed", "only sizes can be set");

    // A reload leaves the viewer's size, unless the port is the file's to size again.
    service.reload(&resizable("resize = \"viewers\"\nrefresh = 30"))?;
    viewer.roundtrip()?;
    let mark = viewer.log.len();
    service.reload(&resizable("refresh = 30"))?;
    viewer.wait_for("the configured size", mark, |line| line == "head mode 64x48")?;
    assert_eq!(viewer.ask_size(&manager, (96, 32), true, |_| ())?, "configuration failed");
    // And without the right there is nothing to be managed.
    let mark = viewer.log.len();
    service.reload(&resizable("").replace(", \"resize:main\"", ""))?;
    viewer.wait_for("the end of the head", mark, |line| line == "head finished")?;
    let other = Program::connect(&service.socket("viewer")?)?;
    assert!(!other.global_names().iter().any(|name| name == "zwlr_output_manager_v1"));
    Ok(())
}

#[test]
fn a_configuration_of_an_old_state_is_cancelled() -> Result<()> {
    let service = Service::start_with(&resizable("resize = \"viewers\""))?;
    let mut first = Program::connect(&service.socket("viewer")?)?;
    let manager = first.manage_outputs()?;
    let stale = manager.create_configuration(77, first.handle(), ());
    stale.apply();
    first.wait_for("the answer", 0, |line| line == "configuration cancelled")?;
    // Speaking of one output twice is an error.
    let asked = first.ask_size(&manager, (96, 32), true, |wish| wish.set_custom_mode(1, 1, 0));
    assert!(asked.is_err(), "a mode was set twice: {asked:?}");
    Ok(())
}
