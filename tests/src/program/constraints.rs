//! Pointers that a program locks or keeps inside of its surface.

use wayland_client::{
    Connection, Dispatch, Proxy, QueueHandle, delegate_noop,
    protocol::{
        wl_pointer::WlPointer, wl_region::WlRegion, wl_seat::WlSeat, wl_surface::WlSurface,
    },
};
use wayland_protocols::wp::{
    pointer_constraints::zv1::client::{
        zwp_confined_pointer_v1::{self, ZwpConfinedPointerV1},
        zwp_locked_pointer_v1::{self, ZwpLockedPointerV1},
        zwp_pointer_constraints_v1::{Lifetime, ZwpPointerConstraintsV1},
    },
    relative_pointer::zv1::client::{
        zwp_relative_pointer_manager_v1::ZwpRelativePointerManagerV1,
        zwp_relative_pointer_v1::{self, ZwpRelativePointerV1},
    },
};

use super::{Log, Program};
use crate::failure::Result;

impl Program {
    /// The pointer of a seat, listened to by its motion too.
    ///
    /// # Errors
    /// When a global is missing.
    pub fn relative_pointer(&mut self, seat: &str) -> Result<WlPointer> {
        let seat: WlSeat = self.named("seat", seat)?;
        let pointer = seat.get_pointer(&self.handle, ());
        let manager: ZwpRelativePointerManagerV1 = self.bind()?;
        manager.get_relative_pointer(&pointer, &self.handle, ());
        Ok(pointer)
    }

    /// Locks a pointer where it is while it is on a surface.
    ///
    /// # Errors
    /// When the global is missing.
    pub fn lock(
        &self,
        pointer: &WlPointer,
        surface: &WlSurface,
        lifetime: Lifetime,
    ) -> Result<ZwpLockedPointerV1> {
        let constraints: ZwpPointerConstraintsV1 = self.bind()?;
        Ok(constraints.lock_pointer(surface, pointer, None, lifetime, &self.handle, ()))
    }

    /// Keeps a pointer in a part of a surface.
    ///
    /// # Errors
    /// When the global is missing.
    pub fn confine(
        &self,
        pointer: &WlPointer,
        surface: &WlSurface,
        [x, y, width, height]: [i32; 4],
    ) -> Result<ZwpConfinedPointerV1> {
        let constraints: ZwpPointerConstraintsV1 = self.bind()?;
        let region: WlRegion = self.compositor.create_region(&self.handle, ());
        region.add(x, y, width, height);
        let lifetime = Lifetime::Persistent;
        let handle = &self.handle;
        let confined =
            constraints.confine_pointer(surface, pointer, Some(&region), lifetime, handle, ());
        region.destroy();
        Ok(confined)
    }
}

macro_rules! dispatch {
    ($proxy:ty, |$log:ident, $event:ident| $body:expr) => {
        impl Dispatch<$proxy, ()> for Log {
            fn event(
                $log: &mut Self,
                _: &$proxy,
                $event: <$proxy as Proxy>::Event,
                (): &(),
                _: &Connection,
                _: &QueueHandle<Self>,
            ) {
                $body
            }
        }
    };
}

dispatch!(ZwpRelativePointerV1, |log, event| {
    if let zwp_relative_pointer_v1::Event::RelativeMotion { dx, dy, .. } = event {
        log.say(format!("relative {dx:.1} {dy:.1}"));
    }
});
dispatch!(ZwpLockedPointerV1, |log, event| match event {
    zwp_locked_pointer_v1::Event::Locked => log.say("locked"),
    zwp_locked_pointer_v1::Event::Unlocked => log.say("unlocked"),
    _ => {}
});
dispatch!(ZwpConfinedPointerV1, |log, event| match event {
    zwp_confined_pointer_v1::Event::Confined => log.say("confined"),
    zwp_confined_pointer_v1::Event::Unconfined => log.say("unconfined"),
    _ => {}
});

delegate_noop!(Log: ZwpPointerConstraintsV1);
delegate_noop!(Log: ZwpRelativePointerManagerV1);
