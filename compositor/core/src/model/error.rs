//! Why a commit fails, with WFD's error codes.

use std::fmt;

use super::{PipelineId, PortId, SourceId};
use crate::name::Name;

/// An object, for messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Object {
    /// A port.
    Port(PortId),
    /// A pipeline.
    Pipeline(PipelineId),
    /// A source.
    Source(SourceId),
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(id) => write!(f, "port {}", id.get()),
            Self::Pipeline(id) => write!(f, "pipeline {}", id.get()),
            Self::Source(id) => write!(f, "source {}", id.get()),
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
    #[error("opacity {0} is not between 0 and 1")]
    Opacity(f32),
    /// A port's side is outside the limits.
    #[error("{0}x{1} is no size of a port: each side is 16 to 16384")]
    PortSize(u32, u32),
    /// A source rectangle is negative or not finite.
    #[error("a source rectangle begins at 0 or more, and is finite and not empty")]
    SourceRectangle,
    /// A source can be bound only to the pipeline that it was created for.
    #[error("source {source_id} belongs to another pipeline than {pipeline}", source_id = source_id.get(), pipeline = pipeline.get())]
    ForeignSource {
        /// The source.
        source_id: SourceId,
        /// The pipeline that it should be bound to.
        pipeline: PipelineId,
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
            Self::NoObject(_) => Status::BadHandle,
            Self::IdTaken(_) | Self::NameTaken(_) => Status::InUse,
            Self::NoMoreIds => Status::OutOfMemory,
            Self::Opacity(_)
            | Self::PortSize(..)
            | Self::SourceRectangle
            | Self::ForeignSource { .. } => Status::IllegalArgument,
            Self::OutsidePort { .. } | Self::SameLayer { .. } => Status::Inconsistency,
            Self::NoPipeline(_) | Self::FrameMemory { .. } => Status::NotSupported,
        }
    }
}
