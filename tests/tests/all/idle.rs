//! Nothing wakes up while nothing changes.

use std::time::Duration;

use porthole_guest::Pattern;
use porthole_guest::commands::Command as Order;
use porthole_tests::guest::Options;
use porthole_tests::wait::{GUEST, SHORT, pause, wait_until};
use porthole_tests::{Capture, Guest, Process, Result, Scene, Service};

/// How long a process must sleep through.
const SPAN: Duration = Duration::from_secs(2);

/// Waits for a span in which none of the processes woke up: what happened just before may echo.
fn sleeps(what: &str, processes: &[&Process]) -> Result<()> {
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
