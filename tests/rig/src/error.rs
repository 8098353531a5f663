//! The one error of this crate: what was tried, and why it did not work.

use std::io;
use std::path::Path;

/// A step that failed.
#[derive(Debug, thiserror::Error)]
pub enum RigError {
    /// The operating system refused.
    #[error("cannot {what}: {source}")]
    Io {
        /// The step, as the rest of a sentence.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// Something else is wrong; the text says what to do.
    #[error("{0}")]
    Failed(String),
}

/// The result of a step.
pub type Result<T> = std::result::Result<T, RigError>;

impl RigError {
    /// An error of our own, with a text that says what to do.
    pub fn failed(text: impl Into<String>) -> Self {
        RigError::Failed(text.into())
    }
}

/// Adds what was tried to an error of the system.
pub trait Context<T> {
    /// `what` completes the sentence "cannot ...".
    ///
    /// # Errors
    /// The error that it is called on.
    fn context(self, what: impl FnOnce() -> String) -> Result<T>;

    /// The same with a verb and a path.
    ///
    /// # Errors
    /// The error that it is called on.
    fn at(self, verb: &str, path: &Path) -> Result<T>;
}

impl<T> Context<T> for io::Result<T> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|source| RigError::Io { what: what(), source })
    }

    fn at(self, verb: &str, path: &Path) -> Result<T> {
        self.context(|| format!("{verb} {}", path.display()))
    }
}
