//! The program behind `cargo xtask demo`.

#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use calloop::signals::{Signal, Signals};
use calloop::timer::{TimeoutAction, Timer};
use calloop::{EventLoop, LoopSignal};
use clap::Parser;
use porthole_rig::cache;
use porthole_rig::progress::say;
use porthole_tests::demo::Demo;
use porthole_tests::failure::OrFail;
use porthole_tests::{Failure, Result};

/// How often the guests draw something new.
const STEP: Duration = Duration::from_secs(1);

/// Two guests on one screen, shown to VNC viewers
#[derive(Parser)]
struct Arguments {
    /// Check every layer, write screen.png and report.json into this folder, and end
    #[arg(long, value_name = "DIR")]
    once: Option<PathBuf>,
    /// Where VNC viewers connect
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: String,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.once {
        Some(folder) => once(&folder, &arguments.listen),
        None => stay(&arguments.listen),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn once(folder: &std::path::Path, listen: &str) -> Result<()> {
    let mut demo = Demo::start(listen, |step| say(&format!("* {step}")))?;
    demo.check(folder)?;
    say(&format!("screenshot: {}", folder.join("screen.png").display()));
    say(&format!("report:     {}", folder.join("report.json").display()));
    Ok(())
}

/// What the loop holds while the demo stays.
struct Stay {
    demo: Demo,
    step: u32,
    signal: LoopSignal,
    end: Result<()>,
}

fn stay(listen: &str) -> Result<()> {
    // Before any thread is started: signals must be blocked in all of them.
    let signals = Signals::new(&[Signal::SIGINT, Signal::SIGTERM]).or_fail("catch signals")?;
    let mut events: EventLoop<'_, Stay> = EventLoop::try_new().or_fail("make a loop")?;
    let mut demo = Demo::start(listen, |step| say(&format!("* {step}")))?;
    let folder = cache::target().join("demo");
    demo.check(&folder)?;
    say("");
    say(&format!("VNC viewers connect to {}", demo.vnc.address));
    say(&format!("screenshot: {}", folder.join("screen.png").display()));
    say("press Ctrl-C to end");
    let handle = events.handle();
    let stop = |_, _: &mut (), stay: &mut Stay| stay.signal.stop();
    handle.insert_source(signals, stop).map_err(|error| Failure::new(error.to_string()))?;
    let timer = Timer::from_duration(STEP);
    let tick = |_, _: &mut (), stay: &mut Stay| {
        stay.step = stay.step.wrapping_add(1);
        match stay.demo.animate(stay.step) {
            Ok(()) => TimeoutAction::ToDuration(STEP),
            Err(error) => {
                stay.end = Err(error);
                stay.signal.stop();
                TimeoutAction::Drop
            }
        }
    };
    handle.insert_source(timer, tick).map_err(|error| Failure::new(error.to_string()))?;
    let mut stay = Stay { demo, step: 0, signal: events.get_signal(), end: Ok(()) };
    events.run(None, &mut stay, |_| {}).or_fail("wait for Ctrl-C")?;
    say("ending");
    stay.end
}
