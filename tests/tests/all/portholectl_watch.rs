//! `portholectl watch` and `trace`: what happens, as it happens.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::time::Instant;

use porthole_tests::wait::{SHORT, wait_until};
use porthole_tests::{Failure, Result, Service};
use serde_json::{Value, json};

use crate::portholectl::{app, command, ctl, done, write};
use crate::wayland_scene::{APP, show};
use crate::wfd_control::service;

/// A running `portholectl watch` or `trace`, which ends with the test.
pub(crate) struct Watch {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Watch {
    fn start(service: &Service, arguments: &[&str]) -> Result<Self> {
        Self::start_on(service, "looker", arguments)
    }

    pub(crate) fn start_on(service: &Service, socket: &str, arguments: &[&str]) -> Result<Self> {
        let mut command = command(service, socket, arguments)?;
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let out = child.stdout.take().ok_or_else(|| Failure::new("no output"))?;
        let (to, lines) = mpsc::channel();
        // It ends with the program.
        let read = BufReader::new(out).lines().map_while(std::io::Result::ok);
        std::thread::spawn(move || {
            for line in read {
                if to.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Self { child, lines })
    }

    /// The next line for which this is true.
    pub(crate) fn wait(&mut self, is: impl Fn(&Value) -> bool) -> Result<Value> {
        let end = Instant::now() + SHORT;
        loop {
            let line = self.line(end)?;
            let value: Value = serde_json::from_str(&line)
                .map_err(|error| Failure::new(format!("{error}: {line}")))?;
            if is(&value) {
                return Ok(value);
            }
        }
    }

    fn line(&self, end: Instant) -> Result<String> {
        let left = end.saturating_duration_since(Instant::now());
        self.lines.recv_timeout(left).map_err(|error| Failure::new(format!("no line: {error}")))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_watcher_is_told_each_change_once_and_whole() -> Result<()> {
    let service = service()?;
    let mut watch = Watch::start(&service, &["watch"])?;
    let state = watch.wait(|line| line["event"] == "state")?;
    assert_eq!(state["port"][0]["name"], "main");
    let (_program, _buffer) = app(&service)?;
    let running = watch.wait(|line| line["stream"][0]["state"] == "running")?;
    assert_eq!(running["stream"][0]["app_id"], APP);
    assert_eq!(running["stream"][0]["size"], json!([40, 20]));
    write(
        &service,
        "layout.toml",
        "[[port]]\nname = \"main\"\nbackground = \"#445566\"\n\
         [[layer]]\nname = \"app\"\nopacity = 0.5\nhole = [[1, 2, 3, 4], [10, 10, 2, 2]]\n",
    )?;
    done(&service, &["commit", "layout.toml"])?;
    let changed = watch.wait(|line| line["layer"][0]["opacity"] == 0.5)?;
    assert_eq!(changed["event"], "changed");
    assert!(changed["time_ns"].as_u64() > state["time_ns"].as_u64());
    assert_eq!(changed["port"], json!([{ "name": "main", "background": "#445566" }]));
    assert_eq!(changed["layer"][0]["hole"], json!([[1, 2, 3, 4], [10, 10, 2, 2]]));
    assert_eq!(changed["layer"][0]["rect"], Value::Null, "it is as it was");
    Ok(())
}

#[test]
fn a_watcher_says_that_the_service_is_away_and_begins_again() -> Result<()> {
    let mut service = service()?;
    let mut watch = Watch::start(&service, &["watch"])?;
    watch.wait(|line| line["event"] == "state")?;
    for _ in 0..2 {
        service.kill()?;
        watch.wait(|line| line["event"] == "away")?;
        service.start_again(&[], None)?;
        let state = watch.wait(|line| line["event"] == "state")?;
        assert_eq!(state["port"][0]["name"], "main");
    }
    Ok(())
}

#[test]
fn a_trace_follows_a_picture_from_its_commit_to_its_frame() -> Result<()> {
    let service = service()?;
    let (mut program, buffer) = app(&service)?;
    let mut trace = Watch::start(&service, &["trace", "main", "--json"])?;
    let toplevel = program.toplevel(APP)?;
    // The program goes on drawing until the trace has begun.
    let drawing = std::thread::scope(|scope| {
        let line = scope.spawn(|| trace.wait(|line| line["stages"][0]["stage"] == "committed"));
        let mut word = 0;
        while !line.is_finished() {
            word += 1;
            buffer.paint(|_, _| word)?;
            show(&mut program, &toplevel, &buffer)?;
        }
        line.join().map_err(|_| Failure::new("the reader failed"))?
    })?;
    assert_eq!((&drawing["port"], &drawing["stages"][0]["layer"]), (&json!("main"), &json!("app")));
    assert_eq!(drawing["pixels"], 40 * 20);
    let stages = drawing["stages"].as_array().cloned().unwrap_or_default();
    let names: Vec<&str> = stages.iter().filter_map(|s| s["stage"].as_str()).collect();
    assert_eq!(names, ["committed", "planned", "drawn", "told"]);
    let times: Vec<u64> = stages.iter().filter_map(|s| s["time_ns"].as_u64()).collect();
    assert!(times.len() == 4 && times.is_sorted(), "{times:?}");

    // People see one line a frame; a commit of their own makes one.
    let mut people = Watch::start(&service, &["trace", "main", "--frames", "1"])?;
    let heading = people.line(Instant::now() + SHORT)?;
    assert!(heading.starts_with("   FRAME  PLANNED"), "{heading}");
    let set = ctl(&service, &["set", "app", "opacity=0.5", "--json"])?.json()?;
    assert!(set["sent_ns"].as_u64() < set["time_ns"].as_u64(), "{set}");
    let line = people.line(Instant::now() + SHORT)?;
    let frame = set["frame"].as_u64().map(|frame| format!("{frame:>8}  "));
    assert!(frame.is_some_and(|frame| line.starts_with(&frame)), "{line}");
    let ended = wait_until("its end", SHORT, || Ok(people.child.try_wait()?))?;
    assert!(ended.success(), "{ended}");
    Ok(())
}
