//! How the compositor is reached, and reached again.
//!
//! Where nobody listens, nothing is tried until something happens at the socket's place. Time comes in
//! only where a compositor is there and of no use, and for the moment between the making of a socket and
//! the listening at it.

use std::time::Duration;

use calloop::generic::Generic;
use calloop::timer::{TimeoutAction, Timer};
use calloop::{Interest, Mode, PostAction, RegistrationToken};

use super::link::{Link, LinkError};
use super::stage::Stage;
use crate::{arrival, connection};

/// Waits between attempts, each twice as long as the one before.
const FIRST_RETRY: Duration = Duration::from_millis(5);
const LAST_RETRY: Duration = Duration::from_secs(2);
/// Who has made a socket listens at it soon.
const SOON: Duration = Duration::from_millis(640);

/// See the module's text.
#[derive(Debug)]
pub(super) struct Reach {
    retry: Duration,
    timer: Option<RegistrationToken>,
    watch: Option<RegistrationToken>,
    /// Something has happened at the socket's place.
    stirred: bool,
    /// Said once for each loss, not for each attempt.
    absence_told: bool,
}

impl Default for Reach {
    fn default() -> Self {
        let (timer, watch) = (None, None);
        Self { retry: FIRST_RETRY, timer, watch, stirred: false, absence_told: false }
    }
}

impl Reach {
    /// A connection was lost.
    pub(super) fn lost(&mut self, why: &str) {
        if !std::mem::replace(&mut self.absence_told, true) {
            tracing::warn!("lost the compositor: {why}");
        }
    }
}

impl Stage {
    /// The connection works: the next loss is a new one.
    pub(super) const fn works(&mut self) {
        self.reach.retry = FIRST_RETRY;
        self.reach.absence_told = false;
    }

    /// Tries to reach the compositor, now or later.
    pub(super) fn connect(&mut self) {
        if self.link.is_some() {
            return;
        }
        let wanted = self.clipboard.is_wanted();
        let error = match Link::connect(self.options.wayland.as_deref(), wanted, &self.handle) {
            Ok(link) => {
                self.link = Some(link);
                self.rest();
                return;
            }
            Err(error) => error,
        };
        if !std::mem::replace(&mut self.reach.absence_told, true) {
            tracing::info!("no compositor yet: {error}");
        }
        if !is_absence(&error) {
            self.connect_again();
        } else if self.reach.watch.is_none() {
            if self.watch() {
                // It may have come just before.
                self.connect();
            } else {
                self.connect_again();
            }
        } else if self.reach.stirred && self.reach.retry <= SOON {
            self.connect_again();
        }
    }

    /// Tries again after a while.
    pub(super) fn connect_again(&mut self) {
        let timer = Timer::from_duration(self.reach.retry);
        self.reach.retry = (self.reach.retry * 2).min(LAST_RETRY);
        let again = |_, _: &mut (), stage: &mut Self| {
            stage.reach.timer = None;
            stage.connect();
            TimeoutAction::Drop
        };
        if let Some(before) = self.reach.timer.take() {
            self.handle.remove(before);
        }
        match self.handle.insert_source(timer, again) {
            Ok(token) => self.reach.timer = Some(token),
            Err(error) => tracing::error!("cannot wait for the compositor: {error}"),
        }
    }

    /// Tries again when something happens at the socket's place; false where that cannot be seen.
    fn watch(&mut self) -> bool {
        let path = connection::socket_path(self.options.wayland.as_deref());
        let Ok(fd) = path.map_err(drop).and_then(|path| arrival::watch(&path).map_err(drop)) else {
            return false;
        };
        let source = Generic::new(fd, Interest::READ, Mode::Level);
        let watch = self.handle.insert_source(source, |_, _, stage| {
            stage.reach.watch = None;
            stage.reach.stirred = true;
            stage.reach.retry = FIRST_RETRY;
            stage.connect();
            Ok(PostAction::Remove)
        });
        self.reach.watch = watch.ok();
        self.reach.watch.is_some()
    }

    /// Stops to watch. A timer that still runs finds nothing to do.
    fn rest(&mut self) {
        self.reach.stirred = false;
        if let Some(token) = self.reach.watch.take() {
            self.handle.remove(token);
        }
    }
}

/// Whether nobody listens there.
fn is_absence(error: &LinkError) -> bool {
    use std::io::ErrorKind::{ConnectionRefused, NotFound};
    matches!(error, LinkError::Socket(error) if matches!(error.kind(), NotFound | ConnectionRefused))
}
