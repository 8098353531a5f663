//! Little-endian fields, one after the other.

/// The bytes of a request end too early.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Short;

/// Reads fields from the front of some bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Short> {
        let (first, rest) = self.0.split_first_chunk::<N>().ok_or(Short)?;
        self.0 = rest;
        Ok(*first)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Short> {
        self.take().map(u8::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Short> {
        self.take().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Short> {
        self.take().map(u64::from_le_bytes)
    }

    pub(crate) fn u32s<const N: usize>(&mut self) -> Result<[u32; N], Short> {
        let mut all = [0; N];
        for one in &mut all {
            *one = self.u32()?;
        }
        Ok(all)
    }

    /// Passes over padding.
    pub(crate) fn skip<const N: usize>(&mut self) -> Result<(), Short> {
        self.take::<N>().map(drop)
    }
}
