//! News that a device takes when it has something to do anyway.
//!
//! After each frame a presenter has two things to tell: that a buffer is free again, and that the frame
//! is on the screen. Nobody needs the first before the guest draws again, nor the second unless a fence
//! waits for it. Waking up the device's thread for them would cost as much as all the rest of its work.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::Told;

/// See the module's text. Both threads have one.
#[derive(Clone, Debug, Default)]
pub(super) struct Quiet {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// INVARIANT: bounded by the frames that the device has given since it last took this.
    list: Mutex<Vec<Told>>,
    /// The device said that these news can wait.
    can_wait: AtomicBool,
}

impl Quiet {
    /// Whether the device takes these news by itself.
    pub(super) fn set(&self, can_wait: bool) {
        self.shared.can_wait.store(can_wait, Ordering::Release);
    }

    /// Keeps what can wait; gives back what cannot.
    pub(super) fn keep(&self, what: Told) -> Option<Told> {
        let may =
            matches!(what, Told::Released { .. } | Told::Presented { .. } | Told::Discarded { .. });
        if !may || !self.shared.can_wait.load(Ordering::Acquire) {
            return Some(what);
        }
        self.shared.list.lock().unwrap_or_else(PoisonError::into_inner).push(what);
        None
    }

    /// All that was kept, in its order.
    pub(super) fn take(&self) -> Vec<Told> {
        std::mem::take(&mut *self.shared.list.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_wait_is_kept() {
        let quiet = Quiet::default();
        let released = Told::Released { scanout: 0, buffer: 1, serial: 2 };
        assert_eq!(quiet.keep(released.clone()), Some(released.clone()));
        quiet.set(true);
        let device = quiet.clone();
        assert_eq!(quiet.keep(released.clone()), None);
        let urgent = Told::Visible { scanout: 0, visible: true };
        assert_eq!(quiet.keep(urgent.clone()), Some(urgent));
        assert_eq!(device.take(), [released]);
        assert_eq!(device.take(), []);
    }
}
