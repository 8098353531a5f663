//! What hands out a guest's screens and keyboards where no systemd runs: Debian's seatd, and udev, which says
//! what they are.

use std::fs;
use std::path::{Path, PathBuf};

use crate::command::exists;
use crate::error::{Context, Result, RigError};
use crate::packages;

/// Where rules of udev's are that a test adds.
const RULES: &str = "/run/udev/rules.d";

/// The program of Debian's package.
///
/// # Errors
/// When it cannot be downloaded.
pub fn seatd() -> Result<PathBuf> {
    let package = packages::unpacked("seatd")?;
    let places = ["usr/sbin/seatd", "usr/bin/seatd"].map(|place| package.join(place));
    let found = places.into_iter().find(|file| file.is_file());
    found.ok_or_else(|| RigError::failed("Debian's package seatd has no seatd"))
}

/// The line for a shell in a guest with this machine's files that starts udev, with rules of our own, and has
/// it describe what is there. `rules` is a file of them, as the guest sees it.
///
/// # Errors
/// When its package cannot be downloaded.
pub fn udev(rules: &str) -> Result<String> {
    let mut line = vec!["set -e".to_owned()];
    if !exists("udevadm") {
        let package = packages::unpacked("udev")?;
        for place in ["lib/udev/rules.d", "bin"] {
            line.push(format!("cp {}/* /usr/{place}/", folder(&package, place)?.display()));
        }
        line.push("ln -s /usr/bin/udevadm /usr/lib/systemd/systemd-udevd".to_owned());
    }
    line.extend([
        added(rules),
        "/usr/lib/systemd/systemd-udevd --daemon 2>/dev/null".to_owned(),
        trigger("add"),
    ]);
    Ok(line.join("; "))
}

/// The line that has udev describe devices anew by other rules than those that it was started with.
#[must_use]
pub fn rules_changed(rules: &str) -> String {
    let reload = "SYSTEMD_IGNORE_CHROOT=1 udevadm control --reload";
    [&*added(rules), reload, &*trigger("change")].join("; ")
}

fn added(rules: &str) -> String {
    format!("mkdir -p {RULES}; cp {rules} {RULES}/90-test.rules")
}

/// The line that has udev describe devices, as if this had happened to them, and waits until it has.
fn trigger(action: &str) -> String {
    // It takes a guest with this machine's files for a folder on this machine.
    format!(
        "set -e; export SYSTEMD_IGNORE_CHROOT=1; \
         udevadm trigger --action={action} --subsystem-match=input --subsystem-match=drm; udevadm settle"
    )
}

/// Since Debian 13 everything is below /usr.
fn folder(package: &Path, place: &str) -> Result<PathBuf> {
    let [old, new] = [package.join(place), package.join("usr").join(place)];
    let folder = if old.exists() { old } else { new };
    fs::metadata(&folder).at("find", &folder)?;
    Ok(folder)
}
