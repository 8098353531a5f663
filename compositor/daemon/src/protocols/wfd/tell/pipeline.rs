//! The current values of a pipeline.

use std::time::Duration;

use porthole_core::{
    model::{FallbackPicture, Hole, InputPolicy, Pipeline, PipelineId, SourceKind},
    scene::{Filter, Fit, Lead, PixelAspect, Sampling, SourceRect},
};
use porthole_pixel::Size;
use porthole_wayland::wfd::server::wfd_pipeline_v1::{
    self as wire, ScaleFilter, Transparency, TsColorFormat, WfdPipelineV1 as PipelineObject,
};

use super::Now;
use crate::protocols::wfd::{Condition, Placing, port::wire_rotation};

/// The largest picture that a buffer can hold.
const MAX_SOURCE: u32 = 16_384;
/// How much a source may be scaled.
const SCALE: (f64, f64) = (1.0 / 64.0, 64.0);

/// What was told of a pipeline.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct PipelineTold {
    pipeline: Pipeline,
    stream: u32,
    mask: Size,
    condition: Condition,
}

/// Tells the difference; true when there was one.
pub(super) fn tell(
    object: &PipelineObject,
    told: &mut Option<PipelineTold>,
    (id, pipeline): (PipelineId, &Pipeline),
    Now { model, numbers: streams, condition, .. }: &Now<'_>,
) -> bool {
    let condition = condition(id);
    let source = pipeline.source.and_then(|id| model.source(id));
    let stream = source.map_or(0, |source| match &source.kind {
        SourceKind::Stream(content) => streams.id(content),
        SourceKind::Image(_) => 0,
    });
    let mask = pipeline.mask.and_then(|id| model.mask(id)).map(|mask| mask.image.size);
    let mask = mask.unwrap_or_default();
    let now = PipelineTold { pipeline: pipeline.clone(), stream, mask, condition };
    if told.as_ref() == Some(&now) {
        return false;
    }
    if told.is_none() {
        capabilities(object);
    }
    let was = told.as_ref().map(|told| &told.pipeline);
    let (old_stream, old_mask) = told.as_ref().map_or((0, Size::default()), |t| (t.stream, t.mask));
    let first = told.is_none();
    if was.is_none_or(|was| was.name != pipeline.name) {
        object.name(pipeline.name.as_ref().map(ToString::to_string).unwrap_or_default());
    }
    if was.is_none_or(|was| was.layer != pipeline.layer) {
        object.binding(pipeline.port.get(), pipeline.layer);
    }
    if was.is_none_or(|was| was.source != pipeline.source) || old_stream != now.stream {
        object.source(pipeline.source.map_or(0, |id| id.get()), now.stream);
    }
    if first || old_mask != now.mask {
        object.mask(now.mask.width, now.mask.height);
    }
    tell_geometry(object, was, pipeline);
    tell_blending(object, was, pipeline);
    tell_rules(object, was, pipeline);
    tell_condition(object, told.as_ref().map(|told| told.condition), condition);
    object.done();
    *told = Some(now);
    true
}

fn capabilities(object: &PipelineObject) {
    let holes = u32::try_from(Hole::MAX_RECTS).unwrap_or(u32::MAX);
    object.capabilities(MAX_SOURCE, MAX_SOURCE, SCALE.0, SCALE.1, 1, holes);
    for bits in 0..16 {
        object.transparency_combination(Transparency::from_bits_truncate(bits));
    }
}

fn tell_geometry(object: &PipelineObject, was: Option<&Pipeline>, now: &Pipeline) {
    if was.is_none_or(|was| was.source_rectangle != now.source_rectangle) {
        let SourceRect { x, y, width, height } = now.source_rectangle.unwrap_or_default();
        object.source_rectangle(x, y, width, height);
    }
    if was.is_none_or(|was| was.destination != now.destination) {
        let rect = now.destination;
        object.destination_rectangle(rect.x, rect.y, rect.width, rect.height);
    }
    if was.is_none_or(|was| was.transform != now.transform) {
        let (mirrored, quarters) = now.transform.parts();
        object.transform(0, mirrored.into(), wire_rotation(quarters));
    }
    if was.is_none_or(|was| was.sizing.sampling != now.sizing.sampling) {
        object.scale_filter(match now.sizing.sampling {
            Sampling::Auto => ScaleFilter::Automatic,
            Sampling::Always(Filter::Nearest) => ScaleFilter::None,
            Sampling::Always(Filter::Bilinear) => ScaleFilter::Faster,
        });
    }
    let parts = |p: &Pipeline| (p.sizing.fit, p.sizing.lead, p.sizing.aspect);
    if was.is_none_or(|was| parts(was) != parts(now)) {
        let fit = match now.sizing.fit {
            Fit::Stretch => wire::Fit::Stretch,
            Fit::Fit => wire::Fit::Fit,
            Fit::Fill => wire::Fit::Fill,
            Fit::Centre => wire::Fit::Centre,
            Fit::Exact => wire::Fit::Exact,
        };
        let lead = match now.sizing.lead {
            Lead::Layer => wire::Lead::Layer,
            Lead::Picture => wire::Lead::Picture,
            Lead::Neither => wire::Lead::None,
        };
        let pixels = match now.sizing.aspect {
            PixelAspect::Auto => wire::Pixels::Automatic,
            PixelAspect::Square => wire::Pixels::Square,
        };
        object.sizing(fit, lead, pixels);
    }
}

fn tell_blending(object: &PipelineObject, was: Option<&Pipeline>, now: &Pipeline) {
    if was.is_none_or(|was| was.transparency != now.transparency) {
        object.transparency(Transparency::from_bits_truncate(now.transparency.bits()));
    }
    if was.is_none_or(|was| was.opacity.to_bits() != now.opacity.to_bits()) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the opacity is 0 to 1"
        )]
        object.global_alpha((f64::from(now.opacity) * 65535.0).round() as u32);
    }
    if was.is_none_or(|was| was.key != now.key) {
        let [_, red, green, blue] = now.key.argb().to_be_bytes().map(u32::from);
        object.ts_color(TsColorFormat::Rgb888, red, green, blue);
    }
    if was.is_none_or(|was| was.hole != now.hole) {
        let region = now.hole.region();
        let bounds = region.bounds().unwrap_or_default();
        let count = u32::try_from(region.rects().len()).unwrap_or(u32::MAX);
        object.hole(count, bounds.x, bounds.y, bounds.width, bounds.height);
    }
}

fn tell_condition(object: &PipelineObject, was: Option<Condition>, now: Condition) {
    if was.is_none_or(|was| was.placing != now.placing) {
        let placement = match now.placing {
            Placing::Nowhere => wire::Placement::None,
            Placing::Composed => wire::Placement::Composited,
            Placing::Direct => wire::Placement::Primary,
        };
        object.placement(placement, 0);
    }
    // Who looks for the first time is told only of a fallback that is shown.
    if was.unwrap_or_default().fallen_back != now.fallen_back {
        let silent = now.fallen_back.unwrap_or_default().as_millis();
        let silent = u32::try_from(silent).unwrap_or(u32::MAX);
        object.fallback(now.fallen_back.is_some().into(), silent);
    }
}

fn tell_rules(object: &PipelineObject, was: Option<&Pipeline>, now: &Pipeline) {
    if was.is_none_or(|was| was.fallback != now.fallback) {
        let (picture, source) = match now.fallback.picture {
            FallbackPicture::Hidden => (wire::FallbackPicture::Hidden, 0),
            FallbackPicture::Last => (wire::FallbackPicture::Last, 0),
            FallbackPicture::Source(id) => (wire::FallbackPicture::Source, id.get()),
        };
        let deadline = now.fallback.deadline.as_ref().map_or(0, Duration::as_millis);
        object.fallback_rule(picture, source, u32::try_from(deadline).unwrap_or(u32::MAX));
    }
    if was.is_none_or(|was| was.rate_limit != now.rate_limit) {
        object.rate_limit(now.rate_limit.map_or(0, |rate| rate.millihertz()));
    }
    if was.is_none_or(|was| was.input != now.input) {
        object.input_policy(match now.input {
            InputPolicy::Accept => wire::InputPolicy::Accept,
            InputPolicy::Block => wire::InputPolicy::Block,
            InputPolicy::Pass => wire::InputPolicy::Pass,
        });
    }
    if was.is_none_or(|was| was.keyboard != now.keyboard) {
        object.keyboard(now.keyboard.into());
    }
}
