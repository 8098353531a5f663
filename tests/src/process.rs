//! A child process with a log, which ends with its owner.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use porthole_rig::cache;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::failure::{Failure, OrFail, Result};
use crate::wait::{SHORT, wait_until};

/// How much of a log a failure shows.
const SHOWN_LINES: usize = 40;

/// A running program.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

/// The file of a program that the build made.
///
/// # Errors
/// When it was not built.
pub fn built(program: &str) -> Result<PathBuf> {
    let path = cache::target().join("debug").join(program);
    if path.is_file() {
        return Ok(path);
    }
    Err(Failure::new(format!("{program} is not built: run `cargo xtask test`")))
}

impl Process {
    /// Starts a program whose standard error goes to `NAME.log` in a folder.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(name: &str, folder: &Path, command: &mut Command) -> Result<Process> {
        Process::spawn(name, folder, command.stdin(Stdio::null()))
    }

    /// The same with the standard input that the command has.
    fn spawn(name: &str, folder: &Path, command: &mut Command) -> Result<Process> {
        let log = folder.join(format!("{name}.log"));
        let file = File::create(&log).or_fail("make a log")?;
        let child = command.stderr(file).spawn();
        let child = child.or_fail(&format!("start {name}"))?;
        Ok(Process { name: name.to_owned(), child, log })
    }

    /// Starts one of our programs, told to write its ready line to standard output, and returns it
    /// with that line once it is ready.
    ///
    /// # Errors
    /// When it ends or writes something else before it is ready.
    pub fn start_ready(
        name: &str,
        folder: &Path,
        command: &mut Command,
    ) -> Result<(Process, Value)> {
        Process::spawn_ready(name, folder, command.args(["--ready-fd", "1"]).stdin(Stdio::null()))
    }

    /// The same for a program that is handed a listening socket, as a service manager does: it finds
    /// it as descriptor 3 under a name.
    ///
    /// # Errors
    /// As [`Process::start_ready`].
    pub fn start_handed(
        name: &str,
        folder: &Path,
        command: &Command,
        (socket, listener): (&str, OwnedFd),
    ) -> Result<(Process, Value)> {
        // Only the process itself knows the number that LISTEN_PID must name.
        let mut shell = Command::new("sh");
        shell.args(["-c", "exec 3<&0 </dev/null; LISTEN_PID=$$ exec \"$@\"", "sh"]);
        shell.arg(command.get_program()).args(command.get_args());
        shell.envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
        shell.env("LISTEN_FDS", "1").env("LISTEN_FDNAMES", socket).stdin(listener);
        Process::spawn_ready(name, folder, &mut shell)
    }

    fn spawn_ready(name: &str, folder: &Path, command: &mut Command) -> Result<(Process, Value)> {
        command.stdout(Stdio::piped());
        let mut process = Process::spawn(name, folder, command)?;
        let out = process.child.stdout.take();
        let out = out.ok_or_else(|| Failure::new("no standard output"))?;
        let mut line = String::new();
        // Ends when the program closes its output, at the latest when it ends.
        BufReader::new(out).read_line(&mut line).or_fail("read the ready line")?;
        match serde_json::from_str::<Value>(&line) {
            Ok(value) if value.get("ready") == Some(&Value::Bool(true)) => Ok((process, value)),
            _ => Err(process.failure(&format!("it wrote \"{}\" instead of ready", line.trim()))),
        }
    }

    /// The process's number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has written to standard error so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// A failure that shows the end of the log.
    #[must_use]
    pub fn failure(&self, what: &str) -> Failure {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        let shown = lines.len().saturating_sub(SHOWN_LINES);
        let end = lines.get(shown..).unwrap_or_default().join("\n    ");
        Failure::new(format!("{}: {what}; its log ends with\n    {end}", self.name))
    }

    /// The exit status, once it has ended.
    ///
    /// # Errors
    /// When the system refuses to tell.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().or_fail("look at a process")
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it does not end in time.
    pub fn wait_end(&mut self, deadline: Duration) -> Result<ExitStatus> {
        let what = format!("the end of {}", self.name);
        wait_until(&what, deadline, || self.ended())
            .map_err(|error| self.failure(&error.to_string()))
    }

    /// Fails if it has ended.
    ///
    /// # Errors
    /// With its log, if it has ended.
    pub fn must_run(&mut self) -> Result<()> {
        match self.ended()? {
            None => Ok(()),
            Some(status) => Err(self.failure(&format!("it ended ({status})"))),
        }
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// When it has ended already.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let id = id.ok_or_else(|| Failure::new("no process number"))?;
        kill_process(id, signal).or_fail("send a signal")
    }

    /// Asks it to end and waits.
    ///
    /// # Errors
    /// When it does not end in time.
    pub fn terminate(&mut self) -> Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        self.wait_end(SHORT)
    }

    /// A number from `/proc/PID/status`, such as `VmRSS` (kilobytes).
    ///
    /// # Errors
    /// When the process or the line is not there.
    pub fn status(&self, key: &str) -> Result<u64> {
        let path = format!("/proc/{}/status", self.id());
        let text = fs::read_to_string(path).or_fail("read a process's status")?;
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        number.ok_or_else(|| Failure::new(format!("a process's status has no {key}")))
    }

    /// How many descriptors it has open.
    ///
    /// # Errors
    /// When the process is not there.
    pub fn descriptors(&self) -> Result<usize> {
        let folder = format!("/proc/{}/fd", self.id());
        Ok(fs::read_dir(folder).or_fail("list descriptors")?.count())
    }

    /// How often it has slept and woken up again, over all its threads.
    ///
    /// # Errors
    /// When the process is not there.
    pub fn wake_ups(&self) -> Result<u64> {
        let mut sum = 0;
        for thread in fs::read_dir(format!("/proc/{}/task", self.id())).or_fail("list threads")? {
            // One that has ended since is no longer there.
            let Ok(text) = fs::read_to_string(thread?.path().join("status")) else { continue };
            let line = text.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            sum += line.and_then(|line| line.trim().parse::<u64>().ok()).unwrap_or(0);
        }
        Ok(sum)
    }

    /// How long its threads have run so far, as the scheduler counts it; threads that have ended are left out.
    ///
    /// # Errors
    /// When the process is not there.
    pub fn run_time(&self) -> Result<Duration> {
        let mut sum = 0;
        for thread in fs::read_dir(format!("/proc/{}/task", self.id())).or_fail("list threads")? {
            let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
            let nanoseconds = text.split_whitespace().next().and_then(|word| word.parse().ok());
            sum += nanoseconds.unwrap_or(0_u64);
        }
        Ok(Duration::from_nanos(sum))
    }

    /// The inodes of the anonymous memory files that it has mapped, by the name given to them.
    ///
    /// # Errors
    /// When the process is not there.
    pub fn mapped_memory(&self) -> Result<Vec<(u64, String)>> {
        let text = fs::read_to_string(format!("/proc/{}/maps", self.id())).or_fail("read maps")?;
        let found = text.lines().filter_map(|line| {
            let mut words = line.split_whitespace();
            let inode = words.nth(4)?.parse().ok()?;
            let name = words.next()?.strip_prefix("/memfd:")?;
            Some((inode, name.to_owned()))
        });
        Ok(found.collect())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; then both calls have nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
