use proptest::prelude::*;

use super::{Action, Axes, Pen, Told, Under};

/// Two surfaces whose programs ask for pens are 1 and 2.
type Under1 = Under<u32>;

const HALF: Axes =
    Axes { pressure: Some(0.5), distance: None, tilt: None, rotation: None, slider: None };
const ONE: Under1 = Under::Surface(1);
const TWO: Under1 = Under::Surface(2);

fn act(pen: &mut Pen<u32>, action: Action, under: Under1) -> Vec<Told<u32>> {
    pen.act(action, (&HALF, None), &under)
}

#[test]
fn a_program_that_asked_hears_of_a_pen_as_such() {
    let mut pen = Pen::default();
    let told = act(&mut pen, Action::Moved, ONE);
    assert_eq!(told, [Told::In(1), Told::Motion(1), Told::Axes(1, HALF), Told::Frame(1)]);
    // What is as before is not told again.
    let told = act(&mut pen, Action::Tip(true), ONE);
    let clicked = [Told::Motion(1), Told::Clicked(1), Told::Tip(1, true), Told::Frame(1)];
    assert_eq!(told, clicked);
    let harder = Axes { pressure: Some(0.75), ..HALF };
    let told = pen.act(Action::Moved, (&harder, None), &ONE);
    assert_eq!(told, [Told::Motion(1), Told::Axes(1, harder), Told::Frame(1)]);
}

#[test]
fn others_have_a_pointer_with_buttons() {
    let mut pen = Pen::default();
    assert_eq!(act(&mut pen, Action::Moved, Under::Pointer), [Told::Pointer]);
    let told = act(&mut pen, Action::Tip(true), Under::Pointer);
    assert_eq!(told, [Told::Pointer, Told::PointerButton(0x110, true)]);
    let buttons = [(0x14b, 0x111), (0x14c, 0x112), (0x149, 0x113)];
    for (pens, pointers) in buttons {
        let told = act(&mut pen, Action::Button(pens, true), Under::Pointer);
        assert_eq!(told, [Told::Pointer, Told::PointerButton(pointers, true)]);
    }
}

#[test]
fn what_is_held_is_let_go_of_when_it_leaves_though_events_were_lost() {
    let mut pen = Pen::default();
    act(&mut pen, Action::Tip(true), ONE);
    act(&mut pen, Action::Button(0x14b, true), ONE);
    let told = act(&mut pen, Action::Left, ONE);
    let up = [Told::Tip(1, false), Told::Button(1, 0x14b, false), Told::Out(1), Told::Frame(1)];
    assert_eq!(told, up);
    // Nothing is told twice.
    assert_eq!(act(&mut pen, Action::Left, ONE), []);

    act(&mut pen, Action::Tip(true), Under::Pointer);
    let told = act(&mut pen, Action::Left, Under::Pointer);
    assert_eq!(told, [Told::PointerButton(0x110, false), Told::PointerLeft]);
}

#[test]
fn who_was_clicked_has_the_pen_until_all_is_up() {
    let mut pen = Pen::default();
    act(&mut pen, Action::Tip(true), ONE);
    assert_eq!(act(&mut pen, Action::Moved, TWO), [Told::Motion(1), Told::Frame(1)]);
    assert_eq!(act(&mut pen, Action::Moved, Under::Pointer), [Told::Motion(1), Told::Frame(1)]);
    let told = act(&mut pen, Action::Tip(false), TWO);
    let moved = [Told::Motion(1), Told::Tip(1, false), Told::Frame(1), Told::Out(1)];
    assert_eq!(told.get(..4), Some(&moved[..]));
    assert_eq!(told.get(4..6), Some(&[Told::Frame(1), Told::In(2)][..]));
    // The same where it began as a pointer.
    let mut pen = Pen::default();
    act(&mut pen, Action::Tip(true), Under::Pointer);
    assert_eq!(act(&mut pen, Action::Moved, ONE), [Told::Pointer]);
    let told = act(&mut pen, Action::Tip(false), ONE);
    let up = [Told::Pointer, Told::PointerButton(0x110, false), Told::In(1)];
    assert_eq!(told.get(..3), Some(&up[..]));
}

#[test]
fn a_surface_that_goes_takes_what_is_held_with_it() {
    let mut pen = Pen::default();
    act(&mut pen, Action::Tip(true), ONE);
    let told = pen.lost(|surface| *surface == 1);
    assert_eq!(told, [Told::Tip(1, false), Told::Out(1), Told::Frame(1)]);
    // Nobody else finds a tip that is down already.
    assert_eq!(act(&mut pen, Action::Moved, TWO), []);
    let told = act(&mut pen, Action::Tip(false), TWO);
    assert_eq!(told.first(), Some(&Told::In(2)));
    assert_eq!(pen.lost(|surface| *surface == 1), []);
}

#[derive(Clone, Debug)]
enum Op {
    Act(Action, Under1),
    Look(Under1),
    Lost(u32),
}

fn ops() -> impl Strategy<Value = Op> {
    let under = prop_oneof![Just(ONE), Just(TWO), Just(Under::Pointer)];
    let action = prop_oneof![
        Just(Action::Moved),
        any::<bool>().prop_map(Action::Tip),
        (0x14b_u32..0x170, any::<bool>()).prop_map(|(code, down)| Action::Button(code, down)),
        Just(Action::Left),
    ];
    prop_oneof![
        8 => (action, under.clone()).prop_map(|(action, under)| Op::Act(action, under)),
        2 => under.prop_map(Op::Look),
        1 => (1_u32..3).prop_map(Op::Lost),
    ]
}

/// What somebody who hears of a pen knows.
#[derive(Default)]
struct Heard {
    on: Option<u32>,
    held: Vec<Option<u32>>,
    unframed: bool,
    pointer: bool,
    buttons: Vec<u32>,
}

impl Heard {
    fn part(&mut self, on: u32, part: Option<u32>, down: bool) {
        assert_eq!(self.on, Some(on));
        assert_eq!(self.held.contains(&part), !down, "{part:?}");
        if down { self.held.push(part) } else { self.held.retain(|held| *held != part) }
    }

    fn hear(&mut self, told: Told<u32>) {
        match told {
            Told::In(on) => {
                assert_eq!(self.on, None);
                assert!(!self.unframed && self.held.is_empty() && self.buttons.is_empty());
                (self.on, self.pointer) = (Some(on), false);
            }
            Told::Motion(on) | Told::Axes(on, _) | Told::Wheel(on, _) | Told::Clicked(on) => {
                assert_eq!(self.on, Some(on));
            }
            Told::Tip(on, down) => self.part(on, None, down),
            Told::Button(on, code, down) => self.part(on, Some(code), down),
            Told::Out(on) => {
                assert_eq!(self.on.take(), Some(on));
                assert!(self.held.is_empty());
            }
            Told::Frame(_) => assert!(self.unframed),
            Told::Pointer => {
                assert_eq!(self.on, None);
                self.pointer = true;
            }
            Told::PointerButton(code, down) => {
                assert!(self.pointer);
                assert_eq!(self.buttons.contains(&code), !down);
                if down {
                    self.buttons.push(code);
                } else {
                    self.buttons.retain(|held| *held != code);
                }
            }
            Told::PointerLeft => {
                assert!(std::mem::take(&mut self.pointer) && self.buttons.is_empty());
            }
        }
        let about_pointer =
            matches!(told, Told::Pointer | Told::PointerButton(..) | Told::PointerLeft);
        assert!(!about_pointer || !self.unframed);
        self.unframed = !about_pointer && !matches!(told, Told::Frame(_));
    }
}

proptest! {
    #[test]
    fn whatever_happens_everybody_hears_a_story_that_is_whole(
        ops in prop::collection::vec(ops(), 0..64)
    ) {
        let (mut pen, mut heard) = (Pen::default(), Heard::default());
        let last = Op::Act(Action::Left, Under::Pointer);
        for op in ops.into_iter().chain([last]) {
            let told = match op {
                Op::Act(action, under) => pen.act(action, (&HALF, None), &under),
                Op::Look(under) => pen.look(&HALF, &under),
                Op::Lost(surface) => pen.lost(|on| *on == surface),
            };
            told.into_iter().for_each(|told| heard.hear(told));
            assert!(!heard.unframed);
        }
        assert!(heard.on.is_none() && !heard.pointer && !pen.is_near() && !pen.is_held());
    }
}
