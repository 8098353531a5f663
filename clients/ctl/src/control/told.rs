//! What the service told: the current values of everything that the socket may see.

use std::collections::BTreeMap;

use super::{accounts::Accounts, words::Word};

/// All that was told.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct State {
    pub(crate) ports: BTreeMap<u32, Port>,
    pub(crate) layers: BTreeMap<u32, Layer>,
    pub(crate) streams: BTreeMap<u32, Stream>,
    /// As far as somebody asked for them.
    pub(crate) accounts: Accounts,
}

/// How a picture is turned: flipped or mirrored first, then turned clockwise.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Turn {
    pub(crate) flip: bool,
    pub(crate) mirror: bool,
    pub(crate) rotation: u32,
}

impl Turn {
    /// The same turn in as few words as can be: never flipped and mirrored, and upside down only
    /// where it is neither.
    pub(crate) const fn simplest(self) -> Self {
        let Self { flip, mirror, rotation } = self;
        // To flip is to mirror and to turn upside down.
        let rotation = (rotation % 360 + if flip { 180 } else { 0 }) % 360;
        if flip == mirror {
            Self { flip: false, mirror: false, rotation }
        } else if rotation >= 180 {
            Self { flip: true, mirror: false, rotation: rotation - 180 }
        } else {
            Self { flip: false, mirror: true, rotation }
        }
    }
}

/// A size and rate that a port can have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Mode {
    pub(crate) id: u32,
    pub(crate) size: [u32; 2],
    pub(crate) refresh_mhz: u32,
    pub(crate) preferred: bool,
}

/// An output.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Port {
    pub(crate) name: String,
    pub(crate) kind: Word,
    pub(crate) mode: Mode,
    pub(crate) modes: Vec<Mode>,
    /// The next mode begins a new list.
    pub(crate) modes_end: bool,
    pub(crate) attached: bool,
    /// 0 to 65535 a channel.
    pub(crate) background: [u32; 3],
    pub(crate) turn: Turn,
    pub(crate) gamma: f64,
    pub(crate) gamma_range: [f64; 2],
    pub(crate) power: Word,
    /// None where it was not told.
    pub(crate) frames: Option<Frames>,
}

/// What a port showed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Frames {
    pub(crate) shown: u64,
    /// Later than they were meant for.
    pub(crate) late: u64,
    /// Both in the last second; none where only the sums were told.
    pub(crate) per_second: Option<(u64, u64)>,
}

/// A pipeline.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Layer {
    /// Of the configuration; empty without one.
    pub(crate) name: String,
    pub(crate) port: u32,
    pub(crate) order: i32,
    /// 0 while it shows nothing.
    pub(crate) source: u32,
    /// 0 for a picture.
    pub(crate) stream: u32,
    pub(crate) mask: [u32; 2],
    /// All zero for all of the source.
    pub(crate) crop: [f64; 4],
    pub(crate) rect: [i32; 4],
    pub(crate) turn: Turn,
    pub(crate) filter: Word,
    /// The bits of the protocol.
    pub(crate) transparency: u32,
    /// 0 to 65535.
    pub(crate) alpha: u32,
    /// 0 to 255 a channel.
    pub(crate) key: [u32; 3],
    pub(crate) hole: Hole,
    pub(crate) fallback: Word,
    pub(crate) fallback_source: u32,
    pub(crate) deadline_ms: u32,
    pub(crate) rate_limit_mhz: u32,
    pub(crate) input: Word,
    pub(crate) keyboard: bool,
    pub(crate) fit: Word,
    pub(crate) lead: Word,
    pub(crate) pixels: Word,
    pub(crate) placement: Word,
    pub(crate) falls_back: bool,
}

impl Layer {
    /// Whether anybody has a use for it.
    pub(crate) const fn is_used(&self) -> bool {
        self.is_shown() || self.source != 0 || !self.name.is_empty()
    }

    /// Whether it is part of the picture.
    pub(crate) const fn is_shown(&self) -> bool {
        let [_, _, width, height] = self.rect;
        self.source != 0 && width > 0 && height > 0
    }
}

/// Where a layer leaves what is below alone.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Hole {
    pub(crate) count: u32,
    pub(crate) bounds: [i32; 4],
    /// From the dump; none before it came.
    pub(crate) rects: Option<Vec<[i32; 4]>>,
}

/// Something that may have a picture.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Stream {
    pub(crate) kind: Word,
    pub(crate) is_guest: bool,
    pub(crate) socket: String,
    pub(crate) app_id: String,
    pub(crate) scanout: u32,
    pub(crate) state: Word,
    pub(crate) size: [u32; 2],
}

impl Hole {
    /// Whether there are rectangles that were not told yet.
    pub(crate) const fn is_unknown(&self) -> bool {
        self.count > 0 && self.rects.is_none()
    }
}

impl State {
    /// What the object of a number is called.
    pub(crate) fn name_of(&self, id: u32) -> String {
        if let Some(port) = self.ports.get(&id) {
            return format!("port '{}'", port.name);
        }
        match self.layers.get(&id) {
            Some(layer) if layer.name.is_empty() => format!("layer {id}"),
            Some(layer) => format!("layer '{}'", layer.name),
            None => "the commit".to_owned(),
        }
    }

    /// A sentence of the service, which numbers pipelines, with the names of layers.
    pub(crate) fn named(&self, sentence: &str) -> String {
        let mut words: Vec<String> = Vec::new();
        // How many of the following words may be numbers of pipelines.
        let mut numbers = 0_u8;
        for word in sentence.split(' ') {
            let digits = word.find(|c: char| !c.is_ascii_digit()).unwrap_or(word.len());
            let (number, rest) = word.split_at_checked(digits).unwrap_or((word, ""));
            let id = number.parse().ok().filter(|id| self.layers.contains_key(id));
            if let Some(id) = id.filter(|_| numbers > 0) {
                words.pop_if(|last| last.starts_with("pipeline"));
                words.push(format!("{}{rest}", self.name_of(id)));
                numbers -= 1;
                continue;
            }
            numbers = match word {
                "pipeline" => 1,
                "pipelines" => 2,
                "and" => numbers,
                _ => 0,
            };
            words.push(word.to_owned());
        }
        words.join(" ")
    }

    /// Layers of a port: what is shown from the topmost down, then the rest.
    pub(crate) fn layers_of(&self, port: u32) -> Vec<(u32, &Layer)> {
        let of_port = self.layers.iter().filter(|(_, layer)| layer.port == port);
        let mut layers: Vec<(u32, &Layer)> = of_port.map(|(id, layer)| (*id, layer)).collect();
        layers.sort_by_key(|(id, layer)| (!layer.is_shown(), -i64::from(layer.order), *id));
        layers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_name_layers() {
        let mut state = State::default();
        state.layers.insert(2, Layer { name: "app".into(), ..Layer::default() });
        state.layers.insert(3, Layer::default());
        for (said, named) in [
            ("pipeline 2 reaches outside port 'main'", "layer 'app' reaches outside port 'main'"),
            ("pipelines 2 and 3 are both layer 2", "layer 'app' and layer 3 are both layer 2"),
            (
                "shown by pipeline 2 already: pipeline 3 cannot",
                "shown by layer 'app' already: layer 3 cannot",
            ),
            ("the mask of pipeline 2, and 2 more", "the mask of layer 'app', and 2 more"),
            ("pipeline 77 is gone", "pipeline 77 is gone"),
            ("no such pipeline", "no such pipeline"),
            ("2 and 3", "2 and 3"),
            ("pipelines 2 overlap", "layer 'app' overlap"),
            ("pipelines and 2", "pipelines and layer 'app'"),
        ] {
            assert_eq!(state.named(said), named);
        }
    }

    #[test]
    fn turns_have_one_name() {
        let turn = |flip, mirror, rotation| Turn { flip, mirror, rotation };
        // What the service says of a picture that was flipped.
        assert_eq!(turn(false, true, 180).simplest(), turn(true, false, 0));
        assert_eq!(turn(true, false, 0).simplest(), turn(true, false, 0));
        assert_eq!(turn(true, true, 0).simplest(), turn(false, false, 180));
        assert_eq!(turn(true, false, 180).simplest(), turn(false, true, 0));
        assert_eq!(turn(false, true, 270).simplest(), turn(true, false, 90));
        for flip in [false, true] {
            for mirror in [false, true] {
                for rotation in [0, 90, 180, 270] {
                    let once = turn(flip, mirror, rotation).simplest();
                    assert_eq!(once.simplest(), once);
                }
            }
        }
    }
}
