//! Drawing with a GPU: the same plans, the same formulas, and the same picture in memory when a frame
//! is done.
//!
//! The GPU draws into a target of its own, of which nothing outlives the frame: what a plan paints is
//! painted whole, from the background up. It is read back into the port's canvas at once. So
//! captures and signatures are as they are without a GPU, and a GPU that fails in the middle of a
//! frame takes nothing with it: the CPU draws the same plan over the same canvas.

mod egl;
mod gl;
mod kind;
mod look;
mod search;
mod textures;

use porthole_core::config::Renderer;
use porthole_pixel::{Rect, Region, Size};

use super::{Canvas, Draw, FramePlan};
use egl::Egl;
use gl::{Gl, Texture};
use kind::Kind;
use look::Look;
pub(super) use search::Search;
use textures::{Textures, TooLarge};

use crate::library::Missing;

/// Rectangles that are read back one by one; more of them are read with all that is between them.
const MOST_READS: usize = 8;

/// Why there is no GPU to draw with.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum StartError {
    #[error("the machine has no GPU that programs can draw with")]
    NoGpu,
    #[error("libEGL cannot be loaded: {0}")]
    Library(String),
    #[error("{0}")]
    Function(#[from] Missing),
    #[error("the driver lacks {0}")]
    Extension(&'static str),
    #[error("the driver cannot {what}: EGL error {code:#06x}")]
    Egl { what: &'static str, code: i32 },
    #[error("the driver cannot draw layers")]
    Program,
}

/// What happened to a GPU.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub(super) enum Lost {
    #[error("its context is lost: EGL error {0:#06x}")]
    Context(i32),
    #[error("it was reset: {0:#06x}")]
    Reset(u32),
    #[error("it failed to draw: GL error {0:#06x}")]
    Drawing(u32),
}

/// A GPU that draws one port. It stays on the thread that made it.
#[derive(Debug)]
pub(super) struct Gles {
    /// The port's name, for the log.
    port: String,
    gl: Gl,
    textures: Textures,
    /// What is drawn into.
    target: Option<(Texture, Size)>,
    /// Holds what was read back with gaps.
    read: Vec<u32>,
    #[cfg(test)]
    pub(super) fails: bool,
}

impl Gles {
    /// Whether there may be a GPU that is wanted. Nothing is loaded where there is nothing to be found.
    fn is_wanted(renderer: Renderer) -> bool {
        match renderer {
            Renderer::Cpu => false,
            Renderer::Auto => egl::machine_has_gpu(),
            Renderer::Gles => true,
        }
    }

    /// Finds a GPU: hardware, or with [`Renderer::Gles`] anything.
    pub(super) fn find(renderer: Renderer, port: &str) -> Result<Self, StartError> {
        let software_too = renderer == Renderer::Gles;
        let egl = Egl::get()?;
        let mut why = StartError::NoGpu;
        for device in egl.devices()?.into_iter().filter(|d| software_too || !d.is_software) {
            match Gl::new(egl, device) {
                Ok(gl) if software_too || !draws_on_cpu(&gl.name) => {
                    return Ok(Self {
                        port: port.to_owned(),
                        gl,
                        textures: Textures::new(),
                        target: None,
                        read: Vec::new(),
                        #[cfg(test)]
                        fails: false,
                    });
                }
                Ok(_) => {}
                Err(error) => why = error,
            }
        }
        Err(why)
    }

    /// Pixels of pictures that were copied to the GPU so far.
    #[cfg(test)]
    pub(super) const fn uploaded(&self) -> u64 {
        self.textures.uploaded
    }

    /// Whether the driver tells of resets.
    #[cfg(test)]
    pub(super) const fn tells_of_resets(&self) -> bool {
        self.gl.tells_of_resets()
    }

    /// Has the textures take no more bytes than this.
    #[cfg(test)]
    pub(super) const fn limit(&mut self, bytes: u64) {
        self.textures.limit = bytes;
    }

    /// How many textures there are.
    #[cfg(test)]
    pub(super) fn textures(&self) -> usize {
        self.textures.count()
    }

    /// The name of the port.
    pub(super) fn port(&self) -> &str {
        &self.port
    }

    /// Draws what the plan says and returns the bytes written; `None` when that is too much for the
    /// GPU, and the picture is as it was or only partly done.
    pub(super) fn draw(
        &mut self,
        canvas: &mut Canvas,
        plan: &FramePlan,
    ) -> Result<Option<u64>, Lost> {
        let bounds = Rect::from_size(canvas.size());
        let painted = plan.painted.intersect(bounds);
        let Some(area) = painted.bounds() else { return Ok(Some(0)) };
        self.gl.enter()?;
        if canvas.size().width.max(canvas.size().height) > self.gl.max_side() {
            return Ok(None);
        }
        let target = self.target(canvas.size());
        self.gl.draw_into(target, canvas.size())?;
        let color = plan.background;
        self.gl.clear(area, [color.red, color.green, color.blue]);
        let layers = self.layers(&plan.draws, canvas.size());
        self.textures.end_frame(&self.gl);
        let Ok(written) = layers else { return Ok(None) };
        self.read_back(canvas, &painted, area);
        #[cfg(test)]
        if self.fails {
            return Err(Lost::Drawing(0x0507));
        }
        self.gl.check()?;
        Ok(Some((plan.clear.intersect(bounds).area() + written) * 4))
    }

    /// Draws one layer over the other and returns the pixels written.
    fn layers(&mut self, draws: &[Draw], port: Size) -> Result<u64, TooLarge> {
        let mut written = 0;
        for draw in draws {
            let bounds = Rect::from_size(port);
            let clip = draw.clip.intersect(bounds).intersect(draw.mapping.destination);
            self.layer(draw, &clip, port)?;
            written += clip.area();
        }
        Ok(written)
    }

    /// Draws one layer where its clip says.
    fn layer(&mut self, draw: &Draw, clip: &Region, port: Size) -> Result<(), TooLarge> {
        if clip.is_empty() {
            return Ok(());
        }
        let look = Look::new(draw).ok_or(TooLarge)?;
        let mask = match &draw.mask {
            Some(mask) => Some(self.textures.mask(&self.gl, &mask.coverage)?),
            None => None,
        };
        let picture = self.textures.picture(&self.gl, &draw.pixels, &look.parts(clip))?;
        // A unit that is not read needs a texture all the same.
        self.gl.select(1, mask.unwrap_or(picture));
        self.gl.select(0, picture);
        self.gl.look(&look);
        self.gl.triangles(&triangles(clip, port));
        Ok(())
    }

    /// A texture of the port's size.
    fn target(&mut self, size: Size) -> Texture {
        if let Some((texture, of)) = self.target {
            if of == size {
                return texture;
            }
            self.gl.delete(texture);
        }
        let texture = self.gl.texture(size, Kind::Target);
        self.target = Some((texture, size));
        texture
    }

    /// Copies what was painted from the target to the canvas.
    fn read_back(&mut self, canvas: &mut Canvas, painted: &Region, area: Rect) {
        let row = canvas.size().width as usize;
        if painted.rects().len() <= MOST_READS {
            for rect in painted.rects() {
                if let Some(words) = canvas.from(*rect) {
                    self.gl.read(*rect, words, row);
                }
            }
            return;
        }
        let width = area.size().width as usize;
        self.read.resize(usize::try_from(area.area()).unwrap_or(0), 0);
        self.gl.read(area, &mut self.read, width);
        for rect in painted.rects() {
            for y in rect.y..rect.bottom() {
                let above = (y - area.y).unsigned_abs() as usize;
                let start = above * width + (rect.x - area.x).unsigned_abs() as usize;
                let from = self.read.get(start..start + rect.size().width as usize);
                if let (Some(to), Some(from)) = (canvas.row(*rect, y), from) {
                    to.copy_from_slice(from);
                }
            }
        }
    }
}

/// Whether a driver's name is that of one that draws on the CPU.
fn draws_on_cpu(name: &str) -> bool {
    ["llvmpipe", "softpipe", "swrast", "SwiftShader"].iter().any(|known| name.contains(known))
}

/// Two triangles for each rectangle.
#[expect(clippy::cast_possible_truncation, reason = "sides of ports are exact in 24 bits")]
fn triangles(clip: &Region, port: Size) -> Vec<[f32; 2]> {
    let across = |x: i32| (f64::from(x) * 2.0 / f64::from(port.width) - 1.0) as f32;
    let down = |y: i32| (f64::from(y) * 2.0 / f64::from(port.height) - 1.0) as f32;
    let corners = |rect: &Rect| {
        let (left, right) = (across(rect.x), across(rect.right()));
        let (top, bottom) = (down(rect.y), down(rect.bottom()));
        let first = [[left, top], [right, top], [left, bottom]];
        let second = [[right, top], [right, bottom], [left, bottom]];
        first.into_iter().chain(second)
    };
    clip.rects().iter().flat_map(corners).collect()
}
