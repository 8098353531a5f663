//! Why the program ends with status 3.

use std::{io, path::PathBuf};

use porthole_client::{capture::still::StillError, connection::ConnectError};

/// Why something cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// There is no compositor to connect to.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The compositor does not answer.
    #[error("the compositor did not answer within {0} s; is it stopped? (see --timeout)")]
    Silent(u64),
    /// The system has no thread left.
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
    /// There is no picture to take.
    #[error(transparent)]
    Still(#[from] StillError),
    /// A file cannot be read.
    #[error("cannot read {}", .0.display())]
    Read(PathBuf, #[source] io::Error),
    /// A file is no picture.
    #[error("{} is no PNG picture that can be read", .0.display())]
    Decode(PathBuf, #[source] image::ImageError),
    /// A picture has more than 8 bits a channel, and would be compared inexactly.
    #[error("{} has more than 8 bits for each channel: it cannot be compared exactly", .0.display())]
    Deep(PathBuf),
    /// A picture cannot be made a PNG file of.
    #[error("cannot make a PNG file")]
    Encode(#[source] image::ImageError),
    /// A file cannot be written.
    #[error("cannot write {}", .0.display())]
    Write(PathBuf, #[source] io::Error),
    /// Standard output is closed or full.
    #[error("cannot write to standard output")]
    Output(#[source] io::Error),
}
