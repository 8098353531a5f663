//! A script of bytes: choices are read off one after the other, zeros after the end.

/// What is left of an input.
#[derive(Clone, Debug)]
pub(crate) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let bytes = self.bytes(N);
        array[..bytes.len()].copy_from_slice(bytes);
        array
    }

    pub(crate) fn u8(&mut self) -> u8 {
        self.array::<1>()[0]
    }

    pub(crate) fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.array())
    }

    pub(crate) fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }

    pub(crate) fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.array())
    }

    /// A number below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::from(self.u8()) % end
    }

    pub(crate) fn flag(&mut self) -> bool {
        self.u8() & 1 != 0
    }

    /// One of the list, which is not empty.
    pub(crate) fn one_of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }

    /// At most so many bytes as they are.
    pub(crate) fn bytes(&mut self, most: usize) -> &'a [u8] {
        let (now, later) = self.0.split_at(most.min(self.0.len()));
        self.0 = later;
        now
    }

    /// All that is left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        self.bytes(usize::MAX)
    }

    /// A length or a coordinate: mostly small, often at a limit, sometimes anything.
    pub(crate) fn side(&mut self) -> u32 {
        const LIMITS: [u32; 16] =
            [0, 1, 2, 15, 16, 17, 31, 63, 64, 65, 128, 255, 0x7fff_ffff, 1 << 31, u32::MAX, 8192];
        match self.u8() {
            byte @ 0..=127 => u32::from(byte),
            byte @ 128..=239 => LIMITS[usize::from(byte % 16)],
            240..=247 => u32::from(self.u16()),
            _ => self.u32(),
        }
    }
}

/// Cuts a stream into pieces, of lengths that the byte chooses: one byte, a few, or nearly all.
pub(crate) fn pieces(stream: &[u8], choice: u8) -> impl Iterator<Item = &[u8]> {
    stream.chunks(1 + usize::from(choice % 61))
}
