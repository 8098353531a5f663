//! The BAR of ports that ACRN's adapter has, in a guest.

use porthole_guest::Pattern;
use porthole_guest::commands::Command as Order;
use porthole_tests::adapter::Wish;
use porthole_tests::plain::{Boot, configuration};
use porthole_tests::wait::{GUEST, wait_until};
use porthole_tests::{AdapterGuest, Capture, Result, Scene, Service};

use crate::processes::said;

fn kicks(service: &Service) -> Result<u64> {
    Ok(said(service, "ivi")?["kicks"].as_u64().unwrap_or(0))
}

/// Linux notifies by BAR2, the first way that it finds; a kick by the port is heard beside.
#[test]
#[ignore = "needs the newest QEMU"]
fn a_guest_notifies_queues_by_acrns_port() -> Result<()> {
    let text = configuration("ivi").replace("rights = [", "rights = [\"watch\", ");
    let service = Service::start_with(&text)?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    let wish = Wish::new(Boot::Guest(Some("0:noise:1")));
    let wish = wish.device(&["--model", "acrn", "--size", "640x480"]);
    let mut guest = AdapterGuest::power_on(&service, "ivi", &wish)?;
    let scene = Scene::new("main", 640, 480).layer("ivi", (0, 0, 640, 480), Pattern::Noise, 1);
    let drawn = porthole_tests::plain::on_port(&scene.picture());
    capture.expect("vga-ports", &drawn, GUEST)?;
    let find = "for d in /sys/bus/pci/devices/*; do \
        [ $(cat $d/device) = 0x1050 ] && echo $d && sed -n 6p $d/resource; done";
    let found = guest.machine.order(&Order::Shell(find.to_owned()))?;
    let [device, resource] = found.as_slice() else { panic!("{found:?}") };
    let words: Vec<u64> = resource
        .split_whitespace()
        .map(|word| u64::from_str_radix(word.trim_start_matches("0x"), 16).unwrap())
        .collect();
    let [first, last, flags] = words.as_slice() else { panic!("{resource}") };
    assert!(*first > 0 && last - first == 3 && flags & 0x100 != 0, "four ports: {resource}");
    let mut before = kicks(&service)?;
    let kick = format!("printf '\\0\\0' | dd of={device}/resource5 bs=2 count=1 2>&1");
    // What the driver did before may be told late, so once is not enough.
    for _ in 0..4 {
        guest.machine.order(&Order::Shell(kick.clone()))?;
        let heard: Result<u64> = wait_until("a kick by the port", GUEST, || {
            let now = kicks(&service)?;
            Ok((now > before).then_some(now))
        });
        before = heard.map_err(|error| guest.device.failure(&error.to_string()))?;
    }
    guest.end()
}
