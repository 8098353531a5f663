//! A Wayland program for guests with a screen: shows the windows that a list names, and stays.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use porthole_tests::failure::OrFail;
use porthole_tests::program::{Buffer, Program, Toplevel};
use porthole_tests::{Failure, Result};
use wayland_client::protocol::wl_shm::Format;

/// Shows windows on a Wayland socket.
#[derive(Parser)]
struct Options {
    /// The socket
    socket: PathBuf,
    /// A line for each window: application id, width, height, whether alpha counts (argb or xrgb), and the
    /// file with its words of four bytes, which is beside the list
    list: PathBuf,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell where even this cannot be written.
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    let mut program = Program::connect(&options.socket)?;
    let folder = options.list.parent().unwrap_or(Path::new("/"));
    let list = fs::read_to_string(&options.list).or_fail("read the list")?;
    let mut windows = Vec::new();
    for line in list.lines() {
        windows.push(window(&mut program, folder, line)?);
    }
    let mut out = std::io::stdout();
    writeln!(out, "shown").and_then(|()| out.flush()).or_fail("say that they are shown")?;
    let mark = program.log.len();
    loop {
        // Stays until it is killed, or the service ends.
        let waited = program.wait_for("nothing", mark, |_| false);
        if waited.is_err() {
            program.roundtrip()?;
        }
    }
}

fn window(program: &mut Program, folder: &Path, line: &str) -> Result<(Toplevel, Buffer)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [app_id, width, height, format, file] = words[..] else {
        return Err(Failure::new(format!("not a window: {line}")));
    };
    let format = if format == "argb" { Format::Argb8888 } else { Format::Xrgb8888 };
    let width: u32 = width.parse().or_fail("read a width")?;
    let height = height.parse().or_fail("read a height")?;
    let bytes = fs::read(folder.join(file)).or_fail("read a window's picture")?;
    let toplevel = program.toplevel(app_id)?;
    let buffer = program.buffer((width, height), format, true)?;
    let all = bytes.as_chunks::<4>().0;
    buffer.paint(|x, y| {
        let word = all.get((y * width + x) as usize);
        word.map_or(0, |word| u32::from_ne_bytes(*word))
    })?;
    let mark = program.log.len();
    program.frame(&toplevel.surface);
    toplevel.show(&buffer);
    program.wait_for("a frame", mark, |line| line == "frame done")?;
    Ok((toplevel, buffer))
}
