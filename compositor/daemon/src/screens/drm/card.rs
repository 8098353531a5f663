//! A graphics card, and what is found on it.

use std::{
    collections::BTreeMap,
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use drm::{
    ClientCapability, Device as _, DriverCapability,
    control::{Device as _, Event, ResourceHandle, connector, crtc, framebuffer, property},
};
use rustix::fs::{Mode as FileMode, OFlags};

use super::DrmError;

/// Where cards are.
const FOLDER: &str = "/dev/dri";
/// Handles of an earlier owner that are freed: it had a few buffers for each connector.
const OLD_HANDLES: u32 = 256;

/// A card that we may set modes of.
#[derive(Debug)]
pub(crate) struct Card {
    fd: OwnedFd,
    path: PathBuf,
    driver: String,
    /// What properties are called: the same for all planes, and for all that else there are several of.
    names: Mutex<BTreeMap<u32, String>>,
    /// How many of its outputs do not show what they were given.
    overdue: AtomicUsize,
}

impl AsFd for Card {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl drm::Device for Card {}
impl drm::control::Device for Card {}

/// A connector that was found.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) card: Arc<Card>,
    pub(crate) info: connector::Info,
}

impl Found {
    /// Whether a screen is on it, as far as the card can tell.
    pub(crate) fn is_connected(&self) -> bool {
        self.info.state() != connector::State::Disconnected
    }
}

/// Whether a screen is certainly on a connector.
pub(crate) fn is_connected(info: &connector::Info) -> bool {
    info.state() == connector::State::Connected
}

/// What a screen says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Monitor {
    pub(crate) make: String,
    pub(crate) model: String,
    /// Width and height; 0 when unknown.
    pub(crate) millimetres: (u32, u32),
}

/// Properties of an object, by name, with their values.
pub(super) type Properties = BTreeMap<String, (property::Handle, u64)>;

impl Card {
    fn new(fd: OwnedFd, path: PathBuf) -> Self {
        let (names, overdue) = (Mutex::default(), AtomicUsize::new(0));
        Self { fd, path, driver: String::new(), names, overdue }
    }

    /// All cards' device files, in the kernel's order.
    pub(crate) fn paths() -> Vec<PathBuf> {
        let entries = std::fs::read_dir(FOLDER).into_iter().flatten().flatten();
        let number = |path: &Path| -> Option<u32> {
            path.file_name()?.to_str()?.strip_prefix("card")?.parse().ok()
        };
        let mut cards: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        cards.retain(|path| number(path).is_some());
        cards.sort_by_key(|path| number(path));
        cards
    }

    /// Opens a card, or takes the same one from an earlier owner, whose pictures stay on its screens.
    ///
    /// # Errors
    /// Says what the card lacks, or who has it.
    pub(crate) fn open(path: &Path, handed: Option<OwnedFd>) -> Result<Self, DrmError> {
        let was_handed = handed.is_some();
        let fd = match handed {
            Some(fd) => fd,
            None => {
                let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
                let opened = rustix::fs::open(path, flags, FileMode::empty());
                opened.map_err(|e| DrmError::Open { path: path.to_owned(), source: e.into() })?
            }
        };
        let mut card = Self::new(fd, path.to_owned());
        let resources = card.resource_handles();
        if resources.map_or(true, |resources| resources.connectors().is_empty()) {
            return Err(DrmError::NoConnectors(path.to_owned()));
        }
        card.driver = card.get_driver()?.name().to_string_lossy().into_owned();
        let named = || (path.to_owned(), card.driver.clone());
        card.set_client_capability(ClientCapability::UniversalPlanes, true)?;
        if card.set_client_capability(ClientCapability::Atomic, true).is_err() {
            let (path, driver) = named();
            return Err(DrmError::NotAtomic { path, driver });
        }
        // Virtual machines show planes for pointers to those alone who say which pixel points; old kernels
        // have no such condition.
        let _ = card.set_client_capability(ClientCapability::CursorPlaneHotspot, true);
        if card.get_driver_capability(DriverCapability::DumbBuffer).unwrap_or(0) == 0 {
            let (path, driver) = named();
            return Err(DrmError::NoBuffers { path, driver });
        }
        card.become_master()?;
        if was_handed {
            card.free_what_nobody_shows();
        }
        tracing::info!(card = %path.display(), driver = card.driver, "opened");
        Ok(card)
    }

    /// Has a card that an earlier run was master of be nobody's. Closing it is not enough: the service manager
    /// may have it open, and who opens devices for a session may have got it from us.
    pub(crate) fn give_up(handed: OwnedFd) {
        // Who is not root may be refused: the card is then free once nobody has it open.
        let _ = drm_ffi::auth::release_master(handed.as_fd());
        drop(handed);
    }

    /// The first to open a card is its master; a later one becomes it when there is none, if it is root.
    fn become_master(&self) -> Result<(), DrmError> {
        if self.is_master() {
            return Ok(());
        }
        self.acquire_master_lock()
            .map_err(|source| DrmError::NotMaster { path: self.path.clone(), source })
    }

    /// Whether we may set modes. Only a master is told that number 0 is nobody's.
    pub(crate) fn is_master(&self) -> bool {
        let answer = drm_ffi::auth::auth_magic_token(self.as_fd(), 0);
        let denied = |e: io::Error| e.kind() == io::ErrorKind::PermissionDenied;
        !answer.is_err_and(denied)
    }

    /// Whether nobody is the master of a card. Who listens for closed files that could be written does not
    /// hear this.
    pub(crate) fn is_free(path: &Path) -> bool {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
        let Ok(fd) = rustix::fs::open(path, flags, FileMode::empty()) else { return false };
        // The first to open it is its master, until this ends.
        Self::new(fd, PathBuf::new()).is_master()
    }

    /// The memory of an earlier owner of the same descriptor: what is on a screen stays there.
    fn free_what_nobody_shows(&self) {
        let planes = self.plane_handles().unwrap_or_default();
        let shown: Vec<framebuffer::Handle> = planes
            .into_iter()
            .filter_map(|plane| self.get_plane(plane).ok()?.framebuffer())
            .collect();
        let resources = self.resource_handles();
        let all = resources.iter().flat_map(|resources| resources.framebuffers());
        for id in all.filter(|id| !shown.contains(id)) {
            let _ = self.destroy_framebuffer(*id);
        }
        // A framebuffer holds its memory without the handle.
        for handle in (1..=OLD_HANDLES).filter_map(drm::control::from_u32) {
            let _ = self.close_buffer(handle);
        }
    }

    /// Whether the card itself is no more: it was pulled out, or its driver unloaded.
    pub(crate) fn is_gone(&self) -> bool {
        self.resource_handles().is_err_and(|error| error.raw_os_error() == Some(libc::ENODEV))
    }

    /// One of its outputs is late with a picture, or is not any more.
    pub(super) fn count_overdue(&self, more: bool) {
        if more {
            self.overdue.fetch_add(1, Ordering::Relaxed);
        } else {
            self.overdue.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Whether who waits for it may wait for ever.
    pub(super) fn is_stuck(&self) -> bool {
        self.overdue.load(Ordering::Relaxed) > 0
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its connectors by name. With `probe`, screens are asked anew, which may take a tenth of a second
    /// for each.
    pub(crate) fn connectors(&self, probe: bool) -> io::Result<Vec<(String, connector::Info)>> {
        let resources = self.resource_handles()?;
        let infos = resources.connectors().iter().map(|id| self.get_connector(*id, probe));
        infos.map(|info| info.map(|info| (name(&info), info))).collect()
    }

    /// What the screen on a connector says of itself.
    pub(crate) fn monitor(&self, info: &connector::Info) -> Monitor {
        let edid = self.properties(info.handle()).ok().and_then(|properties| {
            let (_, blob) = properties.get("EDID").filter(|(_, blob)| *blob != 0)?;
            porthole_edid::Parsed::parse(&self.get_property_blob(*blob).ok()?).ok()
        });
        let known = |text: String, unknown: &str| {
            let text: String = text.chars().filter(|c| !c.is_control()).collect();
            if text.is_empty() { unknown.to_owned() } else { text }
        };
        let (make, model) = edid.map(|edid| (edid.manufacturer, edid.name)).unwrap_or_default();
        Monitor {
            make: known(make, "Unknown"),
            model: known(model, &name(info)),
            millimetres: info.size().unwrap_or_default(),
        }
    }

    /// Takes the flips that happened: on which pipe, when, and the number that its clock gave it, which is
    /// 0 where the card has no clock.
    ///
    /// # Errors
    /// When the card is gone.
    pub(crate) fn take_flips(&self) -> io::Result<Vec<Flip>> {
        match self.receive_events() {
            Ok(events) => Ok(events
                .filter_map(|event| match event {
                    Event::PageFlip(flip) => {
                        Some(Flip { crtc: flip.crtc, at: flip.duration, sequence: flip.frame })
                    }
                    _ => None,
                })
                .collect()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Vec::new()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    pub(super) fn properties<T: ResourceHandle>(&self, object: T) -> io::Result<Properties> {
        let values = self.get_properties(object)?;
        let named = values.iter().map(|(id, value)| Ok((self.name_of(*id)?, (*id, *value))));
        named.collect()
    }

    /// What a property is called. There are many, and no picture before all are known: each is asked once.
    fn name_of(&self, id: property::Handle) -> io::Result<String> {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(name) = names.get(&u32::from(id)) {
            return Ok(name.clone());
        }
        let name = self.get_property(id)?.name().to_string_lossy().into_owned();
        names.insert(id.into(), name.clone());
        Ok(name)
    }
}

/// A picture is on a screen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flip {
    pub(crate) crtc: crtc::Handle,
    /// On the monotonic clock.
    pub(crate) at: Duration,
    pub(crate) sequence: u32,
}

/// What the kernel calls a connector below /sys/class/drm.
fn name(info: &connector::Info) -> String {
    format!("{}-{}", info.interface().as_str(), info.interface_id())
}
