//! Tells a person what goes on: one line a step, and a sign of life while a step takes long.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long a step is silent before it says that it still runs.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);

/// Writes one line to standard error, which is where progress goes.
pub fn say(text: &str) {
    // A closed terminal is no reason to stop working.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// A step that runs; dropping it says how long it took.
#[derive(Debug)]
pub struct Step {
    what: String,
    start: Instant,
    ticker: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Step {
    /// Says what begins.
    #[must_use]
    pub fn start(what: impl Into<String>) -> Self {
        let (what, start) = (what.into(), Instant::now());
        say(&format!("* {what}"));
        let (stop, stopped) = channel();
        let text = what.clone();
        let ticker = thread::spawn(move || tick(&text, start, &stopped));
        Step { what, start, ticker: Some((stop, ticker)) }
    }
}

fn tick(what: &str, start: Instant, stopped: &Receiver<()>) {
    while stopped.recv_timeout(SIGN_OF_LIFE) == Err(RecvTimeoutError::Timeout) {
        say(&format!("  ... {what}: {} s so far", start.elapsed().as_secs()));
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if let Some((stop, ticker)) = self.ticker.take() {
            drop(stop);
            // The ticker only prints; how it ended does not matter.
            let _ = ticker.join();
        }
        let seconds = self.start.elapsed().as_secs_f32();
        if seconds >= 2.0 {
            say(&format!("  {} took {seconds:.0} s", self.what));
        }
    }
}
