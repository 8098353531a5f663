//! The command line. Kept free of everything but clap, so that the man page is made from it.

use std::path::PathBuf;

use clap::Parser;

/// The display service of a machine that runs several VMs.
///
/// Takes the pictures of guests and of Wayland programs, each on a socket of its own, stacks them as
/// the configuration says, and shows them on ports, where viewers such as porthole-vnc capture them.
#[derive(Parser, Debug)]
#[command(name = "porthole", version, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    /// The configuration: ports, guests, layers, sockets, programs [default:
    /// /etc/porthole/porthole.toml, and without that file as with --no-config]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Show a guest and programs on what there is: in a window of the Wayland session, or else on the
    /// screens of a graphics card, or else to viewers only.
    #[arg(long, conflicts_with = "config")]
    pub(crate) no_config: bool,

    /// Only print the configuration that counts, to begin a file with, and say on the standard error why
    /// it does.
    #[arg(long)]
    pub(crate) print_config: bool,

    /// Where each socket gets a folder of its own; made when missing [default:
    /// $XDG_RUNTIME_DIR/porthole, or /run/porthole]
    #[arg(long, value_name = "DIR")]
    pub(crate) runtime_dir: Option<PathBuf>,

    /// Where the service remembers what was changed while it ran, for its next start [default: .state
    /// in the folder of the sockets]
    #[arg(long, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,

    /// Start as the configuration says, and forget what was changed before.
    #[arg(long)]
    pub(crate) fresh: bool,

    /// Take screens and sockets over from the service that runs in the same folder of sockets, which then
    /// ends; the screens go on showing its last picture meanwhile. Without one it is an ordinary start.
    #[arg(long)]
    pub(crate) take_over: bool,

    /// Start in an initramfs, and outlive it: cards may come later, and the real root file system's service
    /// goes on from there by --take-over.
    #[arg(long)]
    pub(crate) early: bool,

    /// With --early, started by root: be the user of the real root file system's service, so that what is made
    /// is its own, and keep of root's rights those to open devices and to give sockets away.
    #[arg(long, value_name = "USER", requires = "early")]
    pub(crate) user: Option<String>,

    /// Only print what the configuration needs of the machine, for who makes an initramfs: lines of `file`,
    /// `program`, `user` or `group`, each with a path or a name.
    #[arg(long)]
    pub(crate) print_needs: bool,

    /// Only check the configuration: prints what is wrong with it, each with file, line and remedy.
    #[arg(long)]
    pub(crate) check: bool,

    /// Write one JSON line with sockets and ports to this file descriptor once all are there.
    #[arg(long, value_name = "N")]
    pub(crate) ready_fd: Option<i32>,

    /// Keep all rights of this user, instead of giving up those that are not needed before the first
    /// client is heard; for finding faults.
    #[arg(long)]
    pub(crate) no_sandbox: bool,

    /// What to log: error, warn, info, debug or trace, for all or by module (see RUST_LOG).
    #[arg(long, value_name = "LEVEL", default_value = "info", env = "PORTHOLE_LOG")]
    pub(crate) log: String,
}

const AFTER_HELP: &str = "\
Signals:
  HUP    read the configuration again; all of it is taken, or nothing
  USR1   log a line of statistics, as JSON
  TERM, INT   end; programs that the service started are told to end too

Exit codes: 0 done, 1 failed, 2 wrong usage.";
