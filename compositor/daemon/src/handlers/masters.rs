//! Cards that another display server has: their ports go on unseen until it ends.
//!
//! The kernel tells nobody that a card is free again, but it tells who asks that a descriptor of the card
//! was closed. That comes a little before the card is let go of, so it is then looked at a few times.

use std::{path::Path, sync::Arc, time::Duration};

use porthole_core::model::PortId;
use smithay::reexports::calloop::{
    Interest, Mode as Trigger, PostAction,
    generic::Generic,
    timer::{TimeoutAction, Timer},
};

use crate::{
    screens::{
        Closing, Screen,
        drm::{Card, DrmError},
    },
    state::State,
};

/// How long a card is looked at after somebody closed it: the first time, and when it is given up. Each
/// time is twice as long as the one before.
const FIRST_LOOK: Duration = Duration::from_millis(20);
const LAST_LOOK: Duration = Duration::from_secs(3);

impl State {
    /// The card that a port is on takes no pictures of ours any more: somebody else is its master.
    pub(crate) fn screen_lost(&mut self, id: PortId) {
        let Some(Screen::Drm(output)) = self.ports.get(id).map(|port| &port.screen) else { return };
        // A session says itself when another console is shown.
        if self.machine.session.is_shared() {
            return;
        }
        let card = output.card().clone();
        // What happens with a frame ends first.
        let later = self.handle.insert_source(Timer::immediate(), move |_, (), state| {
            state.card_lost(&card);
            TimeoutAction::Drop
        });
        if let Err(error) = later {
            tracing::error!("no timer for a card: {error}");
        }
    }

    fn card_lost(&mut self, card: &Arc<Card>) {
        if !self.cards.open().iter().any(|open| Arc::ptr_eq(open, card)) {
            return;
        }
        tracing::warn!(
            "another display server has {}; its ports go on unseen, and are shown again when that ends",
            card.path().display()
        );
        for id in self.close_card(card) {
            if let Some(port) = self.ports.get_mut(id)
                && let Screen::Drm(mut output) = std::mem::take(&mut port.screen)
            {
                output.sleep();
            }
            self.screen_gone(id);
        }
        self.await_card(card.path());
    }

    /// A port's card could not be had; if somebody else has it, it is waited for.
    pub(super) fn await_master(&mut self, error: &DrmError) {
        if let DrmError::NotMaster { path, .. } = error
            && !self.machine.session.is_shared()
        {
            self.await_card(path);
        }
    }

    /// Takes a card when nobody has it any more.
    fn await_card(&mut self, path: &Path) {
        if self.cards.is_awaited(path) {
            return;
        }
        let waiting = Closing::of(path).map_err(|error| error.to_string()).and_then(|closing| {
            let (source, path) =
                (Generic::new(closing, Interest::READ, Trigger::Level), path.to_owned());
            let inserted = self.handle.insert_source(source, move |_, closing, state| {
                closing.take();
                state.look_at_card(&path, FIRST_LOOK);
                Ok(PostAction::Continue)
            });
            inserted.map_err(|error| error.to_string())
        });
        match waiting {
            Ok(token) => {
                self.cards.wait(path, token);
                // It may have been let go of before anybody listened.
                self.look_at_card(path, LAST_LOOK);
            }
            Err(error) => {
                let path = path.display();
                tracing::warn!("{path} is taken at the next reload only: {error}");
            }
        }
    }

    /// Takes a card if it is free, or looks at it again after this time.
    fn look_at_card(&mut self, path: &Path, again: Duration) {
        if !self.cards.is_awaited(path) {
            return;
        }
        if let Some(timer) = self.cards.look_again(path, None) {
            self.handle.remove(timer);
        }
        if Card::is_free(path) {
            if let Some(listener) = self.cards.waited(path) {
                self.handle.remove(listener);
            }
            return self.rescan();
        }
        if again >= LAST_LOOK {
            return;
        }
        let (timer, path) = (Timer::from_duration(again), path.to_owned());
        let looked = path.clone();
        let timer = self.handle.insert_source(timer, move |_, (), state| {
            // This one is over.
            state.cards.look_again(&looked, None);
            state.look_at_card(&looked, again * 2);
            TimeoutAction::Drop
        });
        match timer {
            Ok(timer) => drop(self.cards.look_again(&path, Some(timer))),
            Err(error) => tracing::error!("no timer for a card: {error}"),
        }
    }
}
