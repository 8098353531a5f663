//! Accesses of a guest: their widths, and how wide ones are made of narrow ones.

use thiserror::Error;

/// How many bytes one access of the guest moves.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Width {
    /// One byte.
    Byte,
    /// Two bytes.
    Word,
    /// Four bytes.
    Dword,
    /// Eight bytes; memory only.
    Qword,
}

/// An access that is not 1, 2, 4 or 8 bytes wide, which no bus makes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("an access of {0} bytes: it must be 1, 2, 4 or 8")]
pub struct OddWidth(pub usize);

impl Width {
    /// The number of bytes.
    #[must_use]
    pub const fn bytes(self) -> u32 {
        match self {
            Width::Byte => 1,
            Width::Word => 2,
            Width::Dword => 4,
            Width::Qword => 8,
        }
    }

    /// All bits of an access of this width: what reads of nothing return on a PC's bus.
    #[must_use]
    pub const fn ones(self) -> u64 {
        u64::MAX >> (64 - 8 * self.bytes())
    }
}

impl TryFrom<usize> for Width {
    type Error = OddWidth;

    fn try_from(bytes: usize) -> Result<Self, OddWidth> {
        match bytes {
            1 => Ok(Width::Byte),
            2 => Ok(Width::Word),
            4 => Ok(Width::Dword),
            8 => Ok(Width::Qword),
            odd => Err(OddWidth(odd)),
        }
    }
}

/// The lowest byte of a value.
pub(crate) const fn low(value: u64) -> u8 {
    let [low, ..] = value.to_le_bytes();
    low
}

/// The lowest word of a value.
pub(crate) const fn low_word(value: u64) -> u16 {
    let [low, high, ..] = value.to_le_bytes();
    u16::from_le_bytes([low, high])
}

/// Reads bytes from the lowest address up.
pub(crate) fn read_bytes(width: Width, mut byte: impl FnMut(u32) -> u8) -> u64 {
    (0..width.bytes()).fold(0, |value, at| value | u64::from(byte(at)) << (8 * at))
}

/// Writes bytes from the lowest address up.
pub(crate) fn write_bytes(width: Width, value: u64, mut byte: impl FnMut(u32, u8)) {
    for at in 0..width.bytes() {
        byte(at, low(value >> (8 * at)));
    }
}

/// The entry of a table, or its type's zero. Indices are masked where they are made, so the zero is
/// never seen; the compiler leaves the check out where it can tell.
#[inline(always)]
pub(crate) fn at<T: Copy + Default>(table: &[T], index: impl Into<usize>) -> T {
    table.get(index.into()).copied().unwrap_or_default()
}

/// Sets the entry of a table, if there is one.
#[inline(always)]
pub(crate) fn put<T>(table: &mut [T], index: impl Into<usize>, value: T) {
    if let Some(entry) = table.get_mut(index.into()) {
        *entry = value;
    }
}
