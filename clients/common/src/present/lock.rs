//! A pointer that is locked in its place, for guests that use a mouse: they want to hear how far it went,
//! and draw their cursor where they think that it is.

use wayland_client::protocol::wl_pointer::WlPointer;
use wayland_client::{Connection, Dispatch, QueueHandle, delegate_noop};
use wayland_protocols::wp::pointer_constraints::zv1::client::{
    zwp_locked_pointer_v1::{self, ZwpLockedPointerV1},
    zwp_pointer_constraints_v1::{Lifetime, ZwpPointerConstraintsV1},
};
use wayland_protocols::wp::relative_pointer::zv1::client::{
    zwp_relative_pointer_manager_v1::ZwpRelativePointerManagerV1,
    zwp_relative_pointer_v1::{self, ZwpRelativePointerV1},
};

use super::link::Link;
use super::stage::Stage;
use super::window::Window;

/// The lock of one seat's pointer in one window.
#[derive(Debug)]
pub(super) struct Lock {
    /// None where the compositor knows no locks: then motion counts wherever the pointer is.
    object: Option<ZwpLockedPointerV1>,
    motion: ZwpRelativePointerV1,
    scanout: usize,
    /// The compositor holds the pointer. It may let it go, and hold it again.
    held: bool,
    /// Parts of pixels that were not told.
    rest: (f64, f64),
    /// Where the compositor was told that the guest's cursor is.
    hint: Option<(i32, i32)>,
}

impl Lock {
    /// Asks for the pointer of a seat while it is in a window; none where nobody would tell motion.
    pub(super) fn new(
        link: &Link,
        seat: u32,
        pointer: &WlPointer,
        window: &Window,
    ) -> Option<Self> {
        let surface = &window.top.as_ref()?.surface;
        let motion = link.relative.as_ref()?.get_relative_pointer(pointer, &link.queue, seat);
        let lifetime = Lifetime::Persistent;
        let object = link.constraints.as_ref().map(|constraints| {
            constraints.lock_pointer(surface, pointer, None, lifetime, &link.queue, seat)
        });
        let held = object.is_none();
        let (scanout, rest) = (window.index(), (0.0, 0.0));
        Some(Self { object, motion, scanout, held, rest, hint: None })
    }

    /// In which window.
    pub(super) const fn scanout(&self) -> usize {
        self.scanout
    }

    /// Whether motion counts now.
    pub(super) const fn is_held(&self) -> bool {
        self.held
    }

    /// How far the guest's pointer goes, in whole pixels; what is left over is kept.
    fn went(&mut self, dx: f64, dy: f64) -> Option<(i32, i32)> {
        let whole = |rest: &mut f64, went: f64| {
            // What is no number is no motion.
            *rest += if went.is_finite() { went } else { 0.0 };
            let whole = rest.trunc();
            *rest -= whole;
            #[expect(clippy::cast_possible_truncation, reason = "the cast saturates")]
            let whole = whole as i32;
            whole
        };
        let went = (whole(&mut self.rest.0, dx), whole(&mut self.rest.1, dy));
        (self.held && went != (0, 0)).then_some(went)
    }

    /// Tells where the guest's cursor is: there the pointer goes on when it is free. Returns whether the
    /// window must be committed.
    pub(super) fn hint(&mut self, at: (i32, i32)) -> bool {
        let Some(object) = self.object.as_ref().filter(|_| self.held) else { return false };
        if self.hint.replace(at) == Some(at) {
            return false;
        }
        object.set_cursor_position_hint(at.0.into(), at.1.into());
        true
    }

    /// Lets the pointer go.
    pub(super) fn end(self) {
        if let Some(object) = self.object {
            object.destroy();
        }
        self.motion.destroy();
    }
}

impl Dispatch<ZwpLockedPointerV1, u32> for Stage {
    fn event(
        stage: &mut Self,
        object: &ZwpLockedPointerV1,
        event: zwp_locked_pointer_v1::Event,
        seat: &u32,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        let Some(pointer) = stage.seats.pointer_of(*seat) else { return };
        let lock = pointer.lock.as_mut().filter(|lock| lock.object.as_ref() == Some(object));
        let Some(lock) = lock else { return };
        match event {
            zwp_locked_pointer_v1::Event::Locked => lock.held = true,
            zwp_locked_pointer_v1::Event::Unlocked => (lock.held, lock.hint) = (false, None),
            _ => return,
        }
        // It looks different now.
        pointer.undress();
    }
}

impl Dispatch<ZwpRelativePointerV1, u32> for Stage {
    fn event(
        stage: &mut Self,
        _: &ZwpRelativePointerV1,
        event: zwp_relative_pointer_v1::Event,
        seat: &u32,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        let zwp_relative_pointer_v1::Event::RelativeMotion { dx, dy, .. } = event else { return };
        let Some(lock) = stage.seats.pointer_of(*seat).and_then(|pointer| pointer.lock.as_mut())
        else {
            return;
        };
        let scanout = lock.scanout;
        if let Some((dx, dy)) = lock.went(dx, dy) {
            stage.telling(|stage, told| stage.seats.went(*seat, (scanout, dx, dy), told));
        }
    }
}

delegate_noop!(Stage: ZwpPointerConstraintsV1);
delegate_noop!(Stage: ZwpRelativePointerManagerV1);
