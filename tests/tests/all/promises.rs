//! Guests for which pictures were promised: what is seen when they make none.

use std::time::Duration;

use porthole_guest::Pattern;
use porthole_guest::commands::Command as Order;
use porthole_tests::guest::Options;
use porthole_tests::service::configuration;
use porthole_tests::wait::{GUEST, SHORT, pause, wait_until};
use porthole_tests::{Capture, Guest, Result, Scene, Service};
use serde_json::json;

fn scene(seed: u32) -> Scene {
    Scene::new("main", 640, 400).layer("ivi", (20, 10, 320, 240), Pattern::Noise, seed)
}

const DEADLINE: Duration = Duration::from_secs(1);

#[test]
fn a_guest_that_stands_still_is_late_and_one_that_is_paused_is_not() -> Result<()> {
    let text = configuration(&[scene(1)]);
    let text = text.replace("order = 1", "order = 1\ndeadline = 1.0\nfallback = \"hide\"");
    let service = Service::start_with(&text)?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    let device_options = ["--rate", "10"].map(str::to_owned).to_vec();
    let options = Options { device_options, qmp: true, ..Options::default() };
    let mut guest = Guest::start(&service, "ivi", &options)?;
    let mut qmp = guest.qmp()?;
    let draw = |seed| Order::Draw { head: 0, pattern: Pattern::Noise, seed, area: None };
    let nothing = Scene::new("main", 640, 400).picture();
    guest.order(&draw(1))?;
    // It draws once, and no more.
    capture.expect("promise-late", &nothing, GUEST)?;
    guest.order(&draw(2))?;
    capture.expect("promise-kept", &scene(2).picture(), SHORT)?;
    capture.expect("promise-late-again", &nothing, SHORT)?;
    // Paused with its picture shown it is held, as long as it takes.
    guest.order(&draw(3))?;
    qmp.execute("stop", json!({}))?;
    wait_until("the pause in the log", SHORT, || {
        Ok(service.process.log().contains("the guest is Suspended").then_some(()))
    })?;
    capture.expect("promise-paused", &scene(3).picture(), SHORT)?;
    pause(DEADLINE * 2);
    capture.expect("promise-held", &scene(3).picture(), SHORT)?;
    qmp.execute("cont", json!({}))?;
    // It goes on, and has to keep its promise again.
    guest.order(&draw(4))?;
    capture.expect("promise-goes-on", &scene(4).picture(), SHORT)?;
    capture.expect("promise-late-at-last", &nothing, SHORT)?;
    guest.power_off()
}
