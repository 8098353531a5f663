//! The compositors that are measured, each started for one scene.

mod porthole;
mod sway;
mod weston;

use std::fs::File;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use porthole_rig::error::Context;
use porthole_rig::{Result, RigError};
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{CpuSet, sched_setaffinity};
use tempfile::TempDir;

use crate::capture::Picture;
use crate::clock::{monotonic_ns, pause, wait_until};
use crate::counters::family;
use crate::scene::Scene;

/// How long anything here may take before it counts as failed.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often a socket that is not there yet is tried.
const PROBE: Duration = Duration::from_micros(200);
/// How long a compositor may take to end by itself.
const FAREWELL: Duration = Duration::from_secs(2);

/// Which compositor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Porthole,
    Sway,
    Weston,
}

/// How a window gets to its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placement {
    /// The compositor knows the place by the application id.
    ById,
    /// The window is as large as the output, and says where in it its picture begins.
    ByGeometry,
}

/// Where the programs are.
#[derive(Debug)]
pub(crate) struct Programs {
    /// The service's own build.
    pub(crate) porthole: PathBuf,
    /// The root of the unpacked peers, or why there is none.
    pub(crate) peers: std::result::Result<PathBuf, String>,
    /// Whether there is a graphics card to show pictures on.
    pub(crate) screen: bool,
}

/// A running compositor, which ends with this value.
#[derive(Debug)]
pub(crate) struct Compositor {
    pub(crate) kind: Kind,
    pub(crate) socket: PathBuf,
    /// From before its start until a program could connect.
    pub(crate) connected_after: Duration,
    pub(crate) started: Instant,
    /// The same, in nanoseconds of `CLOCK_MONOTONIC`.
    pub(crate) started_ns: u64,
    child: Child,
    folder: TempDir,
    root: PathBuf,
}

impl Kind {
    /// All of them, ours first.
    pub(crate) const ALL: [Self; 3] = [Self::Porthole, Self::Sway, Self::Weston];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Porthole => "porthole",
            Self::Sway => "sway",
            Self::Weston => "weston",
        }
    }

    /// The settings that make it fast, as its manual tells them.
    pub(crate) const fn settings(self) -> &'static str {
        match self {
            Self::Porthole => "release build, one headless port",
            Self::Sway => sway::SETTINGS,
            Self::Weston => weston::SETTINGS,
        }
    }

    pub(crate) const fn placement(self) -> Placement {
        match self {
            Self::Porthole | Self::Sway => Placement::ById,
            Self::Weston => Placement::ByGeometry,
        }
    }
}

impl Programs {
    /// Whether a compositor can be had; the text says why not.
    pub(crate) fn have(&self, kind: Kind) -> std::result::Result<(), String> {
        if kind == Kind::Porthole { Ok(()) } else { self.peers.clone().map(drop) }
    }

    /// The version that a compositor tells of itself.
    pub(crate) fn version(&self, kind: Kind) -> Option<String> {
        let root = self.peers.clone().unwrap_or_default();
        let mut command = match kind {
            Kind::Porthole => Command::new(&self.porthole),
            Kind::Sway => porthole_rig::roots::command(&root, "sway"),
            Kind::Weston => porthole_rig::roots::command(&root, "weston"),
        };
        let text = porthole_rig::command::text(command.arg("--version")).ok()?;
        text.lines().next().map(str::to_owned)
    }
}

impl Compositor {
    /// Starts a compositor for a scene, on one processor if `alone`, and waits until programs can
    /// connect.
    pub(crate) fn start(
        kind: Kind,
        programs: &Programs,
        scene: &Scene,
        alone: bool,
    ) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("bench-").tempdir();
        let folder = folder.context(|| "make a folder".to_owned())?;
        let root = programs.peers.clone().unwrap_or_default();
        let (mut command, socket) = match kind {
            Kind::Porthole => porthole::prepare(programs, scene, folder.path())?,
            Kind::Sway => sway::prepare(&root, scene, folder.path())?,
            Kind::Weston => weston::prepare(&root, scene, folder.path(), programs.screen)?,
        };
        let log = folder.path().join("log");
        let log = File::create(&log).at("make", &log)?;
        let again = log.try_clone().context(|| "share the log".to_owned())?;
        command.stdin(Stdio::null()).stdout(log).stderr(again);
        command.env("XDG_RUNTIME_DIR", folder.path());
        for name in ["WAYLAND_DISPLAY", "DISPLAY", "WAYLAND_SOCKET"] {
            command.env_remove(name);
        }
        let (started, started_ns) = (Instant::now(), monotonic_ns());
        let child = command.spawn().context(|| format!("start {}", kind.name()))?;
        let connected_after = Duration::ZERO;
        let mut running =
            Self { kind, socket, connected_after, started, started_ns, child, folder, root };
        if alone {
            running.pin();
        }
        running.wait_for_socket()?;
        running.connected_after = started.elapsed();
        Ok(running)
    }

    /// Keeps it to one processor; threads that it starts later stay there too.
    fn pin(&self) {
        let mut set = CpuSet::new();
        set.set(0);
        // A machine of one processor has it so anyway.
        let _ = sched_setaffinity(self.pid(), &set);
    }

    fn pid(&self) -> Option<Pid> {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
    }

    fn wait_for_socket(&mut self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while UnixStream::connect(&self.socket).is_err() {
            let ended = self.child.try_wait().context(|| "wait".to_owned())?;
            if ended.is_some() || Instant::now() > deadline {
                return Err(self.failure("has no socket"));
            }
            pause(PROBE);
        }
        Ok(())
    }

    /// A failure with the end of its log.
    pub(crate) fn failure(&self, what: &str) -> RigError {
        let log = self.log();
        let lines: Vec<&str> = log.lines().rev().take(10).collect();
        let lines: Vec<&str> = lines.into_iter().rev().collect();
        RigError::failed(format!("{} {what}:\n  {}", self.kind.name(), lines.join("\n  ")))
    }

    /// What it has said.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// All of its processes.
    pub(crate) fn processes(&self) -> Vec<u32> {
        family(self.child.id())
    }

    /// What its output shows.
    pub(crate) fn picture(&self) -> Result<Picture> {
        match self.kind {
            Kind::Porthole | Kind::Sway => crate::capture::take(&self.socket),
            Kind::Weston => weston::picture(&self.root, self.folder.path()),
        }
    }
}

impl Drop for Compositor {
    fn drop(&mut self) {
        if let Some(pid) = self.pid() {
            // It may have ended by itself, which the next line sees.
            let _ = kill_process(pid, Signal::TERM);
        }
        let ended = wait_until(FAREWELL, || matches!(self.child.try_wait(), Ok(Some(_))));
        if !ended {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Writes a file that a compositor reads.
fn write(folder: &Path, name: &str, text: &str) -> Result<PathBuf> {
    let path = folder.join(name);
    std::fs::write(&path, text).at("write", &path)?;
    Ok(path)
}
