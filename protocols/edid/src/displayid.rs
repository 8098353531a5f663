//! The `DisplayID` 1.3 extension block with one timing of type I: 16 bits for each length and 24 for
//! the clock, where the base block has 12 and 16.

use porthole_pixel::Size;

use crate::timing::Timing;
use crate::{BLOCK_LEN, checksum};

/// Marks an extension block as `DisplayID`.
pub(crate) const TAG: u8 = 0x70;
const VERSION: u8 = 0x13;
/// A display that shows what it is sent, as opposed to a repeater or a test device.
const PRODUCT_DISPLAY: u8 = 0x03;
/// Tags of the data blocks used here; the first three are mandatory for a display.
const IDENTIFICATION: u8 = 0x00;
const PARAMETERS: u8 = 0x01;
const TYPE_I_TIMING: u8 = 0x03;
const INTERFACE: u8 = 0x0f;
const GAMMA_2_2: u8 = 120;
/// 8 bits a colour, over all and natively.
const DEPTH: u8 = 0x77;
/// `DisplayPort` with four lanes.
const DISPLAYPORT: u8 = 0x84;
/// 8 bits a colour, RGB.
const RGB_8: u8 = 0x02;
const PREFERRED: u8 = 0x80;
const ASPECT_UNDEFINED: u8 = 0x08;

/// The whole extension block.
pub(crate) fn block(timing: &Timing, serial: u32, millimetres: (u32, u32)) -> [u8; BLOCK_LEN] {
    let mut blocks = Vec::new();
    data_block(&mut blocks, IDENTIFICATION, &identification(serial));
    data_block(&mut blocks, PARAMETERS, &parameters(timing.size, millimetres));
    let interface = [DISPLAYPORT, 0, RGB_8, 0, 0, 0, 0, 0, 0, 0];
    data_block(&mut blocks, INTERFACE, &interface);
    data_block(&mut blocks, TYPE_I_TIMING, &type_i(timing));
    let length = u8::try_from(blocks.len()).unwrap_or_default();
    let mut section = vec![VERSION, length, PRODUCT_DISPLAY, 0];
    section.extend(blocks);
    section.push(checksum(&section));

    let mut block = [0; BLOCK_LEN];
    for (to, from) in block.iter_mut().zip(std::iter::once(TAG).chain(section)) {
        *to = from;
    }
    let sum = checksum(&block);
    if let Some(last) = block.last_mut() {
        *last = sum;
    }
    block
}

fn data_block(into: &mut Vec<u8>, tag: u8, payload: &[u8]) {
    into.extend([tag, 0, u8::try_from(payload.len()).unwrap_or_default()]);
    into.extend(payload);
}

/// Vendor, product, serial number and year as in the base block; no name.
fn identification(serial: u32) -> Vec<u8> {
    let mut payload = b"PTH\x01\0".to_vec();
    payload.extend(serial.to_le_bytes());
    // The year counts from 2000 here.
    payload.extend([0, 26, 0]);
    payload
}

/// Image size in tenths of a millimetre, pixels, features, gamma, aspect ratio, depth.
fn parameters(size: Size, (wide, tall): (u32, u32)) -> Vec<u8> {
    let words = [wide.saturating_mul(10), tall.saturating_mul(10), size.width, size.height];
    let word = |value: &u32| u16::try_from(*value).unwrap_or(u16::MAX).to_le_bytes();
    let mut payload: Vec<u8> = words.iter().flat_map(word).collect();
    let (long, short) = (size.width.max(size.height), size.width.min(size.height).max(1));
    let aspect = (u64::from(long) * 100 / u64::from(short)).saturating_sub(100);
    payload.extend([0, GAMMA_2_2, u8::try_from(aspect).unwrap_or(u8::MAX), DEPTH]);
    payload
}

fn type_i(timing: &Timing) -> Vec<u8> {
    let [low, middle, high, _] = (timing.clock.clamp(1, 1 << 24) - 1).to_le_bytes();
    let mut payload = vec![low, middle, high, PREFERRED | ASPECT_UNDEFINED];
    let lengths = [
        (timing.size.width, false),
        (timing.h_blank, false),
        (timing.h_front, true),
        (timing.h_sync, false),
        (timing.size.height, false),
        (timing.v_blank, false),
        (timing.v_front, false),
        (timing.v_sync, false),
    ];
    for (length, positive) in lengths {
        let less_one = u16::try_from(length.clamp(1, 0x7fff) - 1).unwrap_or_default();
        payload.extend((less_one | if positive { 0x8000 } else { 0 }).to_le_bytes());
    }
    payload
}

/// Reads the timing of an extension block that [`block`] wrote.
pub(crate) fn timing(block: &[u8]) -> Option<Timing> {
    let section = block.get(1..)?;
    let end = usize::from(*section.get(1)?) + 5;
    let section = section.get(..end)?;
    if checksum(section) != 0 {
        return None;
    }
    let mut blocks = section.get(4..end - 1)?;
    let bytes = loop {
        let (head, rest) = blocks.split_first_chunk::<3>()?;
        let (payload, rest) = rest.split_at_checked(usize::from(head[2]))?;
        if head[0] == TYPE_I_TIMING {
            break payload;
        }
        blocks = rest;
    };
    let (clock, rest) = bytes.split_first_chunk::<4>()?;
    let mut lengths = rest
        .chunks_exact(2)
        .filter_map(|two| two.first_chunk::<2>())
        .map(|two| u32::from(u16::from_le_bytes(*two) & 0x7fff) + 1);
    let mut next = || lengths.next();
    let (width, h_blank, h_front, h_sync) = (next()?, next()?, next()?, next()?);
    let (height, v_blank, v_front, v_sync) = (next()?, next()?, next()?, next()?);
    let clock = (u32::from_le_bytes(*clock) & 0x00ff_ffff) + 1;
    let size = Size::new(width, height);
    Some(Timing { size, h_blank, h_front, h_sync, v_blank, v_front, v_sync, clock })
}
