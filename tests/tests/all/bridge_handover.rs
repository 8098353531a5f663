//! A guest moves to another QEMU whose display is D-Bus as well, and its layer goes with it: nobody sees
//! anything of it.

use std::process::Command;

use porthole_tests::plain::{Boot, Machine, Options, configuration, on_port};
use porthole_tests::process::built;
use porthole_tests::source::unix;
use porthole_tests::wait::{GUEST, SHORT};
use porthole_tests::{Capture, PlainGuest, Process, Result, Service, Viewer};
use rustix::process::Signal;
use serde_json::json;

/// The configuration of one guest, and of the name that it has where it goes to.
fn text() -> String {
    let text = configuration("here").replace("\"input:main\"", "\"input:main\", \"layout:main\"");
    format!("{text}\n[[guest]]\nname = \"there\"\n")
}

/// Everything waits for the guest's arrival before the guest leaves.
fn moves(mut options: Options, name: &str) -> Result<()> {
    let service = Service::start_with(&text())?;
    let viewer = service.socket("viewer")?;
    let capture = Capture::start(&viewer, "main")?;
    let mut here = PlainGuest::start(&service, "here", &options)?;
    here.machine.line().wait_for("STATE up")?;
    here.machine.draw('v')?;
    let before = here.same_of(&format!("{name}-before"), &capture.screen, (1024, 768))?;
    capture.screen.start_film();

    let way = service.folder().join("way");
    options.machine.boot.extend(["-incoming".to_owned(), unix(&way)]);
    let machine = Machine::power_on(&service.folder().join("there"), &options)?;
    let mut there = Command::new(built("porthole-qemu")?);
    there.args(["--guest", "there", "--wait", "--qmp"]).arg(machine.bridge_qmp());
    there.arg("--wayland").arg(service.socket("there")?);
    let bridge = Process::start("porthole-qemu-there", service.folder(), &mut there)?;
    let mut command = Command::new(built("portholectl")?);
    command.arg("--wayland").arg(&viewer).args(["source", "here", "there", "--when-ready", "0"]);
    let mut handover = Process::start("portholectl", service.folder(), &mut command)?;

    here.machine.qmp.execute("migrate", json!({"uri": unix(&way)}))?;
    let status = handover.wait_end(GUEST)?;
    assert!(status.success(), "{}", handover.failure("the layer stayed"));
    // Nobody needs what was here.
    here.machine.process.signal(Signal::KILL)?;
    here.machine.process.wait_end(SHORT)?;
    assert!(here.bridge.wait_end(SHORT)?.success());
    let mut there = PlainGuest::of(machine, bridge, "there");
    let after = there.same_of(&format!("{name}-after"), &capture.screen, (1024, 768))?;
    assert_eq!(after.difference(&before), None);
    let film = capture.screen.take_film();
    let expected = on_port(&before);
    assert!(!film.is_empty() && film.len() < 200);
    for (number, picture) in film.iter().enumerate() {
        if let Some(difference) = picture.difference(&expected) {
            let folder = picture.write_comparison(&expected, &format!("{name}-film"))?;
            let of = film.len();
            panic!("picture {number} of {of}: {difference:?}, see {}", folder.display());
        }
    }
    // The guest goes on where it is, with its keyboard.
    there.machine.draw('g')?;
    there.same_of(&format!("{name}-on"), &capture.screen, (640, 400))?;
    let server = service.vnc("main")?;
    let keyboard = Viewer::connect(&server.address)?;
    keyboard.key(u32::from(b'a'), true)?;
    there.machine.line().wait_for("KEY 1e").map(drop)
}

#[test]
#[ignore = "a guest that moves between two machines"]
fn a_layer_goes_with_its_guest_to_another_qemu() -> Result<()> {
    moves(Options::new(Boot::Modes), "bridge-handover")
}

#[test]
#[ignore = "needs the newest QEMU"]
fn a_layer_goes_with_its_guest_between_the_newest_qemus() -> Result<()> {
    moves(Options::new(Boot::Modes).newest(), "bridge-handover-newest")
}
