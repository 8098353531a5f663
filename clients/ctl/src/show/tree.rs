//! The scene as a tree: ports, their layers from the topmost down, and the surfaces of each.

use serde_json::Value;

use super::{
    json,
    screen::{Style, harmless},
    text,
};
use crate::control::told::{Layer, State};

/// The lines of the tree. The dump adds what no event tells; what it lacks is left out.
pub(crate) fn lines(state: &State, dump: &Value, styled: bool) -> Vec<String> {
    let mut lines = Vec::new();
    for (id, port) in &state.ports {
        let dumped = found(dump.get("ports"), *id);
        let mut title = format!(
            "{}  {} at {} Hz, {}",
            Style::Strong.paint(&port.name, styled),
            text::size(port.mode.size),
            json::hertz(port.mode.refresh_mhz),
            port.power,
        );
        if let Some(frames) = dumped.and_then(|port| port.get("frames")?.as_u64()) {
            let plural = if frames == 1 { "" } else { "s" };
            title.push_str(&format!(", {frames} frame{plural}"));
            let late = dumped.and_then(|port| port.get("late_frames")?.as_u64());
            if let Some(late @ 1..) = late {
                title.push_str(&format!(", {late} of them late"));
            }
        }
        lines.push(title);
        let layers = state.layers_of(*id);
        let unused = layers.iter().filter(|(_, layer)| !layer.is_used()).count();
        let mut nodes: Vec<(String, Vec<String>)> = layers
            .iter()
            .filter(|(_, layer)| layer.is_used())
            .map(|(id, layer)| {
                let pipeline = dumped.and_then(|port| found(port.get("pipelines"), *id));
                node(state, (*id, layer), pipeline, styled)
            })
            .collect();
        let background = json::color(port.background.map(|channel| channel / 0x101));
        let mut rest = format!("background {background}");
        if unused > 0 {
            let plural = if unused == 1 { "" } else { "s" };
            rest.push_str(&format!(", {unused} unused layer{plural}"));
        }
        nodes.push((Style::Faint.paint(&rest, styled), Vec::new()));
        branch(&mut lines, nodes);
    }
    lines
}

/// A layer: its line, and the lines below it.
fn node(
    state: &State,
    (id, layer): (u32, &Layer),
    dumped: Option<&Value>,
    styled: bool,
) -> (String, Vec<String>) {
    let stream = state.streams.get(&layer.stream);
    let mut line = format!(
        "{}  order {}, {}",
        Style::Strong.paint(&text::layer_name(id, layer), styled),
        layer.order,
        text::rect(layer.rect),
    );
    let shows = match (layer.source, stream) {
        (0, _) => "shows nothing".to_owned(),
        (_, None) => "a picture".to_owned(),
        (_, Some(stream)) => format!("{} ({})", text::stream_name(stream), stream.state),
    };
    line.push_str(&format!(", {shows}"));
    for words in [text::blend(layer), text::more(layer)] {
        if !words.is_empty() {
            line.push_str(&format!(", {words}"));
        }
    }
    let mut below: Vec<String> = Vec::new();
    if let Some(rects) = layer.hole.rects.as_deref().filter(|rects| rects.len() > 1) {
        let rects: Vec<String> = rects.iter().map(|r| text::rect(*r)).collect();
        below.push(format!("hole {}", rects.join(" ")));
    }
    let surfaces = dumped.and_then(|layer| layer.get("surfaces")?.as_array());
    for surface in surfaces.into_iter().flatten() {
        below.push(surface_line(surface));
    }
    (line, below)
}

fn surface_line(surface: &Value) -> String {
    let rect = |key: &str| {
        let sides = surface.get(key).cloned().map(serde_json::from_value::<[i32; 4]>);
        sides.and_then(Result::ok).map(text::rect)
    };
    let id = surface.get("id").map(Value::to_string).unwrap_or_default();
    let mut line = format!("surface {}", harmless(&id));
    if let Some(destination) = rect("destination") {
        line.push_str(&format!(", {destination}"));
    }
    match rect("input") {
        Some(input) => line.push_str(&format!(", input {input}")),
        None => line.push_str(", no input"),
    }
    line
}

/// The object of a number.
fn found(list: Option<&Value>, id: u32) -> Option<&Value> {
    let list = list.and_then(Value::as_array)?;
    list.iter().find(|value| value.get("id").and_then(Value::as_u64) == Some(id.into()))
}

fn branch(lines: &mut Vec<String>, nodes: Vec<(String, Vec<String>)>) {
    let last = nodes.len().saturating_sub(1);
    for (place, (line, below)) in nodes.into_iter().enumerate() {
        let (corner, side) = if place == last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        lines.push(format!("{corner}{line}"));
        let end = below.len().saturating_sub(1);
        for (place, line) in below.into_iter().enumerate() {
            let corner = if place == end { "└─ " } else { "├─ " };
            lines.push(format!("{side}{corner}{line}"));
        }
    }
}
