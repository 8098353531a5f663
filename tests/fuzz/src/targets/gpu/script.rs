//! From choices to requests that are nearly right, so that what lies behind the first check is reached.

use super::BASE;
use crate::input::Input;

/// Commands of the control queue, the frequent ones more than once.
pub(super) const COMMANDS: [u32; 22] = [
    0x100, 0x101, 0x101, 0x102, 0x103, 0x103, 0x104, 0x104, 0x104, 0x105, 0x105, 0x106, 0x106,
    0x107, 0x108, 0x109, 0x10a, 0x10b, 0x10c, 0x10d, 0x104, 0x200,
];

/// A request of this kind.
pub(super) fn command(kind: u32, input: &mut Input<'_>) -> Vec<u8> {
    let mut bytes = header(kind, input);
    let mut put = |words: &[u32]| bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    match kind {
        0x101 => put(&[id(input), format(input), input.side(), input.side()]),
        0x103 => {
            put(&rect(input));
            put(&[u32::from(input.u8() % 5), id(input)]);
        }
        0x104 => {
            put(&rect(input));
            put(&[id(input), 0]);
        }
        0x105 => {
            put(&rect(input));
            let [low, high] = offset(input);
            put(&[low, high, id(input), 0]);
        }
        0x106 => {
            let count = input.below(9);
            put(&[id(input), claimed(count, input)]);
            (0..count).for_each(|_| put(&entry(input)));
        }
        0x10c => {
            let count = input.below(5);
            put(&[id(input), u32::from(input.u8() % 4), 1, claimed(count, input), 0, 0]);
            put(&offset(input));
            (0..count).for_each(|_| put(&entry(input)));
        }
        0x10d => {
            put(&rect(input));
            let (width, height) = (input.side(), input.side());
            let stride = if input.flag() { width.wrapping_mul(4) } else { input.side() };
            put(&[u32::from(input.u8() % 5), id(input), width, height, format(input), 0]);
            put(&[stride, 0, 0, 0, if input.flag() { 0 } else { input.side() }, 0, 0, 0]);
        }
        _ => put(&[u32::from(input.u8() % 14), 0]),
    }
    shorten(bytes, input)
}

/// A request of the cursor queue.
pub(super) fn cursor(input: &mut Input<'_>) -> Vec<u8> {
    let mut bytes = header(if input.flag() { 0x300 } else { 0x301 }, input);
    let words = [
        u32::from(input.u8() % 5),
        input.side(),
        input.side(),
        0,
        id(input),
        input.side(),
        input.side(),
        0,
    ];
    bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    shorten(bytes, input)
}

fn header(kind: u32, input: &mut Input<'_>) -> Vec<u8> {
    let fenced = u32::from(input.flag());
    let mut bytes = [kind, fenced].map(u32::to_le_bytes).concat();
    bytes.extend((u64::from(fenced) * u64::from(input.u8())).to_le_bytes());
    bytes.extend([0; 8]);
    bytes
}

fn shorten(mut bytes: Vec<u8>, input: &mut Input<'_>) -> Vec<u8> {
    if let cut @ 240.. = input.u8() {
        bytes.truncate(bytes.len().saturating_sub(usize::from(cut - 239)));
    }
    bytes
}

/// Few, so that they meet.
fn id(input: &mut Input<'_>) -> u32 {
    match input.u8() {
        255 => input.u32(),
        byte => u32::from(byte % 14),
    }
}

fn format(input: &mut Input<'_>) -> u32 {
    input.one_of(&[1, 2, 2, 2, 3, 4, 67, 68, 121, 134, 0, 5, u32::MAX])
}

fn rect(input: &mut Input<'_>) -> [u32; 4] {
    if input.flag() {
        // From the corner, which fits most often.
        return [0, 0, input.side(), input.side()];
    }
    [input.side(), input.side(), input.side(), input.side()]
}

fn offset(input: &mut Input<'_>) -> [u32; 2] {
    match input.u8() {
        byte @ 0..=199 => [u32::from(byte) * 256, 0],
        200..=239 => [input.side(), 0],
        _ => [input.u32(), input.side()],
    }
}

/// How many entries a list says that it has.
fn claimed(count: usize, input: &mut Input<'_>) -> u32 {
    let count = u32::try_from(count).unwrap_or(0);
    match input.u8() {
        255 => input.u32(),
        254 => count + 1,
        253 => 16385,
        _ => count,
    }
}

/// A piece of guest memory: mostly RAM.
fn entry(input: &mut Input<'_>) -> [u32; 4] {
    let base = u32::try_from(BASE).unwrap_or(0);
    let address = match input.u8() {
        byte @ 0..=239 => [base + u32::from(byte) * 0x1000, 0],
        240..=247 => [base.wrapping_add(input.side()), 0],
        _ => [input.u32(), input.side()],
    };
    let length = match input.u8() {
        byte @ 0..=199 => u32::from(byte) * 64,
        200..=239 => 1 << (input.u8() % 24),
        _ => input.u32(),
    };
    [address[0], address[1], length, 0]
}
