//! VNC viewers that share no code with the usual one, and several viewers at once.

use std::fs;
use std::io::Write;
use std::process::Command;

use porthole_guest::Pattern;
use porthole_guest::commands::Command as Order;
use porthole_rig::roots;
use porthole_tests::failure::OrFail;
use porthole_tests::guest::Options;
use porthole_tests::wait::{GUEST, SHORT, wait_until};
use porthole_tests::{Capture, Failure, Guest, Picture, Result, Scene, Service, Viewer, viewer};
use vnc::VncEncoding;

fn scene(pattern: Pattern, seed: u32) -> Scene {
    Scene::new("main", 800, 480).layer("ivi", (40, 30, 640, 400), pattern, seed)
}

fn draw(guest: &mut Guest, pattern: Pattern, seed: u32) -> Result<()> {
    guest.order(&Order::Draw { head: 0, pattern, seed, area: None }).map(drop)
}

#[test]
fn viewers_of_every_encoding_see_the_same() -> Result<()> {
    let service = Service::start(&[scene(Pattern::Noise, 1)])?;
    let server = service.vnc("main")?;
    let viewers = [
        vec![VncEncoding::Raw],
        vec![VncEncoding::CopyRect, VncEncoding::Raw],
        vec![VncEncoding::Zrle],
        vec![VncEncoding::Zrle, VncEncoding::CopyRect, VncEncoding::LastRectPseudo],
    ]
    .into_iter()
    .map(|encodings| {
        let options = viewer::Options { encodings, password: None };
        Viewer::connect_with(&server.address, options)
    })
    .collect::<Result<Vec<_>>>()?;
    let mut guest = Guest::start(&service, "ivi", &Options::default())?;
    for (step, pattern) in (1..).zip(Pattern::ALL) {
        draw(&mut guest, pattern, step)?;
        let expected = scene(pattern, step).picture();
        for (number, viewer) in (1..).zip(&viewers) {
            viewer.expect(&format!("viewer-{number}-{pattern}"), &expected, GUEST)?;
        }
    }
    // One that comes late sees everything; the others do not mind that one goes.
    let late = Viewer::connect(&server.address)?;
    late.expect("viewer-late", &scene(Pattern::ALL[6], 7).picture(), SHORT)?;
    drop(late);
    draw(&mut guest, Pattern::Noise, 9)?;
    for viewer in &viewers {
        viewer.expect("viewer-last", &scene(Pattern::Noise, 9).picture(), SHORT)?;
    }
    guest.power_off()
}

#[test]
fn a_password_is_asked_for() -> Result<()> {
    let service = Service::start(&[scene(Pattern::Noise, 1)])?;
    let file = service.folder().join("password");
    fs::write(&file, "secret\n")?;
    let path = file.display().to_string();
    let server = service.vnc_with("main", "127.0.0.1:0", &["--password-file", &path])?;
    let with = |password: &str| {
        let password = Some(password.to_owned());
        viewer::Options { password, ..viewer::Options::default() }
    };
    Viewer::connect_with(&server.address, with("wrong")).unwrap_err();
    let viewer = Viewer::connect_with(&server.address, with("secret"))?;
    // Nothing has drawn: the splash is there, whatever it looks like.
    wait_until("a picture behind the password", SHORT, || {
        Ok((viewer.screen.updates() > 1).then_some(()))
    })
}

/// Runs GTK-VNC's `gvnccapture` and reads the picture that it wrote.
fn foreign_capture(address: &str, folder: &std::path::Path) -> Result<Picture> {
    let root = roots::foreign_viewer()?;
    let (host, port) = address.rsplit_once(':').ok_or_else(|| Failure::new("no port"))?;
    let port: u16 = port.parse().or_fail("read the address")?;
    let display = port.checked_sub(5900).ok_or_else(|| Failure::new("a port below 5900"))?;
    let file = folder.join("foreign.png");
    let mut command = Command::new("timeout");
    let program = roots::command(&root, "gvnccapture");
    command.arg(GUEST.as_secs().to_string()).arg(program.get_program()).args(program.get_args());
    let output = command.arg(format!("{host}:{display}")).arg(&file).output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(Failure::new(format!("gvnccapture failed ({}): {said}", output.status)));
    }
    Picture::read(&file)
}

#[test]
#[ignore = "needs a foreign viewer"]
fn a_foreign_viewer_sees_the_same() -> Result<()> {
    let service = Service::start(&[scene(Pattern::Noise, 1)])?;
    let server = service.vnc("main")?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    let mut guest = Guest::start(&service, "ivi", &Options::default())?;
    for (seed, pattern) in [(1, Pattern::Noise), (2, Pattern::Cluster)] {
        draw(&mut guest, pattern, seed)?;
        let expected = scene(pattern, seed).picture();
        capture.expect(&format!("foreign-{pattern}-drawn"), &expected, GUEST)?;
        let seen = foreign_capture(&server.address, service.folder())?;
        if let Some(difference) = seen.difference(&expected) {
            let folder = seen.write_comparison(&expected, &format!("foreign-{pattern}"))?;
            let text = format!("gvnccapture: {difference:?}, see {}", folder.display());
            return Err(Failure::new(text));
        }
    }
    guest.power_off()
}

#[test]
fn a_viewer_that_never_reads_hurts_nobody() -> Result<()> {
    let service = Service::start(&[scene(Pattern::Noise, 1)])?;
    let server = service.vnc("main")?;
    let viewer = Viewer::connect(&server.address)?;
    // It greets, asks for everything without end, and reads nothing.
    let mut stuck = std::net::TcpStream::connect(&server.address)?;
    stuck.write_all(b"RFB 003.008\n\x01\x01")?;
    for _ in 0..2000 {
        stuck.write_all(&[3, 0, 0, 0, 0, 0, 0x03, 0x20, 0x01, 0xe0])?;
    }
    let mut guest = Guest::start(&service, "ivi", &Options::default())?;
    let before = server.process.status("VmRSS")?;
    for seed in 1..=12 {
        draw(&mut guest, Pattern::Noise, seed)?;
        viewer.expect(&format!("stuck-{seed}"), &scene(Pattern::Noise, seed).picture(), GUEST)?;
    }
    // Two frames of 1.5 MB are allowed to wait, twelve are not.
    wait_until("memory for two frames, not twelve", SHORT, || {
        let grown = server.process.status("VmRSS")?.saturating_sub(before);
        Ok((grown < 12_000).then_some(()))
    })?;
    guest.power_off()
}
