//! The device's end of a presenter.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use calloop::EventLoop;
use calloop::channel::{self, Event};
use porthole_memory::Memory;
use porthole_pixel::{Format, Layout, Rect, Region, Size};

use crate::present::{Frame, Options, Presenter, Show, Told, Ways};

pub(super) const DEADLINE: Duration = Duration::from_secs(60);
pub(super) const SIZE: Size = Size::new(64, 32);

pub(super) struct Device {
    events: EventLoop<'static, Vec<Told>>,
    presenter: Presenter,
    told: Vec<Told>,
    pub(super) memory: Arc<Memory>,
}

impl Device {
    pub(super) fn new(wayland: PathBuf) -> Self {
        let (tell, tells) = channel::channel();
        let events: EventLoop<'static, Vec<Told>> = EventLoop::try_new().unwrap();
        let receive = |event, _: &mut (), told: &mut Vec<Told>| {
            if let Event::Msg(what) = event {
                told.push(what);
            }
        };
        events.handle().insert_source(tells, receive).unwrap();
        let options = Options {
            guest: "ivi".into(),
            scanouts: 1,
            wayland: Some(wayland),
            clipboard: Ways::default(),
        };
        let presenter = Presenter::spawn(options, tell).unwrap();
        let memory = Arc::new(Memory::create("test", 64 * 32 * 4).unwrap());
        Self { events, presenter, told: Vec::new(), memory }
    }

    pub(super) fn show(&self, what: Show) {
        self.presenter.show(what);
    }

    /// Shows a frame with this damage.
    pub(super) fn frame(&self, serial: u64, buffer: u64, damage: Rect) {
        self.frame_of(serial, buffer, damage, Format::Xrgb8888);
    }

    pub(super) fn frame_of(&self, serial: u64, buffer: u64, damage: Rect, format: Format) {
        let layout = Layout::packed(format, SIZE).unwrap();
        let memory = Arc::clone(&self.memory).into();
        let damage = Region::from_rect(damage);
        self.show(Show::Frame(Frame { scanout: 0, serial, buffer, memory, layout, damage }));
    }

    /// Waits until the presenter tells what is looked for, and forgets all that came before.
    pub(super) fn wait(&mut self, what: &str, found: impl Fn(&Told) -> bool) -> Told {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(index) = self.told.iter().position(&found) {
                return self.told.drain(..=index).next_back().unwrap();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no {what} in {:?}", self.told);
            self.events.dispatch(Some(left), &mut self.told).unwrap();
        }
    }

    #[expect(clippy::needless_pass_by_value, reason = "reads better where it is called")]
    pub(super) fn wait_for(&mut self, what: Told) {
        self.wait(&format!("{what:?}"), |told| *told == what);
    }

    /// Everything up to and with the next `last`.
    #[expect(clippy::needless_pass_by_value, reason = "reads better where it is called")]
    pub(super) fn until(&mut self, last: Told) -> Vec<Told> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(index) = self.told.iter().position(|told| *told == last) {
                return self.told.drain(..=index).collect();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no {last:?} in {:?}", self.told);
            self.events.dispatch(Some(left), &mut self.told).unwrap();
        }
    }
}
