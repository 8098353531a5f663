//! Ordinary programs with windows, as Debian ships them: terminals, toolkits, GL and a camera.

use std::fs;
use std::process::Command;

use porthole_tests::program::Program;
use porthole_tests::wait::{GUEST, wait_until};
use porthole_tests::{Capture, Picture, Process, Result, Service};

const SIZE: (u32, u32) = (320, 240);

/// A port that shows every program of its socket.
fn service() -> Result<Service> {
    Service::start_with(&format!(
        r#"
version = 1
[[port]]
name = "main"
size = [{}, {}]
background = "{}"
[[socket]]
name = "viewer"
rights = ["capture:main", "input:main", "clipboard:main"]
[[layer]]
name = "programs"
port = "main"
socket = "viewer"
app_id = "*"
order = 1
"#,
        SIZE.0, SIZE.1, "#102030"
    ))
}

/// Starts a program of this machine's Debian on the service.
fn start(service: &Service, program: &str, arguments: &[&str]) -> Result<Process> {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(service.folder());
    command.env("WAYLAND_DISPLAY", service.socket("viewer")?);
    command.env("XDG_RUNTIME_DIR", service.folder());
    // No GPU, no other display, no desktop's settings.
    command.env("LIBGL_ALWAYS_SOFTWARE", "1").env("GSETTINGS_BACKEND", "memory");
    command.env("QT_QPA_PLATFORM", "wayland").env("GDK_BACKEND", "wayland").env_remove("DISPLAY");
    command.env("HOME", service.folder());
    Process::start(program.rsplit('/').next().unwrap_or(program), service.folder(), &mut command)
}

/// Waits until the port looks as it should.
fn expect(
    service: &Service,
    program: &mut Process,
    what: &str,
    mut is: impl FnMut(&Picture) -> bool,
) -> Result<()> {
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    let seen = wait_until(what, GUEST, || {
        program.must_run()?;
        Ok(capture.screen.picture().filter(|picture| is(picture)).map(drop))
    });
    seen.map_err(|error| {
        let file = service.folder().join("seen.png");
        let colour = capture.screen.picture().and_then(|picture| {
            picture.write(&file).ok()?;
            middle(&picture)
        });
        program.failure(&format!("{error}; the middle is {colour:?}"))
    })
}

fn middle(picture: &Picture) -> Option<[u8; 3]> {
    picture.pixel(SIZE.0 / 2, SIZE.1 / 2)
}

/// Whether the port has this colour in its middle and its corners.
fn is_all(picture: &Picture, colour: [u8; 3]) -> bool {
    let (right, bottom) = (SIZE.0 - 2, SIZE.1 - 2);
    [(1, 1), (right, 1), (1, bottom), (right, bottom), (SIZE.0 / 2, SIZE.1 / 2)]
        .into_iter()
        .all(|(x, y)| picture.pixel(x, y) == Some(colour))
}

#[test]
#[ignore = "needs foot, which is installed"]
fn foot_is_a_terminal() -> Result<()> {
    let service = service()?;
    let shell = r"printf '\033[41m\033[2J'; read line; echo $line > typed; sleep 1000";
    let red = ["-o", "colors.regular1=c01020", "-o", "pad=0x0"];
    let arguments = [&red[..], &["-o", "cursor.color=c01020 c01020", "sh", "-c", shell]].concat();
    let mut foot = start(&service, "foot", &arguments)?;
    // Whole rows of letters seldom fill a window.
    expect(&service, &mut foot, "a red terminal", |p| middle(p) == Some([0xc0, 0x10, 0x20]))?;
    // What is typed on the port's seat arrives, by the seat's keymap: h, i and Return.
    let mut typist = Program::connect(&service.socket("viewer")?)?;
    let seat = typist.seat("main")?;
    let keyboard = typist.virtual_keyboard(&seat)?;
    for code in [35, 23, 28] {
        keyboard.key(0, code, 1);
        keyboard.key(0, code, 0);
    }
    typist.roundtrip()?;
    let typed = service.folder().join("typed");
    wait_until("what was typed", GUEST, || {
        foot.must_run()?;
        Ok(fs::read_to_string(&typed).ok().filter(|text| text == "hi\n").map(drop))
    })
}

#[test]
#[ignore = "needs weston-terminal, which is installed"]
fn weston_terminal_is_a_terminal() -> Result<()> {
    let service = service()?;
    let shell = service.folder().join("shell");
    fs::write(&shell, "#!/bin/sh\nprintf '\\033[42m%20000s' ''; sleep 1000\n")?;
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&shell, mode)?;
    let option = format!("--shell={}", shell.display());
    let mut terminal = start(&service, "weston-terminal", &[&option])?;
    // The green of its own palette, which is not the same in every release.
    expect(&service, &mut terminal, "a green terminal", |picture| {
        middle(picture).is_some_and(|[red, green, blue]| green > 100 && red < 60 && blue < 60)
    })
}

#[test]
#[ignore = "needs weston-simple-egl, which is installed"]
fn a_gl_program_turns_its_triangle() -> Result<()> {
    let service = service()?;
    let mut triangle = start(&service, "weston-simple-egl", &[])?;
    let mut pictures = Vec::<Picture>::new();
    expect(&service, &mut triangle, "three turns of a triangle of many colours", |picture| {
        let colours: std::collections::BTreeSet<_> = (0..SIZE.1)
            .flat_map(|y| (0..SIZE.0).filter_map(move |x| picture.pixel(x, y)))
            .collect();
        if colours.len() > 50 && pictures.iter().all(|old| old.difference(picture).is_some()) {
            pictures.push(picture.clone());
        }
        pictures.len() >= 3
    })
}

#[test]
#[ignore = "needs GTK 4, which is installed"]
fn a_gtk_4_program_fills_its_layer() -> Result<()> {
    let service = service()?;
    let script = r##"
import gi
gi.require_version("Gtk", "4.0")
from gi.repository import Gdk, Gtk
def activate(app):
    css = Gtk.CssProvider()
    css.load_from_data(b"window { background: #2060a0; }")
    Gtk.StyleContext.add_provider_for_display(Gdk.Display.get_default(), css, 900)
    Gtk.ApplicationWindow(application=app).present()
app = Gtk.Application(application_id="org.example.Gtk", flags=32)
app.connect("activate", activate)
app.run()
"##;
    let mut program = start(&service, "/usr/bin/python3", &["-c", script])?;
    expect(&service, &mut program, "a blue window", |p| is_all(p, [0x20, 0x60, 0xa0]))
}

#[test]
#[ignore = "needs Qt 6, which is installed"]
fn a_qt_6_program_fills_its_layer() -> Result<()> {
    let service = service()?;
    let script = r##"
from PyQt6 import QtWidgets
app = QtWidgets.QApplication([])
window = QtWidgets.QWidget()
window.setStyleSheet("background: #a06020")
window.show()
app.exec()
"##;
    let mut program = start(&service, "/usr/bin/python3", &["-c", script])?;
    expect(&service, &mut program, "a brown window", |p| is_all(p, [0xa0, 0x60, 0x20]))
}

#[test]
#[ignore = "needs GStreamer, which is installed"]
fn a_camera_by_waylandsink_shows_its_film() -> Result<()> {
    let service = service()?;
    let pipeline = ["videotestsrc", "pattern=red", "!", "video/x-raw,format=BGRx", "!"];
    let arguments = [&pipeline[..], &["waylandsink"]].concat();
    let mut camera = start(&service, "gst-launch-1.0", &arguments)?;
    expect(&service, &mut camera, "a red picture", |p| middle(p) == Some([0xff, 0, 0]))
}

#[test]
#[ignore = "needs wl-clipboard, which is installed"]
fn wl_clipboard_copies_and_pastes() -> Result<()> {
    let service = service()?;
    let text = "from one program to another";
    let mut copy = start(&service, "wl-copy", &["--foreground", text])?;
    let paste = || -> Result<Option<()>> {
        let mut command = Command::new("wl-paste");
        command.arg("--no-newline").env("WAYLAND_DISPLAY", service.socket("viewer")?);
        let output = command.env("XDG_RUNTIME_DIR", service.folder()).output()?;
        Ok((output.status.success() && output.stdout == text.as_bytes()).then_some(()))
    };
    wait_until("the text", GUEST, || {
        copy.must_run()?;
        paste()
    })
}
