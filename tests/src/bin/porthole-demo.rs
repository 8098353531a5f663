//! The program behind `cargo xtask demo`.

#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use calloop::signals::{Signal, Signals};
use calloop::timer::{TimeoutAction, Timer};
use calloop::{EventLoop, LoopSignal};
use clap::Parser;
use porthole_rig::progress::say;
use porthole_rig::{Own, cache};
use porthole_tests::demo::Demo;
use porthole_tests::failure::OrFail;
use porthole_tests::own::OwnGuest;
use porthole_tests::{Failure, Result};

/// How often the guests draw something new.
const STEP: Duration = Duration::from_secs(1);

/// Two guests on one screen, or a guest of your own, shown to VNC viewers
#[derive(Parser)]
struct Arguments {
    /// Check every layer, write screen.png and report.json into this folder, and end
    #[arg(long, value_name = "DIR")]
    once: Option<PathBuf>,
    /// With --once and a guest of your own: how long it runs before that
    #[arg(long, value_name = "SECONDS", requires = "once", default_value_t = 20)]
    after: u64,
    /// Show it in a window of this Wayland session too
    #[arg(long, conflicts_with_all = ["disk", "cdrom", "kernel"])]
    window: bool,
    /// Where VNC viewers connect
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: String,
    #[command(flatten)]
    own: Own,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match &arguments.once {
        _ if arguments.own.is_wanted() => own(&arguments),
        Some(folder) => once(folder, &arguments.listen, arguments.window),
        None => stay(&arguments.listen, arguments.window),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn once(folder: &Path, listen: &str, window: bool) -> Result<()> {
    let mut demo = Demo::start(listen, window, |step| say(&format!("* {step}")))?;
    demo.check(folder)?;
    tell_files(folder);
    Ok(())
}

fn tell_files(folder: &Path) {
    say(&format!("screenshot: {}", folder.join("screen.png").display()));
    say(&format!("report:     {}", folder.join("report.json").display()));
}

/// What the loop holds while a guest of the user's own is shown.
struct OwnStay {
    guest: OwnGuest,
    signal: LoopSignal,
    end: Result<()>,
}

/// Shows a guest of the user's own until it is switched off, or Ctrl-C, or the time is over.
fn own(arguments: &Arguments) -> Result<()> {
    let signals = Signals::new(&[Signal::SIGINT, Signal::SIGTERM]).or_fail("catch signals")?;
    let mut events: EventLoop<'_, OwnStay> = EventLoop::try_new().or_fail("make a loop")?;
    let guest =
        OwnGuest::start(&arguments.own, &arguments.listen, |step| say(&format!("* {step}")))?;
    say("");
    say(&format!("VNC viewers connect to {}", guest.vnc.address));
    let handle = events.handle();
    let stop = |_, _: &mut (), stay: &mut OwnStay| stay.signal.stop();
    handle.insert_source(signals, stop).map_err(|error| Failure::new(error.to_string()))?;
    let once = arguments.once.is_some();
    let off = move || {
        if once {
            let what = "the guest switched itself off before its picture was taken: give a shorter --after";
            return Err(Failure::new(what));
        }
        say("the guest has been switched off");
        Ok(())
    };
    let look = move |_, _: &mut (), stay: &mut OwnStay| match stay.guest.is_off() {
        Ok(false) => TimeoutAction::ToDuration(STEP),
        ended => {
            stay.end = ended.and_then(|_| off());
            stay.signal.stop();
            TimeoutAction::Drop
        }
    };
    let timer = Timer::from_duration(STEP);
    handle.insert_source(timer, look).map_err(|error| Failure::new(error.to_string()))?;
    match &arguments.once {
        None => say("press Ctrl-C to end"),
        Some(folder) => {
            let folder = folder.clone();
            let over = move |_, _: &mut (), stay: &mut OwnStay| {
                stay.end = stay.guest.report(&folder).map(|()| tell_files(&folder));
                stay.signal.stop();
                TimeoutAction::Drop
            };
            let timer = Timer::from_duration(Duration::from_secs(arguments.after));
            handle.insert_source(timer, over).map_err(|error| Failure::new(error.to_string()))?;
        }
    }
    let mut stay = OwnStay { guest, signal: events.get_signal(), end: Ok(()) };
    events.run(None, &mut stay, |_| {}).or_fail("wait for Ctrl-C")?;
    stay.end
}

/// What the loop holds while the demo stays.
struct Stay {
    demo: Demo,
    step: u32,
    signal: LoopSignal,
    end: Result<()>,
}

fn stay(listen: &str, window: bool) -> Result<()> {
    // Before any thread is started: signals must be blocked in all of them.
    let signals = Signals::new(&[Signal::SIGINT, Signal::SIGTERM]).or_fail("catch signals")?;
    let mut events: EventLoop<'_, Stay> = EventLoop::try_new().or_fail("make a loop")?;
    let mut demo = Demo::start(listen, window, |step| say(&format!("* {step}")))?;
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
