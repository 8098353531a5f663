//! A new configuration is taken whole or not at all.

use porthole_guest::Pattern;
use porthole_guest::commands::Command as Order;
use porthole_tests::guest::Options;
use porthole_tests::service::configuration;
use porthole_tests::wait::{GUEST, SHORT, wait_until};
use porthole_tests::{Capture, Guest, Result, Scene, Service};

fn scene(x: u32, y: u32) -> Scene {
    Scene::new("main", 800, 600).layer("ivi", (x, y, 400, 300), Pattern::Bars, 1)
}

#[test]
fn reload_moves_layers_or_changes_nothing() -> Result<()> {
    let mut service = Service::start(&[scene(0, 0)])?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    let mut guest = Guest::start(&service, "ivi", &Options::default())?;
    guest.order(&Order::Draw { head: 0, pattern: Pattern::Bars, seed: 1, area: None })?;
    capture.expect("reload-before", &scene(0, 0).picture(), GUEST)?;

    service.reload(&configuration(&[scene(123, 45)]))?;
    capture.expect("reload-moved", &scene(123, 45).picture(), SHORT)?;

    // The layer would move, but the same file also has a mistake.
    capture.screen.start_film();
    let wrong = "\n[[layer]]\nname = \"x\"\nport = \"nowhere\"\nguest = \"ivi\"\norder = 9\n";
    let bad = configuration(&[scene(10, 10)]) + wrong;
    service.reload(&bad)?;
    wait_until("the refusal in the service's log", SHORT, || {
        Ok(service.process.log().contains("nothing changed").then_some(()))
    })?;
    let log = service.process.log();
    assert!(log.contains("nowhere"), "the refusal must name what is wrong: {log}");
    service.process.must_run()?;
    guest.order(&Order::Draw { head: 0, pattern: Pattern::Bars, seed: 1, area: None })?;
    capture.expect("reload-refused", &scene(123, 45).picture(), SHORT)?;
    let film = capture.screen.take_film();
    assert_eq!(film, [scene(123, 45).picture()], "the layer moved for a moment");

    // A port's size changes while it is watched.
    let mut larger = scene(7, 9);
    larger.size = (1024, 768);
    service.reload(&configuration(std::slice::from_ref(&larger)))?;
    capture.expect("reload-larger", &larger.picture(), SHORT)?;
    guest.power_off()
}
