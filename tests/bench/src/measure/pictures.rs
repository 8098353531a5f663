//! Whether all compositors show the same picture of a scene: numbers of others would mean nothing.

use std::collections::BTreeMap;

use crate::capture::Picture;
use crate::compositor::Kind;
use crate::scene::Scene;

/// How much a channel may differ: three blended layers round three times.
const TOLERANCE: u8 = 3;

/// The pictures of one scene.
#[derive(Debug, Default)]
pub(crate) struct Pictures {
    by: BTreeMap<Kind, Picture>,
}

impl Pictures {
    pub(crate) fn has(&self, kind: Kind) -> bool {
        self.by.contains_key(&kind)
    }

    pub(crate) fn add(&mut self, kind: Kind, picture: Picture) {
        self.by.insert(kind, picture);
    }

    /// Says of each peer whether it shows what the service shows, where there are layers.
    pub(crate) fn compare(&self, scene: &Scene) -> Vec<String> {
        let Some(ours) = self.by.get(&Kind::Porthole) else { return Vec::new() };
        let peers = self.by.iter().filter(|(kind, _)| **kind != Kind::Porthole);
        let said = peers.map(|(kind, theirs)| match difference(scene, ours, theirs) {
            None => format!("{} shows a picture of another size", kind.name()),
            Some(0) => format!("{} shows the same picture", kind.name()),
            Some(pixels) => {
                format!("{} shows another picture: {pixels} pixels differ", kind.name())
            }
        });
        said.collect()
    }
}

/// How many pixels differ.
fn difference(scene: &Scene, ours: &Picture, theirs: &Picture) -> Option<usize> {
    if ours.size != theirs.size || ours.size != scene.size {
        return None;
    }
    let (width, height) = ours.size;
    let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let pairs = places.zip(ours.words.iter().zip(&theirs.words));
    Some(pairs.filter(|((x, y), (a, b))| scene.covers(*x, *y) && !alike(**a, **b)).count())
}

fn alike(a: u32, b: u32) -> bool {
    a.to_le_bytes().iter().zip(b.to_le_bytes()).take(3).all(|(a, b)| a.abs_diff(b) <= TOLERANCE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::Layer;

    #[test]
    fn only_pixels_of_layers_count() {
        let layers = vec![Layer::still((0, 0), (1, 1))];
        let scene = Scene { size: (2, 1), layers, ..Scene::idle() };
        let picture = |words: [u32; 2]| Picture { size: (2, 1), words: words.to_vec() };
        let ours = picture([0x10_20_30, 0]);
        assert_eq!(difference(&scene, &ours, &picture([0xff_11_20_30, 9])), Some(0));
        assert_eq!(difference(&scene, &ours, &picture([0x15_20_30, 0])), Some(1));
        let other = Picture { size: (1, 2), ..ours.clone() };
        assert_eq!(difference(&scene, &ours, &other), None);
    }
}
