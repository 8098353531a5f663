use proptest::prelude::*;

use super::*;
use crate::layout::Place;

const SHIFT_L: u32 = 0xffe1;
const LEVEL3: u32 = 0xfe03;
const CAPS: u32 = 0xffe5;
const F1: u32 = 0xffbe;

fn layout() -> Layout {
    let [plain, shift, level3, _] = Modifiers::ALL;
    let place = |code, modifiers, caps| Place { code, modifiers, caps };
    Layout::from_entries([
        (u32::from('a'), place(30, plain, true)),
        (u32::from('A'), place(30, shift, true)),
        (u32::from('b'), place(48, plain, true)),
        (u32::from('/'), place(53, plain, false)),
        (u32::from('?'), place(53, shift, false)),
        (u32::from('@'), place(16, level3, false)),
        (SHIFT_L, place(42, plain, false)),
        (LEVEL3, place(100, plain, false)),
        (CAPS, place(58, plain, false)),
        (F1, place(59, plain, false)),
    ])
}

/// Types symbols (`+x` down, `-x` up) and writes what the guest gets.
fn type_symbols(symbols: &[(u32, bool)]) -> String {
    let (layout, mut keyboard) = (layout(), Keyboard::new());
    let mut text = Vec::new();
    for (keysym, down) in symbols {
        text.push(show(keyboard.keysym(*keysym, *down, &layout)));
    }
    text.join(" | ")
}

fn show(changes: &[KeyChange]) -> String {
    let one =
        |change: &KeyChange| format!("{}{}", if change.down { '+' } else { '-' }, change.code);
    changes.iter().map(one).collect::<Vec<_>>().join(" ")
}

#[test]
fn symbols_need_their_own_modifiers() {
    let (a, b) = (u32::from('a'), u32::from('A'));
    assert_eq!(type_symbols(&[(a, true), (a, false)]), "+30 | -30");
    assert_eq!(type_symbols(&[(b, true), (b, false)]), "+42 +30 | -30 -42");
    let at = u32::from('@');
    assert_eq!(type_symbols(&[(at, true), (at, false)]), "+100 +16 | -16 -100");
    let fast = [(b, true), (a, true), (b, false), (a, false)];
    // Both symbols lie on one key, which is pressed twice.
    assert_eq!(type_symbols(&fast), "+42 +30 | -42 -30 +30 | -30 | ");
    let renamed = [(SHIFT_L, true), (b, true), (SHIFT_L, false), (a, false)];
    assert_eq!(type_symbols(&renamed), "+42 | +30 | -42 | -30");
}

#[test]
fn held_modifiers_are_used_or_lifted() {
    let (slash, query) = (u32::from('/'), u32::from('?'));
    let typed = [(SHIFT_L, true), (query, true), (query, false), (SHIFT_L, false)];
    assert_eq!(type_symbols(&typed), "+42 | +53 | -53 | -42");
    // The viewer's layout has "/" under Shift, the guest's has not.
    let typed = [(SHIFT_L, true), (slash, true), (slash, false), (SHIFT_L, false)];
    assert_eq!(type_symbols(&typed), "+42 | -42 +53 | -53 +42 | -42");
    let typed = [(SHIFT_L, true), (slash, true), (SHIFT_L, false), (slash, false)];
    assert_eq!(type_symbols(&typed), "+42 | -42 +53 |  | -53");
    // AltGr of the viewer gave "@"; AltGr of the guest does too.
    let typed = [(LEVEL3, true), (u32::from('@'), true)];
    assert_eq!(type_symbols(&typed), "+100 | +16");
    let typed = [(SHIFT_L, true), (F1, true), (F1, false)];
    assert_eq!(type_symbols(&typed), "+42 | +59 | -59");
}

#[test]
fn the_next_key_finds_the_modifiers_as_the_viewer_holds_them() {
    let (upper, b) = (u32::from('A'), u32::from('b'));
    let typed = [(upper, true), (b, true), (b, false), (upper, false)];
    assert_eq!(type_symbols(&typed), "+42 +30 | -42 +48 | -48 | -30");
    let (layout, mut keyboard) = (layout(), Keyboard::new());
    keyboard.keysym(upper, true, &layout);
    assert_eq!(show(keyboard.settle()), "-42");
    assert_eq!(show(keyboard.code(31, true)), "+31");
    assert_eq!(show(keyboard.release_all()), "-30 -31");
}

#[test]
fn caps_lock_turns_letters_around_and_nothing_else() {
    let (lower, upper, query) = (u32::from('a'), u32::from('A'), u32::from('?'));
    let typed = [(CAPS, true), (CAPS, false), (upper, true), (upper, false), (lower, true)];
    assert_eq!(type_symbols(&typed), "+58 | -58 | +30 | -30 | +42 +30");
    let typed = [(CAPS, true), (CAPS, false), (query, true)];
    assert_eq!(type_symbols(&typed), "+58 | -58 | +42 +53");
}

#[test]
fn unknown_symbols_and_repeats_change_nothing() {
    let a = u32::from('a');
    assert_eq!(type_symbols(&[(0x0100_20ac, true), (0x0100_20ac, false)]), " | ");
    assert_eq!(type_symbols(&[(a, true), (a, true), (a, false), (a, false)]), "+30 |  | -30 | ");
}

#[test]
fn two_names_of_one_key_hold_it_together() {
    let (layout, mut keyboard) = (layout(), Keyboard::new());
    assert_eq!(show(keyboard.code(30, true)), "+30");
    assert_eq!(show(keyboard.keysym(u32::from('a'), true, &layout)), "");
    assert_eq!(show(keyboard.code(30, false)), "");
    assert_eq!(show(keyboard.keysym(u32::from('a'), false, &layout)), "-30");
}

#[derive(Clone, Debug)]
enum Op {
    Keysym(u32, bool),
    Code(u16, bool),
    Settle,
}

fn op() -> impl Strategy<Value = Op> {
    let symbol = prop::sample::select(vec![
        0x61, 0x41, 0x62, 0x2f, 0x3f, 0x40, SHIFT_L, LEVEL3, CAPS, F1, 0x1234,
    ]);
    prop_oneof![
        6 => (symbol, any::<bool>()).prop_map(|(keysym, down)| Op::Keysym(keysym, down)),
        3 => (prop::sample::select(vec![30_u16, 42, 54, 100, 58, 2]), any::<bool>())
            .prop_map(|(code, down)| Op::Code(code, down)),
        1 => Just(Op::Settle),
    ]
}

proptest! {
    #[test]
    fn every_change_is_one_and_nothing_stays_pressed(ops in prop::collection::vec(op(), 0..60)) {
        let (layout, mut keyboard) = (layout(), Keyboard::new());
        let mut guest = std::collections::BTreeSet::new();
        let mut apply = |changes: &[KeyChange]| {
            for change in changes {
                let changed =
                    if change.down { guest.insert(change.code) } else { guest.remove(&change.code) };
                assert!(changed, "{change:?} changes nothing");
            }
        };
        for op in ops {
            match op {
                Op::Keysym(keysym, down) => apply(keyboard.keysym(keysym, down, &layout)),
                Op::Code(code, down) => apply(keyboard.code(code, down)),
                Op::Settle => apply(keyboard.settle()),
            }
        }
        apply(keyboard.release_all());
        prop_assert!(guest.is_empty());
    }
}
