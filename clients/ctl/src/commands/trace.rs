//! What happened when, for each frame of a port.

use crate::{
    cli::Cli,
    control::{Control, Frame, told::State},
    failure::Failure,
    layout::find_port,
    show::{
        screen::{Style, is_styled, say, say_line},
        text,
    },
};

/// Tells each frame as it is shown.
pub(super) fn trace(cli: &Cli, port: &str, frames: Option<u64>) -> Result<(), Failure> {
    let mut control = Control::open(cli.wayland.as_deref())?;
    let id = find_port(&control.told().state, port)?;
    control.start_trace(id)?;
    if !cli.json {
        let heading =
            "   FRAME  PLANNED  DRAWN   TOLD    PIXELS  CAPTURES  PICTURES, FROM COMMIT TO DRAWN";
        say(&Style::Strong.paint(heading, is_styled()))?;
    }
    let mut left = frames;
    while left != Some(0) {
        let frame = control.next_frame()?;
        let state = &control.told().state;
        if cli.json {
            say_line(&frame.json(state, port))?;
        } else {
            say(&line(&frame, state))?;
        }
        left = left.map(|left| left - 1);
    }
    Ok(())
}

/// A frame as a line. Times are from one stage to the next, in milliseconds.
fn line(frame: &Frame, state: &State) -> String {
    let between = |from: Option<u64>, to: Option<u64>| match (from, to) {
        (Some(from), Some(to)) => milliseconds(to.saturating_sub(from)),
        _ => "-".to_owned(),
    };
    let (planned, drawn) = (frame.time("planned"), frame.time("drawn"));
    let came = frame.stages.iter().filter(|stage| stage.what == "committed");
    let pictures: Vec<String> = came
        .map(|stage| {
            let layer = state.layers.get(&stage.layer);
            let name = layer.map(|layer| text::layer_name(stage.layer, layer));
            format!("{} {}", name.unwrap_or_default(), between(Some(stage.time_ns), drawn))
        })
        .collect();
    let line = format!(
        "{:>8}  {:>7}  {:>5}  {:>5}  {:>8}  {:>8}  {}",
        frame.number,
        between(frame.time("committed"), planned),
        between(planned, drawn),
        between(drawn, frame.time("told")),
        frame.pixels,
        frame.captures,
        pictures.join(", "),
    );
    line.trim_end().to_owned()
}

#[expect(clippy::cast_precision_loss, reason = "it is shown with two digits")]
fn milliseconds(nanoseconds: u64) -> String {
    format!("{:.2}", nanoseconds as f64 / 1e6)
}
