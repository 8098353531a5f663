//! The session, where there is one: others may have screens and keyboards for a while, and who gives it may
//! come late, or go. Guests, programs and viewers go on meanwhile.

use std::rc::Rc;

use porthole_core::model::PortId;
use smithay::reexports::calloop::{Interest, Mode as Trigger, PostAction, generic::Generic};

use crate::{
    arrival::Pauses,
    machine::{DeviceId, libseat::Change},
    screens::Screen,
    state::State,
};

impl State {
    /// Hears of the session, or of who will give one.
    pub(super) fn watch_session(&mut self) {
        let session = self.machine.session.clone();
        let Some(heard) = session.poll() else { return self.await_seatd(Pauses::default()) };
        let inserted = heard.map_err(|error| error.to_string()).and_then(|fd| {
            let source = Generic::new(fd, Interest::READ, Trigger::Level);
            let inserted = self.handle.insert_source(source, move |_, _, state| {
                state.take_session_changes();
                // Its end may have been heard elsewhere, and the next one has a source of its own.
                let goes_on = !session.is_over() && Rc::ptr_eq(&session, &state.machine.session);
                Ok(if goes_on { PostAction::Continue } else { PostAction::Remove })
            });
            inserted.map_err(|error| error.to_string())
        });
        if let Err(error) = inserted {
            tracing::error!("the session is not heard: {error}");
            return;
        }
        // What came before is not heard any more.
        self.take_session_changes();
    }

    /// Takes what became of the session.
    pub(super) fn take_session_changes(&mut self) {
        loop {
            match self.machine.session.take() {
                Ok(told) if told.is_empty() => return,
                // Opening devices may have taken more from the session's socket.
                Ok(told) => told.into_iter().for_each(|change| match change {
                    Change::Ours => self.resume_session(),
                    Change::Wanted => self.pause_session(),
                }),
                Err(error) => return self.session_gone(&error),
            }
        }
    }

    /// Who gave the session is gone. What it opened is given up: nobody would take it from us when others
    /// want it.
    fn session_gone(&mut self, error: &std::io::Error) {
        let remedy = self.machine.session.remedy();
        tracing::error!("the session is gone: {error}; guests and viewers go on, {remedy}");
        self.put_to_sleep();
        self.machine.asleep.clear();
        for card in self.cards.open().to_vec() {
            self.close_card(&card);
        }
        self.await_seatd(Pauses::default());
    }

    /// Others want the screens and keyboards, and wait until we have let go of them.
    fn pause_session(&mut self) {
        self.put_to_sleep();
        self.machine.session.release();
        tracing::info!("another console has screens and keyboards; guests and viewers go on");
    }

    /// All that is held is let go of, and nothing is shown until screens and keyboards are ours again.
    fn put_to_sleep(&mut self) {
        let ids: Vec<DeviceId> = self.machine.used.keys().copied().collect();
        for id in ids {
            self.let_go_of_device(id);
            if let Some(devices) = self.machine.devices.as_mut() {
                devices.remove(id);
            }
            self.machine.used.remove(&id);
        }
        let ports: Vec<PortId> = self
            .ports
            .iter()
            .filter(|(_, port)| matches!(port.screen, Screen::Drm(_)))
            .map(|(id, _)| id)
            .collect();
        for id in ports {
            // Its picture stays until the others have drawn theirs.
            if let Some(port) = self.ports.get_mut(id)
                && let Screen::Drm(mut output) = std::mem::take(&mut port.screen)
            {
                output.sleep();
                self.machine.asleep.push(*output);
            }
            self.screen_gone(id);
        }
    }

    /// Screens and keyboards are ours again, in whatever state others left them.
    fn resume_session(&mut self) {
        tracing::info!("screens and keyboards are ours");
        self.rescan();
        self.machine.asleep.clear();
        self.find_devices();
        // Devices may have gone meanwhile.
        self.remove_idle_seats();
    }

    /// Whether a key asks for another console, which is then shown.
    pub(super) fn switches_console(
        &mut self,
        held: &porthole_core::input::Held,
        code: u32,
    ) -> bool {
        if !self.machine.session.is_shared() {
            return false;
        }
        let Some(console) = porthole_core::chord::console(code, held) else { return false };
        if let Err(error) = self.machine.session.switch(console) {
            tracing::warn!("console {console} cannot be shown: {error}");
        }
        true
    }
}
