//! `cargo xtask fuzz`: makes inputs that break promises, and keeps those that reach something new.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;
use porthole_rig::command::capture;
use porthole_rig::error::Context;
use porthole_rig::packages::{Needed, install};
use porthole_rig::progress::{Step, say};
use porthole_rig::{Result, RigError, cache};

use crate::{cargo, setup};

const ENGINE: Needed = Needed { name: "g++", why: "builds libFuzzer" };
/// Every target and its promise stand there.
const TARGETS: &str = "tests/fuzz/src/lib.rs";
const CORPUS: &str = "tests/fuzz/corpus";
/// What the corpus of one target may take in the tree, in bytes and in files.
const MOST_BYTES: u64 = 20 * 1024;
const MOST_INPUTS: usize = 80;
/// An input that takes longer is a finding. Machines are slow when they are busy.
const LONGEST_RUN_S: u32 = 25;
/// Memory beyond this is a finding.
const MOST_MEGABYTES: u32 = 2048;

/// What decides which inputs `cargo xtask ci` tries: always the same ones, so that a change is not held up by
/// what was wrong before it. Looking for that is for runs by hand and at night.
pub(crate) const SEED: u32 = 1;

/// What to try, and for how long.
#[derive(Args)]
pub(crate) struct Options {
    /// The targets; all without this
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// How long to try each of them
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u32,
    /// What decides which inputs are tried; another one each time otherwise
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    seed: Option<u32>,
    /// Try this one input, which was a finding, and show what becomes of it
    #[arg(long, value_name = "FILE", conflicts_with = "minimise")]
    reproduce: Option<PathBuf>,
    /// Begin with what the guest of this trace did (`--trace` of a device); for the target `gpu` or `vga`
    #[arg(long, value_name = "FILE", conflicts_with = "reproduce")]
    from_trace: Option<PathBuf>,
    /// Afterwards put the smallest inputs that reach the most into the tree
    #[arg(long)]
    minimise: bool,
}

/// A target as its source lists it.
struct Target {
    name: String,
    longest: String,
}

/// How a run of the engine ended.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    executions: u64,
    edges: u64,
    inputs: u64,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let all = targets()?;
    if let Some(unknown) = options.targets.iter().find(|n| !all.iter().any(|t| t.name == **n)) {
        let names: Vec<_> = all.iter().map(|target| target.name.as_str()).collect();
        let known = names.join(", ");
        return Err(RigError::failed(format!("there is no target '{unknown}', but {known}")));
    }
    let wanted =
        |target: &&Target| options.targets.is_empty() || options.targets.contains(&target.name);
    let targets: Vec<&Target> = all.iter().filter(wanted).collect();
    if let Some(trace) = &options.from_trace {
        let fed = |target: &&&Target| matches!(target.name.as_str(), "gpu" | "vga");
        let Some(target) = targets.iter().find(fed) else {
            let why = "only the targets `gpu` and `vga` are fed from traces";
            return Err(RigError::failed(why));
        };
        seeds(target, trace)?;
    }
    let engine = build()?;
    if let Some(file) = &options.reproduce {
        let [target] = targets[..] else {
            return Err(RigError::failed("name the one target that the input is for"));
        };
        return reproduce(&engine, target, file);
    }
    let mut found = Vec::new();
    for target in targets {
        if !fuzz(&engine, target, (options.seconds, options.seed))? {
            found.push(target.name.as_str());
        } else if options.minimise {
            minimise(&engine, target)?;
        }
    }
    if found.is_empty() {
        Ok(())
    } else {
        Err(RigError::failed(format!("found something: {}", found.join(", "))))
    }
}

/// The time-boxed run of `cargo xtask ci`: all targets, so many seconds each.
pub(crate) fn all(seconds: u32, seed: Option<u32>) -> Result<()> {
    let (targets, reproduce, from_trace) = (Vec::new(), None, None);
    run(&Options { targets, seconds, seed, reproduce, from_trace, minimise: false })
}

/// Reads the list of targets from their source: this program must build where nothing is built yet.
fn targets() -> Result<Vec<Target>> {
    let path = cache::workspace().join(TARGETS);
    let text = fs::read_to_string(&path).at("read", &path)?;
    let targets = parse_targets(&text);
    if targets.is_empty() {
        Err(RigError::failed(format!("no targets in {TARGETS}")))
    } else {
        Ok(targets)
    }
}

fn parse_targets(text: &str) -> Vec<Target> {
    let mut targets = Vec::new();
    let mut name = None;
    for line in text.lines().map(str::trim) {
        if let Some(quoted) = line.strip_prefix("name: \"") {
            name = quoted.strip_suffix("\",").map(str::to_owned);
        } else if let Some(number) = line.strip_prefix("longest: ")
            && let Some(name) = name.take()
        {
            targets.push(Target { name, longest: number.trim_end_matches(',').to_owned() });
        }
    }
    targets
}

/// Builds the engine with the rooms instrumented, apart from all other builds.
fn build() -> Result<PathBuf> {
    setup::for_building()?;
    install(&[ENGINE])?;
    let folder = cache::target().join("fuzz");
    let _step = Step::start("building the fuzz targets");
    // The engine alone: nothing else can be linked with its counters.
    let program = ["-p", "porthole-fuzz", "--bin", "porthole-fuzz", "--features", "engine"];
    let mut command = cargo::command(&["build", "--quiet", "--profile", "fuzz"]);
    command.args(program).arg("--target-dir").arg(&folder);
    let wrapper = cache::workspace().join("tests/fuzz/instrument.sh");
    command.env("RUSTC_WORKSPACE_WRAPPER", wrapper);
    porthole_rig::command::visible(&mut command)?;
    Ok(folder.join("fuzz/porthole-fuzz"))
}

/// Puts what a guest sent into a folder of inputs.
fn seeds(target: &Target, trace: &Path) -> Result<()> {
    let maker = ["build", "--quiet", "-p", "porthole-fuzz", "--bin", "porthole-fuzz-seeds"];
    cargo::step("building what reads the trace", &maker)?;
    let mut command = Command::new(cache::target().join("debug/porthole-fuzz-seeds"));
    porthole_rig::command::visible(command.arg(&target.name).arg(trace).arg(grown(target)?))
}

/// The engine for one target.
fn engine(engine: &Path, target: &Target) -> Command {
    let mut command = Command::new(engine);
    command.env("PORTHOLE_FUZZ_TARGET", &target.name);
    command.arg(format!("-max_len={}", target.longest));
    command.arg(format!("-timeout={LONGEST_RUN_S}")).arg(format!("-rss_limit_mb={MOST_MEGABYTES}"));
    command
}

fn tree(target: &Target) -> PathBuf {
    cache::workspace().join(CORPUS).join(&target.name)
}

/// What was found in all runs so far; it only grows.
fn grown(target: &Target) -> Result<PathBuf> {
    let folder = cache::target().join("fuzz/corpus").join(&target.name);
    fs::create_dir_all(&folder).at("make", &folder)?;
    Ok(folder)
}

/// Tries new inputs; false when one breaks a promise.
fn fuzz(program: &Path, target: &Target, (seconds, seed): (u32, Option<u32>)) -> Result<bool> {
    let findings = cache::target().join("fuzz/findings");
    fs::create_dir_all(&findings).at("make", &findings)?;
    let prefix = format!("{}/{}-", findings.display(), target.name);
    let mut command = engine(program, target);
    command.arg(grown(target)?).arg(tree(target));
    // The engine takes 0 for a seed of its own.
    command.arg(format!("-seed={}", seed.unwrap_or(0)));
    command.arg(format!("-max_total_time={seconds}")).arg(format!("-artifact_prefix={prefix}"));
    let output = capture(&mut command)?;
    let said = String::from_utf8_lossy(&output.stderr);
    let Told { executions, edges, inputs } = read(&said);
    let line =
        format!("{:10} {executions:9} executions, {edges:5} edges, {inputs:5} inputs", target.name);
    // A closed output hides the line, but the exit status still tells.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
    if output.status.success() {
        return Ok(true);
    }
    for line in story(&said) {
        say(line);
    }
    match said.lines().find_map(|line| line.split("Test unit written to ").nth(1)) {
        Some(file) => {
            say(&format!("try it again with: cargo xtask fuzz {} --reproduce {file}", target.name));
            say(&format!("once it is mended, keep it: cp {file} {CORPUS}/{}/", target.name));
        }
        None => say(&format!("the engine ended with {}", output.status)),
    }
    Ok(false)
}

/// What an engine's output says of the last moment before its end.
fn read(said: &str) -> Told {
    let mut told = Told::default();
    for line in said.lines().filter(|line| line.starts_with('#')) {
        let mut words = line.split_whitespace();
        let number = |word: &str| word.split('/').next().and_then(|word| word.parse().ok());
        let executions = words.next().and_then(|word| number(word.trim_start_matches('#')));
        told.executions = executions.unwrap_or(told.executions);
        while let Some(word) = words.next() {
            let value = match word {
                "cov:" => &mut told.edges,
                "corp:" => &mut told.inputs,
                _ => continue,
            };
            *value = words.next().and_then(number).unwrap_or(*value);
        }
    }
    told
}

/// The lines that a person needs of a finding: the broken promise, and where in our code.
fn story(said: &str) -> impl Iterator<Item = &str> {
    let begins = said.find("panicked at").or_else(|| said.find("ERROR: libFuzzer"));
    let rest = begins.and_then(|start| said.get(start..)).unwrap_or(said);
    let ours = |line: &&str| {
        !line.contains("/rustc/") && !line.contains("libfuzzer") && !line.starts_with("stat::")
    };
    rest.lines().filter(ours).take(24)
}

fn reproduce(program: &Path, target: &Target, file: &Path) -> Result<()> {
    let file = fs::canonicalize(file).at("find", file)?;
    porthole_rig::command::visible(engine(program, target).arg(file))
}

/// Replaces the target's corpus in the tree by the smallest inputs of all that is known which together reach
/// the most, or a sample of them, as many as there is room for.
fn minimise(program: &Path, target: &Target) -> Result<()> {
    let merged = cache::target().join("fuzz/merged").join(&target.name);
    if merged.exists() {
        fs::remove_dir_all(&merged).at("empty", &merged)?;
    }
    fs::create_dir_all(&merged).at("make", &merged)?;
    let mut command = engine(program, target);
    command.arg("-merge=1").arg(&merged).arg(grown(target)?).arg(tree(target));
    porthole_rig::command::output(&mut command)?;
    let mut inputs = Vec::new();
    for entry in fs::read_dir(&merged).at("list", &merged)? {
        let entry = entry.at("list", &merged)?;
        let bytes = entry.metadata().at("look at", &entry.path())?.len();
        inputs.push((bytes, entry.path()));
    }
    inputs.sort();
    // Small ones and large ones: those reach deeper.
    let every = inputs.len().div_ceil(MOST_INPUTS).max(1);
    let tree = tree(target);
    // What was put there by hand has a name of words, and stays.
    let mut room = MOST_BYTES;
    for entry in fs::read_dir(&tree).at("list", &tree)? {
        let path = entry.at("list", &tree)?.path();
        if is_hash(&path) {
            fs::remove_file(&path).at("remove", &path)?;
        } else {
            room = room.saturating_sub(fs::metadata(&path).at("look at", &path)?.len());
        }
    }
    let mut kept = 0;
    for (bytes, path) in inputs.into_iter().step_by(every) {
        let Some(name) = path.file_name().filter(|_| is_hash(&path) && bytes <= room) else {
            continue;
        };
        fs::copy(&path, tree.join(name)).at("copy", &path)?;
        room -= bytes;
        kept += 1;
    }
    say(&format!("{}: {kept} inputs in the tree", target.name));
    Ok(())
}

/// Whether the engine named the file.
fn is_hash(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    name.is_some_and(|name| name.len() == 40 && name.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_targets_is_found() {
        let targets = targets().unwrap();
        assert!(targets.len() >= 12);
        assert!(targets.iter().all(|target| target.longest.parse::<u32>().unwrap() >= 512));
        assert!(targets.iter().all(|target| tree(target).is_dir()), "a target without a corpus");
    }

    #[test]
    fn the_engine_is_understood() {
        let said = "INFO: Seed: 1\n#2\tINITED cov: 12 ft: 13 corp: 1/1b exec/s: 0 rss: 30Mb\n\
            #1086508\tDONE   cov: 308 ft: 861 corp: 232/24Kb lim: 1024 exec/s: 41788 rss: 29Mb\n";
        assert_eq!(read(said), Told { executions: 1_086_508, edges: 308, inputs: 232 });
        let said = "#2 INITED\nthread 'x' panicked at tests/fuzz/a.rs:1:2:\nno\n at /rustc/1\n";
        assert_eq!(story(said).collect::<Vec<_>>(), ["panicked at tests/fuzz/a.rs:1:2:", "no"]);
    }
}
