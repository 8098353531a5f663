//! Pictures and masks that the GPU has, so that only what is new is copied to it.

use std::sync::{Arc, Weak};

use porthole_pixel::{Region, Size};

use super::{
    gl::{Gl, Texture},
    kind::Kind,
};
use crate::{protocols::shm::Pixels, render::Coverage};

/// The most that one port's textures take.
const MOST_BYTES: u64 = 256 << 20;
/// The most textures of one port; it also bounds the time that is spent on looking for one.
const MOST_TEXTURES: usize = 512;
/// Frames for which a texture is kept after its picture is gone: the next picture takes it over.
const KEPT_FRAMES: u64 = 8;
/// Rectangles that are kept of what a texture has.
const MOST_RECTS: usize = 64;

/// The textures of a port.
#[derive(Debug)]
pub(super) struct Textures {
    held: Vec<Held>,
    /// Counts frames.
    frame: u64,
    /// Pixels of pictures that were copied to the GPU so far.
    pub(super) uploaded: u64,
    /// The most bytes that they may take.
    pub(super) limit: u64,
}

#[derive(Debug)]
struct Held {
    texture: Texture,
    size: Size,
    kind: Kind,
    of: Content,
    /// The pixels that are there.
    valid: Region,
    /// The frame that used it last.
    used: u64,
}

/// What a texture shows. The address of what is weakly held is not given to anything else.
#[derive(Debug)]
enum Content {
    Picture(Weak<Pixels>),
    Mask(Weak<Coverage>),
}

/// A scene that this GPU, or what a port may take of it, is too small for.
#[derive(Debug)]
pub(super) struct TooLarge;

impl Textures {
    pub(super) const fn new() -> Self {
        Self { held: Vec::new(), frame: 0, uploaded: 0, limit: MOST_BYTES }
    }

    /// A texture with these parts of a picture.
    pub(super) fn picture(
        &mut self,
        gl: &Gl,
        pixels: &Arc<Pixels>,
        parts: &Region,
    ) -> Result<Texture, TooLarge> {
        let layout = pixels.layout();
        let kind = Kind::Picture(layout.format());
        let held = self.find(gl, Content::Picture(Arc::downgrade(pixels)), layout.size(), kind)?;
        let mut missing = parts.clone();
        missing.subtract_region(&held.valid);
        for rect in missing.rects() {
            if !gl.upload(held.texture, pixels, *rect) {
                return Err(TooLarge);
            }
        }
        let copied = missing.area();
        held.valid.union(&missing);
        if held.valid.rects().len() > MOST_RECTS {
            held.valid = parts.clone();
        }
        let texture = held.texture;
        self.uploaded += copied;
        Ok(texture)
    }

    /// A texture with a mask.
    pub(super) fn mask(&mut self, gl: &Gl, mask: &Arc<Coverage>) -> Result<Texture, TooLarge> {
        let size = mask.size();
        let held = self.find(gl, Content::Mask(Arc::downgrade(mask)), size, Kind::Coverage)?;
        if held.valid.is_empty() {
            if !gl.upload_coverage(held.texture, size, mask.bytes()) {
                return Err(TooLarge);
            }
            held.valid.add(porthole_pixel::Rect::from_size(size));
        }
        Ok(held.texture)
    }

    /// A frame is drawn: lets go of what is not needed any more.
    pub(super) fn end_frame(&mut self, gl: &Gl) {
        let frame = self.frame;
        self.held.retain(|held| {
            let keep = held.of.is_there() || frame - held.used < KEPT_FRAMES;
            if !keep {
                gl.delete(held.texture);
            }
            keep
        });
        self.frame += 1;
    }

    /// The texture of a content; a new one has nothing valid in it.
    fn find(
        &mut self,
        gl: &Gl,
        of: Content,
        size: Size,
        kind: Kind,
    ) -> Result<&mut Held, TooLarge> {
        let same = self.held.iter().position(|held| held.of.is(&of) && held.kind == kind);
        let free = || {
            let fits = |held: &Held| held.size == size && held.kind == kind;
            self.held.iter().position(|held| fits(held) && !held.of.is_there())
        };
        let index = match same.or_else(free) {
            Some(index) => index,
            None => self.add(gl, size, kind)?,
        };
        let frame = self.frame;
        let held = self.held.get_mut(index).ok_or(TooLarge)?;
        if same.is_none() {
            held.of = of;
            held.valid = Region::new();
        }
        held.used = frame;
        Ok(held)
    }

    fn add(&mut self, gl: &Gl, size: Size, kind: Kind) -> Result<usize, TooLarge> {
        if size.is_empty() || size.width.max(size.height) > gl.max_side() {
            return Err(TooLarge);
        }
        let needed = bytes(size, kind);
        while self.bytes() + needed > self.limit || self.held.len() >= MOST_TEXTURES {
            let oldest = (0..).zip(&self.held).min_by_key(|(_, held)| held.used);
            let index = match oldest {
                Some((index, held)) if held.used < self.frame => index,
                _ => return Err(TooLarge),
            };
            gl.delete(self.held.swap_remove(index).texture);
        }
        self.held.push(Held {
            texture: gl.texture(size, kind),
            size,
            kind,
            of: Content::Mask(Weak::new()),
            valid: Region::new(),
            used: self.frame,
        });
        Ok(self.held.len() - 1)
    }

    /// How many textures there are.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.held.len()
    }

    fn bytes(&self) -> u64 {
        self.held.iter().map(|held| bytes(held.size, held.kind)).sum()
    }
}

impl Content {
    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Picture(a), Self::Picture(b)) => a.ptr_eq(b),
            (Self::Mask(a), Self::Mask(b)) => a.ptr_eq(b),
            _ => false,
        }
    }

    fn is_there(&self) -> bool {
        match self {
            Self::Picture(pixels) => pixels.strong_count() > 0,
            Self::Mask(mask) => mask.strong_count() > 0,
        }
    }
}

fn bytes(size: Size, kind: Kind) -> u64 {
    size.area() * kind.bytes_per_pixel()
}
