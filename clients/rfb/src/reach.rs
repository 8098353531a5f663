//! How the server is reached, and reached again.
//!
//! Where a Unix socket is not there, or nobody listens at it, nothing is tried until something happens at
//! its place. Of a machine elsewhere nothing is heard but by trying: first soon, then less and less often.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use porthole_client::errand;
use porthole_program::Connector;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with, sockopt};

use crate::address::Address;

/// Waits between attempts, each twice as long as the one before.
const FIRST_RETRY: Duration = Duration::from_millis(20);
const LAST_RETRY: Duration = Duration::from_secs(10);
/// Who was refused, or heard nonsense, tries less hard.
const REFUSED_RETRY: Duration = Duration::from_secs(1);
/// Who has made a socket listens at it soon.
const SOON: Duration = Duration::from_millis(640);
/// A connection that was good for so long was good: the next loss is a new one.
const GOOD: Duration = Duration::from_secs(10);

/// When a machine that was not heard of is asked whether it is there, and how often before it is not.
const ALIVE: (Duration, Duration, u32) = (Duration::from_secs(30), Duration::from_secs(10), 3);

type Serve = Box<dyn Fn(u8) -> io::Result<OwnedFd> + Send + Sync>;

/// Who makes connections to the server: a process apart, or this one where it kept its rights.
pub(crate) struct Agent(Serve);

impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Agent")
    }
}

impl Agent {
    /// This process.
    pub(crate) fn here(address: &Address, numbers: Vec<SocketAddr>) -> Self {
        Self(serve(address, numbers))
    }

    /// A process that can reach this server and nothing else.
    ///
    /// # Errors
    /// When the system has no process or descriptor left.
    pub(crate) fn apart(address: &Address, numbers: Vec<SocketAddr>) -> io::Result<Self> {
        let connector = match address {
            Address::Unix(_) => Connector::start(serve(address, numbers))?,
            Address::Tcp(_, port) => Connector::start_tcp(*port, serve(address, numbers))?,
        };
        Ok(Self(Box::new(move |what| connector.ask(what))))
    }

    /// A connection that is made or on its way.
    pub(crate) fn connect(&self) -> io::Result<OwnedFd> {
        (self.0)(errand::CONNECT)
    }

    /// A descriptor that tells of a new Unix socket; see [`porthole_client::arrival::watch`].
    pub(crate) fn watch(&self) -> io::Result<OwnedFd> {
        (self.0)(errand::WATCH)
    }
}

fn serve(address: &Address, numbers: Vec<SocketAddr>) -> Serve {
    match address {
        Address::Unix(path) => {
            let path = path.clone();
            Box::new(move |what| errand::errand(&path, what))
        }
        Address::Tcp(..) => {
            // A name may have several numbers; each attempt takes the next.
            let next = AtomicUsize::new(0);
            Box::new(move |what| {
                let number = next.fetch_add(1, Ordering::Relaxed) % numbers.len().max(1);
                match (what, numbers.get(number)) {
                    (errand::CONNECT, Some(number)) => connect(*number),
                    _ => Err(io::ErrorKind::Unsupported.into()),
                }
            })
        }
    }
}

/// Begins to connect and does not wait.
fn connect(number: SocketAddr) -> io::Result<OwnedFd> {
    let family = if number.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    sockopt::set_tcp_nodelay(&socket, true)?;
    // The kernel looks after it: no timer of ours runs.
    sockopt::set_socket_keepalive(&socket, true)?;
    sockopt::set_tcp_keepidle(&socket, ALIVE.0)?;
    sockopt::set_tcp_keepintvl(&socket, ALIVE.1)?;
    sockopt::set_tcp_keepcnt(&socket, ALIVE.2)?;
    match rustix::net::connect(&socket, &number) {
        Ok(()) | Err(rustix::io::Errno::INPROGRESS) => Ok(socket),
        Err(error) => Err(error.into()),
    }
}

/// When to try again.
#[derive(Debug)]
pub(crate) struct Patience {
    retry: Duration,
    since: Option<Instant>,
    /// Something has happened at the socket's place.
    stirred: bool,
    /// Said once for each loss, not for each attempt.
    told: bool,
}

impl Default for Patience {
    fn default() -> Self {
        Self { retry: FIRST_RETRY, since: None, stirred: false, told: false }
    }
}

impl Patience {
    /// A connection was made.
    pub(crate) const fn connected(&mut self, now: Instant) {
        self.since = Some(now);
        self.stirred = false;
    }

    /// It is over. `refused` where trying at once would be rude.
    pub(crate) fn lost(&mut self, refused: bool, now: Instant) {
        let good = self.since.take().is_some_and(|since| now.duration_since(since) >= GOOD);
        if good && !refused {
            self.retry = FIRST_RETRY;
        }
        if good {
            self.told = false;
        }
        if refused {
            self.retry = self.retry.max(REFUSED_RETRY);
        }
    }

    /// Something has happened where the socket is to be.
    pub(crate) const fn stirred(&mut self) {
        self.stirred = true;
        self.retry = FIRST_RETRY;
    }

    /// Whether who is watching should try by itself all the same: somebody has just come.
    pub(crate) fn soon(&self) -> bool {
        self.stirred && self.retry <= SOON
    }

    /// How long to wait now.
    pub(crate) fn next(&mut self) -> Duration {
        let now = self.retry;
        self.retry = (self.retry * 2).min(LAST_RETRY);
        now
    }

    /// Whether a loss is to be told, which it is once.
    pub(crate) const fn tell(&mut self) -> bool {
        !std::mem::replace(&mut self.told, true)
    }
}

/// Whether nobody listens at a Unix socket's place, so that a watch tells when somebody does.
pub(crate) fn is_absence(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, NotFound};
    matches!(error.kind(), NotFound | ConnectionRefused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_hangs_up_at_once_is_not_called_without_end() {
        let mut patience = Patience::default();
        let start = Instant::now();
        let mut waited = Duration::ZERO;
        for _ in 0..20 {
            patience.connected(start);
            patience.lost(false, start + Duration::from_secs(1));
            waited += patience.next();
        }
        assert!(waited > Duration::from_secs(100), "{waited:?}");
        patience.connected(start);
        patience.lost(false, start + GOOD);
        assert_eq!(patience.next(), FIRST_RETRY);
        patience.connected(start);
        patience.lost(true, start + GOOD);
        assert_eq!(patience.next(), REFUSED_RETRY);
    }

    #[test]
    fn losses_are_told_once() {
        let mut patience = Patience::default();
        assert!(patience.tell() && !patience.tell());
        let start = Instant::now();
        patience.connected(start);
        patience.lost(false, start + GOOD);
        assert!(patience.tell() && !patience.tell());
    }
}
