//! The light behind a panel: off while a mode is set, on with the first picture.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    path::{Path, PathBuf},
};

/// The file of a backlight's folder that switches it.
const FILE: &str = "bl_power";
/// `FB_BLANK_POWERDOWN` and `FB_BLANK_UNBLANK` of fb.h.
const OFF: &str = "4";
const ON: &str = "0";

/// A backlight, by its folder below `/sys/class/backlight`.
#[derive(Debug)]
pub(super) struct Backlight {
    file: PathBuf,
    lit: Option<bool>,
    failed: bool,
}

/// The file that is written to switch a backlight.
pub(crate) fn switch(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

impl Backlight {
    pub(super) fn new(folder: &Path) -> Self {
        Self { file: switch(folder), lit: None, failed: false }
    }

    /// Lights the panel or not. A failure is told once, and the panel stays as it is.
    pub(super) fn set(&mut self, lit: bool) {
        if self.failed || self.lit == Some(lit) {
            return;
        }
        self.lit = Some(lit);
        if let Err(error) = self.write(if lit { ON } else { OFF }) {
            self.failed = true;
            tracing::warn!(
                "the backlight cannot be switched by {}: {error}; let the service's user write that file",
                self.file.display()
            );
        }
    }

    fn write(&self, text: &str) -> io::Result<()> {
        OpenOptions::new().write(true).open(&self.file)?.write_all(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_switched_once_for_each_change() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE);
        let read = || std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, "?").unwrap();
        let mut backlight = Backlight::new(folder.path());
        backlight.set(false);
        assert_eq!(read(), "4");
        backlight.set(true);
        assert_eq!(read(), "0");
        std::fs::write(&file, "?").unwrap();
        backlight.set(true);
        assert_eq!(read(), "?", "it is lit already");
    }

    #[test]
    fn one_that_is_not_there_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mut backlight = Backlight::new(folder.path());
        backlight.set(true);
        assert!(backlight.failed && !folder.path().join(FILE).exists());
    }
}
