//! What a QEMU shows by its own VNC server, as a layer.

use porthole_guest::Pattern;
use porthole_guest::commands::Command as Order;
use porthole_tests::plain::{BACKGROUND, Boot, Options, PORT, configuration, on_port};
use porthole_tests::source::{SourceGuest, source, unix, with_vnc};
use porthole_tests::wait::{GUEST, SHORT, wait_until};
use porthole_tests::{Capture, Picture, Result, Service, Viewer};
use rustix::process::Signal;

pub(crate) fn start() -> Result<(Service, Capture)> {
    let service = Service::start_with(&configuration("old"))?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    Ok((service, capture))
}

#[test]
fn the_firmwares_modes_come_over_vnc_and_keys_go_back() -> Result<()> {
    let (service, capture) = start()?;
    let mut guest = SourceGuest::start(&service, "old", &Options::new(Boot::Modes), &[])?;
    guest.machine.line().wait_for("STATE up")?;
    for (letter, size) in
        [('t', (720, 400)), ('g', (640, 400)), ('p', (640, 480)), ('v', (1024, 768))]
    {
        guest.machine.draw(letter)?;
        guest.same_of(&format!("source-mode-{letter}"), &capture.screen, size)?;
    }
    let server = service.vnc("main")?;
    let viewer = Viewer::connect(&server.address)?;
    viewer.key(u32::from(b'a'), true)?;
    guest.machine.line().wait_for("KEY 1e")?;
    viewer.key(u32::from(b'a'), false)?;

    // The service is killed while the machine draws; then the machine, and comes back in another mode.
    let mut service = service;
    service.kill()?;
    guest.machine.draw('p')?;
    service.start_again(&[], None)?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    let last = guest.same_of("source-service", &capture.screen, (640, 480))?;
    guest.machine.process.signal(Signal::KILL)?;
    guest.machine.process.wait_end(SHORT)?;
    wait_until("the sign", SHORT, || {
        guest.source.must_run()?;
        let picture = capture.screen.picture();
        Ok(picture.filter(|picture| is_signed(picture, &last)).map(drop))
    })?;
    let again = with_vnc(Options::new(Boot::Modes), &guest.vnc);
    let folder = service.folder().join("again");
    guest.machine = porthole_tests::plain::Machine::power_on(&folder, &again)?;
    guest.machine.line().wait_for("STATE up")?;
    guest.machine.draw('g')?;
    guest.same_of("source-again", &capture.screen, (640, 400)).map(drop)
}

/// Whether the port shows the picture darkened below, and something else above.
fn is_signed(seen: &Picture, last: &Picture) -> bool {
    let dark = |at: (u32, u32)| last.pixel(at.0, at.1).map(|rgb| rgb.map(|part| part >> 1));
    let below = (0..last.width()).step_by(7).all(|x| {
        let at = (x, last.height() - 1);
        seen.pixel(at.0, at.1) == dark(at)
    });
    let sign =
        (0..last.width()).any(|x| seen.pixel(x, last.height() / 6) == Some([0xff, 0xe0, 0x60]));
    below && sign
}

#[test]
fn every_encoding_of_a_qemu_shows_the_same() -> Result<()> {
    let (service, capture) = start()?;
    let more = ["--encoding", "raw"];
    let mut guest = SourceGuest::start(&service, "old", &Options::new(Boot::Modes), &more)?;
    guest.machine.line().wait_for("STATE up")?;
    let server = unix(&guest.vnc);
    for encoding in ["raw", "hextile", "zlib", "tight", "zrle"] {
        guest.source.terminate()?;
        guest.source = source(&service, "old", &server, &["--encoding", encoding])?;
        // Few colours, and as many as pixels.
        for (letter, size) in [('p', (640, 480)), ('v', (1024, 768))] {
            guest.machine.draw(letter)?;
            guest.same_of(&format!("source-{encoding}-{letter}"), &capture.screen, size)?;
        }
    }
    Ok(())
}

#[test]
#[ignore = "a guest of a minute, on the newest QEMU"]
fn a_linux_guest_is_shown_and_pointed_at() -> Result<()> {
    let (service, capture) = start()?;
    let options = Options::new(Boot::Guest(None)).newest().device("qemu-xhci").device("usb-tablet");
    let mut guest = SourceGuest::start(&service, "old", &options, &[])?;
    guest.machine.line().wait_for("STATE up")?;
    let (head, pattern, seed) = (0, Pattern::Noise, 7);
    guest.machine.order(&Order::Draw { head, pattern, seed, area: None })?;
    let mut expected = Picture::new(PORT.0, PORT.1, BACKGROUND);
    expected.draw(pattern, seed, (0, 0), PORT);
    capture.expect("source-linux", &expected, GUEST)?;
    let own = guest.same_of("source-linux-own", &capture.screen, PORT)?;
    assert_eq!(on_port(&own).difference(&expected), None);

    // What is told before anybody in the guest listens is lost.
    guest.machine.line().wait_for("INPUT QEMU_QEMU_USB_Tablet")?;
    let server = service.vnc("main")?;
    let viewer = Viewer::connect(&server.address)?;
    viewer.pointer(640, 200, 0)?;
    // ABS_X and ABS_Y of 0 to 0x7fff, then the left button.
    guest.machine.line().wait_event_near(3, 0, 0x4000, 40)?;
    guest.machine.line().wait_event_near(3, 1, 0x2000, 40)?;
    viewer.pointer(640, 200, 1)?;
    guest.machine.line().wait_event(1, 0x110, 1)?;
    viewer.key(0xff0d, true)?;
    guest.machine.line().wait_event(1, 28, 1)?;
    // What is held is let go when the viewer goes.
    drop(viewer);
    guest.machine.line().wait_events(&[(1, 28, 0), (1, 0x110, 0)])
}
