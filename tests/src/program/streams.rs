//! Streams, which tell a guest's device of its layer, and what a seat's devices are to do.

use porthole_wayland::seat_feedback::client::{
    porthole_seat_feedback_manager_v1::PortholeSeatFeedbackManagerV1,
    porthole_seat_feedback_v1::{self as feedback, PortholeSeatFeedbackV1},
};
use porthole_wayland::stream::client::{
    wfd_stream_manager_v1::WfdStreamManagerV1 as Manager,
    wfd_stream_v1::{self as stream, WfdStreamV1},
};
use wayland_client::{
    Connection, Dispatch, QueueHandle, WEnum, delegate_noop,
    protocol::{wl_seat::WlSeat, wl_surface::WlSurface},
};

use super::{Log, Program};
use crate::failure::Result;

impl Program {
    /// A stream of a surface; the log says `stream configure SERIAL WIDTHxHEIGHT RATE mHz ...`, ending
    /// with `disconnected` or the size in millimetres, and `stream visible` or `stream hidden`.
    ///
    /// # Errors
    /// When the socket does not show the global.
    pub fn stream(&self, surface: &WlSurface) -> Result<WfdStreamV1> {
        Ok(self.bind::<Manager>()?.get_stream(surface, self.handle(), ()))
    }
}

impl Program {
    /// Hears what a seat's devices are to do; the log says `lamps N`, `pointer locked` and `pointer free`.
    ///
    /// # Errors
    /// When the socket does not show the global.
    pub fn seat_feedback(&self, seat: &WlSeat) -> Result<PortholeSeatFeedbackV1> {
        let manager: PortholeSeatFeedbackManagerV1 = self.bind()?;
        Ok(manager.get_feedback(seat, self.handle(), ()))
    }
}

impl Dispatch<PortholeSeatFeedbackV1, ()> for Log {
    fn event(
        log: &mut Self,
        _: &PortholeSeatFeedbackV1,
        event: feedback::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        match event {
            feedback::Event::Lamps { lamps: WEnum::Value(lamps) } => {
                log.say(format!("lamps {}", lamps.bits()));
            }
            feedback::Event::Pointer { mode: WEnum::Value(feedback::Pointer::Locked) } => {
                log.say("pointer locked");
            }
            feedback::Event::Pointer { .. } => log.say("pointer free"),
            _ => {}
        }
    }
}

impl Dispatch<WfdStreamV1, ()> for Log {
    fn event(
        log: &mut Self,
        _: &WfdStreamV1,
        event: stream::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        match event {
            stream::Event::Configure {
                serial,
                width,
                height,
                refresh_mhz,
                connected,
                physical_width_mm,
                physical_height_mm,
            } => {
                let millimetres = format!("{physical_width_mm}x{physical_height_mm} mm");
                let end = if connected == 0 { "disconnected".to_owned() } else { millimetres };
                let size = format!("{width}x{height} {refresh_mhz} mHz");
                log.say(format!("stream configure {serial} {size} {end}"));
            }
            stream::Event::Visible { visible } => {
                log.say(if visible == 0 { "stream hidden" } else { "stream visible" });
            }
            _ => {}
        }
    }
}

delegate_noop!(Log: Manager);
delegate_noop!(Log: PortholeSeatFeedbackManagerV1);
