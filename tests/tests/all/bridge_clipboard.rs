//! The clipboard of a guest behind `porthole-qemu`: an agent in the guest on QEMU's own port for it, and
//! a person's clipboard in the service.

use porthole_guest::commands::Command as Order;
use porthole_tests::plain::{Boot, Options, configuration};
use porthole_tests::program::{Program, TEXT};
use porthole_tests::wait::SHORT;
use porthole_tests::{PlainGuest, Result, Service};
use rustix::process::Signal;
use wayland_protocols::ext::data_control::v1::client::ext_data_control_device_v1::ExtDataControlDeviceV1;

fn service(clipboard: &str) -> Result<Service> {
    let text = configuration("plain").replace(
        "[[guest]]\nname = \"plain\"\n",
        &format!("[[guest]]\nname = \"plain\"\nclipboard = \"{clipboard}\"\n"),
    );
    let manager = "\n[[socket]]\nname = \"person\"\nrights = [\"clipboard:main\"]\n";
    Service::start_with(&format!("{text}{manager}"))
}

/// Somebody who sees and sets what is copied on the port.
pub(crate) struct Person {
    pub(crate) program: Program,
    control: ExtDataControlDeviceV1,
}

impl Person {
    pub(crate) fn new(service: &Service) -> Result<Self> {
        let mut program = Program::connect(&service.socket("person")?)?;
        let seat = program.seat("main")?;
        let control = program.data_control(&seat)?;
        program.wait_for("the clipboard", 0, |line| line == "control copied none")?;
        Ok(Self { program, control })
    }

    /// Has a text copied, and serves it once.
    pub(crate) fn offer(&mut self, text: &str) -> Result<()> {
        let mark = self.program.log.len();
        let source = self.program.control_source(text)?;
        self.control.set_selection(Some(&source));
        self.program.wait_for("somebody to ask", mark, |l| l.starts_with("source sends"))
    }

    /// The same until the guest says what came of it.
    fn copy(&mut self, text: &str, guest: &mut PlainGuest, line: &str) -> Result<()> {
        self.offer(text)?;
        guest.machine.line().wait_for(line).map(drop)
    }

    pub(crate) fn copied(&mut self, mark: usize) -> Result<String> {
        let copied = format!("control copied {TEXT} ");
        self.program.wait_for("the guest's", mark, |l| l.starts_with(&copied))?;
        self.program.paste_from_afar()
    }

    pub(crate) fn mark(&self) -> usize {
        self.program.log.len()
    }
}

/// A machine with the port at which QEMU has its clipboard.
fn machine(ways: &str) -> Options {
    let mut options = Options::new(Boot::Guest(None));
    options.machine.boot =
        ["-chardev", "qemu-vdagent,id=agent,clipboard=on,mouse=off"].map(str::to_owned).to_vec();
    options.bridge = ["--clipboard", ways].map(str::to_owned).to_vec();
    options
        .device("virtio-serial-pci")
        .device("virtserialport,chardev=agent,name=com.redhat.spice.0")
}

fn copy(guest: &mut PlainGuest, times: usize, text: &str) -> Result<()> {
    guest.machine.order(&Order::Copy { times, text: text.to_owned() }).map(drop)
}

#[test]
fn text_goes_to_and_from_a_guest() -> Result<()> {
    let service = service("both")?;
    let mut person = Person::new(&service)?;
    let mut guest = PlainGuest::start(&service, "plain", &machine("both"))?;
    guest.machine.line().wait_for("STATE agent")?;

    person.copy("from a person, é", &mut guest, "CLIP 17 from a person, é")?;
    let mark = person.mark();
    copy(&mut guest, 1, "from the guest")?;
    assert_eq!(person.copied(mark)?, "from the guest");
    // More than a pipe and a socket hold.
    let mark = person.mark();
    copy(&mut guest, 30_000, "0123456789")?;
    assert_eq!(person.copied(mark)?, "0123456789".repeat(30_000));
    person.copy(&"9876543210".repeat(40_000), &mut guest, "CLIP 400000 98765432109876543210")?;
    let mark = person.mark();
    copy(&mut guest, 1, "short again")?;
    assert_eq!(person.copied(mark)?, "short again");
    let mark = person.mark();
    guest.machine.order(&Order::Uncopy)?;
    person.program.wait_for("nothing", mark, |l| l == "control copied none")?;

    // The bridge is killed and comes back: QEMU takes it for the one from before.
    copy(&mut guest, 1, "before the end")?;
    let mark = person.mark();
    person.copied(mark)?;
    let mark = person.mark();
    guest.bridge.signal(Signal::KILL)?;
    guest.bridge.wait_end(SHORT)?;
    person.program.wait_for("the loss", mark, |l| l == "control copied none")?;
    guest.bridge_again(&service)?;
    guest.machine.line().wait_for("STATE agent")?;
    person.copy("to the next one", &mut guest, "CLIP 15 to the next one")?;
    let mark = person.mark();
    copy(&mut guest, 1, "the last words")?;
    assert_eq!(person.copied(mark)?, "the last words");
    let mark = person.mark();
    drop(guest);
    person.program.wait_for("the end of the guest", mark, |l| l == "control copied none")
}
