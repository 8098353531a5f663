//! What outlives the service: listeners that the service manager hands over, and ours and graphics cards
//! that it keeps for the next start.

use std::{
    env, io,
    mem::MaybeUninit,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        linux::net::SocketAddrExt,
        unix::{
            ffi::OsStrExt,
            net::{SocketAddr, UnixDatagram, UnixListener},
        },
    },
    path::{Path, PathBuf},
};

use porthole_program::{InheritError, inherit};
use rustix::net::{
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketType, sendmsg,
    sockopt::{socket_acceptconn, socket_type},
};

use super::{handover, place::UNFINISHED};

/// Why what the service manager handed over cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandedError {
    #[error("LISTEN_FDS and LISTEN_FDNAMES do not fit together: {0}; see sd_listen_fds(3)")]
    Variables(io::Error),
    #[error("what the service manager hands over as '{0}' cannot be taken: {1}")]
    Descriptor(String, InheritError),
    #[error(
        "what the service manager hands over as '{0}' is not a listening Unix stream socket; its \
         unit needs ListenStream= with a path"
    )]
    Kind(String),
    #[error(
        "the service that runs in {0} does not hand over: {1}; end it, or leave --take-over out"
    )]
    Earlier(String, io::Error),
}

/// A listener that was there before the service.
#[derive(Debug)]
pub(super) struct Handed {
    pub(super) name: String,
    pub(super) listener: UnixListener,
    /// Where it listens.
    pub(super) path: PathBuf,
    /// The service manager has it, and keeps it.
    pub(super) is_kept: bool,
}

impl Handed {
    /// Whether we made it, at `own`: it was bound beside its place before it was put there.
    pub(super) fn is_own(&self, own: &Path) -> bool {
        own.parent().is_some_and(|folder| self.path == folder.join(UNFINISHED))
    }

    /// Whether clients still reach it: the file of one that was kept may have been removed.
    pub(super) fn is_there(&self, own: &Path) -> bool {
        let file = if self.is_own(own) { own } else { &self.path };
        file.exists()
    }
}

/// Graphics cards are kept under names that begin so, which no socket has.
const CARD: &str = "card@";

/// What was handed over: listeners, and graphics cards.
#[derive(Debug, Default)]
pub(crate) struct HandedOver(Vec<Handed>, Vec<(String, OwnedFd)>);

impl HandedOver {
    /// Takes what `LISTEN_FDS` announces. Call it before anything else is opened.
    pub(crate) fn take() -> Result<Self, HandedError> {
        let mut handed = Self::default();
        for (number, name) in sd_notify::listen_fds_with_names().map_err(HandedError::Variables)? {
            let fd = inherit(number).map_err(|e| HandedError::Descriptor(name.clone(), e))?;
            handed.add(name, fd, true)?;
        }
        Ok(handed)
    }

    /// Takes what the service that runs in this folder has, and waits for its end; whether one ran.
    pub(crate) fn take_over(&mut self, dir: &Path) -> Result<bool, HandedError> {
        let folder = dir.display().to_string();
        let taken = handover::take_over(dir).map_err(|e| HandedError::Earlier(folder, e))?;
        let ran = !taken.is_empty();
        for (name, fd) in taken {
            // Of a card, what shows pictures is what counts.
            self.1.retain(|(kept, _)| *kept != name);
            // The service manager may keep the same one.
            if self.0.iter().all(|handed| handed.name != name) {
                self.add(name, fd, false)?;
            }
        }
        Ok(ran)
    }

    fn add(&mut self, name: String, fd: OwnedFd, is_kept: bool) -> Result<(), HandedError> {
        if name.starts_with(CARD) {
            self.1.push((name, fd));
            return Ok(());
        }
        let listens =
            socket_type(&fd) == Ok(SocketType::STREAM) && socket_acceptconn(&fd).unwrap_or(false);
        let listener = UnixListener::from(fd);
        // Of another family it has no such address.
        let address = listener.local_addr().ok().filter(|_| listens);
        let path = address.as_ref().and_then(SocketAddr::as_pathname).map(Path::to_owned);
        let Some(path) = path else { return Err(HandedError::Kind(name)) };
        self.0.push(Handed { name, listener, path, is_kept });
        Ok(())
    }

    /// The graphics cards, once.
    pub(crate) fn take_cards(&mut self) -> Vec<OwnedFd> {
        std::mem::take(&mut self.1).into_iter().map(|(_, card)| card).collect()
    }

    /// The listener for a socket, once.
    pub(super) fn claim(&mut self, name: &str) -> Option<Handed> {
        let at = self.0.iter().position(|handed| handed.name == name)?;
        Some(self.0.swap_remove(at))
    }

    /// Lets go of what no socket is configured for, and says so.
    pub(super) fn close_rest(&mut self) {
        for handed in self.0.drain(..) {
            let name = handed.name;
            tracing::warn!(
                "the service manager hands over '{name}', but no socket or guest has that name"
            );
            forget(&name);
        }
    }
}

/// Asks the service manager to keep a listener for the next start. True when there is one to ask.
pub(super) fn store(name: &str, listener: &UnixListener) -> bool {
    let text = format!("FDSTORE=1\nFDNAME={name}\nFDPOLL=0\n");
    tell(&text, Some(listener.as_fd()))
}

/// Has the service manager give up a listener that it keeps.
pub(super) fn forget(name: &str) {
    tell(&format!("FDSTOREREMOVE=1\nFDNAME={name}\n"), None);
}

/// What a graphics card is kept as.
pub(super) fn card_name(path: &Path) -> String {
    format!("{CARD}{}", path.file_name().unwrap_or_default().to_string_lossy())
}

/// Asks the service manager to keep a graphics card, so that its screens keep their pictures until the
/// next start.
pub(crate) fn store_card(path: &Path, card: impl AsFd) -> bool {
    tell(&format!("FDSTORE=1\nFDNAME={}\nFDPOLL=0\n", card_name(path)), Some(card.as_fd()))
}

/// Has the service manager give up a graphics card that is gone.
pub(crate) fn forget_card(path: &Path) {
    forget(&card_name(path));
}

fn tell(text: &str, descriptor: Option<BorrowedFd<'_>>) -> bool {
    let Some(manager) = env::var_os("NOTIFY_SOCKET") else { return false };
    let address = match manager.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        _ => SocketAddr::from_pathname(&manager),
    };
    let sent = address.and_then(|address| {
        let socket = UnixDatagram::unbound()?;
        socket.connect_addr(&address)?;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if let Some(descriptor) = &descriptor {
            control.push(SendAncillaryMessage::ScmRights(std::slice::from_ref(descriptor)));
        }
        let bytes = [io::IoSlice::new(text.as_bytes())];
        Ok(sendmsg(&socket, &bytes, &mut control, SendFlags::NOSIGNAL)?)
    });
    match sent {
        Ok(_) => true,
        Err(error) => {
            tracing::warn!("the service manager was not told what to keep: {error}");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_that_is_kept_twice_is_taken_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| std::fs::File::create(folder.path().join(name)).unwrap();
        let mut handed = HandedOver::default();
        for name in ["card@card0", "card@card1"] {
            handed.add(name.to_owned(), file(name).into(), true).unwrap();
        }
        let offer = handover::Offer::make(folder.path()).unwrap();
        let run = std::thread::spawn(move || {
            let successor = loop {
                match offer.accept() {
                    Some(successor) => break successor,
                    None => std::thread::yield_now(),
                }
            };
            let card = io::pipe().unwrap().0;
            successor.give(&[("card@card1".to_owned(), card.as_fd())]).unwrap();
        });
        assert!(handed.take_over(folder.path()).unwrap());
        run.join().unwrap();
        let cards = handed.take_cards();
        let is_pipe = |card: &OwnedFd| {
            let mode = rustix::fs::fstat(card).unwrap().st_mode;
            rustix::fs::FileType::from_raw_mode(mode) == rustix::fs::FileType::Fifo
        };
        assert_eq!(cards.iter().map(is_pipe).collect::<Vec<_>>(), [false, true]);
    }
}
