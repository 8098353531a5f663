//! Guest memory as the trace has it: what comes next is what is read next.

use std::cell::RefCell;

use porthole_gpu_device::{GuestMemory, NotRam};
use porthole_trace::{Event, ReadError};

use super::Source;

/// The memory that one request may read.
pub(super) struct Memory<'a> {
    source: &'a Source,
    device: u8,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    /// What is left of the record that is being read, and where it lies.
    piece: Vec<u8>,
    used: usize,
    address: u64,
    wrong: Option<String>,
    /// The trace ends within this request, or has a hole there.
    ended: bool,
    failed: Option<ReadError>,
}

impl<'a> Memory<'a> {
    pub(super) fn new(source: &'a Source, device: u8) -> Self {
        Self { source, device, state: RefCell::default() }
    }

    /// Whether nothing follows, or a hole.
    fn ends(&self) -> bool {
        let mut source = self.source.borrow_mut();
        matches!(source.peek(), Ok(None | Some((_, _, Event::Lost { .. }))))
    }

    /// What was not as recorded, once the request is done. What was read then and not now is skipped.
    pub(super) fn finish(self) -> Result<Option<String>, ReadError> {
        let state = self.state.into_inner();
        if let Some(error) = state.failed {
            return Err(error);
        }
        if state.ended {
            return Ok(None);
        }
        let mut left = (state.piece.len().saturating_sub(state.used)) as u64;
        let mut source = self.source.borrow_mut();
        while let Some((_, device, event)) = source.peek()? {
            match event {
                Event::Memory { bytes, .. } if device == self.device => left += bytes.len() as u64,
                Event::NotRam { length, .. } if device == self.device => {
                    left = left.saturating_add(length.max(1));
                }
                _ => break,
            }
            source.next()?;
        }
        let less = || (left > 0).then(|| format!("{left} bytes of guest memory were not read"));
        Ok(state.wrong.or_else(less))
    }
}

impl GuestMemory for Memory<'_> {
    fn contains(&self, address: u64, length: u64) -> bool {
        let mut state = self.state.borrow_mut();
        let expected = Event::NotRam { address, length, read: false };
        match state.take(self.source, self.device, &expected) {
            Ok(found) => !found,
            Err(error) => {
                state.failed = Some(error);
                false
            }
        }
    }

    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), NotRam> {
        let mut state = self.state.borrow_mut();
        let length = into.len() as u64;
        let mut done = 0;
        while done < into.len() {
            let at = address.saturating_add(done as u64);
            let expected = Event::NotRam { address, length, read: true };
            let rest = into.get_mut(done..).unwrap_or_default();
            let copied = match state.copy(self.source, self.device, at, rest) {
                Ok(0)
                    if done == 0
                        && matches!(state.take(self.source, self.device, &expected), Ok(true)) =>
                {
                    return Err(NotRam);
                }
                Ok(copied) => copied,
                Err(error) => {
                    state.failed = Some(error);
                    return Err(NotRam);
                }
            };
            if copied == 0 {
                state.ended |= self.ends();
                let wrong =
                    || format!("{length} bytes at {address:#x} were not read when it was recorded");
                state.wrong.get_or_insert_with(wrong);
                return Err(NotRam);
            }
            done += copied;
        }
        Ok(())
    }
}

impl State {
    /// Takes the next record if it is this one.
    fn take(&self, source: &Source, device: u8, expected: &Event<'_>) -> Result<bool, ReadError> {
        if self.used < self.piece.len() || self.failed.is_some() {
            return Ok(false);
        }
        let mut source = source.borrow_mut();
        let found = source.peek()?.is_some_and(|(_, of, event)| of == device && event == *expected);
        if found {
            source.next()?;
        }
        Ok(found)
    }

    /// Copies what was recorded of an address; 0 bytes when something else comes next.
    fn copy(
        &mut self,
        source: &Source,
        device: u8,
        address: u64,
        into: &mut [u8],
    ) -> Result<usize, ReadError> {
        if self.failed.is_some() {
            return Ok(0);
        }
        if self.used >= self.piece.len() {
            let mut source = source.borrow_mut();
            match source.peek()? {
                Some((_, of, Event::Memory { address: at, bytes }))
                    if of == device && at == address =>
                {
                    self.piece.clear();
                    self.piece.extend_from_slice(bytes);
                    (self.address, self.used) = (at, 0);
                }
                _ => return Ok(0),
            }
            source.next()?;
        }
        if self.address.saturating_add(self.used as u64) != address {
            return Ok(0);
        }
        let rest = self.piece.get(self.used..).unwrap_or_default();
        let count = rest.len().min(into.len());
        if let (Some(into), Some(from)) = (into.get_mut(..count), rest.get(..count)) {
            into.copy_from_slice(from);
        }
        self.used += count;
        Ok(count)
    }
}
