//! A guest that shows its own memory: blob resources, which are read at each flush.

use porthole_guest::Pattern;
use porthole_guest::commands::Command as Order;
use porthole_guest::pattern::Area;
use porthole_tests::guest::Options;
use porthole_tests::wait::GUEST;
use porthole_tests::{Capture, Guest, Result, Scene, Service};

const SIZE: (u32, u32) = (1024, 600);

fn scene(pattern: Pattern, seed: u32) -> Scene {
    Scene::new("main", SIZE.0, SIZE.1).layer("ivi", (0, 0, SIZE.0, SIZE.1), pattern, seed)
}

#[test]
#[ignore = "needs the newest QEMU"]
fn a_guest_shows_blobs_of_its_memory() -> Result<()> {
    let service = Service::start(&[scene(Pattern::Noise, 1)])?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    let mut options = Options::generic(1);
    options.device_options.push("--blob".into());
    let mut guest = Guest::start(&service, "ivi", &options)?;
    let head = 0;
    guest.order(&Order::Draw { head, pattern: Pattern::Noise, seed: 1, area: None })?;
    let mut picture = scene(Pattern::Noise, 1).picture();
    capture.expect("blob-whole", &picture, GUEST)?;
    let (pattern, seed) = (Pattern::Gradient, 2);
    let area = Area { x: 301, y: 77, width: 111, height: 53 };
    guest.order(&Order::Draw { head, pattern, seed, area: Some(area) })?;
    for y in area.y..area.y + area.height {
        for x in area.x..area.x + area.width {
            picture.set(x, y, pattern.rgb(seed, SIZE.0, SIZE.1, x, y));
        }
    }
    capture.expect("blob-part", &picture, GUEST)?;
    // Two blobs in turn; the guest waits for the fence of each flush.
    guest.order(&Order::Flip { head, pattern: Pattern::Checker, seed: 3, count: 30 })?;
    capture.expect("blob-flips", &scene(Pattern::Checker, 32).picture(), GUEST)?;
    guest.power_off()
}
