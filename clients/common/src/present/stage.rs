//! The thread's event loop and everything that it owns.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use calloop::channel::{Channel, Event, Sender};
use calloop::{EventLoop, LoopHandle};

use super::clipboard::Clipboard;
use super::link::Link;
use super::quiet::Quiet;
use super::reach::Reach;
use super::seats::Seats;
use super::window::Window;
use super::{Guest, Numbers, Options, Show, Told};
use crate::texts::Transfers;

/// All of the presenter's state.
pub(super) struct Stage {
    pub(super) options: Options,
    tell: Sender<Told>,
    quiet: Quiet,
    pub(super) windows: Vec<Window>,
    pub(super) seats: Seats,
    pub(super) clipboard: Clipboard,
    /// How the guest is.
    guest: Guest,
    /// How much the device has done.
    numbers: Option<Numbers>,
    pub(super) link: Option<Link>,
    pub(super) handle: LoopHandle<'static, Self>,
    pub(super) reach: Reach,
    /// The device's end of the channel has closed.
    ended: bool,
}

/// Runs until the device's end of the channel closes.
pub(super) fn run(
    options: Options,
    (tell, quiet): (Sender<Told>, Quiet),
    shows: Channel<Show>,
) -> calloop::Result<()> {
    let mut events: EventLoop<'static, Stage> = EventLoop::try_new()?;
    let handle = events.handle();
    let receive = |event, _: &mut (), stage: &mut Stage| match event {
        Event::Msg(what) => stage.show(what),
        Event::Closed => stage.ended = true,
    };
    handle.insert_source(shows, receive).map_err(|error| error.error)?;
    let clipboard = Clipboard::new(options.clipboard, Transfers::new(handle.clone()));
    let windows = (0..options.scanouts).map(Window::new).collect();
    let mut stage = Stage {
        options,
        tell,
        quiet,
        windows,
        seats: Seats::default(),
        clipboard,
        guest: Guest::default(),
        numbers: None,
        link: None,
        handle,
        reach: Reach::default(),
        ended: false,
    };
    stage.connect();
    while !stage.ended {
        match catch_unwind(AssertUnwindSafe(|| turn(&mut events, &mut stage))) {
            Ok(turned) => turned?,
            Err(why) => stage.fail(why.as_ref()),
        }
    }
    Ok(())
}

fn turn(events: &mut EventLoop<'static, Stage>, stage: &mut Stage) -> calloop::Result<()> {
    // A lost connection comes out of the loop as an error; everything else of it goes on.
    if let Err(error) = events.dispatch(None, stage) {
        if stage.link.is_none() {
            return Err(error);
        }
        stage.disconnect(&error.to_string());
    }
    stage.settle();
    Ok(())
}

impl Stage {
    /// Tells the device something.
    pub(super) fn tell(&self, what: Told) {
        // A device that is gone has closed its channel too, which ends the loop.
        if self.quiet.keep(what).is_some_and(|what| self.tell.send(what).is_err()) {
            tracing::debug!("the device is gone");
        }
    }

    /// All globals are known: makes the windows.
    pub(super) fn connected(&mut self) {
        let Some(link) = self.link.as_mut() else { return };
        if let Err(missing) = link.ready() {
            self.disconnect(&format!("the compositor has no {missing}"));
            return;
        }
        tracing::info!("connected to the compositor");
        self.seats.connected(link);
        if link.clipboard.is_none() {
            self.clipboard.missing();
        }
        for window in &mut self.windows {
            window.open(link, &self.options.guest, self.guest);
        }
    }

    /// The connection is lost, or of no use.
    pub(super) fn disconnect(&mut self, why: &str) {
        let Some(link) = self.link.take() else { return };
        self.reach.lost(why);
        link.close(&self.handle);
        let mut told = Vec::new();
        self.seats.lost(&mut told);
        self.clipboard.lost();
        for window in &mut self.windows {
            window.lost(&mut told);
        }
        for what in told {
            self.tell(what);
        }
        self.connect_again();
    }

    /// Something here is wrong. What is known of this connection may be half changed, so that it is
    /// given up with it; what the device gave us is kept and shown anew.
    fn fail(&mut self, why: &(dyn Any + Send)) {
        let text = why.downcast_ref::<&str>().copied();
        let text = text.or_else(|| why.downcast_ref::<String>().map(String::as_str));
        let text = text.unwrap_or("no reason is known");
        tracing::error!(
            "the presenter has failed, which is a mistake in it, and begins anew: {text}"
        );
        self.disconnect("the presenter has failed");
    }

    fn show(&mut self, what: Show) {
        let mut told = Vec::new();
        match what {
            Show::Frame(frame) => {
                if let Some(window) = self.windows.get_mut(frame.scanout) {
                    window.show(frame, &mut told);
                }
            }
            Show::Disabled { scanout } => {
                if let Some(window) = self.windows.get_mut(scanout) {
                    window.disable(&mut told);
                }
            }
            Show::Retired(buffers) => {
                for window in &mut self.windows {
                    window.retire(&buffers);
                }
            }
            Show::CursorImage { scanout, size, pixels, hot } => {
                if let Some(window) = self.windows.get_mut(scanout) {
                    window.cursor.set_image(size, pixels, hot);
                }
            }
            Show::CursorMoved { scanout, x, y } => {
                if let Some(window) = self.windows.get_mut(scanout) {
                    window.cursor.move_to(x, y);
                }
            }
            Show::Guest(guest) => {
                self.guest = guest;
            }
            Show::Copied(text) => self.clipboard.set(text),
            Show::Numbers(numbers) => self.numbers = Some(numbers),
            Show::CursorHidden { scanout } => {
                if let Some(window) = self.windows.get_mut(scanout) {
                    window.cursor.hide();
                }
            }
            #[cfg(test)]
            Show::Fail => panic!("as a test wants it"),
        }
        for what in told {
            self.tell(what);
        }
    }

    /// The end of a turn: what has changed goes to the compositor.
    fn settle(&mut self) {
        let Some(link) = self.link.as_mut().filter(|link| link.is_ready()) else { return };
        let mut told = Vec::new();
        let mut changed = false;
        for window in &mut self.windows {
            window.reopen(link, &self.options.guest, self.guest, &mut told);
            window.commit(link, &mut told);
            // A guest may change its cursor, its lamps and its mind without end. The next change goes
            // out when the compositor has seen the last one.
            if !link.unseen {
                changed |= window.tell_guest(self.guest);
                changed |= self.seats.pens_settle(link, self.guest.pens, &mut told);
                changed |= self.seats.lock_settle(link, window, self.guest.relative);
                let worn = self.seats.wears(window.index());
                changed |= window.cursor_settle(link, worn);
                changed |= self.seats.cursor_settle(link, window);
            }
        }
        if !link.unseen
            && let Some(text) = self.clipboard.take_fresh()
        {
            changed |= self.seats.select(link, text.as_ref());
        }
        if let Some(numbers) = self.numbers {
            link.say(numbers);
        }
        if changed {
            link.ask_seen();
        }
        let flushed = link.flush();
        for what in told {
            self.tell(what);
        }
        if let Err(error) = flushed {
            self.disconnect(&error.to_string());
        }
    }
}
