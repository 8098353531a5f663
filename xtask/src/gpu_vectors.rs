//! `gpu-vectors DIR`: recorded virtio-gpu command sequences against our device.

use std::path::Path;

use porthole_vectors::{LoadError, Summary};

/// Runs every scenario of a directory. The summary, written out, has a line for each scenario that
/// failed and `N passed, N failed` as its last line.
///
/// # Errors
/// When the directory cannot be read or holds no scenario.
pub(crate) fn run(directory: &Path) -> Result<Summary, LoadError> {
    porthole_vectors::run(directory)
}
