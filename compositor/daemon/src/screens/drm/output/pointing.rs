//! The pointer that a card shows beside the picture.

use std::io;

use drm::control::{AtomicCommitFlags as Flags, atomic::AtomicModeReq};

use super::{Next, Output};
use crate::screens::{
    Pointing, Show,
    drm::cursor::{Cursor, Refused},
};

impl Output {
    /// See [`Screen::point`](crate::screens::Screen::point).
    pub(crate) fn point(&mut self, pointing: Option<&Pointing>) -> bool {
        // What the card takes can be seen when it shows something.
        let shows = self.next == Next::Nothing && self.visible.is_some() && !self.busy;
        let Some(cursor) = &mut self.cursor else { return false };
        match cursor.point(&self.card, pointing.filter(|_| shows)) {
            Ok(()) => shows,
            Err(Refused::ThisOne) => false,
            Err(Refused::Always(error)) => {
                self.without_cursor(&error);
                false
            }
        }
    }

    /// The pointer is painted into the picture from now on.
    fn without_cursor(&mut self, error: &io::Error) {
        if let Some(cursor) = self.cursor.take() {
            cursor.free(&self.card);
            let connector = &self.name;
            tracing::info!(connector, "the card does not show the pointer by itself: {error}");
        }
    }

    /// See [`Screen::is_pointer_behind`](crate::screens::Screen::is_pointer_behind).
    pub(crate) fn is_pointer_behind(&self) -> bool {
        let shows = self.lit && !self.refused && !self.busy && self.next == Next::Nothing;
        shows && self.cursor.as_ref().is_some_and(Cursor::is_behind)
    }

    /// Hands over another pointer with the picture that is there.
    pub(super) fn show_pointer(&mut self) -> Show {
        if !self.is_pointer_behind() {
            return Show::AtOnce;
        }
        let mut request = AtomicModeReq::new();
        if let Some(cursor) = &self.cursor {
            cursor.add(&mut request);
        }
        match self.send(Flags::empty(), &request) {
            Ok(()) => {
                self.cursor.iter_mut().for_each(Cursor::is_set);
                Show::Later
            }
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
                self.without_cursor(&error);
                // With the next frame it is in the picture.
                self.touched = true;
                Show::AtOnce
            }
            Err(error) => self.failed(&error),
        }
    }
}
