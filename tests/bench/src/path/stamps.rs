//! When the guest told its kernel of each frame, by our own clock.
//!
//! The guest writes a byte to an I/O port right before; QEMU passes it on to a socket before the guest
//! goes on. So the way of the stamp is the same whoever shows the picture.

use std::io::Read;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use porthole_rig::Result;
use porthole_rig::error::Context;

/// The stamps of a guest; a thread adds to them until the guest ends.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stamps {
    list: Arc<Mutex<Vec<(u8, Instant)>>>,
    count: Arc<AtomicUsize>,
}

impl Stamps {
    /// Listens at a socket, which a QEMU connects to.
    pub(crate) fn listen(socket: &Path) -> Result<Self> {
        let listener = UnixListener::bind(socket).at("listen at", socket)?;
        let stamps = Self::default();
        let here = stamps.clone();
        std::thread::spawn(move || {
            let Ok((mut stream, _)) = listener.accept() else { return };
            let mut bytes = [0; 64];
            while let Ok(count @ 1..) = stream.read(&mut bytes) {
                let now = Instant::now();
                let numbers = bytes.iter().take(count).map(|number| (*number, now));
                here.list.lock().unwrap_or_else(PoisonError::into_inner).extend(numbers);
                here.count.fetch_add(count, Ordering::Release);
            }
        });
        Ok(stamps)
    }

    /// How many frames there were since [`Stamps::begin`].
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// Forgets what there was.
    pub(crate) fn begin(&self) {
        self.list.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.count.store(0, Ordering::Release);
    }

    /// The stamps since [`Stamps::begin`]: the number's low byte, and when it came.
    pub(crate) fn take(&self) -> Vec<(u8, Instant)> {
        std::mem::take(&mut *self.list.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
