//! Nothing wakes up while nothing changes.

use std::io::Write;
use std::os::unix::net::UnixListener;
use std::time::Duration;

use porthole_guest::Pattern;
use porthole_guest::commands::Command as Order;
use porthole_tests::display::{Display, Machine};
use porthole_tests::guest::Options;
use porthole_tests::wait::{GUEST, SHORT, pause, somebody_connects, wait_until};
use porthole_tests::{Capture, Guest, Picture, Process, Result, Scene, Service, source};

use crate::bridge;

/// How long a process must sleep through.
const SPAN: Duration = Duration::from_secs(2);

/// Waits for a span in which none of the processes woke up: what happened just before may echo.
pub(crate) fn sleeps(what: &str, processes: &[&Process]) -> Result<()> {
    let wake_ups = || -> Result<u64> {
        let mut sum = 0;
        for process in processes {
            sum += process.wake_ups()?;
        }
        Ok(sum)
    };
    wait_until(what, SHORT, || {
        let before = wake_ups()?;
        pause(SPAN);
        Ok((wake_ups()? == before).then_some(()))
    })
}

#[test]
fn a_quiet_service_sleeps() -> Result<()> {
    let scene = Scene::new("main", 640, 480).layer("ivi", (0, 0, 640, 480), Pattern::Noise, 1);
    let service = Service::start(std::slice::from_ref(&scene))?;
    sleeps("a service without clients to sleep", &[&service.process])?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    let mut guest = Guest::start(&service, "ivi", &Options::default())?;
    let order = Order::Draw { head: 0, pattern: Pattern::Noise, seed: 1, area: None };
    guest.order(&order)?;
    capture.expect("idle", &scene.picture(), GUEST)?;
    sleeps("service and device to sleep", &[&service.process, &guest.device])?;
    // And they are not dead.
    guest.order(&Order::Flip { head: 0, pattern: Pattern::Noise, seed: 1, count: 1 })?;
    capture.expect("idle-after", &scene.picture(), GUEST)?;
    guest.power_off()
}

#[test]
fn a_display_source_sleeps_while_nothing_changes_and_while_its_server_is_away() -> Result<()> {
    let scene = Scene::new("main", 640, 480).layer("ivi", (0, 0, 640, 480), Pattern::Noise, 1);
    let service = Service::start(std::slice::from_ref(&scene))?;
    // Apart, so that nothing else happens there.
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("server");
    let process = source::source(&service, "ivi", &source::unix(&path), &[])?;
    sleeps("a source without a server to sleep", &[&process])?;
    let server = UnixListener::bind(&path)?;
    somebody_connects(&server)?;
    let (mut connection, _) = server.accept()?;
    let size = (640, 480);
    connection.write_all(&[source::hello(size), source::grey(size, 0x44)].concat())?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    capture.expect("idle-source", &Picture::new(640, 480, [0x44; 3]), SHORT)?;
    sleeps("service and source to sleep", &[&service.process, &process])?;
    connection.write_all(&source::grey(size, 0x45))?;
    capture.expect("idle-source-after", &Picture::new(640, 480, [0x45; 3]), SHORT)
}

#[test]
fn a_bridge_sleeps_while_its_qemu_shows_nothing_new_and_while_the_service_is_away() -> Result<()> {
    let mut service = bridge::service()?;
    let mut display = Display::start(&service, &Machine::default(), &[])?;
    display.scanout(0, bridge::word(1))?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    capture.expect("idle-bridge", &bridge::picture(bridge::word(1)), SHORT)?;
    sleeps("service and bridge to sleep", &[&service.process, &display.bridge])?;
    service.kill()?;
    sleeps("a bridge without a service to sleep", &[&display.bridge])?;
    // And it is not dead.
    display.scanout(0, bridge::word(2))?;
    service.start_again(&[], None)?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    capture.expect("idle-bridge-after", &bridge::picture(bridge::word(2)), SHORT)
}
