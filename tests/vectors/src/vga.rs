//! Runs recorded accesses to a VGA, with the pictures that they made, against our device.
//!
//! `vga/README.md` beside this crate describes the files.

mod archive;
mod differential;
mod model;
mod modes;
mod pixels;
mod qtest;
mod run;
mod scenario;

use std::path::{Path, PathBuf};

pub use archive::inflate;
pub use differential::{compare, served};
pub use model::{Model, edid};
pub use modes::{CHAINED, CHARACTERS, Mode, SIXTEEN, set_dispi, set_mode};
pub use pixels::Pixels;
pub use qtest::Qemu;
pub use run::{Space, Target};

use crate::{LoadError, Summary};

/// The recorded scenarios that belong to this project.
#[must_use]
pub fn own_vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vga")
}

/// Runs every scenario (`*.json` or `*.json.gz`) of a folder, by file name. A file that is no
/// scenario, or has a step of a kind that is not known here, counts as failed. Of a picture that
/// differs, what was seen and where it differs is left in the folder `pictures`.
///
/// # Errors
/// When the folder cannot be read or holds no scenario.
pub fn run(folder: &Path, pictures: &Path) -> Result<Summary, LoadError> {
    let mut summary = Summary::default();
    for path in archive::files(folder)? {
        let result = match archive::load(&path) {
            Ok(scenario) => {
                run::run(&scenario, folder, pictures).map_err(|why| (scenario.name, why))
            }
            Err(error) => Err((path.display().to_string(), error)),
        };
        match result {
            Ok(()) => summary.passed += 1,
            Err(failure) => summary.failed.push(failure),
        }
    }
    Ok(summary)
}

#[cfg(test)]
mod tests;
