//! What QEMU asks of a console's listener, checked as far as a message alone can be.

use std::os::fd::OwnedFd;

use porthole_dbus::{Malformed, Message, Writer};
use porthole_pixel::{Rect, Size};

use crate::calls::{PROPERTIES, cut};
use crate::connection::Output;

const LISTENER: &str = "org.qemu.Display1.Listener";
const MAP: &str = "org.qemu.Display1.Listener.Unix.Map";
const DMABUF2: &str = "org.qemu.Display1.Listener.Unix.ScanoutDMABUF2";
const INTROSPECTABLE: &str = "org.freedesktop.DBus.Introspectable";
const PEER: &str = "org.freedesktop.DBus.Peer";

/// Why something is not shown; goes into the log and back to QEMU.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Refused(pub(crate) String);

impl From<Malformed> for Refused {
    fn from(why: Malformed) -> Self {
        Self(why.to_string())
    }
}

/// Pixels as QEMU describes them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Pixels {
    pub(crate) size: Size,
    pub(crate) stride: u32,
    /// Pixman's code.
    pub(crate) format: u32,
}

/// A dma-buf as QEMU describes it.
#[derive(Debug)]
pub(crate) struct DmaBuf {
    pub(crate) planes: Vec<(OwnedFd, u32, u32)>,
    pub(crate) size: Size,
    /// DRM's code.
    pub(crate) fourcc: u32,
    pub(crate) modifier: u64,
    /// Where the picture begins in it.
    pub(crate) place: (u32, u32),
    /// `y0_top` of QEMU, by whose own displays it means that the first row is the lowest one: that of a
    /// picture which GL drew.
    pub(crate) bottom_up: bool,
}

/// What a console shows.
#[derive(Debug)]
pub(crate) enum Shown<'a> {
    /// A whole picture.
    Scanout(Pixels, &'a [u8]),
    /// A part of the picture.
    Update(Rect, Pixels, &'a [u8]),
    /// A picture in memory, from this byte on.
    Map(OwnedFd, u64, Pixels),
    /// A part of that memory has changed.
    MapUpdate(Rect),
    /// A picture in a dma-buf.
    DmaBuf(DmaBuf),
    /// A part of the dma-buf has changed.
    DmaBufUpdate(Rect),
    /// Nothing.
    Disabled,
    /// The cursor is here, and seen or not.
    CursorAt((i32, i32), bool),
    /// The cursor looks like this: size, hot spot, pixels.
    Cursor((i32, i32), (i32, i32), &'a [u8]),
}

/// A call that was read.
#[derive(Debug)]
pub(crate) enum Asked<'a> {
    /// To show something.
    Show(Shown<'a>),
    /// Something else, which has this answer.
    Answer(Writer),
    /// Nothing that is known.
    Unknown,
}

/// Reads a call.
pub(crate) fn read<'a>(
    message: &Message<'a>,
    descriptors: Vec<OwnedFd>,
) -> Result<Asked<'a>, Refused> {
    Ok(match (message.interface, message.member) {
        (LISTENER | "", "Scanout") => {
            let mut from = message.arguments("uuuuay")?;
            let size = Size::new(from.u32()?, from.u32()?);
            let pixels = Pixels { size, stride: from.u32()?, format: from.u32()? };
            Asked::Show(Shown::Scanout(pixels, from.bytes()?))
        }
        (LISTENER | "", "Update") => {
            let mut from = message.arguments("iiiiuuay")?;
            let rect = rect([from.i32()?, from.i32()?, from.i32()?, from.i32()?])?;
            let pixels = Pixels { size: rect.size(), stride: from.u32()?, format: from.u32()? };
            Asked::Show(Shown::Update(rect, pixels, from.bytes()?))
        }
        (MAP | "", "ScanoutMap") => {
            let mut from = message.arguments("huuuuu")?;
            let memory = descriptor(descriptors, from.u32()?)?;
            let offset = from.u32()?.into();
            let size = Size::new(from.u32()?, from.u32()?);
            let pixels = Pixels { size, stride: from.u32()?, format: from.u32()? };
            Asked::Show(Shown::Map(memory, offset, pixels))
        }
        (MAP | "", "UpdateMap") => Asked::Show(Shown::MapUpdate(only_rect(message)?)),
        (LISTENER | "", "UpdateDMABUF") => Asked::Show(Shown::DmaBufUpdate(only_rect(message)?)),
        (LISTENER | "", "ScanoutDMABUF") => {
            Asked::Show(Shown::DmaBuf(one_plane(message, descriptors)?))
        }
        (DMABUF2 | "", "ScanoutDMABUF2") => {
            Asked::Show(Shown::DmaBuf(planes(message, descriptors)?))
        }
        (LISTENER | "", "Disable") => Asked::Show(Shown::Disabled),
        (LISTENER | "", "MouseSet") => {
            let mut from = message.arguments("iii")?;
            Asked::Show(Shown::CursorAt((from.i32()?, from.i32()?), from.i32()? != 0))
        }
        (LISTENER | "", "CursorDefine") => {
            let mut from = message.arguments("iiiiay")?;
            let (size, hot) = ((from.i32()?, from.i32()?), (from.i32()?, from.i32()?));
            Asked::Show(Shown::Cursor(size, hot, from.bytes()?))
        }
        (PROPERTIES, "GetAll") => {
            let of = message.arguments("s")?.text()?;
            let list = if of == LISTENER { vec![("Interfaces", interfaces())] } else { Vec::new() };
            Asked::Answer(Writer::new().properties(list))
        }
        (PROPERTIES, "Get") => {
            let mut from = message.arguments("ss")?;
            match (from.text()?, from.text()?) {
                (LISTENER, "Interfaces") => Asked::Answer(Writer::new().variant(|_| interfaces())),
                _ => Asked::Unknown,
            }
        }
        (PEER, "Ping") => Asked::Answer(Writer::new()),
        (INTROSPECTABLE, "Introspect") => Asked::Answer(Writer::new().text("<node/>")),
        _ => Asked::Unknown,
    })
}

/// What is known beyond the first version of the interface.
fn interfaces() -> Writer {
    Writer::new().texts(&[MAP, DMABUF2])
}

/// Answers a call that was read.
pub(crate) fn answer(
    message: &Message<'_>,
    end: &Result<Option<Writer>, Refused>,
    output: &mut Output,
) {
    match end {
        Ok(Some(body)) => output.reply(message, body),
        Ok(None) => {
            let error = "org.freedesktop.DBus.Error.UnknownMethod";
            output.refuse(message, error, "this listener has no such method");
        }
        Err(Refused(why)) => {
            output.refuse(message, "org.freedesktop.DBus.Error.InvalidArgs", &cut(why));
        }
    }
}

fn rect([x, y, width, height]: [i32; 4]) -> Result<Rect, Refused> {
    if width <= 0 || height <= 0 || x < 0 || y < 0 {
        return Err(Refused(format!("a rectangle of {width}x{height} at {x},{y}")));
    }
    Ok(Rect::new(x, y, width, height))
}

fn only_rect(message: &Message<'_>) -> Result<Rect, Refused> {
    let mut from = message.arguments("iiii")?;
    rect([from.i32()?, from.i32()?, from.i32()?, from.i32()?])
}

fn descriptor(descriptors: Vec<OwnedFd>, index: u32) -> Result<OwnedFd, Refused> {
    let index = usize::try_from(index).unwrap_or(usize::MAX);
    let found = descriptors.into_iter().nth(index);
    found.ok_or_else(|| Refused(format!("descriptor {index} did not come with the message")))
}

fn one_plane(message: &Message<'_>, descriptors: Vec<OwnedFd>) -> Result<DmaBuf, Refused> {
    let mut from = message.arguments("huuuutb")?;
    let memory = descriptor(descriptors, from.u32()?)?;
    let size = Size::new(from.u32()?, from.u32()?);
    let planes = vec![(memory, 0, from.u32()?)];
    let (fourcc, modifier) = (from.u32()?, from.u64()?);
    Ok(DmaBuf { planes, size, fourcc, modifier, place: (0, 0), bottom_up: from.bool()? })
}

fn planes(message: &Message<'_>, descriptors: Vec<OwnedFd>) -> Result<DmaBuf, Refused> {
    let mut from = message.arguments("ahuuuuauauuuuutb")?;
    let indices = from.u32s()?;
    let place = (from.u32()?, from.u32()?);
    let size = Size::new(from.u32()?, from.u32()?);
    let (offsets, strides) = (from.u32s()?, from.u32s()?);
    let count = usize::try_from(from.u32()?).unwrap_or(usize::MAX);
    let fourcc = from.u32()?;
    let _backing = (from.u32()?, from.u32()?);
    let (modifier, bottom_up) = (from.u64()?, from.bool()?);
    let same = [indices.len(), offsets.len(), strides.len()].iter().all(|length| *length >= count);
    if count == 0 || count > 4 || !same || descriptors.len() < count {
        return Err(Refused(format!(
            "a dma-buf of {count} planes with {} descriptors",
            descriptors.len()
        )));
    }
    let in_order = indices.iter().zip(0_u32..).all(|(index, number)| *index == number);
    if !in_order {
        return Err(Refused("descriptors of a dma-buf that are not in order".to_owned()));
    }
    let planes = descriptors.into_iter().zip(offsets).zip(strides).take(count);
    let planes = planes.map(|((memory, offset), stride)| (memory, offset, stride)).collect();
    Ok(DmaBuf { planes, size, fourcc, modifier, place, bottom_up })
}
