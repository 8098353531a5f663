//! Why the program cannot go on, and what to change.

use std::io;
use std::path::PathBuf;

use porthole_dbus::{HandshakeError, Malformed};
use porthole_program::InheritError;
use thiserror::Error;

/// Each says what to do where something can be done.
#[derive(Debug, Error)]
pub enum Failure {
    /// The ready descriptor is of no use.
    #[error("--ready-fd")]
    ReadyFd(#[source] InheritError),
    /// The inherited connection is of no use.
    #[error("--peer")]
    PeerFd(#[source] InheritError),
    /// Nobody listens there.
    #[error(
        "no QEMU answers at {}: start the VM first, correct the path, or give --wait to wait for it",
        path.display()
    )]
    Absent {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The socket cannot be connected to.
    #[error("cannot connect to {}: this user needs the right to write to it", path.display())]
    Connect {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is no such domain.
    #[error(
        "no running domain {name:?} has a D-Bus display below {places}: start it with <graphics type='dbus'/>, \
         and without p2p='yes', or give --wait to wait for it"
    )]
    NoDomain {
        /// The domain.
        name: String,
        /// Where it was looked for.
        places: String,
    },
    /// The monitor does not speak.
    #[error(
        "{0} says nothing: another program holds this monitor; give QEMU one more -qmp for this program"
    )]
    BusyMonitor(String),
    /// What listens there is no monitor.
    #[error("{place} is no QMP monitor: it said {said:?}; use -qmp or -mon mode=control")]
    NoMonitor {
        /// Which monitor.
        place: String,
        /// What it said.
        said: String,
    },
    /// The monitor refuses a command.
    #[error("QEMU refuses {command}: {said}; {advice}")]
    Monitor {
        /// Which command.
        command: &'static str,
        /// What it said.
        said: String,
        /// What to change.
        advice: &'static str,
    },
    /// There is no coming together.
    #[error("{place}")]
    Handshake {
        /// With whom.
        place: String,
        /// Why.
        source: HandshakeError,
    },
    /// No answer in time.
    #[error("{0} does not answer: is it QEMU's D-Bus display, and does QEMU run?")]
    Silent(String),
    /// The bus has hung up before it said anything.
    #[error(
        "the bus at {place} does not let in user {user}: one of libvirt is for the user of its QEMU \
         (libvirt-qemu on Debian, qemu on Fedora), and only newer ones for root; run this program as that user"
    )]
    Stranger {
        /// Which bus.
        place: String,
        /// Who was not let in.
        user: u32,
    },
    /// No VM is on the bus.
    #[error(
        "no VM is on the bus at {0}: start QEMU with -display dbus,addr= and this address, or give --wait"
    )]
    EmptyBus(String),
    /// None of the VMs on the bus is the one that is meant.
    #[error("no VM on this bus has the UUID {0}")]
    OtherVm(String),
    /// A call that must work fails.
    #[error("QEMU's display lacks {what}: {said}; QEMU 7.0 and later have it")]
    Lacks {
        /// What it lacks.
        what: &'static str,
        /// What it said.
        said: String,
    },
    /// The VM has no console to show.
    #[error(
        "this VM has no graphics card: give QEMU -vga std or another one, or this program --text-consoles"
    )]
    NoConsole,
    /// QEMU does not let us listen.
    #[error("QEMU does not show console {id}: {said}; is another program showing it?")]
    Busy {
        /// The console.
        id: u32,
        /// What it said.
        said: String,
    },
    /// What came is no D-Bus.
    #[error(
        "guest {guest}: QEMU has sent what is no D-Bus message, so it is not listened to any more"
    )]
    Malformed {
        /// Whose QEMU.
        guest: String,
        /// What is wrong.
        source: Malformed,
    },
    /// QEMU does not read what it is sent.
    #[error("guest {0}: QEMU does not read what it is sent, so it is not listened to any more")]
    Unread(String),
    /// A system call failed that has no reason to.
    #[error("{0}")]
    System(&'static str, #[source] io::Error),
    /// The event loop failed.
    #[error("event loop")]
    Loop(#[from] calloop::Error),
}
