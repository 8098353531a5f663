//! Ports in windows of parents that lack something.

use porthole_tests::{
    Failure, Result, Service,
    filter::{Filter, REFRESH, RELEASE, Without},
    program::Program,
    wait::{SHORT, wait_until},
};
use serde_json::Value;
use wayland_client::protocol::wl_shm::Format;

use crate::{
    portholectl::ctl_on,
    portholectl_watch::Watch,
    wayland_scene::{configuration, expect, picture, service, show},
    window::{child_configuration, of_parent, parent_shows, shown},
};

fn without(interface: &str, version: Option<u32>) -> Without {
    Without { interface: interface.to_owned(), version }
}

/// A service with a window in a parent that lacks something.
fn child_without(parent: &Service, without: &[Without], port: &str) -> Result<(Filter, Service)> {
    let filter = Filter::start(&parent.socket("viewer")?, without)?;
    let child = Service::start_with(&child_configuration(filter.socket(), port))?;
    Ok((filter, child))
}

fn logs(child: &Service, text: &str) -> Result<()> {
    wait_until(text, SHORT, || Ok(child.process.log().contains(text).then_some(())))
}

/// Each is told with a remedy, and the port and the others go on.
#[test]
fn a_parent_that_can_show_no_windows_is_told_and_the_ports_go_on() -> Result<()> {
    let parent = service()?;
    for (interface, version, needs) in [
        ("xdg_wm_base", None, "xdg_wm_base of version 1"),
        ("wl_shm", None, "wl_shm of version 1"),
        ("wl_compositor", Some(3), "wl_compositor of version 4"),
    ] {
        let other = "size = [32, 32]\n[[port]]\nname = \"other\"\nsize = [32, 32]";
        let (_filter, child) = child_without(&parent, &[without(interface, version)], other)?;
        let remedy = "without which it shows no windows; use a compositor for desktops";
        logs(&child, &format!("the parent has no {needs}, {remedy}"))?;
        // The layer takes the size of the port, which nobody changed.
        let mut program = Program::connect(&child.socket("viewer")?)?;
        let toplevel = program.toplevel(crate::wayland_scene::APP)?;
        let buffer = program.buffer((32, 32), Format::Xrgb8888, true)?;
        let mark = program.log.len();
        program.frame(&toplevel.surface);
        toplevel.show(&buffer);
        program.wait_for("a frame that no parent asks for", mark, |line| line == "frame done")?;
        let outputs = program.output("main").is_ok() && program.output("other").is_ok();
        assert!(outputs, "both ports are there");
    }
    Ok(())
}

/// Everything that is not needed is missing: the window is there to the pixel all the same.
#[test]
fn a_parent_without_anything_but_windows_shows_a_port() -> Result<()> {
    let parent = service()?;
    let lacks = [
        "wp_viewporter",
        "wp_fractional_scale_manager_v1",
        "zxdg_decoration_manager_v1",
        "zwp_pointer_constraints_v1",
        "zwp_relative_pointer_manager_v1",
        "zwp_keyboard_shortcuts_inhibit_manager_v1",
        "wl_data_device_manager",
    ]
    .map(|interface| without(interface, None));
    let old = [("wl_compositor", 4), ("wl_seat", 1), ("xdg_wm_base", 1)]
        .map(|(interface, version)| without(interface, Some(version)));
    let lacks = [&lacks[..], &old[..]].concat();
    let port = "shortcuts = \"port\"\nclipboard = \"both\"";
    let (_filter, child) = child_without(&parent, &lacks, port)?;
    let (mut program, toplevel) = shown(&child.socket("viewer")?)?;
    parent_shows(&parent, of_parent)?;
    for told in [
        "the parent has no wp_viewporter",
        "the parent cannot lock its pointer",
        "the parent has no wl_data_device_manager: what is copied stays there",
    ] {
        logs(&child, told)?;
    }
    // A pointer without frames, and a lock that there is not.
    let mut hands = Program::connect(&parent.socket("viewer")?)?;
    let output = hands.output("main")?;
    let pointer = hands.virtual_pointer(&output)?;
    pointer.motion_absolute(0, 28, 14, 64, 48);
    pointer.frame();
    hands.roundtrip()?;
    program.wait_for("the pointer", 0, |line| line == "pointer enter 20.0 10.0")?;
    // Another size, and then none at all for a while.
    let mark = program.log.len();
    parent.reload(&configuration("").replace("[8, 4, 40, 20]", "[0, 0, 20, 16]"))?;
    program.wait_for("another size", mark, |line| line == "toplevel 20x16")?;
    let buffer = program.buffer((20, 16), Format::Xrgb8888, true)?;
    buffer.paint(|_, _| 0x12_3456)?;
    toplevel.show(&buffer);
    program.roundtrip()?;
    let mut viewer = Program::connect(&child.socket("viewer")?)?;
    wait_until("the port's own size", SHORT, || {
        let mark = viewer.log.len();
        viewer.output("main")?;
        let is = viewer.log.since(mark).iter().any(|line| line.starts_with("output mode 20x16"));
        Ok(is.then_some(()))
    })?;
    parent_shows(
        &parent,
        |x, y| {
            if x < 20 && y < 16 { 0x12_3456 } else { crate::wayland_scene::BACK }
        },
    )?;
    let mut viewer = Program::connect(&parent.socket("viewer")?)?;
    expect(&picture(&mut viewer)?, |x, y| {
        if x < 20 && y < 16 { 0x12_3456 } else { crate::wayland_scene::BACK }
    });
    Ok(())
}

/// A parent that gives no memory back: it has what it maps, and the service does not keep it too.
#[test]
fn pictures_of_earlier_sizes_are_few() -> Result<()> {
    let parent = service()?;
    let port = |width: u32| format!("resize = \"config\"\nsize = [{width}, 20]");
    let (filter, child) = child_without(&parent, &[without(RELEASE, None)], &port(40))?;
    let mut viewer = Program::connect(&child.socket("viewer")?)?;
    let kept = || -> Result<usize> {
        let all = child.process.mapped_memory()?;
        Ok(all.iter().filter(|(_, name)| name.starts_with("porthole-window")).count())
    };
    let (mut changes, mut most) = (0, 0);
    // How many of the sizes are shown before there is another one, the parent decides.
    while changes < 24 || (most < 4 && changes < 200) {
        let width = 30 + changes % 12;
        child.reload(&child_configuration(filter.socket(), &port(width)))?;
        wait_until("the other size", SHORT, || {
            let mark = viewer.log.len();
            viewer.output("main")?;
            let mode = format!("output mode {width}x20");
            let is = viewer.log.since(mark).iter().any(|line| line.starts_with(&mode));
            Ok(is.then_some(()))
        })?;
        picture(&mut Program::connect(&parent.socket("viewer")?)?)?;
        changes += 1;
        most = most.max(kept()?);
    }
    assert!((4..=6).contains(&most), "{most} pictures are kept");
    Ok(())
}

/// A parent whose screen is faster than any picture: each is late, and people and programs are told.
#[test]
fn late_pictures_of_a_window_are_counted() -> Result<()> {
    let parent = service()?;
    let lacks = [without(REFRESH, Some(1))];
    let filter = Filter::start(&parent.socket("viewer")?, &lacks)?;
    let text = child_configuration(filter.socket(), "");
    let child = Service::start_with(&text.replace("\"input:main\"", "\"input:main\", \"watch\""))?;
    let mut watch = Watch::start_on(&child, "viewer", &["watch", "--accounts"])?;
    let now = |line: &Value, key: &str| line["port"][0]["now"][key].as_u64();
    let first = watch.wait(|line| line["event"] == "state")?;
    assert_eq!(now(&first, "late_frames"), Some(0), "{first}");
    let (mut program, toplevel) = shown(&child.socket("viewer")?)?;
    parent_shows(&parent, of_parent)?;
    let buffer = program.buffer((40, 20), Format::Xrgb8888, true)?;
    let told = std::thread::scope(|scope| {
        let told = scope.spawn(|| watch.wait(|line| now(line, "late_frames") > Some(0)));
        let mut word = 0;
        while !told.is_finished() {
            word += 1;
            buffer.paint(|_, _| word)?;
            show(&mut program, &toplevel, &buffer)?;
        }
        told.join().map_err(|_| Failure::new("the reader failed"))?
    })?;
    assert!(now(&told, "frames") >= now(&told, "late_frames"), "{told}");
    let second = &told["port"][0]["now"]["per_second"];
    assert!(second["frames"].as_u64() >= second["late_frames"].as_u64(), "{told}");
    let ports = ctl_on(&child, "viewer", &["ports", "--json"])?.json()?;
    let late = now(&ports, "late_frames");
    assert!(late >= now(&told, "late_frames") && late <= now(&ports, "frames"), "{ports}");
    for (command, words) in [("state", "LATE"), ("ports", "frames"), ("dump", "of them late")] {
        let answer = ctl_on(&child, "viewer", &[command])?;
        assert!(answer.said().contains(words), "{command}: {}", answer.said());
    }
    Ok(())
}
