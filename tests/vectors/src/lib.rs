//! Runs command sequences that were recorded from another virtio-gpu device against ours; and, in
//! [`vga`], accesses that were recorded from another VGA.
//!
//! `virtio-gpu/FORMAT.md` beside this crate describes the files. Each scenario is run once for each
//! way in which a compositor may treat buffers, since that must never change an answer or a pixel.

#![forbid(unsafe_code)]

mod edid;
mod ram;
mod run;
mod scenario;
mod screen;
pub mod vga;

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

/// Runs every scenario (`*.json`) of a directory, by file name. A file that is no scenario, or has a
/// step of a kind that is not known here, counts as failed.
///
/// # Errors
/// When the directory cannot be read or holds no scenario.
pub fn run(directory: &Path) -> Result<Summary, LoadError> {
    let mut summary = Summary::default();
    for path in scenario::files(directory)? {
        let result = match scenario::load(&path) {
            Ok(scenario) => run::run(&scenario, directory).map_err(|why| (scenario.name, why)),
            Err(error) => Err((path.display().to_string(), error.to_string())),
        };
        match result {
            Ok(()) => summary.passed += 1,
            Err(failure) => summary.failed.push(failure),
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
    fn what_is_no_scenario_has_failed() {
        let folder = std::env::temp_dir().join(format!("porthole-vectors-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let good = r#"{"name": "good", "steps": [{"note": 1}, {"inactive": 0}]}"#;
        std::fs::write(folder.join("good.json"), good).unwrap();
        std::fs::write(folder.join("bad.json"), r#"{"name": "bad", "steps": [{"x": 1}]}"#).unwrap();
        let summary = run(&folder).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!((summary.passed, summary.failed.len()), (1, 1));
        assert_eq!(summary.to_string().lines().last(), Some("1 passed, 1 failed"));
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
