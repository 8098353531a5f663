//! Virtual devices, seats that a program makes for people, and what their pointers look like.

use wayland_client::{
    Connection, Dispatch, Proxy, QueueHandle, delegate_noop,
    protocol::{
        wl_output::WlOutput,
        wl_pointer::WlPointer,
        wl_seat::WlSeat,
        wl_touch::{self, WlTouch},
    },
};
use wayland_protocols::ext::{
    image_copy_capture::v1::client::{
        ext_image_copy_capture_cursor_session_v1::{
            self as cursor, ExtImageCopyCaptureCursorSessionV1 as CursorSession,
        },
        ext_image_copy_capture_manager_v1::Options,
        ext_image_copy_capture_session_v1::ExtImageCopyCaptureSessionV1,
    },
    transient_seat::v1::client::{
        ext_transient_seat_manager_v1::ExtTransientSeatManagerV1 as Manager,
        ext_transient_seat_v1::{self as transient, ExtTransientSeatV1},
    },
};
use wayland_protocols_wlr::virtual_pointer::v1::client::{
    zwlr_virtual_pointer_manager_v1::ZwlrVirtualPointerManagerV1,
    zwlr_virtual_pointer_v1::ZwlrVirtualPointerV1,
};

use porthole_wayland::virtual_touch::client::{
    porthole_virtual_touch_manager_v1::PortholeVirtualTouchManagerV1 as TouchManager,
    porthole_virtual_touch_v1::PortholeVirtualTouchV1 as VirtualTouch,
};

use super::{CaptureManagers, Log, Program};
use crate::failure::{Failure, Result};

/// A seat that this program made, and its devices.
#[derive(Debug)]
pub struct OwnSeat {
    /// What keeps it.
    pub transient: ExtTransientSeatV1,
    /// The seat, as everybody may bind it.
    pub seat: WlSeat,
}

impl Program {
    /// A virtual pointer on an output.
    ///
    /// # Errors
    /// When the socket does not show the global.
    pub fn virtual_pointer(&self, output: &WlOutput) -> Result<ZwlrVirtualPointerV1> {
        let manager: ZwlrVirtualPointerManagerV1 = self.bind()?;
        Ok(manager.create_virtual_pointer_with_output(None, Some(output), &self.handle, ()))
    }

    /// Listens to keyboards, pointers and touch screens of all seats.
    ///
    /// # Errors
    /// When the service goes.
    pub fn all_seats(&mut self) -> Result<()> {
        let all = self.globals.contents().clone_list();
        for global in all.into_iter().filter(|g| g.interface == WlSeat::interface().name) {
            let version = WlSeat::interface().version.min(global.version);
            let seat: WlSeat =
                self.globals.registry().bind(global.name, version, self.handle(), ());
            seat.get_keyboard(self.handle(), ());
            seat.get_pointer(self.handle(), ());
            seat.get_touch(self.handle(), ());
        }
        self.roundtrip()
    }

    /// Asks for a seat; the log says `seat name NAME`.
    ///
    /// # Errors
    /// When it is denied.
    pub fn own_seat(&mut self) -> Result<OwnSeat> {
        let manager: Manager = self.bind()?;
        let mark = self.log.len();
        let transient = manager.create(self.handle(), ());
        self.wait_for("an answer", mark, |line| line.starts_with("transient seat "))?;
        let lines = self.log.since(mark).iter();
        let name = lines.filter_map(|l| l.strip_prefix("transient seat ready ")).next_back();
        let name: u32 = name
            .and_then(|name| name.parse().ok())
            .ok_or_else(|| Failure::new("the seat was denied"))?;
        let seat = self.globals.registry().bind(name, 9, &self.handle, ());
        self.roundtrip()?;
        Ok(OwnSeat { transient, seat })
    }

    /// Asks for so many seats in one go and wants none of them any more; tells how many were announced.
    ///
    /// # Errors
    /// When the socket does not show the global, or the service goes.
    pub fn seats_of_a_moment(&mut self, count: usize) -> Result<usize> {
        let manager: Manager = self.bind()?;
        let mark = self.log.len();
        for _ in 0..count {
            manager.create(self.handle(), ()).destroy();
        }
        self.roundtrip()?;
        Ok(self.log.since(mark).iter().filter(|line| *line == "global wl_seat").count())
    }

    /// A virtual pointer on a seat and output.
    ///
    /// # Errors
    /// When the socket does not show the global.
    pub fn virtual_pointer_of(
        &self,
        seat: &WlSeat,
        output: &WlOutput,
    ) -> Result<ZwlrVirtualPointerV1> {
        let manager: ZwlrVirtualPointerManagerV1 = self.bind()?;
        let handle = self.handle();
        Ok(manager.create_virtual_pointer_with_output(Some(seat), Some(output), handle, ()))
    }

    /// A virtual touch screen on a seat and output.
    ///
    /// # Errors
    /// When the socket does not show the global.
    pub fn virtual_touch(&self, seat: Option<&WlSeat>, output: &WlOutput) -> Result<VirtualTouch> {
        let manager: TouchManager = self.bind()?;
        Ok(manager.create_virtual_touch(seat, output, self.handle(), ()))
    }

    /// A capture session on an output with pointers painted in; waits for its constraints.
    ///
    /// # Errors
    /// When the service does not answer.
    pub fn capture_painted(
        &mut self,
        managers: &CaptureManagers,
        output: &WlOutput,
    ) -> Result<ExtImageCopyCaptureSessionV1> {
        let source = managers.sources.create_source(output, self.handle(), ());
        let options = Options::PaintCursors;
        let session = managers.manager.create_session(&source, options, self.handle(), ());
        let mark = self.log.len();
        self.wait_for("the session's constraints", mark, |line| line == "capture done")?;
        Ok(session)
    }

    /// Watches a seat's pointer on an output; the log says `cursor enter` and so on.
    pub fn watch_cursor(
        &self,
        managers: &CaptureManagers,
        output: &WlOutput,
        pointer: &WlPointer,
    ) -> CursorSession {
        let source = managers.sources.create_source(output, self.handle(), ());
        managers.manager.create_pointer_cursor_session(&source, pointer, self.handle(), ())
    }
}

impl Dispatch<ExtTransientSeatV1, ()> for Log {
    fn event(
        log: &mut Self,
        _: &ExtTransientSeatV1,
        event: transient::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        match event {
            transient::Event::Ready { global_name } => {
                log.say(format!("transient seat ready {global_name}"));
            }
            transient::Event::Denied => log.say("transient seat denied"),
            _ => {}
        }
    }
}

impl Dispatch<CursorSession, ()> for Log {
    fn event(
        log: &mut Self,
        _: &CursorSession,
        event: <CursorSession as Proxy>::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        match event {
            cursor::Event::Enter => log.say("cursor enter"),
            cursor::Event::Leave => log.say("cursor leave"),
            cursor::Event::Position { x, y } => log.say(format!("cursor at {x} {y}")),
            cursor::Event::Hotspot { x, y } => log.say(format!("cursor hotspot {x} {y}")),
            _ => {}
        }
    }
}

delegate_noop!(Log: Manager);
delegate_noop!(Log: TouchManager);
delegate_noop!(Log: VirtualTouch);

impl Dispatch<WlTouch, ()> for Log {
    fn event(
        log: &mut Self,
        _: &WlTouch,
        event: wl_touch::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        match event {
            wl_touch::Event::Down { id, x, y, .. } => {
                log.say(format!("touch {id} down {x:.1} {y:.1}"));
            }
            wl_touch::Event::Motion { id, x, y, .. } => {
                log.say(format!("touch {id} motion {x:.1} {y:.1}"));
            }
            wl_touch::Event::Up { id, .. } => log.say(format!("touch {id} up")),
            wl_touch::Event::Frame => log.say("touch frame"),
            wl_touch::Event::Cancel => log.say("touch cancel"),
            _ => {}
        }
    }
}
