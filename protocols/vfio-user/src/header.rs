//! The 16 bytes before every body.

use thiserror::Error;

use crate::MAX_MESSAGE;
use porthole_framing::{Bytes, Head};

const KIND: u32 = 0xf;
const REQUEST: u32 = 0;
const REPLY: u32 = 1;
const NO_REPLY: u32 = 0x10;
const ERROR: u32 = 0x20;

/// What a message asks for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Command {
    /// Agree on versions and capabilities; the first message.
    Version,
    /// A range of the guest's memory is there.
    DmaMap,
    /// A range of the guest's memory goes.
    DmaUnmap,
    /// How many regions and kinds of interrupts there are.
    DeviceInfo,
    /// A region's size and rights.
    RegionInfo,
    /// Which descriptors stand for parts of a region.
    RegionIoFds,
    /// How many interrupts of a kind there are.
    IrqInfo,
    /// Eventfds for interrupts, masks, triggers.
    SetIrqs,
    /// Read a region.
    RegionRead,
    /// Write a region.
    RegionWrite,
    /// Read guest memory; only devices send it.
    DmaRead,
    /// Write guest memory; only devices send it.
    DmaWrite,
    /// Reset the device.
    Reset,
    /// Which pages of guest memory a device wrote.
    DirtyPages,
    /// Several writes at once.
    WriteMulti,
}

impl Command {
    /// All of them, by number.
    pub const ALL: [(u16, Self); 15] = [
        (1, Self::Version),
        (2, Self::DmaMap),
        (3, Self::DmaUnmap),
        (4, Self::DeviceInfo),
        (5, Self::RegionInfo),
        (6, Self::RegionIoFds),
        (7, Self::IrqInfo),
        (8, Self::SetIrqs),
        (9, Self::RegionRead),
        (10, Self::RegionWrite),
        (11, Self::DmaRead),
        (12, Self::DmaWrite),
        (13, Self::Reset),
        (14, Self::DirtyPages),
        (15, Self::WriteMulti),
    ];

    /// The command of a number.
    #[must_use]
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == number).map(|(_, command)| *command)
    }
}

/// A message header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// Comes back with the reply.
    pub id: u16,
    /// See [`Command`].
    pub command: u16,
    /// Bytes of the whole message, header included: [`Header::LEN`] to [`MAX_MESSAGE`].
    pub size: u32,
    /// This message answers one.
    pub reply: bool,
    /// Nobody waits for a reply.
    pub no_reply: bool,
    /// The error of a reply that is one, as an `errno`.
    pub error: Option<u32>,
}

/// Why a header cannot be the start of a message. The stream is lost after any of these.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum HeaderError {
    /// The message would be shorter than its header.
    #[error("a message of {0} bytes is shorter than its header")]
    TooShort(u32),
    /// The message would be longer than any message.
    #[error("a message of {0} bytes is longer than {MAX_MESSAGE}")]
    TooLong(u32),
    /// Neither a command nor a reply.
    #[error("a message of type {0}, which is neither a command nor a reply")]
    Kind(u32),
    /// Fewer than 16 bytes.
    #[error("header is cut short")]
    Short,
}

impl Header {
    /// Bytes of a header on the wire.
    pub const LEN: usize = 16;

    /// Reads a header from its 16 bytes.
    ///
    /// # Errors
    /// When the bytes cannot start a message.
    pub fn parse(bytes: &[u8]) -> Result<Self, HeaderError> {
        let mut bytes = Bytes::new(bytes);
        let mut half = || bytes.u16().ok_or(HeaderError::Short);
        let (id, command) = (half()?, half()?);
        let mut word = || bytes.u32().ok_or(HeaderError::Short);
        let (size, flags, error) = (word()?, word()?, word()?);
        if size < 16 {
            return Err(HeaderError::TooShort(size));
        }
        if size > MAX_MESSAGE {
            return Err(HeaderError::TooLong(size));
        }
        let reply = match flags & KIND {
            REQUEST => false,
            REPLY => true,
            other => return Err(HeaderError::Kind(other)),
        };
        let error = (flags & ERROR != 0).then_some(error);
        Ok(Self { id, command, size, reply, no_reply: flags & NO_REPLY != 0, error })
    }

    /// The header's 16 bytes.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::LEN] {
        let mut flags = if self.reply { REPLY } else { REQUEST };
        if self.no_reply {
            flags |= NO_REPLY;
        }
        if self.error.is_some() {
            flags |= ERROR;
        }
        let mut bytes = [0; Self::LEN];
        let first = u32::from(self.id) | u32::from(self.command) << 16;
        let words = [first, self.size, flags, self.error.unwrap_or(0)];
        for (into, word) in bytes.chunks_exact_mut(4).zip(words) {
            into.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }
}

impl Head for Header {
    const LEN: usize = Self::LEN;
    type Error = HeaderError;

    fn begin(bytes: &[u8]) -> Result<Self, HeaderError> {
        Self::parse(bytes)
    }

    fn following(&self) -> usize {
        (self.size as usize).saturating_sub(Self::LEN)
    }
}
