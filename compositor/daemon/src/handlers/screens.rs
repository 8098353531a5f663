//! Which port is on which screen, and what becomes of it when screens come and go.

use std::sync::Arc;

use porthole_core::{
    Name,
    config::Config,
    model::{Flags, PortId, Scope},
};
use smithay::reexports::calloop::{Interest, Mode as Trigger, PostAction, generic::Generic};

use crate::{
    reload::sized,
    screens::{
        Screen, Uevents,
        drm::{Card, Output},
    },
    sockets::{forget_card, store_card},
    state::State,
};

impl State {
    /// Hears of screens that come and go, where the kernel could be listened to.
    pub(crate) fn watch_uevents(&mut self, uevents: Option<Uevents>) {
        let Some(uevents) = uevents else { return };
        let source = Generic::new(uevents, Interest::READ, Trigger::Level);
        let inserted = self.handle.insert_source(source, |_, uevents, state| {
            if uevents.take() {
                state.rescan();
            }
            Ok(PostAction::Continue)
        });
        if let Err(error) = inserted {
            tracing::error!("screens that come and go are not seen: {error}");
        }
    }

    /// Gives ports the screens that the configuration names, and takes away those that it names no more.
    /// A port that gets none says why, and goes on without.
    pub(crate) fn attach_screens(&mut self) {
        let ports: Vec<PortId> = self.ports.iter().map(|(id, _)| id).collect();
        for id in ports {
            self.attach_screen(id);
        }
        self.watch_cards();
    }

    /// Something happened to a card: asks all screens anew.
    pub(super) fn rescan(&mut self) {
        for card in self.cards.gone() {
            self.card_gone(&card);
        }
        let config = self.cards.ask(true);
        let ports: Vec<PortId> = self.ports.iter().map(|(id, _)| id).collect();
        let replaced: Vec<PortId> =
            ports.iter().copied().filter(|id| self.is_replaced(*id)).collect();
        // Sizes first, so that a new screen is in its mode from the first frame on.
        self.follow_screens(config);
        for id in ports {
            self.attach_screen(id);
        }
        for id in replaced {
            if let Some(model) = self.device.port(id)
                && let Some((_, wanted)) = self.cards.of_port(model.name.as_str())
                && let Some(port) = self.ports.get_mut(id)
            {
                port.screen.set_mode(wanted.of_size(model.mode.size));
                self.damage_port(id);
            }
        }
        self.watch_cards();
    }

    /// Whether there is another screen on the connector of a port, which then has its modes.
    fn is_replaced(&mut self, id: PortId) -> bool {
        let Some(port) = self.ports.get_mut(id) else { return false };
        let Screen::Drm(output) = &mut port.screen else { return false };
        let Some((connector, _)) = self.cards.of_port(&port.name) else { return false };
        let found = self.cards.find(&connector, false);
        found.is_ok_and(|found| found.is_connected() && output.offer(&found))
    }

    /// Takes the sizes and rates that screens have now.
    fn follow_screens(&mut self, config: Config) {
        let before = sized(&self.config, &self.viewer_sizes);
        let after = sized(&config, &self.viewer_sizes);
        if before == after {
            return;
        }
        let mut device = self.device.clone();
        let committed = device.prepare_sizes(&before, &after).and_then(|mut pending| {
            device.commit(Scope::EntireDevice, &mut pending, Flags::MODESET)
        });
        match committed {
            Ok(()) => {
                self.config = config;
                self.set_device(device);
            }
            Err(error) => tracing::error!("a port keeps its size: {error}"),
        }
    }

    fn attach_screen(&mut self, id: PortId) {
        let Some(model) = self.device.port(id) else { return };
        let (name, size, lit) = (model.name.clone(), model.mode.size, model.power.is_lit());
        if let Some(window) = self.window_of(name.as_str()) {
            return self.attach_window(id, &window);
        }
        let Some((connector, wanted)) = self.cards.of_port(name.as_str()) else {
            return self.detach_screen(id, true);
        };
        if let Some(why) = self.machine.session.obstacle() {
            return self.without_screen(id, &name, &why);
        }
        let wanted = wanted.of_size(size);
        let found = match self.cards.find(&connector, false) {
            Ok(found) if found.is_connected() => found,
            Ok(_) => {
                let text = format!("no screen is on connector '{}'", connector.name);
                return self.without_screen(id, &name, &text);
            }
            Err(error) => {
                self.await_master(&error);
                return self.without_screen(id, &name, &error.to_string());
            }
        };
        let Some(port) = self.ports.get_mut(id) else { return };
        let same = |output: &Output| {
            Arc::ptr_eq(output.card(), &found.card) && output.connector() == found.info.handle()
        };
        if matches!(&port.screen, Screen::Drm(output) if same(output)) {
            return;
        }
        self.detach_screen(id, true);
        let taken: Vec<_> = self
            .ports
            .iter()
            .filter_map(|(_, port)| match &port.screen {
                Screen::Drm(output) if Arc::ptr_eq(output.card(), &found.card) => {
                    Some(output.crtc())
                }
                _ => None,
            })
            .collect();
        match Output::new(&found, &connector.name, wanted, &taken) {
            Ok(output) => {
                let mut output = output.with_backlight(connector.backlight.as_deref());
                if !connector.paints_pointer {
                    output = output.with_pointer();
                }
                output.set_lit(lit);
                self.cards.is_news(&name, None);
                if let Some(port) = self.ports.get_mut(id) {
                    port.screen = Screen::Drm(Box::new(output));
                    self.damage_port(id);
                }
            }
            Err(error) => self.without_screen(id, &name, &error.to_string()),
        }
    }

    /// A port goes on unseen.
    pub(super) fn without_screen(&mut self, id: PortId, name: &Name, why: &str) {
        self.detach_screen(id, true);
        if self.cards.is_news(name, Some(why.to_owned())) {
            tracing::warn!(port = name.as_str(), "{why}; the port goes on unseen");
        }
    }

    /// Takes a port's screen away, if it has one.
    pub(super) fn detach_screen(&mut self, id: PortId, turn_off: bool) {
        self.forget_parent(id);
        self.let_go_of_window(id);
        let Some(port) = self.ports.get_mut(id).filter(|port| port.screen.is_there()) else {
            return;
        };
        if turn_off {
            port.screen.turn_off();
        }
        port.screen = Screen::Headless;
        tracing::info!(port = port.name, "has no screen any more");
        self.screen_gone(id);
    }

    /// Hears of the frames that cards show, and has them kept over a restart.
    fn watch_cards(&mut self) {
        for card in self.cards.unwatched() {
            // A session has its own way to hand cards on.
            if !self.machine.session.is_shared() {
                store_card(card.path(), &*card);
            }
            let source = Generic::new(card.clone(), Interest::READ, Trigger::Level);
            let inserted =
                self.handle.insert_source(source, |_, card, state| match card.take_flips() {
                    Ok(flips) => {
                        for flip in flips {
                            if let Some(id) = state.port_on(card, flip.crtc) {
                                state.flipped(id, flip.at, flip.sequence);
                            }
                        }
                        Ok(PostAction::Continue)
                    }
                    Err(error) => {
                        tracing::debug!("a card is not heard any more: {error}");
                        let card: Arc<Card> = Arc::clone(card);
                        state.card_gone(&card);
                        Ok(PostAction::Continue)
                    }
                });
            match inserted {
                Ok(token) => self.cards.watch(card, token),
                Err(error) => tracing::error!("a card is not heard: {error}"),
            }
        }
    }

    fn port_on(&self, card: &Arc<Card>, crtc: drm::control::crtc::Handle) -> Option<PortId> {
        let shows = |screen: &Screen| match screen {
            Screen::Drm(output) => Arc::ptr_eq(output.card(), card) && output.crtc() == crtc,
            Screen::Headless | Screen::Window(_) => false,
        };
        self.ports.iter().find(|(_, port)| shows(&port.screen)).map(|(id, _)| id)
    }

    fn card_gone(&mut self, card: &Arc<Card>) {
        tracing::warn!("{} is gone", card.path().display());
        for id in self.close_card(card) {
            self.detach_screen(id, false);
        }
    }

    /// A card is ours no more. The ports that are on it.
    pub(super) fn close_card(&mut self, card: &Arc<Card>) -> Vec<PortId> {
        if let Some(token) = self.cards.close(card) {
            self.handle.remove(token);
        }
        forget_card(card.path());
        let on = |screen: &Screen| matches!(screen, Screen::Drm(o) if Arc::ptr_eq(o.card(), card));
        self.ports.iter().filter(|(_, port)| on(&port.screen)).map(|(id, _)| id).collect()
    }
}
