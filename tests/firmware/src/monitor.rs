//! The program that both machines run: a boot sector that does what comes over the first serial port,
//! so that a test calls a real BIOS on a real processor.

use porthole_rig::Result;
use porthole_rig::x86::{BOOT, Byte, Code, If, Place, Segment, Word, op};

/// What it says when it is up, and when a command without an answer is done.
pub(crate) const READY: u8 = b'K';
/// Where there is room for what a test brings: up to the BIOS's own data below 640 KiB.
pub(crate) const ROOM: (u16, u16) = (0x1000, 0);

/// Its variables: what was received, and what is answered.
const BLOCK: u16 = 0x7e00;
const PORT: u16 = 0x3f8;
const STATUS: u16 = PORT + 5;
/// Turns of a loop between two looks at the line.
const PAUSE: u16 = 800;

/// The registers that a service of the BIOS gets and gives back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Registers {
    /// The function, and the result.
    pub ax: u16,
    /// Mostly colours and pages.
    pub bx: u16,
    /// Mostly counts.
    pub cx: u16,
    /// Mostly places.
    pub dx: u16,
    /// A pointer.
    pub si: u16,
    /// A pointer, mostly with `es`.
    pub di: u16,
    /// A pointer with `es`, to texts and fonts.
    pub bp: u16,
    /// The data segment.
    pub ds: u16,
    /// The extra segment.
    pub es: u16,
}

impl Registers {
    /// These four, with all others zero.
    #[must_use]
    pub const fn new(ax: u16, bx: u16, cx: u16, dx: u16) -> Self {
        Self { ax, bx, cx, dx, si: 0, di: 0, bp: 0, ds: 0, es: 0 }
    }

    /// The same with a pointer in `es:di` and `es:bp`.
    #[must_use]
    pub const fn at(self, (segment, offset): (u16, u16)) -> Self {
        Self { es: segment, di: offset, bp: offset, ..self }
    }

    const fn words(self) -> [u16; 9] {
        let Self { ax, bx, cx, dx, si, di, bp, ds, es } = self;
        [ax, bx, cx, dx, si, di, bp, ds, es]
    }
}

/// What the program can do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Command<'a> {
    /// Calls a service; all registers come back, and the carry flag last.
    Interrupt(u8, Registers),
    /// Puts bytes into memory.
    Write((u16, u16), &'a [u8]),
    /// Reads bytes of memory.
    Read((u16, u16), u16),
    /// Calls code that ends with a far return.
    Call((u16, u16)),
}

impl Command<'_> {
    /// As it goes over the line.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let words = |words: &[u16]| words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let (name, rest): (u8, Vec<u8>) = match self {
            Command::Interrupt(number, registers) => {
                let mut rest = vec![*number, 0];
                rest.extend::<Vec<u8>>(words(&registers.words()));
                (b'I', rest)
            }
            Command::Write((segment, offset), bytes) => {
                let len = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
                let mut rest: Vec<u8> = words(&[*offset, *segment, len]);
                rest.extend_from_slice(bytes.get(..usize::from(len)).unwrap_or_default());
                (b'W', rest)
            }
            Command::Read((segment, offset), len) => (b'R', words(&[*offset, *segment, *len])),
            Command::Call((segment, offset)) => (b'C', words(&[*offset, *segment])),
        };
        std::iter::once(name).chain(rest).collect()
    }

    /// Bytes of the answer.
    pub(crate) const fn answer(&self) -> usize {
        match self {
            Command::Interrupt(..) => 20,
            Command::Read(_, len) => *len as usize,
            Command::Write(..) | Command::Call(_) => 1,
        }
    }
}

/// What came back of a service: the registers, and whether the carry flag was set.
pub(crate) fn registers(answer: &[u8]) -> (Registers, bool) {
    let mut words = answer.as_chunks::<2>().0.iter().map(|word| u16::from_le_bytes(*word));
    let mut next = || words.next().unwrap_or(0);
    let (ax, bx, cx, dx) = (next(), next(), next(), next());
    let (si, di, bp, ds, es) = (next(), next(), next(), next(), next());
    (Registers { ax, bx, cx, dx, si, di, bp, ds, es }, next() & 1 != 0)
}

/// The boot sector.
pub(crate) fn boot_sector() -> Result<Vec<u8>> {
    let mut code = Code::new(BOOT);
    let [start, main, get, put, receive, send] = [0; 6].map(|_| code.place());
    // The segment of code is zero wherever the BIOS jumped from.
    code.raw(&[0xea, 0x05, 0x7c, 0, 0]).here(start);
    code.raw(op::CLI).set_segment(Segment::Ss, Word::Ax, 0).set(Word::Sp, BOOT).raw(op::STI);
    // Eight bits, no parity, at the highest rate, with a queue.
    for (register, value) in [(3, 0x80), (0, 1), (1, 0), (3, 3), (4, 3), (2, 7)] {
        code.output(PORT + register, value);
    }
    code.set_byte(Byte::Al, READY).call(put);
    code.here(main);
    code.set_segment(Segment::Ds, Word::Ax, 0).raw(&[0x8e, 0xc0]).raw(op::CLD).call(get);
    code.set(Word::Di, BLOCK);
    interrupt(&mut code, main, receive, send);
    transfers(&mut code, main, receive, send, put);
    // A byte from the line into AL. Who asks for it all the time is in the way of whoever brings it.
    let (wait, ready) = (code.place(), code.place());
    code.here(get).push(Word::Cx).set(Word::Dx, STATUS);
    code.here(wait).raw(op::IN).test(1).jump_if(If::NotEqual, ready).set(Word::Cx, PAUSE);
    let pause = code.now();
    code.again(pause).jump(wait);
    code.here(ready).pop(Word::Cx).set(Word::Dx, PORT).raw(op::IN).raw(op::RET);
    // AL onto the line.
    code.here(put).push(Word::Ax).set(Word::Dx, STATUS);
    let wait = code.now();
    code.raw(op::IN).test(0x20).jump_if(If::Equal, wait);
    code.pop(Word::Ax).set(Word::Dx, PORT).raw(op::OUT).raw(op::RET);
    // CX bytes to ES:DI, and from DS:SI; none if there are none.
    code.here(receive);
    let (none, next) = (code.place(), code.place());
    code.with(porthole_rig::x86::Do::Cmp, Word::Cx, 0).jump_if(If::Equal, none);
    code.here(next).call(get).raw(op::STOSB).again(next);
    code.here(none).raw(op::RET);
    code.here(send);
    let next = code.now();
    code.raw(op::LODSB).call(put).again(next).raw(op::RET);
    code.boot_sector()
}

fn interrupt(code: &mut Code, main: Place, receive: Place, send: Place) {
    let other = code.place();
    code.compare(b'I').jump_if(If::NotEqual, other);
    code.set(Word::Cx, 20).call(receive);
    // The number goes into the instruction, which is fetched anew behind a jump.
    let (service, here) = (code.place(), code.place());
    code.load(Word::Ax, BLOCK).set_place(Word::Di, service).raw(&[0x88, 0x45, 1]);
    let place = |index: u16| BLOCK + 2 + 2 * index;
    for (index, register) in
        [Word::Bx, Word::Cx, Word::Dx, Word::Si, Word::Di, Word::Bp].into_iter().enumerate()
    {
        code.load(register, place(u16::try_from(index).unwrap_or(0) + 1));
    }
    let [low, high] = place(8).to_le_bytes();
    code.raw(&[0x8e, 0x06, low, high]).load(Word::Ax, place(0));
    let [low, high] = place(7).to_le_bytes();
    code.raw(&[0x8e, 0x1e, low, high]).jump(here).here(here).here(service).interrupt(0);
    code.store(place(0), Word::Ax);
    for (index, register) in
        [Word::Bx, Word::Cx, Word::Dx, Word::Si, Word::Di, Word::Bp].into_iter().enumerate()
    {
        code.store(place(u16::try_from(index).unwrap_or(0) + 1), register);
    }
    code.raw(&[0x9c]).pop(Word::Ax).store(place(9), Word::Ax);
    for (segment, index) in [(0x1e, 7), (0x06, 8)] {
        let [low, high] = place(index).to_le_bytes();
        code.raw(&[0x2e, 0x8c, segment, low, high]);
    }
    code.set_segment(Segment::Ds, Word::Ax, 0).raw(op::CLD).raw(op::STI);
    code.set(Word::Si, place(0)).set(Word::Cx, 20).call(send).jump(main);
    code.here(other);
}

fn transfers(code: &mut Code, main: Place, receive: Place, send: Place, put: Place) {
    let [read, call, done] = [0; 3].map(|_| code.place());
    let [low, high] = BLOCK.to_le_bytes();
    code.compare(b'W').jump_if(If::NotEqual, read);
    code.set(Word::Cx, 6).call(receive).load(Word::Cx, BLOCK + 4);
    code.raw(&[0xc4, 0x3e, low, high]).call(receive).jump(done);
    code.here(read).compare(b'R').jump_if(If::NotEqual, call);
    code.set(Word::Cx, 6).call(receive).load(Word::Cx, BLOCK + 4);
    code.raw(&[0xc5, 0x36, low, high]).call(send).jump(main);
    // Anything else is a call.
    code.here(call).set(Word::Cx, 4).call(receive).raw(&[0xff, 0x1e, low, high]).raw(op::STI);
    code.here(done).set_byte(Byte::Al, READY).call(put).jump(main);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_boot_sector() {
        let sector = boot_sector().unwrap();
        assert_eq!((sector.len(), &sector[510..]), (512, &[0x55, 0xaa][..]));
    }

    #[test]
    fn answers_are_registers() {
        let bytes: Vec<u8> = (1..=10_u16).flat_map(u16::to_le_bytes).collect();
        let (registers, carry) = registers(&bytes);
        assert_eq!((registers.ax, registers.es, carry), (1, 9, false));
        assert_eq!(Command::Interrupt(0x10, registers).bytes().len(), 21);
        assert_eq!(Command::Read((0, 0), 7).answer(), 7);
    }
}
