//! Pens and other tools of tablets: who hears of one, and what.
//!
//! A program that asks for pens hears of them as such, with pressure; for everybody else a pen is a pointer
//! whose left button is the tip. [`Pen`] decides event by event: who had the pen hears that it left, also
//! when events were lost, and whoever a tip or button went down on has the pen until all are up.

use std::collections::BTreeSet;

use crate::scene::Point;

#[cfg(test)]
mod tests;

/// What a tool is, as people see it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum ToolKind {
    /// A plain pen.
    Pen,
    /// The other end of one.
    Eraser,
    /// A brush.
    Brush,
    /// A pencil.
    Pencil,
    /// An airbrush, which has a slider.
    Airbrush,
    /// A mouse that knows its place on the tablet.
    Mouse,
    /// Such a mouse with a lens.
    Lens,
}

/// What a tool can tell beside its place and tip.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a thing that hardware has or lacks")]
pub struct Abilities {
    /// How hard it is pressed.
    pub pressure: bool,
    /// How far it is above the tablet.
    pub distance: bool,
    /// How it leans.
    pub tilt: bool,
    /// How it is turned.
    pub rotation: bool,
    /// A slider on it.
    pub slider: bool,
    /// A wheel on it.
    pub wheel: bool,
}

/// A tool, which is the same one again when all of this is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Tool {
    /// What it is.
    pub kind: ToolKind,
    /// Its own number, if it has one: it may then be used on several tablets.
    pub serial: Option<u64>,
    /// The maker's number for tools like it; 0 is none.
    pub model: u64,
    /// What it can tell.
    pub has: Abilities,
}

/// What a tool says beside its place; what it cannot tell is absent.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Axes {
    /// 0 to 1.
    pub pressure: Option<f64>,
    /// 0 to 1.
    pub distance: Option<f64>,
    /// Degrees from upright, to the right and down.
    pub tilt: Option<Point>,
    /// Degrees clockwise.
    pub rotation: Option<f64>,
    /// -1 to 1.
    pub slider: Option<f64>,
}

impl Axes {
    /// What of this is not as it was before.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        fn news<T: PartialEq + Copy>(now: Option<T>, before: Option<T>) -> Option<T> {
            now.filter(|_| now != before)
        }
        Self {
            pressure: news(self.pressure, before.pressure),
            distance: news(self.distance, before.distance),
            tilt: news(self.tilt, before.tilt),
            rotation: news(self.rotation, before.rotation),
            slider: news(self.slider, before.slider),
        }
    }
}

/// A turn of a tool's wheel.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Wheel {
    /// By how much.
    pub degrees: f64,
    /// By how many steps that can be felt.
    pub clicks: i32,
}

/// What a tool did, or that it only moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// It came near the tablet, moved, or its axes changed.
    Moved,
    /// Its tip went down or up.
    Tip(bool),
    /// A button of an evdev code went down or up.
    Button(u32, bool),
    /// It is not near the tablet any more.
    Left,
}

/// Who is to hear of a pen where it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Under<S> {
    /// A surface whose program asked for pens.
    Surface(S),
    /// Anybody else, or nobody: they have pointers only.
    Pointer,
}

/// What somebody is to be told.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Told<S> {
    /// The pen is over a surface from now on.
    In(S),
    /// It moved there.
    Motion(S),
    /// It says something else than before.
    Axes(S, Axes),
    /// Its wheel was turned.
    Wheel(S, Wheel),
    /// A person clicked on a surface, which is told next.
    Clicked(S),
    /// Its tip went down or up.
    Tip(S, bool),
    /// A button went down or up.
    Button(S, u32, bool),
    /// It is not over that surface any more.
    Out(S),
    /// What the surface was told belongs together.
    Frame(S),
    /// The pointer is where the pen is.
    Pointer,
    /// A button of the pointer, by its evdev code, went down or up.
    PointerButton(u32, bool),
    /// There is no pointer any more.
    PointerLeft,
}

/// `BTN_LEFT` of `linux/input-event-codes.h`.
const LEFT: u32 = 0x110;
/// `BTN_RIGHT`.
const RIGHT: u32 = 0x111;
/// `BTN_MIDDLE`.
const MIDDLE: u32 = 0x112;
/// `BTN_SIDE`.
const SIDE: u32 = 0x113;
/// `BTN_STYLUS3`.
const STYLUS_3: u32 = 0x149;
/// `BTN_STYLUS`.
const STYLUS: u32 = 0x14b;
/// `BTN_STYLUS2`.
const STYLUS_2: u32 = 0x14c;

/// Buttons of one tool that are held at a time: more than any has.
const MOST_HELD: usize = 16;

/// The button of a pointer that a button of a pen is.
const fn as_pointers(code: u32) -> u32 {
    match code {
        STYLUS => RIGHT,
        STYLUS_2 => MIDDLE,
        STYLUS_3 => SIDE,
        code => code,
    }
}

/// What is held of a tool.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Part {
    Tip,
    Button(u32),
}

/// Who has a pen.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
enum Focus<S> {
    /// It is not near the tablet, or who had it is gone while something is held.
    #[default]
    Nobody,
    Surface(S),
    Pointer,
}

/// One tool near a tablet.
#[derive(Clone, PartialEq, Debug)]
pub struct Pen<S> {
    focus: Focus<S>,
    held: BTreeSet<Part>,
    told: Axes,
    near: bool,
}

impl<S> Default for Pen<S> {
    fn default() -> Self {
        Self { focus: Focus::Nobody, held: BTreeSet::new(), told: Axes::default(), near: false }
    }
}

impl<S: Clone + PartialEq> Pen<S> {
    /// The surface that has it.
    #[must_use]
    pub const fn surface(&self) -> Option<&S> {
        match &self.focus {
            Focus::Surface(surface) => Some(surface),
            Focus::Nobody | Focus::Pointer => None,
        }
    }

    /// Whether its tip or a button is down: who has it then keeps it.
    #[must_use]
    pub fn is_held(&self) -> bool {
        !self.held.is_empty()
    }

    /// Whether it is near a tablet.
    #[must_use]
    pub const fn is_near(&self) -> bool {
        self.near
    }

    /// It did something, and says this now. `under` is who is to hear of it where it is.
    pub fn act(
        &mut self,
        action: Action,
        (axes, wheel): (&Axes, Option<Wheel>),
        under: &Under<S>,
    ) -> Vec<Told<S>> {
        let mut told = Vec::new();
        if action == Action::Left {
            self.leave(&mut told);
            return told;
        }
        // A tool that does something is near, whatever was lost.
        self.near = true;
        let entered = self.find(under, axes, &mut told);
        match &self.focus {
            Focus::Surface(surface) => {
                let news = axes.since(&self.told);
                if !entered {
                    told.push(Told::Motion(surface.clone()));
                }
                if news != Axes::default() {
                    told.push(Told::Axes(surface.clone(), news));
                }
                told.extend(wheel.map(|wheel| Told::Wheel(surface.clone(), wheel)));
                self.told = *axes;
            }
            Focus::Pointer if !entered => told.push(Told::Pointer),
            Focus::Pointer | Focus::Nobody => {}
        }
        match action {
            Action::Tip(down) => self.press(Part::Tip, down, &mut told),
            Action::Button(code, down) => self.press(Part::Button(code), down, &mut told),
            Action::Moved | Action::Left => {}
        }
        told.extend(self.surface().cloned().map(Told::Frame));
        // Where it was held it may not be any more.
        told.extend(self.look(axes, under));
        told
    }

    /// Somebody else may be under it, though it did nothing.
    pub fn look(&mut self, axes: &Axes, under: &Under<S>) -> Vec<Told<S>> {
        let mut told = Vec::new();
        if self.near && self.find(under, axes, &mut told) {
            told.extend(self.surface().cloned().map(Told::Frame));
        }
        told
    }

    /// Surfaces are shown no more, or gone: who has the pen there lets go of it.
    pub fn lost(&mut self, is_lost: impl Fn(&S) -> bool) -> Vec<Told<S>> {
        let mut told = Vec::new();
        if self.surface().is_some_and(is_lost) {
            // What is held is held still; nobody hears when it is let go of.
            let held = self.held.clone();
            self.release(&mut told);
            self.held = held;
        }
        told
    }

    /// Gives the pen to who is under it, unless somebody holds it; whether that is somebody else.
    fn find(&mut self, under: &Under<S>, axes: &Axes, told: &mut Vec<Told<S>>) -> bool {
        let same = match (&self.focus, under) {
            (Focus::Surface(surface), Under::Surface(under)) => surface == under,
            (Focus::Pointer, Under::Pointer) => true,
            _ => false,
        };
        if same || self.is_held() {
            return false;
        }
        // What was the pointer becomes the pen, and is not gone.
        if self.focus != Focus::Pointer {
            self.release(told);
        }
        match under {
            Under::Surface(surface) => {
                self.focus = Focus::Surface(surface.clone());
                told.push(Told::In(surface.clone()));
                told.push(Told::Motion(surface.clone()));
                if *axes != Axes::default() {
                    told.push(Told::Axes(surface.clone(), *axes));
                }
                self.told = *axes;
            }
            Under::Pointer => {
                self.focus = Focus::Pointer;
                told.push(Told::Pointer);
            }
        }
        true
    }

    fn press(&mut self, part: Part, down: bool, told: &mut Vec<Told<S>>) {
        let first = !self.is_held();
        let news = if down {
            self.held.len() < MOST_HELD && self.held.insert(part)
        } else {
            self.held.remove(&part)
        };
        if !news {
            return;
        }
        match &self.focus {
            Focus::Surface(surface) => {
                if down && first {
                    told.push(Told::Clicked(surface.clone()));
                }
                told.push(part_of(surface, part, down));
            }
            Focus::Pointer => told.push(pointers(part, down)),
            Focus::Nobody => {}
        }
    }

    /// Who has it hears that all that is held is let go of, and that it is elsewhere.
    fn release(&mut self, told: &mut Vec<Told<S>>) {
        let held = std::mem::take(&mut self.held);
        match std::mem::take(&mut self.focus) {
            Focus::Nobody => {}
            Focus::Pointer => {
                told.extend(held.into_iter().map(|part| pointers(part, false)));
                told.push(Told::PointerLeft);
            }
            Focus::Surface(surface) => {
                told.extend(held.into_iter().map(|part| part_of(&surface, part, false)));
                told.push(Told::Out(surface.clone()));
                told.push(Told::Frame(surface));
            }
        }
    }

    fn leave(&mut self, told: &mut Vec<Told<S>>) {
        self.release(told);
        self.near = false;
        self.told = Axes::default();
    }
}

fn part_of<S: Clone>(surface: &S, part: Part, down: bool) -> Told<S> {
    match part {
        Part::Tip => Told::Tip(surface.clone(), down),
        Part::Button(code) => Told::Button(surface.clone(), code, down),
    }
}

const fn pointers<S>(part: Part, down: bool) -> Told<S> {
    match part {
        Part::Tip => Told::PointerButton(LEFT, down),
        Part::Button(code) => Told::PointerButton(as_pointers(code), down),
    }
}
