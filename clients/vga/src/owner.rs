//! Whose picture the guest's first display shows: that of the VGA, or that of virtio-gpu.
//!
//! - The VGA has it first. virtio-gpu has it from the first picture that its driver shows, until the
//!   driver or the machine resets it.
//! - A driver that is unloaded turns its display off first, and so does one that changes its mode. The
//!   picture stays for a moment, so that nothing black comes between the two.
//! - A guest that sets a mode of the VGA or draws into its memory, while its virtio-gpu driver draws nothing,
//!   has lost that driver: it has crashed, and its next kernel or its firmware tells of it (a blue screen).
//!   The VGA has the screen then, until virtio-gpu draws again.

use std::time::{Duration, Instant};

/// How long a display that was turned off keeps its picture, for who shows the next.
pub(crate) const GRACE: Duration = Duration::from_millis(500);
/// A driver that has drawn nothing for so long may have gone.
pub(crate) const STALE: Duration = Duration::from_millis(300);

/// Who has the screen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Holder {
    Vga,
    /// With the time of its last picture.
    Virtio(Instant),
}

/// See the module's text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Owner {
    holder: Holder,
    /// When the display is to show nothing.
    off: Option<Instant>,
    /// The VGA has been used since virtio-gpu drew last.
    used: bool,
}

impl Owner {
    /// After power-on.
    pub(crate) const fn new() -> Self {
        Self { holder: Holder::Vga, off: None, used: false }
    }

    /// Whether the VGA has the screen.
    pub(crate) const fn is_vga(&self) -> bool {
        matches!(self.holder, Holder::Vga)
    }

    /// virtio-gpu shows a picture. Returns whether the screen was the VGA's.
    pub(crate) fn drawn(&mut self, now: Instant) -> bool {
        let was_vga = self.is_vga();
        *self = Self { holder: Holder::Virtio(now), off: None, used: false };
        was_vga
    }

    /// virtio-gpu shows nothing.
    pub(crate) fn switched_off(&mut self, now: Instant) {
        if !self.is_vga() {
            self.off = Some(now + GRACE);
        }
    }

    /// virtio-gpu was reset. The picture that is there stays for a moment, if the VGA shows none.
    /// Returns whether the screen was virtio-gpu's.
    pub(crate) fn released(&mut self, now: Instant) -> bool {
        let was_virtio = !self.is_vga();
        if was_virtio {
            *self = Self { holder: Holder::Vga, off: Some(now + GRACE), used: false };
        }
        was_virtio
    }

    /// The guest has set a mode of the VGA or drawn into its memory.
    pub(crate) fn used(&mut self) {
        self.used = !self.is_vga();
    }

    /// Whether the VGA takes the screen from a driver that has gone; does it, if so.
    pub(crate) fn take_back(&mut self, now: Instant) -> bool {
        let Holder::Virtio(drawn) = self.holder else { return false };
        let takes = self.used && now.saturating_duration_since(drawn) >= STALE;
        if takes {
            *self = Self::new();
        }
        takes
    }

    /// The VGA shows a picture.
    pub(crate) fn shown(&mut self) {
        if self.is_vga() {
            self.off = None;
        }
    }

    /// When the display shows nothing, if nobody shows anything until then.
    pub(crate) const fn off_at(&self) -> Option<Instant> {
        self.off
    }

    /// Whether the display is to show nothing from now on; tells it once.
    pub(crate) fn take_off(&mut self, now: Instant) -> bool {
        self.off.take_if(|off| *off <= now).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_screen_goes_back_and_forth() {
        let start = Instant::now();
        let mut owner = Owner::new();
        assert!(owner.is_vga() && !owner.released(start));
        assert!(owner.drawn(start) && !owner.drawn(start));
        assert!(!owner.is_vga());
        owner.switched_off(start);
        assert_eq!(owner.off_at(), Some(start + GRACE));
        assert!(!owner.take_off(start));
        // Reset follows, and the VGA shows something in time.
        assert!(owner.released(start) && owner.is_vga());
        owner.shown();
        assert_eq!(owner.off_at(), None);
        // It shows nothing.
        owner.drawn(start);
        owner.released(start);
        assert!(owner.take_off(start + GRACE) && !owner.take_off(start + GRACE));
        // A mode set of the driver: the new picture comes in time.
        owner.drawn(start);
        owner.switched_off(start);
        owner.drawn(start);
        assert_eq!(owner.off_at(), None);
    }

    #[test]
    fn a_driver_that_draws_keeps_the_screen() {
        let start = Instant::now();
        let mut owner = Owner::new();
        owner.used();
        assert!(!owner.take_back(start + STALE));
        owner.drawn(start);
        assert!(!owner.take_back(start + STALE), "nobody used the VGA");
        owner.used();
        assert!(!owner.take_back(start), "the driver is at work");
        owner.drawn(start + STALE);
        assert!(!owner.take_back(start + STALE * 2), "it drew later");
        owner.used();
        assert!(owner.take_back(start + STALE * 2) && owner.is_vga());
        assert!(owner.drawn(start + STALE * 3), "and it may come back");
    }
}
