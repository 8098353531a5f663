//! Eight pixels at a time, with NEON, which every 64-bit ARM machine has.
#![expect(unsafe_code, reason = "words of a row are loaded by address")]
#![expect(
    clippy::missing_safety_doc,
    reason = "it takes safe functions that need certain instructions for unsafe ones"
)]

use std::arch::aarch64::{
    uint8x8_t, uint8x8x4_t, uint16x8_t, vaddq_u32, vand_u8, vbsl_u8, vceq_u8, vcombine_u16,
    vdup_n_u8, vdupq_n_u16, vdupq_n_u32, vget_high_u16, vget_low_u16, vld1_u8, vld4_u8, vmlal_u16,
    vmovl_u8, vmull_n_u16, vmull_u8, vmull_u16, vmulq_n_u16, vmvn_u8, vorr_u8, vqadd_u8,
    vqaddq_u16, vqshrn_n_u32, vraddhn_u16, vrshrn_n_u32, vrshrq_n_u16, vshrn_n_u16, vshrn_n_u32,
    vshrq_n_u16, vst4_u8, vsubq_u16,
};

use super::{ALPHA, HALF, ONE, PRODUCT, Params, cover, portable};

/// Pixels at a time.
const LANES: usize = 8;

/// Blends a row.
///
/// # Safety
///
/// As [`portable::row`].
#[target_feature(enable = "neon")]
pub(super) unsafe fn row<const WITH_ALPHA: bool, const COVER: u8, const KEY: bool>(
    target: &mut [u32],
    source: *const u32,
    mask: &[u8],
    params: &Params,
) {
    let fill = vdup_n_u8(if params.fill == ALPHA { 0xff } else { 0 });
    let key_fill = vdup_n_u8(if params.key_fill == ALPHA { 0xff } else { 0 });
    let key = params.key.to_le_bytes().map(|byte| vdup_n_u8(byte));
    let mut opacity = vdupq_n_u16(narrow(params.global * 128));
    let (masks, mask_rest) = mask.as_chunks::<LANES>();
    let mut masks = masks.iter();
    let (blocks, rest) = target.as_chunks_mut::<LANES>();
    let done = blocks.len() * LANES;
    for (i, block) in blocks.iter_mut().enumerate() {
        if COVER == cover::MASK {
            let Some(bytes) = masks.next() else { break };
            if u64::from_le_bytes(*bytes) == 0 {
                continue;
            }
            // SAFETY: eight bytes are there.
            let bytes = unsafe { vld1_u8(bytes.as_ptr()) };
            opacity = cover_of(bytes, narrow(params.global));
        }
        // SAFETY: the source has as many words as the target.
        let stored = unsafe { vld4_u8(source.wrapping_add(i * LANES).cast::<u8>()) };
        // SAFETY: a block is eight words.
        let below = unsafe { vld4_u8(block.as_ptr().cast::<u8>()) };
        let uint8x8x4_t(blue, green, red, alpha) = stored;
        let over = uint8x8x4_t(blue, green, red, vorr_u8(alpha, fill));
        let mut mixed = match COVER {
            cover::FULL if WITH_ALPHA => source_over(over, below),
            cover::FULL => over,
            _ => mix::<WITH_ALPHA>(over, below, opacity),
        };
        if KEY {
            let [key_blue, key_green, key_red, key_alpha] = key;
            let same = vand_u8(
                vand_u8(vceq_u8(blue, key_blue), vceq_u8(green, key_green)),
                vand_u8(vceq_u8(red, key_red), vceq_u8(vorr_u8(alpha, key_fill), key_alpha)),
            );
            mixed = uint8x8x4_t(
                vbsl_u8(same, below.0, mixed.0),
                vbsl_u8(same, below.1, mixed.1),
                vbsl_u8(same, below.2, mixed.2),
                vbsl_u8(same, below.3, mixed.3),
            );
        }
        // SAFETY: a block is eight words.
        unsafe { vst4_u8(block.as_mut_ptr().cast::<u8>(), mixed) };
    }
    // SAFETY: what is left of each row begins behind the blocks that are done.
    unsafe {
        portable::row::<WITH_ALPHA, COVER, KEY>(rest, source.wrapping_add(done), mask_rest, params);
    }
}

#[expect(clippy::cast_possible_truncation, reason = "all of them are at most ONE or 32897")]
const fn narrow(value: u32) -> u16 {
    value as u16
}

/// The opacities of eight mask bytes.
#[inline]
#[target_feature(enable = "neon")]
fn cover_of(mask: uint8x8_t, global: u16) -> uint16x8_t {
    let product = vmulq_n_u16(vmovl_u8(mask), global);
    let unit = narrow(PRODUCT);
    vcombine_u16(
        vshrn_n_u32::<16>(vmull_n_u16(vget_low_u16(product), unit)),
        vshrn_n_u32::<16>(vmull_n_u16(vget_high_u16(product), unit)),
    )
}

/// The whole formula.
#[inline]
#[target_feature(enable = "neon")]
fn mix<const WITH_ALPHA: bool>(
    over: uint8x8x4_t,
    below: uint8x8x4_t,
    opacity: uint16x8_t,
) -> uint8x8x4_t {
    let hidden = if WITH_ALPHA {
        let wide = vmulq_n_u16(vmovl_u8(over.3), 257);
        vcombine_u16(
            vrshrn_n_u32::<16>(vmull_u16(vget_low_u16(wide), vget_low_u16(opacity))),
            vrshrn_n_u32::<16>(vmull_u16(vget_high_u16(wide), vget_high_u16(opacity))),
        )
    } else {
        opacity
    };
    let kept = vsubq_u16(vdupq_n_u16(narrow(ONE)), hidden);
    uint8x8x4_t(
        channel(over.0, below.0, opacity, kept),
        channel(over.1, below.1, opacity, kept),
        channel(over.2, below.2, opacity, kept),
        channel(over.3, below.3, opacity, kept),
    )
}

#[inline]
#[target_feature(enable = "neon")]
fn channel(over: uint8x8_t, below: uint8x8_t, opacity: uint16x8_t, kept: uint16x8_t) -> uint8x8_t {
    let (over, below) = (vmovl_u8(over), vmovl_u8(below));
    let half = vdupq_n_u32(HALF);
    let low = vmlal_u16(
        vmull_u16(vget_low_u16(over), vget_low_u16(opacity)),
        vget_low_u16(below),
        vget_low_u16(kept),
    );
    let high = vmlal_u16(
        vmull_u16(vget_high_u16(over), vget_high_u16(opacity)),
        vget_high_u16(below),
        vget_high_u16(kept),
    );
    // By 128, then by 255 as (v + v / 256 + 1) / 256; what is too large stays the largest.
    let by_128 = vcombine_u16(
        vqshrn_n_u32::<7>(vaddq_u32(low, half)),
        vqshrn_n_u32::<7>(vaddq_u32(high, half)),
    );
    let more = vqaddq_u16(by_128, vshrq_n_u16::<8>(by_128));
    vshrn_n_u16::<8>(vqaddq_u16(more, vdupq_n_u16(1)))
}

/// Source alpha alone: one rounded product and a saturating sum are the same value.
#[inline]
#[target_feature(enable = "neon")]
fn source_over(over: uint8x8x4_t, below: uint8x8x4_t) -> uint8x8x4_t {
    let kept = vmvn_u8(over.3);
    uint8x8x4_t(
        vqadd_u8(over.0, product(below.0, kept)),
        vqadd_u8(over.1, product(below.1, kept)),
        vqadd_u8(over.2, product(below.2, kept)),
        vqadd_u8(over.3, product(below.3, kept)),
    )
}

/// Products of bytes, divided by 255 and rounded.
#[inline]
#[target_feature(enable = "neon")]
fn product(a: uint8x8_t, b: uint8x8_t) -> uint8x8_t {
    let wide = vmull_u8(a, b);
    vraddhn_u16(wide, vrshrq_n_u16::<8>(wide))
}
