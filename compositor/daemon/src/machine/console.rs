//! Which of the machine's consoles is shown, as the kernel tells everybody.

use std::{
    fs::{self, File},
    io,
    os::fd::{AsFd, BorrowedFd},
};

const SHOWN: &str = "/sys/class/tty/tty0/active";

/// What the console is called that is shown, on a machine that has some.
pub(crate) fn shown() -> Option<String> {
    let name = fs::read_to_string(SHOWN).ok()?;
    Some(name.trim_end().to_owned())
}

/// In an error, as the kernel has it, once another one is shown than when this was made. Nothing else comes.
#[derive(Debug)]
pub(crate) struct Another(File);

impl Another {
    /// Listens to the kernel.
    ///
    /// # Errors
    /// When the machine has no consoles.
    pub(crate) fn listen() -> io::Result<Self> {
        let mut file = File::open(SHOWN)?;
        // It tells of changes since it was read.
        io::Read::read_to_string(&mut file, &mut String::new())?;
        Ok(Self(file))
    }
}

impl AsFd for Another {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
