//! The function without a machine around it.

use porthole_gpu_device::Options;

use super::*;
use crate::engine::Engine;
use crate::vram::Video;

fn adapter(model: Model) -> Adapter {
    let monitor = Monitor::new(model, Video::new(1 << 20).unwrap(), "ivi").unwrap();
    let shared = Arc::new(Shared::new(Engine::new(Options::default())).unwrap());
    Adapter::new(model, monitor, Vec::new(), shared)
}

/// Whether a write is a driver's kick.
fn kicks(adapter: &mut Adapter, region: u32, offset: u64, bytes: &[u8]) -> bool {
    adapter.write(region, offset, bytes).unwrap();
    adapter.shared.take_kick()
}

#[test]
fn acrns_port_takes_the_numbers_of_queues() {
    let mut adapter = adapter(Model::Acrn);
    for number in [&[0_u8][..], &[1], &[0, 0], &[1, 0], &[1, 0, 0, 0]] {
        assert!(kicks(&mut adapter, region::PORTS, 0, number), "{number:?}");
    }
    for number in [&[2_u8][..], &[0, 1], &[0, 0, 1, 0], &[0, 0, 0, 0, 0, 0, 0, 1], &[0xff; 4]] {
        assert!(!kicks(&mut adapter, region::PORTS, 0, number), "{number:?}");
    }
    // Four ports, of which one is used.
    for offset in 1..4 {
        assert!(!kicks(&mut adapter, region::PORTS, offset, &[0]), "{offset}");
    }
    let mut bytes = [0xff; 4];
    adapter.read(region::PORTS, 0, &mut bytes).unwrap();
    assert_eq!(bytes, [0; 4]);
}

#[test]
fn acrns_port_is_reached_by_the_window_too() {
    let mut adapter = adapter(Model::Acrn);
    let fields = |bar: u8| [bar, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0];
    let (at, data) = (0x98, 0xa4);
    adapter.write(region::CONFIG, at, &fields(5)).unwrap();
    assert!(kicks(&mut adapter, region::CONFIG, data, &[1, 0]));
    assert!(!kicks(&mut adapter, region::CONFIG, data, &[9, 0]));
    let mut bytes = [0xff; 2];
    adapter.read(region::CONFIG, data, &mut bytes).unwrap();
    assert_eq!(bytes, [0; 2]);
    // Other adapters have no such BAR.
    let mut combined = self::adapter(Model::Combined);
    combined.write(region::CONFIG, at, &fields(5)).unwrap();
    assert!(!kicks(&mut combined, region::CONFIG, data, &[1, 0]));
    let count = |adapter: &Adapter| {
        let file = adapter.monitor.vga.vram().shared().memory().fd().as_fd().try_clone_to_owned();
        let regions = adapter.description(file.unwrap()).regions;
        regions.get(region::PORTS as usize).map_or(0, |region| region.size)
    };
    assert_eq!((count(&self::adapter(Model::Acrn)), count(&combined)), (4, 0));
}
