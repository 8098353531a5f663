//! A run of the service that takes over from the one before it, without a service manager.

use std::process::Command;

use porthole_tests::{
    Result, Service,
    process::{Process, built},
    program::Program,
    wait::SHORT,
};
use serde_json::Value;

use crate::{
    wayland_scene::{expect, service},
    window::{of_parent, shown},
};

fn next_run(service: &Service, name: &str) -> Result<(Process, Value)> {
    let mut command = Command::new(built("porthole")?);
    command.arg("--config").arg(service.configuration()).arg("--take-over");
    command.arg("--runtime-dir").arg(service.folder().join("run"));
    Process::start_ready(name, service.folder(), &mut command)
}

#[test]
fn the_next_run_takes_over_what_the_last_one_had() -> Result<()> {
    let mut service = service()?;
    let socket = service.socket("viewer")?;
    let (program, _toplevel) = shown(&socket)?;
    service.remembers("\"app\"")?;
    let (next, ready) = next_run(&service, "next")?;
    let ended = service.process.wait_end(SHORT)?;
    assert!(ended.success(), "{}", service.process.log());
    assert!(service.process.log().contains("another run takes over"), "{}", service.process.log());
    assert_eq!(ready["sockets"]["viewer"].as_str().map(std::path::Path::new), Some(&*socket));
    let log = next.log();
    assert!(log.contains("is taken over") && log.contains("going on as before"), "{log}");
    // Programs end with their compositor, and find the next one at the same place.
    drop(program);
    let (mut program, _toplevel) = shown(&socket)?;
    expect(&crate::wayland_scene::picture(&mut program)?, of_parent);
    // So does the next but one.
    let (mut last, _) = next_run(&service, "last")?;
    Program::connect(&socket)?;
    last.terminate()?;
    assert!(!socket.exists(), "who made the socket's file is gone, and so is that");
    // With nobody there it is an ordinary start.
    let (last, _) = next_run(&service, "after")?;
    assert!(!last.log().contains("is taken over"), "{}", last.log());
    Program::connect(&socket).map(drop)
}
