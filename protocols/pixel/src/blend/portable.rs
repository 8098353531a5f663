//! The definition of the arithmetic, for one pixel at a time.
#![expect(unsafe_code, reason = "words of a row are loaded by address")]

use super::{ALPHA, HALF, ONE, PRODUCT, Params, cover};

/// Blends a row.
///
/// # Safety
///
/// `source` must be aligned and readable for as many words as `target` has, `mask` as long as the
/// target where `COVER` is [`cover::MASK`].
pub(super) unsafe fn row<const WITH_ALPHA: bool, const COVER: u8, const KEY: bool>(
    target: &mut [u32],
    source: *const u32,
    mask: &[u8],
    params: &Params,
) {
    let mut mask = mask.iter();
    for (x, word) in target.iter_mut().enumerate() {
        // SAFETY: the caller vouches for as many words as there are in the target. Volatile, because
        // somebody else may write there.
        let stored = unsafe { source.wrapping_add(x).read_volatile() };
        let opacity = match COVER {
            cover::FULL => ONE,
            cover::GLOBAL => params.global * 128,
            _ => (params.global * u32::from(mask.next().copied().unwrap_or(0)) * PRODUCT) >> 16,
        };
        if !(KEY && stored | params.key_fill == params.key) {
            *word = pixel(*word, stored | params.fill, opacity);
        }
    }
}

/// One pixel over another, with an opacity in parts of [`ONE`].
fn pixel(target: u32, source: u32, opacity: u32) -> u32 {
    // The source's alpha is widened to 16 bits, so that 255 times the opacity is the opacity.
    let alpha = (source & ALPHA) >> 24;
    let hidden = (alpha * 257 * opacity + (1 << 15)) >> 16;
    let kept = ONE - hidden;
    let channel = |shift: u32| {
        let byte = |word: u32| (word >> shift) & 0xff;
        let sum = byte(source) * opacity + byte(target) * kept;
        // More than 255 only where a client's colours are larger than their alpha.
        ((sum + HALF) / ONE).min(0xff) << shift
    };
    channel(24) | channel(16) | channel(8) | channel(0)
}
