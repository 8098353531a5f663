//! Requests as the wire has them: where one ends and the next begins.

/// Object number, length and opcode.
const HEADER: usize = 8;
/// The longest request: the library behind the relay has a buffer of this size, as had every
/// Wayland library for a long time.
pub(super) const LONGEST: usize = 4096;

/// The first words of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Header {
    pub(super) object: u32,
    pub(super) opcode: u16,
    /// Of the whole request, with this header.
    pub(super) len: usize,
}

/// What begins a piece of the stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Next {
    /// A whole request.
    Whole(Header),
    /// Not enough to tell, or to pass on.
    Part,
    /// A length that no request has.
    Wrong(usize),
}

pub(super) fn next(bytes: &[u8]) -> Next {
    let Some((&[a, b, c, d, e, f, g, h], _)) = bytes.split_first_chunk::<HEADER>() else {
        return Next::Part;
    };
    let object = u32::from_ne_bytes([a, b, c, d]);
    let word = u32::from_ne_bytes([e, f, g, h]);
    let [low, high] = [word & 0xffff, word >> 16];
    let opcode = u16::try_from(low).unwrap_or(u16::MAX);
    let len = usize::try_from(high).unwrap_or(usize::MAX);
    match len {
        HEADER..=LONGEST if len <= bytes.len() => Next::Whole(Header { object, opcode, len }),
        HEADER..=LONGEST => Next::Part,
        _ => Next::Wrong(len),
    }
}

/// Bytes and number of the whole requests that a piece of the stream begins with.
pub(super) fn whole(bytes: &[u8]) -> (usize, usize) {
    let (mut len, mut count) = (0, 0);
    while let Some(Next::Whole(header)) = bytes.get(len..).map(next) {
        len += header.len;
        count += 1;
    }
    (len, count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(object: u32, opcode: u32, len: u32) -> Vec<u8> {
        let mut bytes = [object, len << 16 | opcode].map(u32::to_ne_bytes).concat();
        bytes.resize(usize::try_from(len).unwrap().max(HEADER), 0);
        bytes
    }

    #[test]
    fn a_request_is_whole_or_waited_for() {
        let bytes = request(7, 3, 12);
        let header = Header { object: 7, opcode: 3, len: 12 };
        assert_eq!(next(&bytes), Next::Whole(header));
        for cut in 0..12 {
            assert_eq!(next(&bytes[..cut]), Next::Part, "{cut}");
        }
    }

    #[test]
    fn lengths_of_no_request_are_told() {
        for len in [0, 7, 4097, 0xffff] {
            let bytes = request(1, 0, len);
            assert_eq!(next(&bytes), Next::Wrong(usize::try_from(len).unwrap()));
        }
    }

    #[test]
    fn whole_requests_are_counted_up_to_the_first_part() {
        let mut bytes = [request(1, 0, 12), request(2, 0, 8), request(3, 0, 4096)].concat();
        assert_eq!(whole(&bytes), (4116, 3));
        bytes.truncate(30);
        assert_eq!(whole(&bytes), (20, 2));
        assert_eq!(whole(&request(1, 0, 4)), (0, 0));
    }
}
