use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use calloop::EventLoop;
use calloop::channel::{self, Event};
use porthole_memory::Memory;
use porthole_pixel::{Format, Layout, Rect, Region, Size};

use super::*;

/// The device's end of a presenter.
struct Device {
    events: EventLoop<'static, Vec<Told>>,
    presenter: Presenter,
    told: Vec<Told>,
}

impl Device {
    fn new(wayland: PathBuf) -> Self {
        let (tell, tells) = channel::channel();
        let events: EventLoop<'static, Vec<Told>> = EventLoop::try_new().unwrap();
        let receive = |event, _: &mut (), told: &mut Vec<Told>| {
            if let Event::Msg(what) = event {
                told.push(what);
            }
        };
        events.handle().insert_source(tells, receive).unwrap();
        let options = Options { guest: "test".into(), scanouts: 1, wayland: Some(wayland) };
        Self { events, presenter: Presenter::spawn(options, tell).unwrap(), told: Vec::new() }
    }

    fn wait(&mut self, what: &str, found: impl Fn(&Told) -> bool) -> Told {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(index) = self.told.iter().position(&found) {
                return self.told.remove(index);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no {what} in {:?}", self.told);
            self.events.dispatch(Some(left), &mut self.told).unwrap();
        }
    }
}

fn frame(serial: u64, buffer: u64, memory: &Arc<Memory>, format: Format) -> Frame {
    let layout = Layout::packed(format, Size::new(64, 32)).unwrap();
    let damage = Region::from_rect(Rect::from_size(layout.size()));
    Frame { scanout: 0, serial, buffer, memory: Arc::clone(memory), layout, damage }
}

/// A compositor that is not ours, if there is one here; without a screen.
struct Weston {
    child: Child,
    folder: PathBuf,
}

impl Weston {
    fn start(name: &str) -> Option<Self> {
        let folder = std::env::temp_dir().join(format!("porthole-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let child = Command::new("weston")
            .args(["--backend=headless-backend.so", "--socket=wayland-test", "--idle-time=0"])
            .env("XDG_RUNTIME_DIR", &folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        child.ok().map(|child| Self { child, folder })
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("wayland-test")
    }
}

impl Drop for Weston {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn another_compositor_shows_frames_and_gives_buffers_back() {
    let Some(mut weston) = Weston::start("shows") else { return };
    let mut device = Device::new(weston.socket());
    let visible = |told: &Told| matches!(told, Told::Visible { visible: true, .. });
    device.wait("window", visible);
    let memory = Arc::new(Memory::create("test", 64 * 32 * 4).unwrap());
    let pixels = Arc::from(vec![0x80; 64 * 64 * 4]);
    let (size, hot) = (Size::new(64, 64), (1, 2));
    for (serial, format) in [(1, Format::Xrgb8888), (2, Format::Bgrx8888), (3, Format::Xrgb8888)] {
        let buffer = serial + 10;
        device.presenter.show(Show::Frame(frame(serial, buffer, &memory, format)));
        let pixels = Arc::clone(&pixels);
        device.presenter.show(Show::CursorImage { scanout: 0, size, pixels, hot });
        device.presenter.show(Show::CursorMoved { scanout: 0, x: 5, y: -5 });
        let shown = |told: &Told| matches!(told, Told::Presented { serial: s, .. } if *s == serial);
        device.wait("presentation", shown);
    }
    device.presenter.show(Show::CursorHidden { scanout: 0 });
    device.presenter.show(Show::Disabled { scanout: 0 });
    let back = |told: &Told| matches!(told, Told::Released { buffer: 13, serial: 3, .. });
    device.wait("release", back);

    // A new compositor under the old name shows the last frame again, unasked.
    device.presenter.show(Show::Frame(frame(4, 14, &memory, Format::Xrgb8888)));
    device.wait("presentation", |told| matches!(told, Told::Presented { serial: 4, .. }));
    weston.child.kill().unwrap();
    weston.child.wait().unwrap();
    device.wait("loss", |told| matches!(told, Told::Visible { visible: false, .. }));
    let again = Weston::start("shows").unwrap();
    assert_eq!(again.socket(), weston.socket());
    device.wait("window", visible);
    device.wait("presentation", |told| matches!(told, Told::Presented { serial: 4, .. }));
}
