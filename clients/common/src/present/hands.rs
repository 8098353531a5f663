//! Several people, one guest: it has one keyboard and one pointer, whoever uses them.
//!
//! - A key or button is up at the guest when the last seat that holds it has let go.
//! - The modifiers that are down at the guest are those of the seat that typed, clicked or turned a
//!   wheel last. What another seat holds of them is lifted, and comes back when that seat acts again.
//!   So nobody's Ctrl makes a command of somebody else's letter.
//! - While a seat holds a button, the pointer is that seat's: others neither move nor press it.
//! - A button is pressed where the pointer of its seat is, whoever moved the guest's pointer last.
//!
//! Locks such as Caps Lock are the guest's own; they are everybody's.

use std::collections::{BTreeMap, BTreeSet};

use super::Told;

/// Left and right Ctrl, Shift, Alt and Meta in `linux/input-event-codes.h`.
const MODIFIERS: [u16; 8] = [29, 97, 42, 54, 56, 100, 125, 126];

/// Names a seat.
type Name = u32;

/// What one seat does to the guest.
#[derive(Default, Debug)]
struct Hand {
    /// Keys that it holds, and on which scanout it pressed them.
    keys: BTreeMap<u16, usize>,
    buttons: BTreeMap<u16, usize>,
    /// Where its pointer is.
    place: Option<(usize, f64, f64)>,
}

/// All seats' hands.
#[derive(Default, Debug)]
pub(super) struct Hands {
    hands: BTreeMap<Name, Hand>,
    /// The seat whose modifiers count.
    active: Option<Name>,
    /// The seat whose pointer the guest's one is.
    pointing: Option<Name>,
    /// What is down at the guest.
    down: BTreeMap<u16, usize>,
}

impl Hands {
    /// A key of one seat changes. Repeats, and keys that were down before the focus came, are
    /// nothing.
    pub(super) fn key(
        &mut self,
        seat: Name,
        (scanout, code): (usize, u16),
        pressed: bool,
        told: &mut Vec<Told>,
    ) {
        let hand = self.hands.entry(seat).or_default();
        if pressed {
            hand.keys.entry(code).or_insert(scanout);
            self.active = Some(seat);
        } else {
            hand.keys.remove(&code);
        }
        self.settle(told);
    }

    /// The keyboard of a seat went elsewhere.
    pub(super) fn release_keys(&mut self, seat: Name, told: &mut Vec<Told>) {
        if let Some(hand) = self.hands.get_mut(&seat) {
            hand.keys.clear();
            self.settle(told);
        }
    }

    /// The pointer of a seat moved.
    pub(super) fn moved(
        &mut self,
        seat: Name,
        (scanout, x, y): (usize, f64, f64),
        told: &mut Vec<Told>,
    ) {
        self.hands.entry(seat).or_default().place = Some((scanout, x, y));
        if !self.is_taken(seat) {
            self.point(seat, told);
        }
    }

    /// The pointer of a seat, which is locked in its place, went so far.
    pub(super) fn went(
        &self,
        seat: Name,
        (scanout, dx, dy): (usize, i32, i32),
        told: &mut Vec<Told>,
    ) {
        if !self.is_taken(seat) {
            told.push(Told::Motion { scanout, dx, dy });
        }
    }

    /// A button of a seat's pointer changes.
    pub(super) fn button(
        &mut self,
        seat: Name,
        (scanout, code): (usize, u16),
        pressed: bool,
        told: &mut Vec<Told>,
    ) {
        if !pressed {
            if let Some(hand) = self.hands.get_mut(&seat) {
                hand.buttons.remove(&code);
            }
        } else if !self.act(seat, told) {
            return;
        } else if let Some(hand) = self.hands.get_mut(&seat) {
            hand.buttons.entry(code).or_insert(scanout);
        }
        self.settle(told);
    }

    /// A seat turns wheels: in 1/120 of a detent, up and to the right.
    pub(super) fn wheel(
        &mut self,
        seat: Name,
        (scanout, vertical, horizontal): (usize, i32, i32),
        told: &mut Vec<Told>,
    ) {
        if self.act(seat, told) {
            told.push(Told::Wheel { scanout, vertical, horizontal });
        }
    }

    /// The pointer of a seat is over no window any more.
    pub(super) fn release_pointer(&mut self, seat: Name, told: &mut Vec<Told>) {
        if let Some(hand) = self.hands.get_mut(&seat) {
            hand.buttons.clear();
            hand.place = None;
            self.settle(told);
        }
        if self.pointing == Some(seat) {
            self.pointing = None;
        }
    }

    /// A seat is gone.
    pub(super) fn remove(&mut self, seat: Name, told: &mut Vec<Told>) {
        self.release_pointer(seat, told);
        self.hands.remove(&seat);
        self.settle(told);
    }

    /// True when another seat holds a button.
    fn is_taken(&self, seat: Name) -> bool {
        self.hands.iter().any(|(name, hand)| *name != seat && !hand.buttons.is_empty())
    }

    /// A seat uses its pointer with its own modifiers and at its own place. False when it cannot.
    fn act(&mut self, seat: Name, told: &mut Vec<Told>) -> bool {
        if self.is_taken(seat) {
            return false;
        }
        if self.pointing != Some(seat) {
            self.point(seat, told);
        }
        self.hands.entry(seat).or_default();
        self.active = Some(seat);
        self.settle(told);
        true
    }

    fn point(&mut self, seat: Name, told: &mut Vec<Told>) {
        let place = self.hands.get(&seat).and_then(|hand| hand.place);
        if let Some((scanout, x, y)) = place {
            self.pointing = Some(seat);
            told.push(Told::Pointer { scanout, x, y });
        }
    }

    /// What should be down at the guest.
    fn wanted(&self) -> BTreeMap<u16, usize> {
        let mut wanted = BTreeMap::new();
        for (name, hand) in &self.hands {
            let counts = |code: &u16| self.active == Some(*name) || !MODIFIERS.contains(code);
            let keys = hand.keys.iter().filter(|(code, _)| counts(code));
            wanted.extend(keys.chain(&hand.buttons).map(|(code, scanout)| (*code, *scanout)));
        }
        wanted
    }

    /// Tells the guest what is different: what goes up, then modifiers, then the rest.
    fn settle(&mut self, told: &mut Vec<Told>) {
        let wanted = self.wanted();
        let before = std::mem::take(&mut self.down);
        let gone = before.iter().filter(|(code, _)| !wanted.contains_key(code));
        told.extend(gone.map(|(code, scanout)| Told::Key {
            scanout: *scanout,
            code: *code,
            pressed: false,
        }));
        let fresh: BTreeSet<(bool, u16, usize)> = wanted
            .iter()
            .filter(|(code, _)| !before.contains_key(code))
            .map(|(code, scanout)| (!MODIFIERS.contains(code), *code, *scanout))
            .collect();
        told.extend(fresh.into_iter().map(|(_, code, scanout)| Told::Key {
            scanout,
            code,
            pressed: true,
        }));
        self.down = wanted;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: u16 = 30;
    const B: u16 = 48;
    const CTRL: u16 = 29;
    const SHIFT: u16 = 42;
    const LEFT: u16 = 0x110;

    /// What the guest hears when a hand does something.
    fn heard(hands: &mut Hands, does: impl FnOnce(&mut Hands, &mut Vec<Told>)) -> Vec<String> {
        let mut told = Vec::new();
        does(hands, &mut told);
        let words = told.into_iter().map(|told| match told {
            Told::Key { code, pressed, .. } => format!("{}{code}", if pressed { '+' } else { '-' }),
            Told::Pointer { x, .. } => format!("@{x}"),
            Told::Wheel { vertical, .. } => format!("~{vertical}"),
            other => format!("{other:?}"),
        });
        words.collect()
    }

    fn key(hands: &mut Hands, seat: u32, code: u16, pressed: bool) -> Vec<String> {
        heard(hands, |hands, told| hands.key(seat, (0, code), pressed, told))
    }

    fn button(hands: &mut Hands, seat: u32, pressed: bool) -> Vec<String> {
        heard(hands, |hands, told| hands.button(seat, (0, LEFT), pressed, told))
    }

    fn moved(hands: &mut Hands, seat: u32, x: f64) -> Vec<String> {
        heard(hands, |hands, told| hands.moved(seat, (0, x, 0.0), told))
    }

    const NOTHING: [&str; 0] = [];

    #[test]
    fn a_key_goes_up_when_the_last_seat_lets_go() {
        let mut hands = Hands::default();
        assert_eq!(key(&mut hands, 1, A, true), ["+30"]);
        assert_eq!(key(&mut hands, 1, A, true), NOTHING, "a repeat");
        assert_eq!(key(&mut hands, 2, A, true), NOTHING);
        assert_eq!(key(&mut hands, 2, B, false), NOTHING, "never pressed");
        assert_eq!(key(&mut hands, 1, A, false), NOTHING);
        assert_eq!(heard(&mut hands, |h, told| h.release_keys(2, told)), ["-30"]);
    }

    #[test]
    fn nobodys_modifier_changes_what_another_types() {
        let mut hands = Hands::default();
        assert_eq!(key(&mut hands, 1, CTRL, true), ["+29"]);
        assert_eq!(key(&mut hands, 2, A, true), ["-29", "+30"]);
        assert_eq!(key(&mut hands, 2, A, false), ["-30"]);
        // The first one still holds it, and uses it.
        assert_eq!(key(&mut hands, 1, B, true), ["+29", "+48"]);
        assert_eq!(key(&mut hands, 2, SHIFT, true), ["-29", "+42"]);
        assert_eq!(key(&mut hands, 1, CTRL, false), NOTHING, "it was up already");
        assert_eq!(key(&mut hands, 1, B, false), ["-48"]);
        assert_eq!(heard(&mut hands, |h, told| h.remove(2, told)), ["-42"]);
    }

    #[test]
    fn a_click_has_the_modifiers_and_the_place_of_its_seat() {
        let mut hands = Hands::default();
        key(&mut hands, 1, SHIFT, true);
        assert_eq!(moved(&mut hands, 1, 0.25), ["@0.25"]);
        assert_eq!(moved(&mut hands, 2, 0.75), ["@0.75"]);
        assert_eq!(button(&mut hands, 1, true), ["@0.25", "+272"]);
        assert_eq!(button(&mut hands, 1, false), ["-272"]);
        let turned = heard(&mut hands, |h, told| h.wheel(2, (0, 120, 0), told));
        assert_eq!(turned, ["@0.75", "-42", "~120"]);
    }

    #[test]
    fn who_drags_is_not_disturbed() {
        let mut hands = Hands::default();
        moved(&mut hands, 1, 0.1);
        button(&mut hands, 1, true);
        assert_eq!(moved(&mut hands, 2, 0.9), NOTHING);
        assert_eq!(button(&mut hands, 2, true), NOTHING);
        assert_eq!(heard(&mut hands, |h, told| h.wheel(2, (0, 120, 0), told)), NOTHING);
        assert_eq!(moved(&mut hands, 1, 0.2), ["@0.2"]);
        assert_eq!(button(&mut hands, 2, false), NOTHING);
        assert_eq!(heard(&mut hands, |h, told| h.release_pointer(1, told)), ["-272"]);
        assert_eq!(button(&mut hands, 2, true), ["@0.9", "+272"]);
    }
}
