//! What a program gives up before it reads the first byte that somebody hostile may have written.
//!
//! A program opens everything that it will ever need, says here what it goes on to do, and calls
//! [`Sandbox::enter`]. From then on the process, with all threads that it starts later,
//!
//! - gains no privileges by starting other programs,
//! - reaches no file, no TCP port, no abstract socket and no other process's signals but those that it
//!   named (landlock, as far as the kernel knows it),
//! - has no system calls but those of the [`Calls`] that it named (seccomp); everything else answers
//!   `ENOSYS`, as a kernel would that lacks it,
//! - writes no core dump, which would hold pictures of guests, and has few descriptors.
//!
//! **Why `ENOSYS` and not the end of the process.** The guest of a device process that ends hangs, and a
//! library that asks for something new has a way without it. An attacker gains nothing by asking again.
//!
//! **Who adds something to a program** opens it before `enter` is called: a trace file, a socket, a
//! table. What must be opened later is named with [`Sandbox::read`], [`Sandbox::write`] or
//! [`Sandbox::remove`] and needs [`Calls::Files`], or is asked of a process of its own
//! ([`Connector`](crate::Connector)). A test fails with "Function not implemented" where a system call is
//! missing in a group: add it in `sandbox/calls.rs`, with the narrowest arguments that do.
//!
//! Entering never fails: an old kernel must not keep a guest from its display. What could not be had is
//! told in the log.

mod calls;
mod files;

use std::fmt;
use std::path::{Path, PathBuf};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

pub use calls::Calls;
use files::Files;

/// What a program goes on to do.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Sandbox {
    calls: Vec<Calls>,
    files: Files,
    descriptors: Option<u64>,
}

/// What holds after [`Sandbox::enter`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Held {
    /// Landlock's version in this kernel.
    pub landlock: Option<i32>,
    /// How many system calls are left.
    pub calls: Option<usize>,
}

impl Sandbox {
    /// Memory, threads, time, an event loop and what is open already; nothing else.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Allows a group of system calls.
    #[must_use]
    pub fn calls(mut self, calls: Calls) -> Self {
        self.calls.push(calls);
        self
    }

    /// Allows to read a file, or everything below a folder, as far as the file's mode does.
    #[must_use]
    pub fn read(mut self, path: &Path) -> Self {
        self.files.read.push(path.to_owned());
        self
    }

    /// Allows to read, write, make and remove everything below a folder.
    #[must_use]
    pub fn write(mut self, path: &Path) -> Self {
        self.files.write.push(path.to_owned());
        self
    }

    /// Allows to remove the file at a path that was made before, as a socket's is when it has done its
    /// duty. The kernel knows the folder only, so other files in it can be removed too.
    #[must_use]
    pub fn remove(mut self, path: &Path) -> Self {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        self.files.remove.push(folder);
        self
    }

    /// How many descriptors may be open at once, from now on.
    #[must_use]
    pub const fn descriptors(mut self, most: u64) -> Self {
        self.descriptors = Some(most);
        self
    }

    /// Allows to connect to Unix sockets wherever they are, where the kernel could forbid it by path.
    #[must_use]
    pub const fn connecting(mut self) -> Self {
        self.files.connects = true;
        self
    }

    /// Allows to connect to this TCP port, of any machine.
    #[must_use]
    pub const fn connecting_to(mut self, port: u16) -> Self {
        self.files.port = Some(port);
        self
    }

    /// Gives up everything that was not named, and says so in the log. Call it before threads are
    /// started: rules about files hold for the caller and for threads that it starts.
    pub fn enter(self) -> Held {
        let held = self.apply();
        if held.landlock.is_none() {
            tracing::warn!(
                "this kernel has no landlock: files are guarded by their modes and the unit's rules only"
            );
        }
        tracing::info!("sandbox: {held}");
        held
    }

    /// The same for a tool that a person runs: what holds is told only to who wants to know more.
    pub fn enter_tool(self) -> Held {
        let held = self.apply();
        tracing::debug!("sandbox: {held}");
        held
    }

    pub(crate) fn apply(self) -> Held {
        self.lower_limits();
        let landlock = match self.files.restrict() {
            Ok(version) => version,
            Err(error) => {
                tracing::warn!("rules about files cannot be had: {error}");
                None
            }
        };
        let mut groups = self.calls;
        // Without rules about files nothing says which ones may be removed.
        if landlock.is_some() && !self.files.remove.is_empty() {
            groups.push(Calls::Removal);
        }
        let calls = match calls::restrict(&groups) {
            Ok(count) => Some(count),
            Err(error) => {
                tracing::warn!("system calls cannot be filtered: {error}");
                None
            }
        };
        Held { landlock, calls }
    }

    /// Nobody can raise them again but root.
    fn lower_limits(&self) {
        let limits = [(Resource::Core, 0), (Resource::Memlock, 0)].into_iter();
        let limits = limits.chain(self.descriptors.map(|most| (Resource::Nofile, most)));
        for (resource, most) in limits {
            let most = getrlimit(resource).maximum.map_or(most, |now| now.min(most));
            let limit = Rlimit { current: Some(most), maximum: Some(most) };
            if let Err(error) = setrlimit(resource, limit) {
                tracing::warn!(?resource, "the limit stays as it is: {error}");
            }
        }
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.landlock {
            Some(version) => write!(f, "landlock {version}, ")?,
            None => f.write_str("no landlock, ")?,
        }
        match self.calls {
            Some(count) => write!(f, "{count} system calls"),
            None => f.write_str("all system calls"),
        }
    }
}

/// Confines a tool that a person runs and that hears the service only: it reads and writes files as that
/// person may, and has Unix sockets, but starts nothing, has no network, and looks at no other process.
pub fn confine_tool() {
    let everywhere = Path::new("/");
    let calls = [Calls::Sockets, Calls::Connect, Calls::Files, Calls::Terminal];
    let sandbox = calls.into_iter().fold(Sandbox::new(), Sandbox::calls);
    sandbox.connecting().write(everywhere).enter_tool();
}

/// Whether this kernel knows which TCP port a process may connect to.
#[cfg(test)]
pub(crate) fn has_rules_about_ports() -> bool {
    files::has_rules_about_ports()
}

/// Says that a program runs with everything that its user may do.
pub fn warn_of_no_sandbox() {
    tracing::warn!("--no-sandbox: whoever breaks into this process can do all that its user can");
}
