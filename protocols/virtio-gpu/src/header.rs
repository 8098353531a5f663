//! The header of every request and response: `virtio_gpu_ctrl_hdr`.

use crate::fields::{Fields, Short};
use crate::wire::flag;

/// The 24 bytes that every request starts with.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Header {
    /// One of [`crate::wire::request`].
    pub kind: u32,
    /// Bits of [`crate::wire::flag`] and others.
    pub flags: u32,
    /// The guest's number for this command's completion, if it wants to be told.
    pub fence_id: u64,
    /// A 3D context, which is only handed back here.
    pub context_id: u32,
    /// A ring of that context; unused here.
    pub ring: u8,
}

impl Header {
    /// Bytes of a header.
    pub const LEN: usize = 24;

    /// Reads the header of a request; nothing if there are too few bytes.
    #[must_use]
    pub fn parse(request: &[u8]) -> Option<Self> {
        Self::read(&mut Fields::new(request)).ok()
    }

    pub(crate) fn read(fields: &mut Fields<'_>) -> Result<Self, Short> {
        let header = Self {
            kind: fields.u32()?,
            flags: fields.u32()?,
            fence_id: fields.u64()?,
            context_id: fields.u32()?,
            ring: fields.u8()?,
        };
        fields.skip::<3>()?;
        Ok(header)
    }

    /// True when the guest waits for this command's completion.
    #[must_use]
    pub const fn fenced(&self) -> bool {
        self.flags & flag::FENCE != 0
    }

    /// The header of the response: the fence comes back only when it was asked for, and nothing
    /// else of the request ever does.
    pub(crate) fn write_reply(&self, kind: u32, into: &mut Vec<u8>) {
        let fenced = self.fenced();
        into.extend(kind.to_le_bytes());
        into.extend(if fenced { flag::FENCE } else { 0 }.to_le_bytes());
        into.extend(if fenced { self.fence_id } else { 0 }.to_le_bytes());
        into.extend(if fenced { self.context_id } else { 0 }.to_le_bytes());
        into.extend([0; 4]);
    }
}
