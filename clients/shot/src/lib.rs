//! `porthole-shot`: pictures of what the display service shows, and exact comparisons of pictures.
//!
//! A Wayland client like any other: it sees what its socket has the right to capture.

#![forbid(unsafe_code)]

pub mod cli;
mod diff;
mod failure;
mod picture;

use std::{io::Write, path::PathBuf, sync::mpsc, thread, time::Duration};

use porthole_client::{
    capture::still::{Still, Subject, take},
    connection::connect,
};
use serde_json::{Value, json};

use cli::{CaptureOptions, DiffOptions, Task};
pub use cli::{Cli, command};
use diff::Difference;
pub use failure::Failure;
use picture::Picture;

/// The exit code of a comparison that found a difference.
pub const DIFFERENT: u8 = 1;
/// The exit code of everything that failed.
pub const FAILED: u8 = 3;

/// Does what the command line says and gives the exit code.
///
/// # Errors
/// [`Failure`] where it cannot be done.
pub fn run(cli: &Cli) -> Result<u8, Failure> {
    match &cli.task {
        Task::Capture(options) => capture(options),
        Task::Diff(options) => compare(options),
    }
}

fn capture(options: &CaptureOptions) -> Result<u8, Failure> {
    let pointer = options.pointer;
    let subject = match (&options.subject.port, &options.subject.toplevel) {
        (Some(name), _) => Subject::Port { name: name.clone(), pointer },
        (None, toplevel) => {
            Subject::Toplevel { name: toplevel.clone().unwrap_or_default(), pointer }
        }
    };
    let whole = within(Duration::from_secs(options.timeout), options.wayland.clone(), subject)?;
    let still = match options.region {
        Some(part) => whole.part(part)?,
        None => whole,
    };
    let picture = Picture::of_words(still.size(), still.words());
    picture.write(&options.out)?;
    if options.json {
        let size = still.size();
        say_json(&json!({
            "file": options.out.display().to_string(),
            "width": size.width,
            "height": size.height,
        }))?;
    }
    Ok(0)
}

/// Takes a picture in a thread of its own: a compositor that is stopped answers nothing, and nothing that
/// waits for it comes back. The thread ends with the process.
fn within(limit: Duration, socket: Option<PathBuf>, subject: Subject) -> Result<Still, Failure> {
    let (done, taken) = mpsc::channel();
    let run = move || {
        let take = || Ok(take(&connect(socket.as_deref())?, &subject)?);
        // Nobody listens any more when the time is over.
        let _: Result<(), _> = done.send(take());
    };
    thread::Builder::new().name("capture".to_owned()).spawn(run).map_err(Failure::Thread)?;
    taken.recv_timeout(limit).map_err(|_| Failure::Silent(limit.as_secs()))?
}

fn compare(options: &DiffOptions) -> Result<u8, Failure> {
    let (a, b) = (Picture::read(&options.a)?, Picture::read(&options.b)?);
    let difference = Difference::between(&a, &b);
    if let Some(out) = &options.out {
        Difference::picture(&a, &b).write(out)?;
    }
    if options.json {
        say_json(&difference.to_json(&a, &b))?;
    } else {
        say(&difference.to_text(&a, &b))?;
    }
    Ok(if difference.is_none() { 0 } else { DIFFERENT })
}

fn say_json(value: &Value) -> Result<(), Failure> {
    say(&value.to_string())
}

fn say(line: &str) -> Result<(), Failure> {
    writeln!(std::io::stdout(), "{line}").map_err(Failure::Output)
}
