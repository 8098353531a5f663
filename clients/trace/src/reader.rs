//! Reads a trace, record by record.

use std::io::{self, Read};

use crate::event::Event;
use crate::format::{CHUNK_HEAD, CHUNK_TIME, MAGIC, MAX_CHUNK, Record, Start, VERSION};

/// A file is no trace, or not one that can be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be read.
    #[error("the trace cannot be read")]
    Io(#[from] io::Error),
    /// It does not begin as a trace does.
    #[error("this is not a trace of Porthole")]
    NoTrace,
    /// It was written by another version.
    #[error("this trace has format {0}, and only those up to {VERSION} are known here")]
    Version(u32),
    /// Its first chunk is not what a trace begins with.
    #[error("the trace does not say of which devices it is")]
    Start,
    /// A record inside a chunk that is whole is none.
    #[error("record {0} of the trace is malformed")]
    Record(u64),
}

/// How a file ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// Behind a whole chunk.
    Whole,
    /// In the middle of a chunk, of which nothing is read.
    Cut,
    /// With a chunk that is not as it was written; nothing behind it is read.
    Damaged,
}

/// Reads a trace. It holds one chunk at a time.
#[derive(Debug)]
pub struct Reader<R> {
    source: R,
    chunk: Vec<u8>,
    /// First byte of the next record in the chunk.
    at: usize,
    time_us: u64,
    records: u64,
    ending: Option<Ending>,
}

impl<R: Read> Reader<R> {
    /// Reads the head of a trace.
    ///
    /// # Errors
    /// When the file is none, or none of this version.
    pub fn open(source: R) -> Result<(Start, Self), ReadError> {
        let mut reader =
            Self { source, chunk: Vec::new(), at: 0, time_us: 0, records: 0, ending: None };
        let mut head = [0; MAGIC.len() + 4];
        if !reader.fill(&mut head)? || !head.starts_with(&MAGIC) {
            return Err(ReadError::NoTrace);
        }
        let version = head.last_chunk().copied().map_or(0, u32::from_le_bytes);
        if !(1..=VERSION).contains(&version) {
            return Err(ReadError::Version(version));
        }
        if !reader.next_chunk()? {
            return Err(ReadError::Start);
        }
        let start = serde_json::from_slice(&reader.chunk).map_err(|_| ReadError::Start)?;
        reader.at = reader.chunk.len();
        Ok((start, reader))
    }

    /// The next record: when it happened, in microseconds since the start, to which device, and what.
    /// Nothing at the end of what can be read; see [`Self::ending`].
    ///
    /// # Errors
    /// When the file cannot be read, or a record is malformed.
    #[expect(clippy::should_implement_trait, reason = "a record borrows from the reader")]
    pub fn next(&mut self) -> Result<Option<(u64, u8, Event<'_>)>, ReadError> {
        if !self.load()? {
            return Ok(None);
        }
        let (record, used) = decode(&self.chunk, self.at, self.records)?;
        self.at = self.at.saturating_add(used);
        self.records = self.records.saturating_add(1);
        self.time_us = self.time_us.saturating_add(record.after_us);
        Ok(Some((self.time_us, record.device, record.event)))
    }

    /// The record that [`Self::next`] will give.
    ///
    /// # Errors
    /// As for [`Self::next`].
    pub fn peek(&mut self) -> Result<Option<(u64, u8, Event<'_>)>, ReadError> {
        if !self.load()? {
            return Ok(None);
        }
        let (record, _) = decode(&self.chunk, self.at, self.records)?;
        let time_us = self.time_us.saturating_add(record.after_us);
        Ok(Some((time_us, record.device, record.event)))
    }

    /// Reads chunks until there is a record in one; false at the end.
    fn load(&mut self) -> Result<bool, ReadError> {
        while self.at >= self.chunk.len() {
            if self.ending.is_some() || !self.next_chunk()? {
                return Ok(false);
            }
            let time = self.chunk.first_chunk::<CHUNK_TIME>();
            self.time_us = time.map(|time| u64::from_le_bytes(*time)).unwrap_or_default();
            self.at = CHUNK_TIME;
        }
        Ok(true)
    }

    /// How many records were read.
    pub const fn records(&self) -> u64 {
        self.records
    }

    /// How the file ends, once [`Self::next`] has given nothing.
    pub const fn ending(&self) -> Option<Ending> {
        self.ending
    }

    /// Reads the next whole chunk; false at the end.
    fn next_chunk(&mut self) -> Result<bool, ReadError> {
        let mut head = [0; CHUNK_HEAD];
        let read = self.fill_some(&mut head)?;
        if read < CHUNK_HEAD {
            self.ending = Some(if read == 0 { Ending::Whole } else { Ending::Cut });
            return Ok(false);
        }
        let [a, b, c, d, e, f, g, h] = head;
        let length = usize::try_from(u32::from_le_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        if length > MAX_CHUNK {
            self.ending = Some(Ending::Damaged);
            return Ok(false);
        }
        let mut chunk = std::mem::take(&mut self.chunk);
        chunk.resize(length, 0);
        let whole = self.fill(&mut chunk)?;
        self.chunk = chunk;
        let intact = crc32fast::hash(&self.chunk) == u32::from_le_bytes([e, f, g, h]);
        if !whole || !intact {
            self.chunk.clear();
            self.ending = Some(if whole { Ending::Damaged } else { Ending::Cut });
        }
        Ok(whole && intact)
    }

    /// Fills a buffer; false when the file ends before.
    fn fill(&mut self, into: &mut [u8]) -> Result<bool, ReadError> {
        Ok(self.fill_some(into)? == into.len())
    }

    fn fill_some(&mut self, into: &mut [u8]) -> Result<usize, ReadError> {
        let mut done = 0;
        while let Some(rest) = into.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match self.source.read(rest) {
                Ok(0) => break,
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(done)
    }
}

/// Reads the record at a place of a chunk, and how many bytes it takes.
fn decode(chunk: &[u8], at: usize, number: u64) -> Result<(Record<'_>, usize), ReadError> {
    let rest = chunk.get(at..).unwrap_or_default();
    let taken = postcard::take_from_bytes::<Record<'_>>(rest);
    let (record, left) = taken.map_err(|_| ReadError::Record(number))?;
    Ok((record, rest.len().saturating_sub(left.len())))
}
