//! A client that captures a port, as `porthole-vnc` does, without any encoding in between.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use porthole_client::capture::{Pointers, PortView, ViewEvent};
use porthole_client::connection;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use wayland_client::backend::WaylandError;
use wayland_client::{Connection, EventQueue};

use crate::failure::{Failure, OrFail, Result};
use crate::picture::Picture;
use crate::screen::Screen;

/// How often the thread looks whether it should end.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// A running capture; ends when dropped.
#[derive(Debug)]
pub struct Capture {
    /// What it sees.
    pub screen: Screen,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Capture {
    /// Connects to a Wayland socket and captures the port of a name.
    ///
    /// # Errors
    /// When the socket or the port is not there, or the socket has no right to capture it.
    pub fn start(socket: &Path, port: &str) -> Result<Capture> {
        let connection = connection::connect(Some(socket)).or_fail("connect a capture")?;
        let (mut view, queue) =
            PortView::open(&connection, port, Pointers::Apart).or_fail("capture a port")?;
        view.want_frames(true);
        let (screen, stop) = (Screen::default(), Arc::new(AtomicBool::new(false)));
        let (theirs, stopped) = (screen.clone(), Arc::clone(&stop));
        let thread = thread::Builder::new().name("capture".into()).spawn(move || {
            let end = follow(&connection, queue, &mut view, &theirs, &stopped);
            theirs.end(end.err().map_or_else(|| "it ended".to_owned(), |error| error.to_string()));
        })?;
        Ok(Capture { screen, stop, thread: Some(thread) })
    }

    /// Waits until the picture is as it should be.
    ///
    /// # Errors
    /// When it is not before the deadline.
    pub fn expect(&self, name: &str, expected: &Picture, deadline: Duration) -> Result<()> {
        self.screen.expect(name, expected, deadline)
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A capture that panicked has already told its owner through the screen.
            let _ = thread.join();
        }
    }
}

fn follow(
    connection: &Connection,
    mut queue: EventQueue<PortView>,
    view: &mut PortView,
    screen: &Screen,
    stop: &AtomicBool,
) -> Result<()> {
    while !stop.load(Ordering::Relaxed) {
        queue.dispatch_pending(view).or_fail("dispatch events")?;
        while let Some(event) = view.next_event() {
            match event {
                ViewEvent::Frame(_) => keep(view, screen),
                ViewEvent::Failed(error) => return Err(Failure::new(error.to_string())),
                _ => {}
            }
        }
        connection.flush().or_fail("send requests")?;
        let Some(reading) = queue.prepare_read() else { continue };
        let mut fds = [PollFd::from_borrowed_fd(reading.connection_fd(), PollFlags::IN)];
        if poll(&mut fds, Some(&LOOK)).or_fail("wait for events")? > 0 {
            match reading.read() {
                // What came was for another reader, or only part of a message.
                Err(WaylandError::Io(error)) if error.kind() == ErrorKind::WouldBlock => {}
                result => result.map(drop).or_fail("read events")?,
            }
        }
    }
    Ok(())
}

fn keep(view: &PortView, screen: &Screen) {
    let picture = view.with_pictures(|size, rows, _| {
        let mut picture = Picture::new(size.width, size.height, [0; 3]);
        picture.put_bgrx((0, 0), size.width, rows);
        picture
    });
    if let Some(picture) = picture {
        screen.replace(picture);
    }
}
