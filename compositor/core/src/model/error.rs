//! Why a commit fails, with WFD's error codes.

use std::fmt;

use porthole_pixel::Size;

use super::{MaskId, PipelineId, PortId, SourceId};
use crate::name::Name;

/// An object, for messages.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Object {
    /// A port.
    Port(PortId),
    /// A pipeline.
    Pipeline(PipelineId),
    /// A source.
    Source(SourceId),
    /// A mask.
    Mask(MaskId),
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(id) => write!(f, "port {}", id.get()),
            Self::Pipeline(id) => write!(f, "pipeline {}", id.get()),
            Self::Source(id) => write!(f, "source {}", id.get()),
            Self::Mask(id) => write!(f, "mask {}", id.get()),
        }
    }
}

/// WFD's error codes (WFD 1.0 section 2.8).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Status {
    /// Memory or handles ran out.
    OutOfMemory = 0x7510,
    /// A value is outside its range, whatever the other values are.
    IllegalArgument = 0x7511,
    /// The values agree, but this machine cannot do it.
    NotSupported = 0x7512,
    /// The object or its name is taken.
    InUse = 0x7514,
    /// There is no such object.
    BadHandle = 0x7517,
    /// Values do not agree with each other.
    Inconsistency = 0x7518,
    /// Policy forbids it (not in WFD).
    Denied = 0x7600,
    /// A source that was waited for had no picture in time (not in WFD).
    Timeout = 0x7601,
    /// A later commit replaced this one while it waited (not in WFD).
    Superseded = 0x7602,
}

/// Why a value was refused or a commit failed.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum CommitError {
    /// There is no such object.
    #[error("there is no {0}")]
    NoObject(Object),
    /// An object of this id exists already, or the id was never given out.
    #[error("{0} cannot be created: its id is not a fresh one of this device")]
    IdTaken(Object),
    /// All ids were given out.
    #[error("no ids are left")]
    NoMoreIds,
    /// A port's name is taken.
    #[error("there is a port '{0}' already")]
    NameTaken(Name),
    /// The opacity is not between 0 and 1.
    #[error("opacity {1} is not between 0 and 1")]
    Opacity(PipelineId, f32),
    /// A port's side is outside the limits.
    #[error("{0}x{1} is no size of a port: each side is 16 to 16384")]
    PortSize(u32, u32),
    /// A source rectangle is negative or not finite.
    #[error("a source rectangle begins at 0 or more, and is finite and not empty")]
    SourceRectangle(PipelineId),
    /// A value that its type cannot hold.
    #[error("{what} is out of range: {range}")]
    Range {
        /// The object that it was meant for.
        object: Object,
        /// What is out of range.
        what: &'static str,
        /// What it may be.
        range: &'static str,
    },
    /// A stream cannot stand in for another.
    #[error("the fallback of pipeline {} must be an image", _0.get())]
    Fallback(PipelineId),
    /// A hole has too many pieces.
    #[error(
        "a hole has at most {} rectangles, and holes that are set together only so many",
        super::Hole::MAX_RECTS
    )]
    HolePieces(PipelineId),
    /// Policy forbids it.
    #[error("{0} may not be changed here: the socket has no right '{1}'")]
    Denied(Object, &'static str),
    /// A mode would change without permission.
    #[error("the mode would change, which only a commit with allow_modeset may do")]
    Modeset(PortId),
    /// A mask can be bound only to the pipeline that it was created for.
    #[error("mask {mask} belongs to another pipeline than {pipeline}", mask = mask.get(), pipeline = pipeline.get())]
    ForeignMask {
        /// The mask.
        mask: MaskId,
        /// The pipeline that it should be bound to.
        pipeline: PipelineId,
    },
    /// Masking is on and there is no mask.
    #[error("pipeline {} uses a mask, and is bound to none", _0.get())]
    NoMask(PipelineId),
    /// A mask is not as large as the destination.
    #[error("the mask of pipeline {pipeline} is {mask}, and its destination is {destination}: they must be the same size", pipeline = pipeline.get())]
    MaskSize {
        /// The pipeline.
        pipeline: PipelineId,
        /// The mask's size.
        mask: Size,
        /// The destination's.
        destination: Size,
    },
    /// A source rectangle reaches outside its image.
    #[error("the source rectangle of pipeline {pipeline} reaches outside its image, which is {image}", pipeline = pipeline.get())]
    OutsideImage {
        /// The pipeline.
        pipeline: PipelineId,
        /// The image's size.
        image: Size,
    },
    /// An image would be scaled too much.
    #[error("pipeline {} would scale its source beyond 1/64 to 64", _0.get())]
    ScaleRange(PipelineId),
    /// A source can be bound only to the pipeline that it was created for.
    #[error("source {source_id} belongs to another pipeline than {pipeline}", source_id = source_id.get(), pipeline = pipeline.get())]
    ForeignSource {
        /// The source.
        source_id: SourceId,
        /// The pipeline that it should be bound to.
        pipeline: PipelineId,
    },
    /// A source or mask that could not be made.
    #[error("pipeline {} cannot be bound to this {what}: it failed when it was created", pipeline.get())]
    Unusable {
        /// The pipeline that it should be bound to.
        pipeline: PipelineId,
        /// Source or mask.
        what: &'static str,
    },
    /// A stream shows in one pipeline at a time.
    #[error("{stream} is shown by pipeline {first} already: pipeline {second} cannot show it too", first = first.get(), second = second.get())]
    SameStream {
        /// The stream.
        stream: crate::config::Content,
        /// One pipeline.
        first: PipelineId,
        /// The other.
        second: PipelineId,
    },
    /// A destination reaches outside its port.
    #[error("pipeline {pipeline} reaches outside port '{port}'", pipeline = pipeline.get())]
    OutsidePort {
        /// The pipeline.
        pipeline: PipelineId,
        /// Its port.
        port: Name,
    },
    /// Two bound pipelines of a port have the same layer.
    #[error("pipelines {first} and {second} are both layer {layer} of port '{port}'", first = first.get(), second = second.get())]
    SameLayer {
        /// One pipeline.
        first: PipelineId,
        /// The other.
        second: PipelineId,
        /// Their layer.
        layer: i32,
        /// Their port.
        port: Name,
    },
    /// All pipelines of a port are bound.
    #[error("port '{0}' has no free pipeline")]
    NoPipeline(Name),
    /// The ports would draw more than the budget has.
    #[error(
        "the ports would draw {needed} pixels a second, and the budget has {limit}: make one \
         smaller or slower, or turn one off"
    )]
    PixelRate {
        /// In a second.
        needed: u64,
        /// In a second.
        limit: u64,
    },
    /// The frames of all ports would take too much memory.
    #[error("the frames of all ports would take {needed} bytes, more than {limit}")]
    FrameMemory {
        /// In bytes.
        needed: u64,
        /// In bytes.
        limit: u64,
    },
}

impl CommitError {
    /// WFD's code for it.
    #[must_use]
    pub const fn status(&self) -> Status {
        match self {
            Self::NoObject(_) | Self::Unusable { .. } => Status::BadHandle,
            Self::IdTaken(_) | Self::NameTaken(_) => Status::InUse,
            Self::NoMoreIds => Status::OutOfMemory,
            Self::Opacity(..)
            | Self::PortSize(..)
            | Self::SourceRectangle(_)
            | Self::Range { .. }
            | Self::Fallback(_)
            | Self::ForeignMask { .. }
            | Self::ForeignSource { .. } => Status::IllegalArgument,
            Self::OutsidePort { .. }
            | Self::NoMask(_)
            | Self::MaskSize { .. }
            | Self::OutsideImage { .. }
            | Self::SameLayer { .. } => Status::Inconsistency,
            Self::NoPipeline(_)
            | Self::HolePieces(_)
            | Self::Modeset(_)
            | Self::ScaleRange(_)
            | Self::SameStream { .. }
            | Self::PixelRate { .. }
            | Self::FrameMemory { .. } => Status::NotSupported,
            Self::Denied(..) => Status::Denied,
        }
    }

    /// The port, pipeline, source or mask at fault, if it is one alone.
    #[must_use]
    pub const fn object(&self) -> Option<Object> {
        Some(match self {
            Self::NoObject(object)
            | Self::IdTaken(object)
            | Self::Denied(object, _)
            | Self::Range { object, .. } => *object,
            Self::Opacity(id, _)
            | Self::SourceRectangle(id)
            | Self::HolePieces(id)
            | Self::Fallback(id)
            | Self::NoMask(id)
            | Self::ScaleRange(id) => Object::Pipeline(*id),
            Self::ForeignMask { pipeline, .. }
            | Self::Unusable { pipeline, .. }
            | Self::MaskSize { pipeline, .. }
            | Self::OutsideImage { pipeline, .. }
            | Self::ForeignSource { pipeline, .. }
            | Self::OutsidePort { pipeline, .. } => Object::Pipeline(*pipeline),
            Self::SameLayer { second, .. } | Self::SameStream { second, .. } => {
                Object::Pipeline(*second)
            }
            Self::Modeset(port) => Object::Port(*port),
            Self::NoMoreIds
            | Self::NameTaken(_)
            | Self::PortSize(..)
            | Self::NoPipeline(_)
            | Self::PixelRate { .. }
            | Self::FrameMemory { .. } => return None,
        })
    }
}
