//! What seats do to the window.

use porthole_pixel::Rect;
use wayland_server::protocol::wl_keyboard::KeyState;
use wayland_server::protocol::wl_pointer::{Axis, ButtonState};

use super::device::{Device, SIZE};
use super::server::Compositor;
use crate::present::{Told, Touch};

/// A device whose picture is in a window.
pub(super) fn shown() -> (Compositor, Device) {
    let compositor = Compositor::start();
    let mut device = Device::new(compositor.socket());
    compositor.wait("window:");
    compositor.order(|server| server.configure(0, 0, &[]));
    device.frame(1, 11, Rect::from_size(SIZE));
    device.wait_for(Told::Visible { scanout: 0, visible: true });
    let picture = format!("64x32 Xrgb8888 of {}", device.memory.inode());
    compositor.wait(&format!("window: {picture} [0, 0, {}, {}]", i32::MAX, i32::MAX));
    (compositor, device)
}

const fn key(code: u16, pressed: bool) -> Told {
    Told::Key { scanout: 0, code, pressed }
}

#[test]
fn keys_come_as_evdev_codes_and_are_released_with_the_focus() {
    let (compositor, mut device) = shown();
    compositor.order(|server| {
        let keyboard = &server.keyboards[0];
        // Key 42 was down before the focus came: it is not the guest's.
        keyboard.enter(1, server.surface(), 42_u32.to_ne_bytes().to_vec());
        keyboard.modifiers(2, 1, 0, 16, 0);
        for (code, state) in [
            (30, KeyState::Pressed),
            (30, KeyState::Pressed),
            (42, KeyState::Released),
            (30, KeyState::Released),
            (48, KeyState::Pressed),
        ] {
            keyboard.key(3, 0, code, state);
        }
        keyboard.leave(4, server.surface());
    });
    let told = device.until(Told::FocusLost { scanout: 0 });
    let modifiers = Told::Modifiers { scanout: 0, masks: [1, 0, 16], group: 0 };
    let lost = Told::FocusLost { scanout: 0 };
    let keys = [key(30, true), key(30, false), key(48, true), key(48, false)];
    assert_eq!(told, [&[modifiers][..], &keys, &[lost]].concat());
}

#[test]
fn two_seats_share_a_key() {
    let (compositor, mut device) = shown();
    compositor.order(|server| {
        for keyboard in &server.keyboards {
            keyboard.enter(1, server.surface(), Vec::new());
            keyboard.key(2, 0, 30, KeyState::Pressed);
        }
        server.keyboards[0].leave(3, server.surface());
        server.keyboards[1].key(4, 0, 31, KeyState::Pressed);
        server.keyboards[1].leave(5, server.surface());
    });
    let told = device.until(Told::FocusLost { scanout: 0 });
    let expected = [key(30, true), key(31, true), key(30, false), key(31, false)];
    assert_eq!(told[..4], expected);
    assert_eq!(told.len(), 5);
}

#[test]
fn a_pointers_place_is_a_fraction_and_wheels_count_up() {
    let (compositor, mut device) = shown();
    compositor.order(|server| {
        let pointer = &server.pointers[0];
        pointer.enter(1, server.surface(), 16.0, 8.0);
        pointer.motion(0, 64.0, -5.0);
        pointer.button(2, 0, 0x110, ButtonState::Pressed);
        pointer.axis(0, Axis::VerticalScroll, 15.0);
        pointer.axis_value120(Axis::VerticalScroll, 120);
        pointer.axis(0, Axis::HorizontalScroll, 5.0);
        pointer.frame();
        pointer.leave(3, server.surface());
        pointer.frame();
    });
    let told = device.until(key(0x110, false));
    let at = |x, y| Told::Pointer { scanout: 0, x, y };
    let wheel = Told::Wheel { scanout: 0, vertical: -120, horizontal: 60 };
    let expected = [at(0.25, 0.25), at(1.0, 0.0), key(0x110, true), wheel, key(0x110, false)];
    assert_eq!(told, expected);
}

#[test]
fn fingers_of_several_seats_have_numbers_of_their_own() {
    let (compositor, mut device) = shown();
    compositor.order(|server| {
        for touch in &server.touches {
            touch.down(1, 0, server.surface(), 5, 32.0, 16.0);
        }
        server.touches[0].motion(0, 5, 64.0, 32.0);
        server.touches[0].up(2, 0, 5);
        server.touches[1].cancel();
    });
    let finger = |id, touch, x, y| Told::Touch { scanout: 0, id, touch, x, y };
    let told = device.until(finger(1, Touch::Up, 0.5, 0.5));
    let expected = [
        finger(0, Touch::Down, 0.5, 0.5),
        finger(1, Touch::Down, 0.5, 0.5),
        finger(0, Touch::Motion, 1.0, 1.0),
        finger(0, Touch::Up, 1.0, 1.0),
        finger(1, Touch::Up, 0.5, 0.5),
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_lost_compositor_releases_everything() {
    let (compositor, mut device) = shown();
    compositor.order(|server| {
        server.keyboards[0].enter(1, server.surface(), Vec::new());
        server.keyboards[0].key(2, 0, 30, KeyState::Pressed);
        server.pointers[0].enter(1, server.surface(), 0.0, 0.0);
        server.pointers[0].button(2, 0, 0x110, ButtonState::Pressed);
        server.touches[0].down(1, 0, server.surface(), 5, 0.0, 0.0);
    });
    device.wait("finger", |told| matches!(told, Told::Touch { .. }));
    drop(compositor);
    let told = device.until(Told::Visible { scanout: 0, visible: false });
    let up = Told::Touch { scanout: 0, id: 0, touch: Touch::Up, x: 0.0, y: 0.0 };
    for released in [key(30, false), Told::FocusLost { scanout: 0 }, key(0x110, false), up] {
        assert!(told.contains(&released), "{released:?} in {told:?}");
    }
}
