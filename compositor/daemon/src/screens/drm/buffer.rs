//! Dumb buffers: plain memory of a card.

use std::{io, os::fd::AsFd, sync::Arc};

use drm::{
    buffer::{Buffer as _, DrmFourcc},
    control::{Device as _, dumbbuffer::DumbBuffer, framebuffer},
};
use porthole_pixel::Size;

use super::Card;
use crate::render::ScreenMemory;

/// What memory is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// A port's picture, which covers all.
    Picture,
    /// A pointer, through which the picture is seen.
    Pointer,
}

/// Memory of a card that one of its planes can show, black or empty at first. Whoever made it frees it.
#[derive(Debug)]
pub(super) struct Buffer {
    dumb: DumbBuffer,
    pub(super) id: framebuffer::Handle,
    pub(super) memory: Arc<ScreenMemory>,
}

impl Buffer {
    /// # Errors
    /// When the card has no room for it.
    pub(super) fn new(card: &Card, size: Size, kind: Kind) -> io::Result<Self> {
        let dumb = card.create_dumb_buffer((size.width, size.height), DrmFourcc::Xrgb8888, 32)?;
        match Self::with_memory(card, dumb, (size, kind)) {
            Ok((id, memory)) => Ok(Self { dumb, id, memory }),
            Err(error) => {
                free_dumb(card, dumb);
                Err(error)
            }
        }
    }

    fn with_memory(
        card: &Card,
        dumb: DumbBuffer,
        (size, kind): (Size, Kind),
    ) -> io::Result<(framebuffer::Handle, Arc<ScreenMemory>)> {
        let mapped = drm_ffi::mode::dumbbuffer::map(card.as_fd(), dumb.handle().into(), 0, 0)?;
        let stride = usize::try_from(dumb.pitch()).unwrap_or(usize::MAX);
        let memory = ScreenMemory::map(card, mapped.offset, size, stride)?;
        memory.blacken();
        // The kernel tells formats apart by the bits that count.
        let depth = if kind == Kind::Pointer { 32 } else { 24 };
        let id = card.add_framebuffer(&dumb, depth, 32)?;
        Ok((id, Arc::new(memory)))
    }

    /// Frees it; a plane that shows it goes dark.
    pub(super) fn free(self, card: &Card) {
        if let Err(error) = card.destroy_framebuffer(self.id) {
            tracing::debug!("a framebuffer was not freed: {error}");
        }
        free_dumb(card, self.dumb);
    }
}

fn free_dumb(card: &Card, dumb: DumbBuffer) {
    if let Err(error) = card.destroy_dumb_buffer(dumb) {
        tracing::debug!("a card's memory was not freed: {error}");
    }
}
