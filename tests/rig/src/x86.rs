//! Machine code of a PC in real mode, put together by hand: enough for boot sectors of our own, which
//! need no assembler on the machine that runs the tests.

use crate::error::{Result, RigError};

/// Where a BIOS puts a boot sector.
pub const BOOT: u16 = 0x7c00;
/// Bytes of a sector.
pub const SECTOR: usize = 512;

/// A register of 16 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are named as the processor's")]
pub enum Word {
    Ax,
    Cx,
    Dx,
    Bx,
    Sp,
    Bp,
    Si,
    Di,
}

/// A register of 8 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are named as the processor's")]
pub enum Byte {
    Al,
    Cl,
    Dl,
    Bl,
    Ah,
    Ch,
    Dh,
    Bh,
}

/// A segment register that can be loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are named as the processor's")]
pub enum Segment {
    Es = 0,
    Ss = 2,
    Ds = 3,
    Fs = 4,
}

/// What a jump asks of the flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum If {
    /// Less, without signs; a carry.
    Below = 2,
    /// Not less, without signs; no carry.
    NotBelow = 3,
    /// The same; zero.
    Equal = 4,
    /// Not the same; not zero.
    NotEqual = 5,
}

/// Arithmetic on words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are named as the processor's")]
pub enum Do {
    Add = 0,
    Or = 1,
    And = 4,
    Sub = 5,
    Xor = 6,
    Cmp = 7,
}

/// A place in the code, which may be told before it is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place(usize);

/// Bytes that stand for a place that was not known when they were written.
#[derive(Clone, Copy, Debug)]
struct Hole {
    at: usize,
    place: Place,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Address,
    Far,
    Near,
}

/// Code that grows.
#[derive(Clone, Debug)]
pub struct Code {
    origin: u16,
    bytes: Vec<u8>,
    places: Vec<Option<usize>>,
    holes: Vec<Hole>,
}

impl Code {
    /// No code yet, to be put at an address of its segment.
    #[must_use]
    pub const fn new(origin: u16) -> Self {
        Self { origin, bytes: Vec::new(), places: Vec::new(), holes: Vec::new() }
    }

    /// A place that [`here`](Self::here) says later.
    pub fn place(&mut self) -> Place {
        self.places.push(None);
        Place(self.places.len() - 1)
    }

    /// The place is here.
    pub fn here(&mut self, place: Place) -> &mut Self {
        let at = self.bytes.len();
        if let Some(known) = self.places.get_mut(place.0) {
            *known = Some(at);
        }
        self
    }

    /// A place that is here.
    pub fn now(&mut self) -> Place {
        self.places.push(Some(self.bytes.len()));
        Place(self.places.len() - 1)
    }

    /// Bytes so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The address of a place, as two bytes: an operand, or data.
    pub fn address(&mut self, place: Place) -> &mut Self {
        self.hole(&[], place, Kind::Address)
    }

    /// Instructions without operands, or data, as they are.
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    fn raw_word(&mut self, bytes: &[u8], word: u16) -> &mut Self {
        self.raw(bytes).raw(&word.to_le_bytes())
    }

    fn hole(&mut self, bytes: &[u8], place: Place, kind: Kind) -> &mut Self {
        self.raw(bytes);
        self.holes.push(Hole { at: self.bytes.len(), place, kind });
        self.raw(if kind == Kind::Near { &[0] } else { &[0, 0] })
    }

    /// A number into a register.
    pub fn set(&mut self, register: Word, value: u16) -> &mut Self {
        self.raw_word(&[0xb8 + register as u8], value)
    }

    /// A number into a register.
    pub fn set_byte(&mut self, register: Byte, value: u8) -> &mut Self {
        self.raw(&[0xb0 + register as u8, value])
    }

    /// The address of a place into a register.
    pub fn set_place(&mut self, register: Word, place: Place) -> &mut Self {
        self.hole(&[0xb8 + register as u8], place, Kind::Address)
    }

    /// One register into another.
    pub fn copy(&mut self, into: Word, from: Word) -> &mut Self {
        self.raw(&[0x89, 0xc0 | (from as u8) << 3 | into as u8])
    }

    /// One register into another.
    pub fn copy_byte(&mut self, into: Byte, from: Byte) -> &mut Self {
        self.raw(&[0x88, 0xc0 | (from as u8) << 3 | into as u8])
    }

    /// A segment, by way of a register that is lost.
    pub fn set_segment(&mut self, segment: Segment, by: Word, value: u16) -> &mut Self {
        self.set(by, value).raw(&[0x8e, 0xc0 | (segment as u8) << 3 | by as u8])
    }

    /// A word of the data segment into a register.
    pub fn load(&mut self, register: Word, address: u16) -> &mut Self {
        self.raw_word(&[0x8b, 0x06 | (register as u8) << 3], address)
    }

    /// A register into a word of the code segment, wherever the data segment is.
    pub fn store(&mut self, address: u16, register: Word) -> &mut Self {
        self.raw_word(&[0x2e, 0x89, 0x06 | (register as u8) << 3], address)
    }

    /// Arithmetic with a number.
    pub fn with(&mut self, what: Do, register: Word, value: u16) -> &mut Self {
        self.raw_word(&[0x81, 0xc0 | (what as u8) << 3 | register as u8], value)
    }

    /// Arithmetic of a register with another; the first one gets the result.
    pub fn by(&mut self, what: Do, into: Word, from: Word) -> &mut Self {
        self.raw(&[(what as u8) << 3 | 1, 0xc0 | (from as u8) << 3 | into as u8])
    }

    /// Compares AL with a number.
    pub fn compare(&mut self, value: u8) -> &mut Self {
        self.raw(&[0x3c, value])
    }

    /// Asks for bits of AL.
    pub fn test(&mut self, bits: u8) -> &mut Self {
        self.raw(&[0xa8, bits])
    }

    /// One more.
    pub fn increment(&mut self, register: Word) -> &mut Self {
        self.raw(&[0x40 + register as u8])
    }

    /// Onto the stack.
    pub fn push(&mut self, register: Word) -> &mut Self {
        self.raw(&[0x50 + register as u8])
    }

    /// Off the stack.
    pub fn pop(&mut self, register: Word) -> &mut Self {
        self.raw(&[0x58 + register as u8])
    }

    /// A byte to a port; AL and DX are lost.
    pub fn output(&mut self, port: u16, value: u8) -> &mut Self {
        self.set(Word::Dx, port).set_byte(Byte::Al, value).raw(&[0xee])
    }

    /// A register of an indexed pair of ports, by one word; AX and DX are lost.
    pub fn output_indexed(&mut self, port: u16, index: u8, value: u8) -> &mut Self {
        let word = u16::from_le_bytes([index, value]);
        self.set(Word::Dx, port).set(Word::Ax, word).raw(&[0xef])
    }

    /// A service of the BIOS.
    pub fn interrupt(&mut self, number: u8) -> &mut Self {
        self.raw(&[0xcd, number])
    }

    /// A subroutine.
    pub fn call(&mut self, place: Place) -> &mut Self {
        self.hole(&[0xe8], place, Kind::Far)
    }

    /// Goes on elsewhere.
    pub fn jump(&mut self, place: Place) -> &mut Self {
        self.hole(&[0xe9], place, Kind::Far)
    }

    /// Goes on elsewhere, if the flags say so.
    pub fn jump_if(&mut self, flags: If, place: Place) -> &mut Self {
        self.hole(&[0x0f, 0x80 | flags as u8], place, Kind::Far)
    }

    /// Goes back to a near place until CX has been counted down to 0.
    pub fn again(&mut self, place: Place) -> &mut Self {
        self.hole(&[0xe2], place, Kind::Near)
    }

    /// All of it, with the places filled in.
    ///
    /// # Errors
    /// When a place was never said, is too far away, or the code is longer than a segment.
    pub fn finish(mut self) -> Result<Vec<u8>> {
        for Hole { at, place, kind } in std::mem::take(&mut self.holes) {
            let target = self.places.get(place.0).copied().flatten();
            let target =
                target.ok_or_else(|| RigError::failed("a place in machine code is missing"))?;
            let far = || RigError::failed("machine code is too long");
            let width = if kind == Kind::Near { 1 } else { 2 };
            let target = i64::try_from(target).map_err(|_| far())?;
            let next = i64::try_from(at + width).map_err(|_| far())?;
            let bytes = match kind {
                Kind::Address => {
                    let address = i64::from(self.origin) + target;
                    u16::try_from(address).map_err(|_| far())?.to_le_bytes().to_vec()
                }
                Kind::Far => {
                    i16::try_from(target - next).map_err(|_| far())?.to_le_bytes().to_vec()
                }
                Kind::Near => {
                    i8::try_from(target - next).map_err(|_| far())?.to_le_bytes().to_vec()
                }
            };
            for (into, byte) in self.bytes.iter_mut().skip(at).zip(bytes) {
                *into = byte;
            }
        }
        Ok(self.bytes)
    }

    /// The same as a boot sector, with what follows it filled up to whole sectors.
    ///
    /// # Errors
    /// As [`finish`](Self::finish), or when something stands where the sector's mark is.
    pub fn boot_sector(self) -> Result<Vec<u8>> {
        let mut bytes = self.finish()?;
        let mark = SECTOR - 2;
        if bytes.len() < SECTOR {
            bytes.resize(SECTOR, 0);
        }
        match bytes.get_mut(mark..SECTOR) {
            Some(place) if place.iter().all(|byte| *byte == 0) => {
                place.copy_from_slice(&[0x55, 0xaa]);
            }
            _ => return Err(RigError::failed("a boot sector is too long")),
        }
        bytes.resize(bytes.len().next_multiple_of(SECTOR), 0);
        Ok(bytes)
    }
}

/// Instructions without operands.
pub mod op {
    #![expect(missing_docs, reason = "they are named as the processor's")]
    pub const CLI: &[u8] = &[0xfa];
    pub const STI: &[u8] = &[0xfb];
    pub const CLD: &[u8] = &[0xfc];
    pub const HLT: &[u8] = &[0xf4];
    pub const RET: &[u8] = &[0xc3];
    pub const FAR_RET: &[u8] = &[0xcb];
    pub const LODSB: &[u8] = &[0xac];
    pub const LODSW: &[u8] = &[0xad];
    pub const STOSB: &[u8] = &[0xaa];
    pub const STOSW: &[u8] = &[0xab];
    pub const REP_STOSB: &[u8] = &[0xf3, 0xaa];
    pub const REP_STOSW: &[u8] = &[0xf3, 0xab];
    pub const REP_MOVSW: &[u8] = &[0xf3, 0xa5];
    /// AL from the port DX.
    pub const IN: &[u8] = &[0xec];
    /// AL to the port DX.
    pub const OUT: &[u8] = &[0xee];
    /// AX to the port DX.
    pub const OUT_WORD: &[u8] = &[0xef];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_are_those_that_an_assembler_makes() {
        let mut code = Code::new(BOOT);
        let (end, start) = (code.place(), code.now());
        code.set(Word::Di, 0x1234).set_byte(Byte::Ah, 5).set_segment(Segment::Es, Word::Ax, 0xb800);
        code.load(Word::Si, 0x7e02).store(0x7e04, Word::Bx).with(Do::Cmp, Word::Cx, 80);
        code.by(Do::Add, Word::Ax, Word::Dx).again(start).call(end).set_place(Word::Si, end);
        code.here(end).interrupt(0x10).jump(start);
        let bytes = code.finish().unwrap();
        let want = [
            0xbf, 0x34, 0x12, 0xb4, 5, 0xb8, 0, 0xb8, 0x8e, 0xc0, 0x8b, 0x36, 0x02, 0x7e, 0x2e,
            0x89, 0x1e, 0x04, 0x7e, 0x81, 0xf9, 80, 0, 0x01, 0xd0, 0xe2, 0xe5, 0xe8, 3, 0, 0xbe,
            0x21, 0x7c, 0xcd, 0x10, 0xe9, 0xda, 0xff,
        ];
        assert_eq!(bytes, want);
    }

    #[test]
    fn a_boot_sector_has_its_mark() {
        let mut code = Code::new(BOOT);
        code.raw(op::HLT);
        let sector = code.clone().boot_sector().unwrap();
        assert_eq!((sector.len(), &sector[510..]), (512, &[0x55, 0xaa][..]));
        code.raw(&[0x90; 510]);
        code.boot_sector().unwrap_err();
        let mut code = Code::new(BOOT);
        let nowhere = code.place();
        code.jump(nowhere).clone().finish().unwrap_err();
    }
}
