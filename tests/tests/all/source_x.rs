//! What TigerVNC's X server shows, as a layer: a server that others wrote, with fences, updates that nobody
//! asks for, and a size that viewers choose.

use std::fs::{self, File};
use std::process::Command;

use porthole_tests::failure::OrFail;
use porthole_tests::plain::{PORT, configuration};
use porthole_tests::source::{source, unix};
use porthole_tests::wait::{SHORT, wait_until};
use porthole_tests::{Capture, Failure, Picture, Process, Result, Service};

/// Eight rows of eight pixels, the lowest bit on the left.
const BITS: [u8; 8] = [0x01, 0x83, 0x46, 0xaa, 0x5d, 0xf0, 0x0f, 0x3c];
const FRONT: [u8; 3] = [0x10, 0x20, 0x30];
const BACK: [u8; 3] = [0xf0, 0xc0, 0x81];

/// The X server and the display that it has.
pub(crate) fn x_server(service: &Service) -> Result<(Process, String)> {
    let socket = service.folder().join("x.vnc");
    let number = service.folder().join("display");
    let mut command = Command::new("Xvnc");
    command.args(["-displayfd", "1", "-SecurityTypes", "None", "-rfbport", "-1"]);
    command.args(["-geometry", "640x480", "-depth", "24", "-nolisten", "tcp", "-noreset"]);
    command.arg("-rfbunixpath").arg(&socket).stdout(File::create(&number)?);
    let mut server = Process::start("xvnc", service.folder(), &mut command)?;
    let display = wait_until("the X server's display", SHORT, || {
        server.must_run()?;
        let text = fs::read_to_string(&number)?;
        Ok(text.strip_suffix('\n').map(|number| format!(":{number}")))
    })?;
    Ok((server, display))
}

/// Fills the root window.
fn fill(display: &str, words: &[&str]) -> Result<()> {
    let drawn = Command::new("xsetroot").args(["-display", display]).args(words).status();
    if drawn.or_fail("run xsetroot (package x11-xserver-utils)")?.success() {
        return Ok(());
    }
    Err(Failure::new("xsetroot failed"))
}

fn tiles() -> Picture {
    let mut picture = Picture::new(PORT.0, PORT.1, BACK);
    for y in 0..PORT.1 {
        for x in 0..PORT.0 {
            if BITS.get((y % 8) as usize).is_some_and(|row| row >> (x % 8) & 1 != 0) {
                picture.set(x, y, FRONT);
            }
        }
    }
    picture
}

#[test]
#[ignore = "needs TigerVNC's X server"]
fn every_encoding_of_an_x_server_shows_the_same_at_the_layers_size() -> Result<()> {
    // The layer says which size it wants.
    let text = configuration("old").replace("lead = \"picture\"\n", "");
    let service = Service::start_with(&text)?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    let (_server, display) = x_server(&service)?;
    let bitmap = service.folder().join("tile.xbm");
    let bits: Vec<String> = BITS.iter().map(|row| format!("{row:#04x}")).collect();
    let text = "#define tile_width 8\n#define tile_height 8\nstatic char tile_bits[] = {\n";
    fs::write(&bitmap, format!("{text}{}}};\n", bits.join(", ")))?;
    let bitmap = bitmap.display().to_string();
    let address = unix(&service.folder().join("x.vnc"));
    for encoding in ["raw", "rre", "hextile", "tight", "zrle"] {
        // The server has 640 by 480, or what the last viewer wanted; the layer wants all of the port.
        let mut source = source(&service, "old", &address, &["--encoding", encoding])?;
        fill(&display, &["-bitmap", &bitmap, "-fg", "#102030", "-bg", "#f0c081"])?;
        capture.expect(&format!("source-x-{encoding}"), &tiles(), SHORT)?;
        fill(&display, &["-solid", "#336699"])?;
        let plain = Picture::new(PORT.0, PORT.1, [0x33, 0x66, 0x99]);
        capture.expect(&format!("source-x-{encoding}-plain"), &plain, SHORT)?;
        assert!(source.terminate()?.success(), "{}", source.failure("it ended badly"));
    }
    Ok(())
}
