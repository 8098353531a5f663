//! Viewers whose window has another size than the port.

use porthole_guest::Pattern;
use porthole_guest::commands::Command as Order;
use porthole_pixel::Size;
use porthole_rfb::Encoding;
use porthole_rfb::client::Event;
use porthole_tests::guest::Options;
use porthole_tests::service::configuration;
use porthole_tests::wait::GUEST;
use porthole_tests::{Capture, Guest, Result, Scene, Service};

use crate::strict_viewer::Viewer;

/// The next size that the server tells, with its reason and status.
fn resized(viewer: &mut Viewer) -> Result<(Size, u16, u16)> {
    viewer.wait(|event| match event {
        Event::Resized { size, layout: Some((reason, status)) } => Some((*size, *reason, *status)),
        _ => None,
    })
}

/// A viewer that knows the extended desktop size.
fn connect(address: &str) -> Result<Viewer> {
    let mut viewer = Viewer::connect(address, &[Encoding::Zrle, Encoding::ExtendedDesktopSize])?;
    resized(&mut viewer)?;
    Ok(viewer)
}

fn ask(viewer: &mut Viewer, width: u16, height: u16) -> Result<(Size, u16, u16)> {
    viewer.client.request_update(true);
    viewer.client.set_desktop_size(width, height);
    resized(viewer)
}

/// A scene on a port that viewers may size, and the layer's guest filling it.
fn resizable(scene: &Scene) -> String {
    configuration(std::slice::from_ref(scene))
        .replace("[[port]]\n", "[[port]]\nresize = \"viewers\"\n")
        .replace("\"input:main\"", "\"input:main\", \"resize:main\"")
}

fn scene(width: u32, height: u32, pattern: Pattern, seed: u32) -> Scene {
    Scene::new("main", width, height).layer("ivi", (0, 0, width, height), pattern, seed)
}

#[test]
fn a_viewer_sizes_the_port_and_the_others_follow() -> Result<()> {
    let service = Service::start_with(&resizable(&scene(640, 480, Pattern::Noise, 1)))?;
    let server = service.vnc("main")?;
    let mut first = connect(&server.address)?;
    let mut second = connect(&server.address)?;
    assert_eq!(ask(&mut first, 800, 500)?, (Size::new(800, 500), 1, 0));
    assert_eq!(
        resized(&mut second)?,
        (Size::new(800, 500), 0, 0),
        "the server's doing, for others"
    );
    assert_eq!(ask(&mut first, 800, 500)?, (Size::new(800, 500), 1, 0), "it has that size");
    assert_eq!(ask(&mut first, 8, 8)?, (Size::new(800, 500), 1, 1), "no port is that small");
    // As fast as a window's edge is dragged: the last wish comes true.
    for side in 0..200 {
        second.client.set_desktop_size(300 + side, 200 + side);
    }
    second.client.request_update(true);
    while resized(&mut second)?.0 != Size::new(499, 399) {}
    while resized(&mut first)?.0 != Size::new(499, 399) {}
    Ok(())
}

#[test]
fn wishes_without_end_leave_nothing_behind() -> Result<()> {
    let service = Service::start_with(&resizable(&scene(64, 48, Pattern::Noise, 1)))?;
    let server = service.vnc("main")?;
    let mut viewer = connect(&server.address)?;
    // More than the service lets one client have at a time.
    for _ in 0..1500 {
        assert_eq!(ask(&mut viewer, 64, 48)?, (Size::new(64, 48), 1, 0));
    }
    assert_eq!(ask(&mut viewer, 80, 60)?, (Size::new(80, 60), 1, 0));
    Ok(())
}

#[test]
fn the_size_of_other_ports_is_not_a_viewers_to_choose() -> Result<()> {
    let text = resizable(&scene(640, 480, Pattern::Noise, 1));
    for text in [text.replace(", \"resize:main\"", ""), text.replace("\"viewers\"", "\"config\"")] {
        let service = Service::start_with(&text)?;
        let server = service.vnc("main")?;
        let mut viewer = connect(&server.address)?;
        assert_eq!(ask(&mut viewer, 800, 500)?, (Size::new(640, 480), 1, 1));
    }
    let service = Service::start_with(&text)?;
    let server = service.vnc_with("main", "127.0.0.1:0", &["--view-only"])?;
    let mut viewer = connect(&server.address)?;
    assert_eq!(
        ask(&mut viewer, 800, 500)?,
        (Size::new(640, 480), 1, 1),
        "who only looks changes nothing"
    );
    Ok(())
}

#[test]
#[ignore = "needs the newest QEMU"]
fn a_guest_follows_the_window_of_a_viewer() -> Result<()> {
    let service = Service::start_with(&resizable(&scene(640, 480, Pattern::Noise, 1)))?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    let server = service.vnc("main")?;
    let mut viewer = connect(&server.address)?;
    let mut guest = Guest::start(&service, "ivi", &Options::generic(1))?;
    let draw = |pattern, seed| Order::Draw { head: 0, pattern, seed, area: None };
    guest.order(&draw(Pattern::Noise, 1))?;
    capture.expect("window-before", &scene(640, 480, Pattern::Noise, 1).picture(), GUEST)?;
    for (width, height, seed) in [(1000, 600, 2), (720, 400, 3)] {
        let size = Size::new(u32::from(width), u32::from(height));
        assert_eq!(ask(&mut viewer, width, height)?, (size, 1, 0));
        guest.order(&Order::WaitSize { head: 0, width, height })?;
        guest.order(&Order::Mode { head: 0, width, height })?;
        guest.order(&draw(Pattern::Bars, seed))?;
        let new = scene(size.width, size.height, Pattern::Bars, seed);
        capture.expect(&format!("window-{width}"), &new.picture(), GUEST)?;
    }
    guest.power_off()
}
