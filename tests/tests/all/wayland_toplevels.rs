//! The list of other programs' toplevels: who is told what.

use porthole_tests::{Result, Service, program::Program};
use wayland_client::protocol::wl_shm::Format;

use crate::wayland_scene::{APP, service};

/// Two ports with a layer each, a socket for each that may capture it, and one that may do neither.
fn two_ports() -> Result<Service> {
    Service::start_with(
        r#"
version = 1
[[port]]
name = "left"
size = [64, 48]
[[port]]
name = "right"
size = [64, 48]
[[socket]]
name = "apps"
[[socket]]
name = "left-viewer"
rights = ["capture:left"]
[[socket]]
name = "right-viewer"
rights = ["capture:right", "input:right"]
[[layer]]
name = "one"
port = "left"
socket = "apps"
app_id = "one"
rect = [0, 0, 40, 20]
order = 1
[[layer]]
name = "two"
port = "right"
socket = "apps"
app_id = "two"
rect = [0, 0, 40, 20]
order = 1
"#,
    )
}

#[test]
fn a_toplevel_is_listed_while_it_is_mapped() -> Result<()> {
    let service = service()?;
    let mut viewer = Program::connect(&service.socket("viewer")?)?;
    viewer.toplevel_list()?;
    let mark = viewer.log.len();

    let mut program = Program::connect(&service.socket("viewer")?)?;
    let toplevel = program.toplevel(APP)?;
    toplevel.set_title("first");
    program.roundtrip()?;
    viewer.roundtrip()?;
    assert_eq!(viewer.log.since(mark), [""; 0], "it has no picture yet");

    toplevel.show(&program.buffer((40, 20), Format::Xrgb8888, true)?);
    program.roundtrip()?;
    viewer.wait_for("the toplevel", mark, |line| line == "told")?;
    let id = format!("app id {APP}");
    assert_eq!(viewer.log.since(mark), ["listed", "identifier", "title first", &id, "told"]);

    let mark = viewer.log.len();
    toplevel.set_title("second");
    program.roundtrip()?;
    viewer.wait_for("the title", mark, |line| line == "told")?;
    assert_eq!(viewer.log.since(mark), ["title second", "told"]);

    let mark = viewer.log.len();
    toplevel.hide();
    program.roundtrip()?;
    viewer.wait_for("the end", mark, |line| line == "closed")?;
    assert_eq!(viewer.log.since(mark), ["closed"]);

    // It asks again for its size, and is another one when it is back.
    let (mark, asked) = (viewer.log.len(), program.log.len());
    toplevel.surface.commit();
    program.wait_for("its size", asked, |line| line == "xdg_surface configured")?;
    assert!(program.log.since(asked).contains(&"toplevel 40x20".to_owned()));
    toplevel.show(&program.buffer((40, 20), Format::Xrgb8888, true)?);
    program.roundtrip()?;
    viewer.wait_for("the toplevel", mark, |line| line == "told")?;
    assert_eq!(viewer.log.since(mark), ["listed", "identifier", "title second", &id, "told"]);
    Ok(())
}

#[test]
fn a_list_that_comes_late_or_ends_early_is_right() -> Result<()> {
    let service = service()?;
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let toplevel = program.toplevel(APP)?;
    toplevel.show(&program.buffer((40, 20), Format::Xrgb8888, true)?);
    program.roundtrip()?;

    let mut viewer = Program::connect(&service.socket("viewer")?)?;
    let list = viewer.toplevel_list()?;
    viewer.listed(APP)?;
    list.stop();
    list.stop();
    viewer.roundtrip()?;
    let finished = viewer.log.since(0).iter().filter(|line| *line == "list finished").count();
    assert_eq!(finished, 1);

    let mark = viewer.log.len();
    program.die();
    viewer.wait_for("the end of what was listed", mark, |line| line == "closed")?;
    let mut program = Program::connect(&service.socket("viewer")?)?;
    program.toplevel(APP)?.show(&program.buffer((40, 20), Format::Xrgb8888, true)?);
    program.roundtrip()?;
    viewer.roundtrip()?;
    assert_eq!(viewer.log.since(mark), ["closed"], "a list that was stopped tells nothing more");
    Ok(())
}

#[test]
fn a_viewer_hears_only_of_the_ports_that_it_may_capture() -> Result<()> {
    let service = two_ports()?;
    let mut left = Program::connect(&service.socket("left-viewer")?)?;
    left.toplevel_list()?;
    let mut apps = Program::connect(&service.socket("apps")?)?;
    assert!(!apps.global_names().iter().any(|n| n == "ext_foreign_toplevel_list_v1"));
    for app in ["one", "two"] {
        let toplevel = apps.toplevel(app)?;
        toplevel.show(&apps.buffer((40, 20), Format::Xrgb8888, true)?);
        apps.roundtrip()?;
    }
    left.wait_for("one", 0, |line| line == "told")?;
    left.roundtrip()?;
    assert!(left.listed("one").is_ok() && left.listed("two").is_err());
    let mut right = Program::connect(&service.socket("right-viewer")?)?;
    right.toplevel_list()?;
    assert!(right.listed("two").is_ok() && right.listed("one").is_err());

    // The right is taken from one and given to the other.
    let text = std::fs::read_to_string(service.configuration())?;
    let text = text.replace(r#"["capture:left"]"#, r#"["capture:right"]"#);
    let mark = left.log.len();
    service.reload(&text)?;
    left.wait_for("the change", mark, |line| line == "told")?;
    assert!(left.listed("two").is_ok() && left.listed("one").is_err());
    Ok(())
}

#[test]
fn a_toplevel_that_moves_to_another_port_leaves_those_who_do_not_see_it() -> Result<()> {
    let service = two_ports()?;
    let mut apps = Program::connect(&service.socket("apps")?)?;
    let toplevel = apps.toplevel("one")?;
    toplevel.show(&apps.buffer((40, 20), Format::Xrgb8888, true)?);
    apps.roundtrip()?;
    let mut left = Program::connect(&service.socket("left-viewer")?)?;
    left.toplevel_list()?;
    let mut right = Program::connect(&service.socket("right-viewer")?)?;
    right.toplevel_list()?;
    let mark = left.log.len();
    let text = std::fs::read_to_string(service.configuration())?;
    let text = text.replace("\"two\"", "\"three\"").replace("\"one\"", "\"two\"");
    service.reload(&text.replace("app_id = \"three\"", "app_id = \"one\""))?;
    right.wait_for("the toplevel", 0, |line| line == "told")?;
    right.listed("one")?;
    left.wait_for("its end", mark, |line| line == "closed")?;
    let error = left.listed("one").expect_err("another port's toplevel").to_string();
    assert!(error.contains("not listed"), "{error}");
    Ok(())
}
