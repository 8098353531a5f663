//! Words for values that are one of a few.

use serde::{Deserialize, Serialize};

use crate::model::{InputPolicy, Power};
use crate::scene::{Filter, Fit, Lead, PixelAspect, Sampling, Sizing};

/// An enumeration of words that stands for another one, variant by variant.
macro_rules! words {
    ($word:ident for $kind:ty { $($name:ident = [$($value:tt)+];)* }) => {
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub(super) enum $word {
            $($name,)*
        }

        impl From<$word> for $kind {
            fn from(word: $word) -> Self {
                match word {
                    $($word::$name => $($value)+,)*
                }
            }
        }

        impl From<$kind> for $word {
            fn from(value: $kind) -> Self {
                match value {
                    $($($value)+ => Self::$name,)*
                }
            }
        }
    };
}

words! { PowerWord for Power {
    Off = [Power::Off];
    Suspend = [Power::Suspend];
    LimitedUse = [Power::LimitedUse];
    On = [Power::On];
} }

words! { InputWord for InputPolicy {
    Accept = [InputPolicy::Accept];
    Block = [InputPolicy::Block];
    Pass = [InputPolicy::Pass];
} }

words! { FitWord for Fit {
    Stretch = [Fit::Stretch];
    Fit = [Fit::Fit];
    Fill = [Fit::Fill];
    Centre = [Fit::Centre];
    Exact = [Fit::Exact];
} }

words! { LeadWord for Lead {
    Layer = [Lead::Layer];
    Picture = [Lead::Picture];
    Neither = [Lead::Neither];
} }

words! { AspectWord for PixelAspect {
    Auto = [PixelAspect::Auto];
    Square = [PixelAspect::Square];
} }

words! { SamplingWord for Sampling {
    Auto = [Sampling::Auto];
    Nearest = [Sampling::Always(Filter::Nearest)];
    Bilinear = [Sampling::Always(Filter::Bilinear)];
} }

/// A [`Sizing`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SizingWords {
    fit: FitWord,
    lead: LeadWord,
    aspect: AspectWord,
    filter: SamplingWord,
}

impl From<Sizing> for SizingWords {
    fn from(sizing: Sizing) -> Self {
        Self {
            fit: sizing.fit.into(),
            lead: sizing.lead.into(),
            aspect: sizing.aspect.into(),
            filter: sizing.sampling.into(),
        }
    }
}

impl From<SizingWords> for Sizing {
    fn from(words: SizingWords) -> Self {
        Self {
            fit: words.fit.into(),
            lead: words.lead.into(),
            aspect: words.aspect.into(),
            sampling: words.filter.into(),
        }
    }
}
