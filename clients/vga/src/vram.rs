//! Video memory: a sealed memory file that the guest has mapped, and that is the compositor's picture.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use porthole_memory::{Mapped, Memory};
use porthole_vga_device::Vram;

/// Video memory as the VGA sees it.
#[derive(Clone, Debug)]
pub(crate) struct Video(Arc<Mapped>);

impl Video {
    /// So many bytes of zeros.
    pub(crate) fn new(len: u32) -> io::Result<Self> {
        let memory = Memory::create("porthole-vram", len.into())?;
        Ok(Self(Arc::new(Mapped::new(Arc::new(memory))?)))
    }

    /// To look for changes, and to hand it out.
    pub(crate) fn shared(&self) -> &Arc<Mapped> {
        &self.0
    }
}

impl Vram for Video {
    fn len(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }

    fn load(&self, at: u32) -> u8 {
        self.0.load(at.into())
    }

    fn store(&self, at: u32, value: u8) {
        self.0.store(at.into(), value);
    }

    fn load_cell(&self, cell: u32) -> u32 {
        let mut bytes = [0; 4];
        self.0.copy_out(u64::from(cell) * 4, &mut bytes);
        u32::from_le_bytes(bytes)
    }

    fn store_cell(&self, cell: u32, value: u32) {
        self.0.store_four(u64::from(cell) * 4, value);
    }

    fn copy_out(&self, at: u32, into: &mut [u8]) {
        self.0.copy_out(at.into(), into);
    }

    fn copy_cells(&self, cell: u32, keep: u32, into: &mut [u32]) {
        let first = usize::try_from(cell / 2).unwrap_or(usize::MAX);
        let words = self.0.words().get(first..).unwrap_or_default();
        let halves = words.iter().flat_map(|word| {
            let [a, b, c, d, e, f, g, h] = word.load(Ordering::Relaxed).to_le_bytes();
            [[a, b, c, d], [e, f, g, h]].map(u32::from_le_bytes)
        });
        let skip = usize::try_from(cell % 2).unwrap_or(0);
        into.iter_mut().zip(halves.skip(skip)).for_each(|(into, half)| *into = half & keep);
    }

    fn clear(&self, at: u32, len: u32) {
        let end = at.saturating_add(len).min(Vram::len(self));
        let words = self.0.words();
        let mut at = at;
        while at < end {
            let word = usize::try_from(at / 8).ok().and_then(|word| words.get(word));
            match word {
                Some(word) if at.is_multiple_of(8) && end - at >= 8 => {
                    word.store(0, Ordering::Relaxed);
                    at += 8;
                }
                _ => {
                    self.0.store(at.into(), 0);
                    at += 1;
                }
            }
        }
    }
}
