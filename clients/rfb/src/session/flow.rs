//! What the server is asked for, and when.
//!
//! While somebody sees the layer the server is asked for the next update as soon as the last one has
//! come, or sends them by itself where it can. While nobody does it is asked for nothing, so that nothing
//! wakes up here or there; only the first picture is always fetched, for who may look later.

use std::time::{Duration, Instant};

use porthole_pixel::{Rect, Size};
use porthole_rfb::client::Client;

use crate::screen::Screen;

/// The least time between two wishes for a size: setting a mode costs a server much, and while somebody
/// drags an edge sizes come at the rate of frames.
const INTERVAL: Duration = Duration::from_millis(250);

/// See the module's text.
#[derive(Debug, Default)]
pub(super) struct Flow {
    pub(super) visible: bool,
    /// Every pixel has come.
    pub(super) known: bool,
    /// The picture's size.
    size: Size,
    /// All of the picture is to be asked for.
    whole: bool,
    /// A request is not answered.
    open: bool,
    continuous: Continuous,
    /// The area of continuous updates is another one.
    moved: bool,
    resizable: bool,
    wish: Option<Size>,
    /// What was asked for last, which is not asked for again.
    asked: Option<Size>,
    /// No size is asked for before.
    rest: Option<Instant>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Continuous {
    /// The server cannot.
    #[default]
    No,
    /// It can and does not.
    Off,
    On,
    /// It was told to stop and has not said that it did.
    Stopping,
}

impl Flow {
    /// The connection is there.
    pub(super) const fn begin(&mut self, size: Size) {
        self.size = size;
        self.whole = true;
    }

    /// An update is complete.
    pub(super) const fn updated(&mut self) {
        self.open = false;
    }

    /// The server says that the picture has this size, and with a layout that it may be chosen.
    pub(super) fn resized(&mut self, size: Size, layout: Option<(u16, u16)>) {
        if let Some((reason, status)) = layout {
            self.resizable = true;
            if status != 0 {
                tracing::debug!(reason, status, "the server refuses the layer's size");
            }
        }
        if std::mem::replace(&mut self.size, size) != size {
            self.whole = true;
            self.moved = true;
            self.known = false;
        }
    }

    /// The server has said that it can send updates by itself, or that it has stopped to.
    pub(super) const fn continuous_told(&mut self) {
        self.continuous = Continuous::Off;
    }

    /// The layer has this size; none where the server may choose.
    pub(super) const fn want_size(&mut self, size: Option<Size>) {
        self.wish = size;
    }

    /// Whether a size is to be asked for.
    fn wished(&self) -> Option<Size> {
        let fits = |side: u32| (16..=16384).contains(&side);
        self.wish.filter(|wish| {
            let new = *wish != self.size && Some(*wish) != self.asked;
            self.resizable && self.known && new && fits(wish.width) && fits(wish.height)
        })
    }

    /// When the next wish may be told.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.wished().and(self.rest)
    }

    /// Asks for what is to be asked for.
    pub(super) fn settle(&mut self, client: &mut Client<Screen>, now: Instant) {
        if client.is_updating() {
            return;
        }
        if let Some(size) = self.wished().filter(|_| self.rest.is_none_or(|rest| rest <= now))
            && let (Ok(width), Ok(height)) = (u16::try_from(size.width), u16::try_from(size.height))
        {
            client.set_desktop_size(width, height);
            self.asked = Some(size);
            self.rest = Some(now + INTERVAL);
        }
        let area = Rect::from_size(self.size);
        let wanted = self.visible;
        match self.continuous {
            Continuous::Off if wanted => {
                client.set_continuous(true, area);
                self.continuous = Continuous::On;
            }
            Continuous::On if !wanted => {
                client.set_continuous(false, area);
                self.continuous = Continuous::Stopping;
            }
            Continuous::On if self.moved => client.set_continuous(true, area),
            _ => {}
        }
        self.moved = false;
        if std::mem::take(&mut self.whole) {
            client.request_update(false);
            self.open = true;
        } else if !self.open
            && !matches!(self.continuous, Continuous::On)
            && (self.visible || !self.known)
        {
            client.request_update(true);
            self.open = true;
        }
    }
}
