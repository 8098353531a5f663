//! Layers on a port of 64 x 48, and a slow picture of them written from WFD's formulas.

use std::fmt::Write as _;
use std::path::PathBuf;

use porthole_tests::{
    Result, Service,
    demo::statistics,
    program::{Buffer, Program, Toplevel},
};
use wayland_client::protocol::wl_shm::Format;

use crate::wayland_scene::{picture, show};

pub(crate) const PORT: (u32, u32) = (64, 48);
pub(crate) const BACK: u32 = 0x10_2030;

/// Mirrored left to right, flipped top to bottom, turned clockwise by degrees; in this order.
pub(crate) type Turn = (bool, bool, u32);
/// Upright.
pub(crate) const UPRIGHT: Turn = (false, false, 0);

/// A mask: how much of each pixel of the layer's rectangle is seen.
pub(crate) type MaskOf = fn(u32, u32) -> u8;

/// A layer that is one window of a program.
#[derive(Clone)]
pub(crate) struct Layer {
    /// On the port, or on the port as it was before it was turned.
    pub(crate) rect: [i32; 4],
    /// Of the window's buffer.
    pub(crate) size: (u32, u32),
    pub(crate) format: Format,
    pub(crate) words: fn(u32, u32) -> u32,
    pub(crate) turn: Turn,
    pub(crate) filter: &'static str,
    /// Whether the buffer's alpha counts.
    pub(crate) alpha: bool,
    pub(crate) opacity: f64,
    pub(crate) key: Option<u32>,
    pub(crate) mask: Option<(MaskOf, PathBuf)>,
    pub(crate) hole: Vec<[i32; 4]>,
}

impl Layer {
    pub(crate) fn new(rect: [i32; 4], words: fn(u32, u32) -> u32) -> Self {
        let side = |v: i32| u32::try_from(v).unwrap_or(0);
        Self {
            rect,
            size: (side(rect[2]), side(rect[3])),
            format: Format::Xrgb8888,
            words,
            turn: UPRIGHT,
            filter: "nearest",
            alpha: true,
            opacity: 1.0,
            key: None,
            mask: None,
            hole: Vec::new(),
        }
    }

    fn configuration(&self, index: usize) -> String {
        let (mirror, flip, rotation) = self.turn;
        let mut text = format!(
            "[[layer]]\nname = \"l{index}\"\nport = \"main\"\nsocket = \"viewer\"\n\
             app_id = \"org.porthole.l{index}\"\nrect = {:?}\norder = {index}\nlead = \"none\"\n\
             mirror = {mirror}\nflip = {flip}\nrotation = {rotation}\nfilter = \"{}\"\n\
             opacity = {:?}\nhole = {:?}\n",
            self.rect, self.filter, self.opacity, self.hole
        );
        if !self.alpha {
            text.push_str("alpha = \"ignore\"\n");
        }
        if let Some(key) = self.key {
            let _ = writeln!(text, "key = \"#{key:06x}\"");
        }
        if let Some((_, file)) = &self.mask {
            let _ = writeln!(text, "mask = {:?}", file.display().to_string());
        }
        text
    }

    /// What the layer makes of a pixel that shows `below`.
    fn over(&self, (x, y): (i32, i32), below: [f64; 3]) -> [f64; 3] {
        let [left, top, width, height] = self.rect;
        let (u, v) = (x - left, y - top);
        let inside = |[hx, hy, w, h]: [i32; 4]| u >= hx && u < hx + w && v >= hy && v < hy + h;
        if !inside([0, 0, width, height]) || self.hole.iter().any(|hole| inside(*hole)) {
            return below;
        }
        let (sx, sy) = source((u, v), (width, height), self.size, self.turn);
        let stored = (self.words)(sx, sy);
        let [mut a, r, g, b] = stored.to_be_bytes();
        if self.format != Format::Argb8888 {
            a = 255;
        }
        if a == 255 && self.key == Some(stored & 0xff_ffff) {
            return below;
        }
        let s = [r, g, b].map(f64::from);
        let global = (self.opacity * 255.0).round() / 255.0;
        let mask = self.mask.as_ref().map(|(of, _)| {
            f64::from(of(u32::try_from(u).unwrap_or(0), u32::try_from(v).unwrap_or(0))) / 255.0
        });
        let alpha = f64::from(a) / 255.0;
        let formula = |s: f64, d: f64| match (self.alpha, self.opacity < 1.0, mask) {
            (false, false, None) => s,
            (false, true, None) => s * global + d * (1.0 - global),
            (true, false, None) => s + d * (1.0 - alpha),
            (false, false, Some(m)) => s * m + d * (1.0 - m),
            (true, true, None) => s * global + d * (1.0 - alpha * global),
            (false, true, Some(m)) => s * m * global + d * (1.0 - m * global),
            (true, false, Some(m)) => s * m + d * (1.0 - alpha * m),
            (true, true, Some(m)) => s * global * m + d * (1.0 - alpha * global * m),
        };
        std::array::from_fn(|c| formula(s[c], below[c]))
    }
}

/// The source pixel that is nearest to the middle of a pixel of a rectangle.
fn source((u, v): (i32, i32), to: (i32, i32), from: (u32, u32), turn: Turn) -> (u32, u32) {
    let (mirror, flip, rotation) = turn;
    let part = |at: i32, of: i32| (f64::from(at) + 0.5) / f64::from(of);
    let (x, y) = (part(u, to.0), part(v, to.1));
    let (x, y) = match rotation {
        90 => (y, 1.0 - x),
        180 => (1.0 - x, 1.0 - y),
        270 => (1.0 - y, x),
        _ => (x, y),
    };
    let x = if mirror { 1.0 - x } else { x };
    let y = if flip { 1.0 - y } else { y };
    // The middle between two pixels belongs to the first.
    let pixel = |part: f64, of: u32| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a pixel")]
        let pixel = (part * f64::from(of) - 1e-4).floor() as u32;
        pixel.min(of - 1)
    };
    (pixel(x, from.0), pixel(y, from.1))
}

/// The port's picture, not rounded.
pub(crate) fn reference(layers: &[Layer], port: Turn) -> Vec<[f64; 3]> {
    reference_of(PORT, layers, port)
}

/// The same for a port of any size.
pub(crate) fn reference_of(size: (u32, u32), layers: &[Layer], port: Turn) -> Vec<[f64; 3]> {
    let (width, height) = (size.0.cast_signed(), size.1.cast_signed());
    let area = if port.2.is_multiple_of(180) { size } else { (size.1, size.0) };
    let background: [f64; 3] = [16.0, 32.0, 48.0];
    let mut picture = Vec::new();
    for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
        let (ax, ay) = source((x, y), (width, height), area, port);
        let at = (i32::try_from(ax).unwrap_or(0), i32::try_from(ay).unwrap_or(0));
        picture.push(layers.iter().fold(background, |below, layer| layer.over(at, below)));
    }
    picture
}

/// Compares every channel; none may be further away than this.
pub(crate) fn expect_near(seen: &[u32], want: &[[f64; 3]], tolerance: f64, name: &str) {
    let mut wrong = Vec::new();
    for (index, (word, want)) in seen.iter().zip(want).enumerate() {
        let [_, r, g, b] = word.to_be_bytes();
        let far = |(got, want): (u8, f64)| (f64::from(got) - want).abs() > tolerance;
        if [(r, want[0]), (g, want[1]), (b, want[2])].into_iter().any(far) {
            wrong.push(format!("{},{} is {word:06x}, not {want:.2?}", index % 64, index / 64));
        }
    }
    let some = wrong.get(..6.min(wrong.len()));
    assert!(wrong.is_empty(), "{name}: {} pixels wrong: {some:?}", wrong.len());
}

/// A service with layers, and a program that shows all of them.
pub(crate) struct Stage {
    pub(crate) service: Service,
    pub(crate) program: Program,
    pub(crate) windows: Vec<(Toplevel, Buffer)>,
}

pub(crate) fn configuration(layers: &[Layer], port: Turn) -> String {
    configuration_of(PORT, "", layers, port)
}

/// The same for a port of any size and kind.
pub(crate) fn configuration_of(
    (width, height): (u32, u32),
    kind: &str,
    layers: &[Layer],
    port: Turn,
) -> String {
    let (mirror, flip, rotation) = port;
    let mut text = format!(
        "version = 1\n[[port]]\nname = \"main\"\n{kind}size = [{width}, {height}]\npipelines = 64\nbackground = \"#{BACK:06x}\"\n\
         mirror = {mirror}\nflip = {flip}\nrotation = {rotation}\n\
         [[socket]]\nname = \"viewer\"\nrights = [\"capture:main\", \"input:main\"]\n"
    );
    for (index, layer) in layers.iter().enumerate() {
        text.push_str(&layer.configuration(index));
    }
    text
}

impl Stage {
    pub(crate) fn new(layers: &[Layer], port: Turn) -> Result<Self> {
        let service = Service::start_with(&configuration(layers, port))?;
        let mut program = Program::connect(&service.socket("viewer")?)?;
        let mut windows = Vec::new();
        for (index, layer) in layers.iter().enumerate() {
            let toplevel = program.toplevel(&format!("org.porthole.l{index}"))?;
            let buffer = program.buffer(layer.size, layer.format, true)?;
            buffer.paint(layer.words)?;
            show(&mut program, &toplevel, &buffer)?;
            windows.push((toplevel, buffer));
        }
        Ok(Self { service, program, windows })
    }

    pub(crate) fn picture(&mut self) -> Result<Vec<u32>> {
        picture(&mut self.program)
    }

    /// Bytes composed so far.
    pub(crate) fn composed(&self) -> Result<u64> {
        let all = statistics(&self.service.process)?;
        Ok(all.pointer("/ports/main/composed_bytes").and_then(|n| n.as_u64()).unwrap_or(0))
    }
}

/// Shows layers and compares the port with the reference.
pub(crate) fn check(layers: &[Layer], port: Turn, tolerance: f64, name: &str) -> Result<()> {
    let mut stage = Stage::new(layers, port)?;
    expect_near(&stage.picture()?, &reference(layers, port), tolerance, name);
    Ok(())
}
