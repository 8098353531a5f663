//! A guest moves to another QEMU, and its layer goes with it: nobody sees anything of it.

use std::process::Command;

use porthole_tests::plain::{Boot, Machine, Options, configuration, on_port};
use porthole_tests::process::built;
use porthole_tests::source::{SourceGuest, source, unix, with_vnc};
use porthole_tests::wait::{GUEST, SHORT, wait_until};
use porthole_tests::{Capture, Process, Result, Service};
use rustix::process::Signal;
use serde_json::json;

/// The configuration of one guest, and of the name that it has where it goes to.
fn text() -> String {
    let text = configuration("here").replace("\"input:main\"", "\"input:main\", \"layout:main\"");
    format!("{text}\n[[guest]]\nname = \"there\"\n")
}

#[test]
fn a_layer_goes_with_its_guest_to_another_qemu() -> Result<()> {
    let service = Service::start_with(&text())?;
    let viewer = service.socket("viewer")?;
    let capture = Capture::start(&viewer, "main")?;
    let mut here = SourceGuest::start(&service, "here", &Options::new(Boot::Modes), &[])?;
    here.machine.line().wait_for("STATE up")?;
    here.machine.draw('v')?;
    let before = here.same_of("handover-before", &capture.screen, (1024, 768))?;
    capture.screen.start_film();

    // The other QEMU waits; what it shows by itself must never be seen.
    let folder = service.folder().join("there");
    let (vnc, way) = (service.folder().join("there.vnc"), service.folder().join("way"));
    let mut options = with_vnc(Options::new(Boot::Modes), &vnc);
    options.machine.boot.extend(["-incoming".to_owned(), unix(&way)]);
    let mut machine = Machine::power_on(&folder, &options)?;
    here.machine.qmp.execute("migrate", json!({"uri": unix(&way)}))?;
    wait_until("the guest's arrival", GUEST, || {
        let status = machine.qmp.execute("query-status", json!({}))?;
        Ok((status.get("status") == Some(&json!("running"))).then_some(()))
    })?;

    // The layer waits for the guest's picture from there.
    let mut command = Command::new(built("portholectl")?);
    command.arg("--wayland").arg(&viewer).args(["source", "here", "there", "--when-ready", "60"]);
    let mut handover = Process::start("portholectl", service.folder(), &mut command)?;
    let there = source(&service, "there", &unix(&vnc), &[])?;
    let status = handover.wait_end(GUEST)?;
    assert!(status.success(), "{}", handover.failure("the layer stayed"));

    // Nobody needs what was here.
    here.machine.process.signal(Signal::KILL)?;
    here.machine.process.wait_end(SHORT)?;
    here.source.terminate()?;
    let mut there = SourceGuest { machine, source: there, vnc };
    let after = there.same_of("handover-after", &capture.screen, (1024, 768))?;
    assert_eq!(after.difference(&before), None);
    let film = capture.screen.take_film();
    let expected = on_port(&before);
    assert!(!film.is_empty() && film.len() < 200);
    for (number, picture) in film.iter().enumerate() {
        assert_eq!(picture.difference(&expected), None, "picture {number} of {}", film.len());
    }
    // The guest goes on where it is.
    there.machine.draw('g')?;
    there.same_of("handover-on", &capture.screen, (640, 400)).map(drop)
}
