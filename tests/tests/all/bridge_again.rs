//! `porthole-qemu` is killed at the worst moments before a display that tells the truth: what is seen
//! meanwhile, which layer the guest has afterwards, and what stays pressed.

use porthole_dbus::Writer;
use porthole_tests::display::{Display, Machine, XRGB, words};
use porthole_tests::wait::SHORT;
use porthole_tests::{Capture, Picture, Result, Service};
use rustix::process::Signal;

use crate::bridge::{picture, service, word};
use crate::portholectl::ctl_on;

/// The layers with their ids and what each shows, without the way on which that reaches the screen: that is
/// told once it has.
fn layers(service: &Service) -> Result<serde_json::Value> {
    let mut all = ctl_on(service, "viewer", &["layers", "--json"])?.json()?;
    for layer in all["layer"].as_array_mut().into_iter().flatten() {
        layer["now"].as_object_mut().and_then(|now| now.remove("placement"));
    }
    Ok(all)
}

/// Kills the bridge, and waits until nothing of it is seen.
fn kill(display: Display, service: &Service, capture: &Capture) -> Result<()> {
    let mut bridge = display.end();
    bridge.signal(Signal::KILL)?;
    bridge.wait_end(SHORT)?;
    std::fs::remove_file(service.folder().join("display.sock"))?;
    capture.expect("without a bridge", &Picture::new(64, 48, [0x10, 0x20, 0x30]), SHORT)
}

fn whole(seed: u32) -> Writer {
    let data = words(64, 48, word(seed));
    Writer::new().u32(64).u32(48).u32(256).u32(XRGB).byte_array(&data)
}

/// Every picture that was seen is one that QEMU has shown, or none.
fn all_known(capture: &Capture, seeds: std::ops::Range<u32>) {
    let mut known: Vec<Picture> = seeds.map(|seed| picture(word(seed))).collect();
    known.push(Picture::new(64, 48, [0x10, 0x20, 0x30]));
    for (number, seen) in capture.screen.take_film().iter().enumerate() {
        assert!(known.contains(seen), "picture {number} was never shown: {seen:?}");
    }
}

#[test]
fn a_bridge_that_is_killed_while_it_draws_shows_no_half_picture_and_keeps_its_layer() -> Result<()>
{
    let service = service()?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    let mut display = Display::start(&service, &Machine::default(), &[])?;
    display.scanout(0, word(1))?;
    capture.expect("first", &picture(word(1)), SHORT)?;
    let before = layers(&service)?;
    assert!(before.to_string().contains("ivi"), "{before}");

    // In the middle of a message, before its pixels are all there.
    capture.screen.start_film();
    let (_, bytes) = display.bytes(0, ("", "Scanout"), &whole(2), 0)?;
    display.raw(0, bytes.get(..bytes.len() / 2).unwrap_or_default())?;
    kill(display, &service, &capture)?;
    all_known(&capture, 1..3);

    // In the middle of drawing one picture over the other, at some point or another of each.
    for round in 0..4 {
        let mut display = Display::start(&service, &Machine::default(), &[])?;
        display.scanout(0, word(1))?;
        capture.expect("again", &picture(word(1)), SHORT)?;
        assert_eq!(layers(&service)?, before, "the same layer under the same id");
        capture.screen.start_film();
        for seed in 2..10 + 3 * round {
            display.send(0, ("", "Scanout"), &whole(seed), &[])?;
        }
        kill(display, &service, &capture)?;
        all_known(&capture, 1..30);
    }
    let mut display = Display::start(&service, &Machine::default(), &[])?;
    display.scanout(0, word(30))?;
    capture.expect("last", &picture(word(30)), SHORT)?;
    assert_eq!(layers(&service)?, before);
    display.bridge.must_run()
}
