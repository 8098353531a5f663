//! Closes files whose filesystem may never answer to that: on a thread of its own, the only one that then
//! waits.
//!
//! A service that ends does not wait for that thread, and has let go of all else by then. Its process stays
//! until the file is closed: the kernel sends a signal to nobody who waits for a filesystem to close
//! something, and whoever closes it in a process's place shares all of its descriptors.

use std::{
    os::fd::OwnedFd,
    sync::{
        Arc,
        mpsc::{Sender, channel},
    },
    thread,
};

use super::Group;

/// Who closes such files.
#[derive(Debug, Default)]
pub(super) struct Closer {
    /// `None` before there was any.
    files: Option<Sender<(OwnedFd, Arc<Group>)>>,
}

impl Closer {
    /// Closes a file that a client of this group handed over. Until that is done, it counts as a client of
    /// the group's socket.
    pub(super) fn close(&mut self, file: OwnedFd, group: &Arc<Group>) {
        group.hold();
        if self.files.is_none() {
            let (sender, files) = channel::<(OwnedFd, Arc<Group>)>();
            let closing = move || {
                for (file, group) in files {
                    drop(file);
                    group.release();
                }
            };
            match thread::Builder::new().name("closer".to_owned()).spawn(closing) {
                Ok(_) => self.files = Some(sender),
                Err(error) => tracing::error!("no thread closes files: {error}"),
            }
        }
        let left = match &self.files {
            Some(files) => files.send((file, group.clone())).err().map(|unsent| unsent.0.0),
            None => Some(file),
        };
        // Better open for good than waited for.
        left.into_iter().for_each(std::mem::forget);
    }
}
