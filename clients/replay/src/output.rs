//! The file that a picture goes into: opened before the trace is read, because nothing can be opened then.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// A file whose content stays as it is until there is a new one.
#[derive(Debug)]
pub(super) struct Output {
    file: File,
    /// Where it is, if it was made for this and has nothing in it yet.
    made: Option<PathBuf>,
}

impl Output {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.write(true);
        match options.clone().create_new(true).open(path) {
            Ok(file) => Ok(Self { file, made: Some(path.to_owned()) }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Ok(Self { file: options.open(path)?, made: None })
            }
            Err(error) => Err(error),
        }
    }

    /// Replaces the content by what is written.
    pub(super) fn write(mut self, write: impl FnOnce(&File) -> io::Result<()>) -> io::Result<()> {
        self.file.set_len(0)?;
        write(&self.file)?;
        self.made = None;
        Ok(())
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Some(path) = self.made.take()
            && let Err(error) = fs::remove_file(&path)
        {
            tracing::debug!(%error, "an empty file stays at {}", path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_made_or_replaced_only_when_there_is_something_to_write() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("picture");
        drop(Output::open(&path).unwrap());
        assert!(!path.exists());
        let text = |text: &'static str| {
            move |mut file: &File| io::Write::write_all(&mut file, text.as_bytes())
        };
        Output::open(&path).unwrap().write(text("a long one")).unwrap();
        drop(Output::open(&path).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "a long one");
        Output::open(&path).unwrap().write(text("short")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "short");
    }
}
