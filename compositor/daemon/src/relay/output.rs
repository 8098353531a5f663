//! Events on their way to a client that may not read them.

use std::{collections::VecDeque, io, os::fd::OwnedFd, os::unix::net::UnixStream};

use super::socket::{self, MOST_DESCRIPTORS};

/// Events that a client did not take yet.
#[derive(Debug, Default)]
pub(super) struct Output {
    bytes: VecDeque<u8>,
    descriptors: VecDeque<OwnedFd>,
}

impl Output {
    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn descriptors(&self) -> usize {
        self.descriptors.len()
    }

    /// Takes all that the library has written. True when it has closed its end; an end behind the last bytes
    /// may be found by the next call only.
    pub(super) fn fill(&mut self, from: &UnixStream, buffer: &mut [u8]) -> io::Result<bool> {
        loop {
            let known = self.descriptors.len();
            match socket::receive(from, buffer, &mut self.descriptors) {
                Ok(received) if received.bytes == 0 => return Ok(true),
                Ok(received) => {
                    self.bytes.extend(buffer.iter().take(received.bytes));
                    // The kernel goes on until the buffer is full, but not past descriptors: this was all.
                    let past = self.descriptors.len() == known && !received.lost;
                    if past && received.bytes < buffer.len() {
                        return Ok(false);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends as much as the client's socket takes.
    pub(super) fn flush(&mut self, to: &UnixStream) -> io::Result<()> {
        while !self.bytes.is_empty() {
            let (front, _) = self.bytes.as_slices();
            // More descriptors than fit go ahead with a byte for each load.
            let crowded = self.descriptors.len() > MOST_DESCRIPTORS;
            let bytes = if crowded { front.get(..1).unwrap_or(front) } else { front };
            match socket::send(to, bytes, self.descriptors.iter()) {
                Ok(sent) => {
                    self.bytes.drain(..sent);
                    let along = self.descriptors.len().min(MOST_DESCRIPTORS);
                    self.descriptors.drain(..along);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        if self.bytes.is_empty() && self.bytes.capacity() > 1 << 14 {
            // A queue that was needed once is no reason to keep the memory.
            self.bytes = VecDeque::new();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{fs::File, io::Read as _};

    use super::*;

    #[test]
    fn everything_arrives_in_order_through_a_slow_reader() {
        let (library, inner) = UnixStream::pair().unwrap();
        let (outer, mut client) = UnixStream::pair().unwrap();
        let mut output = Output::default();
        let mut buffer = [0; 4096];
        let (mut want, mut seen) = (Vec::new(), Vec::new());
        let mut piece = [0; 3000];
        for round in 0..400_u32 {
            let bytes: Vec<u8> = (0..1000_u32).map(|i| (round * 7 + i).to_le_bytes()[0]).collect();
            want.extend_from_slice(&bytes);
            socket::send(&library, &bytes, std::iter::empty()).unwrap();
            assert!(!output.fill(&inner, &mut buffer).unwrap());
            output.flush(&outer).unwrap();
            if round % 4 == 0 {
                let count = client.read(&mut piece).unwrap();
                seen.extend_from_slice(&piece[..count]);
            }
        }
        assert!(output.bytes() > 0, "the reader was not slow enough for this test");
        while seen.len() < want.len() {
            output.flush(&outer).unwrap();
            let count = client.read(&mut piece).unwrap();
            seen.extend_from_slice(&piece[..count]);
        }
        assert!(seen == want);
        socket::send(&library, b"last words", std::iter::empty()).unwrap();
        drop(library);
        assert!(!output.fill(&inner, &mut buffer).unwrap());
        assert!(output.fill(&inner, &mut buffer).unwrap());
    }

    #[test]
    fn a_crowd_of_descriptors_is_sent_in_loads() {
        let (library, inner) = UnixStream::pair().unwrap();
        let (outer, client) = UnixStream::pair().unwrap();
        let mut output = Output::default();
        let mut buffer = [0; 4096];
        let null: Vec<OwnedFd> =
            (0..70).map(|_| OwnedFd::from(File::open("/dev/null").unwrap())).collect();
        for load in null.chunks(MOST_DESCRIPTORS) {
            socket::send(&library, b"ab", load.iter()).unwrap();
        }
        assert!(!output.fill(&inner, &mut buffer).unwrap());
        assert_eq!(output.descriptors(), 70);
        output.flush(&outer).unwrap();
        let (mut bytes, mut found) = (0, Vec::new());
        while bytes < 6 {
            let received = socket::receive(&client, &mut buffer, &mut found).unwrap();
            assert!(!received.lost);
            bytes += received.bytes;
        }
        assert_eq!((bytes, found.len()), (6, 70));
    }
}
