//! State for people.

use super::{
    json,
    screen::{Style, harmless},
    table::{Cell, Table},
};
use crate::control::told::{Frames, Layer, Port, State, Stream, Turn};

/// `1280x720`.
pub(crate) fn size([width, height]: [u32; 2]) -> String {
    format!("{width}x{height}")
}

/// `640x480+10+20`, as X11 and screenshots have it.
pub(crate) fn rect([x, y, width, height]: [i32; 4]) -> String {
    format!("{width}x{height}{x:+}{y:+}")
}

/// What turns there are, in words; nothing without any.
pub(crate) fn turn(turn: Turn) -> String {
    let mut words = Vec::new();
    if turn.flip {
        words.push("flipped".to_owned());
    }
    if turn.mirror {
        words.push("mirrored".to_owned());
    }
    if turn.rotation != 0 {
        words.push(format!("{}°", turn.rotation));
    }
    words.join(" ")
}

/// What a layer shows.
pub(crate) fn shows(state: &State, layer: &Layer) -> Cell {
    match (layer.source, state.streams.get(&layer.stream)) {
        (0, _) => Cell::styled("nothing", Style::Faint),
        (_, Some(stream)) => stream_name(stream).into(),
        (_, None) if layer.stream != 0 => format!("stream {}", layer.stream).into(),
        (_, None) => "a picture".into(),
    }
}

/// The name of a stream, as `source` takes it.
pub(crate) fn stream_name(stream: &Stream) -> String {
    match (stream.is_guest, stream.scanout) {
        (true, 0) => stream.socket.clone(),
        (true, scanout) => format!("{}:{scanout}", stream.socket),
        (false, _) => harmless(&format!("app:{}/{}", stream.socket, stream.app_id)),
    }
}

/// The name of a layer, or its number.
pub(crate) fn layer_name(id: u32, layer: &Layer) -> String {
    if layer.name.is_empty() { id.to_string() } else { layer.name.clone() }
}

fn stream_state(stream: &Stream) -> Cell {
    let style = match &*stream.state {
        "running" => Style::Plain,
        "crashed" => Style::Warn,
        _ => Style::Faint,
    };
    Cell::styled(stream.state.to_string(), style)
}

/// A table of ports.
pub(crate) fn ports(state: &State) -> Table<8> {
    let mut table =
        Table::new(["PORT", "SIZE", "HZ", "POWER", "BACKGROUND", "TURN", "LAYERS", "LATE"]);
    for (id, port) in &state.ports {
        let layers = state.layers_of(*id);
        let shown = layers.iter().filter(|(_, layer)| layer.is_shown()).count();
        let lit = matches!(&*port.power, "on" | "limited");
        let style = if lit { Style::Plain } else { Style::Warn };
        table.row([
            port.name.clone().into(),
            size(port.mode.size).into(),
            json::hertz(port.mode.refresh_mhz).to_string().into(),
            Cell::styled(port.power.to_string(), style),
            json::color(port.background.map(|channel| channel / 0x101)).into(),
            port_turn(port).into(),
            format!("{shown} of {}", layers.len()).into(),
            late(port),
        ]);
    }
    table
}

/// The frames that a screen showed too late, of all; nothing without any.
fn late(port: &Port) -> Cell {
    match port.frames {
        Some(Frames { shown, late: late @ 1.., .. }) => {
            Cell::styled(format!("{late} of {shown} frames"), Style::Warn)
        }
        _ => String::new().into(),
    }
}

fn port_turn(port: &Port) -> String {
    let mut words = turn(port.turn);
    if port.gamma.to_bits() != 1.0_f64.to_bits() {
        let gap = if words.is_empty() { "" } else { ", " };
        words.push_str(&format!("{gap}gamma {}", json::gamma(port)));
    }
    words
}

/// A table of layers; pipelines that nobody uses are counted only where `all` are wanted.
pub(crate) fn layers(state: &State, all: bool) -> Table<9> {
    let mut table = Table::new([
        "PORT", "LAYER", "ORDER", "RECT", "SHOWS", "STATE", "PICTURE", "BLEND", "MORE",
    ]);
    for (port, layer) in state.ports.keys().flat_map(|id| {
        let layers = state.layers_of(*id);
        layers.into_iter().map(move |layer| (*id, layer))
    }) {
        let (id, layer) = layer;
        if !all && !layer.is_used() {
            continue;
        }
        let stream = state.streams.get(&layer.stream);
        let picture = stream.map(|stream| stream.size).filter(|size| *size != [0; 2]);
        table.row([
            state.ports.get(&port).map(|port| port.name.clone()).unwrap_or_default().into(),
            layer_name(id, layer).into(),
            layer.order.to_string().into(),
            rect(layer.rect).into(),
            shows(state, layer),
            stream.map(stream_state).unwrap_or_default(),
            picture.map(size).unwrap_or_default().into(),
            blend(layer).into(),
            more(layer).into(),
        ]);
    }
    table
}

/// How a layer is blended, where it is not simply drawn.
pub(crate) fn blend(layer: &Layer) -> String {
    let mut words = Vec::new();
    let opacity = json::opacity(layer);
    if opacity < 1.0 {
        words.push(format!("opacity {opacity}"));
    }
    if json::alpha(layer) == "ignore" {
        words.push("alpha ignored".into());
    }
    if let Some(key) = json::key(layer) {
        words.push(format!("key {key}"));
    }
    if layer.transparency & json::MASK != 0 && layer.mask != [0; 2] {
        words.push("mask".into());
    }
    if layer.transparency & json::HOLE != 0 && layer.hole.count > 0 {
        words.push(match layer.hole.count {
            1 => format!("hole {}", rect(layer.hole.bounds)),
            count => format!("hole of {count}"),
        });
    }
    words.join(", ")
}

/// What is otherwise than usual.
pub(crate) fn more(layer: &Layer) -> String {
    let mut words = Vec::new();
    if layer.falls_back {
        words.push("falls back".to_owned());
    }
    let turned = turn(layer.turn);
    if !turned.is_empty() {
        words.push(turned);
    }
    if layer.crop != [0.0; 4] {
        let [x, y, width, height] = layer.crop;
        words.push(format!("part {width}x{height}{x:+}{y:+}"));
    }
    if layer.fit != "stretch" {
        words.push(layer.fit.to_string());
    }
    if layer.lead != "layer" {
        words.push(format!("lead {}", layer.lead));
    }
    if layer.filter != "auto" {
        words.push(layer.filter.to_string());
    }
    if layer.input != "accept" {
        words.push(format!("input {}", layer.input));
    }
    if !layer.keyboard {
        words.push("no keyboard".into());
    }
    if layer.fallback != "hide" {
        words.push(format!("fallback {}", layer.fallback));
    }
    if layer.deadline_ms != 0 {
        words.push(format!("deadline {} s", f64::from(layer.deadline_ms) / 1000.0));
    }
    if layer.rate_limit_mhz != 0 {
        words.push(format!("at most {} Hz", json::hertz(layer.rate_limit_mhz)));
    }
    words.join(", ")
}

/// A table of guests and programs.
pub(crate) fn streams(state: &State) -> Table<6> {
    let mut table = Table::new(["STREAM", "KIND", "STATE", "PICTURE", "LAYER", "PORT"]);
    for (id, stream) in &state.streams {
        let shown = state.layers.iter().find(|(_, layer)| layer.stream == *id);
        let port = shown.and_then(|(_, layer)| state.ports.get(&layer.port));
        table.row([
            stream_name(stream).into(),
            stream.kind.to_string().into(),
            stream_state(stream),
            if stream.size == [0; 2] { String::new() } else { size(stream.size) }.into(),
            shown.map(|(id, layer)| layer_name(*id, layer)).unwrap_or_default().into(),
            port.map(|port| port.name.clone()).unwrap_or_default().into(),
        ]);
    }
    table
}
