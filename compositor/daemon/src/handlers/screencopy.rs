//! Who may copy which port by the older protocol: whoever may capture it.

use porthole_core::model::PortId;
use porthole_pixel::Rect;
use smithay::reexports::wayland_server::{Client, protocol::wl_output::WlOutput};

use crate::{
    protocols::screencopy::{ScreencopyHandler, ScreencopyState, Wanted, delegate_screencopy},
    state::State,
};

impl ScreencopyHandler for State {
    fn screencopy_state(&mut self) -> &mut ScreencopyState {
        &mut self.globals.screencopy
    }

    fn wanted(&mut self, client: &Client, output: &WlOutput, part: Option<Rect>) -> Option<Wanted> {
        let port = self.port_of_output(output)?;
        if !self.may_capture(client, port) {
            return None;
        }
        let known = self.ports.get(port)?;
        let all = Rect::from_size(known.size);
        let area = match part {
            None => all,
            Some(part) => to_pixels(part, known.scale.factor()).intersect(all)?,
        };
        (!area.is_empty()).then_some(Wanted { port, area })
    }

    fn copy_wanted(&mut self, port: PortId) {
        self.serve_captures(port);
    }
}

/// A rectangle of an output's logical coordinates as the pixels that it touches.
fn to_pixels(part: Rect, scale: f64) -> Rect {
    #[expect(clippy::cast_possible_truncation, reason = "the cast saturates, which is wanted")]
    let [low, high] =
        [f64::floor, f64::ceil].map(|round| move |at: i32| round(f64::from(at) * scale) as i32);
    Rect::from_edges(low(part.left()), low(part.top()), high(part.right()), high(part.bottom()))
}

delegate_screencopy!(State);
