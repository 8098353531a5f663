//! Who may control ports and layers, what a commit does, and what observers are told.

use porthole_tests::{
    Result, Service,
    program::{Program, Wfd},
};
use porthole_wayland::wfd::client::{
    wfd_device_v1::{CommitFlags, CommitScope},
    wfd_manager_v1::Access,
    wfd_pipeline_v1::{Transition, Transparency},
    wfd_port_v1::{PowerMode, Rotation},
};
use wayland_client::protocol::wl_shm::Format;

use crate::wayland_scene::{APP, BACK, expect, in_layer, pattern, picture, show};

pub(crate) const DEVICE: (CommitScope, u32) = (CommitScope::EntireDevice, 0);

/// A port of 64 x 48 with a layer of 40 x 20 at 8, 4 for a program of the socket `viewer`, which may do
/// everything; `looker` may capture, `switch` may only turn the port on and off.
pub(crate) fn configuration(more: &str) -> String {
    format!(
        r##"
version = 1
[[port]]
name = "main"
size = [64, 48]
background = "#102030"
pipelines = 4
[[port]]
name = "side"
size = [32, 32]
[[socket]]
name = "viewer"
rights = ["capture:main", "input:main", "layout:main", "power:main", "safety:main"]
[[socket]]
name = "looker"
rights = ["capture:main"]
[[socket]]
name = "switch"
rights = ["power:main"]
[[socket]]
name = "plain"
[[guest]]
name = "ivi"
[[layer]]
name = "app"
port = "main"
socket = "viewer"
app_id = "{APP}"
rect = [8, 4, 40, 20]
order = 1
{more}
"##
    )
}

pub(crate) fn service() -> Result<Service> {
    Service::start_with(&configuration(""))
}

/// A controller on the socket `viewer`, with the numbers of its port and pipelines.
pub(crate) fn controller(service: &Service) -> Result<(Program, Wfd, u32, Vec<u32>)> {
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let device = program.wfd(Access::Control)?;
    let (ports, pipelines) = (program.wfd_ports(), program.wfd_pipelines());
    let port = ports.first().copied().unwrap_or_default();
    Ok((program, device, port, pipelines))
}

fn told(program: &Program, mark: usize, line: &str) -> bool {
    program.log.since(mark).iter().any(|l| l == line)
}

#[test]
fn the_global_is_there_where_a_right_is_and_shows_only_what_the_right_is_for() -> Result<()> {
    let service = service()?;
    for (socket, sees) in [("viewer", true), ("looker", true), ("switch", true), ("plain", false)] {
        let program = Program::connect(&service.socket(socket)?)?;
        let names = program.global_names();
        assert_eq!(names.iter().any(|name| name == "wfd_manager_v1"), sees, "{socket}");
    }
    let (program, ..) = controller(&service)?;
    assert_eq!(program.wfd_ports().len(), 1, "the other port is nobody's business");
    assert_eq!(program.wfd_pipelines().len(), 4);
    program.wfd_stream(APP)?;
    let mut looker = Program::connect(&service.socket("looker")?)?;
    looker.wfd(Access::Observe)?;
    looker.wfd_stream(APP)?;
    assert!(looker.wfd_stream("").is_err(), "the guest is not shown on the port");
    Ok(())
}

#[test]
fn an_observer_is_told_all_values_and_every_change() -> Result<()> {
    let service = service()?;
    let mut looker = Program::connect(&service.socket("looker")?)?;
    let observer = looker.wfd(Access::Observe)?;
    let port = *looker.wfd_ports().first().unwrap();
    let first = *looker.wfd_pipelines().first().unwrap();
    looker.wfd_port(&observer, port);
    let mark = looker.log.len();
    looker.wfd_pipeline(&observer, first);
    looker.roundtrip()?;
    let pipeline = |what: &str| format!("pipeline {first} {what}");
    for line in [
        "Name { name: \"app\" }",
        "Binding { port_id: PORT, layer: 1 }",
        "DestinationRectangle { x: 8, y: 4, width: 40, height: 20 }",
        "GlobalAlpha { alpha: 65535 }",
        "Hole { rectangles: 0, x: 0, y: 0, width: 0, height: 0 }",
        "Done",
    ] {
        let line = pipeline(&line.replace("PORT", &port.to_string()));
        assert!(told(&looker, mark, &line), "{line}: {:?}", looker.log.since(mark));
    }
    assert!(told(&looker, 0, &format!("port {port} PowerMode {{ mode: Value(On) }}")));

    let (mut program, device, _, pipelines) = controller(&service)?;
    let layer = program.wfd_pipeline(&device, pipelines[0]);
    layer.set_global_alpha(32768);
    layer.set_destination_rectangle(0, 0, 10, 10);
    let mark = looker.log.len();
    let done = program.wfd_commit(&device, (CommitScope::Pipeline, first), CommitFlags::empty())?;
    assert_eq!(done, "presented");
    looker.wait_for("the end of the change", mark, |line| line == "device Done")?;
    let seen = looker.log.since(mark).to_vec();
    let expected = [
        pipeline("DestinationRectangle { x: 0, y: 0, width: 10, height: 10 }"),
        pipeline("GlobalAlpha { alpha: 32768 }"),
        pipeline("Done"),
        "device Done".to_owned(),
    ];
    assert_eq!(seen, expected);
    Ok(())
}

#[test]
fn a_commit_moves_a_layer_and_is_told_when_it_is_on_screen() -> Result<()> {
    let service = service()?;
    let (mut program, device, port, pipelines) = controller(&service)?;
    let toplevel = program.toplevel(APP)?;
    let buffer = program.buffer((40, 20), Format::Xrgb8888, true)?;
    buffer.paint(pattern)?;
    show(&mut program, &toplevel, &buffer)?;
    expect(
        &picture(&mut program)?,
        |x, y| {
            if in_layer(x, y) { pattern(x - 8, y - 4) } else { BACK }
        },
    );
    let layer = program.wfd_pipeline(&device, pipelines[0]);
    layer.set_destination_rectangle(20, 20, 40, 20);
    let serial = program.wfd_start_commit(&device, DEVICE, CommitFlags::empty());
    assert_eq!(program.wfd_outcome(serial)?, "presented");
    let commits: Vec<_> = program.log.since(0).iter().filter(|l| l.starts_with("commit")).collect();
    assert_eq!(commits.len(), 2, "{commits:?}");
    assert!(commits[0].ends_with(" Applied") && commits[1].contains(&format!("port_id: {port}")));
    expect(&picture(&mut program)?, |x, y| {
        let inside = (20..60).contains(&x) && (20..40).contains(&y);
        if inside { pattern(x - 20, y - 20) } else { BACK }
    });
    // Nothing changes, so nothing is drawn, and it is told all the same.
    assert_eq!(program.wfd_commit(&device, DEVICE, CommitFlags::empty())?, "presented");
    Ok(())
}

#[test]
fn a_test_keeps_what_is_pending_and_a_failure_drops_it() -> Result<()> {
    let service = service()?;
    let (mut program, device, port, pipelines) = controller(&service)?;
    let id = pipelines[0];
    let layer = program.wfd_pipeline(&device, id);
    let mark = program.log.len();
    layer.set_destination_rectangle(0, 0, 64, 48);
    assert_eq!(program.wfd_commit(&device, DEVICE, CommitFlags::TestOnly)?, "tested");
    let moved = |line: &str| line.contains("DestinationRectangle { x: 0, y: 0, width: 64");
    assert!(!program.log.since(mark).iter().any(|line| moved(line)));
    // A value of another scope is out of range: this scope is not concerned.
    let port_object = program.wfd_port(&device, port);
    port_object.set_gamma(9.0);
    let scope = (CommitScope::Pipeline, id);
    assert_eq!(program.wfd_commit(&device, scope, CommitFlags::empty())?, "presented");
    program.wait_for("the change", mark, moved)?;

    // The whole device is: it fails with the port at fault, and all that was pending is gone.
    layer.set_destination_rectangle(1, 1, 10, 10);
    let outcome = program.wfd_commit(&device, DEVICE, CommitFlags::empty())?;
    let at_fault = format!("status: Value(IllegalArgument), object_id: {port}");
    assert!(outcome.contains(&at_fault) && outcome.contains("gamma"), "{outcome}");
    let mark = program.log.len();
    assert_eq!(program.wfd_commit(&device, DEVICE, CommitFlags::empty())?, "presented");
    assert!(!program.log.since(mark).iter().any(|line| line.contains("DestinationRectangle")));

    for (x, status) in [(60, "Inconsistency"), (-1, "Inconsistency")] {
        layer.set_destination_rectangle(x, 0, 10, 10);
        let outcome = program.wfd_commit(&device, DEVICE, CommitFlags::empty())?;
        assert!(outcome.contains(&format!("Value({status}), object_id: {id}")), "{outcome}");
    }
    port_object.set_custom_mode(80, 60, 0);
    let outcome = program.wfd_commit(&device, DEVICE, CommitFlags::empty())?;
    assert!(outcome.contains("NotSupported") && outcome.contains("modeset"), "{outcome}");
    port_object.set_custom_mode(80, 60, 0);
    assert_eq!(program.wfd_commit(&device, DEVICE, CommitFlags::AllowModeset)?, "presented");
    let outcome =
        program.wfd_commit(&device, (CommitScope::Pipeline, 999), CommitFlags::empty())?;
    assert!(outcome.contains("BadHandle"), "{outcome}");
    Ok(())
}

#[test]
fn a_port_and_a_pipeline_have_one_controller_at_a_time() -> Result<()> {
    let service = service()?;
    let (mut first, one, port, pipelines) = controller(&service)?;
    let layer = first.wfd_pipeline(&one, pipelines[0]);
    first.wfd_port(&one, port);
    layer.set_destination_rectangle(0, 0, 8, 8);
    assert_eq!(first.wfd_commit(&one, DEVICE, CommitFlags::empty())?, "presented");

    let (mut second, two, ..) = controller(&service)?;
    let mark = second.log.len();
    second.wfd_port(&two, port);
    second.wfd_pipeline(&two, pipelines[0]);
    second.wfd_pipeline(&two, pipelines[1]);
    second.roundtrip()?;
    let refused: Vec<_> =
        second.log.since(mark).iter().filter(|line| line.contains("InUse")).collect();
    assert_eq!(refused.len(), 2, "{refused:?}");

    // Whoever died controls nothing, and what it did stays.
    layer.set_destination_rectangle(1, 1, 9, 9);
    first.die();
    porthole_tests::wait::wait_until("the release", porthole_tests::wait::SHORT, || {
        let mark = second.log.len();
        let object = second.wfd_pipeline(&two, pipelines[0]);
        second.roundtrip()?;
        let free = !second.log.since(mark).iter().any(|line| line.contains("InUse"));
        if !free {
            object.destroy();
        }
        Ok(free.then_some(()))
    })?;
    let line = format!(
        "pipeline {} DestinationRectangle {{ x: 0, y: 0, width: 8, height: 8 }}",
        pipelines[0]
    );
    assert!(told(&second, 0, &line));
    Ok(())
}

#[test]
fn power_and_layout_are_rights_apart() -> Result<()> {
    let service = service()?;
    let mut switch = Program::connect(&service.socket("switch")?)?;
    let device = switch.wfd(Access::Control)?;
    let port = *switch.wfd_ports().first().unwrap();
    let first = *switch.wfd_pipelines().first().unwrap();
    let object = switch.wfd_port(&device, port);
    let layer = switch.wfd_pipeline(&device, first);
    object.set_power_mode(PowerMode::Off);
    assert_eq!(switch.wfd_commit(&device, DEVICE, CommitFlags::empty())?, "presented");
    assert!(told(&switch, 0, &format!("port {port} PowerMode {{ mode: Value(Off) }}")));
    let mut eye = Program::connect(&service.socket("viewer")?)?;
    assert!(picture(&mut eye)?.iter().all(|word| *word == 0), "what is presented is black");
    object.set_transform(0, 0, Rotation::_90);
    let outcome = switch.wfd_commit(&device, DEVICE, CommitFlags::empty())?;
    assert!(outcome.contains(&format!("Value(Denied), object_id: {port}")), "{outcome}");
    layer.set_layer(3);
    let outcome = switch.wfd_commit(&device, DEVICE, CommitFlags::empty())?;
    assert!(outcome.contains("Denied") && outcome.contains("layout"), "{outcome}");
    switch.wfd_program(&layer, "viewer", APP);
    switch.roundtrip()?;
    assert!(switch.log.since(0).iter().any(|l| l.starts_with("source Failed")));

    let mut looker = Program::connect(&service.socket("looker")?)?;
    looker.wfd(Access::Control)?;
    assert!(looker.log.since(0).iter().any(|line| line.starts_with("device Failed")));
    Ok(())
}

/// A reload that takes the right away ends what was under way with it, and what is pending with it.
#[test]
fn a_right_that_is_taken_away_is_gone_at_once() -> Result<()> {
    let service = service()?;
    let (mut program, device, port, pipelines) = controller(&service)?;
    let layer = program.wfd_pipeline(&device, pipelines[0]);
    let object = program.wfd_port(&device, port);
    let source = program.wfd_program(&layer, "viewer", "late");
    layer.bind_source(Some(&source), Transition::WhenReady, 0);
    let waiting = program.wfd_start_commit(&device, DEVICE, CommitFlags::empty());
    layer.set_layer(8);
    object.set_power_mode(PowerMode::Off);
    program.roundtrip()?;
    let mark = program.log.len();
    service.reload(&configuration("").replace("\"layout:main\", ", ""))?;
    let outcome = program.wfd_outcome(waiting)?;
    assert!(outcome.contains("Value(Superseded)"), "{outcome}");
    let outcome = program.wfd_commit(&device, DEVICE, CommitFlags::empty())?;
    assert!(outcome.contains("Denied") && outcome.contains("layout"), "{outcome}");
    object.set_power_mode(PowerMode::Off);
    assert_eq!(program.wfd_commit(&device, DEVICE, CommitFlags::empty())?, "presented");

    service.reload(&configuration("").replace("\"layout:main\", \"power:main\", ", ""))?;
    program.wait_for("the end of the object", mark, |line| {
        line.starts_with(&format!("port {port} Failed"))
    })?;
    // Inert: nothing comes of it.
    object.set_power_mode(PowerMode::On);
    layer.set_layer(9);
    assert_eq!(program.wfd_commit(&device, DEVICE, CommitFlags::empty())?, "presented");
    let mark = program.log.len();
    service.reload(&configuration("").replace("name = \"app\"", "name = \"other\""))?;
    let mut looker = Program::connect(&service.socket("looker")?)?;
    let observer = looker.wfd(Access::Observe)?;
    looker.wfd_port(&observer, port);
    looker.wait_for("its values", 0, |line| line.contains("PowerMode { mode: Value(Off) }"))?;
    assert!(!program.log.since(mark).iter().any(|line| line.contains("layer: 9")));
    Ok(())
}

#[test]
fn misuse_ends_the_connection_and_changes_nothing() -> Result<()> {
    let service = service()?;
    let (_keeper, ..) = controller(&service)?;
    let mut looker = Program::connect(&service.socket("looker")?)?;
    let device = looker.wfd(Access::Observe)?;
    let first = *looker.wfd_pipelines().first().unwrap();
    looker.wfd_pipeline(&device, first).set_layer(7);
    let error = looker.roundtrip().unwrap_err().to_string();
    assert!(error.contains("wfd_device_v1 error 0"), "{error}");

    let (mut program, device, _, pipelines) = controller(&service)?;
    let layer = program.wfd_pipeline(&device, pipelines[0]);
    let other = program.wfd_pipeline(&device, pipelines[1]);
    let source = program.wfd_program(&layer, "viewer", "other");
    other.bind_source(Some(&source), Transition::AtVsync, 0);
    let error = program.roundtrip().unwrap_err().to_string();
    assert!(error.contains("wfd_device_v1 error 1"), "{error}");

    let (mut program, device, _, pipelines) = controller(&service)?;
    let layer = program.wfd_pipeline(&device, pipelines[0]);
    layer.set_transparency(Transparency::from_bits_retain(64));
    let error = program.roundtrip().unwrap_err().to_string();
    assert!(error.contains("wfd_device_v1 error 2"), "{error}");
    controller(&service)?.0.roundtrip()
}
