//! Pictures that a device still writes. The kernel says when it has done with a buffer (implicit fences),
//! and a commit that shows it waits for that.

use std::sync::Arc;

use smithay::{
    reexports::calloop::RegistrationToken,
    wayland::compositor::{BufferAssignment, SurfaceAttributes, SurfaceData},
};

use super::{
    super::shm::{Pool, ShmBuffer},
    Held,
};

/// The memory of the picture that is about to be committed, while a device writes it.
pub(super) fn awaited(states: &SurfaceData) -> Option<Arc<Pool>> {
    let mut attributes = states.cached_state.get::<SurfaceAttributes>();
    match &attributes.pending().buffer {
        Some(BufferAssignment::NewBuffer(buffer)) => ShmBuffer::of(buffer)?.awaited().cloned(),
        _ => None,
    }
}

/// Buffers that are waited for, each watched once however many commits show it.
#[derive(Debug, Default)]
pub(crate) struct Fences(Vec<Fence>);

#[derive(Debug)]
struct Fence {
    memory: Arc<Pool>,
    held: Vec<Held>,
    watch: RegistrationToken,
    limit: RegistrationToken,
}

/// What is over with a fence.
#[derive(Debug)]
pub(crate) struct Over {
    pub(crate) held: Vec<Held>,
    pub(crate) watch: RegistrationToken,
    pub(crate) limit: RegistrationToken,
}

impl Fences {
    /// Has one commit more wait for a buffer; gives it back when the buffer is not watched yet.
    pub(crate) fn join(&mut self, memory: &Arc<Pool>, held: Held) -> Option<Held> {
        match self.0.iter_mut().find(|fence| Arc::ptr_eq(&fence.memory, memory)) {
            Some(fence) => {
                fence.held.push(held);
                None
            }
            None => Some(held),
        }
    }

    /// Watches a buffer from now on.
    pub(crate) fn add(
        &mut self,
        memory: Arc<Pool>,
        held: Held,
        watch: RegistrationToken,
        limit: RegistrationToken,
    ) {
        self.0.push(Fence { memory, held: vec![held], watch, limit });
    }

    /// A buffer is waited for no more.
    pub(crate) fn over(&mut self, memory: &Arc<Pool>) -> Option<Over> {
        let at = self.0.iter().position(|fence| Arc::ptr_eq(&fence.memory, memory))?;
        let Fence { held, watch, limit, .. } = self.0.swap_remove(at);
        Some(Over { held, watch, limit })
    }
}
