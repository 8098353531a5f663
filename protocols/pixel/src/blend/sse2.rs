//! Four pixels at a time, with SSE2, which every x86-64 machine has.
#![expect(unsafe_code, reason = "words of a row are loaded by address")]
#![expect(
    clippy::missing_safety_doc,
    reason = "it takes safe functions that need certain instructions for unsafe ones"
)]

use std::arch::x86_64::{
    __m128i, _mm_add_epi16, _mm_add_epi32, _mm_adds_epu8, _mm_and_si128, _mm_andnot_si128,
    _mm_cmpeq_epi32, _mm_cvtsi32_si128, _mm_madd_epi16, _mm_mulhi_epu16, _mm_mullo_epi16,
    _mm_or_si128, _mm_packs_epi32, _mm_packus_epi16, _mm_set1_epi16, _mm_set1_epi32,
    _mm_setzero_si128, _mm_shuffle_epi32, _mm_shufflehi_epi16, _mm_shufflelo_epi16, _mm_slli_epi32,
    _mm_srli_epi16, _mm_srli_epi32, _mm_sub_epi16, _mm_sub_epi32, _mm_unpackhi_epi8,
    _mm_unpacklo_epi8, _mm_unpacklo_epi16,
};

use super::{HALF, ONE, PRODUCT, Params, cover, portable};

/// Pixels at a time.
const LANES: usize = 4;

/// Blends a row.
///
/// # Safety
///
/// As [`portable::row`].
#[target_feature(enable = "sse2")]
pub(super) unsafe fn row<const WITH_ALPHA: bool, const COVER: u8, const KEY: bool>(
    target: &mut [u32],
    source: *const u32,
    mask: &[u8],
    params: &Params,
) {
    let key = _mm_set1_epi32(params.key.cast_signed());
    let key_fill = _mm_set1_epi32(params.key_fill.cast_signed());
    let fill = _mm_set1_epi32(params.fill.cast_signed());
    let global = _mm_set1_epi32(params.global.cast_signed());
    let mut opacity = _mm_set1_epi32((params.global * 128).cast_signed());
    let (masks, mask_rest) = mask.as_chunks::<LANES>();
    let mut masks = masks.iter();
    let (blocks, rest) = target.as_chunks_mut::<LANES>();
    let done = blocks.len() * LANES;
    for (i, block) in blocks.iter_mut().enumerate() {
        // SAFETY: the source has as many words as the target.
        let stored = unsafe { load(source.wrapping_add(i * LANES)) };
        let over = _mm_or_si128(stored, fill);
        if COVER == cover::MASK {
            let bytes = masks.next().map_or(0, |bytes| i32::from_le_bytes(*bytes));
            if bytes == 0 {
                continue;
            }
            opacity = cover_of(_mm_cvtsi32_si128(bytes), global);
        }
        let below = take(block);
        let mut mixed = match COVER {
            cover::FULL if WITH_ALPHA => source_over(over, below),
            cover::FULL => over,
            _ => mix::<WITH_ALPHA>(over, below, opacity),
        };
        if KEY {
            let same = _mm_cmpeq_epi32(_mm_or_si128(stored, key_fill), key);
            mixed = _mm_or_si128(_mm_and_si128(same, below), _mm_andnot_si128(same, mixed));
        }
        put(block, mixed);
    }
    // SAFETY: what is left of each row begins behind the blocks that are done.
    unsafe {
        portable::row::<WITH_ALPHA, COVER, KEY>(rest, source.wrapping_add(done), mask_rest, params);
    }
}

/// # Safety
///
/// Four words must be readable at `from`, which is aligned for words.
#[inline]
#[target_feature(enable = "sse2")]
unsafe fn load(from: *const u32) -> __m128i {
    // SAFETY: the caller vouches for the memory.
    let words = unsafe { from.cast::<[u32; LANES]>().read() };
    take(&words)
}

#[inline]
#[target_feature(enable = "sse2")]
fn take(words: &[u32; LANES]) -> __m128i {
    // SAFETY: both are 16 bytes for which every value is valid.
    unsafe { std::mem::transmute::<[u32; LANES], __m128i>(*words) }
}

#[inline]
#[target_feature(enable = "sse2")]
fn put(words: &mut [u32; LANES], value: __m128i) {
    // SAFETY: both are 16 bytes for which every value is valid.
    *words = unsafe { std::mem::transmute::<__m128i, [u32; LANES]>(value) };
}

/// The opacities of four mask bytes.
#[inline]
#[target_feature(enable = "sse2")]
fn cover_of(mask: __m128i, global: __m128i) -> __m128i {
    let zero = _mm_setzero_si128();
    let words = _mm_unpacklo_epi16(_mm_unpacklo_epi8(mask, zero), zero);
    let product = _mm_mullo_epi16(words, global);
    _mm_mulhi_epu16(product, _mm_set1_epi32(PRODUCT.cast_signed()))
}

/// The whole formula, for an opacity of each pixel in the lower half of its word.
#[inline]
#[target_feature(enable = "sse2")]
fn mix<const WITH_ALPHA: bool>(over: __m128i, below: __m128i, opacity: __m128i) -> __m128i {
    let hidden = if WITH_ALPHA {
        let alpha = _mm_srli_epi32::<24>(over);
        let wide = _mm_or_si128(alpha, _mm_slli_epi32::<8>(alpha));
        let low = _mm_srli_epi16::<15>(_mm_mullo_epi16(wide, opacity));
        _mm_add_epi16(_mm_mulhi_epu16(wide, opacity), low)
    } else {
        opacity
    };
    let kept = _mm_sub_epi32(_mm_set1_epi32(ONE.cast_signed()), hidden);
    // Pairs of channels (over, below) times pairs of factors (opacity, kept), added up.
    let factors = _mm_or_si128(opacity, _mm_slli_epi32::<16>(kept));
    let zero = _mm_setzero_si128();
    let low = _mm_unpacklo_epi8(over, below);
    let high = _mm_unpackhi_epi8(over, below);
    let first = _mm_packs_epi32(
        divide(_mm_madd_epi16(
            _mm_unpacklo_epi8(low, zero),
            _mm_shuffle_epi32::<0b00_00_00_00>(factors),
        )),
        divide(_mm_madd_epi16(
            _mm_unpackhi_epi8(low, zero),
            _mm_shuffle_epi32::<0b01_01_01_01>(factors),
        )),
    );
    let second = _mm_packs_epi32(
        divide(_mm_madd_epi16(
            _mm_unpacklo_epi8(high, zero),
            _mm_shuffle_epi32::<0b10_10_10_10>(factors),
        )),
        divide(_mm_madd_epi16(
            _mm_unpackhi_epi8(high, zero),
            _mm_shuffle_epi32::<0b11_11_11_11>(factors),
        )),
    );
    _mm_packus_epi16(first, second)
}

/// Rounded quotients by [`ONE`]: by 128 with a shift, then by 255 as (v + v / 256 + 1) / 256, which
/// is exact for all that can come out as a byte.
#[inline]
#[target_feature(enable = "sse2")]
fn divide(sum: __m128i) -> __m128i {
    let by_128 = _mm_srli_epi32::<7>(_mm_add_epi32(sum, _mm_set1_epi32(HALF.cast_signed())));
    let more = _mm_add_epi32(_mm_srli_epi32::<8>(by_128), _mm_set1_epi32(1));
    _mm_srli_epi32::<8>(_mm_add_epi32(by_128, more))
}

/// Source alpha alone: one rounded product and a saturating sum are the same value.
#[inline]
#[target_feature(enable = "sse2")]
fn source_over(over: __m128i, below: __m128i) -> __m128i {
    let zero = _mm_setzero_si128();
    let low = product(_mm_unpacklo_epi8(below, zero), kept(_mm_unpacklo_epi8(over, zero)));
    let high = product(_mm_unpackhi_epi8(below, zero), kept(_mm_unpackhi_epi8(over, zero)));
    _mm_adds_epu8(over, _mm_packus_epi16(low, high))
}

/// For two pixels in 16-bit lanes: 255 less their alpha, in all lanes of each.
#[inline]
#[target_feature(enable = "sse2")]
fn kept(over: __m128i) -> __m128i {
    let alpha = _mm_shufflehi_epi16::<0b11_11_11_11>(_mm_shufflelo_epi16::<0b11_11_11_11>(over));
    _mm_sub_epi16(_mm_set1_epi16(255), alpha)
}

/// Products of bytes in 16-bit lanes, divided by 255 and rounded.
#[inline]
#[target_feature(enable = "sse2")]
fn product(a: __m128i, b: __m128i) -> __m128i {
    let sum = _mm_add_epi16(_mm_mullo_epi16(a, b), _mm_set1_epi16(128));
    // (sum + sum / 256) / 256, by a product with 257.
    _mm_mulhi_epu16(sum, _mm_set1_epi16(257))
}
