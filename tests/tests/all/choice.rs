//! The service without a configuration.

use std::process::Command;

use porthole_tests::{
    Result, Service,
    process::{Process, built},
    wait::{SHORT, wait_until},
};
use rustix::process::Signal;

use crate::{
    wayland_scene::{APP, configuration},
    window::{of_parent, parent_shows, shown},
};

#[test]
fn in_a_wayland_session_a_window_is_shown_without_a_configuration() -> Result<()> {
    let parent = Service::start_with(&configuration("").replace(APP, "porthole.main"))?;
    let folder = tempfile::tempdir()?;
    let mut command = Command::new(built("porthole")?);
    command.arg("--no-config").arg("--runtime-dir").arg(folder.path().join("run"));
    command.env("WAYLAND_DISPLAY", parent.socket("viewer")?);
    let (child, ready) = Process::start_ready("porthole", folder.path(), &mut command)?;
    let sockets =
        ["viewer", "guest"].map(|name| ready["sockets"][name].as_str().map(str::to_owned));
    let [Some(viewer), Some(_)] = sockets else { panic!("{ready}") };
    let (_program, _toplevel) = shown(viewer.as_ref())?;
    parent_shows(&parent, of_parent)?;
    let why = "no configuration is wanted: a window in the Wayland session at ";
    assert!(child.log().contains(why), "{}", child.log());
    // There is nothing to read again, and nothing lost.
    child.signal(Signal::HUP)?;
    wait_until("the reload", SHORT, || {
        Ok(child.log().contains("the configuration was read again").then_some(()))
    })?;
    parent_shows(&parent, of_parent)
}

#[test]
fn what_counts_without_a_configuration_can_be_printed_and_kept() -> Result<()> {
    let parent = Service::start_with(&configuration(""))?;
    let folder = tempfile::tempdir()?;
    let run = |options: &[&str]| {
        let mut command = Command::new(built("porthole")?);
        command.args(options).env("WAYLAND_DISPLAY", parent.socket("viewer")?);
        Ok::<_, porthole_tests::Failure>(command.output()?)
    };
    let printed = run(&["--no-config", "--print-config"])?;
    assert!(printed.status.success(), "{printed:?}");
    let file = folder.path().join("porthole.toml");
    std::fs::write(&file, &printed.stdout)?;
    let checked = run(&["--config", &file.display().to_string(), "--check"])?;
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(
        said.ends_with("in order: 1 port, 1 guest, 2 layers, 1 socket, 0 programs\n"),
        "{said}"
    );
    let both = run(&["--no-config", "--config", "a.toml"])?;
    assert_eq!(both.status.code(), Some(2), "{both:?}");
    Ok(())
}
