//! What is copied goes to and from programs that others wrote: TigerVNC's viewer and X server, with an X
//! program that copies and pastes, and QEMU's own VNC server with an agent in its guest.

use std::fs;
use std::process::{Command, Stdio};

use porthole_guest::commands::Command as Order;
use porthole_tests::failure::OrFail;
use porthole_tests::plain::{Boot, Options, configuration};
use porthole_tests::source::{SourceGuest, source, unix};
use porthole_tests::wait::{SHORT, wait_until};
use porthole_tests::{Failure, Process, Result, Service};

use crate::source_x::x_server;
use crate::viewers_clipboard::{Person, start};

/// The configuration of a guest whose text may go both ways, and of somebody who sees it.
fn service() -> Result<Service> {
    let text = configuration("old").replace(
        "[[guest]]\nname = \"old\"\n",
        "[[guest]]\nname = \"old\"\nclipboard = \"both\"\n",
    );
    Service::start_with(&format!(
        "{text}\n[[socket]]\nname = \"person\"\nrights = [\"clipboard:main\"]\n"
    ))
}

/// An X program has copied a text; it serves it until somebody else copies.
fn copy(service: &Service, display: &str, text: &str) -> Result<Process> {
    let file = service.folder().join("copied");
    fs::write(&file, text)?;
    let mut command = Command::new("xclip");
    command.args(["-display", display, "-selection", "clipboard", "-quiet", "-i"]).arg(&file);
    Process::start("xclip", service.folder(), &mut command)
}

/// Waits until an X program pastes a text.
fn paste(display: &str, text: &str) -> Result<()> {
    wait_until(text, SHORT, || {
        // It waits for as long as nobody answers.
        let mut command = Command::new("timeout");
        command.args(["5", "xclip", "-display", display, "-selection", "clipboard", "-o"]);
        let said = command.output().or_fail("run xclip")?;
        Ok((said.stdout == text.as_bytes()).then_some(()))
    })
}

#[test]
#[ignore = "needs TigerVNC's X server and xclip"]
fn text_goes_to_and_from_an_x_server() -> Result<()> {
    let service = service()?;
    let (_server, display) = x_server(&service)?;
    let address = unix(&service.folder().join("x.vnc"));
    let mut source = source(&service, "old", &address, &["--clipboard", "both"])?;
    let mut person = Person::new(&service, "main")?;
    person.copy("from a person, é 漢\nand more")?;
    paste(&display, "from a person, é 漢\nand more")?;
    let mark = person.mark();
    let _copied = copy(&service, &display, "from X, é 漢\nand more")?;
    assert_eq!(person.paste(mark)?, "from X, é 漢\nand more");
    person.copy("once more")?;
    paste(&display, "once more")?;
    // What X has copied goes with the way to it.
    let mark = person.mark();
    let _copied = copy(&service, &display, "the last one")?;
    assert_eq!(person.paste(mark)?, "the last one");
    let mark = person.mark();
    assert!(source.terminate()?.success(), "{}", source.failure("it ended badly"));
    person.program.wait_for("the loss", mark, |l| l == "control copied none")
}

/// TigerVNC's viewer in a window of an X server without a screen, which has the X keyboard.
struct Window {
    _server: Process,
    display: String,
    _viewer: Process,
}

impl Window {
    fn open(service: &Service, address: &str) -> Result<Self> {
        let number = service.folder().join("display");
        let mut command = Command::new("Xvfb");
        command.args(["-displayfd", "1", "-nolisten", "tcp", "-screen", "0", "640x480x24"]);
        command.stdout(fs::File::create(&number)?);
        let mut server = Process::start("xvfb", service.folder(), &mut command)?;
        let display = wait_until("the X server's display", SHORT, || {
            server.must_run()?;
            let text = fs::read_to_string(&number)?;
            Ok(text.strip_suffix('\n').map(|number| format!(":{number}")))
        })?;
        let (host, port) = address.rsplit_once(':').ok_or_else(|| Failure::new("no port"))?;
        let mut command = Command::new("vncviewer");
        command.env("DISPLAY", &display).args(["-SecurityTypes=None", "-AlertOnFatalError=0"]);
        command.args(["-ReconnectOnError=0", "-RemoteResize=0"]).arg(format!("{host}::{port}"));
        let mut viewer = Process::start("vncviewer", service.folder(), &mut command)?;
        // Without a window manager nobody has the keyboard, and who does not have it asks for nothing.
        wait_until("the viewer's window", SHORT, || {
            viewer.must_run()?;
            let mut command = Command::new("xdotool");
            command.env("DISPLAY", &display).args(["search", "--name", "TigerVNC"]);
            command.arg("windowfocus").stderr(Stdio::null()).stdout(Stdio::null());
            Ok(command.status().or_fail("run xdotool")?.success().then_some(()))
        })?;
        Ok(Self { _server: server, display, _viewer: viewer })
    }
}

#[test]
#[ignore = "needs TigerVNC's viewer, Xvfb, xclip and xdotool"]
fn text_goes_to_and_from_a_viewer_of_others() -> Result<()> {
    let (service, server) = start("both")?;
    let window = Window::open(&service, &server.address)?;
    let seat = "main/viewer-1";
    let mut person = wait_until("its seat", SHORT, || Ok(Person::new(&service, seat).ok()))?;
    person.copy("of the seat, é 漢\nand more")?;
    paste(&window.display, "of the seat, é 漢\nand more")?;
    let mark = person.mark();
    let _copied = copy(&service, &window.display, "from X, é 漢\nand more")?;
    assert_eq!(person.paste(mark)?, "from X, é 漢\nand more");
    let long = "0123456789\n".repeat(20_000);
    person.copy(&long)?;
    paste(&window.display, &long)?;
    let mark = person.mark();
    drop(window);
    // The seat and its clipboard are gone with the viewer.
    person.program.wait_for("the end", mark, |l| l.starts_with("control "))
}

#[test]
#[ignore = "needs a guest with an agent"]
fn text_goes_to_and_from_a_guest_behind_qemus_vnc_server_at_night() -> Result<()> {
    let service = service()?;
    let mut options = Options::new(Boot::Guest(None));
    options.machine.boot =
        ["-chardev", "qemu-vdagent,id=agent,clipboard=on,mouse=off"].map(str::to_owned).to_vec();
    let options = options
        .device("virtio-serial-pci")
        .device("virtserialport,chardev=agent,name=com.redhat.spice.0");
    let mut guest = SourceGuest::start(&service, "old", &options, &["--clipboard", "both"])?;
    guest.machine.line().wait_for("STATE agent")?;
    let mut person = Person::new(&service, "main")?;
    person.copy("from a person, é")?;
    // QEMU hands on the zero at the end, too.
    let line = guest.machine.line().wait_for("CLIP ")?;
    assert!(line.contains("from a person, é"), "{line:?}");
    let mark = person.mark();
    guest.machine.order(&Order::Copy { times: 1, text: "from the guest".to_owned() })?;
    assert_eq!(person.paste(mark)?, "from the guest");
    // More than a pipe and a socket hold.
    let mark = person.mark();
    guest.machine.order(&Order::Copy { times: 30_000, text: "0123456789".to_owned() })?;
    assert!(person.paste(mark)? == "0123456789".repeat(30_000));
    person.copy(&"9876543210".repeat(40_000))?;
    let line = guest.machine.line().wait_for("CLIP ")?;
    assert!(line.starts_with("CLIP 40000") && line.contains("98765432109876543210"), "{line:?}");
    Ok(())
}
