//! Captures: copies of a picture, with pointers painted over them.

use std::{io, sync::Arc};

use porthole_core::scene::{Filter, Mapping, SourceRect, Transform};
use porthole_pixel::{Rect, Region};

use super::{Canvas, CaptureJob, Captured, Draw, picture::View};
use crate::protocols::shm::Pixels;

/// Rows of a client's picture that are copied in one go, so that they are still in the cache when they
/// are copied on.
pub(super) const ROWS: u8 = 16;

/// A pointer's picture, and where its top left corner is.
pub(crate) type Pointer = (Arc<Pixels>, i32, i32);

/// Serves a capture.
pub(super) fn capture(picture: View<'_>, job: &CaptureJob) -> Captured {
    let outcome = copy(picture, job);
    if let Ok(bytes) = &outcome {
        job.into.count(*bytes);
    }
    Captured { token: job.token, outcome }
}

/// Copies what a capture wants into its buffer; returns the bytes copied.
fn copy(picture: View<'_>, job: &CaptureJob) -> io::Result<u64> {
    let layout = job.into.layout();
    let area = Rect::from_size(layout.size()).translate(job.origin.0, job.origin.1);
    let inside = Rect::from_size(picture.size()).contains_rect(area);
    if !inside || layout.format().bytes_per_pixel() != 4 {
        return Err(io::Error::other("the buffer does not fit the picture"));
    }
    let mut written = 0;
    for rect in job.region.rects().iter().filter_map(|r| r.intersect(area)) {
        for top in (rect.y..rect.bottom()).step_by(ROWS.into()) {
            let bottom = rect.bottom().min(top.saturating_add(ROWS.into()));
            let strip = Rect::from_edges(rect.left(), top, rect.right(), bottom);
            let (part, origin) = picture.part(strip);
            written += write(&part, origin, job, strip)?;
        }
    }
    let painted: Region = reached(&job.cursors).filter_map(|rect| rect.intersect(area)).collect();
    for rect in painted.rects() {
        written += paint(picture, job, *rect)?;
    }
    Ok(written)
}

/// Writes a rectangle to its place in the capture's buffer, from a picture whose top left pixel is at
/// `origin`.
fn write(picture: &Canvas, origin: (i32, i32), job: &CaptureJob, rect: Rect) -> io::Result<u64> {
    let (left, top) = ((rect.x - origin.0).unsigned_abs(), (rect.y - origin.1).unsigned_abs());
    let start = top as usize * picture.stride() + left as usize * 4;
    let from = picture.bytes().get(start..).unwrap_or_default();
    job.into.write(rect.translate(-job.origin.0, -job.origin.1), from, picture.stride())
}

/// Writes a rectangle with the pointers that reach into it. One may lie over another, so all are
/// painted before anything is copied.
fn paint(picture: View<'_>, job: &CaptureJob, rect: Rect) -> io::Result<u64> {
    write(&with_pointers(picture, &job.cursors, rect), (rect.x, rect.y), job, rect)
}

/// A part of a picture with the pointers that reach into it.
pub(super) fn with_pointers(picture: View<'_>, pointers: &[Pointer], rect: Rect) -> Canvas {
    let mut patch = picture.copy(rect);
    let draws: Vec<Draw> = pointers
        .iter()
        .map(|cursor| {
            let mut mapping = place(cursor);
            mapping.destination = mapping.destination.translate(-rect.x, -rect.y);
            Draw {
                pixels: cursor.0.clone(),
                mapping,
                filter: Filter::Nearest,
                opacity: 1.0,
                source_alpha: true,
                key: None,
                mask: None,
                clip: Region::from_rect(mapping.destination),
            }
        })
        .collect();
    patch.draw_all(&draws);
    patch
}

/// Where pointers are.
pub(crate) fn reached(pointers: &[Pointer]) -> impl Iterator<Item = Rect> + '_ {
    pointers.iter().map(|pointer| place(pointer).destination)
}

/// Where a pointer goes, pixel for pixel.
fn place((pixels, x, y): &Pointer) -> Mapping {
    let size = pixels.layout().size();
    Mapping {
        source: SourceRect::from_size(size),
        destination: Rect::from_size(size).translate(*x, *y),
        transform: Transform::Normal,
    }
}
