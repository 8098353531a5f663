//! `cargo xtask soak`: lives with Porthole for a while.
//!
//! Guests draw, move, reboot and are started again; viewers, programs and layouts come and go; and one
//! process after another is killed. After each step the whole screen must be what it should be, to the
//! pixel. After each round, when all is as it was at the start, the processes are looked at: what they
//! hold must not grow. What happens is decided by a seed, which is printed.

#![forbid(unsafe_code)]

mod act;
mod report;
mod sample;
mod verdict;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use porthole_rig::progress::say;
use porthole_tests::failure::OrFail;
use porthole_tests::{Failure, Result};

use act::Act;
use report::Report;
use world::World;

/// How many acts make a round.
const ACTS: u32 = 6;

/// Guests, viewers and kills for as long as told; what grows is a failure
#[derive(Parser)]
#[command(name = "cargo xtask soak")]
struct Arguments {
    /// How long to go on
    #[arg(long, value_name = "N", default_value_t = 10)]
    minutes: u32,
    /// What decides what happens; a random one otherwise
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How many guests there are
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(2..=8))]
    guests: u8,
    /// Only these acts (see --list), by name
    #[arg(long, value_name = "ACT", value_delimiter = ',')]
    only: Vec<String>,
    /// Say which acts there are
    #[arg(long)]
    list: bool,
    /// Write the report to this file as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
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
    if arguments.list {
        let lines = Act::ALL.iter().map(|act| format!("{:10} {}", act.name(), act.what()));
        return report::print(&lines.collect::<Vec<_>>().join("\n"));
    }
    let acts = chosen(&arguments.only)?;
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..));
    say(&format!("seed {seed}: `cargo xtask soak --seed {seed}` does the same again"));
    let mut dice = fastrand::Rng::with_seed(seed);
    let mut report = Report::new(seed);
    let lived = live(arguments, &acts, &mut dice, &mut report);
    // What was seen until then is worth telling, whatever ended it.
    if let Some(file) = &arguments.json {
        std::fs::write(file, format!("{:#}\n", report.json())).or_fail("write the report")?;
    }
    report::print(&report.text())?;
    lived?;
    match report.growth().as_slice() {
        [] => Ok(()),
        grown => Err(Failure::new(format!("seed {seed}: {}", grown.join("; ")))),
    }
}

/// Round after round until the time is over.
fn live(
    arguments: &Arguments,
    acts: &[Act],
    dice: &mut fastrand::Rng,
    report: &mut Report,
) -> Result<()> {
    let mut world = World::start(arguments.guests)?;
    world.rest(report)?;
    let end = Instant::now() + Duration::from_secs(u64::from(arguments.minutes) * 60);
    while Instant::now() < end {
        for _ in 0..ACTS {
            let act = act::draw(acts, dice);
            let start = Instant::now();
            let done = act.perform(&mut world, dice, report);
            done.map_err(|error| {
                Failure::new(format!("seed {}, {}: {error}", report.seed, act.name()))
            })?;
            report.acted(act, start.elapsed());
        }
        world.rest(report)?;
        say(&report.line());
    }
    world.end()
}

fn chosen(names: &[String]) -> Result<Vec<Act>> {
    if names.is_empty() {
        return Ok(Act::ALL.to_vec());
    }
    let find = |name: &String| {
        let found = Act::ALL.into_iter().find(|act| act.name() == name);
        found.ok_or_else(|| Failure::new(format!("there is no act {name}: see --list")))
    };
    names.iter().map(find).collect()
}
