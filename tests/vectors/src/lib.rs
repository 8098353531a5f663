//! Runs command sequences that were recorded from another virtio-gpu device against ours.
//!
//! `virtio-gpu/FORMAT.md` beside this crate describes the files. Each scenario is run once for each
//! way in which a compositor may treat buffers, since that must never change an answer or a pixel.

#![forbid(unsafe_code)]

mod edid;
mod ram;
mod run;
mod scenario;
mod screen;

use std::fmt;
use std::path::{Path, PathBuf};

pub use scenario::LoadError;

/// What came of some scenarios.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Summary {
    /// Scenarios of which every step was as recorded.
    pub passed: usize,
    /// The others: name and first difference.
    pub failed: Vec<(String, String)>,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, difference) in &self.failed {
            writeln!(f, "{name}: {difference}")?;
        }
        write!(f, "{} passed, {} failed", self.passed, self.failed.len())
    }
}

/// The recorded scenarios that belong to this project.
#[must_use]
pub fn own_vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("virtio-gpu")
}

/// Runs every scenario (`*.json`) of a directory, by name.
///
/// # Errors
/// When the directory or a file in it cannot be read, or holds no scenario.
pub fn run(directory: &Path) -> Result<Summary, LoadError> {
    let mut summary = Summary::default();
    for scenario in scenario::load(directory)? {
        match run::run(&scenario, directory) {
            Ok(()) => summary.passed += 1,
            Err(difference) => summary.failed.push((scenario.name, difference)),
        }
    }
    Ok(summary)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_recorded_scenarios_pass() {
        let summary = run(&own_vectors()).unwrap();
        assert!(summary.failed.is_empty(), "{summary}");
        assert_eq!(summary.passed, 16);
    }

    #[test]
    fn a_directory_without_scenarios_is_an_error() {
        let empty = own_vectors().join("nowhere");
        assert!(matches!(run(&empty), Err(LoadError::Read { .. })));
        let no_scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        assert!(matches!(run(&no_scenario), Err(LoadError::Empty(_))));
    }

    #[test]
    fn a_difference_is_told() {
        let text = r#"{"name": "wrong", "steps": [{"ctrl": {"name": "CREATE", "req": "0101",
            "resp_len": 24, "resp": "00110000", "used_len": 4}}]}"#;
        let scenario = serde_json::from_str(text).unwrap();
        let difference = run::run(&scenario, &own_vectors()).unwrap_err();
        assert!(difference.contains("CREATE"), "{difference}");
    }
}
