//! What a front-end may ask.

mod code;

use thiserror::Error;

pub use self::code::RequestCode;
use crate::payload::{ConfigSpan, MAX_REGIONS, MemoryRegion, VringAddress, VringState};
use porthole_framing::Bytes;

/// A request, parsed and bounded. Descriptors are not in it: [`Request::fds`] says how many
/// must have come along, and `parse` has checked it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Request {
    /// Which virtio features the device offers.
    GetFeatures,
    /// Which of them driver and front-end use.
    SetFeatures(u64),
    /// A front-end takes the device.
    SetOwner,
    /// Deprecated in the protocol: stop everything.
    ResetOwner,
    /// All guest memory, one descriptor a region.
    SetMemTable(Vec<MemoryRegion>),
    /// A dirty log. Refused: the feature is not offered.
    SetLogBase,
    /// A descriptor for the dirty log. Refused likewise.
    SetLogFd,
    /// A ring's size in entries.
    SetVringNum(VringState),
    /// A ring's addresses.
    SetVringAddr(VringAddress),
    /// The index of the next available entry.
    SetVringBase(VringState),
    /// Stop the ring and tell its next available entry.
    GetVringBase(u32),
    /// The eventfd that starts the ring; without one (`fd: false`) the ring would be polled.
    SetVringKick {
        /// Which ring.
        index: u8,
        /// A descriptor came along.
        fd: bool,
    },
    /// The eventfd that interrupts the guest, or none.
    SetVringCall {
        /// Which ring.
        index: u8,
        /// A descriptor came along.
        fd: bool,
    },
    /// The eventfd that tells the front-end of a broken ring, or none.
    SetVringErr {
        /// Which ring.
        index: u8,
        /// A descriptor came along.
        fd: bool,
    },
    /// Turn a started ring on or off.
    SetVringEnable {
        /// Which ring.
        index: u32,
        /// On.
        enable: bool,
    },
    /// Which protocol features the back-end knows.
    GetProtocolFeatures,
    /// Which of them are used.
    SetProtocolFeatures(u64),
    /// How many rings the device can have.
    GetQueueNum,
    /// The socket for the back-end's own requests.
    SetBackendReqFd,
    /// Read config space.
    GetConfig(ConfigSpan),
    /// Write config space.
    SetConfig(ConfigSpan, Vec<u8>),
    /// The socket of QEMU's `vhost-user-gpu` display; must stay open.
    GpuSetSocket,
    /// Put the device into its first state; rings stop.
    ResetDevice,
    /// How many memory regions the back-end can hold.
    GetMaxMemSlots,
    /// One more region of guest memory.
    AddMemReg(MemoryRegion),
    /// One region less.
    RemMemReg(MemoryRegion),
    /// The device status byte.
    SetStatus(u8),
    /// Read it back.
    GetStatus,
    /// An in-flight buffer. Answered with none.
    GetInflightFd,
    /// An in-flight buffer to use. Refused.
    SetInflightFd,
    /// A pipe for the device's state. Rings are stopped.
    SetDeviceStateFd {
        /// The state comes in; else it goes out.
        load: bool,
    },
    /// How the transfer went.
    CheckDeviceState,
    /// Known to the protocol, of no meaning to a display or input device. Refused.
    Unsupported(RequestCode),
    /// Not known at all. Refused.
    Unknown(u32),
}

/// How many descriptors a request carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FdCount {
    /// Exactly so many.
    Exactly(usize),
    /// None or one: older front-ends differ from newer ones.
    AtMostOne,
    /// Whatever came is closed: the request is refused anyway.
    Any,
}

impl FdCount {
    fn allows(self, count: usize) -> bool {
        match self {
            Self::Exactly(n) => n == count,
            Self::AtMostOne => count <= 1,
            Self::Any => true,
        }
    }
}

/// Why a request is refused before it reaches a device.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum RequestError {
    /// The payload is shorter than the request's structure, or its numbers contradict each other.
    #[error("{0:?}: payload is malformed")]
    Payload(RequestCode),
    /// More memory regions than the protocol allows.
    #[error("SetMemTable: {0} regions where {MAX_REGIONS} is the limit")]
    Regions(u32),
    /// A ring that the device does not have is to be stopped.
    #[error("GetVringBase: the device has no ring {0}")]
    Ring(u32),
    /// The number of descriptors does not fit. For memory this is the mark of guest RAM that
    /// the front-end cannot share.
    #[error("{code:?}: {got} file descriptors came along where {wanted:?} is right")]
    Fds {
        /// The request.
        code: RequestCode,
        /// What it should carry.
        wanted: FdCount,
        /// What it carried.
        got: usize,
    },
}

/// Set in a kick, call or error message that carries no descriptor.
const VRING_NO_FD: u64 = 1 << 8;
const VRING_INDEX: u64 = 0xff;

impl Request {
    /// Reads a request from its number, its payload and the number of descriptors that came along.
    ///
    /// # Errors
    /// When the payload is malformed or the descriptors do not fit. Requests that this
    /// crate does not know are no error but [`Request::Unknown`].
    pub fn parse(request: u32, payload: &[u8], fds: usize) -> Result<Self, RequestError> {
        let Some(code) = RequestCode::from_number(request) else {
            return Ok(Self::Unknown(request));
        };
        let mut bytes = Bytes::new(payload);
        let request = match code {
            RequestCode::SetMemTable => Self::SetMemTable(mem_table(&mut bytes)?),
            _ => Self::simple(code, &mut bytes).ok_or(RequestError::Payload(code))?,
        };
        let wanted = request.fds();
        if wanted.allows(fds) {
            Ok(request)
        } else {
            Err(RequestError::Fds { code, wanted, got: fds })
        }
    }

    fn simple(code: RequestCode, bytes: &mut Bytes<'_>) -> Option<Self> {
        Some(match code {
            RequestCode::GetFeatures => Self::GetFeatures,
            RequestCode::SetFeatures => Self::SetFeatures(bytes.u64()?),
            RequestCode::SetOwner => Self::SetOwner,
            RequestCode::ResetOwner => Self::ResetOwner,
            RequestCode::SetLogBase => Self::SetLogBase,
            RequestCode::SetLogFd => Self::SetLogFd,
            RequestCode::SetVringNum => Self::SetVringNum(state(bytes)?),
            RequestCode::SetVringAddr => Self::SetVringAddr(address(bytes)?),
            RequestCode::SetVringBase => Self::SetVringBase(state(bytes)?),
            RequestCode::GetVringBase => Self::GetVringBase(state(bytes)?.index),
            RequestCode::SetVringKick => {
                let (index, fd) = vring_fd(bytes)?;
                Self::SetVringKick { index, fd }
            }
            RequestCode::SetVringCall => {
                let (index, fd) = vring_fd(bytes)?;
                Self::SetVringCall { index, fd }
            }
            RequestCode::SetVringErr => {
                let (index, fd) = vring_fd(bytes)?;
                Self::SetVringErr { index, fd }
            }
            RequestCode::SetVringEnable => {
                let VringState { index, value } = state(bytes)?;
                Self::SetVringEnable { index, enable: value != 0 }
            }
            RequestCode::GetProtocolFeatures => Self::GetProtocolFeatures,
            RequestCode::SetProtocolFeatures => Self::SetProtocolFeatures(bytes.u64()?),
            RequestCode::GetQueueNum => Self::GetQueueNum,
            RequestCode::SetBackendReqFd => Self::SetBackendReqFd,
            RequestCode::GetConfig => Self::GetConfig(ConfigSpan::parse(bytes)?),
            RequestCode::SetConfig => {
                let span = ConfigSpan::parse(bytes)?;
                let data = bytes.rest().get(..span.size as usize)?;
                Self::SetConfig(span, data.to_vec())
            }
            RequestCode::GpuSetSocket => Self::GpuSetSocket,
            RequestCode::ResetDevice => Self::ResetDevice,
            RequestCode::GetMaxMemSlots => Self::GetMaxMemSlots,
            RequestCode::AddMemReg => Self::AddMemReg(single_region(bytes)?),
            RequestCode::RemMemReg => Self::RemMemReg(single_region(bytes)?),
            // The status is a byte that travels in 64 bits.
            RequestCode::SetStatus => Self::SetStatus(u8::try_from(bytes.u64()?).ok()?),
            RequestCode::GetStatus => Self::GetStatus,
            RequestCode::GetInflightFd => Self::GetInflightFd,
            RequestCode::SetInflightFd => Self::SetInflightFd,
            RequestCode::SetDeviceStateFd => {
                // Direction, and the phase: 0, stopped, is the only one.
                match (bytes.u32()?, bytes.u32()?) {
                    (direction @ (0 | 1), 0) => Self::SetDeviceStateFd { load: direction == 1 },
                    _ => return None,
                }
            }
            RequestCode::CheckDeviceState => Self::CheckDeviceState,
            other => Self::Unsupported(other),
        })
    }

    /// How many descriptors the request carries.
    #[must_use]
    pub fn fds(&self) -> FdCount {
        match self {
            Self::SetMemTable(regions) => FdCount::Exactly(regions.len()),
            Self::SetVringKick { fd, .. }
            | Self::SetVringCall { fd, .. }
            | Self::SetVringErr { fd, .. } => FdCount::Exactly(usize::from(*fd)),
            Self::SetBackendReqFd | Self::GpuSetSocket | Self::AddMemReg(_) => FdCount::Exactly(1),
            // The protocol says none; QEMU before 8.0 sent the region's descriptor along.
            Self::RemMemReg(_) => FdCount::AtMostOne,
            // One that is missing is told in the reply.
            Self::SetDeviceStateFd { .. } => FdCount::AtMostOne,
            Self::SetLogBase
            | Self::SetLogFd
            | Self::SetInflightFd
            | Self::Unsupported(_)
            | Self::Unknown(_) => FdCount::Any,
            _ => FdCount::Exactly(0),
        }
    }
}

fn state(bytes: &mut Bytes<'_>) -> Option<VringState> {
    Some(VringState { index: bytes.u32()?, value: bytes.u32()? })
}

fn address(bytes: &mut Bytes<'_>) -> Option<VringAddress> {
    let address = VringAddress {
        index: bytes.u32()?,
        flags: bytes.u32()?,
        descriptors: bytes.u64()?,
        used: bytes.u64()?,
        available: bytes.u64()?,
    };
    // The log address, which means nothing without F_LOG_ALL.
    bytes.u64()?;
    Some(address)
}

fn vring_fd(bytes: &mut Bytes<'_>) -> Option<(u8, bool)> {
    let word = bytes.u64()?;
    let index = u8::try_from(word & VRING_INDEX).ok()?;
    Some((index, word & VRING_NO_FD == 0))
}

fn single_region(bytes: &mut Bytes<'_>) -> Option<MemoryRegion> {
    bytes.u64()?;
    MemoryRegion::parse(bytes)
}

fn mem_table(bytes: &mut Bytes<'_>) -> Result<Vec<MemoryRegion>, RequestError> {
    let malformed = RequestError::Payload(RequestCode::SetMemTable);
    let count = bytes.u32().ok_or(malformed)?;
    bytes.u32().ok_or(malformed)?;
    if count as usize > MAX_REGIONS {
        return Err(RequestError::Regions(count));
    }
    (0..count).map(|_| MemoryRegion::parse(bytes).ok_or(malformed)).collect()
}

#[cfg(test)]
mod tests;
