//! What must hold of a device between commits. All of it is asked after every commit, so that moving
//! one thing cannot escape the check of another.

use std::collections::{BTreeMap, BTreeSet};

use porthole_pixel::{Rect, Size};

use super::{CommitError, Device, Object, Pipeline, PipelineId, Port, SourceKind, Transparency};
use crate::config::limits;
use crate::scene::SourceRect;

/// The most by which an image is made larger or smaller (WFD: SCALE_RANGE).
const SCALE_RANGE: std::ops::RangeInclusive<f64> = 1.0 / 64.0..=64.0;

impl Device {
    /// Whether the values agree with each other.
    pub(super) fn verify(&self) -> Result<(), CommitError> {
        let mut names = BTreeSet::new();
        let mut needed = 0_u64;
        for port in self.ports.values() {
            if !names.insert(&port.name) {
                return Err(CommitError::NameTaken(port.name.clone()));
            }
            needed = needed.saturating_add(limits::frame_bytes(
                port.mode.size,
                self.windows.contains(&port.name),
            ));
        }
        if needed > limits::FRAME_MEMORY {
            return Err(CommitError::FrameMemory { needed, limit: limits::FRAME_MEMORY });
        }
        self.verify_pixel_rate()?;
        let mut streams = BTreeMap::new();
        for &id in self.pipelines.keys() {
            if let Some(stream) = self.stream_of(id)
                && let Some(first) = streams.insert(stream, id)
            {
                let stream = stream.clone();
                return Err(CommitError::SameStream { stream, first, second: id });
            }
        }
        let mut layers = BTreeMap::new();
        for (&id, pipeline) in self.pipelines.iter().filter(|(_, pipeline)| pipeline.is_enabled()) {
            let port = self.ports.get(&pipeline.port);
            let port = port.ok_or(CommitError::NoObject(Object::Port(pipeline.port)))?;
            self.verify_pipeline(id, pipeline, port)?;
            if let Some(first) = layers.insert((pipeline.port, pipeline.layer), id) {
                let (layer, port) = (pipeline.layer, port.name.clone());
                return Err(CommitError::SameLayer { first, second: id, layer, port });
            }
        }
        Ok(())
    }

    /// Pixels that the ports draw in a second, if all of them changes in each frame. One that is off
    /// draws none.
    #[must_use]
    pub fn pixel_rate(&self) -> u64 {
        let lit = self.ports.values().filter(|port| port.power.is_lit());
        lit.fold(0, |sum: u64, port| {
            sum.saturating_add(limits::pixel_rate(port.mode.size, port.mode.refresh))
        })
    }

    fn verify_pixel_rate(&self) -> Result<(), CommitError> {
        let Some(limit) = self.pixel_rate else { return Ok(()) };
        let needed = self.pixel_rate();
        if needed > limit { Err(CommitError::PixelRate { needed, limit }) } else { Ok(()) }
    }

    fn verify_pipeline(
        &self,
        id: PipelineId,
        pipeline: &Pipeline,
        port: &Port,
    ) -> Result<(), CommitError> {
        let destination = pipeline.destination;
        if !Rect::from_size(port.area()).contains_rect(destination) {
            return Err(CommitError::OutsidePort { pipeline: id, port: port.name.clone() });
        }
        if pipeline.transparency.has(Transparency::MASK) {
            let mask = pipeline.mask.and_then(|mask| self.masks.get(&mask));
            let mask = mask.ok_or(CommitError::NoMask(id))?.image.size;
            let destination = destination.size();
            if mask != destination {
                return Err(CommitError::MaskSize { pipeline: id, mask, destination });
            }
        }
        // The size of a stream changes at any time: what is left of its rectangle is shown.
        let source = pipeline.source.and_then(|source| self.sources.get(&source));
        if let Some(SourceKind::Image(image)) = source.map(|source| &source.kind) {
            verify_image(id, pipeline, image.size)?;
        }
        Ok(())
    }
}

fn verify_image(id: PipelineId, pipeline: &Pipeline, image: Size) -> Result<(), CommitError> {
    let all = SourceRect::from_size(image);
    let shown = pipeline.source_rectangle.unwrap_or(all);
    if shown.intersect(all) != shown {
        return Err(CommitError::OutsideImage { pipeline: id, image });
    }
    let to = SourceRect::from(pipeline.destination);
    // The destination's size is the one after rotation.
    let (width, height) = if pipeline.transform.swaps_sides() {
        (shown.height, shown.width)
    } else {
        (shown.width, shown.height)
    };
    if [to.width / width, to.height / height].iter().all(|scale| SCALE_RANGE.contains(scale)) {
        Ok(())
    } else {
        Err(CommitError::ScaleRange(id))
    }
}
