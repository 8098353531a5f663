//! A compositor that is not ours, where there is one; without a screen.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use porthole_pixel::{Format, Rect, Size};
use tempfile::TempDir;

use super::device::{Device, SIZE};
use crate::present::{Show, Told};

struct Weston(Child);

impl Weston {
    fn start(folder: &TempDir) -> Option<Self> {
        let child = Command::new("weston")
            .args(["--backend=headless-backend.so", "--socket=wayland-test", "--idle-time=0"])
            .env("XDG_RUNTIME_DIR", folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        child.ok().map(Self)
    }
}

impl Drop for Weston {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn socket(folder: &TempDir) -> PathBuf {
    folder.path().join("wayland-test")
}

#[test]
fn another_compositor_shows_frames_and_gives_buffers_back() {
    let folder = TempDir::new().unwrap();
    let Some(weston) = Weston::start(&folder) else { return };
    let mut device = Device::new(socket(&folder));
    let all = Rect::from_size(SIZE);
    let visible = |told: &Told| matches!(told, Told::Visible { visible: true, .. });
    device.wait("window", visible);
    let pixels: Arc<[u8]> = Arc::from(vec![0x80; 64 * 64 * 4]);
    let (size, hot) = (Size::new(64, 64), (1, 2));
    for (serial, format) in [(1, Format::Xrgb8888), (2, Format::Bgrx8888), (3, Format::Xrgb8888)] {
        device.frame_of(serial, serial + 10, all, format);
        let pixels = Arc::clone(&pixels);
        device.show(Show::CursorImage { scanout: 0, size, pixels, hot });
        device.show(Show::CursorMoved { scanout: 0, x: 5, y: -5 });
        let shown = |told: &Told| matches!(told, Told::Presented { serial: s, .. } if *s == serial);
        device.wait("presentation", shown);
    }
    device.show(Show::CursorHidden { scanout: 0 });
    device.show(Show::Disabled { scanout: 0 });
    device.frame(4, 14, all);
    device.wait("presentation", |told| matches!(told, Told::Presented { serial: 4, .. }));

    // A new compositor under the old name shows the last frame again, unasked.
    drop(weston);
    device.wait("loss", |told| matches!(told, Told::Visible { visible: false, .. }));
    let _again = Weston::start(&folder).unwrap();
    device.wait("window", visible);
    device.wait("presentation", |told| matches!(told, Told::Presented { serial: 4, .. }));
}
