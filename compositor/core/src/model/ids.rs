//! Handles of objects: 32 bits as in WFD, 0 is never one, and none is used twice.

use std::num::NonZeroU32;

use super::CommitError;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
        pub struct $name(NonZeroU32);

        impl $name {
            /// The handle of this number; `None` for 0. Whether there is such an object, the
            /// device knows.
            #[must_use]
            pub const fn new(number: u32) -> Option<Self> {
                match NonZeroU32::new(number) {
                    Some(number) => Some(Self(number)),
                    None => None,
                }
            }

            /// The number.
            #[must_use]
            pub const fn get(self) -> u32 {
                self.0.get()
            }
        }
    };
}

id! {
    /// The handle of a [`super::Port`].
    PortId
}
id! {
    /// The handle of a [`super::Pipeline`].
    PipelineId
}
id! {
    /// The handle of a [`super::Source`].
    SourceId
}

id! {
    /// The handle of a [`super::Mask`].
    MaskId
}

/// Gives out numbers, one sequence for all kinds of objects.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Ids {
    last: u32,
}

impl Ids {
    /// Ids that are all higher than this.
    pub(super) const fn after(last: u32) -> Self {
        Self { last }
    }

    /// The highest that was given out.
    pub(super) const fn last(self) -> u32 {
        self.last
    }

    pub(super) fn port(&mut self) -> Result<PortId, CommitError> {
        self.next().map(PortId)
    }

    pub(super) fn pipeline(&mut self) -> Result<PipelineId, CommitError> {
        self.next().map(PipelineId)
    }

    pub(super) fn source(&mut self) -> Result<SourceId, CommitError> {
        self.next().map(SourceId)
    }

    pub(super) fn mask(&mut self) -> Result<MaskId, CommitError> {
        self.next().map(MaskId)
    }

    /// Whether this number was given out.
    pub(super) const fn knows(self, number: u32) -> bool {
        number <= self.last
    }

    fn next(&mut self) -> Result<NonZeroU32, CommitError> {
        self.last = self.last.checked_add(1).ok_or(CommitError::NoMoreIds)?;
        NonZeroU32::new(self.last).ok_or(CommitError::NoMoreIds)
    }
}
