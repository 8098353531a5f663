//! The machine's own keyboards, pointers and touch screens: the service runs in a guest, and QEMU does what
//! a person in front of it would.

use porthole_rig::kms::{CARD, Card};
use porthole_tests::{KmsGuest, Result};
use serde_json::{Value, json};

/// A guest and its layer, so far from the left.
pub(crate) fn guest(name: &str, x: u32) -> String {
    format!(
        "[[guest]]\nname = \"{name}\"\n[[layer]]\nname = \"{name}\"\nport = \"main\"\nguest = \"{name}\"\n\
         order = {x}\nrect = [{x}, 100, 320, 240]\n"
    )
}

/// A port, two guests on it side by side, and a program between.
fn configuration(devices: &str) -> String {
    format!(
        "version = 1\n[render]\nrenderer = \"cpu\"\n[seat]\n[[port]]\nname = \"main\"\nkind = \"drm\"\n\
         connector = \"Virtual-1\"\n{}{}\
         [[layer]]\nname = \"app\"\nport = \"main\"\nsocket = \"viewer\"\napp_id = \"*\"\norder = 1\n\
         rect = [100, 400, 320, 240]\n\
         [[socket]]\nname = \"viewer\"\nrights = [\"capture:main\", \"input:main\"]\n{devices}",
        guest("left", 0),
        guest("right", 500),
    )
}

/// The second keyboard and the mouse are told apart from others by a head of the card.
const DEVICES: [&str; 3] = [
    "virtio-keyboard-pci,display=gpu0,head=1",
    "virtio-mouse-pci,display=gpu0,head=1",
    "virtio-multitouch-pci",
];
const HEAD: Option<(&str, u32)> = Some((CARD, 1));

/// What a keyboard does.
pub(crate) fn key(name: &str, down: bool) -> Value {
    json!([{"type": "key", "data": {"down": down, "key": {"type": "qcode", "data": name}}}])
}

fn moved(kind: &str, x: i32, y: i32) -> Value {
    json!([
        {"type": kind, "data": {"axis": "x", "value": x}},
        {"type": kind, "data": {"axis": "y", "value": y}},
    ])
}

fn button(down: bool) -> Value {
    json!([{"type": "btn", "data": {"down": down, "button": "left"}}])
}

/// QEMU counts places of absolute devices to 32767, for each pixel of 1024 x 768.
fn at(x: i32, y: i32) -> (i32, i32) {
    ((x * 2 + 1) * 0x7fff / 2048, (y * 2 + 1) * 0x7fff / 1536)
}

fn finger(kind: &str, (x, y): (i32, i32)) -> Value {
    let place = |axis: &str, value: i32| {
        json!({"type": "mtt", "data":
            {"type": "data", "slot": 0, "tracking-id": 7, "axis": axis, "value": value}})
    };
    let begin = json!({"type": "mtt", "data":
        {"type": kind, "slot": 0, "tracking-id": if kind == "end" { -1 } else { 7 }, "axis": "x", "value": 0}});
    if kind == "end" { json!([begin]) } else { json!([begin, place("x", x), place("y", y)]) }
}

#[test]
#[ignore = "takes long"]
fn the_machines_own_devices_act_where_the_rules_say() -> Result<()> {
    let mut guest = KmsGuest::boot_with(Card::Virtio(2), &DEVICES)?;
    let rules = "[[device]]\npath = \"/dev/input/event2\"\nguest = \"right\"\n\
                 [[device]]\nmodel = \"QEMU * MultiTouch\"\nport = \"main\"\narea = [0, 0, 512, 768]\n";
    let left_handed = "[[device]]\nmodel = \"QEMU * Mouse\"\nleft_handed = true\n";
    guest.configure(&configuration(&[rules, left_handed].concat()))?;
    guest.start("")?;
    guest.logs("a device is used", 5)?;
    guest.listener("heard-left", "left", "porthole.scanout.0")?;
    guest.listener("heard-right", "right", "porthole.scanout.0")?;

    // The tablet, and a click with the mouse, which share the port's pointer.
    let (x, y) = at(10, 120);
    guest.qmp.input(None, &moved("abs", x, y))?;
    guest.hears("heard-left", "pointer enter 10.5 20.5")?;
    guest.qmp.input(HEAD, &button(true))?;
    guest.qmp.input(HEAD, &button(false))?;
    guest.hears("heard-left", "button 273 released")?;
    guest.qmp.input(HEAD, &moved("rel", 1, 0))?;
    guest.qmp.input(HEAD, &moved("rel", 1, 0))?;

    // One keyboard types where the click was, the other into its guest.
    guest.qmp.input(None, &key("a", true))?;
    guest.qmp.input(HEAD, &key("b", true))?;
    guest.qmp.input(None, &key("a", false))?;
    guest.qmp.input(HEAD, &key("b", false))?;
    guest.hears("heard-left", "key 30 released")?;
    guest.hears("heard-right", "key 48 released")?;

    // The panel covers the left half only.
    let (x, y) = at(40, 110);
    guest.qmp.input(None, &finger("begin", (x, y)))?;
    guest.qmp.input(None, &finger("end", (0, 0)))?;
    guest.hears("heard-left", "touch 0 up")?;

    let (left, right) = (guest.heard("heard-left"), guest.heard("heard-right"));
    let has = |lines: &[String], part: &str| lines.iter().any(|line| line.contains(part));
    assert!(has(&left, "touch 0 down 20."), "{left:?}");
    assert!(has(&left, "pointer motion"), "{left:?}");
    assert!(!has(&left, "key 48") && has(&left, "key 30 pressed"), "{left:?}");
    assert!(!has(&right, "key 30") && has(&right, "key 48 pressed"), "{right:?}");
    assert!(!has(&right, "pointer") && !has(&right, "touch"), "{right:?}");

    // What the file says no more is again as the device has it.
    guest.configure(&configuration(rules))?;
    guest.signal("HUP")?;
    guest.logs("a device is used", 6)?;
    guest.qmp.input(HEAD, &button(true))?;
    guest.qmp.input(HEAD, &button(false))?;
    guest.hears("heard-left", "button 272 released")?;
    // A seat goes with its last device, also when that is the machine's last.
    guest.configure(&configuration("[[device]]\nmodel = \"*\"\nignore = true\n"))?;
    guest.signal("HUP")?;
    guest.logs("seat 'machine/right' is gone", 1)?;
    assert!(!guest.log().contains("ERROR"), "{}", guest.log());
    Ok(())
}
