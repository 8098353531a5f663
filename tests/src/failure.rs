//! Why a run did not do what it should.

use std::fmt::Display;
use std::io;

use porthole_rig::RigError;

/// A run that failed; the text is for a person.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Failure(String);

/// The result of a step of a run.
pub type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// A failure with a text.
    pub fn new(text: impl Into<String>) -> Self {
        Failure(text.into())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure(error.to_string())
    }
}

impl From<RigError> for Failure {
    fn from(error: RigError) -> Self {
        Failure(error.to_string())
    }
}

/// Adds what was tried to any error.
pub trait OrFail<T> {
    /// Turns the error into a failure that begins with `what`.
    ///
    /// # Errors
    /// The error that it is called on.
    fn or_fail(self, what: &str) -> Result<T>;
}

impl<T, E: Display> OrFail<T> for std::result::Result<T, E> {
    fn or_fail(self, what: &str) -> Result<T> {
        self.map_err(|error| Failure(format!("{what}: {error}")))
    }
}
