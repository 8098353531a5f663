//! Pens, for a guest that has one.

use wayland_protocols::wp::tablet::zv2::server::zwp_tablet_pad_group_v2::ZwpTabletPadGroupV2;
use wayland_protocols::wp::tablet::zv2::server::zwp_tablet_pad_ring_v2::ZwpTabletPadRingV2;
use wayland_protocols::wp::tablet::zv2::server::zwp_tablet_pad_v2::ZwpTabletPadV2;
use wayland_protocols::wp::tablet::zv2::server::zwp_tablet_tool_v2::{
    ButtonState, Type, ZwpTabletToolV2,
};
use wayland_protocols::wp::tablet::zv2::server::zwp_tablet_v2::ZwpTabletV2;
use wayland_server::Resource;

use super::device::Device;
use super::input::shown;
use super::server::{Compositor, Server};
use crate::present::{Guest, Held, Show, Told};

/// A tablet and a tool of it on a seat.
fn tool(server: &Server, seat: usize, kind: Type) -> (ZwpTabletV2, ZwpTabletToolV2) {
    let seat = &server.pens[seat];
    let handle = seat.handle().upgrade().unwrap().into();
    let client = seat.client().unwrap();
    let tablet = client.create_resource::<ZwpTabletV2, (), Server>(&handle, 1, ()).unwrap();
    seat.tablet_added(&tablet);
    tablet.done();
    let tool = client.create_resource::<ZwpTabletToolV2, (), Server>(&handle, 1, ()).unwrap();
    seat.tool_added(&tool);
    tool._type(kind);
    tool.done();
    (tablet, tool)
}

/// A guest that has a pen, in a window of 64 x 32.
fn wanted() -> (Compositor, Device) {
    let (compositor, device) = shown();
    device.show(Show::Guest(Guest { pens: true, ..Guest::default() }));
    compositor.wait("pens are wanted");
    compositor.wait("pens are wanted");
    (compositor, device)
}

const fn pressed(code: u16, pressed: bool) -> Told {
    Told::PenKey { code, pressed }
}

#[test]
fn a_pen_comes_with_all_that_it_says_in_whole_frames() {
    let (compositor, mut device) = wanted();
    compositor.order(|server| {
        let (tablet, tool) = tool(server, 0, Type::Eraser);
        tool.proximity_in(7, &tablet, server.surface());
        tool.motion(16.0, 8.0);
        tool.distance(65_535);
        tool.tilt(-30.4, 200.0);
        tool.frame(0);
        // Nothing is told before the frame is whole.
        tool.pressure(32_768);
        tool.distance(0);
        tool.motion(99.0, -1.0);
        tool.down(8);
        tool.button(9, 0x14b, ButtonState::Pressed);
        tool.frame(1);
        tool.up();
        tool.proximity_out();
        tool.frame(2);
    });
    let told = device.until(Told::PenLeft);
    let far = Held { rubber: true, pressure: 0, distance: 32_767, tilt: (-30, 127) };
    let near = Held { pressure: 16_384, distance: 0, ..far };
    assert_eq!(
        told,
        [
            Told::Pen { scanout: 0, x: 0.25, y: 0.25, held: far },
            Told::Pen { scanout: 0, x: 1.0, y: 0.0, held: near },
            pressed(0x14a, true),
            pressed(0x14b, true),
            Told::Pen { scanout: 0, x: 1.0, y: 0.0, held: near },
            pressed(0x14a, false),
            Told::PenLeft,
        ]
    );
    compositor.wait("pen 7 is hidden");
}

#[test]
fn of_two_pens_the_first_counts_until_it_leaves() {
    let (compositor, mut device) = wanted();
    compositor.order(|server| {
        let (tablet, first) = tool(server, 0, Type::Pen);
        let (other, second) = tool(server, 1, Type::Pen);
        first.proximity_in(1, &tablet, server.surface());
        first.motion(0.0, 0.0);
        first.frame(0);
        second.proximity_in(2, &other, server.surface());
        second.motion(64.0, 32.0);
        second.down(3);
        second.frame(1);
        first.removed();
        second.motion(32.0, 32.0);
        second.frame(2);
        second.proximity_out();
        second.frame(3);
    });
    let at = |x, y| Told::Pen { scanout: 0, x, y, held: Held::default() };
    assert_eq!(device.until(Told::PenLeft), [at(0.0, 0.0), Told::PenLeft]);
    let second = [at(0.5, 1.0), at(0.5, 1.0), Told::PenLeft];
    assert_eq!(device.until(Told::PenLeft), second);
}

#[test]
fn a_pen_leaves_when_the_guest_has_none_any_more_and_pads_are_left_alone() {
    let (compositor, mut device) = wanted();
    compositor.order(|server| {
        let (tablet, tool) = tool(server, 1, Type::Pen);
        tool.proximity_in(1, &tablet, server.surface());
        tool.motion(64.0, 0.0);
        tool.down(2);
        tool.frame(0);
        let seat = &server.pens[0];
        let handle = seat.handle().upgrade().unwrap().into();
        let client = seat.client().unwrap();
        let pad = client.create_resource::<ZwpTabletPadV2, (), Server>(&handle, 1, ()).unwrap();
        let group =
            client.create_resource::<ZwpTabletPadGroupV2, (), Server>(&handle, 1, ()).unwrap();
        let ring =
            client.create_resource::<ZwpTabletPadRingV2, (), Server>(&handle, 1, ()).unwrap();
        seat.pad_added(&pad);
        pad.group(&group);
        group.ring(&ring);
        group.done();
        pad.done();
    });
    device.until(pressed(0x14a, true));
    device.show(Show::Guest(Guest::default()));
    assert_eq!(device.until(Told::PenLeft), [Told::PenLeft]);
    compositor.wait("pens are not wanted");
    compositor.wait("pens are not wanted");
}

#[test]
fn a_pen_leaves_with_the_compositor() {
    let (compositor, mut device) = wanted();
    compositor.order(|server| {
        let (tablet, tool) = tool(server, 0, Type::Pen);
        tool.proximity_in(1, &tablet, server.surface());
        tool.motion(64.0, 0.0);
        tool.down(2);
        tool.frame(0);
    });
    device.until(pressed(0x14a, true));
    let _next = compositor.restart();
    device.wait_for(Told::PenLeft);
}
