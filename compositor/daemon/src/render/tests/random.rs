//! Random scenes that change step by step: after each, the port's picture is what WFD's formulas make
//! of the whole scene, however little of it was painted.

use std::{cell::RefCell, sync::Arc};

use porthole_core::{
    Color,
    model::ColorKey,
    plan::Planner,
    scene::{Blend, Element, ElementMask, Filter, Mapping, Point, SourceRect, Transform},
};
use porthole_pixel::{Format, Rect, Region, Size};
use proptest::{prelude::*, test_runner::TestRunner};

use super::{gles::gpu, noise, words};
use crate::{
    protocols::shm::Pixels,
    render::{Canvas, Draw, DrawMask, FramePlan, mask::Coverage},
};

const PORT: Size = Size { width: 48, height: 36 };
const KEY: Color = Color { red: 255, green: 0, blue: 255 };

/// How one element looks.
#[derive(Clone, Debug)]
struct Look {
    format: Format,
    /// Of the part that is shown, which begins at the second pixel of the third row.
    size: (u32, u32),
    at: (i32, i32),
    /// Port pixels for each source pixel, across and down.
    scale: i32,
    transform: Transform,
    opacity: f32,
    source_alpha: bool,
    keyed: bool,
    masked: bool,
    /// Counted from the corner of the destination.
    hole: Vec<Rect>,
    /// A rectangle of the port.
    clip: Option<Rect>,
}

/// An element with its content.
#[derive(Clone, Debug)]
struct Item {
    id: u64,
    serial: u64,
    look: Look,
    words: Vec<u32>,
    /// Source pixels that changed since it was last planned.
    changed: Option<Rect>,
}

/// The corner of the shown part.
const CORNER: (u32, u32) = (1, 2);

impl Look {
    fn buffer(&self) -> Size {
        Size::new(self.size.0 + CORNER.0 + 1, self.size.1 + CORNER.1)
    }

    fn mapping(&self) -> Mapping {
        let side = |v: u32| i32::try_from(v).unwrap() * self.scale;
        let (width, height) = (side(self.size.0), side(self.size.1));
        let (width, height) =
            if self.transform.swaps_sides() { (height, width) } else { (width, height) };
        Mapping {
            source: SourceRect::new(
                f64::from(CORNER.0),
                f64::from(CORNER.1),
                f64::from(self.size.0),
                f64::from(self.size.1),
            ),
            destination: Rect::new(self.at.0, self.at.1, width, height),
            transform: self.transform,
        }
    }

    fn hole(&self) -> Region {
        let to = self.mapping().destination;
        let holes: Region = self.hole.iter().map(|r| r.translate(to.x, to.y)).collect();
        holes.intersect(to)
    }

    fn clip(&self) -> Rect {
        self.clip.unwrap_or(self.mapping().destination)
    }

    fn coverage(&self) -> Coverage {
        let size = self.mapping().destination.size();
        let bytes = noise(7).skip(3).take(usize::try_from(size.area()).unwrap());
        Coverage::new(size, bytes.map(|w| w.to_le_bytes()[2]).collect()).unwrap()
    }

    /// Pixels of the destination that nothing shows through, if the content is opaque there.
    fn is_opaque(&self) -> bool {
        !self.source_alpha || !self.format.has_alpha()
    }
}

impl Item {
    fn new(id: u64, look: Look, seed: u32) -> Self {
        let size = look.buffer();
        let keyed = look.keyed;
        let words = noise(seed).skip(5).take(usize::try_from(size.area()).unwrap());
        // Premultiplied, and now and then the key.
        let words = words.map(|word| {
            let [a, r, g, b] = word.to_be_bytes();
            let part = |c: u8| u8::try_from(u16::from(c) * u16::from(a) / 255).unwrap();
            let plain = u32::from_be_bytes([a, part(r), part(g), part(b)]);
            if keyed && word % 5 == 0 { KEY.argb() } else { plain }
        });
        Self { id, serial: 1, words: words.collect(), look, changed: None }
    }

    /// Draws noise into a part of the content.
    fn scribble(&mut self, part: Rect, seed: u32) {
        let buffer = self.look.buffer();
        let Some(part) = part.intersect(Rect::from_size(buffer)) else { return };
        for (y, x) in
            (part.y..part.bottom()).flat_map(|y| (part.x..part.right()).map(move |x| (y, x)))
        {
            let at = y.unsigned_abs() * buffer.width + x.unsigned_abs();
            self.words[at as usize] = noise(seed.wrapping_add(at)).nth(2).unwrap() | 0xff00_0000;
        }
        self.serial += 1;
        self.changed = Some(self.changed.map_or(part, |before| before.union(part)));
    }

    fn element(&self) -> Element {
        let look = &self.look;
        let mapping = look.mapping();
        let damage = self.changed.and_then(|part| mapping.damage_to_port(part, Filter::Nearest));
        Element {
            id: self.id,
            serial: self.serial,
            source: mapping.source,
            destination: mapping.destination,
            clip: look.clip(),
            transform: look.transform,
            filter: Filter::Nearest,
            opacity: look.opacity,
            blend: Blend {
                source_alpha: look.source_alpha,
                key: look.keyed.then(|| ColorKey::rgb888(KEY)),
            },
            mask: look.masked.then_some(ElementMask { id: 1, area: mapping.destination }),
            hole: look.hole(),
            opaque: if look.is_opaque() {
                Region::from_rect(mapping.destination)
            } else {
                Region::new()
            },
            damage: damage.map(Region::from_rect).unwrap_or_default(),
        }
    }

    fn draw(&self, clip: Region) -> Draw {
        let look = &self.look;
        let pixels = Pixels::owned(look.format, look.buffer(), self.words.clone()).unwrap();
        let mapping = look.mapping();
        let origin = (mapping.destination.x, mapping.destination.y);
        let mask = || DrawMask { coverage: Arc::new(look.coverage()), origin };
        Draw {
            pixels: Arc::new(pixels),
            mapping,
            filter: Filter::Nearest,
            opacity: look.opacity,
            source_alpha: look.source_alpha,
            key: look.keyed.then(|| KEY.argb()),
            mask: look.masked.then(mask),
            clip,
        }
    }

    /// What a pixel becomes, and how far from it a rounded one may be.
    fn over(
        &self,
        (x, y): (i32, i32),
        below: ([f64; 3], f64),
        coverage: &Coverage,
        rounding: f64,
    ) -> ([f64; 3], f64) {
        let look = &self.look;
        let mapping = look.mapping();
        let to = mapping.destination;
        if !to.contains(x, y) || !look.clip().contains(x, y) || look.hole().contains(x, y) {
            return below;
        }
        let from = mapping.to_source(Point { x: f64::from(x) + 0.5, y: f64::from(y) + 0.5 });
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "inside")]
        let at = from.y as usize * look.buffer().width as usize + from.x as usize;
        let [r, g, b, a] = look.format.rgba(&self.words[at].to_le_bytes()).unwrap();
        if look.keyed && [a, r, g, b] == KEY.argb().to_be_bytes() {
            return below;
        }
        let alpha = if look.source_alpha { f64::from(a) / 255.0 } else { 1.0 };
        let global = (f64::from(look.opacity) * 255.0).round() / 255.0;
        let of_mask = DrawMask { coverage: Arc::new(coverage.clone()), origin: (to.x, to.y) };
        let mask = of_mask.row(Rect::new(x, y, 1, 1), y).map_or(0.0, |m| f64::from(m[0]) / 255.0);
        let factor = if look.masked { global * mask } else { global };
        let kept = 1.0 - alpha * factor;
        let mixed = [r, g, b].map(f64::from);
        let colour = std::array::from_fn(|c| (mixed[c] * factor + below.0[c] * kept).min(255.0));
        let exact = (factor == 1.0 && alpha == 1.0) || factor == 0.0;
        (colour, below.1 * kept + if exact { 0.0 } else { rounding })
    }
}

fn check(
    canvas: &Canvas,
    items: &[Item],
    background: Color,
    rounding: f64,
) -> Result<(), TestCaseError> {
    let coverages: Vec<Coverage> = items.iter().map(|item| item.look.coverage()).collect();
    let start = [background.red, background.green, background.blue].map(f64::from);
    for (index, word) in (0_i32..).zip(words(canvas)) {
        let at = (index % 48, index / 48);
        let (want, error) = items
            .iter()
            .zip(&coverages)
            .fold((start, 0.0), |below, (item, mask)| item.over(at, below, mask, rounding));
        let [_, r, g, b] = word.to_be_bytes();
        for (got, want) in [r, g, b].into_iter().zip(want) {
            let off = (f64::from(got) - want).abs();
            prop_assert!(
                off <= error.min(2.0) + 1e-9,
                "{at:?} is {word:08x}, not {want}: off by {off}"
            );
        }
    }
    Ok(())
}

/// What happens to a scene between two frames.
#[derive(Clone, Debug)]
enum Step {
    Add(Look, u32, usize),
    Remove(usize),
    Change(usize, Look),
    Scribble(usize, Rect, u32),
    Raise(usize),
    Background(u8),
}

fn rect() -> impl Strategy<Value = Rect> {
    (-4..20_i32, -4..20_i32, 1..16_i32, 1..16_i32).prop_map(|(x, y, w, h)| Rect::new(x, y, w, h))
}

fn look() -> impl Strategy<Value = Look> {
    let shape = (
        (1..30_u32, 1..24_u32),
        (-10..40_i32, -10..30_i32),
        prop_oneof![3 => Just(1), 1 => 2..4_i32],
        prop::sample::select(Transform::ALL.to_vec()),
    );
    let blend = (
        prop::sample::select(vec![
            Format::Argb8888,
            Format::Xrgb8888,
            Format::Abgr8888,
            Format::Bgrx8888,
        ]),
        prop_oneof![3 => Just(1.0_f32), 1 => 0.0..1.0_f32],
        any::<bool>(),
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.2),
    );
    let cuts = (
        prop_oneof![2 => Just(Vec::new()), 1 => prop::collection::vec(rect(), 1..4)],
        prop::option::weighted(0.2, rect()),
    );
    (shape, blend, cuts).prop_map(|(shape, blend, cuts)| {
        let (size, at, scale, transform) = shape;
        let (format, opacity, source_alpha, keyed, masked) = blend;
        let (hole, clip) = cuts;
        Look {
            format,
            size,
            at,
            scale,
            transform,
            opacity,
            source_alpha,
            keyed,
            masked,
            hole,
            clip,
        }
    })
}

fn step() -> impl Strategy<Value = Step> {
    let any_index = 0..8_usize;
    prop_oneof![
        3 => (look(), any::<u32>(), any_index.clone()).prop_map(|(l, s, i)| Step::Add(l, s, i)),
        1 => any_index.clone().prop_map(Step::Remove),
        2 => (any_index.clone(), look()).prop_map(|(i, l)| Step::Change(i, l)),
        4 => (any_index.clone(), rect(), any::<u32>()).prop_map(|(i, r, s)| Step::Scribble(i, r, s)),
        1 => any_index.prop_map(Step::Raise),
        1 => any::<u8>().prop_map(Step::Background),
    ]
}

fn apply(items: &mut Vec<Item>, background: &mut Color, next: &mut u64, step: Step) {
    let index = |i: usize, items: &[Item]| i % items.len().max(1);
    match step {
        Step::Add(look, seed, at) => {
            *next += 1;
            items.insert(at.min(items.len()), Item::new(*next, look, seed));
            items.truncate(6);
        }
        Step::Background(shade) => background.green = shade,
        _ if items.is_empty() => {}
        Step::Remove(i) => {
            items.remove(index(i, items));
        }
        Step::Change(i, look) => {
            let i = index(i, items);
            // The same content, seen otherwise.
            let old = &items[i].look;
            let look = Look { format: old.format, size: old.size, ..look };
            items[i].look = look;
        }
        Step::Scribble(i, part, seed) => {
            let i = index(i, items);
            items[i].scribble(part, seed);
        }
        Step::Raise(i) => {
            let item = items.remove(index(i, items));
            items.push(item);
        }
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..12)
}

/// Plays a scene and looks at the picture after each step. Each blended layer may be `rounding` away from
/// its formula, all of them 2, and nothing where nothing blends.
fn play(
    steps: Vec<Step>,
    rounding: f64,
    mut draw: impl FnMut(&mut Canvas, &FramePlan),
) -> Result<(), TestCaseError> {
    let mut planner = Planner::new(PORT);
    let mut canvas = Canvas::new(PORT, Color::BLACK);
    let (mut items, mut background, mut next) = (Vec::new(), Color::BLACK, 0);
    for step in steps {
        apply(&mut items, &mut background, &mut next, step);
        let elements: Vec<Element> = items.iter().map(Item::element).collect();
        let plan = planner.plan(&elements, background);
        let draws = plan.composition.draws.into_iter();
        let frame = FramePlan {
            serial: Some(1),
            size: PORT,
            background,
            clear: plan.composition.clear,
            draws: draws.map(|draw| items[draw.element].draw(draw.clip)).collect(),
            painted: plan.damage,
            gamma: None,
            direct: None,
            screen: None,
            captures: Vec::new(),
            views: Vec::new(),
            to_sign: Vec::new(),
        };
        draw(&mut canvas, &frame);
        check(&canvas, &items, background, rounding)?;
        items.iter_mut().for_each(|item| item.changed = None);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn random_scenes_look_as_the_formulas_say(steps in steps()) {
        play(steps, 0.52, |canvas, plan| {
            canvas.draw(plan);
        })?;
    }
}

#[test]
fn random_scenes_look_the_same_from_a_gpu() {
    let gpu = RefCell::new(gpu());
    let outcome = TestRunner::new(ProptestConfig::with_cases(400)).run(&steps(), |steps| {
        play(steps, 1.52, |canvas, plan| {
            let written = gpu.borrow_mut().draw(canvas, plan).unwrap();
            let clips: u64 = plan.draws.iter().map(|draw| draw.clip.area()).sum();
            assert_eq!(written, Some((plan.clear.area() + clips) * 4));
        })
    });
    outcome.unwrap();
}
