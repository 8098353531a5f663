//! The programs that the configuration has the service start.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use porthole_core::config::{Program, Restart};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use smithay::reexports::calloop::{
    Interest, LoopHandle, Mode, PostAction, RegistrationToken,
    generic::Generic,
    timer::{TimeoutAction, Timer},
};

use crate::state::State;

/// The wait before the first restart; it doubles up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// A program that ran this long starts again without a history.
const GOOD_RUN: Duration = Duration::from_secs(60);

#[derive(Debug)]
struct Running {
    program: Program,
    child: Option<Child>,
    /// Watches the child, or waits to start it again.
    token: Option<RegistrationToken>,
    started: Instant,
    wait: Duration,
}

/// All programs by name.
#[derive(Debug, Default)]
pub(crate) struct Programs {
    running: BTreeMap<String, Running>,
    /// The service still has the right to start any.
    can_start: bool,
}

impl Programs {
    /// None yet.
    pub(crate) fn new(can_start: bool) -> Self {
        Self { running: BTreeMap::new(), can_start }
    }

    /// Whether these could be started.
    pub(crate) fn can_run(&self, programs: &[Program]) -> bool {
        self.can_start || programs.is_empty()
    }

    /// Sends every program SIGTERM and waits for none: they end as their sockets close.
    pub(crate) fn stop_all(&mut self, handle: &LoopHandle<'static, State>) {
        for (_, mut running) in std::mem::take(&mut self.running) {
            stop(handle, &mut running);
        }
    }
}

fn stop(handle: &LoopHandle<'static, State>, running: &mut Running) {
    if let Some(token) = running.token.take() {
        handle.remove(token);
    }
    if let Some(mut child) = running.child.take() {
        if let Some(pid) = pid_of(&child) {
            let _ = kill_process(pid, Signal::TERM);
        }
        // Reaps it when it has ended already; init reaps the others.
        let _ = child.try_wait();
    }
}

fn pid_of(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}

impl State {
    /// Starts programs that are new or were changed, and stops those that are gone.
    pub(crate) fn apply_programs(&mut self, programs: &[Program]) {
        let stale: Vec<String> = self
            .programs
            .running
            .iter()
            .filter(|(_, running)| !programs.contains(&running.program))
            .map(|(name, _)| name.clone())
            .collect();
        for name in stale {
            if let Some(mut running) = self.programs.running.remove(&name) {
                stop(&self.handle, &mut running);
            }
        }
        for program in programs {
            let name = program.name.to_string();
            if !self.programs.running.contains_key(&name) {
                let running = Running {
                    program: program.clone(),
                    child: None,
                    token: None,
                    started: Instant::now(),
                    wait: FIRST_WAIT,
                };
                self.programs.running.insert(name.clone(), running);
                self.start_program(&name);
            }
        }
    }

    fn start_program(&mut self, name: &str) {
        let Some(running) = self.programs.running.get_mut(name) else { return };
        let socket = self.sockets.path(running.program.socket.as_str());
        running.started = Instant::now();
        match spawn(&running.program, socket) {
            Ok(child) => {
                tracing::info!(program = name, pid = child.id(), "started");
                let pid = pid_of(&child);
                running.child = Some(child);
                self.watch_program(name, pid);
            }
            Err(error) => {
                tracing::error!(program = name, "cannot be started: {error}; check its 'command'");
                self.restart_later(name);
            }
        }
    }

    fn watch_program(&mut self, name: &str, pid: Option<Pid>) {
        let pidfd =
            pid.ok_or(rustix::io::Errno::SRCH).and_then(|p| pidfd_open(p, PidfdFlags::empty()));
        let owner = name.to_owned();
        let watch = pidfd.map_err(std::io::Error::from).and_then(|fd| {
            let source = Generic::new(fd, Interest::READ, Mode::Level);
            self.handle
                .insert_source(source, move |_, _, state| {
                    state.program_ended(&owner);
                    Ok(PostAction::Remove)
                })
                .map_err(|e| e.error.into())
        });
        match (watch, self.programs.running.get_mut(name)) {
            (Ok(token), Some(running)) => running.token = Some(token),
            (Err(error), _) => tracing::error!(program = name, "cannot be watched: {error}"),
            _ => {}
        }
    }

    fn program_ended(&mut self, name: &str) {
        let Some(running) = self.programs.running.get_mut(name) else { return };
        running.token = None;
        let status = running.child.take().and_then(|mut child| child.wait().ok());
        let failed = !status.as_ref().is_some_and(ExitStatus::success);
        let how = status.map_or_else(|| "unknown status".to_owned(), |s| s.to_string());
        if failed {
            tracing::warn!(program = name, "ended: {how}");
        } else {
            tracing::info!(program = name, "ended: {how}");
        }
        if failed && running.program.restart == Restart::OnFailure {
            self.restart_later(name);
        }
    }

    fn restart_later(&mut self, name: &str) {
        let Some(running) = self.programs.running.get_mut(name) else { return };
        if running.program.restart == Restart::Never {
            return;
        }
        if running.started.elapsed() > GOOD_RUN {
            running.wait = FIRST_WAIT;
        }
        let wait = running.wait;
        running.wait = (wait * 2).min(LONGEST_WAIT);
        let owner = name.to_owned();
        let timer = self.handle.insert_source(Timer::from_duration(wait), move |_, (), state| {
            if let Some(running) = state.programs.running.get_mut(&owner) {
                running.token = None;
                state.start_program(&owner);
            }
            TimeoutAction::Drop
        });
        match timer {
            Ok(token) => running.token = Some(token),
            Err(error) => tracing::error!(program = name, "will not be restarted: {error}"),
        }
    }
}

fn spawn(program: &Program, socket: PathBuf) -> std::io::Result<Child> {
    let (first, arguments) = program
        .command
        .split_first()
        .ok_or_else(|| std::io::Error::other("the command is empty"))?;
    Command::new(first)
        .args(arguments)
        .env("PATH", search_path())
        .env("WAYLAND_DISPLAY", socket)
        .envs(&program.env)
        .stdin(Stdio::null())
        .spawn()
}

/// The folder of this program first, so that one build's programs find each other, then `PATH`.
fn search_path() -> OsString {
    let own = std::env::current_exe().ok().and_then(|p| p.parent().map(PathBuf::from));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = own.into_iter().chain(std::env::split_paths(&path));
    std::env::join_paths(folders).unwrap_or(path)
}
