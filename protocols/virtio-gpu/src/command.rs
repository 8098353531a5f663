//! Requests, parsed once into values that need no second look at the bytes.

use porthole_pixel::{Format, Size};

use crate::fields::{Fields, Short};
use crate::header::Header;
use crate::pixels::{WireRect, format_from_code};
use crate::response::ErrorCode;
use crate::wire::{feature, request};

/// Entries of guest memory that one resource may have.
pub const MAX_ENTRIES: u32 = 16384;

/// The number of a scanout, unchecked.
pub type ScanoutId = u32;

/// A piece of guest memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Guest physical address.
    pub address: u64,
    /// Bytes.
    pub length: u32,
}

/// The list of entries is too long, or shorter than it says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("bad list of memory entries")]
pub struct BadEntries;

/// What a blob's memory is (`blob_mem`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BlobMemory {
    /// Guest memory, named by entries.
    Guest,
    /// Host memory of a 3D renderer, or a value without meaning. Not supported.
    Other,
}

/// How a blob is a picture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BlobFramebuffer {
    /// Pixel format; nothing when the code is unknown.
    pub format: Option<Format>,
    /// Size of the whole picture.
    pub size: Size,
    /// Bytes from row to row.
    pub stride: u32,
    /// Byte of the first pixel.
    pub offset: u32,
}

/// A command on the control queue.
///
/// Ids are as the guest gave them: whether one exists only the device knows. Values that are wrong
/// by themselves but must be refused after an id was looked up are kept as `Option` or `Result`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// Asks for size and presence of all scanouts.
    GetDisplayInfo,
    /// Makes a picture.
    Create2d {
        /// New id.
        resource: u32,
        /// Pixel format; nothing when the code is unknown.
        format: Option<Format>,
        /// Size in pixels, any values.
        size: Size,
    },
    /// Destroys a resource.
    Unref {
        /// Its id.
        resource: u32,
    },
    /// Shows a part of a picture, or nothing when the resource is 0.
    SetScanout {
        /// Where.
        scanout: ScanoutId,
        /// What.
        resource: u32,
        /// Which part of it.
        rect: WireRect,
    },
    /// Makes changes visible.
    Flush {
        /// Of which resource.
        resource: u32,
        /// Where in it.
        rect: WireRect,
    },
    /// Copies from guest memory into a picture.
    Transfer {
        /// Into which resource.
        resource: u32,
        /// Where in it.
        rect: WireRect,
        /// From which byte of its backing.
        offset: u64,
    },
    /// Names the guest memory behind a resource.
    AttachBacking {
        /// Which resource.
        resource: u32,
        /// The memory, in order.
        entries: Result<Vec<Entry>, BadEntries>,
    },
    /// Forgets the guest memory behind a resource.
    DetachBacking {
        /// Which resource.
        resource: u32,
    },
    /// Asks for the EDID of a scanout.
    GetEdid {
        /// Which scanout.
        scanout: ScanoutId,
    },
    /// Asks for a UUID.
    AssignUuid {
        /// Of which resource.
        resource: u32,
    },
    /// Makes a resource of memory.
    CreateBlob {
        /// New id.
        resource: u32,
        /// Kind of memory.
        memory: BlobMemory,
        /// Bytes.
        size: u64,
        /// The memory, in order.
        entries: Result<Vec<Entry>, BadEntries>,
    },
    /// Shows a blob, or nothing when the resource is 0.
    SetScanoutBlob {
        /// Where.
        scanout: ScanoutId,
        /// What.
        resource: u32,
        /// Which part of the picture.
        rect: WireRect,
        /// How the blob is a picture.
        framebuffer: BlobFramebuffer,
    },
}

impl Command {
    /// Reads a request of the control queue whose header was read already. `features` are those that
    /// the device offers (bits of [`feature`]).
    ///
    /// # Errors
    /// What the guest is told: `Unspecified` for an unknown or unsupported command, `Parameter` for a
    /// request that is too short or a blob command without that feature.
    pub fn parse(header: &Header, bytes: &[u8], features: u64) -> Result<Self, ErrorCode> {
        let blob = features & feature::RESOURCE_BLOB != 0;
        let uuid = features & feature::RESOURCE_UUID != 0;
        match header.kind {
            request::RESOURCE_CREATE_BLOB | request::SET_SCANOUT_BLOB if !blob => {
                return Err(ErrorCode::Parameter);
            }
            request::RESOURCE_ASSIGN_UUID if !uuid => return Err(ErrorCode::Unspecified),
            _ => {}
        }
        let body = Fields::new(bytes.get(Header::LEN..).unwrap_or_default());
        match read(header.kind, body) {
            Ok(Some(command)) => Ok(command),
            // 3D commands, capability sets (there are none) and numbers without meaning.
            Ok(None) => Err(ErrorCode::Unspecified),
            Err(Short) => Err(ErrorCode::Parameter),
        }
    }
}

fn read(kind: u32, mut body: Fields<'_>) -> Result<Option<Command>, Short> {
    let body = &mut body;
    Ok(Some(match kind {
        request::GET_DISPLAY_INFO => Command::GetDisplayInfo,
        request::RESOURCE_CREATE_2D => Command::Create2d {
            resource: body.u32()?,
            format: format_from_code(body.u32()?),
            size: Size::new(body.u32()?, body.u32()?),
        },
        request::RESOURCE_UNREF => Command::Unref { resource: id(body)? },
        request::SET_SCANOUT => {
            let rect = rect(body)?;
            Command::SetScanout { rect, scanout: body.u32()?, resource: body.u32()? }
        }
        request::RESOURCE_FLUSH => Command::Flush { rect: rect(body)?, resource: id(body)? },
        request::TRANSFER_TO_HOST_2D => {
            Command::Transfer { rect: rect(body)?, offset: body.u64()?, resource: id(body)? }
        }
        request::RESOURCE_ATTACH_BACKING => {
            let (resource, count) = (body.u32()?, body.u32()?);
            Command::AttachBacking { resource, entries: entries(body, count) }
        }
        request::RESOURCE_DETACH_BACKING => Command::DetachBacking { resource: id(body)? },
        request::GET_EDID => Command::GetEdid { scanout: id(body)? },
        request::RESOURCE_ASSIGN_UUID => Command::AssignUuid { resource: id(body)? },
        request::RESOURCE_CREATE_BLOB => create_blob(body)?,
        request::SET_SCANOUT_BLOB => set_scanout_blob(body)?,
        _ => return Ok(None),
    }))
}

fn create_blob(body: &mut Fields<'_>) -> Result<Command, Short> {
    let [resource, memory, _flags, count] = body.u32s()?;
    let _blob_id = body.u64()?;
    let size = body.u64()?;
    let memory = if memory == 1 { BlobMemory::Guest } else { BlobMemory::Other };
    Ok(Command::CreateBlob { resource, memory, size, entries: entries(body, count) })
}

fn set_scanout_blob(body: &mut Fields<'_>) -> Result<Command, Short> {
    let rect = rect(body)?;
    let [scanout, resource, width, height, format, _pad] = body.u32s()?;
    // Every format here has one plane; the other three are ignored.
    let [stride, ..]: [u32; 4] = body.u32s()?;
    let [offset, ..]: [u32; 4] = body.u32s()?;
    let format = format_from_code(format);
    let framebuffer = BlobFramebuffer { format, size: Size::new(width, height), stride, offset };
    Ok(Command::SetScanoutBlob { scanout, resource, rect, framebuffer })
}

/// An id and its padding.
fn id(body: &mut Fields<'_>) -> Result<u32, Short> {
    let [id, _pad] = body.u32s()?;
    Ok(id)
}

fn rect(body: &mut Fields<'_>) -> Result<WireRect, Short> {
    let [x, y, width, height] = body.u32s()?;
    Ok(WireRect { x, y, width, height })
}

fn entries(body: &mut Fields<'_>, count: u32) -> Result<Vec<Entry>, BadEntries> {
    if count > MAX_ENTRIES {
        return Err(BadEntries);
    }
    let mut entry = || {
        let (address, length) = (body.u64()?, body.u32()?);
        body.skip::<4>()?;
        Ok(Entry { address, length })
    };
    // Grows as entries are found, so a large count alone reserves nothing.
    (0..count).map(|_| entry().map_err(|Short| BadEntries)).collect()
}

/// The image part of a cursor command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CursorImage {
    /// The picture, or 0 to hide the cursor.
    pub resource: u32,
    /// Hot spot from the left.
    pub hot_x: u32,
    /// Hot spot from the top.
    pub hot_y: u32,
}

/// A command on the cursor queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CursorCommand {
    /// On which scanout.
    pub scanout: ScanoutId,
    /// Place of the hot spot from the left edge; drivers send negative values too.
    pub x: i32,
    /// Place of the hot spot from the top edge.
    pub y: i32,
    /// A new image; nothing when the cursor only moves.
    pub image: Option<CursorImage>,
}

impl CursorCommand {
    /// Reads a request of the cursor queue.
    ///
    /// # Errors
    /// `Parameter` when it is too short, `Unspecified` when it is no cursor command. The guest is not
    /// told: the cursor queue has no responses.
    pub fn parse(bytes: &[u8]) -> Result<Self, ErrorCode> {
        Self::read(&mut Fields::new(bytes)).unwrap_or(Err(ErrorCode::Parameter))
    }

    fn read(fields: &mut Fields<'_>) -> Result<Result<Self, ErrorCode>, Short> {
        let header = Header::read(fields)?;
        let update = match header.kind {
            request::UPDATE_CURSOR => true,
            request::MOVE_CURSOR => false,
            _ => return Ok(Err(ErrorCode::Unspecified)),
        };
        let [scanout, x, y, _pad, resource, hot_x, hot_y, _end] = fields.u32s()?;
        let image = update.then_some(CursorImage { resource, hot_x, hot_y });
        Ok(Ok(Self { scanout, x: x.cast_signed(), y: y.cast_signed(), image }))
    }
}
