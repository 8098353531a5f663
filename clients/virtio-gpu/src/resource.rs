//! Resources: pictures of the host and blobs of guest memory.

use std::io;

use porthole_pixel::Size;
use porthole_virtio_gpu::ErrorCode;

use crate::guest::Backing;
use porthole_picture::Picture;

/// What a resource holds.
#[derive(Debug)]
pub(crate) enum Content {
    /// A picture that the guest transfers into.
    Picture(Picture),
    /// Guest memory of so many bytes, read when it is flushed.
    Blob(u64),
}

/// A resource of the guest.
#[derive(Debug)]
pub(crate) struct Resource {
    pub(crate) content: Content,
    /// The guest memory behind it.
    pub(crate) backing: Option<Backing>,
    /// Bytes counted against the quota.
    pub(crate) bytes: u64,
    pub(crate) uuid: Option<[u8; 16]>,
}

impl Resource {
    pub(crate) const fn new(content: Content, backing: Option<Backing>, bytes: u64) -> Self {
        Self { content, backing, bytes, uuid: None }
    }

    /// Pieces of guest memory behind it.
    pub(crate) fn entries(&self) -> usize {
        self.backing.as_ref().map_or(0, |backing| backing.entries().len())
    }

    pub(crate) const fn picture_mut(&mut self) -> Option<&mut Picture> {
        match &mut self.content {
            Content::Picture(picture) => Some(picture),
            Content::Blob(_) => None,
        }
    }
}

/// Bytes of a picture, if one of this size may exist at all.
pub(crate) fn picture_bytes(size: Size) -> Result<u64, ErrorCode> {
    let countable = i32::try_from(size.width).and(i32::try_from(size.height)).is_ok();
    if size.is_empty() || !countable {
        return Err(ErrorCode::OutOfMemory);
    }
    Picture::bytes(size).ok_or(ErrorCode::OutOfMemory)
}

/// What the guest is told when the host has no memory or descriptor left.
pub(crate) fn host_is_full(_: io::Error) -> ErrorCode {
    ErrorCode::OutOfMemory
}
