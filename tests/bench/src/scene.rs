//! What is shown while it is measured: layers of fixed places, which change in fixed ways.

/// A picture size.
pub(crate) type Size = (u32, u32);

const FULL_HD: Size = (1920, 1080);

/// What a program draws anew at each of its ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Nothing: there are no ticks.
    Nothing,
    /// All of its picture.
    All,
    /// The upper left corner of its picture.
    Corner(Size),
}

/// One surface.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    pub(crate) position: (u32, u32),
    pub(crate) size: Size,
    /// Whether its pixels are half transparent.
    pub(crate) alpha: bool,
    pub(crate) change: Change,
    /// Ticks a second.
    pub(crate) rate: u32,
    /// More lines for the layer in the service's configuration, for what no peer can do.
    pub(crate) ours: String,
}

/// All that one output shows.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) size: Size,
    /// From the bottom up.
    pub(crate) layers: Vec<Layer>,
    /// Whether each layer has a program of its own.
    pub(crate) apart: bool,
}

impl Layer {
    /// An opaque picture that stays as it is.
    pub(crate) fn still(position: (u32, u32), size: Size) -> Self {
        let (alpha, change, rate) = (false, Change::Nothing, 0);
        Self { position, size, alpha, change, rate, ours: String::new() }
    }

    /// The same, half transparent.
    pub(crate) fn see_through(mut self) -> Self {
        self.alpha = true;
        self
    }

    /// The same, drawn anew so many times a second.
    pub(crate) fn changing(mut self, change: Change, rate: u32) -> Self {
        (self.change, self.rate) = (change, rate);
        self
    }
}

impl Scene {
    fn one(layers: Vec<Layer>) -> Self {
        Self { size: FULL_HD, layers, apart: false }
    }

    /// A film that fills the output.
    pub(crate) fn full() -> Self {
        let film = Layer::still((0, 0), FULL_HD).changing(Change::All, 60);
        Self::one(vec![film])
    }

    /// A film that fills a part of the output.
    pub(crate) fn film() -> Self {
        Self::one(vec![Layer::still((100, 100), (1280, 720)).changing(Change::All, 60)])
    }

    /// A film under three half transparent pictures, all as large as the output.
    pub(crate) fn blend3() -> Self {
        let mut scene = Self::one(Self::full().layers);
        scene.layers.extend(glass());
        scene
    }

    /// The same with a small part of the film changing.
    pub(crate) fn damage64() -> Self {
        let spot = Layer::still((0, 0), FULL_HD).changing(Change::Corner((64, 64)), 60);
        let mut scene = Self::one(vec![spot]);
        scene.layers.extend(glass());
        scene
    }

    /// A car's instruments: a still ground, a camera at 60 Hz, two gauges, a line of text at 10 Hz.
    pub(crate) fn cockpit() -> Self {
        let size = (1920, 720);
        let gauge = |x| Layer::still((x, 160), (400, 400)).see_through();
        let layers = vec![
            Layer::still((0, 0), size),
            Layer::still((640, 120), (640, 480)).changing(Change::All, 60),
            gauge(80),
            gauge(1440),
            Layer::still((860, 20), (200, 80)).see_through().changing(Change::All, 10),
        ];
        Self { size, layers, apart: false }
    }

    /// A car's instruments on a small screen.
    pub(crate) fn instruments() -> Self {
        let size = (1024, 768);
        let gauge = |x| Layer::still((x, 200), (240, 240)).see_through();
        let layers = vec![
            Layer::still((0, 0), size),
            Layer::still((352, 140), (320, 240)).changing(Change::All, 60),
            gauge(60),
            gauge(724),
            Layer::still((452, 40), (120, 60)).see_through().changing(Change::All, 10),
        ];
        Self { size, layers, apart: false }
    }

    /// A spot on a small screen that changes faster than any screen shows.
    pub(crate) fn spot() -> Self {
        let spot = Layer::still((0, 0), (1024, 768)).changing(Change::Corner((64, 64)), 240);
        Self { size: (1024, 768), layers: vec![spot], apart: false }
    }

    /// A spot on a small screen that changes now and then, as by a person who types.
    pub(crate) fn typing() -> Self {
        let spot = Layer::still((0, 0), (1024, 768)).changing(Change::Corner((64, 64)), 23);
        Self { size: (1024, 768), layers: vec![spot], apart: false }
    }

    /// Eight programs at 60 Hz that overlap.
    pub(crate) fn eight() -> Self {
        let place = |i: u32| (i * 160, i * 85);
        let film = |i| Layer::still(place(i), (800, 480)).changing(Change::All, 60);
        Self { apart: true, ..Self::one((0..8).map(film).collect()) }
    }

    /// One picture that stays as it is.
    pub(crate) fn idle() -> Self {
        Self::one(vec![Layer::still((0, 0), FULL_HD)])
    }

    /// A small window whose colour changes now and then, beside a larger one that changes so many times a
    /// second; 0 is never.
    pub(crate) fn signal(rate: u32) -> Self {
        let neighbour = Layer::still((400, 200), (1280, 720));
        let small = Layer::still((100, 100), (64, 64)).changing(Change::All, 0);
        let neighbour = if rate > 0 { neighbour.changing(Change::All, rate) } else { neighbour };
        Self::one(vec![neighbour, small])
    }

    /// A film under a half transparent picture with so many holes (a square number, at most 64), which
    /// together are as large as one of 640×480.
    pub(crate) fn holes(count: u32) -> Self {
        let side = count.isqrt();
        let (width, height) = (640 / side.max(1), 480 / side.max(1));
        let places = (0..side).flat_map(|row| (0..side).map(move |column| (column, row)));
        let holes: Vec<String> = places
            .map(|(column, row)| {
                let (x, y) = (40 + column * 1880 / side, 30 + row * 1050 / side);
                format!("[{x}, {y}, {width}, {height}]")
            })
            .collect();
        let mut glass = Layer::still((0, 0), FULL_HD).see_through();
        glass.ours = format!("hole = [{}]", holes.join(", "));
        let mut scene = Self::full();
        scene.layers.push(glass);
        scene
    }

    /// A small window.
    pub(crate) fn start(screen: bool) -> Self {
        let small = Self::one(vec![Layer::still((0, 0), (64, 64))]);
        // Cards of guests come up in this size.
        if screen { Self { size: (1024, 768), ..small } } else { small }
    }

    /// Whether a pixel belongs to a layer.
    pub(crate) fn covers(&self, x: u32, y: u32) -> bool {
        self.layers.iter().any(|layer| {
            let ((left, top), (width, height)) = (layer.position, layer.size);
            (left..left + width).contains(&x) && (top..top + height).contains(&y)
        })
    }
}

fn glass() -> [Layer; 3] {
    std::array::from_fn(|_| Layer::still((0, 0), FULL_HD).see_through())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_have_the_same_area() {
        let lines = |count| Scene::holes(count).layers.pop().unwrap().ours;
        assert_eq!(lines(0), "hole = []");
        assert_eq!(lines(1), "hole = [[40, 30, 640, 480]]");
        assert_eq!(lines(64).matches(", 80, 60]").count(), 64);
    }
}
