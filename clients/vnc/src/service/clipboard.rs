//! What is copied: at a viewer, and on the viewer's seat.
//!
//! A text of the seat's is fetched as soon as it is told of, because viewers that know the plain clipboard
//! alone are sent it at once; the others get it when they ask. What a viewer has copied is what its seat
//! has, until something else is copied there or the viewer goes.

use std::os::fd::AsFd;
use std::sync::Arc;

use porthole_client::capture::{Copied, Paste, PersonId};
use porthole_client::texts::{MAX_TEXT, Texts, Transfers};
use porthole_rfb::{Event, from_latin1};

use super::Service;

impl Service {
    /// A viewer that may act has its seat: it gets the seat's clipboard.
    pub(super) fn open_clipboard(&mut self, id: PersonId) {
        if self.options.clipboard.any()
            && let Some(view) = &mut self.view
        {
            view.open_clipboard(id);
        }
    }

    /// Says once for each connection that the socket has no clipboard.
    pub(super) fn miss_clipboard(&self) {
        let has = self.view.as_ref().is_some_and(porthole_client::capture::PortView::has_clipboard);
        if self.options.clipboard.any() && !has {
            let port = &self.options.port;
            tracing::warn!("nothing is copied: the socket needs the right \"clipboard:{port}\"");
        }
    }

    /// A viewer says something of what it has copied.
    pub(super) fn viewer_copies(&mut self, id: u64, event: Event) {
        let text = match event {
            // Whoever sends plain text has nothing else to say.
            Event::CutText(bytes) => match from_latin1(&bytes) {
                Some(text) => Some(text),
                None => return,
            },
            Event::Copied(text) => text,
            Event::CopyLeft(why) => {
                tracing::info!(viewer = id, "what a viewer has copied is left: {why}");
                return;
            }
            _ => return,
        };
        if text.as_ref().is_some_and(|text| text.len() > MAX_TEXT) {
            tracing::info!(
                viewer = id,
                "what a viewer has copied is left: it has more than {MAX_TEXT} bytes"
            );
            return;
        }
        if let Some(entry) = self.viewers.get_mut(&id).filter(|_| self.options.clipboard.take) {
            // Of all that it says in one turn the newest counts.
            entry.copied = Some(text);
        }
    }

    /// What a viewer has copied in this turn is what its seat has.
    pub(super) fn pass_copied(&mut self, id: u64) {
        let copied = self.viewers.get_mut(&id).and_then(|entry| entry.copied.take());
        if let (Some(text), Some(view)) = (copied, &mut self.view) {
            view.set_copied(PersonId(id), text);
        }
    }

    /// Somebody else has copied something on a viewer's seat.
    pub(super) fn copied(&mut self, PersonId(id): PersonId, copied: Option<Copied>) {
        if !self.options.clipboard.give {
            return;
        }
        match copied {
            Some(copied) => {
                if let Some(end) = self.transfers.fetch(id) {
                    copied.receive(end.as_fd());
                }
            }
            None => {
                self.transfers.stop_fetching(id);
                self.tell_copied(id, None);
            }
        }
    }

    /// Somebody pastes what a viewer has copied.
    pub(super) fn pasted(&mut self, paste: Paste) {
        let PersonId(id) = paste.whose;
        self.transfers.give(id, paste.text, paste.to);
    }

    fn tell_copied(&mut self, id: u64, text: Option<Arc<str>>) {
        if let Some(entry) = self.viewers.get_mut(&id) {
            entry.viewer.server_mut().set_clipboard(text);
        }
    }

    /// The viewer's seat is gone, and its clipboard with it.
    pub(super) fn close_clipboard(&mut self, id: u64) {
        self.transfers.stop_fetching(id);
        self.tell_copied(id, None);
        if let Some(entry) = self.viewers.get_mut(&id) {
            entry.copied = None;
        }
    }
}

impl Texts for Service {
    fn transfers(&mut self) -> &mut Transfers<Self> {
        &mut self.transfers
    }

    fn fetched(&mut self, whose: u64, text: Option<Arc<str>>) {
        // One that did not come leaves the viewer with what it has.
        if text.is_some() {
            self.tell_copied(whose, text);
        }
    }
}
