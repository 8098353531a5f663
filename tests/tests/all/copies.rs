//! How often pixels are copied: the device's transfer and nothing else, where one guest fills a port.

use std::collections::BTreeSet;

use porthole_guest::Pattern;
use porthole_guest::commands::Command as Order;
use porthole_guest::pattern::Area;
use porthole_tests::demo::statistics;
use porthole_tests::guest::Options;
use porthole_tests::process::Process;
use porthole_tests::wait::GUEST;
use porthole_tests::{Capture, Failure, Guest, Result, Scene, Service};
use serde_json::Value;

use crate::window_handed::counted;

const SIZE: (u32, u32) = (1024, 600);

/// One of the counts of a process.
fn count(process: &Process, name: &str) -> Result<u64> {
    let all = statistics(process)?;
    let found = all.pointer(name).and_then(Value::as_u64);
    found.ok_or_else(|| Failure::new(format!("no count {name} in {all}")))
}

/// Bytes that the service composed, and that the device took from the guest.
fn copied(service: &Service, guest: &Guest) -> Result<(u64, u64)> {
    let composed = count(&service.process, "/ports/main/composed_bytes")?;
    Ok((composed, count(&guest.device, "/transferred_bytes")?))
}

#[test]
fn device_and_service_share_memory_and_copy_once() -> Result<()> {
    let mut scene = Scene::new("main", SIZE.0, SIZE.1);
    scene = scene.layer("ivi", (0, 0, SIZE.0, SIZE.1), Pattern::Noise, 1);
    let service = Service::start(std::slice::from_ref(&scene))?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    let mut guest = Guest::start(&service, "ivi", &Options::default())?;
    let (head, pattern) = (0, Pattern::Noise);
    guest.order(&Order::Draw { head, pattern, seed: 1, area: None })?;
    let mut picture = scene.picture();
    capture.expect("copies-first", &picture, GUEST)?;

    // The same anonymous file is mapped by both: what the device writes is what the service reads.
    let inodes = |maps: Vec<(u64, String)>| maps.into_iter().map(|(inode, _)| inode);
    let device: BTreeSet<u64> = inodes(guest.device.mapped_memory()?).collect();
    let shared = inodes(service.process.mapped_memory()?).find(|inode| device.contains(inode));
    assert!(shared.is_some(), "device and service map no memory in common");

    // A first change may bring in a second buffer, and what the guest sent while its mode was set may
    // still be on its way: once a later change shows, all of that is over.
    let mut draw = |guest: &mut Guest, seed, area: Area, name| -> Result<()> {
        guest.order(&Order::Draw { head, pattern, seed, area: Some(area) })?;
        for y in area.y..area.y + area.height {
            for x in area.x..area.x + area.width {
                picture.set(x, y, pattern.rgb(seed, SIZE.0, SIZE.1, x, y));
            }
        }
        capture.expect(name, &picture, GUEST)
    };
    let small = Area { x: 0, y: 0, width: 16, height: 16 };
    draw(&mut guest, 3, small, "copies-small")?;
    draw(&mut guest, 4, small, "copies-small-again")?;

    let before = copied(&service, &guest)?;
    let area = Area { x: 64, y: 32, width: 200, height: 100 };
    draw(&mut guest, 2, area, "copies-part")?;
    let bytes = u64::from(area.width * area.height * 4);
    let after = copied(&service, &guest)?;
    let (composed, transferred) = (after.0 - before.0, after.1 - before.1);
    // Linux 6.8 to 6.12 forget damage after a mode was set and send the whole picture; whatever the
    // guest sends is copied once on its way in. It fills the port, so it is not composed at all.
    let whole = u64::from(SIZE.0 * SIZE.1 * 4);
    assert!([bytes, whole].contains(&transferred), "{transferred} taken for a change of {bytes}");
    assert_eq!(composed, 0, "composed for a change of {bytes}");
    guest.power_off()
}

#[test]
fn a_windows_parent_reads_a_guest_where_its_device_writes() -> Result<()> {
    let (width, height) = SIZE;
    let parent = Service::start_with(&format!(
        "version = 1\n[[port]]\nname = \"main\"\nsize = [{width}, {height}]\n\
         [[layer]]\nname = \"window\"\nport = \"main\"\nsocket = \"viewer\"\n\
         app_id = \"porthole.main\"\norder = 1\n\
         [[socket]]\nname = \"viewer\"\nrights = [\"capture:main\"]\n"
    ))?;
    let scene = Scene::new("main", width, height);
    let mut scene = scene.layer("ivi", (0, 0, width, height), Pattern::Noise, 1);
    let socket = parent.socket("viewer")?;
    scene.keys = format!("kind = \"window\"\nparent = \"{}\"", socket.display());
    let service = Service::start(std::slice::from_ref(&scene))?;
    let capture = Capture::start(&socket, "main")?;
    let mut guest = Guest::start(&service, "ivi", &Options::default())?;
    let (head, pattern) = (0, Pattern::Noise);
    guest.order(&Order::Draw { head, pattern, seed: 1, area: None })?;
    let mut picture = scene.picture();
    capture.expect("copies-window-first", &picture, GUEST)?;
    let before = counted(&service, SIZE)?;
    for seed in 2..6 {
        let area = Area { x: seed * 10, y: seed * 20, width: 200, height: 100 };
        guest.order(&Order::Draw { head, pattern, seed, area: Some(area) })?;
        for y in area.y..area.y + area.height {
            for x in area.x..area.x + area.width {
                picture.set(x, y, pattern.rgb(seed, width, height, x, y));
            }
        }
        capture.expect("copies-window", &picture, GUEST)?;
    }
    let after = counted(&service, SIZE)?;
    assert!(after.1 > before.1, "handed over: {after:?} after {before:?}");
    assert!(after.0 <= before.0, "bytes copied for the window: {after:?} after {before:?}");
    guest.power_off()
}
