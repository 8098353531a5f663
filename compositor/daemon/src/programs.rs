//! The programs that the configuration has the service start.

pub(crate) mod starter;

use std::{
    collections::BTreeMap,
    os::fd::OwnedFd,
    process::ExitStatus,
    time::{Duration, Instant},
};

use porthole_core::config::{Program, Restart};
use smithay::reexports::calloop::{
    Interest, LoopHandle, Mode, PostAction, RegistrationToken,
    generic::Generic,
    timer::{TimeoutAction, Timer},
};

use self::starter::Told;
use crate::state::State;

/// The wait before the first restart; it doubles up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// A program that ran this long starts again without a history.
const GOOD_RUN: Duration = Duration::from_secs(60);

#[derive(Debug)]
struct Running {
    program: Program,
    /// Its process, as far as it is known.
    process: Option<i32>,
    /// Waits to start it again.
    token: Option<RegistrationToken>,
    started: Instant,
    wait: Duration,
}

/// All programs by name.
#[derive(Debug)]
pub(crate) struct Programs {
    running: BTreeMap<String, Running>,
    /// The process that starts them; the service itself has no right to.
    starter: Option<OwnedFd>,
}

impl Programs {
    /// None yet.
    pub(crate) const fn new(starter: Option<OwnedFd>) -> Self {
        Self { running: BTreeMap::new(), starter }
    }

    /// Whether these could be started.
    pub(crate) fn can_run(&self, programs: &[Program]) -> bool {
        self.starter.is_some() || programs.is_empty()
    }

    /// A configuration was taken anew: it says what is started from now on.
    pub(crate) fn taken_anew(&self) {
        if let Some(starter) = &self.starter
            && let Err(error) = starter::ask_read(starter)
        {
            tracing::warn!(%error, "programs are started as they were configured before");
        }
    }

    /// Sends every program SIGTERM and waits for none: they end as their sockets close.
    pub(crate) fn stop_all(&mut self, handle: &LoopHandle<'static, State>) {
        for (name, running) in std::mem::take(&mut self.running) {
            self.stop(handle, &name, &running);
        }
    }

    fn stop(&self, handle: &LoopHandle<'static, State>, name: &str, running: &Running) {
        if let Some(token) = running.token {
            handle.remove(token);
        }
        if let Some(starter) = &self.starter
            && let Err(error) = starter::ask_stop(starter, name)
        {
            tracing::warn!(program = name, %error, "cannot be stopped");
        }
    }
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
            if let Some(running) = self.programs.running.remove(&name) {
                self.programs.stop(&self.handle, &name, &running);
            }
        }
        for program in programs {
            let name = program.name.to_string();
            if !self.programs.running.contains_key(&name) {
                let running = Running {
                    program: program.clone(),
                    process: None,
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
        let Some(starter) = &self.programs.starter else { return };
        if let Err(error) = starter::ask_start(starter, name, &socket) {
            tracing::error!(program = name, %error, "cannot be started");
        }
    }

    /// Hears of programs from the process that starts them.
    pub(crate) fn watch_programs(&mut self) -> std::io::Result<()> {
        let Some(starter) = &self.programs.starter else { return Ok(()) };
        let source = Generic::new(starter.try_clone()?, Interest::READ, Mode::Level);
        let heard = self.handle.insert_source(source, |_, _, state| {
            loop {
                let starter = state.programs.starter.as_ref();
                match starter.map(starter::hear) {
                    Some(Ok(Some((name, told)))) => state.program_told(&name, told),
                    Some(Ok(None)) => return Ok(PostAction::Continue),
                    Some(Err(error)) => {
                        tracing::error!(%error, "the process that starts programs is gone");
                        state.programs.starter = None;
                        return Ok(PostAction::Remove);
                    }
                    None => return Ok(PostAction::Remove),
                }
            }
        });
        heard.map(drop).map_err(|error| error.error.into())
    }

    fn program_told(&mut self, name: &str, told: Told) {
        let running = self.programs.running.get_mut(name);
        match told {
            Told::Started(pid) => {
                tracing::info!(program = name, pid, "started");
                if let Some(running) = running {
                    running.process = Some(pid);
                }
            }
            Told::Failed(error) => {
                tracing::error!(program = name, "cannot be started: {error}; check its 'command'");
                self.restart_later(name);
            }
            // Of a program that was changed, the one before may end later.
            Told::Ended(pid, status) => {
                if running.is_some_and(|running| running.process.take_if(|p| *p == pid).is_some()) {
                    self.program_ended(name, status);
                }
            }
        }
    }

    fn program_ended(&mut self, name: &str, status: ExitStatus) {
        let Some(running) = self.programs.running.get(name) else { return };
        let failed = !status.success();
        if failed {
            tracing::warn!(program = name, "ended: {status}");
        } else {
            tracing::info!(program = name, "ended: {status}");
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
