//! The memory of a window: one picture is with the parent while the next one is drawn.

use std::{io, os::fd::AsFd, sync::Arc};

use porthole_pixel::{Rect, Region, Size};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use wayland_client::protocol::{wl_buffer::WlBuffer, wl_shm::Format};

use super::{MOST_RECTS, client::Client};
use crate::render::ScreenMemory;

/// One is shown, one waits to be shown, one is drawn.
const MOST: usize = 3;
/// Pictures of earlier sizes that wait for the parent; it has mapped what it reads of more.
const MOST_OLD: usize = 3;

/// Memory for one picture.
#[derive(Debug)]
struct Piece {
    memory: Arc<ScreenMemory>,
    buffer: WlBuffer,
    id: u64,
    /// The parent may read it.
    lent: bool,
    /// What changed in the port's picture since it went into this piece.
    lacks: Region,
}

/// All memory of a window.
#[derive(Debug, Default)]
pub(super) struct Pool {
    pieces: Vec<Piece>,
    /// Of an earlier size, still with the parent.
    old: Vec<Piece>,
}

impl Pool {
    /// Notes what changed in the picture.
    pub(super) fn damage(&mut self, damage: &Region) {
        for piece in &mut self.pieces {
            piece.lacks.union(damage);
            piece.lacks.simplify(MOST_RECTS);
        }
    }

    /// Memory for the next picture and what it lacks of it; none while the parent has all.
    pub(super) fn fill(
        &mut self,
        client: &mut Client,
        size: Size,
    ) -> Option<(usize, Arc<ScreenMemory>, Region)> {
        let free = (0..).zip(&self.pieces).filter(|(_, piece)| !piece.lent);
        let least = free.min_by_key(|(_, piece)| piece.lacks.area()).map(|(index, _)| index);
        let index = match least {
            Some(index) => index,
            None if self.pieces.len() < MOST => {
                let id = client.next_id();
                let piece = Piece::new(client, size, id);
                let piece = piece.inspect_err(|error| {
                    tracing::error!("there is no memory for a window: {error}");
                });
                self.pieces.push(piece.ok()?);
                self.pieces.len() - 1
            }
            None => return None,
        };
        let piece = self.pieces.get_mut(index)?;
        Some((index, piece.memory.clone(), std::mem::take(&mut piece.lacks)))
    }

    /// The parent gets a filled piece.
    pub(super) fn lend(&mut self, index: usize) -> Option<WlBuffer> {
        let piece = self.pieces.get_mut(index)?;
        piece.lent = true;
        Some(piece.buffer.clone())
    }

    /// The parent does not read a piece any more.
    pub(super) fn released(&mut self, id: u64) {
        for piece in self.pieces.iter_mut().filter(|piece| piece.id == id) {
            piece.lent = false;
        }
        self.old.retain(|piece| piece.id != id);
    }

    /// Begins anew, for pictures of another size.
    pub(super) fn clear(&mut self) {
        self.old.extend(self.pieces.drain(..).filter(|piece| piece.lent));
        let many = self.old.len().saturating_sub(MOST_OLD);
        self.old.drain(..many);
    }
}

impl Client {
    /// Tells the parent of memory for pictures.
    pub(super) fn buffer(
        &self,
        file: &impl AsFd,
        size: Size,
        format: Format,
        id: u64,
    ) -> Option<WlBuffer> {
        let (width, height) = (i32::try_from(size.width).ok()?, i32::try_from(size.height).ok()?);
        let stride = width.checked_mul(4)?;
        let len = stride.checked_mul(height)?;
        let pool = self.shm()?.create_pool(file.as_fd(), len, &self.handle, ());
        let buffer = pool.create_buffer(0, width, height, stride, format, &self.handle, id);
        pool.destroy();
        Some(buffer)
    }
}

impl Piece {
    fn new(client: &Client, size: Size, id: u64) -> io::Result<Self> {
        let stride = size.width as usize * 4;
        let len = stride as u64 * u64::from(size.height);
        let file =
            memfd_create("porthole-window", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        ftruncate(&file, len)?;
        fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW)?;
        let memory = ScreenMemory::map(&file, 0, size, stride)?;
        let buffer = client
            .buffer(&file, size, Format::Xrgb8888, id)
            .ok_or_else(|| io::Error::other("it is larger than Wayland can say"))?;
        let lacks = Region::from_rect(Rect::from_size(size));
        Ok(Self { memory: Arc::new(memory), buffer, id, lent: false, lacks })
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.buffer.destroy();
    }
}
