//! Judges an EDID in a response. Every device has its own, so only what a guest relies on must
//! agree: that it is well formed, and the preferred size.

use porthole_edid::{BLOCK_LEN, Parsed};

/// Type of the response that carries an EDID.
const RESPONSE: [u8; 4] = [0x04, 0x11, 0, 0];
/// Header of the response, size of the EDID and padding.
const HEAD: usize = 32;

/// Whether a response is one with an EDID.
pub(crate) fn is_edid(response: &[u8]) -> bool {
    response.starts_with(&RESPONSE)
}

/// Compares two responses with an EDID.
pub(crate) fn compare(expected: &[u8], got: &[u8]) -> Result<(), String> {
    let head = expected.len().min(HEAD);
    if got.get(..head) != expected.get(..head) {
        return Err("the EDID's response header differs".to_owned());
    }
    let Some(block) = got.get(HEAD..HEAD + BLOCK_LEN) else { return Ok(()) };
    let blocks = usize::from(block.last_chunk::<2>().map_or(0, |end| end[0])) + 1;
    if let Some(whole) = got.get(HEAD..HEAD + blocks * BLOCK_LEN) {
        Parsed::parse(whole).map_err(|error| format!("the EDID is malformed: {error}"))?;
        if got.iter().skip(HEAD + blocks * BLOCK_LEN).any(|byte| *byte != 0) {
            return Err("the room behind the EDID is not zero".to_owned());
        }
    }
    let size = |bytes: &[u8]| preferred(bytes.get(HEAD..)?);
    let (ours, theirs) = (size(got), size(expected));
    if theirs.is_some() && ours != theirs {
        return Err(format!("the EDID prefers {ours:?} instead of {theirs:?}"));
    }
    Ok(())
}

/// Width and height of the first detailed timing.
fn preferred(edid: &[u8]) -> Option<(u16, u16)> {
    let at = |index: usize| edid.get(index).copied().map(u16::from);
    let width = at(56)? | (at(58)? & 0xf0) << 4;
    let height = at(59)? | (at(61)? & 0xf0) << 4;
    Some((width, height))
}
