//! What a client asks for, checked once.

use thiserror::Error;

use crate::header::Command;
use crate::{MAX_DATA, MAX_IRQS, MAX_POSTED};
use porthole_framing::Bytes;

const EINVAL: u32 = 22;
const ENOTSUP: u32 = 95;

/// An access to a region.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Access {
    /// Which region.
    pub region: u32,
    /// The first byte in it.
    pub offset: u64,
    /// Bytes, at most [`MAX_DATA`].
    pub count: u32,
}

/// A range of guest memory that is there from now on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DmaMap {
    /// Where it begins in its file.
    pub offset: u64,
    /// First guest physical address.
    pub address: u64,
    /// Bytes.
    pub size: u64,
    /// Whether the device may read it.
    pub readable: bool,
    /// Whether the device may write it.
    pub writable: bool,
}

/// A range of guest memory that goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DmaUnmap {
    /// First guest physical address.
    pub address: u64,
    /// Bytes.
    pub size: u64,
    /// All ranges instead.
    pub all: bool,
}

/// What becomes of interrupts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IrqAction {
    /// They are held back.
    Mask,
    /// They are let through.
    Unmask,
    /// They are raised, or bound to eventfds.
    Trigger,
}

/// For which of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum IrqData {
    /// All of the range.
    All,
    /// Those that are set.
    Some(Vec<bool>),
    /// Eventfds come along, or none to unbind.
    Events,
}

/// A change of interrupts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SetIrqs {
    /// Which kind.
    pub index: u32,
    /// The first of them.
    pub start: u32,
    /// How many, at most [`MAX_IRQS`].
    pub count: u32,
    /// What happens.
    pub action: IrqAction,
    /// To which of them.
    pub data: IrqData,
}

/// One of several writes: at most eight bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Posted {
    /// Where; its count is 1 to 8.
    pub access: Access,
    /// As many bytes as the access has count.
    pub data: [u8; 8],
}

/// A request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Request {
    /// Guest memory comes.
    DmaMap(DmaMap),
    /// Guest memory goes.
    DmaUnmap(DmaUnmap),
    /// About the device.
    DeviceInfo,
    /// About a region.
    RegionInfo {
        /// Which one.
        index: u32,
        /// Bytes of reply that the client has room for.
        room: u32,
    },
    /// About a kind of interrupts.
    IrqInfo {
        /// Which kind.
        index: u32,
    },
    /// Interrupts.
    SetIrqs(SetIrqs),
    /// Read a region.
    Read(Access),
    /// Write a region.
    Write(Access, Vec<u8>),
    /// Write regions, in this order.
    WriteMulti(Vec<Posted>),
    /// Back to the state after power-on.
    Reset,
}

/// Why a request is answered with an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum Refusal {
    /// There is no such command.
    #[error("command {0} is not known")]
    Unknown(u16),
    /// The command is known, and this side does not do it.
    #[error("{0:?} is not supported")]
    Unsupported(Command),
    /// The body has not the form of its command.
    #[error("{0:?} has a body of the wrong form")]
    Form(Command),
    /// A number in it is beyond what was agreed on.
    #[error("{0:?} is about too much at once")]
    TooMuch(Command),
    /// More or fewer descriptors than the command has.
    #[error("{0:?} came with the wrong number of file descriptors")]
    Fds(Command),
}

impl Refusal {
    /// The number that the client is told.
    #[must_use]
    pub const fn errno(self) -> u32 {
        match self {
            Self::Unknown(_) | Self::Unsupported(_) => ENOTSUP,
            Self::Form(_) | Self::TooMuch(_) | Self::Fds(_) => EINVAL,
        }
    }
}

impl Request {
    /// Reads the body of a command that came with so many descriptors.
    ///
    /// # Errors
    /// When it is to be answered with an error.
    pub fn parse(number: u16, body: &[u8], fds: usize) -> Result<Self, Refusal> {
        let command = Command::from_number(number).ok_or(Refusal::Unknown(number))?;
        let most = match command {
            Command::DmaMap => 1,
            Command::SetIrqs => usize::MAX,
            _ => 0,
        };
        if fds > most {
            return Err(Refusal::Fds(command));
        }
        let form = Refusal::Form(command);
        let mut bytes = Bytes::new(body);
        let parsed = match command {
            Command::DmaMap => dma_map(&mut bytes),
            Command::DmaUnmap => dma_unmap(&mut bytes),
            Command::DeviceInfo => device_info(&mut bytes),
            Command::RegionInfo => region_info(&mut bytes),
            Command::IrqInfo => irq_info(&mut bytes),
            Command::SetIrqs => return set_irqs(&mut bytes, fds),
            Command::RegionRead => {
                let access = access(&mut bytes).filter(|_| bytes.end().is_some()).ok_or(form)?;
                return bounded(access, command).map(Self::Read);
            }
            Command::RegionWrite => {
                let access = bounded(access(&mut bytes).ok_or(form)?, command)?;
                let data = bytes.rest();
                let fits = data.len() == access.count as usize;
                return if fits { Ok(Self::Write(access, data.to_vec())) } else { Err(form) };
            }
            Command::WriteMulti => return write_multi(&mut bytes),
            Command::Reset => Some(Self::Reset),
            Command::Version
            | Command::RegionIoFds
            | Command::DmaRead
            | Command::DmaWrite
            | Command::DirtyPages => return Err(Refusal::Unsupported(command)),
        };
        parsed.filter(|_| bytes.end().is_some()).ok_or(form)
    }
}

fn bounded(access: Access, command: Command) -> Result<Access, Refusal> {
    if access.count > MAX_DATA { Err(Refusal::TooMuch(command)) } else { Ok(access) }
}

fn access(bytes: &mut Bytes<'_>) -> Option<Access> {
    let offset = bytes.u64()?;
    Some(Access { offset, region: bytes.u32()?, count: bytes.u32()? })
}

fn dma_map(bytes: &mut Bytes<'_>) -> Option<Request> {
    let (_, flags) = (bytes.u32()?, bytes.u32()?);
    let (offset, address, size) = (bytes.u64()?, bytes.u64()?, bytes.u64()?);
    // The last byte must have an address, in memory and in the file.
    address.checked_add(size.checked_sub(1)?)?;
    offset.checked_add(size)?;
    let (readable, writable) = (flags & 1 != 0, flags & 2 != 0);
    Some(Request::DmaMap(DmaMap { offset, address, size, readable, writable }))
}

fn dma_unmap(bytes: &mut Bytes<'_>) -> Option<Request> {
    let (_, flags) = (bytes.u32()?, bytes.u32()?);
    let (address, size) = (bytes.u64()?, bytes.u64()?);
    // 1 would ask for the pages that were written, which nobody here counts.
    if flags & !2 != 0 {
        return None;
    }
    Some(Request::DmaUnmap(DmaUnmap { address, size, all: flags & 2 != 0 }))
}

fn device_info(bytes: &mut Bytes<'_>) -> Option<Request> {
    (0..4).try_for_each(|_| bytes.u32().map(|_| ()))?;
    Some(Request::DeviceInfo)
}

fn region_info(bytes: &mut Bytes<'_>) -> Option<Request> {
    let (room, _, index, _) = (bytes.u32()?, bytes.u32()?, bytes.u32()?, bytes.u32()?);
    let (_, _) = (bytes.u64()?, bytes.u64()?);
    // Clients send the room for the reply as zeros behind it, or do not.
    *bytes = Bytes::new(&[]);
    Some(Request::RegionInfo { index, room })
}

fn irq_info(bytes: &mut Bytes<'_>) -> Option<Request> {
    let (_, _, index, _) = (bytes.u32()?, bytes.u32()?, bytes.u32()?, bytes.u32()?);
    Some(Request::IrqInfo { index })
}

fn set_irqs(bytes: &mut Bytes<'_>, fds: usize) -> Result<Request, Refusal> {
    const NONE: u32 = 1;
    const BOOL: u32 = 2;
    const EVENT: u32 = 4;
    let command = Command::SetIrqs;
    let form = Refusal::Form(command);
    let mut word = || bytes.u32().ok_or(form);
    let (_, flags, index, start, count) = (word()?, word()?, word()?, word()?, word()?);
    if start.checked_add(count).is_none_or(|end| end > MAX_IRQS) {
        return Err(Refusal::TooMuch(command));
    }
    let rest = bytes.rest();
    let data = match flags & 7 {
        NONE if rest.is_empty() => IrqData::All,
        BOOL if rest.len() == count as usize => {
            IrqData::Some(rest.iter().map(|byte| *byte != 0).collect())
        }
        EVENT if rest.is_empty() => IrqData::Events,
        _ => return Err(form),
    };
    let action = match flags >> 3 {
        1 => IrqAction::Mask,
        2 => IrqAction::Unmask,
        4 => IrqAction::Trigger,
        _ => return Err(form),
    };
    // No descriptor at all unbinds every one of the range.
    let allowed = if data == IrqData::Events { count as usize } else { 0 };
    if fds != 0 && fds != allowed {
        return Err(Refusal::Fds(command));
    }
    Ok(Request::SetIrqs(SetIrqs { index, start, count, action, data }))
}

fn write_multi(bytes: &mut Bytes<'_>) -> Result<Request, Refusal> {
    let command = Command::WriteMulti;
    let form = Refusal::Form(command);
    let count = bytes.u64().ok_or(form)?;
    if count > MAX_POSTED {
        return Err(Refusal::TooMuch(command));
    }
    let mut writes = Vec::new();
    for _ in 0..count {
        let access = access(bytes).ok_or(form)?;
        let data = bytes.array().ok_or(form)?;
        if !(1..=8).contains(&access.count) {
            return Err(form);
        }
        writes.push(Posted { access, data });
    }
    bytes.end().ok_or(form)?;
    Ok(Request::WriteMulti(writes))
}
