//! What the requests of a pipeline add to the pending changes.

use std::time::Duration;

use porthole_core::{
    Color, Refresh,
    model::{
        ColorKey, CommitError, Fallback, FallbackPicture, Hole, InputPolicy, Object, Pending,
        PipelineId, SourceId, Transition, Transparency,
    },
    scene::{Filter, Fit, Lead, PixelAspect, Sampling, Sizing, SourceRect},
};
use porthole_pixel::{Rect, Region};
use porthole_wayland::wfd::server::{
    wfd_device_v1::WfdDeviceV1 as DeviceObject,
    wfd_pipeline_v1::{self as pipeline, Request as R, TsColorFormat},
    wfd_source_v1::WfdSourceV1 as SourceObject,
};
use smithay::reexports::wayland_server::WEnum;

use super::{
    known,
    port::{switch, transform},
    source,
};

/// No deadline and no timeout is longer.
const LONGEST_WAIT_MS: u32 = 3_600_000;

/// Adds what requests set to the pending changes of a pipeline.
pub(super) struct Setter<'a> {
    pub(super) device: &'a DeviceObject,
    pub(super) id: PipelineId,
    /// The sizing before what is pending.
    pub(super) now: Sizing,
    /// The region that the request names.
    pub(super) hole: Option<Region>,
}

/// `None` after a protocol error.
type Outcome = Option<Result<(), CommitError>>;

impl Setter<'_> {
    fn range(&self, what: &'static str, range: &'static str) -> CommitError {
        CommitError::Range { object: Object::Pipeline(self.id), what, range }
    }

    fn known<T>(&self, value: WEnum<T>, what: &str) -> Option<T> {
        known(self.device, value, what)
    }

    pub(super) fn set(self, pending: &mut Pending, request: R) -> Outcome {
        let id = self.id;
        match request {
            R::SetSourceRectangle { x, y, width, height } => {
                let all = [x, y, width, height].iter().all(|value| *value == 0.0);
                let rect = (!all).then(|| SourceRect::new(x, y, width, height));
                return Some(pending.set_source_rectangle(id, rect));
            }
            R::SetGlobalAlpha { alpha } => return Some(self.set_alpha(pending, alpha)),
            R::SetDestinationRectangle { x, y, width, height } => {
                pending.set_destination(id, Rect::new(x, y, width.max(0), height.max(0)));
            }
            R::SetTransform { flip, mirror, rotation } => {
                match transform(self.device, flip, mirror, rotation)? {
                    Some(transform) => pending.set_transform(id, transform),
                    None => return Some(Err(self.range("flip or mirror", "0 or 1"))),
                }
            }
            R::SetTransparency { features } => {
                let features = self.known(features, "set of transparency features")?;
                let features = Transparency::from_bits(features.bits()).unwrap_or_default();
                pending.set_transparency(id, features);
            }
            R::SetTsColor { format, red, green, blue } => {
                return self.set_key(pending, format, [red, green, blue]);
            }
            R::SetHole { region: None } => pending.set_hole(id, Hole::default()),
            R::SetHole { region: Some(_) } => match self.hole.and_then(Hole::new) {
                Some(hole) => pending.set_hole(id, hole),
                None => return Some(Err(CommitError::HolePieces(id))),
            },
            R::SetLayer { layer } => pending.set_layer(id, layer),
            other => return self.set_rule(pending, other),
        }
        Some(Ok(()))
    }

    /// What is not about a pixel's colour.
    fn set_rule(&self, pending: &mut Pending, request: R) -> Outcome {
        let id = self.id;
        match request {
            R::SetRateLimit { refresh_mhz } => return Some(self.set_rate(pending, refresh_mhz)),
            R::SetInputPolicy { policy } => {
                let policy = match self.known(policy, "input policy")? {
                    pipeline::InputPolicy::Pass => InputPolicy::Pass,
                    pipeline::InputPolicy::Block => InputPolicy::Block,
                    _ => InputPolicy::Accept,
                };
                pending.set_input(id, policy);
            }
            R::SetKeyboard { keyboard } => match switch(keyboard) {
                Some(keyboard) => pending.set_keyboard(id, keyboard),
                None => return Some(Err(self.range("keyboard", "0 or 1"))),
            },
            R::SetScaleFilter { filter } => {
                let sampling = match self.known(filter, "scale filter")? {
                    pipeline::ScaleFilter::None => Sampling::Always(Filter::Nearest),
                    pipeline::ScaleFilter::Automatic => Sampling::Auto,
                    _ => Sampling::Always(Filter::Bilinear),
                };
                let sizing = pending.sizing(id).unwrap_or(self.now);
                pending.set_sizing(id, Sizing { sampling, ..sizing });
            }
            R::SetSizing { fit, lead, pixels } => {
                let sizing = self.sizing(fit, lead, pixels)?;
                let before = pending.sizing(id).unwrap_or(self.now);
                pending.set_sizing(id, Sizing { sampling: before.sampling, ..sizing });
            }
            R::BindSource { source, transition, timeout_ms } => {
                return self.bind_source(pending, source.as_ref(), transition, timeout_ms);
            }
            R::BindMask { mask, transition } => {
                self.known(transition, "transition")?;
                let mask = match &mask {
                    Some(mask) => Some(source::mask_of(mask, id, self.device)?),
                    None => None,
                };
                return Some(mask.transpose().map(|mask| pending.bind_mask(id, mask)));
            }
            R::SetFallback { picture, fallback, deadline_ms } => {
                return self.set_fallback(pending, picture, fallback.as_ref(), deadline_ms);
            }
            _ => {}
        }
        Some(Ok(()))
    }

    fn set_alpha(&self, pending: &mut Pending, alpha: u32) -> Result<(), CommitError> {
        let alpha = u16::try_from(alpha).map_err(|_| self.range("the alpha", "0 to 65535"))?;
        pending.set_opacity(self.id, f32::from(alpha) / f32::from(u16::MAX))
    }

    fn set_rate(&self, pending: &mut Pending, millihertz: u32) -> Result<(), CommitError> {
        let limit = match millihertz {
            0 => None,
            rate => Some(
                Refresh::from_hz(f64::from(rate) / 1000.0)
                    .ok_or_else(|| self.range("the rate", "1 to 240 Hz, or 0 for no limit"))?,
            ),
        };
        pending.set_rate_limit(self.id, limit);
        Ok(())
    }

    fn set_key(
        &self,
        pending: &mut Pending,
        format: WEnum<TsColorFormat>,
        channels: [u32; 3],
    ) -> Outcome {
        let format = self.known(format, "colour format")?;
        let [red, green, blue] = channels.map(|value| u8::try_from(value).ok());
        let key = red.zip(green).zip(blue).and_then(|((red, green), blue)| match format {
            TsColorFormat::Rgb565 => ColorKey::rgb565(red, green, blue),
            _ => Some(ColorKey::rgb888(Color { red, green, blue })),
        });
        Some(match key {
            Some(key) => {
                pending.set_key(self.id, key);
                Ok(())
            }
            None => {
                Err(self.range("the colour", "0 to 255 a channel, for rgb565 to 31, 63 and 31"))
            }
        })
    }

    fn sizing(
        &self,
        fit: WEnum<pipeline::Fit>,
        lead: WEnum<pipeline::Lead>,
        pixels: WEnum<pipeline::Pixels>,
    ) -> Option<Sizing> {
        Some(Sizing {
            fit: match self.known(fit, "fit")? {
                pipeline::Fit::Fit => Fit::Fit,
                pipeline::Fit::Fill => Fit::Fill,
                pipeline::Fit::Centre => Fit::Centre,
                pipeline::Fit::Exact => Fit::Exact,
                _ => Fit::Stretch,
            },
            lead: match self.known(lead, "lead")? {
                pipeline::Lead::Picture => Lead::Picture,
                pipeline::Lead::None => Lead::Neither,
                _ => Lead::Layer,
            },
            aspect: match self.known(pixels, "shape of pixels")? {
                pipeline::Pixels::Square => PixelAspect::Square,
                _ => PixelAspect::Auto,
            },
            sampling: Sampling::default(),
        })
    }

    fn bind_source(
        &self,
        pending: &mut Pending,
        source: Option<&SourceObject>,
        transition: WEnum<pipeline::Transition>,
        timeout_ms: u32,
    ) -> Outcome {
        let transition = match self.known(transition, "transition")? {
            pipeline::Transition::Immediate => Transition::Immediate,
            pipeline::Transition::AtVsync => Transition::AtVsync,
            _ if timeout_ms > LONGEST_WAIT_MS => {
                return Some(Err(self.range("the timeout", "at most one hour")));
            }
            _ => Transition::WhenReady { timeout: millis(timeout_ms) },
        };
        let source = match source {
            Some(source) => Some(self.source(source)?),
            None => None,
        };
        Some(source.transpose().map(|source| pending.bind_source(self.id, source, transition)))
    }

    fn set_fallback(
        &self,
        pending: &mut Pending,
        picture: WEnum<pipeline::FallbackPicture>,
        source: Option<&SourceObject>,
        deadline_ms: u32,
    ) -> Outcome {
        let picture = self.known(picture, "picture")?;
        let source = match source {
            Some(source) => Some(self.source(source)?),
            None => None,
        };
        let picture = match (picture, source) {
            (pipeline::FallbackPicture::Hidden, None) => FallbackPicture::Hidden,
            (pipeline::FallbackPicture::Last, None) => FallbackPicture::Last,
            (pipeline::FallbackPicture::Source, Some(Ok(id))) => FallbackPicture::Source(id),
            (_, Some(Err(error))) => return Some(Err(error)),
            _ => return Some(Err(self.range("the fallback", "a source for 'source', else none"))),
        };
        if deadline_ms > LONGEST_WAIT_MS {
            return Some(Err(self.range("the deadline", "at most one hour")));
        }
        pending.set_fallback(self.id, Fallback { picture, deadline: millis(deadline_ms) });
        Some(Ok(()))
    }

    fn source(&self, object: &SourceObject) -> Option<Result<SourceId, CommitError>> {
        source::source_of(object, self.id, self.device)
    }
}

/// A time; 0 is none.
fn millis(milliseconds: u32) -> Option<Duration> {
    (milliseconds > 0).then(|| Duration::from_millis(milliseconds.into()))
}
