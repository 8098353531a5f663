//! The device's state as bytes: what a machine saves and what it starts from again.
//!
//! The form is fixed: a mark, a version, then each part's registers in the order of
//! [`Registers::save`](crate::registers::Registers::save). Loading is strict: every bit that no
//! register has, every byte too many or too few, is an error, and the device stays as it was. Video
//! memory belongs to the owner, who saves it too.

use thiserror::Error;

use crate::access::at;

const MARK: &[u8; 4] = b"PVGA";
/// Version of the form below; a change of any part's bytes is a new one.
const VERSION: u16 = 1;

/// Why a snapshot was refused. The device stays as it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum Bad {
    /// It does not begin as one.
    #[error("this is no snapshot of a VGA device")]
    Mark,
    /// It was made by another version of this crate.
    #[error("the snapshot has version {0}, known is {VERSION}")]
    Version(u16),
    /// It was made of a device of another model or memory size.
    #[error("the snapshot is of another device: {0}")]
    Device(&'static str),
    /// It ends too early, or goes on too long.
    #[error("the snapshot has a wrong length")]
    Length,
    /// A register has a value that it cannot have.
    #[error("the snapshot has an impossible value in: {0}")]
    Value(&'static str),
}

/// Puts a snapshot together.
#[derive(Debug)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn new() -> Self {
        let mut writer = Self(MARK.to_vec());
        writer.word(VERSION);
        writer
    }

    pub(crate) fn byte(&mut self, value: u8) {
        self.0.push(value);
    }

    pub(crate) fn flag(&mut self, value: bool) {
        self.0.push(value.into());
    }

    pub(crate) fn bytes(&mut self, values: &[u8]) {
        self.0.extend_from_slice(values);
    }

    pub(crate) fn word(&mut self, value: u16) {
        self.bytes(&value.to_le_bytes());
    }

    pub(crate) fn dword(&mut self, value: u32) {
        self.bytes(&value.to_le_bytes());
    }

    pub(crate) fn qword(&mut self, value: u64) {
        self.bytes(&value.to_le_bytes());
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// Takes a snapshot apart.
#[derive(Debug)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self, Bad> {
        let mut reader = Self(bytes.strip_prefix(MARK).ok_or(Bad::Mark)?);
        match reader.word()? {
            VERSION => Ok(reader),
            other => Err(Bad::Version(other)),
        }
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Bad> {
        let (first, rest) = self.0.split_first_chunk().ok_or(Bad::Length)?;
        self.0 = rest;
        Ok(*first)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Bad> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    pub(crate) fn word(&mut self) -> Result<u16, Bad> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub(crate) fn dword(&mut self) -> Result<u32, Bad> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(crate) fn qword(&mut self) -> Result<u64, Bad> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    pub(crate) fn flag(&mut self, what: &'static str) -> Result<bool, Bad> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Bad::Value(what)),
        }
    }

    pub(crate) fn masked(&mut self, what: &'static str, mask: u8) -> Result<u8, Bad> {
        let value = self.byte()?;
        if value & !mask == 0 { Ok(value) } else { Err(Bad::Value(what)) }
    }

    /// Registers of which only some bits exist.
    pub(crate) fn table<const N: usize>(
        &mut self,
        what: &'static str,
        masks: &[u8; N],
    ) -> Result<[u8; N], Bad> {
        let values = self.array::<N>()?;
        let fits = (0..N).all(|index| at(&values, index) & !at(masks, index) == 0);
        if fits { Ok(values) } else { Err(Bad::Value(what)) }
    }

    pub(crate) fn finish(self) -> Result<(), Bad> {
        if self.0.is_empty() { Ok(()) } else { Err(Bad::Length) }
    }
}
