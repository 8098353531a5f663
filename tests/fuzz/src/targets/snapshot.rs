//! A saved display device: what a machine is restored from, or migrated with, may come from anywhere.

use porthole_gpu_device::{Gpu, GuestMemory, NotRam, Options, Quotas, State};
use porthole_pixel::Size;

use crate::input::Input;

/// Guest memory of which there is none.
struct Nothing;

impl GuestMemory for Nothing {
    fn contains(&self, _address: u64, _length: u64) -> bool {
        false
    }

    fn read(&self, _address: u64, _into: &mut [u8]) -> Result<(), NotRam> {
        Err(NotRam)
    }
}

pub(crate) fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let choice = input.u8();
    let quotas = Quotas { bytes: 1 << 20, resources: 12, entries: 96 };
    let options = Options {
        scanouts: vec![Some(Size::new(64, 48)); 1 + usize::from(choice & 1)],
        quotas,
        blob: choice & 2 != 0,
        ..Options::default()
    };
    let file = [&b"PORTHGPU\x01\0\0\0"[..], input.rest()].concat();
    let Ok(state) = State::from_bytes(&file) else { return };
    let Ok(mut gpu) = Gpu::restore(&options, &state) else { return };
    // It is a device like any other: within its quotas, and saved as it was restored.
    let statistics = gpu.statistics();
    assert!(statistics.bytes < quotas.bytes && statistics.resources <= quotas.resources);
    let saved = gpu.save();
    let again = Gpu::restore(&options, &saved).expect("our own snapshot");
    assert_eq!(again.save(), saved);
    let written = saved.to_bytes().expect("memory for a snapshot");
    assert!(written.len() as u64 <= gpu.snapshot_limit());
    assert_eq!(State::from_bytes(&written).as_ref(), Ok(&saved));
    // And it can be used and emptied.
    gpu.take_events();
    for id in 0..16_u32 {
        let words = [0x104, 0, 0, 0, 0, 0, 0, 0, 1, 1, id, 0].map(u32::to_le_bytes).concat();
        let _ = gpu.control(&words, 64, &Nothing);
    }
    gpu.take_events();
    gpu.reset();
    assert_eq!((gpu.statistics().bytes, gpu.statistics().resources), (0, 0));
}
