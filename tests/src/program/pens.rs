//! Pens of the seats, for programs that ask for them.

use wayland_client::{
    Connection, Dispatch, Proxy, QueueHandle, WEnum, delegate_noop, event_created_child,
    protocol::{wl_seat::WlSeat, wl_surface::WlSurface},
};
use wayland_protocols::wp::{
    cursor_shape::v1::client::{
        wp_cursor_shape_device_v1::Shape, wp_cursor_shape_manager_v1::WpCursorShapeManagerV1,
    },
    tablet::zv2::client::{
        zwp_tablet_manager_v2::ZwpTabletManagerV2 as Manager,
        zwp_tablet_seat_v2::{self as seat, ZwpTabletSeatV2 as TabletSeat},
        zwp_tablet_tool_v2::{self as tool, ZwpTabletToolV2 as Tool},
        zwp_tablet_v2::{self as tablet, ZwpTabletV2 as Tablet},
    },
};

use super::{Log, Program};
use crate::failure::{Failure, Result};

impl Program {
    /// Asks for the pens of a seat.
    ///
    /// # Errors
    /// When the global is missing.
    pub fn pens(&self, seat: &WlSeat) -> Result<TabletSeat> {
        Ok(self.bind::<Manager>()?.get_tablet_seat(seat, &self.handle, ()))
    }

    /// Asks so many times for the pens of all seats.
    ///
    /// # Errors
    /// When the global is missing.
    pub fn all_pens(&mut self, times: u32) -> Result<()> {
        let manager: Manager = self.bind()?;
        let all = self.globals.contents().clone_list();
        for global in all.into_iter().filter(|g| g.interface == WlSeat::interface().name) {
            let seat: WlSeat =
                self.globals.registry().bind(global.name, global.version, self.handle(), ());
            (0..times).for_each(|_| drop(manager.get_tablet_seat(&seat, &self.handle, ())));
        }
        self.roundtrip()
    }

    /// Gives the pen that came last a surface for its looks, and a name.
    ///
    /// # Errors
    /// When none came.
    pub fn dress_pen(&self, surface: &WlSurface) -> Result<()> {
        let (pen, serial) = self.log.pen.as_ref().ok_or_else(|| Failure::new("no pen came"))?;
        let manager: WpCursorShapeManagerV1 = self.bind()?;
        let shape = manager.get_tablet_tool_v2(pen, &self.handle, ());
        // Of before, or of nobody.
        shape.set_shape(serial.wrapping_sub(1), Shape::Wait);
        shape.set_shape(*serial, Shape::Crosshair);
        pen.set_cursor(serial.wrapping_sub(1), Some(surface), i32::MIN, i32::MAX);
        pen.set_cursor(*serial, Some(surface), i32::MIN, i32::MAX);
        Ok(())
    }
}

impl Dispatch<TabletSeat, ()> for Log {
    fn event(
        _: &mut Self,
        _: &TabletSeat,
        _: seat::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
    }

    event_created_child!(Log, TabletSeat, [
        seat::EVT_TABLET_ADDED_OPCODE => (Tablet, ()),
        seat::EVT_TOOL_ADDED_OPCODE => (Tool, ()),
    ]);
}

impl Dispatch<Tablet, ()> for Log {
    fn event(
        log: &mut Self,
        object: &Tablet,
        event: tablet::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        match event {
            tablet::Event::Name { name } => log.say(format!("tablet {name}")),
            tablet::Event::Id { vid, pid } => log.say(format!("tablet id {vid:04x}:{pid:04x}")),
            tablet::Event::Removed => {
                log.say("tablet removed");
                object.destroy();
            }
            _ => {}
        }
    }
}

impl Dispatch<Tool, ()> for Log {
    fn event(
        log: &mut Self,
        object: &Tool,
        event: tool::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        match event {
            tool::Event::Type { tool_type: WEnum::Value(kind) } => {
                log.say(format!("tool {kind:?}"));
            }
            tool::Event::HardwareSerial { hardware_serial_hi, hardware_serial_lo } => {
                log.say(format!("tool serial {hardware_serial_hi:x} {hardware_serial_lo:x}"));
            }
            tool::Event::Capability { capability: WEnum::Value(has) } => {
                log.say(format!("tool has {has:?}"));
            }
            tool::Event::Done => log.say("tool done"),
            tool::Event::Removed => {
                log.say("tool removed");
                object.destroy();
            }
            tool::Event::ProximityIn { serial, .. } => {
                log.pen = Some((object.clone(), serial));
                log.say("pen in");
            }
            tool::Event::ProximityOut => log.say("pen out"),
            tool::Event::Down { .. } => log.say("pen down"),
            tool::Event::Up => log.say("pen up"),
            tool::Event::Motion { x, y } => log.say(format!("pen motion {x:.1} {y:.1}")),
            tool::Event::Pressure { pressure } => log.say(format!("pen pressure {pressure}")),
            tool::Event::Distance { distance } => log.say(format!("pen distance {distance}")),
            tool::Event::Tilt { tilt_x, tilt_y } => {
                log.say(format!("pen tilt {tilt_x:.0} {tilt_y:.0}"));
            }
            tool::Event::Rotation { degrees } => log.say(format!("pen rotation {degrees:.0}")),
            tool::Event::Slider { position } => log.say(format!("pen slider {position}")),
            tool::Event::Wheel { clicks, .. } => log.say(format!("pen wheel {clicks}")),
            tool::Event::Button { button, state, .. } => {
                let down = state == WEnum::Value(tool::ButtonState::Pressed);
                log.say(format!(
                    "pen button {button} {}",
                    if down { "pressed" } else { "released" }
                ));
            }
            tool::Event::Frame { .. } => log.say("pen frame"),
            _ => {}
        }
    }
}

delegate_noop!(Log: ignore Manager);
