//! The graphics cards that are open, and which connectors the configuration's ports are on.

use std::{
    collections::BTreeMap,
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
    rc::Rc,
    sync::Arc,
};

use porthole_core::{
    Name,
    config::{self, Config, Connector, PortKind, Seat, limits},
};
use rustix::fs::fstat;
use smithay::reexports::calloop::RegistrationToken;

use crate::{machine::Session, protocols::shm::Pixels, sockets::forget_card};

use super::drm::{Card, Chosen, DrmError, Found, Monitor, Wanted, chosen, is_connected};

/// Cards, and what is known of their screens.
#[derive(Debug, Default)]
pub(crate) struct Cards {
    open: Vec<Arc<Card>>,
    /// Those that somebody listens to.
    watched: Vec<(Arc<Card>, RegistrationToken)>,
    /// Cards that an earlier run had, whose pictures are still shown.
    handed: Vec<OwnedFd>,
    /// What the file says, before screens had their say.
    base: Config,
    /// Who opens cards.
    session: Rc<Session>,
    /// The modes that ports took from their screens, also while those are away.
    modes: BTreeMap<Name, Chosen>,
    /// Cards that somebody else has: who listens for their end, and when they are looked at again.
    awaited: BTreeMap<PathBuf, (RegistrationToken, Option<RegistrationToken>)>,
    /// What was last said of ports without a screen.
    said: BTreeMap<Name, String>,
}

impl Cards {
    /// No card is open yet. `handed` are cards that the service manager kept.
    pub(crate) fn new(handed: Vec<OwnedFd>) -> Self {
        Self { handed, ..Self::default() }
    }

    /// All that are open.
    pub(crate) fn open(&self) -> &[Arc<Card>] {
        &self.open
    }

    /// Cards are opened by this session from now on. What was opened without it is opened anew.
    pub(crate) fn set_session(&mut self, session: Rc<Session>) {
        if !Rc::ptr_eq(&self.session, &session) && (session.is_shared() || self.session.is_shared())
        {
            self.open.clear();
        }
        self.session = session;
    }

    /// Begins the session that the configuration wants, and that opens cards from now on. One that was begun to
    /// look at the screens goes on.
    pub(crate) fn begin_session(&mut self, wanted: Option<&Seat>) -> Rc<Session> {
        if !self.session.is_shared() {
            self.set_session(Rc::new(Session::begin(wanted)));
        }
        self.session.clone()
    }

    /// Those that nobody listens to.
    pub(crate) fn unwatched(&self) -> Vec<Arc<Card>> {
        let is_watched =
            |card: &Arc<Card>| self.watched.iter().any(|(watched, _)| Arc::ptr_eq(watched, card));
        self.open.iter().filter(|card| !is_watched(card)).cloned().collect()
    }

    /// Somebody listens to a card.
    pub(crate) fn watch(&mut self, card: Arc<Card>, token: RegistrationToken) {
        self.watched.push((card, token));
    }

    /// Those that are open and can show nothing any more.
    pub(crate) fn gone(&self) -> Vec<Arc<Card>> {
        self.open.iter().filter(|card| card.is_gone()).cloned().collect()
    }

    /// Forgets a card; who listened to it is to stop that.
    pub(crate) fn close(&mut self, card: &Arc<Card>) -> Option<RegistrationToken> {
        self.open.retain(|open| !Arc::ptr_eq(open, card));
        let at = self.watched.iter().position(|(watched, _)| Arc::ptr_eq(watched, card))?;
        Some(self.watched.swap_remove(at).1)
    }

    /// Whether a card is waited for that somebody else has.
    pub(crate) fn is_awaited(&self, path: &Path) -> bool {
        self.awaited.contains_key(path)
    }

    /// A card is waited for.
    pub(crate) fn wait(&mut self, path: &Path, listener: RegistrationToken) {
        self.awaited.insert(path.to_owned(), (listener, None));
    }

    /// When a card that is waited for is looked at again; who waited for that is to stop it.
    pub(crate) fn look_again(
        &mut self,
        path: &Path,
        timer: Option<RegistrationToken>,
    ) -> Option<RegistrationToken> {
        let (_, before) = self.awaited.get_mut(path)?;
        std::mem::replace(before, timer)
    }

    /// A card is waited for no more.
    pub(crate) fn waited(&mut self, path: &Path) -> Option<RegistrationToken> {
        self.awaited.remove(path).map(|(listener, _)| listener)
    }

    /// The picture that a port's screen shows, where the port begins with it.
    pub(crate) fn boot_picture(&mut self, name: &str) -> Option<Arc<Pixels>> {
        let (connector, _) = self.of_port(name).filter(|(connector, _)| connector.boot_picture)?;
        let found = self.find(&connector, false).map_err(|error| error.to_string());
        match found.and_then(|found| found.picture().map_err(|error| error.to_string())) {
            Ok(picture) => Some(Arc::new(picture)),
            Err(error) => {
                tracing::info!(port = name, "the boot's picture is not taken over: {error}");
                None
            }
        }
    }

    /// A configuration with the sizes and rates that its ports take from their screens. It is what the
    /// file says from now on.
    pub(crate) fn read(&mut self, config: &Config) -> Config {
        self.base = config.clone();
        self.modes.retain(|name, _| config.port(name.as_str()).is_some());
        self.ask(false)
    }

    /// The same for the configuration that was read last. With `probe`, screens are asked anew.
    pub(crate) fn ask(&mut self, probe: bool) -> Config {
        let mut config = self.base.clone();
        for port in self.base.ports.clone() {
            let PortKind::Drm(connector) = &port.kind else { continue };
            if !connector.own_size && !connector.own_refresh {
                continue;
            }
            let found = self.find(connector, probe).ok().filter(Found::is_connected);
            if let Some(mode) = found.and_then(|found| chosen(&found, wanted(&port, connector))) {
                self.modes.insert(port.name.clone(), mode);
            }
            let known = self.modes.get(&port.name);
            let name = port.name.as_str();
            if connector.own_size {
                let size = known.map_or(limits::UNKNOWN_SCREEN, |mode| mode.size);
                config = config.with_port_size(name, size);
            }
            if let Some(mode) = known.filter(|_| connector.own_refresh) {
                config = config.with_port_refresh(name, mode.refresh);
            }
        }
        config
    }

    /// The connector that a port is on, and the mode that the file wants it to have.
    pub(crate) fn of_port(&self, name: &str) -> Option<(Connector, Wanted)> {
        let port = self.base.port(name)?;
        let PortKind::Drm(connector) = &port.kind else { return None };
        Some((connector.clone(), wanted(port, connector)))
    }

    /// What the screen of a port says of itself.
    pub(crate) fn monitor(&mut self, name: &str) -> Option<Monitor> {
        if let PortKind::Window(_) = self.base.port(name)?.kind {
            let (make, model) = ("Porthole".to_owned(), "window".to_owned());
            return Some(Monitor { make, model, millimetres: (0, 0) });
        }
        let (connector, _) = self.of_port(name)?;
        let found = self.find(&connector, false).ok()?;
        Some(found.card.monitor(&found.info))
    }

    /// Looks for a connector, on cards that are open first.
    ///
    /// # Errors
    /// Says which are there instead, or what is wrong with the card.
    pub(crate) fn find(&mut self, connector: &Connector, probe: bool) -> Result<Found, DrmError> {
        let mut known = Vec::new();
        let mut failure = None;
        let paths = connector.card.clone().map_or_else(|| self.paths(), |path| vec![path]);
        let (open, closed): (Vec<_>, Vec<_>) =
            paths.into_iter().partition(|path| self.open.iter().any(|card| card.path() == *path));
        for path in open.into_iter().chain(closed) {
            let connectors = self.card(&path).and_then(|card| {
                let connectors = card.connectors(probe)?;
                Ok((card, connectors))
            });
            match connectors {
                Ok((card, connectors)) => {
                    for (name, info) in connectors {
                        if name == connector.name {
                            return Ok(Found { card, info });
                        }
                        known.push(format!("{name} ({})", card.path().display()));
                    }
                }
                Err(error) => failure = Some(failure.unwrap_or(error)),
            }
        }
        Err(match failure {
            Some(error) => error,
            None if known.is_empty() => DrmError::NoCard,
            None => DrmError::NoConnector { name: connector.name.clone(), known: known.join(", ") },
        })
    }

    /// All cards' device files. Those of cards that are open need not be there any more: when an initramfs
    /// goes, the device files go elsewhere, and the cards stay.
    fn paths(&self) -> Vec<PathBuf> {
        let mut paths = Card::paths();
        let open = self.open.iter().map(|card| card.path().to_owned());
        paths.extend(open.filter(|path| !paths.contains(path)).collect::<Vec<_>>());
        paths
    }

    /// The connectors that have a screen, with their cards' device files. Cards without any are closed.
    ///
    /// # Errors
    /// Says why there is none.
    pub(crate) fn connected(&mut self) -> Result<Vec<(PathBuf, String)>, DrmError> {
        let (mut screens, mut failure) = (Vec::new(), None);
        for path in Card::paths() {
            let found = self.card(&path).and_then(|card| Ok((card.connectors(true)?, card)));
            match found {
                Ok((connectors, card)) => {
                    let before = screens.len();
                    let connected = connectors.into_iter().filter(|(_, info)| is_connected(info));
                    screens.extend(connected.map(|(name, _)| (path.clone(), name)));
                    if screens.len() == before {
                        self.close(&card);
                        failure = failure.or(Some(DrmError::NoScreen(path)));
                    }
                }
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        if screens.is_empty() { Err(failure.unwrap_or(DrmError::NoCard)) } else { Ok(screens) }
    }

    /// A card, opened when it is first asked for.
    fn card(&mut self, path: &Path) -> Result<Arc<Card>, DrmError> {
        if let Some(card) = self.open.iter().find(|card| card.path() == path) {
            return Ok(card.clone());
        }
        let device = rustix::fs::stat(path).ok().map(|stat| stat.st_rdev);
        let same = |fd: &OwnedFd| fstat(fd.as_fd()).ok().map(|stat| stat.st_rdev) == device;
        let handed = self.handed.iter().position(same).filter(|_| device.is_some());
        let handed = handed.map(|index| self.handed.swap_remove(index));
        let card = if self.session.is_shared() {
            if let Some(handed) = handed {
                // The session's opener could not make us, or anybody, master of it.
                Card::give_up(handed);
                forget_card(path);
            }
            if let Some(why) = self.session.obstacle() {
                return Err(DrmError::Session(why));
            }
            let opened = self.session.open_card(path);
            let opened =
                opened.map_err(|source| DrmError::Open { path: path.to_owned(), source })?;
            Card::open(path, opened)?
        } else {
            // One that was kept may be of a card that is gone.
            let handed = handed.and_then(|handed| Card::open(path, Some(handed)).ok());
            handed.map_or_else(|| Card::open(path, None), Ok)?
        };
        let card = Arc::new(card);
        self.open.push(card.clone());
        Ok(card)
    }

    /// Whether this is another thing to say of a port than what was said last; `None` takes it back.
    pub(crate) fn is_news(&mut self, port: &Name, text: Option<String>) -> bool {
        match text {
            Some(text) => self.said.insert(port.clone(), text.clone()) != Some(text),
            None => self.said.remove(port).is_some(),
        }
    }
}

fn wanted(port: &config::Port, connector: &Connector) -> Wanted {
    Wanted {
        size: (!connector.own_size).then_some(port.size),
        refresh: (!connector.own_refresh).then_some(port.refresh),
    }
}
