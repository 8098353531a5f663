//! Compositors that say more of a window than its size.

use porthole_pixel::{Rect, Size};

use super::device::{Device, SIZE};
use super::server::Compositor;
use crate::present::{Display, Guest, GuestState, Lamps, Show, Told};

#[test]
fn a_guest_that_changes_its_lamps_without_end_is_told_of_as_fast_as_is_listened() {
    let compositor = Compositor::with_streams();
    let device = Device::new(compositor.socket());
    compositor.wait("window:");
    // The compositor is busy meanwhile.
    let (go_on, rest) = std::sync::mpsc::channel::<()>();
    compositor.order(move |_| rest.recv().unwrap());
    for round in 0..10_001 {
        let lamps = Some(Lamps { caps: round % 2 == 0, scroll: true, num: round == 10_000 });
        device.show(Show::Guest(Guest { lamps, relative: round % 3 == 0, ..Guest::default() }));
    }
    go_on.send(()).unwrap();
    let told = compositor.wait("stream: lamps 7");
    assert!(told < 20, "{told} requests");
}

#[test]
fn a_stream_says_what_the_display_is_and_hears_how_the_guest_is() {
    let compositor = Compositor::with_streams();
    let mut device = Device::new(compositor.socket());
    compositor.wait("window:");
    let lamps = Some(Lamps { caps: true, ..Lamps::default() });
    let guest =
        Guest { state: GuestState::Running, lamps, relative: true, pens: false, rate_mhz: 0 };
    device.show(Show::Guest(guest));
    for line in ["stream: Running", "stream: lamps 2", "stream: Relative"] {
        compositor.wait(line);
    }
    compositor.order(|server| {
        // What the toplevel says does not count: the stream says more.
        server.configure(640, 480, &[]);
        server.stream.as_ref().unwrap().configure(1, 800, 600, 50_000, 1, 210, 160);
    });
    let display = Display {
        size: Some(Size::new(800, 600)),
        refresh_mhz: 50_000,
        millimetres: (210, 160),
        connected: true,
    };
    let told = device.until(Told::Display { scanout: 0, display });
    assert_eq!(told, [Told::Display { scanout: 0, display }], "and nobody sees it");
    compositor.wait("stream: told 1");
    compositor.order(|server| {
        let stream = server.stream.as_ref().unwrap();
        stream.visible(1);
        stream.configure(2, 0, 0, 0, 0, 0, 0);
    });
    let none = Display { size: None, refresh_mhz: 0, millimetres: (0, 0), connected: false };
    let told = device.until(Told::Display { scanout: 0, display: none });
    assert_eq!(told.first(), Some(&Told::Visible { scanout: 0, visible: true }));
    // Only what is news is told; a window that is made anew is told all.
    device.show(Show::Guest(Guest { relative: false, rate_mhz: 30_000, ..guest }));
    compositor.wait("stream: SetRate { rate_mhz: 30000 }");
    compositor.wait("stream: Absolute");
    device.frame(1, 11, Rect::from_size(SIZE));
    let picture = format!("64x32 Xrgb8888 of {}", device.memory.inode());
    compositor.wait(&format!("window: {picture} [0, 0, {}, {}]", i32::MAX, i32::MAX));
    device.show(Show::Disabled { scanout: 0 });
    for line in ["stream: Destroy", "stream: Running", "stream: lamps 2"] {
        compositor.wait(line);
    }
    device.wait_for(Told::Visible { scanout: 0, visible: false });
}
