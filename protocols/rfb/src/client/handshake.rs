//! The viewer's side of the handshake (RFC 6143, 7.1 to 7.3). Always speaks the server's
//! version, 3.8 at most.

use porthole_pixel::Size;

use super::{DecodeError, Event, Step};
use crate::pixel_format::PixelFormat;
use crate::security::{Password, vnc_auth_response};
use crate::spec::security;
use crate::wire::{Put, Reader};

/// Names and reasons above this are refused.
const MAX_TEXT: u32 = 4096;

#[derive(Debug)]
pub(super) struct Handshake {
    stage: Stage,
    minor: u8,
    password: Option<Password>,
    shared: bool,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    Version,
    Security,
    Challenge,
    Result,
    Reason,
    ServerInit,
}

impl Handshake {
    pub(super) const fn new(password: Option<Password>, shared: bool) -> Self {
        Self { stage: Stage::Version, minor: 8, password, shared }
    }

    pub(super) fn step(
        &mut self,
        input: &mut Reader<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Step, DecodeError> {
        let step = match self.stage {
            Stage::Version => self.version(input, out)?,
            Stage::Security if self.minor == 3 => self.decided(input, out)?,
            Stage::Security => self.choose(input, out)?,
            Stage::Challenge => self.answer(input, out),
            Stage::Result => self.result(input, out)?,
            Stage::Reason => match text(input, "a reason")? {
                Some(reason) => return Err(DecodeError::Refused(reason)),
                None => None,
            },
            Stage::ServerInit => return server_init(input),
        };
        Ok(step.map_or(Step::NeedMore, |stage| {
            self.stage = stage;
            Step::Next
        }))
    }

    fn version(
        &mut self,
        input: &mut Reader<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Option<Stage>, DecodeError> {
        let Some(line) = input.array::<12>() else { return Ok(None) };
        self.minor = minor(&line).ok_or(DecodeError::Version)?;
        out.put(format!("RFB 003.00{}\n", self.minor).as_bytes());
        Ok(Some(Stage::Security))
    }

    /// 3.3: the server has decided.
    fn decided(
        &self,
        input: &mut Reader<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Option<Stage>, DecodeError> {
        let Some(kind) = input.u32() else { return Ok(None) };
        match u8::try_from(kind) {
            Ok(security::INVALID) => Ok(Some(Stage::Reason)),
            Ok(security::NONE) => Ok(Some(self.client_init(out))),
            Ok(security::VNC_AUTH) if self.password.is_some() => Ok(Some(Stage::Challenge)),
            other => Err(DecodeError::Security(vec![other.unwrap_or(u8::MAX)])),
        }
    }

    fn choose(
        &self,
        input: &mut Reader<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Option<Stage>, DecodeError> {
        let Some(count) = input.u8() else { return Ok(None) };
        if count == 0 {
            return Ok(Some(Stage::Reason));
        }
        let Some(kinds) = input.bytes(usize::from(count)) else { return Ok(None) };
        if self.password.is_some() && kinds.contains(&security::VNC_AUTH) {
            out.put_u8(security::VNC_AUTH);
            return Ok(Some(Stage::Challenge));
        }
        if kinds.contains(&security::NONE) {
            out.put_u8(security::NONE);
            return Ok(Some(if self.minor == 8 { Stage::Result } else { self.client_init(out) }));
        }
        Err(DecodeError::Security(kinds.to_vec()))
    }

    fn answer(&self, input: &mut Reader<'_>, out: &mut Vec<u8>) -> Option<Stage> {
        let challenge = input.array()?;
        let password = self.password.as_ref()?;
        out.put(&vnc_auth_response(password, challenge));
        Some(Stage::Result)
    }

    fn result(
        &self,
        input: &mut Reader<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Option<Stage>, DecodeError> {
        match input.u32() {
            None => Ok(None),
            Some(0) => Ok(Some(self.client_init(out))),
            // 2 means too many attempts, to those who know it.
            Some(1 | 2) if self.minor == 8 => Ok(Some(Stage::Reason)),
            Some(1 | 2) => Err(DecodeError::Refused("no reason given".to_owned())),
            Some(_) => Err(DecodeError::Field("a security result that does not exist")),
        }
    }

    fn client_init(&self, out: &mut Vec<u8>) -> Stage {
        out.put_u8(u8::from(self.shared));
        Stage::ServerInit
    }
}

/// Which of the three versions to speak with a server that says this: its own, the newest with one that
/// says a newer one, the oldest with one that says something in between (RFC 6143, 7.1.1).
fn minor(line: &[u8; 12]) -> Option<u8> {
    let [b'R', b'F', b'B', b' ', major @ .., b'\n'] = line else { return None };
    let (major, minor) = std::str::from_utf8(major).ok()?.split_once('.')?;
    let number = |text: &str| {
        let digits = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u16>().ok().filter(|_| digits)
    };
    match (number(major)?, number(minor)?) {
        (3, 3..=6) => Some(3),
        (3, 7) => Some(7),
        (3, 8..) | (4.., _) => Some(8),
        _ => None,
    }
}

fn server_init(input: &mut Reader<'_>) -> Result<Step, DecodeError> {
    let (Some(width), Some(height), Some(format)) = (input.u16(), input.u16(), input.array())
    else {
        return Ok(Step::NeedMore);
    };
    let format = PixelFormat::from_wire(format)?;
    let size = Size::new(u32::from(width), u32::from(height));
    Ok(text(input, "the name")?
        .map_or(Step::NeedMore, |name| Step::Event(Event::Ready { size, name, format })))
}

/// A length and text. What is not UTF-8 or would move a terminal's cursor is replaced: it comes from
/// elsewhere and goes into logs and titles.
pub(super) fn text(
    input: &mut Reader<'_>,
    what: &'static str,
) -> Result<Option<String>, DecodeError> {
    let Some(length) = input.u32() else { return Ok(None) };
    if length > MAX_TEXT {
        return Err(DecodeError::TooLong(what, length));
    }
    let Some(bytes) = input.bytes(length as usize) else { return Ok(None) };
    let text = String::from_utf8_lossy(bytes);
    let seen = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    Ok(Some(text.chars().map(seen).collect()))
}
