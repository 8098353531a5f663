//! The file of a trace. Whole blocks go to the disk past the system's cache, where they would cost ten
//! times as much processor time and push out what others need; what is left goes through it.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;

/// Bytes that are written at once; a multiple of a page.
const BLOCK: usize = 1 << 20;
/// What a disk wants addresses and places to be multiples of.
const PAGE: usize = 4096;
/// Fewer bytes than this are not worth a wait for the disk.
const LEAST: usize = 1 << 16;

/// What a writer writes into.
pub(crate) trait Sink {
    /// Takes bytes; in a hurry, without waiting for a disk.
    fn put(&mut self, bytes: &[u8], hurry: bool) -> io::Result<()>;

    /// Writes what was taken.
    fn settle(&mut self) -> io::Result<()>;
}

impl<W: Write> Sink for W {
    fn put(&mut self, bytes: &[u8], _: bool) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn settle(&mut self) -> io::Result<()> {
        self.flush()
    }
}

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Disk {
    file: File,
    /// The same file past the cache; nothing where that is not to be had.
    direct: Option<File>,
    /// Bytes that are not in the file, or in a page of which more follows. Never longer than it was made.
    stage: Vec<u8>,
    /// Where in it the first page begins, and how many bytes there are.
    first: usize,
    len: usize,
    /// Where they are in the file: a multiple of a page.
    base: u64,
    /// Where the file ends.
    end: u64,
}

impl Disk {
    /// An empty file, as one may write it by way of the cache and past it.
    pub(crate) fn new(file: File, direct: Option<File>) -> Self {
        let stage = vec![0; BLOCK + PAGE];
        let first = stage.as_ptr().align_offset(PAGE).min(PAGE);
        Self { file, direct, stage, first, len: 0, base: 0, end: 0 }
    }

    /// Writes so many bytes, a multiple of a page, and forgets them.
    fn write_out(&mut self, count: usize, hurry: bool) -> io::Result<()> {
        let bytes = self.stage.get(self.first..self.first + count).unwrap_or_default();
        let direct = self.direct.as_ref().filter(|_| !hurry && count >= LEAST);
        let written = direct.is_some_and(|file| file.write_all_at(bytes, self.base).is_ok());
        if !written {
            if direct.is_some() {
                tracing::debug!("the trace's disk wants no direct writes");
                self.direct = None;
            }
            let known = usize::try_from(self.end.saturating_sub(self.base)).unwrap_or(count);
            self.file
                .write_all_at(bytes.get(known..).unwrap_or_default(), self.end.max(self.base))?;
        }
        self.base = self.base.saturating_add(count as u64);
        self.end = self.end.max(self.base);
        self.stage.copy_within(self.first + count..self.first + self.len, self.first);
        self.len -= count;
        Ok(())
    }
}

impl Sink for Disk {
    fn put(&mut self, bytes: &[u8], hurry: bool) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(BLOCK - self.len));
            let start = self.first + self.len;
            if let Some(into) = self.stage.get_mut(start..start + now.len()) {
                into.copy_from_slice(now);
            }
            self.len += now.len();
            if self.len == BLOCK {
                self.write_out(BLOCK, hurry)?;
            }
            rest = later;
        }
        Ok(())
    }

    fn settle(&mut self) -> io::Result<()> {
        let whole = self.len - self.len % PAGE;
        if whole > 0 {
            self.write_out(whole, false)?;
        }
        let known = usize::try_from(self.end.saturating_sub(self.base)).unwrap_or(self.len);
        let rest = self.stage.get(self.first + known..self.first + self.len);
        self.file.write_all_at(rest.unwrap_or_default(), self.end.max(self.base))?;
        self.end = self.base.saturating_add(self.len as u64);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::os::unix::fs::OpenOptionsExt;

    use super::*;

    #[test]
    fn the_file_is_what_was_put_into_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trace");
        for direct in [false, true] {
            let file = File::create(&path).unwrap();
            let past = || OpenOptions::new().write(true).custom_flags(0x4000).open(&path).ok();
            let mut disk = Disk::new(file, direct.then(past).flatten());
            let mut all = Vec::new();
            let sizes = [1, 4095, 1, 70_000, BLOCK, 3, 3 * BLOCK + 5, 0, 200_000, 12, 4096, 8191];
            for (step, size) in sizes.into_iter().enumerate() {
                let bytes: Vec<u8> = (0..size).map(|at| (at * 7 + step).to_le_bytes()[0]).collect();
                disk.put(&bytes, step % 5 == 4).unwrap();
                all.extend(bytes);
                if step % 3 == 0 {
                    disk.settle().unwrap();
                    assert!(std::fs::read(&path).unwrap() == all, "step {step}, direct {direct}");
                }
            }
            disk.settle().unwrap();
            assert!(std::fs::read(&path).unwrap() == all, "direct {direct}");
        }
    }
}
