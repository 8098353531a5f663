//! What values are called in configurations, layouts and answers.

use std::{borrow::Cow, fmt::Debug};

use porthole_wayland::wfd::client::{
    wfd_device_v1::{Status, StreamKind, StreamState},
    wfd_pipeline_v1::{FallbackPicture, Fit, InputPolicy, Lead, Pixels, Placement, ScaleFilter},
    wfd_port_v1::{Kind, PowerMode, Rotation},
    wfd_trace_v1::Stage,
};
use wayland_client::WEnum;

/// The name of a value; one that a newer service sends has only its number.
pub(crate) type Word = Cow<'static, str>;

/// The names of an enum's values.
pub(crate) type Words<T> = [(&'static str, T)];

/// The name of a value.
pub(crate) fn word<T: Copy + PartialEq + Debug>(words: &Words<T>, value: WEnum<T>) -> Word {
    match value {
        WEnum::Value(value) => {
            let found = words.iter().find(|(_, known)| *known == value);
            found.map_or_else(
                || Cow::Owned(format!("{value:?}").to_lowercase()),
                |(word, _)| Cow::Borrowed(*word),
            )
        }
        WEnum::Unknown(number) => Cow::Owned(format!("unknown {number}")),
    }
}

/// The value of a name.
pub(crate) fn wire<T: Copy>(words: &Words<T>, word: &str) -> Option<T> {
    words.iter().find(|(known, _)| *known == word).map(|(_, value)| *value)
}

/// What a port is made of.
pub(crate) const KINDS: &Words<Kind> = &[
    ("internal", Kind::Internal),
    ("composite", Kind::Composite),
    ("s-video", Kind::Svideo),
    ("component-ypbpr", Kind::ComponentYpbpr),
    ("component-rgb", Kind::ComponentRgb),
    ("component-rgbhv", Kind::ComponentRgbhv),
    ("dvi", Kind::Dvi),
    ("hdmi", Kind::Hdmi),
    ("displayport", Kind::Displayport),
    ("other", Kind::Other),
    ("virtual", Kind::Virtual),
];

/// Whether a port is lit.
pub(crate) const POWERS: &Words<PowerMode> = &[
    ("on", PowerMode::On),
    ("off", PowerMode::Off),
    ("suspend", PowerMode::Suspend),
    ("limited", PowerMode::LimitedUse),
];

/// What there is of a stream.
pub(crate) const STREAM_STATES: &Words<StreamState> = &[
    ("off", StreamState::Off),
    ("boot", StreamState::Boot),
    ("running", StreamState::Running),
    ("suspended", StreamState::Suspended),
    ("crashed", StreamState::Crashed),
];

/// What a stream is of.
pub(crate) const STREAM_KINDS: &Words<StreamKind> =
    &[("guest", StreamKind::Guest), ("program", StreamKind::Program)];

/// How a scaled picture is sampled.
pub(crate) const FILTERS: &Words<ScaleFilter> = &[
    ("auto", ScaleFilter::Automatic),
    ("nearest", ScaleFilter::None),
    ("bilinear", ScaleFilter::Faster),
];

/// What becomes of a picture of another size.
pub(crate) const FITS: &Words<Fit> = &[
    ("stretch", Fit::Stretch),
    ("fit", Fit::Fit),
    ("fill", Fit::Fill),
    ("centre", Fit::Centre),
    ("1:1", Fit::Exact),
];

/// Whose size the other follows.
pub(crate) const LEADS: &Words<Lead> =
    &[("layer", Lead::Layer), ("picture", Lead::Picture), ("none", Lead::None)];

/// What shape pixels have.
pub(crate) const PIXELS: &Words<Pixels> =
    &[("auto", Pixels::Automatic), ("square", Pixels::Square)];

/// What becomes of input.
pub(crate) const INPUTS: &Words<InputPolicy> =
    &[("accept", InputPolicy::Accept), ("block", InputPolicy::Block), ("pass", InputPolicy::Pass)];

/// What shows instead of a stream.
pub(crate) const FALLBACKS: &Words<FallbackPicture> = &[
    ("hide", FallbackPicture::Hidden),
    ("last", FallbackPicture::Last),
    ("picture", FallbackPicture::Source),
];

/// How a layer reaches the screen.
pub(crate) const PLACEMENTS: &Words<Placement> = &[
    ("none", Placement::None),
    ("composited", Placement::Composited),
    ("primary", Placement::Primary),
    ("overlay", Placement::Overlay),
    ("underlay", Placement::Underlay),
    ("cursor", Placement::Cursor),
];

/// How far something is turned.
pub(crate) const ROTATIONS: &Words<Rotation> =
    &[("0", Rotation::_0), ("90", Rotation::_90), ("180", Rotation::_180), ("270", Rotation::_270)];

/// What happened to a frame.
pub(crate) const STAGES: &Words<Stage> = &[
    ("committed", Stage::Committed),
    ("planned", Stage::Planned),
    ("drawn", Stage::Drawn),
    ("told", Stage::Told),
];

/// Why something was refused.
pub(crate) const STATUSES: &Words<Status> = &[
    ("none", Status::None),
    ("out_of_memory", Status::OutOfMemory),
    ("illegal_argument", Status::IllegalArgument),
    ("not_supported", Status::NotSupported),
    ("bad_attribute", Status::BadAttribute),
    ("in_use", Status::InUse),
    ("busy", Status::Busy),
    ("bad_device", Status::BadDevice),
    ("bad_handle", Status::BadHandle),
    ("inconsistency", Status::Inconsistency),
    ("denied", Status::Denied),
    ("timeout", Status::Timeout),
    ("superseded", Status::Superseded),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_says_its_value_and_unknown_ones_say_their_number() {
        for (name, value) in FITS {
            assert_eq!(word(FITS, WEnum::Value(*value)), *name);
            assert_eq!(wire(FITS, name), Some(*value));
        }
        assert_eq!(wire(FITS, "wide"), None);
        assert_eq!(word(FITS, WEnum::Unknown(77)), "unknown 77");
        assert_eq!(word(FILTERS, WEnum::Value(ScaleFilter::Better)), "better");
    }
}
