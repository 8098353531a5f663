//! The loop: waits for commands and input events, carries commands out, answers.

use std::io;
use std::path::Path;
use std::process::Command as Process;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use porthole_guest::commands::Command;
use porthole_guest::pattern::Pattern;

use crate::agent::Agent;
use crate::animate::{self, Pace};
use crate::boot::parameter;
use crate::control::{Control, log};
use crate::input::Inputs;
use crate::kms::Card;
use crate::{boot, framebuffer};

/// How often to look for input devices that appeared, and for a mode that changed.
const RESCAN: Timespec = Timespec { tv_sec: 0, tv_nsec: 250_000_000 };
/// How long the kernel may take to make a device node after its module is loaded.
const DEVICE_DEADLINE: Duration = Duration::from_secs(50);
/// How long a head may take to offer a new size: a little less than the test waits for an answer.
const SIZE_DEADLINE: Duration = Duration::from_secs(50);

/// Everything that the guest holds open.
struct Session {
    control: Control,
    inputs: Inputs,
    card: Option<Card>,
    agent: Option<Agent>,
}

/// Runs until told to power off.
pub(crate) fn run() -> io::Result<()> {
    let (control, inputs) = (Control::open()?, Inputs::default());
    let mut session = Session { control, inputs, card: None, agent: None };
    session.rescan()?;
    session.control.send("STATE up")?;
    log("STATE up");
    session.draw_at_start()?;
    loop {
        if session.turn()? {
            return Ok(());
        }
    }
}

impl Session {
    /// Draws what the kernel's command line asks for: `porthole.draw=HEAD:PATTERN:SEED[,...]`.
    fn draw_at_start(&mut self) -> io::Result<()> {
        let Some(wish) = parameter("draw") else { return Ok(()) };
        for picture in wish.split(',') {
            let line = format!("draw {}", picture.replace(':', " "));
            match line.parse::<Command>() {
                Ok(command) => match self.carry_out(&command) {
                    Ok(_) => self.control.send(&format!("STATE drawn {picture}"))?,
                    Err(error) => self.control.send(&format!("STATE failed {error}"))?,
                },
                Err(error) => log(&error.to_string()),
            }
        }
        Ok(())
    }

    /// One round of waiting; true means power off.
    fn turn(&mut self) -> io::Result<bool> {
        let mut fds = vec![PollFd::from_borrowed_fd(self.control.as_fd(), PollFlags::IN)];
        let agent = self.agent.as_ref().and_then(Agent::as_fd);
        let agent = agent.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
        let listens = agent.is_some();
        fds.extend(agent);
        fds.extend(self.inputs.fds().map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        poll(&mut fds, Some(&RESCAN))?;
        let mut ready =
            fds.iter().map(|fd| !fd.revents().is_empty()).collect::<Vec<_>>().into_iter();
        let command = ready.next() == Some(true);
        if listens && ready.next() == Some(true) {
            let told = self.agent.as_mut().map(Agent::turn).transpose()?;
            told.iter().flatten().try_for_each(|line| self.control.send(line))?;
        }
        for (index, _) in ready.enumerate().filter(|(_, ready)| *ready) {
            for line in self.inputs.read(index)? {
                self.control.send(&line)?;
            }
        }
        self.rescan()?;
        let lines = if command { self.control.receive()? } else { Vec::new() };
        for line in lines.iter().filter(|line| !line.is_empty()) {
            match line.parse::<Command>() {
                Ok(Command::PowerOff) => {
                    self.control.send("ok")?;
                    return Ok(true);
                }
                Ok(command) => self.answer(&command)?,
                Err(error) => self.control.send(&format!("error {error}"))?,
            }
        }
        Ok(false)
    }

    fn rescan(&mut self) -> io::Result<()> {
        if self.agent.is_none() {
            self.agent = Agent::find();
        }
        self.inputs.scan().iter().try_for_each(|line| self.control.send(line))
    }

    fn answer(&mut self, command: &Command) -> io::Result<()> {
        match self.carry_out(command) {
            Ok(text) => {
                self.control.send_data(&text)?;
                self.control.send("ok")
            }
            Err(error) => self.control.send(&format!("error {error}")),
        }
    }

    /// Does what a command says and returns what it has to tell.
    fn carry_out(&mut self, command: &Command) -> io::Result<String> {
        match *command {
            Command::Heads => return self.card()?.describe(),
            Command::Draw { head, pattern, seed, area } => {
                let (width, height) = self.card()?.draw(head, pattern, seed, area)?;
                return Ok(format!("{width}x{height}"));
            }
            Command::Mode { head, width, height } => {
                self.card()?.set_mode(head, Some((width, height)))?;
            }
            Command::Flip { head, pattern, seed, count } => {
                for step in 0..count {
                    self.card()?.flip(head, pattern, seed.wrapping_add(step))?;
                }
            }
            Command::Animate { head, motion, first, milliseconds, interval, spread } => {
                let span = Duration::from_millis(milliseconds.into());
                let pace = Pace { interval, spread };
                return animate::run(self.card()?, head, motion, first, (span, pace));
            }
            Command::Framebuffer { pattern, seed } => return self.framebuffer(pattern, seed),
            Command::CursorShow { head, pattern, seed, hot } => {
                self.card()?.show_cursor(head, pattern, seed, hot)?;
            }
            Command::CursorMove { head, x, y } => self.card()?.move_cursor(head, x, y)?,
            Command::CursorHide { head } => self.card()?.hide_cursor(head)?,
            Command::Off { head } => self.card()?.off(head)?,
            Command::WaitSize { head, width, height } => {
                return self.wait_size(head, (width, height));
            }
            Command::Copy { times, ref text } => self.copy(Some(text.repeat(times)))?,
            Command::Uncopy => self.copy(None)?,
            Command::Shell(ref line) => return shell(line),
            Command::PowerOff => boot::power_off(),
        }
        Ok(String::new())
    }

    fn copy(&mut self, text: Option<String>) -> io::Result<()> {
        let agent = self.agent.as_mut().ok_or_else(|| io::Error::other("no port for an agent"))?;
        agent.copy(text)
    }

    /// The KMS device, opened when it is first needed.
    fn card(&mut self) -> io::Result<&mut Card> {
        if self.card.is_none() {
            wait_for_file("/dev/dri/card0")?;
            self.card = Some(Card::open()?);
        }
        self.card.as_mut().ok_or_else(|| io::Error::other("no KMS device"))
    }

    /// Writes through fbdev. Closing the KMS device hands the screen back to fbdev, which is why
    /// it is opened even if no head was ever used.
    fn framebuffer(&mut self, pattern: Pattern, seed: u32) -> io::Result<String> {
        wait_for_file("/dev/fb0")?;
        // The framebuffer may be the firmware's, with no driver of the display.
        if Path::new("/dev/dri/card0").exists() {
            self.card()?;
        }
        self.card = None;
        let (width, height) = framebuffer::draw(pattern, seed)?;
        Ok(format!("{width}x{height}"))
    }

    fn wait_size(&mut self, head: usize, size: (u16, u16)) -> io::Result<String> {
        let start = Instant::now();
        loop {
            let now = self.card()?.preferred(head)?;
            if now == Some(size) {
                return Ok(format!("{}x{}", size.0, size.1));
            }
            if start.elapsed() > SIZE_DEADLINE {
                return Err(io::Error::other(format!("the head prefers {now:?}")));
            }
            poll(&mut [], Some(&RESCAN))?;
        }
    }
}

fn wait_for_file(path: &str) -> io::Result<()> {
    let start = Instant::now();
    while !Path::new(path).exists() {
        if start.elapsed() > DEVICE_DEADLINE {
            return Err(io::Error::other(format!("{path} does not appear")));
        }
        poll(&mut [], Some(&RESCAN))?;
    }
    Ok(())
}

fn shell(line: &str) -> io::Result<String> {
    let output = Process::new("/bin/busybox").args(["sh", "-c", line]).output()?;
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    if output.status.success() { Ok(text) } else { Err(io::Error::other(text.replace('\n', "; "))) }
}
