//! Mistakes in the configuration, told so that they can be mended.

use std::fmt;
use std::io;

/// One mistake.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{file}{line}: {what}; {remedy}", line = Line(*line))]
pub struct ConfigError {
    /// The file as the caller named it.
    pub file: String,
    /// From 1; absent when the mistake is not in a line (the file cannot be read).
    pub line: Option<usize>,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

struct Line(Option<usize>);

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |line| write!(f, ":{line}"))
    }
}

/// All mistakes of a file in the order of its lines; never empty. Prints one a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigErrors(Vec<ConfigError>);

impl ConfigErrors {
    /// The most mistakes that are kept: enough to mend a file, few enough to read.
    pub const MAX: usize = 100;

    /// `None` when there is no mistake.
    pub(super) fn from_list(mut list: Vec<ConfigError>) -> Option<Self> {
        list.sort_by_key(|error| error.line);
        list.truncate(Self::MAX);
        (!list.is_empty()).then_some(Self(list))
    }

    pub(super) fn unreadable(file: &str, error: &io::Error) -> Self {
        let remedy = match error.kind() {
            io::ErrorKind::NotFound => "create it, or name another with --config",
            io::ErrorKind::PermissionDenied => "let the service's user read it",
            _ => "name a readable text file with --config",
        };
        Self(vec![ConfigError {
            file: file.to_owned(),
            line: None,
            what: format!("cannot read the configuration: {error}"),
            remedy: remedy.to_owned(),
        }])
    }

    /// The mistakes.
    #[must_use]
    pub fn list(&self) -> &[ConfigError] {
        &self.0
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}
