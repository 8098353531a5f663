//! What libinput says of pens and other tools of tablets.

use std::ffi::{c_int, c_void};

use porthole_core::{
    pen::{Abilities, Action, Axes, Tool, ToolKind, Wheel},
    scene::Point,
};

use super::{Devices, number};

/// What a tool did, and where it is: 0 to 1 from the tablet's left and upper edge.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct PenEvent {
    pub(crate) tool: Tool,
    pub(crate) at: Point,
    pub(crate) axes: Axes,
    pub(crate) wheel: Option<Wheel>,
    pub(crate) action: Action,
}

impl Devices {
    pub(super) fn read_pen(&self, kind: u32, event: *mut c_void) -> PenEvent {
        let with = &self.functions;
        let action = match kind {
            // SAFETY: an event of a pen, as in all calls below.
            number::PEN_NEAR if unsafe { (with.pen_near)(event) } == 0 => Action::Left,
            // SAFETY: as above.
            number::PEN_TIP => Action::Tip(unsafe { (with.pen_tip)(event) } == 1),
            number::PEN_BUTTON => {
                // SAFETY: as above.
                let code = unsafe { (with.pen_button)(event) };
                // SAFETY: as above.
                Action::Button(code, unsafe { (with.pen_button_state)(event) } == 1)
            }
            _ => Action::Moved,
        };
        // SAFETY: as above; the event holds its tool.
        let tool = self.tool(unsafe { (with.pen_tool)(event) });
        let at = self.place(event, with.pen_x, with.pen_y);
        // SAFETY: as above.
        let turned = tool.has.wheel && unsafe { (with.pen_turned)(event) } != 0;
        let wheel = turned.then(|| Wheel {
            degrees: value(event, with.pen_degrees),
            // SAFETY: as above.
            clicks: unsafe { (with.pen_clicks)(event) },
        });
        let axes = Axes {
            pressure: tool.has.pressure.then(|| value(event, with.pen_pressure)),
            distance: tool.has.distance.then(|| value(event, with.pen_distance)),
            tilt: tool.has.tilt.then(|| Point {
                x: value(event, with.pen_tilt_x),
                y: value(event, with.pen_tilt_y),
            }),
            rotation: tool.has.rotation.then(|| value(event, with.pen_rotation)),
            slider: tool.has.slider.then(|| value(event, with.pen_slider)),
        };
        PenEvent { tool, at, axes, wheel, action }
    }

    fn tool(&self, tool: *mut c_void) -> Tool {
        let with = &self.functions;
        // SAFETY: a tool that its event holds, as in all calls below.
        let kind = match unsafe { (with.tool_type)(tool) } {
            2 => ToolKind::Eraser,
            3 => ToolKind::Brush,
            4 => ToolKind::Pencil,
            5 => ToolKind::Airbrush,
            6 => ToolKind::Mouse,
            7 => ToolKind::Lens,
            // Programs know no others.
            _ => ToolKind::Pen,
        };
        // SAFETY: as above.
        let is_unique = unsafe { (with.tool_is_unique)(tool) } != 0;
        // SAFETY: as above.
        let serial = unsafe { (with.tool_serial)(tool) };
        // SAFETY: as above.
        let model = unsafe { (with.tool_model)(tool) };
        let has = Abilities {
            pressure: has(tool, with.tool_has_pressure),
            distance: has(tool, with.tool_has_distance),
            tilt: has(tool, with.tool_has_tilt),
            rotation: has(tool, with.tool_has_rotation),
            slider: has(tool, with.tool_has_slider),
            wheel: has(tool, with.tool_has_wheel),
        };
        Tool { kind, serial: Some(serial).filter(|serial| is_unique && *serial != 0), model, has }
    }
}

fn value(event: *mut c_void, get: unsafe extern "system" fn(*mut c_void) -> f64) -> f64 {
    // SAFETY: a function of libinput for an event of a pen.
    unsafe { get(event) }
}

fn has(tool: *mut c_void, ask: unsafe extern "system" fn(*mut c_void) -> c_int) -> bool {
    // SAFETY: a function of libinput for a tool.
    unsafe { ask(tool) != 0 }
}
