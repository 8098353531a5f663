//! What an init owes to the kernel: file systems, modules in order, and the end.

use std::fs::{self, File};
use std::io;

use rustix::mount::{MountFlags, mount};
use rustix::system::{RebootCommand, finit_module, reboot};

use crate::control::log;

/// Where the image keeps kernel modules, with their order in `order`.
const MODULES: &str = "/modules";

/// Mounts the kernel's file systems and loads the modules that the image brought.
pub(crate) fn prepare() -> io::Result<()> {
    for (kind, target) in [("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev")] {
        fs::create_dir_all(target)?;
        match mount(kind, target, kind, MountFlags::empty(), None) {
            // The kernel may have mounted devtmpfs already.
            Ok(()) | Err(rustix::io::Errno::BUSY) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let order = fs::read_to_string(format!("{MODULES}/order"))?;
    for name in order.lines().filter(|line| !line.is_empty()) {
        let file = File::open(format!("{MODULES}/{name}"))?;
        if let Err(error) = finit_module(&file, c"", 0) {
            log(&format!("module {name}: {error}"));
        }
    }
    Ok(())
}

/// Ends the guest; returns only if the kernel refuses.
pub(crate) fn power_off() {
    rustix::fs::sync();
    if let Err(error) = reboot(RebootCommand::PowerOff) {
        log(&format!("the kernel refuses to power off: {error}"));
    }
}

/// The value of `porthole.NAME=` on the kernel's command line.
pub(crate) fn parameter(name: &str) -> Option<String> {
    let line = fs::read_to_string("/proc/cmdline").ok()?;
    let prefix = format!("porthole.{name}=");
    line.split_whitespace().find_map(|word| word.strip_prefix(&prefix)).map(str::to_owned)
}
