//! A view against a compositor that is told what to say.

mod server;

use std::{
    io::ErrorKind,
    time::{Duration, Instant},
};

use porthole_pixel::{Rect, Region, Size};
use rustix::{
    event::{PollFd, PollFlags, poll},
    time::Timespec,
};
use wayland_client::{EventQueue, backend::WaylandError};
use wayland_protocols::ext::image_copy_capture::v1::server::ext_image_copy_capture_frame_v1::FailureReason;

use self::server::{Compositor, State};
use super::{CursorPicture, Frame, PersonId, Pointers, PortView, ViewError, ViewEvent};

const HER: PersonId = PersonId(7);
const DEADLINE: Duration = Duration::from_secs(60);

struct Rig {
    compositor: Compositor,
    view: PortView,
    queue: EventQueue<PortView>,
}

impl Rig {
    fn new(port: &str) -> Self {
        let compositor = Compositor::start();
        let (view, queue) = PortView::open(&compositor.connection, port, Pointers::Apart).unwrap();
        Self { compositor, view, queue }
    }

    /// A rig whose first frame was asked for.
    fn watching(width: u32, height: u32) -> Self {
        let mut rig = Self::new("main");
        rig.view.want_frames(true);
        rig.until(|state| !state.sessions.is_empty());
        rig.tell(|state| state.constrain(false, width, height));
        rig.until(|state| state.frame(false).is_some());
        rig
    }

    /// Sends and dispatches what there is, for a moment at most.
    fn pump(&mut self) {
        self.queue.flush().unwrap();
        if let Some(guard) = self.queue.prepare_read() {
            let soon = Timespec { tv_sec: 0, tv_nsec: 1_000_000 };
            let fd = guard.connection_fd();
            let came = poll(&mut [PollFd::from_borrowed_fd(fd, PollFlags::IN)], Some(&soon));
            if came.unwrap() > 0 {
                match guard.read() {
                    Err(WaylandError::Io(error)) if error.kind() == ErrorKind::WouldBlock => {}
                    read => drop(read.unwrap()),
                }
            }
        }
        self.queue.dispatch_pending(&mut self.view).unwrap();
    }

    /// Until the compositor has got this.
    fn until(&mut self, done: impl Fn(&State) -> bool) {
        let start = Instant::now();
        while !done(&self.compositor.state()) {
            assert!(start.elapsed() < DEADLINE, "{:#?}", self.compositor.state());
            self.pump();
        }
    }

    fn tell(&self, order: impl FnOnce(&mut State)) {
        order(&mut self.compositor.state());
    }

    /// The next event but the keymap.
    fn event(&mut self) -> ViewEvent {
        let start = Instant::now();
        loop {
            match self.view.next_event() {
                Some(ViewEvent::Keymap(_) | ViewEvent::PersonReady(_)) => {}
                Some(event) => return event,
                None => {
                    assert!(start.elapsed() < DEADLINE);
                    self.pump();
                }
            }
        }
    }

    fn frame(&mut self) -> Frame {
        match self.event() {
            ViewEvent::Frame(frame) => frame,
            event => panic!("{event:?}"),
        }
    }

    fn failure(&mut self) -> ViewError {
        match self.event() {
            ViewEvent::Failed(error) => error,
            event => panic!("{event:?}"),
        }
    }

    fn words(&self) -> Option<(u32, Option<u32>)> {
        let word = |bytes: &[u8]| u32::from_le_bytes(*bytes.first_chunk().unwrap());
        self.view.with_pictures(|_, new, old| (word(new), old.map(word)))
    }
}

#[test]
fn buffers_are_repaired_where_they_are_old_and_the_next_frame_is_under_way() {
    let mut rig = Rig::watching(8, 4);
    let all = [0, 0, 8, 4];
    assert_eq!(rig.words(), None);
    for (word, told) in [(1, all), (2, all), (3, all), (4, [2, 0, 2, 1]), (5, [3, 0, 2, 1])] {
        rig.until(|state| state.frame(false).is_some());
        rig.tell(|state| {
            assert_eq!(state.frame(false).unwrap().damage, [told], "picture {word}");
            let x = i32::try_from(word).unwrap();
            state.finish(false, word, if word == 1 { all } else { [x, 0, 1, 1] });
        });
        let frame = rig.frame();
        let x = i32::try_from(word).unwrap();
        let damage = if word == 1 { Rect::new(0, 0, 8, 4) } else { Rect::new(x, 0, 1, 1) };
        assert_eq!(frame.damage, Region::from_rect(damage));
        assert_eq!((frame.size, frame.presented_at), (Size::new(8, 4), Duration::new(7, 5)));
        assert_eq!(rig.words(), Some((word, (word > 1).then(|| word - 1))));
    }
    assert_eq!(rig.compositor.state().buffers, 3);
}

#[test]
fn a_new_size_replaces_buffers_and_frame() {
    let mut rig = Rig::watching(8, 4);
    rig.tell(|state| state.finish(false, 1, [0, 0, 8, 4]));
    rig.frame();
    rig.until(|state| state.frame(false).is_some());
    rig.tell(|state| state.constrain(false, 16, 2));
    rig.until(|state| state.frame(false).is_some_and(|f| f.damage == [[0, 0, 16, 2]]));
    assert_eq!((rig.words(), rig.view.size()), (None, Some(Size::new(16, 2))));
    // The damage is what the compositor says, but all of it is new.
    rig.tell(|state| state.finish(false, 2, [0, 0, 1, 1]));
    let frame = rig.frame();
    assert_eq!(frame.size, Size::new(16, 2));
    assert_eq!(frame.damage, Region::from_rect(Rect::new(0, 0, 16, 2)));
    rig.until(|state| state.buffers == 3);
}

#[test]
fn damage_outside_of_the_picture_is_cut_off() {
    let mut rig = Rig::watching(8, 4);
    rig.tell(|state| state.finish(false, 1, [0, 0, 8, 4]));
    rig.frame();
    rig.until(|state| state.frame(false).is_some());
    rig.tell(|state| state.finish(false, 2, [-5, 3, i32::MAX, i32::MAX]));
    assert_eq!(rig.frame().damage, Region::from_rect(Rect::new(0, 3, 8, 1)));
}

#[test]
fn failures_are_tried_again_but_not_for_ever() {
    let mut rig = Rig::watching(8, 4);
    for _ in 0..4 {
        rig.until(|state| state.frame(false).is_some());
        let proxy = rig.compositor.state().frame(false).unwrap().proxy.clone();
        proxy.failed(FailureReason::Unknown);
        rig.until(|state| !state.frames.iter().any(|frame| frame.proxy == proxy));
    }
    assert!(matches!(rig.failure(), ViewError::Failures(4)));

    let mut rig = Rig::watching(8, 4);
    rig.tell(|state| state.session(false).stopped());
    assert!(matches!(rig.failure(), ViewError::Stopped));

    let mut rig = Rig::watching(8, 4);
    rig.tell(|state| state.constrain(false, u32::MAX, 2));
    assert!(matches!(rig.failure(), ViewError::Size(_)));
}

#[test]
fn after_a_pause_a_new_session_shows_the_picture_of_now() {
    let mut rig = Rig::watching(8, 4);
    rig.tell(|state| state.finish(false, 1, [0, 0, 8, 4]));
    rig.frame();
    rig.view.want_frames(false);
    rig.until(|state| state.buffers == 0 && state.frame(false).is_none());
    assert_eq!((rig.words(), rig.view.size()), (None, Some(Size::new(8, 4))));
    // The size is heard of while nobody watches.
    rig.tell(|state| state.constrain(false, 9, 4));
    while rig.view.size() != Some(Size::new(9, 4)) {
        rig.pump();
    }
    rig.view.want_frames(true);
    rig.until(|state| state.created == 2 && state.sessions.len() == 1);
    assert_eq!(rig.view.size(), Some(Size::new(9, 4)));
    rig.tell(|state| state.constrain(false, 9, 4));
    rig.until(|state| state.frame(false).is_some());
    rig.tell(|state| state.finish(false, 2, [0, 0, 9, 4]));
    assert_eq!(rig.frame().size, Size::new(9, 4));
    assert_eq!(rig.words(), Some((2, None)));
}

#[test]
fn the_cursor_comes_apart() {
    let mut rig = Rig::new("main");
    rig.view.add_person(HER);
    rig.until(|state| state.sessions.len() == 2);
    rig.tell(|state| {
        state.cursors[0].enter();
        state.cursors[0].position(-3, 4);
        state.cursors[0].hotspot(1, 99);
        state.constrain(true, 2, 2);
    });
    assert!(matches!(rig.event(), ViewEvent::CursorAt(HER, Some((-3, 4)))));
    rig.until(|state| state.frame(true).is_some());
    rig.tell(|state| state.finish(true, 0x8040_2010, [0, 0, 2, 2]));
    let ViewEvent::CursorImage(HER, picture) = rig.event() else { panic!("no image") };
    let pixels = vec![0x8040_2010; 4];
    assert_eq!(picture, CursorPicture { size: Size::new(2, 2), hotspot: (1, 1), pixels });
    rig.tell(|state| state.cursors[0].leave());
    assert!(matches!(rig.event(), ViewEvent::CursorAt(HER, None)));
    // Without it the picture goes on.
    rig.tell(|state| state.session(true).stopped());
    assert!(matches!(rig.event(), ViewEvent::CursorAt(HER, None)));
    rig.until(|state| state.sessions.len() == 1);
}

#[test]
fn ports_and_seats_are_found_by_name() {
    let compositor = Compositor::start();
    let error = PortView::open(&compositor.connection, "right", Pointers::Apart).unwrap_err();
    assert!(error.to_string().contains("'right'") && error.to_string().contains("left, main"));
    let mut rig = Rig::new("main");
    rig.view.add_person(HER);
    // This compositor makes no seats and has no virtual keyboards: the port's seat serves.
    loop {
        match rig.view.next_event() {
            Some(ViewEvent::PersonReady(id)) => break assert_eq!(id, HER),
            Some(_) => {}
            None => rig.pump(),
        }
    }
    assert_eq!(rig.view.keymap(HER).unwrap().text(), "keymap of main");
    assert!(!rig.view.take_input(HER).unwrap().has_keyboard());
}
