//! Which mode a screen gets.

use drm::control::{Mode, ModeFlags, ModeTypeFlags};
use porthole_core::Refresh;
use porthole_edid::Timing;
use porthole_pixel::Size;

/// Rates that differ by less are the same to a person, in millihertz: 60 and 59.94.
const SAME_RATE: u32 = 500;

/// What the configuration says of a mode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Wanted {
    /// The one that the screen prefers when absent.
    pub(crate) size: Option<Size>,
    /// Any when absent.
    pub(crate) refresh: Option<Refresh>,
}

impl Wanted {
    /// The same with a size that the port has by now.
    pub(crate) const fn of_size(self, size: Size) -> Self {
        Self { size: Some(size), ..self }
    }
}

/// The size of a mode.
pub(super) fn size(mode: &Mode) -> Size {
    let (width, height) = mode.size();
    Size::new(width.into(), height.into())
}

/// The rate of a mode, from its timing: the kernel's own number is rounded.
pub(super) fn refresh(mode: &Mode) -> Refresh {
    let (width, height) = (u64::from(mode.hsync().2), u64::from(mode.vsync().2));
    let mut total = (width * height).max(1);
    if mode.flags().contains(ModeFlags::DBLSCAN) {
        total *= 2;
    }
    let doubled = if mode.flags().contains(ModeFlags::INTERLACE) { 2 } else { 1 };
    let millihertz = (u64::from(mode.clock()) * 1_000_000 * doubled + total / 2) / total;
    Refresh::nearest(u32::try_from(millihertz).unwrap_or(u32::MAX))
}

/// Whether two modes are the same to the screen, whatever they are called.
pub(super) fn is_same(a: &Mode, b: &Mode) -> bool {
    let timing =
        |mode: &Mode| (mode.clock(), mode.size(), mode.hsync(), mode.vsync(), mode.flags());
    timing(a) == timing(b)
}

/// Of the modes that a screen offers, the best for what is wanted. `current` is kept where it fits, since
/// nobody sees that change. A size that is not offered gets a mode made for it; `None` where nothing is
/// offered and no size is wanted.
pub(super) fn choose(offered: &[Mode], wanted: Wanted, current: Option<&Mode>) -> Option<Mode> {
    let preferred = offered
        .iter()
        .find(|mode| mode.mode_type().contains(ModeTypeFlags::PREFERRED))
        .or_else(|| offered.first());
    let wanted_size = wanted.size.or_else(|| preferred.map(size))?;
    let off = |mode: &Mode| {
        let wanted = wanted.refresh.or_else(|| preferred.map(refresh)).unwrap_or_default();
        refresh(mode).millihertz().abs_diff(wanted.millihertz())
    };
    let fits =
        |mode: &&Mode| size(mode) == wanted_size && !mode.flags().contains(ModeFlags::INTERLACE);
    let best = offered.iter().filter(fits).min_by_key(|mode| off(mode));
    let current = current.filter(fits).filter(|mode| off(mode) < SAME_RATE);
    match (current, best) {
        (Some(mode), _) => Some(*mode),
        (None, Some(mode)) if wanted.refresh.is_none() || off(mode) < SAME_RATE => Some(*mode),
        (None, _) => made(wanted_size, wanted.refresh.unwrap_or_default()),
    }
}

/// A mode by VESA's formula with reduced blanking, which flat screens take.
fn made(size: Size, rate: Refresh) -> Option<Mode> {
    let timing = Timing::reduced(size, rate.millihertz());
    let word = |value: u32| u16::try_from(value).ok();
    let (x, y) = (size.width, size.height);
    let mut raw = drm_ffi::drm_mode_modeinfo {
        clock: timing.clock.checked_mul(10)?,
        hdisplay: word(x)?,
        hsync_start: word(x + timing.h_front)?,
        hsync_end: word(x + timing.h_front + timing.h_sync)?,
        htotal: word(x + timing.h_blank)?,
        vdisplay: word(y)?,
        vsync_start: word(y + timing.v_front)?,
        vsync_end: word(y + timing.v_front + timing.v_sync)?,
        vtotal: word(y + timing.v_blank)?,
        vrefresh: rate.millihertz().div_ceil(1000),
        flags: (ModeFlags::PHSYNC | ModeFlags::NVSYNC).bits(),
        type_: ModeTypeFlags::USERDEF.bits(),
        ..drm_ffi::drm_mode_modeinfo::default()
    };
    let name = format!("{x}x{y}");
    for (to, from) in raw.name.iter_mut().zip(name.bytes()) {
        *to = core::ffi::c_char::try_from(from).unwrap_or_default();
    }
    Some(raw.into())
}

/// The modes that a screen offers, for a message.
pub(super) fn list(offered: &[Mode]) -> String {
    let one = |mode: &Mode| {
        let Size { width, height } = size(mode);
        format!("{width} x {height} at {}", refresh(mode))
    };
    let mut texts: Vec<String> = offered.iter().map(one).collect();
    texts.dedup();
    match texts.len() {
        0 => "none".to_owned(),
        1..=12 => texts.join(", "),
        more => {
            format!("{}, and {} more", texts.get(..12).unwrap_or_default().join(", "), more - 12)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(width: u32, height: u32, hz: u32, preferred: bool) -> Mode {
        let rate = Refresh::nearest(hz * 1000);
        let mut raw: drm_ffi::drm_mode_modeinfo =
            made(Size::new(width, height), rate).unwrap().into();
        raw.type_ = if preferred { ModeTypeFlags::PREFERRED.bits() } else { 0 };
        raw.into()
    }

    fn wanted(size: Option<(u32, u32)>, hz: Option<u32>) -> Wanted {
        Wanted {
            size: size.map(|(width, height)| Size::new(width, height)),
            refresh: hz.map(|hz| Refresh::nearest(hz * 1000)),
        }
    }

    #[test]
    fn the_screens_own_mode_is_taken_where_nothing_is_wanted() {
        let offered = [mode(800, 600, 60, false), mode(1024, 768, 75, true)];
        let chosen = choose(&offered, wanted(None, None), None).unwrap();
        assert_eq!((size(&chosen), is_same(&chosen, &offered[1])), (Size::new(1024, 768), true));
        assert!(choose(&[], wanted(None, None), None).is_none());
    }

    #[test]
    fn of_one_size_the_nearest_rate_is_taken() {
        let offered = [mode(800, 600, 75, true), mode(800, 600, 60, false)];
        let rate = |wanted| refresh(&choose(&offered, wanted, None).unwrap()).millihertz();
        assert!(rate(wanted(Some((800, 600)), Some(60))).abs_diff(60_000) < 100);
        assert!(rate(wanted(Some((800, 600)), None)).abs_diff(75_000) < 100);
    }

    #[test]
    fn what_is_on_stays_where_it_fits() {
        let left = mode(1024, 768, 60, false);
        let offered = [mode(1024, 768, 60, true), mode(1024, 768, 75, false)];
        let keep = choose(&offered, wanted(Some((1024, 768)), None), Some(&left)).unwrap();
        assert_eq!(keep.mode_type(), left.mode_type());
        let other = choose(&offered, wanted(Some((1024, 768)), Some(75)), Some(&left)).unwrap();
        assert!(is_same(&other, &offered[1]));
    }

    #[test]
    fn a_mode_is_made_for_a_size_that_is_not_offered() {
        let offered = [mode(800, 600, 60, true)];
        let chosen = choose(&offered, wanted(Some((1000, 500)), Some(50)), None).unwrap();
        assert_eq!(size(&chosen), Size::new(1000, 500));
        assert!(refresh(&chosen).millihertz().abs_diff(50_000) < 200);
        assert_eq!(chosen.name().to_str(), Ok("1000x500"));
        assert!(list(&offered).starts_with("800 x 600 at 60"));
        assert!(made(Size::new(70_000, 10), Refresh::DEFAULT).is_none());
    }
}
