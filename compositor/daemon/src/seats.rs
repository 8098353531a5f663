//! A seat for each port: where its pointer is, who has its keyboard.

use std::collections::BTreeMap;

use porthole_core::{
    config::Keymap,
    input::{FocusLayer, KeyboardFocus},
    model::{PipelineId, PortId},
    scene::Point,
};
use smithay::{
    backend::input::{Axis, AxisSource, ButtonState, KeyState},
    input::{
        Seat, SeatState,
        keyboard::{FilterResult, Keycode, XkbConfig},
        pointer::{AxisFrame, ButtonEvent, CursorImageStatus, MotionEvent},
    },
    reexports::wayland_server::{
        DisplayHandle, Resource,
        protocol::{wl_pointer, wl_surface::WlSurface},
    },
    utils::{Logical, Point as SmithayPoint, SERIAL_COUNTER},
};

use crate::{clock, protocols::virtual_pointer::PointerInput, scene::surface_at, state::State};

/// Key repeat that programs are told: per second, and the delay before the first in milliseconds.
/// Guests repeat keys themselves.
const REPEAT: (i32, i32) = (25, 600);

/// The seat of one port.
#[derive(Debug)]
pub(crate) struct PortSeat {
    pub(crate) seat: Seat<State>,
    /// The pointer, in port pixels; nowhere until something moves it.
    at: Option<Point>,
    focus: KeyboardFocus,
    keymap: Keymap,
    /// Scrolling since the last frame event.
    axis: Option<AxisFrame>,
    /// What the focused client wants the pointer to look like.
    pub(crate) cursor: CursorImageStatus,
}

/// All seats.
#[derive(Debug)]
pub(crate) struct Seats {
    pub(crate) state: SeatState<State>,
    by_port: BTreeMap<PortId, PortSeat>,
}

impl Seats {
    pub(crate) fn new() -> Self {
        Self { state: SeatState::new(), by_port: BTreeMap::new() }
    }

    /// Makes the seat of a port, with its name, and announces it.
    pub(crate) fn add(&mut self, display: &DisplayHandle, id: PortId, name: &str) {
        let mut seat = self.state.new_wl_seat(display, name);
        let keymap = Keymap::default();
        let config = xkb_config(&keymap);
        if let Err(error) = seat.add_keyboard(config, REPEAT.1, REPEAT.0) {
            tracing::error!("seat '{name}' has no keyboard: {error}; is xkb-data installed?");
        }
        seat.add_pointer();
        self.by_port.insert(
            id,
            PortSeat {
                seat,
                at: None,
                focus: KeyboardFocus::default(),
                keymap,
                axis: None,
                cursor: CursorImageStatus::default_named(),
            },
        );
    }

    pub(crate) fn remove(&mut self, display: &DisplayHandle, id: PortId) {
        if let Some(port) = self.by_port.remove(&id)
            && let Some(global) = port.seat.global()
        {
            display.remove_global::<State>(global);
        }
    }

    pub(crate) fn get(&self, id: PortId) -> Option<&PortSeat> {
        self.by_port.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: PortId) -> Option<&mut PortSeat> {
        self.by_port.get_mut(&id)
    }

    /// The port that a seat belongs to.
    pub(crate) fn port_of(&self, seat: &Seat<State>) -> Option<PortId> {
        self.by_port.iter().find(|(_, s)| s.seat == *seat).map(|(id, _)| *id)
    }
}

impl PortSeat {
    /// The pointer's hot spot in whole port pixels.
    pub(crate) fn position(&self) -> Option<(i32, i32)> {
        #[expect(clippy::cast_possible_truncation, reason = "the cast saturates, which is wanted")]
        self.at.map(|p| (p.x.floor() as i32, p.y.floor() as i32))
    }
}

fn xkb_config(keymap: &Keymap) -> XkbConfig<'_> {
    XkbConfig {
        layout: &keymap.layout,
        variant: keymap.variant.as_deref().unwrap_or(""),
        ..XkbConfig::default()
    }
}

const fn smithay_point(p: Point) -> SmithayPoint<f64, Logical> {
    SmithayPoint::new(p.x, p.y)
}

impl State {
    /// A key of an evdev code goes down or up on a port's seat.
    pub(crate) fn key(&mut self, port: PortId, code: u32, pressed: bool) {
        let Some(keyboard) = self.seats.get(port).and_then(|s| s.seat.get_keyboard()) else {
            return;
        };
        let state = if pressed { KeyState::Pressed } else { KeyState::Released };
        let serial = SERIAL_COUNTER.next_serial();
        // XKB counts from 8.
        let code = Keycode::new(code.saturating_add(8));
        keyboard.input::<(), _>(self, code, state, serial, clock::milliseconds(), |_, _, _| {
            FilterResult::Forward
        });
    }

    /// A pointing device of a port did something.
    pub(crate) fn pointer_input(&mut self, port: PortId, input: PointerInput) {
        match input {
            PointerInput::MotionAbsolute { x, y } => {
                if let Some(size) = self.ports.get(port).map(|p| p.size) {
                    let (w, h) = (f64::from(size.width), f64::from(size.height));
                    self.move_pointer(port, Point { x: x * w, y: y * h });
                }
            }
            PointerInput::Motion { dx, dy } => {
                let at = self.seats.get(port).and_then(|s| s.at).unwrap_or_default();
                self.move_pointer(port, Point { x: at.x + dx, y: at.y + dy });
            }
            PointerInput::Button { code, pressed } => self.button(port, code, pressed),
            PointerInput::Axis { axis, value, steps } => {
                let Some(axis) = our_axis(axis) else { return };
                self.with_axis(port, |frame| {
                    let frame = frame.value(axis, value);
                    steps.map_or(frame, |n| frame.v120(axis, n.saturating_mul(120)))
                });
            }
            PointerInput::AxisSource(source) => {
                if let Some(source) = our_source(source) {
                    self.with_axis(port, |frame| frame.source(source));
                }
            }
            PointerInput::AxisStop(axis) => {
                if let Some(axis) = our_axis(axis) {
                    self.with_axis(port, |frame| frame.stop(axis));
                }
            }
            PointerInput::Frame => self.pointer_frame(port),
        }
    }

    fn with_axis(&mut self, port: PortId, change: impl FnOnce(AxisFrame) -> AxisFrame) {
        if let Some(seat) = self.seats.get_mut(port) {
            let frame = seat.axis.take().unwrap_or_else(|| AxisFrame::new(clock::milliseconds()));
            seat.axis = Some(change(frame));
        }
    }

    fn pointer_frame(&mut self, port: PortId) {
        let Some(seat) = self.seats.get_mut(port) else { return };
        let axis = seat.axis.take();
        let Some(pointer) = seat.seat.get_pointer() else { return };
        if let Some(axis) = axis {
            pointer.axis(self, axis);
        }
        pointer.frame(self);
    }

    fn move_pointer(&mut self, port: PortId, to: Point) {
        let Some(size) = self.ports.get(port).map(|p| p.size) else { return };
        // The last pixel is the farthest that a pointer gets.
        let clamp = |v: f64, len: u32| v.clamp(0.0, f64::from(len) - 1.0 / 256.0);
        let to = Point { x: clamp(to.x, size.width), y: clamp(to.y, size.height) };
        if let Some(seat) = self.seats.get_mut(port) {
            seat.at = Some(to);
        }
        self.send_motion(port);
        self.cursor_moved(port);
    }

    /// Tells the surface under the pointer where the pointer is.
    fn send_motion(&mut self, port: PortId) {
        let Some(seat) = self.seats.get(port) else { return };
        let (Some(at), Some(pointer)) = (seat.at, seat.seat.get_pointer()) else { return };
        let under = self.ports.get(port).and_then(|p| surface_at(&p.input, at));
        // smithay subtracts the surface's origin from the location. A layer may be scaled, so the
        // origin is chosen such that the difference is the point in the surface's own coordinates.
        let focus = under.map(|(found, local)| {
            let origin = Point { x: at.x - local.x, y: at.y - local.y };
            (found.surface.clone(), smithay_point(origin))
        });
        let event = MotionEvent {
            location: smithay_point(at),
            serial: SERIAL_COUNTER.next_serial(),
            time: clock::milliseconds(),
        };
        pointer.motion(self, focus, &event);
    }

    fn button(&mut self, port: PortId, code: u32, pressed: bool) {
        let Some(seat) = self.seats.get(port) else { return };
        let (at, pointer) = (seat.at, seat.seat.get_pointer());
        let Some(pointer) = pointer else { return };
        if pressed {
            let layer = at.and_then(|at| {
                let port = self.ports.get(port)?;
                surface_at(&port.input, at).map(|(found, _)| found.element.layer)
            });
            let on = self.surface_under(port);
            if let Some(seat) = self.seats.get(port).map(|s| s.seat.clone()) {
                self.clicked_outside(&seat, on.as_ref());
            }
            if let Some(layer) = layer {
                let shown = self.focus_layers(port);
                let news = self.seats.get_mut(port).is_some_and(|s| s.focus.clicked(layer, &shown));
                if news {
                    self.send_keyboard_focus(port);
                }
            }
        }
        let state = if pressed { ButtonState::Pressed } else { ButtonState::Released };
        let event = ButtonEvent {
            serial: SERIAL_COUNTER.next_serial(),
            time: clock::milliseconds(),
            button: code,
            state,
        };
        pointer.button(self, &event);
    }

    /// The layers of a port that show something, from the bottom up.
    fn focus_layers(&self, port: PortId) -> Vec<FocusLayer> {
        let layers = self.device.layers_of(port);
        let shown = layers.into_iter().filter(|(id, _)| self.windows.shown(*id).is_some());
        shown.map(|(layer, p)| FocusLayer { layer, keyboard: p.keyboard }).collect()
    }

    /// What a port shows may have changed under its pointer, and who may have its keyboard.
    pub(crate) fn refresh_input(&mut self, port: PortId) {
        let shown = self.focus_layers(port);
        if self.seats.get_mut(port).is_some_and(|s| s.focus.layers_changed(&shown)) {
            self.send_keyboard_focus(port);
        } else if self.keyboard_surface(port) != self.seat_focus(port) {
            // The same layer with another toplevel: its client restarted.
            self.send_keyboard_focus(port);
        }
        let Some(seat) = self.seats.get(port) else { return };
        let (Some(at), Some(pointer)) = (seat.at, seat.seat.get_pointer()) else { return };
        let under = self.ports.get(port).and_then(|p| surface_at(&p.input, at));
        let under = under.map(|(found, _)| found.surface.clone());
        // A held button keeps its surface until it is released.
        if under != pointer.current_focus() && !pointer.is_grabbed() {
            self.send_motion(port);
            pointer.frame(self);
        }
    }

    fn keyboard_surface(&self, port: PortId) -> Option<WlSurface> {
        let seat = self.seats.get(port)?;
        let root = self.windows.shown(seat.focus.layer()?)?.wl_surface();
        Some(self.grabbing_popup(&seat.seat, root).unwrap_or_else(|| root.clone()))
    }

    /// The surface that the pointer is over.
    fn surface_under(&self, port: PortId) -> Option<WlSurface> {
        let at = self.seats.get(port)?.at?;
        surface_at(&self.ports.get(port)?.input, at).map(|(found, _)| found.surface.clone())
    }

    fn seat_focus(&self, port: PortId) -> Option<WlSurface> {
        let focus = self.seats.get(port)?.seat.get_keyboard()?.current_focus();
        focus.filter(Resource::is_alive)
    }

    fn send_keyboard_focus(&mut self, port: PortId) {
        self.refresh_keymap(port);
        let surface = self.keyboard_surface(port);
        let keyboard = self.seats.get(port).and_then(|s| s.seat.get_keyboard());
        if let Some(keyboard) = keyboard {
            keyboard.set_focus(self, surface, SERIAL_COUNTER.next_serial());
        }
    }

    /// Gives the seat the keymap of the guest that has its keyboard.
    pub(crate) fn refresh_keymap(&mut self, port: PortId) {
        let layer = self.seats.get(port).and_then(|s| s.focus.layer());
        let keymap = layer.map(|layer| self.keymap_of(layer)).unwrap_or_default();
        let Some(seat) = self.seats.get_mut(port) else { return };
        let Some(keyboard) = seat.seat.get_keyboard() else { return };
        if seat.keymap != keymap {
            seat.keymap.clone_from(&keymap);
            if let Err(error) = keyboard.set_xkb_config(self, xkb_config(&keymap)) {
                tracing::error!("keymap '{keymap}' cannot be used: {error}");
            }
        }
    }

    /// The keyboard that the guest of a layer believes to have.
    fn keymap_of(&self, layer: PipelineId) -> Keymap {
        let source = self.device.pipeline(layer).and_then(|p| p.source);
        match source.and_then(|s| self.device.source(s)).map(|s| &s.content) {
            Some(porthole_core::config::Content::Guest { guest, .. }) => {
                self.config.guest(guest.as_str()).map(|g| g.keymap.clone()).unwrap_or_default()
            }
            _ => Keymap::default(),
        }
    }
}

const fn our_axis(axis: wl_pointer::Axis) -> Option<Axis> {
    match axis {
        wl_pointer::Axis::HorizontalScroll => Some(Axis::Horizontal),
        wl_pointer::Axis::VerticalScroll => Some(Axis::Vertical),
        _ => None,
    }
}

const fn our_source(source: wl_pointer::AxisSource) -> Option<AxisSource> {
    Some(match source {
        wl_pointer::AxisSource::Wheel => AxisSource::Wheel,
        wl_pointer::AxisSource::Finger => AxisSource::Finger,
        wl_pointer::AxisSource::Continuous => AxisSource::Continuous,
        wl_pointer::AxisSource::WheelTilt => AxisSource::WheelTilt,
        _ => return None,
    })
}
