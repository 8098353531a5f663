//! Guests for which pictures were promised: what is seen when they make none.

use std::time::Duration;

use porthole_guest::Pattern;
use porthole_guest::commands::Command as Order;
use porthole_tests::guest::Options;
use porthole_tests::service::configuration;
use porthole_tests::wait::{GUEST, SHORT, pause, wait_until};
use porthole_tests::{Capture, Guest, Result, Scene, Service};
use serde_json::json;

use crate::portholectl::ctl;

fn scene(seed: u32) -> Scene {
    Scene::new("main", 640, 400).layer("ivi", (20, 10, 320, 240), Pattern::Noise, seed)
}

const DEADLINE: Duration = Duration::from_secs(1);

fn draw(guest: &mut Guest, seed: u32) -> Result<()> {
    guest.order(&Order::Draw { head: 0, pattern: Pattern::Noise, seed, area: None }).map(drop)
}

/// Has the guest keep its promise until that is seen: who looks too late sees it broken again.
fn keeps(guest: &mut Guest, capture: &Capture, seed: u32) -> Result<()> {
    let expected = scene(seed).picture();
    wait_until("a promise that is kept", GUEST, || {
        draw(guest, seed)?;
        Ok((capture.screen.picture().as_ref() == Some(&expected)).then_some(()))
    })
}

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
    let nothing = Scene::new("main", 640, 400).picture();
    draw(&mut guest, 1)?;
    // It draws once, and no more.
    wait_until("that it is late", SHORT, || {
        Ok(service.process.log().contains("the stream is late").then_some(()))
    })?;
    capture.expect("promise-late", &nothing, SHORT)?;
    keeps(&mut guest, &capture, 2)?;
    capture.expect("promise-late-again", &nothing, SHORT)?;
    // Paused with its picture shown it is held, as long as it takes.
    let mut pauses = 0;
    wait_until("a pause in time", GUEST, || {
        keeps(&mut guest, &capture, 3)?;
        qmp.execute("stop", json!({}))?;
        pauses += 1;
        wait_until("the pause in the log", SHORT, || {
            let told = service.process.log().matches("the guest is Suspended").count();
            Ok((told >= pauses).then_some(()))
        })?;
        let layers = ctl(&service, &["layers", "--json"])?.json()?;
        let is_late = layers["layer"][0]["now"]["fallback_active"] == true;
        if is_late {
            qmp.execute("cont", json!({}))?;
        }
        Ok((!is_late).then_some(()))
    })?;
    capture.expect("promise-paused", &scene(3).picture(), SHORT)?;
    pause(DEADLINE * 2);
    capture.expect("promise-held", &scene(3).picture(), SHORT)?;
    qmp.execute("cont", json!({}))?;
    // It goes on, and has to keep its promise again.
    keeps(&mut guest, &capture, 4)?;
    capture.expect("promise-late-at-last", &nothing, SHORT)?;
    guest.power_off()
}
