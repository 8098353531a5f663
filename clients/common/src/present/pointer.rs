//! A seat's pointer.

use porthole_pixel::Size;
use wayland_client::protocol::wl_pointer::{self, Axis, WlPointer};
use wayland_client::protocol::wl_surface::WlSurface;
use wayland_client::{Proxy, WEnum};

use super::Told;
use super::hands::Hands;
use super::link::Link;
use super::lock::Lock;
use super::window::Window;

/// Steps of a detent, as everywhere since high-resolution wheels.
const DETENT: i32 = 120;
/// What a detent is in the units of touch pads.
const DETENT_UNITS: f64 = 10.0;

/// What one axis did in one frame of events, as far as the pointer tells.
#[derive(Clone, Copy, Default, Debug)]
struct Turn {
    fine: Option<i32>,
    coarse: Option<i32>,
    units: f64,
}

impl Turn {
    /// In 1/120 of a detent.
    fn steps(self) -> i32 {
        #[expect(clippy::cast_possible_truncation, reason = "saturates, and the value is small")]
        let units = (self.units / DETENT_UNITS * f64::from(DETENT)).round() as i32;
        let coarse = self.coarse.map(|detents| detents.saturating_mul(DETENT));
        self.fine.or(coarse).unwrap_or(units)
    }
}

/// A pointer.
pub(super) struct Pointer {
    pub(super) object: WlPointer,
    /// The window that it is over.
    pub(super) over: Option<usize>,
    /// The seat's name.
    seat: u32,
    enter_serial: u32,
    vertical: Turn,
    horizontal: Turn,
    surface: Option<WlSurface>,
    /// The cursor that it wears: whose, and which version.
    worn: Option<(usize, u64)>,
    /// For a guest that wants to hear of motion alone.
    pub(super) lock: Option<Lock>,
}

impl Pointer {
    pub(super) const fn new(seat: u32, object: WlPointer) -> Self {
        Self {
            object,
            seat,
            over: None,
            enter_serial: 0,
            vertical: Turn { fine: None, coarse: None, units: 0.0 },
            horizontal: Turn { fine: None, coarse: None, units: 0.0 },
            surface: None,
            worn: None,
            lock: None,
        }
    }

    /// Takes an event. `size` tells how large the picture in a window is.
    pub(super) fn event(
        &mut self,
        event: wl_pointer::Event,
        size: impl Fn(usize) -> Option<Size>,
        hands: &mut Hands,
        told: &mut Vec<Told>,
    ) {
        match event {
            wl_pointer::Event::Enter { serial, surface, surface_x, surface_y } => {
                self.leave(hands, told);
                self.over = surface.data::<usize>().copied();
                self.enter_serial = serial;
                self.worn = None;
                self.motion((surface_x, surface_y), size, hands, told);
            }
            wl_pointer::Event::Leave { .. } => self.leave(hands, told),
            wl_pointer::Event::Motion { surface_x, surface_y, .. } => {
                self.motion((surface_x, surface_y), size, hands, told);
            }
            wl_pointer::Event::Button { button, state, .. } => {
                let down = state == WEnum::Value(wl_pointer::ButtonState::Pressed);
                if let (Some(scanout), Ok(code)) = (self.over, u16::try_from(button)) {
                    hands.button(self.seat, (scanout, code), down, told);
                }
            }
            wl_pointer::Event::Axis { axis, value, .. } => {
                if let Some(turn) = self.turn(axis) {
                    turn.units += value;
                }
            }
            wl_pointer::Event::AxisDiscrete { axis, discrete } => {
                if let Some(turn) = self.turn(axis) {
                    turn.coarse = Some(turn.coarse.unwrap_or(0).saturating_add(discrete));
                }
            }
            wl_pointer::Event::AxisValue120 { axis, value120 } => {
                if let Some(turn) = self.turn(axis) {
                    turn.fine = Some(turn.fine.unwrap_or(0).saturating_add(value120));
                }
            }
            wl_pointer::Event::Frame => self.frame(hands, told),
            _ => {}
        }
    }

    fn turn(&mut self, axis: WEnum<Axis>) -> Option<&mut Turn> {
        match axis {
            WEnum::Value(Axis::VerticalScroll) => Some(&mut self.vertical),
            WEnum::Value(Axis::HorizontalScroll) => Some(&mut self.horizontal),
            _ => None,
        }
    }

    fn motion(
        &self,
        place: (f64, f64),
        size: impl Fn(usize) -> Option<Size>,
        hands: &mut Hands,
        told: &mut Vec<Told>,
    ) {
        let Some(scanout) = self.over else { return };
        // Places say nothing to a guest that uses a mouse.
        if self.lock.is_some() {
            return;
        }
        if let Some((x, y)) = size(scanout).map(|size| fraction(place, size)) {
            hands.moved(self.seat, (scanout, x, y), told);
        }
    }

    fn frame(&mut self, hands: &mut Hands, told: &mut Vec<Told>) {
        let vertical = std::mem::take(&mut self.vertical).steps();
        let horizontal = std::mem::take(&mut self.horizontal).steps();
        if let Some(scanout) = self.over
            && (vertical, horizontal) != (0, 0)
        {
            // Wayland counts down as positive, evdev counts up.
            let vertical = vertical.saturating_neg();
            hands.wheel(self.seat, (scanout, vertical, horizontal), told);
        }
    }

    /// It is over no window any more, or gone.
    pub(super) fn leave(&mut self, hands: &mut Hands, told: &mut Vec<Told>) {
        if self.over.take().is_some() {
            hands.release_pointer(self.seat, told);
        }
        self.worn = None;
        if let Some(lock) = self.lock.take() {
            lock.end();
        }
    }

    /// It is to be dressed anew.
    pub(super) const fn undress(&mut self) {
        self.worn = None;
    }

    /// Holds the pointer in its place while the guest wants to hear of motion alone. Returns whether
    /// anything was to be done.
    pub(super) fn settle_lock(&mut self, link: &Link, window: &Window, relative: bool) -> bool {
        let wanted = relative && self.over == Some(window.index());
        let of_window = self.lock.as_ref().is_some_and(|lock| lock.scanout() == window.index());
        if wanted && self.lock.is_none() {
            self.lock = Lock::new(link, self.seat, &self.object, window);
            return self.lock.is_some();
        }
        if wanted || !of_window {
            return false;
        }
        self.undress();
        if let Some(lock) = self.lock.take() {
            lock.end();
        }
        true
    }

    /// Tells where the guest's cursor is, where the pointer is held. Returns whether the window must be
    /// committed.
    pub(super) fn hint(&mut self, window: &Window) -> bool {
        let lock = self.lock.as_mut().filter(|lock| lock.scanout() == window.index());
        lock.is_some_and(|lock| lock.hint(window.cursor.hot_spot()))
    }

    /// Wears the guest's cursor, if it is over that guest's window and the cursor has changed.
    /// Returns whether anything was to be done.
    pub(super) fn wear(&mut self, link: &Link, window: &mut Window) -> bool {
        let worn = (window.index(), window.cursor.version());
        if self.over != Some(window.index()) || self.worn == Some(worn) {
            return false;
        }
        self.worn = Some(worn);
        // A pointer that is held is not seen: the guest's cursor is where the guest puts it.
        let held = self.lock.as_ref().is_some_and(Lock::is_held);
        let Some((image, hot)) = window.cursor.shown(link).filter(|_| !held) else {
            // The guest shows none, or draws it into its picture.
            self.object.set_cursor(self.enter_serial, None, 0, 0);
            return true;
        };
        if self.surface.is_none() {
            let made = link.compositor.as_ref().map(|c| c.create_surface(&link.queue, ()));
            self.surface = made;
        }
        let Some(surface) = &self.surface else { return false };
        self.object.set_cursor(self.enter_serial, Some(surface), hot.0, hot.1);
        surface.attach(Some(&image), 0, 0);
        surface.damage_buffer(0, 0, i32::MAX, i32::MAX);
        surface.commit();
        true
    }
}

/// Where in a window a place is: 0 to 1 each way.
pub(super) fn fraction((x, y): (f64, f64), size: Size) -> (f64, f64) {
    let part = |value: f64, length: u32| (value / f64::from(length.max(1))).clamp(0.0, 1.0);
    (part(x, size.width), part(y, size.height))
}
