//! What values are called in configurations, layouts and answers.

use std::borrow::Cow;

use porthole_wayland::wfd::client::{
    wfd_device_v1::{Status, StreamKind, StreamState},
    wfd_pipeline_v1::{FallbackPicture, Fit, InputPolicy, Lead, Pixels, Placement, ScaleFilter},
    wfd_port_v1::{Kind, PowerMode, Rotation},
};
use wayland_client::WEnum;

/// The name of a value; one that a newer service sends has only its number.
pub(crate) type Word = Cow<'static, str>;

/// The names of the values of an enum: one way, or both.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident of $type:ident: $($variant:ident = $word:literal),* $(,)?) => {
        $(#[$doc])*
        pub(crate) fn $name(value: WEnum<$type>) -> Word {
            match value {
                $(WEnum::Value($type::$variant) => Cow::Borrowed($word),)*
                WEnum::Value(other) => Cow::Owned(format!("{other:?}").to_lowercase()),
                WEnum::Unknown(number) => Cow::Owned(format!("unknown {number}")),
            }
        }
    };
}

words! {
    /// What a port is made of.
    kind of Kind: Internal = "internal", Composite = "composite", Svideo = "s-video",
    ComponentYpbpr = "component-ypbpr", ComponentRgb = "component-rgb",
    ComponentRgbhv = "component-rgbhv", Dvi = "dvi", Hdmi = "hdmi", Displayport = "displayport",
    Other = "other", Virtual = "virtual",
}

words! {
    /// Whether a port is lit.
    power of PowerMode: Off = "off", Suspend = "suspend", LimitedUse = "limited", On = "on",
}

words! {
    /// What there is of a stream.
    stream_state of StreamState: Off = "off", Boot = "boot", Running = "running",
    Suspended = "suspended", Crashed = "crashed",
}

words! {
    /// What a stream is of.
    stream_kind of StreamKind: Guest = "guest", Program = "program",
}

words! {
    /// How a scaled picture is sampled.
    filter of ScaleFilter: None = "nearest", Faster = "bilinear", Better = "bilinear",
    Automatic = "auto",
}

words! {
    /// What becomes of a picture of another size.
    fit of Fit: Stretch = "stretch", Fit = "fit", Fill = "fill", Centre = "centre", Exact = "1:1",
}

words! {
    /// Whose size the other follows.
    lead of Lead: Layer = "layer", Picture = "picture", None = "none",
}

words! {
    /// What shape pixels have.
    pixels of Pixels: Automatic = "auto", Square = "square",
}

words! {
    /// What becomes of input.
    input of InputPolicy: Pass = "pass", Accept = "accept", Block = "block",
}

words! {
    /// What shows instead of a stream.
    fallback of FallbackPicture: Hidden = "hide", Last = "last", Source = "picture",
}

words! {
    /// How a layer reaches the screen.
    placement of Placement: None = "none", Composited = "composited", Primary = "primary",
    Overlay = "overlay", Underlay = "underlay", Cursor = "cursor",
}

words! {
    /// Why something was refused.
    status of Status: None = "none", OutOfMemory = "out_of_memory",
    IllegalArgument = "illegal_argument", NotSupported = "not_supported",
    BadAttribute = "bad_attribute", InUse = "in_use", Busy = "busy", BadDevice = "bad_device",
    BadHandle = "bad_handle", Inconsistency = "inconsistency", Denied = "denied",
    Timeout = "timeout", Superseded = "superseded",
}

/// Degrees, clockwise.
pub(crate) fn degrees(value: WEnum<Rotation>) -> u32 {
    value.into()
}
