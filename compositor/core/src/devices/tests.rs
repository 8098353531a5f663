use std::{collections::BTreeMap, path::PathBuf};

use proptest::prelude::*;

use super::*;

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn keyboard(model: &str, number: u32) -> Described {
    Described {
        model: model.to_owned(),
        id: (0x1af4, number),
        paths: vec![PathBuf::from(format!("/dev/input/event{number}"))],
        kinds: vec![Kind::Keyboard],
        properties: BTreeMap::new(),
    }
}

fn rule(devices: Match, to: Destination) -> Rule {
    Rule { devices, to: Some(to), keymap: None, manner: Manner::default() }
}

fn model(pattern: &str) -> Match {
    Match { model: Some(pattern.to_owned()), ..Match::default() }
}

#[test]
fn stars_stand_for_any_text() {
    for (text, pattern) in [
        ("USB Keyboard", "USB Keyboard"),
        ("USB Keyboard", "*"),
        ("USB Keyboard", "USB*"),
        ("USB Keyboard", "*board"),
        ("USB Keyboard", "*S*b*d"),
        ("USB Keyboard", "USB*Keyboard"),
        ("abab", "*ab"),
        ("", "*"),
    ] {
        assert!(is_like(text, pattern), "{text} {pattern}");
    }
    for (text, pattern) in [
        ("USB Keyboard", "USB"),
        ("ab", "ab*b"),
        ("", "a"),
        ("abc", "*b"),
        ("abc", "b*"),
        ("a", ""),
    ] {
        assert!(!is_like(text, pattern), "{text} {pattern}");
    }
}

#[test]
fn the_first_rule_for_a_device_counts() {
    let (left, right) = (Destination::Guest(name("left")), Destination::Guest(name("right")));
    let by_path = Match { path: Some("/dev/input/event2".into()), kind: None, ..Match::default() };
    let rules = [
        rule(by_path, left.clone()),
        rule(Match { id: Some((0x1af4, 3)), ..model("QEMU*") }, right.clone()),
        rule(Match { kind: Some(Kind::Touch), ..Match::default() }, Destination::Nowhere),
    ];
    let main = Destination::Port(name("main"));
    let to = |device: &Described| assign(&rules, device, &main, &Keymap::default()).to;
    assert_eq!(to(&keyboard("QEMU Keyboard", 2)), left);
    assert_eq!(to(&keyboard("QEMU Keyboard", 3)), right);
    assert_eq!(to(&keyboard("Other Keyboard", 3)), main);
    let both = Described { kinds: vec![Kind::Pointer, Kind::Touch], ..keyboard("Panel", 9) };
    assert_eq!(to(&both), Destination::Nowhere);
}

#[test]
fn what_udev_says_of_a_device_tells_it_from_others() {
    let mut device = keyboard("Keyboard", 1);
    for (name, value) in [("ID_SERIAL", "Maker_Keys_77"), ("ID_INPUT_KEYBOARD", "1"), ("ZERO", "0")]
    {
        device.properties.insert(name.to_owned(), value.to_owned());
    }
    let is_for = |name: &str, value: Option<&str>| {
        let property = Property { name: name.to_owned(), value: value.map(str::to_owned) };
        Match { property: Some(property), ..Match::default() }.is_for(&device)
    };
    assert!(is_for("ID_SERIAL", Some("Maker_Keys_77")) && is_for("ID_SERIAL", Some("*_77")));
    assert!(is_for("ID_INPUT_KEYBOARD", None) && is_for("ZERO", Some("0")));
    assert!(!is_for("ID_SERIAL", Some("Maker_Keys")) && !is_for("ID_SEAT", Some("*")));
    assert!(!is_for("ZERO", None) && !is_for("ID_SEAT", None));
}

#[test]
fn a_panel_is_calibrated_before_it_is_placed() {
    // Mounted upside down, over the right half of a port.
    let upside_down = Calibration::new([-1.0, 0.0, 1.0, 0.0, -1.0, 1.0]).unwrap();
    let manner = Manner {
        calibration: upside_down,
        area: Some(Rect::new(400, 0, 400, 600)),
        ..Manner::default()
    };
    let port = Size::new(800, 600);
    let at = |x, y| manner.place(Point { x, y }, port, None);
    assert_eq!(at(0.0, 0.0), Point { x: 1.0, y: 1.0 });
    assert_eq!(at(1.0, 1.0), Point { x: 0.5, y: 0.0 });
    assert_eq!(at(0.5, 0.25), Point { x: 0.75, y: 0.75 });
    // The rule's area goes before the one that all have.
    let other = Some(Rect::new(0, 0, 80, 60));
    assert_eq!(manner.place(Point { x: 1.0, y: 1.0 }, port, other), Point { x: 0.5, y: 0.0 });
    let plain = Manner::default().place(Point { x: 1.0, y: 0.5 }, port, other);
    assert_eq!(plain, Point { x: 0.1, y: 0.05 });
    assert_eq!(Calibration::new([1.0, 2.0, 0.0, 2.0, 4.0, 0.0]), None, "a line");
    assert_eq!(Calibration::new([f64::NAN, 0.0, 0.0, 0.0, 1.0, 0.0]), None);
}

fn matches() -> impl Strategy<Value = Match> {
    let path = |n: u32| PathBuf::from(format!("/dev/input/event{n}"));
    let kinds = prop::sample::select(Kind::WORDS.map(|(_, kind)| kind).to_vec());
    (
        prop::option::of("[ab*]{0,4}"),
        prop::option::of((0_u32..2, 0_u32..3)),
        prop::option::of((0_u32..3).prop_map(path)),
        prop::option::of(kinds),
    )
        .prop_map(|(model, id, path, kind)| Match { model, id, path, kind, property: None })
}

fn devices() -> impl Strategy<Value = Described> {
    let kinds = prop::sample::subsequence(Kind::WORDS.map(|(_, kind)| kind).to_vec(), 0..=4);
    ("[ab]{0,5}", (0_u32..2, 0_u32..3), 0_u32..3, kinds).prop_map(|(model, id, n, kinds)| {
        let paths = vec![format!("/dev/input/event{n}").into()];
        Described { model, id, paths, kinds, properties: BTreeMap::new() }
    })
}

proptest! {
    /// What is not for a device changes nothing about it, whatever else is in the file; and what says
    /// less is for more devices.
    #[test]
    fn only_the_first_rule_that_is_for_a_device_matters(
        all in prop::collection::vec(matches(), 0..6),
        device in devices(),
    ) {
        let rules: Vec<Rule> = (0..)
            .zip(&all)
            .map(|(n, m): (u32, _)| rule(m.clone(), Destination::Guest(name(&format!("g{n}")))))
            .collect();
        let main = Destination::Port(name("main"));
        let to = assign(&rules, &device, &main, &Keymap::default()).to;
        let first = all.iter().position(|m| m.is_for(&device));
        let expected = first.map_or(main.clone(), |n| rules[n].to.clone().unwrap());
        prop_assert_eq!(&to, &expected);
        let own: Vec<Rule> =
            rules.iter().filter(|rule| rule.devices.is_for(&device)).cloned().collect();
        prop_assert_eq!(assign(&own, &device, &main, &Keymap::default()).to, to);
        for m in &all {
            let wider = Match { model: None, id: None, ..m.clone() };
            prop_assert!(!m.is_for(&device) || wider.is_for(&device));
        }
    }

    /// Whatever a panel says and however it is calibrated, it is on its part of the port.
    #[test]
    fn places_are_on_the_port(
        numbers in prop::array::uniform6(-3.0_f64..3.0),
        (x, y) in (-9.0_f64..9.0, -9.0_f64..9.0),
        (left, top) in (0_i32..300, 0_i32..300),
    ) {
        let Some(calibration) = Calibration::new(numbers) else { return Ok(()) };
        let manner = Manner {
            calibration,
            area: Some(Rect::new(left, top, 100, 100)),
            ..Manner::default()
        };
        let at = manner.place(Point { x, y }, Size::new(400, 400), None);
        let within = |at: f64, from: i32| {
            let from = f64::from(from) / 400.0;
            (from - 1e-9..=from + 0.25 + 1e-9).contains(&at)
        };
        prop_assert!(within(at.x, left) && within(at.y, top), "{at:?}");
    }
}
