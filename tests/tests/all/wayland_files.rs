//! Files of clients whose filesystem is a program that does not answer, and devices in the place of files.

use std::{
    fs::{self, File},
    os::fd::AsFd,
    path::Path,
    process::Command,
};

use porthole_tests::{
    Process, Result, Service,
    process::built,
    program::Program,
    wait::{GUEST, SHORT, wait_until},
};
use rustix::process::Signal;
use wayland_client::protocol::{wl_shm::Format, wl_shm::WlShm};

use crate::wayland_scene::{APP, service};

/// How many clients a socket has at most, and what hands over more files.
const CLIENTS: usize = 64;
const TIMES: &str = "70";

/// A frame of a program is shown.
fn works(service: &Service) -> Result<()> {
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let toplevel = program.toplevel(APP)?;
    let mark = program.log.len();
    program.frame(&toplevel.surface);
    toplevel.show(&program.buffer((20, 10), Format::Xrgb8888, true)?);
    program.wait_for("a frame", mark, |line| line == "frame done")
}

/// Hands over files that never answer, so many times, and what was said of that.
fn hand_over(service: &Service, folder: &Path, times: &str) -> Result<(Process, String)> {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount"]).arg(built("porthole-stuck")?);
    command.arg(service.socket("plain")?).arg(folder).arg(times);
    let mut stuck = Process::start("stuck", service.folder(), &mut command)?;
    let said = wait_until("the files to be handed over", GUEST, || {
        let said = stuck.log();
        Ok((said.contains("done") || stuck.ended()?.is_some()).then_some(said))
    });
    let said = said.map_err(|error| stuck.failure(&error.to_string()))?;
    // Neither the service nor a test can be hurt where nobody may have a filesystem of their own.
    let is_open = said.contains("open\n");
    assert!(is_open || said.contains("no FUSE") || said.contains("unshare"), "{said}");
    Ok((stuck, said))
}

/// Everything that is done with such a file waits: to read it, to ask for its size, to close it.
#[test]
fn files_that_never_answer_stop_nobody() -> Result<()> {
    let service = service()?;
    let folder = tempfile::tempdir()?;
    let (mut stuck, said) = hand_over(&service, folder.path(), TIMES)?;
    works(&service)?;
    if !said.contains("open\n") {
        return Ok(());
    }
    let why = "a file on a filesystem that is not the service's was handed over";
    let ended = said.lines().filter(|line| line.contains("ended: ") && line.contains(why)).count();
    assert_eq!(ended, CLIENTS, "{said}");
    assert!(said.contains("turned away"), "{said}");
    // Nothing was asked of it but to close the first one, which still waits.
    let asked: Vec<&str> = said.lines().filter(|line| line.starts_with("asked for")).collect();
    assert!(asked.iter().all(|line| *line == "asked for 25"), "{said}");
    let log = service.process.log();
    assert!(log.lines().any(|l| l.contains(why) && l.contains("socket=\"plain\"")), "{log}");
    assert!(log.contains("there are 64 already"), "{log}");

    // When it ends, its files go, and others may come to the socket.
    stuck.signal(Signal::KILL)?;
    stuck.wait_end(SHORT)?;
    wait_until("the socket to be free", SHORT, || {
        let program = Program::connect(&service.socket("plain")?);
        Ok(program.ok().and_then(|mut program| program.roundtrip().ok()))
    })?;
    works(&service)
}

/// The kernel keeps a process until the file that it closes is closed; but its place is free.
#[test]
fn a_file_that_never_answers_keeps_nobody_from_starting_again() -> Result<()> {
    let mut service = service()?;
    let folder = tempfile::tempdir()?;
    let (mut stuck, said) = hand_over(&service, folder.path(), "1")?;
    if !said.contains("open\n") {
        return Ok(());
    }
    service.process.signal(Signal::TERM)?;
    let status = format!("/proc/{}/status", service.process.id());
    wait_until("the service to have ended", SHORT, || {
        let is_over = fs::read_to_string(&status).is_ok_and(|text| text.contains("State:\tZ"));
        Ok((is_over || service.process.ended()?.is_some()).then_some(()))
    })?;
    let mut command = Command::new(built("porthole")?);
    command.arg("--config").arg(service.configuration());
    command.arg("--runtime-dir").arg(service.folder().join("run"));
    let mut next = Process::start("next", service.folder(), &mut command)?;
    wait_until("the next run to be ready", SHORT, || {
        next.must_run()?;
        Ok(next.log().contains("ready").then_some(()))
    })?;
    works(&service)?;
    // With the file's program the first one goes too.
    stuck.signal(Signal::KILL)?;
    stuck.wait_end(SHORT)?;
    assert!(service.process.wait_end(SHORT)?.success());
    works(&service)?;
    assert!(next.terminate()?.success());
    Ok(())
}

#[test]
fn devices_are_no_pools_and_no_keymaps() -> Result<()> {
    let service = service()?;
    let device = File::open("/dev/zero")?;
    let mut strange = Program::connect(&service.socket("viewer")?)?;
    let seat = strange.seat("main")?;
    let keyboard = strange.virtual_keyboard(&seat)?;
    keyboard.keymap(1, device.as_fd(), 4096);
    strange.roundtrip()?;
    assert!(service.process.log().contains("a keymap in something that is no file"));
    let toplevel = strange.toplevel(APP)?;
    let shm: WlShm = strange.bind()?;
    let pool = shm.create_pool(device.as_fd(), 4096, strange.handle(), ());
    let buffer = pool.create_buffer(0, 16, 16, 64, Format::Xrgb8888, strange.handle(), ());
    toplevel.surface.attach(Some(&buffer), 0, 0);
    toplevel.surface.commit();
    let told = strange.roundtrip().and_then(|()| strange.roundtrip()).unwrap_err().to_string();
    assert!(told.contains("neither memory nor a file"), "{told}");
    works(&service)
}
