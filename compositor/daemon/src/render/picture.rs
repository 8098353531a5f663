//! What a port shows: a canvas, or a client's picture as it is.

use std::borrow::Cow;

use porthole_core::Color;
use porthole_pixel::{Rect, Region, Size};

use super::{Canvas, Draw, FramePlan, gles::Gles};
use crate::protocols::shm::Pixels;

/// A port's picture.
#[derive(Debug)]
pub(super) struct Picture {
    /// Out of date while a picture is shown directly; the plan that ends that repairs it.
    canvas: Canvas,
    /// What fills the port all by itself, held as long as it is shown.
    direct: Option<Draw>,
}

impl Picture {
    /// Nothing yet; it takes no memory.
    pub(super) fn new() -> Self {
        Self { canvas: Canvas::unpainted(Size::new(1, 1)), direct: None }
    }

    /// Does what a plan says. A GPU that fails is let go of, and the CPU draws the same plan.
    pub(super) fn show(&mut self, plan: &mut FramePlan, gpu: &mut Option<Gles>) -> Composed {
        if plan.serial.is_none() {
            return Composed::default();
        }
        self.direct = plan.direct.take();
        if self.direct.is_some() {
            return Composed::default();
        }
        if self.canvas.size() != plan.size {
            // The first plan of a size paints all of it.
            self.canvas = Canvas::unpainted(plan.size);
        }
        if let Some(drawing) = gpu {
            match drawing.draw(&mut self.canvas, plan) {
                Ok(Some(bytes)) => {
                    self.canvas.finish(plan);
                    return Composed { bytes, by_gpu: true };
                }
                Ok(None) => {}
                Err(error) => {
                    let port = drawing.port();
                    tracing::error!(port, "the port is drawn by the CPU from now on: {error}");
                    *gpu = None;
                }
            }
        }
        Composed { bytes: self.canvas.draw(plan), by_gpu: false }
    }

    /// What is shown where its client wrote it.
    pub(super) fn held(&self) -> Option<&Pixels> {
        self.direct.as_ref().map(|draw| draw.pixels.as_ref())
    }

    pub(super) const fn view(&self) -> View<'_> {
        match &self.direct {
            Some(draw) => View::Direct(draw),
            None => View::Canvas(&self.canvas),
        }
    }
}

/// What was composed for a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Composed {
    /// Bytes written.
    pub(super) bytes: u64,
    pub(super) by_gpu: bool,
}

/// A finished picture that captures copy.
#[derive(Clone, Copy, Debug)]
pub(super) enum View<'a> {
    /// It was composed.
    Canvas(&'a Canvas),
    /// It is read where the client wrote it.
    Direct(&'a Draw),
}

impl<'a> View<'a> {
    pub(super) fn size(self) -> Size {
        match self {
            View::Canvas(canvas) => canvas.size(),
            View::Direct(draw) => draw.mapping.destination.size(),
        }
    }

    /// A canvas that has the pixels of `rect`, and the pixel of the picture in its top left corner.
    pub(super) fn part(self, rect: Rect) -> (Cow<'a, Canvas>, (i32, i32)) {
        match self {
            View::Canvas(canvas) => (Cow::Borrowed(canvas), (0, 0)),
            View::Direct(_) => (Cow::Owned(self.copy(rect)), (rect.x, rect.y)),
        }
    }

    /// The pixels of `rect`.
    pub(super) fn copy(self, rect: Rect) -> Canvas {
        let mut copy = Canvas::new(rect.size(), Color::BLACK);
        match self {
            View::Canvas(canvas) => copy.copy_from(canvas, rect),
            View::Direct(draw) => {
                let mut draw = draw.clone();
                let destination = &mut draw.mapping.destination;
                *destination = destination.translate(-rect.x, -rect.y);
                draw.clip = Region::from_rect(*destination);
                copy.draw_all(&[draw]);
            }
        }
        copy
    }
}
