//! Taking over a file descriptor that whoever started us has opened for us. The only place with
//! `unsafe` in this program.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
};

/// Why an inherited descriptor is of no use.
#[derive(Debug, thiserror::Error)]
pub enum InheritError {
    /// Below 1, or not open.
    #[error("file descriptor {0} is not open")]
    Closed(RawFd),
}

/// Takes the descriptor over, so that it is closed after use and given to no other program.
/// Standard output and error are copied and stay what they are.
pub(crate) fn inherit(number: RawFd) -> Result<OwnedFd, InheritError> {
    let closed = |_| InheritError::Closed(number);
    match number {
        1 => return io::stdout().as_fd().try_clone_to_owned().map_err(closed),
        2 => return io::stderr().as_fd().try_clone_to_owned().map_err(closed),
        ..=0 => return Err(InheritError::Closed(number)),
        _ => {}
    }
    // SAFETY: only looked at here, to learn whether the number is open at all.
    let given = unsafe { BorrowedFd::borrow_raw(number) };
    rustix::io::fcntl_setfd(given, rustix::io::FdFlags::CLOEXEC)
        .map_err(|_| InheritError::Closed(number))?;
    // SAFETY: it is open, and the command line says that it was opened for us alone; this runs
    // before the program opens anything that could have got this number.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_not_open_are_refused() {
        for number in [-1, 0, 1 << 20] {
            assert!(matches!(inherit(number), Err(InheritError::Closed(_))), "{number}");
        }
    }
}
