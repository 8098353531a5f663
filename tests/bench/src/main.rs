//! `cargo xtask bench`: measures the service beside other compositors, and the whole way from a guest
//! to a viewer ([`path`]) beside QEMU.
//!
//! Compositors run on this machine in turns, show the same [`scene`]s of the same programs ([`load`]), and are
//! counted by the same [`counters`]; nothing here belongs to any of them.

#![forbid(unsafe_code)]

mod capture;
mod catalogue;
mod clock;
mod compositor;
mod counters;
mod load;
mod measure;
mod path;
mod row;
mod scene;

use std::cell::RefCell;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use porthole_rig::error::Context;
use porthole_rig::progress::{Step, say};
use porthole_rig::{Result, RigError, cache, roots};
use rustix::process::setpriority_process;

use catalogue::{Benchmark, chosen, on_screens_for, unknown};
use compositor::{Kind, Programs};
use measure::{Bench, Samples};
use row::Row;

/// More important than all else on the machine, where that is granted.
const NICENESS: i32 = -15;

/// Measures the service beside other compositors, and the whole way from a guest to a viewer beside QEMU
#[derive(Parser)]
#[command(name = "cargo xtask bench")]
struct Arguments {
    /// What to measure: an id, or the first part of some (`compose`); everything if none is given
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// Write the results to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Only say what can be measured
    #[arg(long)]
    list: bool,
    /// Measure on the screen of this machine, which is a guest: what `kms` runs there
    #[arg(long, hide = true)]
    screen: bool,
    /// How often each compositor is measured, in turns
    #[arg(long, value_name = "N", default_value_t = 3)]
    rounds: u32,
    /// How long frames are counted in each round
    #[arg(long, value_name = "N", default_value_t = 4)]
    seconds: u32,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let unknown = if arguments.screen { None } else { unknown(&arguments.ids) };
    if let Some(id) = unknown {
        let list = "see `cargo xtask bench --list`";
        return Err(RigError::failed(format!("there is no benchmark {id}: {list}")));
    }
    let chosen = match arguments.screen {
        true => catalogue::on_screens(&arguments.ids),
        false => chosen(&arguments.ids),
    };
    if arguments.list {
        return print(
            &chosen.iter().map(|b| format!("{:18} {}", b.id, b.what)).collect::<Vec<_>>(),
        );
    }
    let bench = prepare(arguments, on_screens_for(&chosen))?;
    let rows: Vec<Row> = chosen.into_iter().map(|benchmark| measure(&bench, benchmark)).collect();
    if let Some(file) = &arguments.json {
        let json = serde_json::Value::Array(rows.iter().map(Row::json).collect());
        std::fs::write(file, format!("{json:#}\n")).at("write", file)?;
    }
    print(&report(&bench, &rows))
}

fn prepare(arguments: &Arguments, on_screens: Vec<String>) -> Result<Bench> {
    let peers = roots::peers().map_err(|error| error.to_string());
    let porthole = cache::target().join("release/porthole");
    if !porthole.is_file() {
        return Err(RigError::failed("the service is not built: run `cargo xtask bench`"));
    }
    // What else runs here then disturbs less. Whoever is not root measures as it is.
    let preferred = setpriority_process(None, NICENESS).is_ok();
    if !preferred {
        say("not root: other programs on this machine disturb more");
    }
    let span = Duration::from_secs(arguments.seconds.max(1).into());
    let programs = Programs { porthole, peers, screen: arguments.screen };
    Ok(Bench {
        programs,
        rounds: arguments.rounds.max(1),
        span,
        path: RefCell::default(),
        on_screens,
        kms: RefCell::default(),
        delays: RefCell::default(),
    })
}

/// Measures one row; what goes wrong is in the row.
fn measure(bench: &Bench, benchmark: &Benchmark) -> Row {
    let load = counters::load();
    let _step = Step::start(format!("{} ({}): {}", benchmark.id, benchmark.unit, benchmark.what));
    let samples = benchmark.run(bench).unwrap_or_else(|error| {
        let mut samples = Samples::default();
        samples.note(format!("failed: {error}"));
        samples
    });
    for note in &samples.notes {
        say(&format!("  {note}"));
    }
    Row::new(benchmark, samples, load)
}

/// The table, and under which conditions it was made.
fn report(bench: &Bench, rows: &[Row]) -> Vec<String> {
    let mut lines = vec![row::HEAD.to_owned()];
    lines.extend(rows.iter().map(Row::line));
    lines.push(String::new());
    for kind in Kind::ALL {
        let version = bench.programs.version(kind).unwrap_or_else(|| "not to be had".to_owned());
        lines.push(format!("- {}: {version}; {}", kind.name(), kind.settings()));
    }
    for row in rows {
        lines.extend(row.notes().iter().map(|note| format!("- `{}`: {note}", row.id)));
    }
    lines
}

fn print(lines: &[String]) -> Result<()> {
    let mut output = std::io::stdout().lock();
    for line in lines {
        writeln!(output, "{line}").context(|| "write the result".to_owned())?;
    }
    Ok(())
}
