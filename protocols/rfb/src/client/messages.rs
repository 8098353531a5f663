//! What a server says outside of updates (RFC 6143, 7.6; rfbproto for fences and continuous updates).

use super::{Canvas, Client, DecodeError, Event, Phase, Step};
use crate::clipboard::{Heard, Length, Malformed};
use crate::spec::{Encoding, to_client, to_server};
use crate::wire::{Put, Reader};

/// A fence carries no more.
const MAX_FENCE: u8 = 64;
/// The bit that asks for an answer.
const FENCE_REQUEST: u32 = 1 << 31;
/// What we can promise: everything is dealt with in its order.
const FENCE_KNOWN: u32 = 0b111;

impl<C: Canvas> Client<C> {
    pub(super) fn message(
        &mut self,
        kind: u8,
        input: &mut Reader<'_>,
    ) -> Result<Step, DecodeError> {
        let event = match kind {
            to_client::UPDATE => {
                let Some(count) = input.u8().and_then(|_padding| input.u16()) else {
                    return Ok(Step::NeedMore);
                };
                let endless = count == u16::MAX && self.asked.contains(&Encoding::LastRect);
                self.phase = Phase::Update(if endless { None } else { Some(count) });
                return Ok(Step::Next);
            }
            to_client::COLOUR_MAP => colour_map(input),
            to_client::BELL => Some(Event::Bell),
            to_client::CUT_TEXT => return self.cut_text_comes(input),
            to_client::FENCE if self.asked.contains(&Encoding::Fence) => return self.fence(input),
            to_client::END_OF_CONTINUOUS_UPDATES
                if self.asked.contains(&Encoding::ContinuousUpdates) =>
            {
                Some(Event::ContinuousUpdates)
            }
            unknown => return Err(DecodeError::UnknownMessage(unknown)),
        };
        Ok(event.map_or(Step::NeedMore, Step::Event))
    }

    fn cut_text_comes(&mut self, input: &mut Reader<'_>) -> Result<Step, DecodeError> {
        let Some(length) = input.bytes(3).and_then(|_padding| input.u32()) else {
            return Ok(Step::NeedMore);
        };
        let extended = self.asked.contains(&Encoding::ExtendedClipboard);
        let event = match Length::of(length, extended) {
            None => return Err(DecodeError::TooLong("cut text", length)),
            Some(Length::Skipped(length)) => {
                self.phase = Phase::Skip(length);
                let heard = self.clipboard.skipped();
                return Ok(heard.map_or(Step::Next, |heard| Step::Event(heard.into())));
            }
            Some(Length::Plain(size)) => {
                input.bytes(size).map(|text| Event::CutText(text.to_vec()))
            }
            Some(Length::Extended(size)) => {
                let Some(message) = input.bytes(size) else { return Ok(Step::NeedMore) };
                let heard = self.clipboard.heard(message);
                let heard = heard.map_err(|Malformed(why)| DecodeError::Clipboard(why))?;
                return Ok(heard.map_or(Step::Next, |heard| Step::Event(heard.into())));
            }
        };
        Ok(event.map_or(Step::NeedMore, Step::Event))
    }

    /// Answers a fence: all before it is dealt with. One that asks for nothing is an answer, to what
    /// nobody asked.
    fn fence(&mut self, input: &mut Reader<'_>) -> Result<Step, DecodeError> {
        let (Some(_padding), Some(flags), Some(length)) = (input.bytes(3), input.u32(), input.u8())
        else {
            return Ok(Step::NeedMore);
        };
        if length > MAX_FENCE {
            return Err(DecodeError::TooLong("a fence", u32::from(length)));
        }
        let Some(payload) = input.bytes(usize::from(length)) else { return Ok(Step::NeedMore) };
        if flags & FENCE_REQUEST != 0 {
            self.output.put(&[to_server::FENCE, 0, 0, 0]);
            self.output.put_u32(flags & FENCE_KNOWN);
            self.output.put_u8(length);
            self.output.put(payload);
        }
        Ok(Step::Next)
    }
}

impl From<Heard> for Event {
    fn from(heard: Heard) -> Self {
        match heard {
            Heard::Copied(text) => Self::Copied(text),
            Heard::Left(why) => Self::CopyLeft(why),
        }
    }
}

fn colour_map(input: &mut Reader<'_>) -> Option<Event> {
    input.u8()?;
    let (first, count) = (input.u16()?, input.u16()?);
    // All of it at once: what is not whole is looked at again with each byte.
    let (words, _) = input.bytes(usize::from(count) * 6)?.as_chunks::<6>();
    let colour = |[r1, r0, g1, g0, b1, b0]: &[u8; 6]| {
        [[*r1, *r0], [*g1, *g0], [*b1, *b0]].map(u16::from_be_bytes)
    };
    Some(Event::ColourMap { first, colours: words.iter().map(colour).collect() })
}
