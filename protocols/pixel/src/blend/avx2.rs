//! Eight pixels at a time, with AVX2.
#![expect(unsafe_code, reason = "words of a row are loaded by address")]
#![expect(
    clippy::missing_safety_doc,
    reason = "it takes safe functions that need certain instructions for unsafe ones"
)]

use std::arch::x86_64::{
    __m128i, __m256i, _MM_HINT_T0, _mm_cvtsi64_si128, _mm_prefetch, _mm256_add_epi16,
    _mm256_add_epi32, _mm256_adds_epu8, _mm256_and_si256, _mm256_andnot_si256, _mm256_blendv_epi8,
    _mm256_cmpeq_epi32, _mm256_cvtepu8_epi32, _mm256_madd_epi16, _mm256_mulhi_epu16,
    _mm256_mullo_epi16, _mm256_or_si256, _mm256_packus_epi16, _mm256_packus_epi32,
    _mm256_set1_epi16, _mm256_set1_epi32, _mm256_setr_epi8, _mm256_setzero_si256,
    _mm256_shuffle_epi8, _mm256_shuffle_epi32, _mm256_slli_epi32, _mm256_srli_epi16,
    _mm256_srli_epi32, _mm256_sub_epi32, _mm256_testc_si256, _mm256_testz_si256,
    _mm256_unpackhi_epi8, _mm256_unpacklo_epi8,
};

use super::{ALPHA, HALF, ONE, PRODUCT, Params, cover, portable};

/// Pixels at a time.
const LANES: usize = 8;
/// Words from where is loaded to where is fetched into the cache.
const AHEAD: usize = 2048;

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
    let all = Constants::new(params);
    let (masks, mask_rest) = mask.as_chunks::<LANES>();
    let mut masks = masks.iter().map(|bytes| i64::from_le_bytes(*bytes));
    let (blocks, rest) = target.as_chunks_mut::<LANES>();
    let done = blocks.len() * LANES;
    let (lines, odd) = blocks.as_chunks_mut::<2>();
    let mut from = source;
    for [left, right] in lines {
        // Rows go on in the next ones, and the machine does not look beyond a page by itself.
        _mm_prefetch::<_MM_HINT_T0>(from.wrapping_add(AHEAD).cast::<i8>());
        // SAFETY: the source has as many words as the target.
        let first = unsafe { load(from) };
        // SAFETY: see above.
        let second = unsafe { load(from.wrapping_add(LANES)) };
        from = from.wrapping_add(2 * LANES);
        let mut bytes = (0, 0);
        if COVER == cover::MASK {
            bytes = (masks.next().unwrap_or(0), masks.next().unwrap_or(0));
            if bytes == (0, 0) {
                continue;
            }
            // All of it is seen: the mask changes nothing.
            if bytes == (-1, -1) && params.global == 255 {
                block::<WITH_ALPHA, { cover::FULL }, KEY>(left, first, 0, &all);
                block::<WITH_ALPHA, { cover::FULL }, KEY>(right, second, 0, &all);
                continue;
            }
        }
        if WITH_ALPHA && COVER == cover::FULL {
            let either = _mm256_or_si256(first, second);
            if _mm256_testz_si256(either, either) != 0 {
                continue;
            }
            if _mm256_testc_si256(_mm256_and_si256(first, second), all.alpha_bytes) != 0 {
                block::<false, COVER, KEY>(left, first, 0, &all);
                block::<false, COVER, KEY>(right, second, 0, &all);
                continue;
            }
        }
        block::<WITH_ALPHA, COVER, KEY>(left, first, bytes.0, &all);
        block::<WITH_ALPHA, COVER, KEY>(right, second, bytes.1, &all);
    }
    if let [last] = odd {
        // SAFETY: see above.
        let stored = unsafe { load(from) };
        block::<WITH_ALPHA, COVER, KEY>(last, stored, masks.next().unwrap_or(0), &all);
    }
    // SAFETY: what is left of each row begins behind the blocks that are done.
    unsafe {
        portable::row::<WITH_ALPHA, COVER, KEY>(rest, source.wrapping_add(done), mask_rest, params);
    }
}

/// What is the same for all pixels.
struct Constants {
    key: __m256i,
    key_fill: __m256i,
    fill: __m256i,
    alpha_bytes: __m256i,
    global: __m256i,
    opacity: __m256i,
}

impl Constants {
    #[target_feature(enable = "avx2")]
    fn new(params: &Params) -> Self {
        Self {
            key: _mm256_set1_epi32(params.key.cast_signed()),
            key_fill: _mm256_set1_epi32(params.key_fill.cast_signed()),
            fill: _mm256_set1_epi32(params.fill.cast_signed()),
            alpha_bytes: _mm256_set1_epi32(ALPHA.cast_signed()),
            global: _mm256_set1_epi32(params.global.cast_signed()),
            opacity: _mm256_set1_epi32((params.global * 128).cast_signed()),
        }
    }
}

/// Blends eight pixels; the mask's bytes are in their order.
#[inline]
#[target_feature(enable = "avx2")]
fn block<const WITH_ALPHA: bool, const COVER: u8, const KEY: bool>(
    target: &mut [u32; LANES],
    stored: __m256i,
    mask: i64,
    all: &Constants,
) {
    let over = if WITH_ALPHA { stored } else { _mm256_or_si256(stored, all.fill) };
    let below = take(target);
    let mut mixed = match COVER {
        cover::FULL if WITH_ALPHA => source_over(over, below),
        cover::FULL => over,
        cover::GLOBAL => mix::<WITH_ALPHA>(over, below, all.opacity),
        _ => mix::<WITH_ALPHA>(over, below, cover_of(_mm_cvtsi64_si128(mask), all.global)),
    };
    if KEY {
        let same = _mm256_cmpeq_epi32(_mm256_or_si256(stored, all.key_fill), all.key);
        mixed = _mm256_blendv_epi8(mixed, below, same);
    }
    put(target, mixed);
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
