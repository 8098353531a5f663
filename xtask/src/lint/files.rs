//! Rules about the text of files.

use std::fs;

use porthole_rig::error::Context;
use porthole_rig::{Result, cache};

use super::Finding;

/// A longer file says too many things at once.
const LONGEST: usize = 500;
/// Marks of unfinished work; written apart, so that this file does not hold them.
const UNFINISHED: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:")];
/// Folders that exist only on somebody's machine.
const PRIVATE: [&str; 3] = [concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/wo", "rk/")];
/// Rooms that hold no unsafe code at all, by the folders of their crates.
const SAFE: [&str; 25] = [
    "clients/device",
    "clients/picture",
    "clients/shot",
    "clients/trace",
    "clients/vfio-device",
    "clients/vga",
    "clients/virtio-gpu",
    "clients/virtio-input",
    "compositor/core",
    "protocols/dbus",
    "protocols/edid",
    "protocols/keys",
    "protocols/rfb",
    "protocols/vfio-user",
    "protocols/vhost-user",
    "protocols/virtio-gpu",
    "protocols/wayland",
    "tests",
    "tests/bench",
    "tests/firmware",
    "tests/fuzz",
    "tests/guest",
    "tests/rig",
    "vga",
    "xtask",
];

/// The only files with unsafe code: shared memory, descriptors that a parent passed down, a process that
/// is forked, guest memory that is taken away, a variable of the environment, a C interface, three calls
/// to the kernel that libraries lack or get wrong, the machine's libraries for GPUs, input devices and sessions,
/// and blending: it reads rows of client memory by address and uses SIMD instructions.
const UNSAFE: [&str; 28] = [
    "clients/memory/src/mapped.rs",
    "clients/memory/src/memory.rs",
    "clients/program/src/connector.rs",
    "clients/program/src/inherit.rs",
    "clients/virtio-device/src/memory/guard.rs",
    "compositor/daemon/src/confine.rs",
    "compositor/daemon/src/library.rs",
    "compositor/daemon/src/machine/libinput.rs",
    "compositor/daemon/src/machine/libinput/pen.rs",
    "compositor/daemon/src/machine/libinput/read.rs",
    "compositor/daemon/src/machine/libseat.rs",
    "compositor/daemon/src/protocols/shm/mapping.rs",
    "compositor/daemon/src/protocols/shm/pixels.rs",
    "compositor/daemon/src/relay/effort.rs",
    "compositor/daemon/src/render/canvas.rs",
    "compositor/daemon/src/render/exact.rs",
    "compositor/daemon/src/render/gles/egl.rs",
    "compositor/daemon/src/render/gles/gl.rs",
    "compositor/daemon/src/render/scaled.rs",
    "compositor/daemon/src/screens/drm/closefb.rs",
    "compositor/daemon/src/sockets/peer.rs",
    "protocols/pixel/src/blend.rs",
    "protocols/pixel/src/blend/avx2.rs",
    "protocols/pixel/src/blend/neon.rs",
    "protocols/pixel/src/blend/portable.rs",
    "protocols/pixel/src/blend/sse2.rs",
    "protocols/pixel/src/blend/tests.rs",
    "tests/wlcs/src/abi.rs",
];
/// How unsafe code begins; written apart, so that this file does not hold it.
const UNSAFE_CODE: [&str; 3] =
    [concat!("uns", "afe {"), concat!("uns", "afe impl"), concat!("uns", "afe fn")];

pub(super) fn check(tracked: &[String]) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for path in tracked {
        let file = cache::workspace().join(path);
        let bytes = fs::read(&file).at("read", &file)?;
        // Pictures and recorded test data are no text.
        if let Ok(text) = String::from_utf8(bytes) {
            findings.extend(check_text(path, &text));
        }
    }
    for room in SAFE {
        findings.extend(check_safe(room, tracked)?);
    }
    Ok(findings)
}

fn check_text(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let is_rust = path.ends_with(".rs");
    let lines = text.lines().count();
    if is_rust && lines > LONGEST {
        findings.push(Finding(format!("{path}: {lines} lines; split it by meaning ({LONGEST})")));
    }
    for (number, line) in (1..).zip(text.lines()) {
        if is_rust && UNFINISHED.iter().any(|mark| line.contains(mark)) {
            findings.push(Finding(format!("{path}:{number}: finish it, or file an issue")));
        }
        let is_unsafe = UNSAFE_CODE.iter().any(|code| line.contains(code));
        if is_rust && is_unsafe && !UNSAFE.contains(&path) {
            findings.push(Finding(format!("{path}:{number}: unsafe code is not for this file")));
        }
        if PRIVATE.iter().any(|private| line.contains(private)) {
            findings.push(Finding(format!("{path}:{number}: names a folder of one machine")));
        }
    }
    findings
}

/// The crate's root must forbid unsafe code, so that nobody adds some without noticing.
fn check_safe(room: &str, tracked: &[String]) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for name in ["lib.rs", "main.rs"] {
        let path = format!("{room}/src/{name}");
        if !tracked.contains(&path) {
            continue;
        }
        let file = cache::workspace().join(&path);
        let text = fs::read_to_string(&file).at("read", &file)?;
        if !text.contains("#![forbid(unsafe_code)]") {
            findings.push(Finding(format!("{path}: must say #![forbid(unsafe_code)]")));
        }
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_is_forbidden() {
        assert!(check_text("a.rs", "fn main() {}\n").is_empty());
        let long = "\n".repeat(LONGEST + 1);
        assert_eq!(check_text("a.rs", &long).len(), 1);
        assert!(check_text("a.txt", &long).is_empty());
        let bad = format!("ok\n// {}: later\n\"{}me/x\"\n", UNFINISHED[0], PRIVATE[0]);
        assert_eq!(check_text("a.rs", &bad).len(), 2);
    }
}
