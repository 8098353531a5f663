//! Timings of a mode: those of VESA CVT with reduced blanking, so that clocks stay low.

use porthole_pixel::Size;

/// Blanking of every line: front porch, sync pulse and back porch.
const H_BLANK: u32 = 160;
const H_FRONT: u32 = 48;
const H_SYNC: u32 = 32;
/// Lines before the sync pulse.
const V_FRONT: u32 = 3;
/// Lines of the sync pulse: CVT's code for an aspect ratio that it does not know.
const V_SYNC: u32 = 10;
/// Least lines behind the sync pulse.
const V_BACK_MIN: u32 = 6;
/// Least time of vertical blanking, in microseconds.
const V_BLANK_MIN_US: u64 = 460;

/// A mode with all that a driver needs to set it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timing {
    /// Visible pixels and lines.
    pub size: Size,
    /// Pixels of horizontal blanking.
    pub h_blank: u32,
    /// Pixels before the horizontal sync pulse.
    pub h_front: u32,
    /// Pixels of the horizontal sync pulse.
    pub h_sync: u32,
    /// Lines of vertical blanking.
    pub v_blank: u32,
    /// Lines before the vertical sync pulse.
    pub v_front: u32,
    /// Lines of the vertical sync pulse.
    pub v_sync: u32,
    /// Pixel clock in units of 10 kHz.
    pub clock: u32,
}

impl Timing {
    /// Reduced blanking for a size and a refresh rate in millihertz; both are raised to at least 1.
    #[must_use]
    pub fn reduced(size: Size, refresh_mhz: u32) -> Self {
        let size = Size::new(size.width.max(1), size.height.max(1));
        let refresh = u64::from(refresh_mhz.max(1));
        // The time of one frame less the blanking goes to the visible lines.
        let frame_us = (1_000_000_000 / refresh).max(V_BLANK_MIN_US + 1);
        let visible_us = frame_us - V_BLANK_MIN_US;
        let lines = V_BLANK_MIN_US * u64::from(size.height) / visible_us + 1;
        let least = V_FRONT + V_SYNC + V_BACK_MIN;
        let v_blank = u32::try_from(lines).unwrap_or(u32::MAX).max(least);
        let total = (u64::from(size.width) + u64::from(H_BLANK))
            .saturating_mul(u64::from(size.height) + u64::from(v_blank));
        let clock = total.saturating_mul(refresh).div_ceil(10_000_000);
        Self {
            size,
            h_blank: H_BLANK,
            h_front: H_FRONT,
            h_sync: H_SYNC,
            v_blank,
            v_front: V_FRONT,
            v_sync: V_SYNC,
            clock: u32::try_from(clock).unwrap_or(u32::MAX),
        }
    }

    /// The rate that these numbers give, in millihertz.
    #[must_use]
    pub fn refresh_mhz(&self) -> u32 {
        let width = u64::from(self.size.width) + u64::from(self.h_blank);
        let height = u64::from(self.size.height) + u64::from(self.v_blank);
        let total = (width * height).max(1);
        u32::try_from((u64::from(self.clock) * 10_000_000 + total / 2) / total).unwrap_or(u32::MAX)
    }

    /// Whether a detailed timing descriptor of 18 bytes can hold it.
    pub(crate) const fn fits_descriptor(&self) -> bool {
        let twelve_bits = self.size.width < 4096 && self.size.height < 4096 && self.v_blank < 4096;
        twelve_bits && self.clock <= 0xffff
    }
}
