//! Messages from the viewer, parsed once into values (RFC 6143, 7.5; rfbproto for the
//! extensions that we offer).

use crate::clipboard::Length;
use crate::error::ProtocolError;
use crate::pixel_format::PixelFormat;
use crate::spec::to_server as kind;
use crate::wire::Reader;

/// Cut text above this is thrown away while it arrives, as other servers do: a viewer with a
/// full clipboard is no attack, but it must not cost memory.
pub const MAX_CUT_TEXT: usize = 1 << 20;

/// No viewer knows more encodings; the list is small enough to answer at once.
const MAX_ENCODINGS: u16 = 1024;

/// One message from the viewer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Message {
    SetPixelFormat(PixelFormat),
    SetEncodings(Vec<i32>),
    UpdateRequest {
        incremental: bool,
        x: u16,
        y: u16,
        width: u16,
        height: u16,
    },
    Key {
        keysym: u32,
        down: bool,
    },
    ExtendedKey {
        keysym: u32,
        scancode: u32,
        down: bool,
    },
    Pointer {
        x: u16,
        y: u16,
        buttons: u8,
    },
    CutText(Vec<u8>),
    /// A message of the extended clipboard.
    Clipboard(Vec<u8>),
    /// So many bytes of text follow that they are to be skipped.
    LongCutText {
        length: u32,
    },
    SetDesktopSize {
        width: u16,
        height: u16,
    },
}

/// Takes one message from the front; `None` while it is incomplete. Messages whose length the
/// viewer chooses are checked before they are waited for. `extended` is whether the viewer has said that it
/// knows the extended clipboard, and was offered it.
pub(crate) fn parse(
    input: &mut Reader<'_>,
    extended: bool,
) -> Result<Option<Message>, ProtocolError> {
    let Some(kind) = input.u8() else { return Ok(None) };
    match kind {
        kind::SET_PIXEL_FORMAT => set_pixel_format(input),
        kind::SET_ENCODINGS => set_encodings(input),
        kind::UPDATE_REQUEST => Ok(update_request(input)),
        kind::KEY => Ok(key(input)),
        kind::POINTER => Ok(pointer(input)),
        kind::CUT_TEXT => cut_text(input, extended),
        kind::SET_DESKTOP_SIZE => Ok(set_desktop_size(input)),
        kind::QEMU => qemu(input),
        unknown => Err(ProtocolError::UnknownMessage(unknown)),
    }
}

fn set_pixel_format(input: &mut Reader<'_>) -> Result<Option<Message>, ProtocolError> {
    let Some(fields) = input.bytes(3).and_then(|_padding| input.array()) else { return Ok(None) };
    Ok(Some(Message::SetPixelFormat(PixelFormat::from_wire(fields)?)))
}

fn set_encodings(input: &mut Reader<'_>) -> Result<Option<Message>, ProtocolError> {
    let Some(count) = input.u8().and_then(|_padding| input.u16()) else { return Ok(None) };
    if count > MAX_ENCODINGS {
        return Err(ProtocolError::TooManyEncodings(count));
    }
    let Some(list) = input.bytes(usize::from(count) * 4) else { return Ok(None) };
    let (numbers, _) = list.as_chunks::<4>();
    Ok(Some(Message::SetEncodings(numbers.iter().map(|n| i32::from_be_bytes(*n)).collect())))
}

fn update_request(input: &mut Reader<'_>) -> Option<Message> {
    Some(Message::UpdateRequest {
        incremental: input.u8()? != 0,
        x: input.u16()?,
        y: input.u16()?,
        width: input.u16()?,
        height: input.u16()?,
    })
}

fn key(input: &mut Reader<'_>) -> Option<Message> {
    let down = input.u8()? != 0;
    input.bytes(2)?;
    Some(Message::Key { keysym: input.u32()?, down })
}

fn pointer(input: &mut Reader<'_>) -> Option<Message> {
    Some(Message::Pointer { buttons: input.u8()?, x: input.u16()?, y: input.u16()? })
}

fn cut_text(input: &mut Reader<'_>, extended: bool) -> Result<Option<Message>, ProtocolError> {
    let Some(length) = input.bytes(3).and_then(|_padding| input.u32()) else { return Ok(None) };
    let take = |input: &mut Reader<'_>, size| input.bytes(size).map(<[u8]>::to_vec);
    Ok(match Length::of(length, extended) {
        None => return Err(ProtocolError::CutTextLength(length)),
        Some(Length::Skipped(length)) => Some(Message::LongCutText { length }),
        Some(Length::Plain(size)) => take(input, size).map(Message::CutText),
        Some(Length::Extended(size)) => take(input, size).map(Message::Clipboard),
    })
}

fn set_desktop_size(input: &mut Reader<'_>) -> Option<Message> {
    input.u8()?;
    let (width, height) = (input.u16()?, input.u16()?);
    let screens = input.u8()?;
    input.u8()?;
    // The screens are not looked at while every request is refused.
    input.bytes(usize::from(screens) * 16)?;
    Some(Message::SetDesktopSize { width, height })
}

fn qemu(input: &mut Reader<'_>) -> Result<Option<Message>, ProtocolError> {
    let Some(sub) = input.u8() else { return Ok(None) };
    if sub != kind::QEMU_EXTENDED_KEY {
        return Err(ProtocolError::UnknownQemuMessage(sub));
    }
    let (Some(down), Some(keysym), Some(scancode)) = (input.u16(), input.u32(), input.u32()) else {
        return Ok(None);
    };
    Ok(Some(Message::ExtendedKey { keysym, scancode, down: down != 0 }))
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
