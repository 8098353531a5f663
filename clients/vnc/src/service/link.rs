//! The compositor goes and comes; viewers stay.

use calloop::timer::{TimeoutAction, Timer};
use calloop_wayland_source::WaylandSource;
use porthole_pixel::{Rect, Region, Size};

use super::{Search, Service};
use crate::{
    away::Away,
    failure::Failure,
    reach::{self, Found},
};

impl Service {
    /// Begins to look for the compositor.
    pub(super) fn look(&mut self) -> Result<(), Failure> {
        reach::start(self.target.clone(), self.tell.clone()).map_err(Failure::Thread)?;
        let Some(patience) = self.options.patience else { return Ok(()) };
        let timer = Timer::from_duration(patience);
        let timeout = self.handle.insert_source(timer, move |_, (), service| {
            service.timeout = None;
            service.fail(Failure::Away(patience));
            TimeoutAction::Drop
        });
        self.timeout = Some(timeout.map_err(|error| Failure::Loop(error.error))?);
        Ok(())
    }

    /// The compositor was found, or never will be.
    pub(super) fn found(&mut self, found: Result<Found, Failure>) {
        if let Some(timeout) = self.timeout.take() {
            self.handle.remove(timeout);
        }
        let Found { connection, view, queue } = match found {
            Ok(found) => found,
            Err(failure) => return self.fail(failure),
        };
        let source = WaylandSource::new(connection, queue);
        let source = self.handle.insert_source(source, |(), queue, service: &mut Self| {
            service.view.as_mut().map_or(Ok(0), |view| queue.dispatch_pending(view))
        });
        match source {
            Ok(source) => self.source = Some(source),
            Err(error) => return self.fail(Failure::Loop(error.error)),
        }
        self.view = Some(view);
        self.miss_clipboard();
        self.search = Search::default();
        if self.starting.is_none() {
            tracing::info!("the display service is back");
        }
        for id in self.ids() {
            if self.viewers.get(&id).is_some_and(|entry| entry.viewer.server().is_ready()) {
                self.seat(id);
            }
        }
    }

    /// The compositor has gone: viewers see the last picture with a sign, and what they held is released
    /// with their seats.
    pub(super) fn lose(&mut self, why: &str) -> Result<(), Failure> {
        if let Some(source) = self.source.take() {
            self.handle.remove(source);
        }
        let Some(view) = self.view.take() else { return Ok(()) };
        self.transfers.stop();
        tracing::warn!("the display service is away: {why}; viewers wait for it");
        // Between its last return and its first frame the old picture stays.
        if self.away.is_none() {
            let last = view.with_pictures(|size, bytes, _| Away::new(size, bytes));
            self.away = last.or_else(|| {
                let size = view.size()?;
                Some(Away::new(size, &vec![0; usize::try_from(size.area()).ok()? * 4]))
            });
        }
        for id in self.ids() {
            self.unseat(id);
        }
        self.renew();
        self.look()
    }

    /// The first frame after a return takes the place of the picture with the sign.
    pub(super) fn back(&mut self) {
        if self.away.take().is_some() {
            self.renew();
        }
    }

    /// Viewers get all of the picture anew.
    fn renew(&mut self) {
        let all = |size: Size| Region::from_rect(Rect::from_size(size));
        let Some(size) = self.size() else { return };
        for entry in self.viewers.values_mut() {
            let server = entry.viewer.server_mut();
            server.resize(size);
            server.damage(&all(size));
        }
    }
}
