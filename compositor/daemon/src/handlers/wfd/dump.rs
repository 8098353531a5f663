//! All that a client may see, as JSON for people and tools.

use porthole_core::{
    model::{FallbackPicture, Pipeline, PipelineId, Port, PortId, SourceKind},
    scene::Transform,
};
use porthole_pixel::{Rect, Size};
use serde_json::{Value, json};
use smithay::reexports::wayland_server::Client;

use crate::{
    protocols::wfd::{May, WfdHandler},
    state::State,
};

impl State {
    /// The ports that a client may see, with their layers from the topmost down.
    pub(super) fn dump_for(&self, client: &Client) -> Value {
        let ports = self.device.ports().filter(|(id, _)| self.may(client, May::Observe(*id)));
        let ports: Vec<Value> = ports.map(|(id, port)| self.dump_port(id, port)).collect();
        json!({ "ports": ports, "held_commits": !self.control.held.is_empty() })
    }

    fn dump_port(&self, id: PortId, model: &Port) -> Value {
        let mut pipelines: Vec<_> = self.device.pipelines_of(id).collect();
        pipelines.sort_by_key(|(_, pipeline)| (!pipeline.is_enabled(), -i64::from(pipeline.layer)));
        let pipelines: Vec<Value> =
            pipelines.into_iter().map(|(id, pipeline)| self.dump_pipeline(id, pipeline)).collect();
        let live = self.ports.get(id);
        json!({
            "id": id.get(),
            "name": model.name.as_str(),
            "size": size(model.mode.size),
            "refresh_mhz": model.mode.refresh.millihertz(),
            "scale": model.mode.scale.factor(),
            "background": model.background.to_string(),
            "transform": transform(model.transform),
            "power": format!("{:?}", model.power).to_lowercase(),
            "gamma": model.gamma.value(),
            "frames": live.map_or(0, |port| port.frames.shown()),
            "late_frames": live.map_or(0, |port| port.frames.late()),
            "composed_bytes": live.map_or(0, |port| port.composed_bytes),
            "pipelines": pipelines,
        })
    }

    fn dump_pipeline(&self, id: PipelineId, pipeline: &Pipeline) -> Value {
        let source = pipeline.source.and_then(|source| self.device.source(source));
        let source = source.map(|source| match &source.kind {
            SourceKind::Stream(content) => json!({ "stream": content.to_string() }),
            SourceKind::Image(image) => {
                json!({ "image": size(image.size), "file": image.file.as_deref() })
            }
        });
        let mask = pipeline.mask.and_then(|mask| self.device.mask(mask));
        let crop = pipeline.source_rectangle.map(|r| json!([r.x, r.y, r.width, r.height]));
        let hole: Vec<Value> = pipeline.hole.region().rects().iter().map(|r| rect(*r)).collect();
        let fallback = match pipeline.fallback.picture {
            FallbackPicture::Hidden => json!("hidden"),
            FallbackPicture::Last => json!("last"),
            FallbackPicture::Source(source) => json!({ "source": source.get() }),
        };
        json!({
            "id": id.get(),
            "name": pipeline.name.as_ref().map(|name| name.as_str()),
            "enabled": pipeline.is_enabled(),
            "layer": pipeline.layer,
            "source": source,
            "source_rectangle": crop,
            "destination": rect(pipeline.destination),
            "transform": transform(pipeline.transform),
            "transparency": pipeline.transparency.bits(),
            "opacity": pipeline.opacity,
            "key": format!("#{:06x}", pipeline.key.argb() & 0x00ff_ffff),
            "mask": mask.map(|mask| size(mask.image.size)),
            "hole": hole,
            "sizing": format!("{:?}", pipeline.sizing),
            "keyboard": pipeline.keyboard,
            "input": format!("{:?}", pipeline.input).to_lowercase(),
            "fallback": fallback,
            "fallback_deadline_ms": pipeline.fallback.deadline.map(|after| after.as_millis()),
            "rate_limit_mhz": pipeline.rate_limit.map(|rate| rate.millihertz()),
            "surfaces": self.dump_surfaces(id, pipeline.port),
        })
    }

    /// The surfaces of a layer in the last frame, from the topmost down.
    fn dump_surfaces(&self, layer: PipelineId, port: PortId) -> Vec<Value> {
        let Some(port) = self.ports.get(port) else { return Vec::new() };
        let surfaces = port.input.iter().rev().filter(|surface| surface.element.layer == layer);
        let dump = surfaces.map(|surface| {
            json!({
                "id": surface.element.id,
                "destination": rect(surface.mapping.destination),
                "input": surface.element.region.bounds().map(rect),
            })
        });
        dump.collect()
    }
}

fn size(size: Size) -> Value {
    json!([size.width, size.height])
}

fn rect(rect: Rect) -> Value {
    json!([rect.x, rect.y, rect.width, rect.height])
}

fn transform(transform: Transform) -> Value {
    let (mirror, quarters) = transform.parts();
    json!({ "mirror": mirror, "rotation": quarters * 90 })
}
