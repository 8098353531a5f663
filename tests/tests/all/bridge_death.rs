//! Bridge, service or machine are killed, and what becomes of the picture.

use porthole_tests::plain::{BACKGROUND, Boot, Options, PORT};
use porthole_tests::wait::{GUEST, SHORT};
use porthole_tests::{Capture, Picture, PlainGuest, Result, Viewer};
use rustix::process::Signal;

use crate::bridge_firmware::start;

/// X11's keys.
const CONTROL: u32 = 0xffe3;
const F1: u32 = 0xffbe;

/// The port without a guest.
fn empty() -> Picture {
    Picture::new(PORT.0, PORT.1, BACKGROUND)
}

#[test]
fn a_bridge_that_was_killed_shows_the_same_guest_again() -> Result<()> {
    let (service, capture) = start()?;
    let mut guest = PlainGuest::start(&service, "plain", &Options::new(Boot::Modes))?;
    guest.machine.line().wait_for("STATE up")?;
    guest.machine.draw('g')?;
    let before = guest.same_of("bridge-killed-before", &capture.screen, (640, 400))?;
    let server = service.vnc("main")?;
    let viewer = Viewer::connect(&server.address)?;
    // With Ctrl a function key has another number.
    viewer.key(CONTROL, true)?;
    viewer.key(F1, true)?;
    guest.machine.line().wait_for("KEY 5e")?;
    viewer.key(F1, false)?;
    for step in ["bridge-killed-1", "bridge-killed-2"] {
        guest.bridge.signal(Signal::KILL)?;
        guest.bridge.wait_end(SHORT)?;
        capture.expect(step, &empty(), SHORT)?;
        guest.machine.process.must_run()?;
        viewer.key(CONTROL, false)?;
        // The machine draws nothing new: what it shows is asked for.
        guest.bridge_again(&service)?;
        let again = guest.same_of(step, &capture.screen, (640, 400))?;
        assert_eq!(again.difference(&before), None, "{step}");
    }
    // What was let go of while there was no bridge is not held for ever.
    viewer.key(F1, true)?;
    guest.machine.line().wait_for("KEY 3b")?;
    viewer.key(u32::from(b'a'), true)?;
    guest.machine.line().wait_for("KEY 1e")?;
    guest.machine.draw('t')?;
    guest.same_of("bridge-killed-after", &capture.screen, (720, 400)).map(drop)
}

#[test]
fn a_bridge_outlives_the_service_and_shows_its_guest_again() -> Result<()> {
    let (mut service, capture) = start()?;
    let mut guest = PlainGuest::start(&service, "plain", &Options::new(Boot::Modes))?;
    guest.machine.line().wait_for("STATE up")?;
    guest.machine.draw('p')?;
    guest.same_of("bridge-service-before", &capture.screen, (640, 480))?;
    for (step, letter, size) in
        [("bridge-service-1", 'p', (640, 480)), ("bridge-service-2", 'v', (1024, 768))]
    {
        service.kill()?;
        // It draws while nobody looks.
        guest.machine.draw(letter)?;
        service.start_again(&[], None)?;
        let capture = Capture::start(&service.socket("viewer")?, "main")?;
        guest.same_of(step, &capture.screen, size)?;
    }
    Ok(())
}

#[test]
fn a_bridge_ends_with_its_machine() -> Result<()> {
    let (service, capture) = start()?;
    let mut guest = PlainGuest::start(&service, "plain", &Options::new(Boot::Modes))?;
    guest.machine.line().wait_for("STATE up")?;
    guest.machine.draw('g')?;
    guest.same_of("bridge-machine-before", &capture.screen, (640, 400))?;
    guest.machine.process.signal(Signal::KILL)?;
    let status = guest.bridge.wait_end(SHORT)?;
    assert!(status.success(), "{}", guest.bridge.failure(&format!("it ended with {status}")));
    capture.expect("bridge-machine-after", &empty(), SHORT)?;
    // The next machine of this name has the same layer.
    let next = service.folder().join("next");
    let mut machine = porthole_tests::plain::Machine::power_on(&next, &Options::new(Boot::Modes))?;
    machine.line().wait_for("STATE up")?;
    machine.draw('p')?;
    std::mem::swap(&mut machine, &mut guest.machine);
    guest.bridge_again(&service)?;
    guest.same_of("bridge-machine-next", &capture.screen, (640, 480))?;
    // One that is switched off as it should be.
    guest.machine.qmp.execute("quit", serde_json::json!({}))?;
    let status = guest.bridge.wait_end(GUEST)?;
    assert!(status.success(), "{}", guest.bridge.failure(&format!("it ended with {status}")));
    Ok(())
}
