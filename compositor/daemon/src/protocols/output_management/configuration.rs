//! One configuration object: what a client asks for, until it is applied, tested or dropped.

use std::sync::{Mutex, MutexGuard, PoisonError};

use porthole_pixel::Size;
use smithay::reexports::wayland_protocols_wlr::output_management::v1::server::zwlr_output_configuration_head_v1::ZwlrOutputConfigurationHeadV1 as WishObject;

use super::{HeadId, HeadInfo};

/// Data of a configuration object.
#[derive(Debug)]
pub(crate) struct ConfigurationData {
    /// The state of outputs that it was made for.
    pub(super) serial: u32,
    wishes: Mutex<Wishes>,
}

/// What was asked for so far.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    /// Applied or tested: nothing more may be asked.
    used: bool,
    heads: Vec<Wish>,
    /// Their objects. The protocol has no request that destroys one, so they go with their configuration.
    pub(super) objects: Vec<WishObject>,
}

/// What is asked of one output.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    pub(super) id: HeadId,
    /// Another size; none to leave it.
    pub(super) size: Option<Size>,
    /// Something that cannot be: the whole configuration fails.
    pub(super) impossible: bool,
    /// A mode was set; that may be done once.
    pub(super) mode_set: bool,
}

impl ConfigurationData {
    pub(super) fn new(serial: u32) -> Self {
        Self { serial, wishes: Mutex::default() }
    }

    pub(super) fn wishes(&self) -> MutexGuard<'_, Wishes> {
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wishes {
    /// An output is spoken of; false when it was already.
    pub(super) fn add(&mut self, id: HeadId, impossible: bool) -> bool {
        if self.heads.iter().any(|wish| wish.id == id) {
            return false;
        }
        self.heads.push(Wish { id, size: None, impossible, mode_set: false });
        true
    }

    pub(super) fn head(&mut self, id: HeadId) -> Option<&mut Wish> {
        self.heads.iter_mut().find(|wish| wish.id == id)
    }

    pub(super) const fn is_used(&self) -> bool {
        self.used
    }

    /// Marks it used and gives the sizes to set; none when it cannot be carried out.
    pub(super) fn take(&mut self) -> Option<Vec<(HeadId, Size)>> {
        self.used = true;
        let possible = self.heads.iter().all(|wish| !wish.impossible);
        possible.then(|| self.heads.iter().filter_map(|w| Some((w.id, w.size?))).collect())
    }

    /// An output that the client knows and said nothing of.
    pub(super) fn forgotten<'a>(&self, known: &'a [HeadInfo]) -> Option<&'a HeadInfo> {
        known.iter().find(|info| !self.heads.iter().any(|wish| wish.id == info.id))
    }
}
