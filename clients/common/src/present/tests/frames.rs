//! Frames on their way to the compositor and buffers on their way back.

use std::sync::Arc;

use porthole_pixel::{Format, Rect, Size};

use super::device::{Device, SIZE};
use super::server::Compositor;
use crate::present::{Display, Show, Told};

const DOT: Rect = Rect::new(3, 4, 5, 6);

/// A device whose window may be drawn into.
fn opened() -> (Compositor, Device) {
    let compositor = Compositor::start();
    let mut device = Device::new(compositor.socket());
    configured(&compositor, &mut device);
    (compositor, device)
}

fn configured(compositor: &Compositor, device: &mut Device) {
    compositor.wait("id porthole.scanout.0");
    compositor.wait("title ivi scanout 0");
    compositor.wait("window:");
    compositor.order(|server| server.configure(0, 0, &[]));
    device.wait_for(Told::Visible { scanout: 0, visible: true });
    compositor.wait("acknowledged");
}

fn picture(device: &Device) -> String {
    format!("64x32 Xrgb8888 of {}", device.memory.inode())
}

/// Shows a first frame and waits for it.
fn first_frame(compositor: &Compositor, device: &Device) {
    device.frame(1, 11, DOT);
    compositor.wait(&format!("window: {} [0, 0, {}, {}]", picture(device), i32::MAX, i32::MAX));
}

#[test]
fn the_pool_is_the_devices_own_memory_and_damage_is_exact() {
    let (compositor, mut device) = opened();
    first_frame(&compositor, &device);
    compositor.order(|server| {
        server.answer_frames();
        server.present_all();
    });
    device.wait_for(Told::Presented { scanout: 0, serial: 1, refresh_mhz: 59_999 });
    device.frame(2, 12, DOT);
    compositor.wait(&format!("window: {} [3, 4, 5, 6]", picture(&device)));
}

#[test]
fn buffers_come_back_when_the_compositor_releases_them() {
    let (compositor, mut device) = opened();
    first_frame(&compositor, &device);
    device.frame(2, 12, DOT);
    compositor.wait(&format!("window: {} [3, 4, 5, 6]", picture(&device)));
    compositor.order(|server| server.attached[0].release());
    device.wait_for(Told::Released { scanout: 0, buffer: 11, serial: 1 });
    // Shown again while the compositor holds it: only damage, no second attachment.
    compositor.order(|server| server.answer_frames());
    device.frame(3, 12, DOT);
    compositor.wait("window: [3, 4, 5, 6]");
    compositor.order(|server| server.attached[1].release());
    device.wait_for(Told::Released { scanout: 0, buffer: 12, serial: 3 });
    // A retired buffer is forgotten by the compositor as well.
    device.show(Show::Retired(vec![12]));
    device.show(Show::CursorHidden { scanout: 0 });
    compositor.wait(&format!("destroyed {}", picture(&device)));
}

#[test]
fn frames_that_nobody_asks_for_are_merged_and_their_buffers_come_back() {
    let (compositor, mut device) = opened();
    let frame = |serial: u64| {
        let x = i32::try_from(serial).unwrap();
        device.frame(serial, 10 + serial, Rect::new(x, 0, 1, 1));
    };
    first_frame(&compositor, &device);
    frame(2);
    compositor.wait(&format!("window: {} [2, 0, 1, 1]", picture(&device)));
    (3..=5).for_each(frame);
    // Two went out; the third and fourth were replaced before they could.
    device.wait_for(Told::Released { scanout: 0, buffer: 13, serial: 3 });
    device.wait_for(Told::Released { scanout: 0, buffer: 14, serial: 4 });
    compositor.order(|server| server.answer_frames());
    compositor.wait(&format!("window: {} [3, 0, 3, 1]", picture(&device)));
    compositor.order(|server| {
        for feedback in server.feedback.drain(..) {
            feedback.discarded();
        }
    });
    device.wait_for(Told::Discarded { scanout: 0, serial: 5 });
}

#[test]
fn sizes_suspension_and_closing_are_told() {
    let (compositor, mut device) = opened();
    compositor.order(|server| server.configure(1024, 600, &[]));
    device.wait_for(Told::Display { scanout: 0, display: Display::of_size(Size::new(1024, 600)) });
    compositor.order(|server| {
        server.configure(1024, 600, &[9]);
        server.toplevel.as_ref().unwrap().close();
    });
    let told = device.until(Told::Closed { scanout: 0 });
    assert_eq!(told[0], Told::Visible { scanout: 0, visible: false });
    assert_eq!(told.len(), 2);
}

#[test]
fn a_lost_compositor_gives_back_all_but_the_newest_and_the_next_one_shows_that() {
    let (compositor, mut device) = opened();
    first_frame(&compositor, &device);
    device.frame(2, 12, DOT);
    compositor.wait(&format!("window: {} [3, 4, 5, 6]", picture(&device)));
    let compositor = compositor.restart();
    let told = device.until(Told::Visible { scanout: 0, visible: false });
    assert_eq!(told[0], Told::Released { scanout: 0, buffer: 11, serial: 1 });
    assert_eq!(told.len(), 2);
    configured(&compositor, &mut device);
    compositor.wait(&format!("window: {} [0, 0, {}, {}]", picture(&device), i32::MAX, i32::MAX));
    compositor.order(|server| server.present_all());
    device.wait("presentation", |told| matches!(told, Told::Presented { serial: 2, .. }));
}

#[test]
fn a_disabled_scanout_lets_go_of_its_buffers_and_can_be_used_again() {
    let (compositor, mut device) = opened();
    first_frame(&compositor, &device);
    device.show(Show::Disabled { scanout: 0 });
    compositor.wait("window: nothing");
    compositor.wait("id porthole.scanout.0");
    compositor.wait("window:");
    compositor.order(|server| {
        server.attached[0].release();
        server.configure(0, 0, &[]);
    });
    device.wait_for(Told::Released { scanout: 0, buffer: 11, serial: 1 });
    device.frame(2, 11, DOT);
    compositor.wait(&format!("window: {} [0, 0, {}, {}]", picture(&device), i32::MAX, i32::MAX));
}

#[test]
fn rare_formats_are_converted_where_the_compositor_does_not_take_them() {
    let (compositor, mut device) = opened();
    device.memory.write_at(0, &[1, 2, 3, 4]).unwrap();
    device.frame_of(1, 11, Rect::from_size(SIZE), Format::Bgrx8888);
    device.wait_for(Told::Released { scanout: 0, buffer: 11, serial: 1 });
    compositor.order(|server| {
        let name = server.attached[0].clone();
        let name: &String = wayland_server::Resource::data(&name).unwrap();
        server.note(name.split(" of").next().unwrap().to_owned());
    });
    compositor.wait("64x32 Xrgb8888");
}

#[test]
fn the_guests_cursor_lies_on_the_picture_or_is_worn() {
    let (compositor, device) = opened();
    device.frame(1, 11, DOT);
    let pixels: Arc<[u8]> = Arc::from(vec![0x80; 64 * 64 * 4]);
    let (size, hot) = (Size::new(64, 64), (1, 2));
    device.show(Show::CursorMoved { scanout: 0, x: 7, y: -3 });
    device.show(Show::CursorImage { scanout: 0, size, pixels, hot });
    compositor.wait("overlay at 7,-3");
    compositor.order(|server| {
        server.pointers[1].enter(77, server.surface(), 1.0, 1.0);
        server.pointers[1].frame();
    });
    compositor.wait("overlay: nothing");
    compositor.wait("pointer 77 wears an image at 1,2");
    device.show(Show::CursorHidden { scanout: 0 });
    compositor.wait("pointer 77 wears nothing at 0,0");
}

#[test]
fn a_flood_of_cursors_waits_for_the_compositor() {
    let (compositor, device) = opened();
    first_frame(&compositor, &device);
    let (size, hot) = (Size::new(64, 64), (0, 0));
    // The compositor reads nothing meanwhile.
    let (go, wait) = std::sync::mpsc::channel();
    compositor.order(move |_| wait.recv().unwrap());
    for turn in 0..2000 {
        let pixels: Arc<[u8]> = Arc::from(vec![1; 64 * 64 * 4]);
        device.show(Show::CursorImage { scanout: 0, size, pixels, hot });
        device.show(Show::CursorMoved { scanout: 0, x: turn, y: turn });
        std::thread::yield_now();
    }
    go.send(()).unwrap();
    let lines = compositor.wait("overlay at 1999,1999");
    assert!(lines < 20, "{lines} requests");
}

#[test]
fn a_presenter_that_fails_begins_anew_with_what_it_had() {
    let (compositor, mut device) = opened();
    first_frame(&compositor, &device);
    device.frame(2, 12, DOT);
    compositor.wait(&format!("window: {} [3, 4, 5, 6]", picture(&device)));
    for serial in [3, 4] {
        device.show(Show::Fail);
        device.wait_for(Told::Visible { scanout: 0, visible: false });
        configured(&compositor, &mut device);
        compositor.wait(&format!(
            "window: {} [0, 0, {}, {}]",
            picture(&device),
            i32::MAX,
            i32::MAX
        ));
        device.frame(serial, 10 + serial, DOT);
        compositor.wait(&format!("window: {} [3, 4, 5, 6]", picture(&device)));
    }
}

#[test]
fn a_compositor_that_comes_late_is_reached_without_looking_for_it() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("later/socket");
    let device = Device::new(path.clone());
    device.frame(1, 11, DOT);
    // The folder first, then a socket that is put there whole, as our service does.
    std::fs::create_dir(path.parent().unwrap()).unwrap();
    let listener = std::os::unix::net::UnixListener::bind(path.with_extension("new")).unwrap();
    std::fs::rename(path.with_extension("new"), &path).unwrap();
    let (first, _) = listener.accept().unwrap();
    // Who is turned away comes again.
    drop(first);
    drop(listener.accept().unwrap());
    // And who finds nobody behind an old file hears of the next one in its place.
    drop(listener);
    let listener = std::os::unix::net::UnixListener::bind(path.with_extension("new")).unwrap();
    std::fs::rename(path.with_extension("new"), &path).unwrap();
    drop(listener.accept().unwrap());
    drop(device);
}
