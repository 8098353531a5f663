//! Eight pixels at a time, with AVX2.
#![expect(unsafe_code, reason = "words of a row are loaded by address")]
#![expect(
    clippy::missing_safety_doc,
    reason = "it takes safe functions that need certain instructions for unsafe ones"
)]

use std::arch::x86_64::{
    __m128i, __m256i, _mm_cvtsi64_si128, _mm256_add_epi16, _mm256_add_epi32, _mm256_adds_epu8,
    _mm256_andnot_si256, _mm256_blendv_epi8, _mm256_cmpeq_epi32, _mm256_cvtepu8_epi32,
    _mm256_madd_epi16, _mm256_mulhi_epu16, _mm256_mullo_epi16, _mm256_or_si256,
    _mm256_packus_epi16, _mm256_packus_epi32, _mm256_set1_epi16, _mm256_set1_epi32,
    _mm256_setr_epi8, _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_shuffle_epi32,
    _mm256_slli_epi32, _mm256_srli_epi16, _mm256_srli_epi32, _mm256_sub_epi32, _mm256_testc_si256,
    _mm256_testz_si256, _mm256_unpackhi_epi8, _mm256_unpacklo_epi8,
};

use super::{ALPHA, HALF, ONE, PRODUCT, Params, cover, portable};

/// Pixels at a time.
const LANES: usize = 8;

/// Blends a row.
///
/// # Safety
///
/// As [`portable::row`]; the machine must have AVX2.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn row<const WITH_ALPHA: bool, const COVER: u8, const KEY: bool>(
    target: &mut [u32],
    source: *const u32,
    mask: &[u8],
    params: &Params,
) {
    let key = _mm256_set1_epi32(params.key.cast_signed());
    let key_fill = _mm256_set1_epi32(params.key_fill.cast_signed());
    let fill = _mm256_set1_epi32(params.fill.cast_signed());
    let alpha_bytes = _mm256_set1_epi32(ALPHA.cast_signed());
    let global = _mm256_set1_epi32(params.global.cast_signed());
    let mut opacity = _mm256_set1_epi32((params.global * 128).cast_signed());
    let (masks, mask_rest) = mask.as_chunks::<LANES>();
    let mut masks = masks.iter();
    let (blocks, rest) = target.as_chunks_mut::<LANES>();
    let done = blocks.len() * LANES;
    for (i, block) in blocks.iter_mut().enumerate() {
        // SAFETY: the source has as many words as the target.
        let stored = unsafe { load(source.wrapping_add(i * LANES)) };
        let over = _mm256_or_si256(stored, fill);
        if COVER == cover::MASK {
            let bytes = masks.next().map_or(0, |bytes| i64::from_le_bytes(*bytes));
            if bytes == 0 {
                continue;
            }
            opacity = cover_of(_mm_cvtsi64_si128(bytes), global);
        }
        if WITH_ALPHA && COVER == cover::FULL && _mm256_testz_si256(over, over) != 0 {
            continue;
        }
        let opaque = _mm256_testc_si256(over, alpha_bytes) != 0;
        let below = take(block);
        let mut mixed = if COVER != cover::FULL {
            mix::<WITH_ALPHA>(over, below, opacity)
        } else if WITH_ALPHA && !opaque {
            source_over(over, below)
        } else {
            over
        };
        if KEY {
            let same = _mm256_cmpeq_epi32(_mm256_or_si256(stored, key_fill), key);
            mixed = _mm256_blendv_epi8(mixed, below, same);
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
/// Eight words must be readable at `from`, which is aligned for words.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn load(from: *const u32) -> __m256i {
    // SAFETY: the caller vouches for the memory.
    let words = unsafe { from.cast::<[u32; LANES]>().read() };
    take(&words)
}

#[inline]
#[target_feature(enable = "avx2")]
fn take(words: &[u32; LANES]) -> __m256i {
    // SAFETY: both are 32 bytes for which every value is valid.
    unsafe { std::mem::transmute::<[u32; LANES], __m256i>(*words) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn put(words: &mut [u32; LANES], value: __m256i) {
    // SAFETY: both are 32 bytes for which every value is valid.
    *words = unsafe { std::mem::transmute::<__m256i, [u32; LANES]>(value) };
}

/// The opacities of eight mask bytes.
#[inline]
#[target_feature(enable = "avx2")]
fn cover_of(mask: __m128i, global: __m256i) -> __m256i {
    let product = _mm256_mullo_epi16(_mm256_cvtepu8_epi32(mask), global);
    _mm256_mulhi_epu16(product, _mm256_set1_epi32(PRODUCT.cast_signed()))
}

/// The whole formula, for an opacity of each pixel in the lower half of its word.
#[inline]
#[target_feature(enable = "avx2")]
fn mix<const WITH_ALPHA: bool>(over: __m256i, below: __m256i, opacity: __m256i) -> __m256i {
    let hidden = if WITH_ALPHA {
        let alpha = _mm256_srli_epi32::<24>(over);
        let wide = _mm256_or_si256(alpha, _mm256_slli_epi32::<8>(alpha));
        let low = _mm256_srli_epi16::<15>(_mm256_mullo_epi16(wide, opacity));
        _mm256_add_epi16(_mm256_mulhi_epu16(wide, opacity), low)
    } else {
        opacity
    };
    let kept = _mm256_sub_epi32(_mm256_set1_epi32(ONE.cast_signed()), hidden);
    // Pairs of channels (over, below) times pairs of factors (opacity, kept), added up.
    let factors = _mm256_or_si256(opacity, _mm256_slli_epi32::<16>(kept));
    let zero = _mm256_setzero_si256();
    let low = _mm256_unpacklo_epi8(over, below);
    let high = _mm256_unpackhi_epi8(over, below);
    let first = divide(
        _mm256_madd_epi16(
            _mm256_unpacklo_epi8(low, zero),
            _mm256_shuffle_epi32::<0b00_00_00_00>(factors),
        ),
        _mm256_madd_epi16(
            _mm256_unpackhi_epi8(low, zero),
            _mm256_shuffle_epi32::<0b01_01_01_01>(factors),
        ),
    );
    let second = divide(
        _mm256_madd_epi16(
            _mm256_unpacklo_epi8(high, zero),
            _mm256_shuffle_epi32::<0b10_10_10_10>(factors),
        ),
        _mm256_madd_epi16(
            _mm256_unpackhi_epi8(high, zero),
            _mm256_shuffle_epi32::<0b11_11_11_11>(factors),
        ),
    );
    _mm256_packus_epi16(first, second)
}

/// Rounded quotients by [`ONE`]: by 128 with a shift, then by 255 with a product, which is exact for
/// all 16 bits. Sums of more than that come out as more than 255, like all that is too large.
#[inline]
#[target_feature(enable = "avx2")]
fn divide(first: __m256i, second: __m256i) -> __m256i {
    let half = _mm256_set1_epi32(HALF.cast_signed());
    let by_128 = |sum| _mm256_srli_epi32::<7>(_mm256_add_epi32(sum, half));
    let both = _mm256_packus_epi32(by_128(first), by_128(second));
    _mm256_srli_epi16::<7>(_mm256_mulhi_epu16(both, _mm256_set1_epi16(0x8081_u16.cast_signed())))
}

/// Source alpha alone: one rounded product and a saturating sum are the same value.
#[inline]
#[target_feature(enable = "avx2")]
fn source_over(over: __m256i, below: __m256i) -> __m256i {
    let zero = _mm256_setzero_si256();
    let spread = _mm256_setr_epi8(
        3, 3, 3, 3, 7, 7, 7, 7, 11, 11, 11, 11, 15, 15, 15, 15, //
        3, 3, 3, 3, 7, 7, 7, 7, 11, 11, 11, 11, 15, 15, 15, 15,
    );
    let all = _mm256_set1_epi32(-1);
    let kept = _mm256_shuffle_epi8(_mm256_andnot_si256(over, all), spread);
    let low = product(_mm256_unpacklo_epi8(below, zero), _mm256_unpacklo_epi8(kept, zero));
    let high = product(_mm256_unpackhi_epi8(below, zero), _mm256_unpackhi_epi8(kept, zero));
    _mm256_adds_epu8(over, _mm256_packus_epi16(low, high))
}

/// Products of bytes in 16-bit lanes, divided by 255 and rounded.
#[inline]
#[target_feature(enable = "avx2")]
fn product(a: __m256i, b: __m256i) -> __m256i {
    let sum = _mm256_add_epi16(_mm256_mullo_epi16(a, b), _mm256_set1_epi16(128));
    // (sum + sum / 256) / 256, by a product with 257.
    _mm256_mulhi_epu16(sum, _mm256_set1_epi16(257))
}
