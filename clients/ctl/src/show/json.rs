//! State as JSON with stable keys. A layout file has the same keys: what is printed here can be
//! committed again. What only the service can say is under `now`.

use serde_json::{Map, Value, json};

use crate::control::told::{Layer, Mode, Port, State, Stream};

/// Bits of `wfd_pipeline_v1.transparency`.
pub(crate) const SOURCE_COLOR: u32 = 1;
/// The opacity counts.
pub(crate) const GLOBAL_ALPHA: u32 = 2;
/// The picture's alpha counts.
pub(crate) const SOURCE_ALPHA: u32 = 4;
/// The mask counts.
pub(crate) const MASK: u32 = 8;
/// The hole counts.
pub(crate) const HOLE: u32 = 16;

/// Ports, layers and streams.
pub(crate) fn state(state: &State) -> Value {
    json!({ "port": ports(state), "layer": layers(state, false), "stream": streams(state) })
}

/// All ports.
pub(crate) fn ports(state: &State) -> Vec<Value> {
    state.ports.iter().map(|(id, value)| port(*id, value)).collect()
}

/// The layers, port by port; those that nobody uses only where `all` are wanted.
pub(crate) fn layers(state: &State, all: bool) -> Vec<Value> {
    let of_ports = state.ports.keys().flat_map(|port| state.layers_of(*port));
    let wanted = of_ports.filter(|(_, layer)| all || layer.is_used());
    wanted.map(|(id, value)| layer(state, id, value)).collect()
}

/// All streams.
pub(crate) fn streams(state: &State) -> Vec<Value> {
    state.streams.iter().map(|(id, value)| stream(state, *id, value)).collect()
}

/// A port.
pub(crate) fn port(id: u32, port: &Port) -> Value {
    let per_second = port.frames.and_then(|frames| frames.per_second);
    let mode = |mode: &Mode| json!({ "size": mode.size, "refresh": hertz(mode.refresh_mhz), "preferred": mode.preferred });
    json!({
        "name": port.name,
        "size": port.mode.size,
        "refresh": hertz(port.mode.refresh_mhz),
        "background": color(port.background.map(|channel| channel / 0x101)),
        "rotation": port.turn.rotation,
        "flip": port.turn.flip,
        "mirror": port.turn.mirror,
        "gamma": gamma(port),
        "power": port.power,
        "now": {
            "id": id,
            "kind": port.kind,
            "attached": port.attached,
            "modes": port.modes.iter().map(mode).collect::<Vec<_>>(),
            "gamma_range": port.gamma_range,
            "frames": port.frames.map(|frames| frames.shown),
            "late_frames": port.frames.map(|frames| frames.late),
            "per_second": per_second.map(|(shown, late)| json!({ "frames": shown, "late_frames": late })),
        },
    })
}

/// A layer.
pub(crate) fn layer(state: &State, id: u32, layer: &Layer) -> Value {
    let mut map = Map::new();
    let mut put = |key: &str, value: Value| {
        map.insert(key.to_owned(), value);
    };
    if layer.name.is_empty() {
        put("id", json!(id));
    } else {
        put("name", json!(layer.name));
    }
    put("port", json!(state.ports.get(&layer.port).map(|port| port.name.as_str())));
    let stream = state.streams.get(&layer.stream);
    match stream {
        Some(stream) if stream.is_guest => {
            put("guest", json!(stream.socket));
            put("scanout", json!(stream.scanout));
        }
        Some(stream) => {
            put("socket", json!(stream.socket));
            put("app_id", json!(stream.app_id));
        }
        None => {}
    }
    put("rect", json!(layer.rect));
    put("order", json!(layer.order));
    put("opacity", json!(opacity(layer)));
    put("source", if layer.crop == [0.0; 4] { Value::Null } else { json!(layer.crop) });
    put("fit", json!(layer.fit));
    put("lead", json!(layer.lead));
    put("pixels", json!(layer.pixels));
    put("filter", json!(layer.filter));
    put("rotation", json!(layer.turn.rotation));
    put("flip", json!(layer.turn.flip));
    put("mirror", json!(layer.turn.mirror));
    put("alpha", json!(alpha(layer)));
    put("key", key(layer).map_or(Value::Null, Value::from));
    if layer.transparency & HOLE == 0 || layer.hole.count == 0 {
        put("hole", json!([]));
    } else if let Some(rects) = &layer.hole.rects {
        put("hole", json!(rects));
    }
    put("input", json!(layer.input));
    put("keyboard", json!(layer.keyboard));
    if layer.fallback_source == 0 {
        put("fallback", json!(layer.fallback));
    }
    let deadline = f64::from(layer.deadline_ms) / 1000.0;
    put("deadline", if layer.deadline_ms == 0 { Value::Null } else { json!(deadline) });
    let rate = layer.rate_limit_mhz;
    put("rate_limit", if rate == 0 { Value::Null } else { json!(hertz(rate)) });
    put("now", layer_now(id, layer, stream));
    Value::Object(map)
}

/// What only the service can say of a layer.
fn layer_now(id: u32, layer: &Layer, stream: Option<&Stream>) -> Value {
    let has_mask = layer.transparency & MASK != 0 && layer.mask != [0; 2];
    json!({
        "id": id,
        "shown": layer.is_shown(),
        "source": match (layer.source, stream) {
            (0, _) => "none",
            (_, None) => "picture",
            (_, Some(stream)) if stream.is_guest => "guest",
            _ => "program",
        },
        "state": stream.map(|stream| stream.state.clone()),
        "picture": stream.map(|stream| stream.size).filter(|size| *size != [0; 2]),
        "mask": has_mask.then_some(layer.mask),
        "hole": { "rectangles": layer.hole.count, "bounds": layer.hole.bounds },
        "transparency": layer.transparency,
        "fallback_active": layer.falls_back,
        "placement": if layer.placement.is_empty() { None } else { Some(&layer.placement) },
    })
}

/// A stream, with the layer that shows it.
pub(crate) fn stream(state: &State, id: u32, stream: &Stream) -> Value {
    let shown = state.layers.values().find(|layer| layer.stream == id);
    let layer = shown.map(|layer| layer.name.as_str()).filter(|name| !name.is_empty());
    let port = shown.and_then(|layer| state.ports.get(&layer.port));
    let size = (stream.size != [0; 2]).then_some(stream.size);
    let mut value = json!({ "kind": stream.kind, "socket": stream.socket });
    if stream.is_guest {
        value = json!({ "kind": stream.kind, "guest": stream.socket, "scanout": stream.scanout });
    } else if let Some(map) = value.as_object_mut() {
        map.insert("app_id".into(), json!(stream.app_id));
    }
    if let Some(map) = value.as_object_mut() {
        map.insert("state".into(), json!(stream.state));
        map.insert("size".into(), json!(size));
        map.insert("layer".into(), json!(layer));
        map.insert("port".into(), json!(port.map(|port| port.name.as_str())));
        map.insert("id".into(), json!(id));
    }
    value
}

/// The opacity as a number with as few digits as say it exactly.
pub(crate) fn opacity(layer: &Layer) -> f64 {
    if layer.transparency & GLOBAL_ALPHA == 0 {
        return 1.0;
    }
    let exact = f64::from(layer.alpha.min(65_535)) / 65_535.0;
    let short = [100.0, 1000.0, 10_000.0].into_iter().map(|steps| rounded(exact, steps));
    let same = |opacity: &f64| (opacity * 65_535.0).round() == f64::from(layer.alpha);
    short.into_iter().find(same).unwrap_or_else(|| rounded(exact, 100_000.0))
}

/// The gamma with as few digits as say it exactly, in the protocol's steps of 1/256.
pub(crate) fn gamma(port: &Port) -> f64 {
    let step = |gamma: f64| (gamma * 256.0).round().to_bits();
    let short = [10.0, 100.0].into_iter().map(|steps| rounded(port.gamma, steps));
    let mut short = short.filter(|gamma| step(*gamma) == step(port.gamma));
    short.next().unwrap_or_else(|| rounded(port.gamma, 1000.0))
}

/// Whether the picture's own alpha counts.
pub(crate) const fn alpha(layer: &Layer) -> &'static str {
    if layer.transparency & SOURCE_ALPHA == 0 { "ignore" } else { "picture" }
}

/// The colour that is seen through, where there is one.
pub(crate) fn key(layer: &Layer) -> Option<String> {
    (layer.transparency & SOURCE_COLOR != 0).then(|| color(layer.key))
}

/// A colour of 8 bits a channel.
pub(crate) fn color([red, green, blue]: [u32; 3]) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// Frames per second; whole where it is.
pub(crate) fn hertz(millihertz: u32) -> Value {
    if millihertz.is_multiple_of(1000) {
        json!(millihertz / 1000)
    } else {
        json!(f64::from(millihertz) / 1000.0)
    }
}

/// To the nearest of so many steps for each whole number.
fn rounded(value: f64, steps: f64) -> f64 {
    (value * steps).round() / steps
}
