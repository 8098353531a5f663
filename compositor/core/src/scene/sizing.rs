//! What becomes of a picture that does not have the size of its layer.

use super::{Filter, Mapping};

/// How a picture of another size fills the rectangle of its layer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
pub enum Fit {
    /// Scaled to fill it, whatever becomes of the proportions (what WFD does).
    #[default]
    Stretch,
    /// Scaled as large as fits with its proportions kept, in the middle.
    Fit,
    /// Scaled as small as covers the layer with its proportions kept, in the middle; what does not
    /// fit is cut off.
    Fill,
    /// At the size that its program means it to have on this port, in the middle; what does not fit
    /// is cut off.
    Centre,
    /// One pixel of the picture is one pixel of the port, whatever the port's scale, in the middle;
    /// what does not fit is cut off.
    Exact,
}

/// Whose size the other one follows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
pub enum Lead {
    /// The layer's: guests and programs are asked to take it.
    #[default]
    Layer,
    /// The picture's: the layer is as large as the picture, pixel for pixel, from its upper left
    /// corner, and at most as large as its rectangle says.
    Picture,
    /// Nobody's: each keeps its own, and [`Fit`] does the rest.
    Neither,
}

/// What shape the pixels of a picture are meant to have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
pub enum PixelAspect {
    /// Square, but for the text and graphics modes of VGA that were made to fill a 4:3 screen (such
    /// as 720 by 400), which do so here too where proportions are kept.
    #[default]
    Auto,
    /// Always square.
    Square,
}

/// How a picture is sampled.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
pub enum Sampling {
    /// The nearest pixel where every pixel becomes the same whole number of pixels, so that it stays
    /// sharp; smooth otherwise.
    #[default]
    Auto,
    /// Always this filter.
    Always(Filter),
}

impl Sampling {
    /// The filter for a picture that is mapped like this.
    #[must_use]
    pub fn filter(self, mapping: &Mapping) -> Filter {
        match self {
            Self::Always(filter) => filter,
            Self::Auto if mapping.is_whole_multiple() => Filter::Nearest,
            Self::Auto => Filter::Bilinear,
        }
    }
}

/// Everything that decides what becomes of a picture that does not have the size of its layer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
pub struct Sizing {
    /// How it fills the layer.
    pub fit: Fit,
    /// Whose size the other one follows.
    pub lead: Lead,
    /// What shape its pixels have.
    pub aspect: PixelAspect,
    /// How it is sampled.
    pub sampling: Sampling,
}

impl From<Fit> for Sizing {
    fn from(fit: Fit) -> Self {
        Self { fit, ..Self::default() }
    }
}
