//! WFD's blending, one row at a time.
//!
//! All rows are words as of [`Format::Argb8888`](crate::Format::Argb8888), premultiplied. Every
//! formula of WFD is one and the same: with *f* the product of the global alpha and the mask, and
//! *a* the source's alpha (1 where source alpha is not enabled),
//!
//! ```text
//! target = source * f + target * (1 - a * f)
//! ```
//!
//! on all four channels, so that a target which keeps alpha gets the right one and an opaque target
//! stays opaque. A colour key leaves the target as it is where the source has exactly that colour.
//!
//! The arithmetic is defined by the portable kernel: *f* and *a f* are counted in units of
//! 1/32640, fine enough that only the one rounding at the end can be seen: no channel differs from
//! the exact value by more than 0.52 of a step. The kernels for SIMD units equal it bit for bit;
//! which of them runs is found out at run time.
#![expect(unsafe_code, reason = "kernels read rows by address, and need instructions")]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
mod neon;
mod portable;
#[cfg(target_arch = "x86_64")]
mod sse2;

#[cfg(test)]
mod tests;

/// The alpha byte of a word.
const ALPHA: u32 = 0xff00_0000;
/// An opacity of 1, in the units that the kernels count in.
const ONE: u32 = 255 * 128;
/// Half of it, for rounding.
const HALF: u32 = ONE / 2;
/// Takes the product of two bytes to those units: `255 * 255` to [`ONE`], and `255 * x` to `128 * x`
/// (times this, then the upper 16 of 32 bits).
const PRODUCT: u32 = 32897;

/// How a row is blended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Formula {
    /// The source's alpha bytes mean nothing: each of its pixels is opaque.
    pub opaque: bool,
    /// WFD's SOURCE_ALPHA. Without it the source's colours are taken as stored, its alpha as 1.
    pub source_alpha: bool,
    /// WFD's GLOBAL_ALPHA; 255 is 1.
    pub global: u8,
    /// WFD's SOURCE_COLOR, as 0xffRRGGBB: source pixels equal to it leave the target as it is. A
    /// source that is not opaque matches only with an alpha of 255.
    pub key: Option<u32>,
}

impl Formula {
    /// The source as it is, without alpha.
    pub const COPY: Self = Self { opaque: true, source_alpha: false, global: 255, key: None };

    /// Whether no target pixel shows through, when there is no mask either.
    #[must_use]
    pub const fn is_copy(&self) -> bool {
        (self.opaque || !self.source_alpha) && self.global == 255 && self.key.is_none()
    }

    const fn blends_alpha(&self) -> bool {
        self.source_alpha && !self.opaque
    }

    const fn params(&self) -> Params {
        Params {
            key_fill: if self.opaque { ALPHA } else { 0 },
            fill: if self.blends_alpha() { 0 } else { ALPHA },
            key: match self.key {
                Some(key) => key | ALPHA,
                None => 0,
            },
            global: self.global as u32,
        }
    }
}

/// What the kernels read of a formula.
#[derive(Clone, Copy, Debug)]
struct Params {
    /// Set in the source before it is compared with the key.
    key_fill: u32,
    /// Set in the source before it is blended.
    fill: u32,
    key: u32,
    global: u32,
}

/// Where the opacity comes from, as a constant of each kernel.
mod cover {
    /// It is 1.
    pub(super) const FULL: u8 = 0;
    /// The global alpha alone.
    pub(super) const GLOBAL: u8 = 1;
    /// The mask times the global alpha.
    pub(super) const MASK: u8 = 2;
}

/// The kernels there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Isa {
    #[cfg_attr(
        any(target_arch = "x86_64", all(target_arch = "aarch64", target_endian = "little")),
        cfg_attr(not(test), expect(dead_code, reason = "these machines all have better ones"))
    )]
    Portable,
    #[cfg(target_arch = "x86_64")]
    Sse2,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
    Neon,
}

impl Isa {
    /// The best one for this machine. What the machine can do is looked up once by the library.
    #[cfg(target_arch = "x86_64")]
    fn best() -> Self {
        if std::arch::is_x86_feature_detected!("avx2") { Self::Avx2 } else { Self::Sse2 }
    }

    #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
    const fn best() -> Self {
        Self::Neon
    }

    #[cfg(not(any(
        target_arch = "x86_64",
        all(target_arch = "aarch64", target_endian = "little")
    )))]
    const fn best() -> Self {
        Self::Portable
    }
}

/// Blends a row over another. As many pixels are blended as all of the rows have.
pub fn blend_row(target: &mut [u32], source: &[u32], mask: Option<&[u8]>, formula: &Formula) {
    let len = target.len().min(source.len());
    let target = target.get_mut(..len).unwrap_or_default();
    // SAFETY: the source is readable for as many words as were kept of the target.
    unsafe { blend(Isa::best(), target, source.as_ptr(), mask, formula) }
}

/// Blends a row that others may write at the same time, a client's memory: a pixel that changes
/// meanwhile may come out as the old one, the new one, or a mix of both, and nothing else happens.
///
/// # Safety
///
/// `source` must be aligned for words and readable for as many of them as `target` has, while this
/// runs.
pub unsafe fn blend_row_from(
    target: &mut [u32],
    source: *const u32,
    mask: Option<&[u8]>,
    formula: &Formula,
) {
    // SAFETY: this function asks for the same.
    unsafe { blend(Isa::best(), target, source, mask, formula) }
}

/// One of the kernels of an instruction set, for one shape of formula.
type Kernel = unsafe fn(&mut [u32], *const u32, &[u8], &Params);

/// Names the kernel for each shape of formula.
macro_rules! kernel {
    ($room:ident, $alpha:expr, $cover:expr, $key:expr) => {
        match ($alpha, $cover, $key) {
            (false, cover::FULL, false) => $room::row::<false, { cover::FULL }, false>,
            (false, cover::FULL, true) => $room::row::<false, { cover::FULL }, true>,
            (false, cover::GLOBAL, false) => $room::row::<false, { cover::GLOBAL }, false>,
            (false, cover::GLOBAL, true) => $room::row::<false, { cover::GLOBAL }, true>,
            (false, _, false) => $room::row::<false, { cover::MASK }, false>,
            (false, _, true) => $room::row::<false, { cover::MASK }, true>,
            (true, cover::FULL, false) => $room::row::<true, { cover::FULL }, false>,
            (true, cover::FULL, true) => $room::row::<true, { cover::FULL }, true>,
            (true, cover::GLOBAL, false) => $room::row::<true, { cover::GLOBAL }, false>,
            (true, cover::GLOBAL, true) => $room::row::<true, { cover::GLOBAL }, true>,
            (true, _, false) => $room::row::<true, { cover::MASK }, false>,
            (true, _, true) => $room::row::<true, { cover::MASK }, true>,
        }
    };
}

/// # Safety
///
/// As [`blend_row_from`]; the machine must have the instructions of `isa`.
unsafe fn blend(
    isa: Isa,
    target: &mut [u32],
    source: *const u32,
    mask: Option<&[u8]>,
    formula: &Formula,
) {
    let len = mask.map_or(target.len(), |mask| mask.len().min(target.len()));
    let target = target.get_mut(..len).unwrap_or_default();
    if formula.global == 0 || target.is_empty() {
        return;
    }
    let alpha = formula.blends_alpha();
    let cover = match mask {
        Some(_) => cover::MASK,
        None if formula.global != 255 => cover::GLOBAL,
        None => cover::FULL,
    };
    let key = formula.key.is_some();
    let kernel: Kernel = match isa {
        Isa::Portable => kernel!(portable, alpha, cover, key),
        #[cfg(target_arch = "x86_64")]
        Isa::Sse2 => kernel!(sse2, alpha, cover, key),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => kernel!(avx2, alpha, cover, key),
        #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
        Isa::Neon => kernel!(neon, alpha, cover, key),
    };
    let mask = mask.and_then(|mask| mask.get(..len)).unwrap_or_default();
    // SAFETY: the caller vouches for the source and the instructions; a mask that the kernel reads
    // is as long as the target.
    unsafe { kernel(target, source, mask, &formula.params()) }
}
