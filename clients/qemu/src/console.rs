//! One console of the VM: what QEMU shows there, and the frames that come of it.

use std::time::Instant;

use porthole_client::present::Show;
use porthole_picture::BufferId;
use porthole_pixel::Size;

use crate::calls::{About, cut};
use crate::connection::{Connection, Fault};
use crate::cursor::Cursor;
use crate::listener::{self, Asked, Refused, Shown};
use crate::screen::{Next, Screen};
use crate::statistics::Statistics;

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Console {
    /// QEMU's number.
    pub(crate) id: u32,
    /// The scanout as which it is shown.
    pub(crate) index: usize,
    pub(crate) about: About,
    pub(crate) screen: Screen,
    /// How large QEMU says that it is.
    size: Size,
    /// It was asked how large it is.
    pub(crate) asked: bool,
    cursor: Cursor,
    /// Why something was refused last: it is told once, however often it comes again.
    told: Option<(String, Refused)>,
    /// How QEMU shows what is there.
    pub(crate) listener: Option<Connection>,
}

impl Console {
    pub(crate) fn new(id: u32, index: usize, about: About) -> Self {
        let (screen, cursor) = (Screen::new(index), Cursor::default());
        let size = about.size;
        Self { id, index, about, screen, size, asked: false, cursor, told: None, listener: None }
    }

    /// Takes what QEMU has sent; `room` bytes are left for pictures beside its own. True when there may be
    /// more.
    pub(crate) fn turn(
        &mut self,
        guest: &str,
        room: u64,
        statistics: &mut Statistics,
    ) -> Result<bool, Fault> {
        let Some(mut connection) = self.listener.take() else { return Ok(false) };
        let turned = self.turn_on(&mut connection, guest, room, statistics);
        self.listener = Some(connection);
        turned
    }

    fn turn_on(
        &mut self,
        connection: &mut Connection,
        guest: &str,
        room: u64,
        statistics: &mut Statistics,
    ) -> Result<bool, Fault> {
        let more = connection.receive();
        // What came before the end is shown.
        while let Some((message, descriptors)) = connection.input.pop()? {
            if message.kind != porthole_dbus::Kind::Call {
                continue;
            }
            let member = cut(message.member);
            let end = match listener::read(&message, descriptors) {
                Ok(Asked::Show(shown)) => {
                    self.show(shown, room, statistics).map(|()| Some(porthole_dbus::Writer::new()))
                }
                Ok(Asked::Answer(body)) => Ok(Some(body)),
                Ok(Asked::Unknown) => Ok(None),
                Err(refused) => Err(refused),
            };
            if let Err(why) = &end {
                self.refused(guest, &member, why, statistics);
            }
            listener::answer(&message, &end, &mut connection.output);
            if connection.has_much_to_send() {
                connection.send()?;
            }
        }
        connection.send()?;
        more
    }

    fn refused(&mut self, guest: &str, what: &str, why: &Refused, statistics: &mut Statistics) {
        statistics.refused += 1;
        let known = |(last, because): &(String, Refused)| last == what && because == why;
        if !self.told.as_ref().is_some_and(known) {
            tracing::warn!(socket = guest, "console {}: {what} is refused: {why}", self.id);
            self.told = Some((what.to_owned(), why.clone()));
        }
    }

    fn show(
        &mut self,
        shown: Shown<'_>,
        room: u64,
        statistics: &mut Statistics,
    ) -> Result<(), Refused> {
        match shown {
            Shown::Scanout(pixels, data) => self.screen.scanout(pixels, data, room, statistics),
            Shown::Update(rect, pixels, data) => {
                self.screen.update(rect, pixels, data, room, statistics)
            }
            Shown::Map(memory, offset, pixels) => {
                self.screen.map(memory, offset, pixels, room, statistics)
            }
            Shown::MapUpdate(rect) => self.screen.map_update(rect, statistics),
            Shown::DmaBuf(buffer) => self.screen.device(buffer, statistics),
            Shown::DmaBufUpdate(rect) => self.screen.device_update(rect, statistics),
            Shown::Disabled => {
                self.screen.disable();
                Ok(())
            }
            Shown::CursorAt(place, seen) => {
                self.cursor.set(place, seen);
                Ok(())
            }
            Shown::Cursor(size, hot, data) => self.cursor.define(size, hot, data),
        }
    }

    /// QEMU has said how large it is; one side where only one has changed.
    pub(crate) fn sized(
        &mut self,
        (width, height): (Option<u32>, Option<u32>),
        (guest, room): (&str, u64),
        statistics: &mut Statistics,
    ) {
        let size = Size::new(width.unwrap_or(self.size.width), height.unwrap_or(self.size.height));
        self.size = size;
        if let Err(why) = self.screen.resize(size, room, statistics) {
            self.refused(guest, "its size", &why, statistics);
        }
    }

    /// The console has gone.
    pub(crate) fn gone(&mut self) {
        self.listener = None;
        self.screen.disable();
    }

    /// What there is to show since the last time.
    pub(crate) fn news(
        &mut self,
        guest: &str,
        now: Instant,
        statistics: &mut Statistics,
    ) -> Vec<Show> {
        let mut news = Vec::new();
        match self.screen.next(now, statistics) {
            Ok(Some(Next::Frame(frame))) => news.push(Show::Frame(frame)),
            Ok(Some(Next::Disabled)) => news.push(Show::Disabled { scanout: self.index }),
            Ok(None) => {}
            Err(why) => self.refused(guest, "the picture", &why, statistics),
        }
        let retired = self.screen.take_retired();
        if !retired.is_empty() {
            news.push(Show::Retired(retired.into_iter().map(BufferId::get).collect()));
        }
        news.extend(self.cursor.news(self.index));
        news
    }
}
