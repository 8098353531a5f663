//! Sizes that change while a guest runs: by the service, and by the guest.

use porthole_guest::Pattern;
use porthole_guest::commands::Command as Order;
use porthole_tests::guest::Options;
use porthole_tests::service::configuration;
use porthole_tests::wait::{GUEST, wait_until};
use porthole_tests::{Capture, Guest, Result, Scene, Service};

fn scene(width: u32, height: u32, pattern: Pattern, seed: u32) -> Scene {
    Scene::new("main", 1280, 720).layer("ivi", (10, 20, width, height), pattern, seed)
}

#[test]
#[ignore = "needs the newest QEMU"]
fn a_guest_follows_its_layer_on_the_generic_device() -> Result<()> {
    let service = Service::start(&[scene(640, 480, Pattern::Noise, 1)])?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    let mut guest = Guest::start(&service, "ivi", &Options::generic(1))?;
    let draw = |pattern, seed| Order::Draw { head: 0, pattern, seed, area: None };
    guest.order(&draw(Pattern::Noise, 1))?;
    capture.expect("resize-before", &scene(640, 480, Pattern::Noise, 1).picture(), GUEST)?;
    for (width, height, pattern, seed) in
        [(1000, 600, Pattern::Bars, 2), (320, 240, Pattern::Gradient, 3)]
    {
        let new = scene(u32::from(width), u32::from(height), pattern, seed);
        service.reload(&configuration(std::slice::from_ref(&new)))?;
        guest.order(&Order::WaitSize { head: 0, width, height })?;
        guest.order(&Order::Mode { head: 0, width, height })?;
        guest.order(&draw(pattern, seed))?;
        capture.expect(&format!("resize-{width}"), &new.picture(), GUEST)?;
    }
    guest.power_off()
}

/// The guest's line about its first head, once it says so.
fn wait_head(guest: &mut Guest, what: &str, is: impl Fn(&str) -> bool) -> Result<()> {
    wait_until(what, GUEST, || {
        let lines = guest.order(&Order::Heads)?;
        Ok(lines.iter().any(|line| line.starts_with("0 ") && is(line)).then_some(()))
    })
}

#[test]
#[ignore = "needs the newest QEMU"]
fn a_guest_has_the_rate_of_its_port_and_a_display_while_a_layer_shows_it() -> Result<()> {
    let scene = scene(640, 480, Pattern::Noise, 1);
    let text = configuration(std::slice::from_ref(&scene));
    let at = |rate: u32| text.replace("[[port]]\n", &format!("[[port]]\nrefresh = {rate}\n"));
    let service = Service::start_with(&at(30))?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    let mut guest = Guest::start(&service, "ivi", &Options::generic(1))?;
    guest.order(&Order::Draw { head: 0, pattern: Pattern::Noise, seed: 1, area: None })?;
    capture.expect("rate-before", &scene.picture(), GUEST)?;
    wait_head(&mut guest, "a mode at 30 Hz", |line| line.contains(" connected 640x480@30"))?;
    service.reload(&at(75))?;
    wait_head(&mut guest, "a mode at 75 Hz", |line| line.contains(" connected 640x480@75"))?;
    let gone = at(75).replace("guest = \"ivi\"\n", "socket = \"viewer\"\napp_id = \"other\"\n");
    service.reload(&gone)?;
    wait_head(&mut guest, "a head without a display", |line| line.contains(" disconnected"))?;
    service.reload(&at(60))?;
    wait_head(&mut guest, "the display", |line| line.contains(" connected 640x480@60"))?;
    guest.order(&Order::Draw { head: 0, pattern: Pattern::Noise, seed: 1, area: None })?;
    capture.expect("rate-after", &scene.picture(), GUEST)?;
    guest.power_off()
}

#[test]
#[ignore = "needs the newest QEMU"]
fn two_heads_of_one_guest_are_two_layers() -> Result<()> {
    let (left, right) = ((0, 0, 640, 480), (640, 100, 512, 384));
    let mut scene = Scene::new("main", 1280, 720).layer("ivi", left, Pattern::Noise, 1).layer(
        "second",
        right,
        Pattern::Bars,
        2,
    );
    let text = configuration(std::slice::from_ref(&scene))
        .replace("guest = \"second\"\n", "guest = \"ivi\"\nscanout = 1\n")
        .replace("[[guest]]\nname = \"second\"\n", "")
        .replace("[[guest]]\nname = \"ivi\"\n", "[[guest]]\nname = \"ivi\"\nscanouts = 2\n");
    let service = Service::start_with(&text)?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    let mut guest = Guest::start(&service, "ivi", &Options::generic(2))?;
    guest.order(&Order::Draw { head: 0, pattern: Pattern::Noise, seed: 1, area: None })?;
    guest.order(&Order::Draw { head: 1, pattern: Pattern::Bars, seed: 2, area: None })?;
    capture.expect("heads", &scene.picture(), GUEST)?;
    guest.order(&Order::Off { head: 1 })?;
    scene.layers.truncate(1);
    capture.expect("heads-off", &scene.picture(), GUEST)?;
    guest.power_off()
}
