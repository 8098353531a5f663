//! Measurements on a graphics card: this program measures in a guest that has one.

use std::fs;

use porthole_rig::error::Context;
use porthole_rig::kms::{self, Card, SHARED};
use porthole_rig::progress::say;
use porthole_rig::{Result, RigError, cache};
use serde_json::Value;

use super::{Bench, Samples};

/// A row of the guest's.
pub(crate) fn of(bench: &Bench, id: &str) -> Result<Samples> {
    let mut samples = Samples::default();
    for kind in ["porthole", "weston"] {
        take(bench, id, kind, &mut samples)?;
    }
    Ok(samples)
}

/// When our splash is there beside when programs can connect to weston, which shows nothing before.
pub(crate) fn splash(bench: &Bench) -> Result<Samples> {
    let mut samples = Samples::default();
    take(bench, "inside.splash", "porthole", &mut samples)?;
    take(bench, "inside.connected", "weston", &mut samples)?;
    Ok(samples)
}

/// When our splash is there beside when the first picture of weston's is: of a program.
pub(crate) fn splash_beside_first_frame(bench: &Bench) -> Result<Samples> {
    let mut samples = Samples::default();
    take(bench, "inside.splash", "porthole", &mut samples)?;
    take(bench, "inside.first", "weston", &mut samples)?;
    Ok(samples)
}

fn is_of_a_start(id: &str) -> bool {
    ["inside.splash", "inside.connected", "inside.first"].contains(&id)
}

/// The numbers of one compositor in one row.
fn take(bench: &Bench, id: &str, kind: &'static str, samples: &mut Samples) -> Result<()> {
    let is_there = |row: &Value| row.get("id").is_some_and(|found| found == id);
    if !bench.kms.borrow().iter().any(is_there) {
        let rows = run(bench, id)?;
        bench.kms.borrow_mut().extend(rows);
    }
    let rows = bench.kms.borrow();
    let row = rows.iter().find(|row| is_there(row));
    let row = row.ok_or_else(|| RigError::failed(format!("the guest measured no {id}")))?;
    let rounds = row.get("rounds").and_then(|by| by.get(kind)).and_then(Value::as_array);
    for number in rounds.into_iter().flatten().filter_map(Value::as_f64) {
        samples.add(kind, number);
    }
    for note in row.get("notes").and_then(Value::as_array).into_iter().flatten() {
        samples.note(note.as_str().unwrap_or_default().to_owned());
    }
    Ok(())
}

/// Boots a guest, in which this program measures what is asked for of one kind: starts, or what frames do.
/// All together would take longer than a guest may.
fn run(bench: &Bench, id: &str) -> Result<Vec<Value>> {
    let ids = bench.on_screens.iter().filter(|other| is_of_a_start(other) == is_of_a_start(id));
    let ids: Vec<&str> = ids.map(String::as_str).collect();
    let folder = tempfile::Builder::new().prefix("bench-kms-").tempdir();
    let folder = folder.context(|| "make a folder".to_owned())?;
    let program = std::env::current_exe().context(|| "find this program".to_owned())?;
    let line = format!(
        "PORTHOLE_CACHE='{}' '{}' --screen --rounds {} --seconds {} --json {SHARED}/rows.json {}",
        cache::folder()?.display(),
        program.display(),
        bench.rounds,
        bench.span.as_secs(),
        ids.join(" ")
    );
    say("  a guest with a graphics card measures");
    kms::run(Card::Virtio(1), folder.path(), &format!("{line} >{SHARED}/said 2>&1"))?;
    let file = folder.path().join("rows.json");
    let text = fs::read_to_string(&file).at("read", &file)?;
    serde_json::from_str(&text).map_err(|error| RigError::failed(error.to_string()))
}
