//! The end of this run for the sake of the next one, which takes screens and sockets over.

use smithay::reexports::calloop::{Interest, Mode as Trigger, PostAction, generic::Generic};

use crate::state::State;

impl State {
    /// Listens for the next run.
    pub(crate) fn offer_handover(&mut self) {
        let offer = match self.sockets.offer() {
            Ok(offer) => offer,
            Err(error) => return tracing::warn!("the next run cannot take over: {error}"),
        };
        let source = Generic::new(offer, Interest::READ, Trigger::Level);
        let inserted = self.handle.insert_source(source, |_, offer, state| {
            let Some(successor) = offer.accept() else { return Ok(PostAction::Continue) };
            match state.sockets.hand_over(&successor, state.cards.open()) {
                Ok(()) => {
                    tracing::info!("another run takes over");
                    state.successor = Some(successor);
                    state.stop();
                    Ok(PostAction::Remove)
                }
                Err(error) => {
                    tracing::warn!("another run does not take over: {error}");
                    Ok(PostAction::Continue)
                }
            }
        });
        if let Err(error) = inserted {
            tracing::warn!("the next run cannot take over: {error}");
        }
    }
}
