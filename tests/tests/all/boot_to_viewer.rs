//! From a real guest's pixels to a capture of the port and to a VNC viewer, exact to the last bit.

use porthole_guest::Pattern;
use porthole_guest::commands::Command as Order;
use porthole_guest::pattern::Area;
use porthole_tests::guest::Options;
use porthole_tests::wait::GUEST;
use porthole_tests::{Capture, Guest, Result, Scene, Service, Viewer};

/// One guest that fills its port.
fn scene(pattern: Pattern, seed: u32) -> Scene {
    Scene::new("main", 1024, 600).layer("ivi", (0, 0, 1024, 600), pattern, seed)
}

fn draw(pattern: Pattern, seed: u32) -> Order {
    Order::Draw { head: 0, pattern, seed, area: None }
}

/// Draws in every way that a guest can and compares after each step.
fn every_way_of_drawing(
    guest: &mut Guest,
    name: &str,
    expect: impl Fn(&str, &porthole_tests::Picture) -> Result<()>,
) -> Result<()> {
    guest.order(&draw(Pattern::Noise, 1))?;
    let mut picture = scene(Pattern::Noise, 1).picture();
    expect(&format!("{name}-dumb-buffer"), &picture)?;

    let (pattern, seed) = (Pattern::Gradient, 2);
    let area = Area { x: 301, y: 77, width: 111, height: 53 };
    guest.order(&Order::Draw { head: 0, pattern, seed, area: Some(area) })?;
    for y in area.y..area.y + area.height {
        for x in area.x..area.x + area.width {
            picture.set(x, y, pattern.rgb(seed, 1024, 600, x, y));
        }
    }
    expect(&format!("{name}-part"), &picture)?;

    guest.order(&Order::Flip { head: 0, pattern: Pattern::Checker, seed: 3, count: 5 })?;
    expect(&format!("{name}-flip"), &scene(Pattern::Checker, 7).picture())?;

    guest.order(&Order::Framebuffer { pattern: Pattern::Infotainment, seed: 4 })?;
    expect(&format!("{name}-fbdev"), &scene(Pattern::Infotainment, 4).picture())
}

#[test]
fn capture_is_exact() -> Result<()> {
    let service = Service::start(&[scene(Pattern::Noise, 1)])?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    let mut guest = Guest::start(&service, "ivi", &Options::default())?;
    every_way_of_drawing(&mut guest, "capture", |name, picture| {
        capture.expect(name, picture, GUEST)
    })?;
    guest.power_off()
}

#[test]
fn viewer_is_exact() -> Result<()> {
    let service = Service::start(&[scene(Pattern::Noise, 1)])?;
    let server = service.vnc("main")?;
    let viewer = Viewer::connect(&server.address)?;
    let mut guest = Guest::start(&service, "ivi", &Options::default())?;
    every_way_of_drawing(&mut guest, "viewer", |name, picture| {
        viewer.expect(name, picture, GUEST)
    })?;
    guest.power_off()
}
