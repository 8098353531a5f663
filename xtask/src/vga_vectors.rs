//! `vga-vectors DIR`: recorded accesses and pictures of a VGA against our device.

use std::path::Path;

use porthole_rig::cache;
use porthole_vectors::{LoadError, Summary, vga};

/// Runs every scenario of a folder. The summary, written out, has a line for each scenario that failed,
/// with the step, and `N passed, N failed` as its last line. Pictures that differ are left in
/// `target/test-pictures/vga`.
///
/// # Errors
/// When the folder cannot be read or holds no scenario.
pub(crate) fn run(folder: &Path) -> Result<Summary, LoadError> {
    vga::run(folder, &cache::workspace().join("target/test-pictures/vga"))
}
