//! Two guests on one port, and two ports: each guest shows in its own layers and nowhere else.

use porthole_guest::Pattern;
use porthole_guest::commands::Command as Order;
use porthole_tests::guest::Options;
use porthole_tests::wait::GUEST;
use porthole_tests::{Capture, Guest, Result, Scene, Service};

const LOWER: (u32, u32, u32, u32) = (0, 0, 1280, 720);
const UPPER: (u32, u32, u32, u32) = (500, 60, 640, 256);

fn scene(lower: (Pattern, u32), upper: (Pattern, u32)) -> Scene {
    Scene::new("main", 1280, 720)
        .layer("ivi", LOWER, lower.0, lower.1)
        .layer("cluster", UPPER, upper.0, upper.1)
}

fn draw(guest: &mut Guest, (pattern, seed): (Pattern, u32)) -> Result<()> {
    guest.order(&Order::Draw { head: 0, pattern, seed, area: None }).map(drop)
}

#[test]
fn one_port_stacks_two_guests() -> Result<()> {
    let (noise, bars) = ((Pattern::Noise, 1), (Pattern::Bars, 2));
    let service = Service::start(&[scene(noise, bars)])?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    let mut lower = Guest::start(&service, "ivi", &Options::default())?;
    let mut upper = Guest::start(&service, "cluster", &Options::default())?;
    draw(&mut lower, noise)?;
    draw(&mut upper, bars)?;
    capture.expect("two-guests", &scene(noise, bars).picture(), GUEST)?;
    // What lies below an opaque layer must not shine through when it changes.
    draw(&mut lower, (Pattern::Checker, 3))?;
    capture.expect("two-lower", &scene((Pattern::Checker, 3), bars).picture(), GUEST)?;
    draw(&mut upper, (Pattern::Gradient, 4))?;
    let both = scene((Pattern::Checker, 3), (Pattern::Gradient, 4)).picture();
    capture.expect("two-upper", &both, GUEST)?;
    upper.power_off()?;
    lower.power_off()
}

#[test]
fn a_guest_that_is_killed_hurts_nobody_else() -> Result<()> {
    let (noise, bars) = ((Pattern::Noise, 1), (Pattern::Bars, 2));
    let service = Service::start(&[scene(noise, bars)])?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    let mut lower = Guest::start(&service, "ivi", &Options::default())?;
    let mut upper = Guest::start(&service, "cluster", &Options::default())?;
    draw(&mut lower, noise)?;
    draw(&mut upper, bars)?;
    capture.expect("killed-before", &scene(noise, bars).picture(), GUEST)?;
    // Dropping a guest kills its device and its QEMU at once.
    drop(upper);
    draw(&mut lower, (Pattern::Gradient, 9))?;
    let alone = Scene::new("main", 1280, 720).layer("ivi", LOWER, Pattern::Gradient, 9);
    capture.expect("killed-after", &alone.picture(), GUEST)?;
    // And the guest may come back.
    let mut upper = Guest::start(&service, "cluster", &Options::default())?;
    draw(&mut upper, (Pattern::Checker, 5))?;
    let both = scene((Pattern::Gradient, 9), (Pattern::Checker, 5)).picture();
    capture.expect("killed-back", &both, GUEST)?;
    upper.power_off()?;
    lower.power_off()
}

#[test]
fn two_ports_show_their_own_guests() -> Result<()> {
    let (left, right) = ((0, 0, 640, 480), (0, 0, 800, 600));
    let first = Scene::new("left", 640, 480).layer("ivi", left, Pattern::Noise, 1);
    let second = Scene::new("right", 800, 600).layer("cluster", right, Pattern::Bars, 2);
    let service = Service::start(&[first.clone(), second.clone()])?;
    let socket = service.socket("viewer")?;
    let captures = [Capture::start(&socket, "left")?, Capture::start(&socket, "right")?];
    let mut ivi = Guest::start(&service, "ivi", &Options::default())?;
    draw(&mut ivi, (Pattern::Noise, 1))?;
    captures[0].expect("ports-left", &first.picture(), GUEST)?;
    let mut cluster = Guest::start(&service, "cluster", &Options::default())?;
    // All that the first guest has drawn has long been seen by now.
    let quiet = captures[0].screen.updates();
    draw(&mut cluster, (Pattern::Bars, 2))?;
    captures[1].expect("ports-right", &second.picture(), GUEST)?;
    assert_eq!(captures[0].screen.updates(), quiet, "a port redrew for another port's guest");
    cluster.power_off()?;
    ivi.power_off()
}
