//! Which room may use which: the table in ARCHITECTURE.md against cargo's own graph.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use cargo_metadata::{DependencyKind, MetadataCommand, Package};
use porthole_rig::error::Context;
use porthole_rig::{Result, RigError, cache};

use super::Finding;

/// The heading of the table.
const HEADING: &str = "## Rooms and what each may use";
/// Packages from outside that few rooms may use, so that their replacement touches no more.
const RESERVED: &[(&str, &[&str])] =
    &[("smithay", &["porthole"]), ("pixman", &["porthole", "porthole-bench"])];
const LICENSE: &str = "MIT OR Apache-2.0";

pub(super) fn check() -> Result<Vec<Finding>> {
    let path = cache::workspace().join("ARCHITECTURE.md");
    let table = parse_table(&fs::read_to_string(&path).at("read", &path)?);
    let mut command = MetadataCommand::new();
    command.manifest_path(cache::workspace().join("Cargo.toml")).no_deps();
    let metadata = command.exec().map_err(|error| RigError::failed(error.to_string()))?;
    let mut findings = Vec::new();
    let rooms: BTreeSet<&str> =
        metadata.packages.iter().map(|package| package.name.as_str()).collect();
    for package in &metadata.packages {
        findings.extend(check_room(package, &rooms, &table));
    }
    for room in table.keys().filter(|room| !rooms.contains(room.as_str())) {
        findings.push(Finding(format!("ARCHITECTURE.md: there is no room {room}; remove its row")));
    }
    Ok(findings)
}

/// The rows `| room | may use |`, by room.
fn parse_table(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let section = text.lines().skip_while(|line| line.trim() != HEADING).skip(1);
    let rows = section.take_while(|line| !line.starts_with("## "));
    let mut table = BTreeMap::new();
    for row in rows.filter(|line| line.starts_with('|')) {
        let mut cells = row.trim_matches('|').split('|').map(names);
        let (Some(mut rooms), Some(allowed)) = (cells.next(), cells.next()) else { continue };
        if let Some(room) = rooms.pop_first() {
            table.insert(room, allowed);
        }
    }
    table
}

/// The crate names in a cell, whatever else it says.
fn names(cell: &str) -> BTreeSet<String> {
    let words = cell.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    let ours = words.filter(|word| *word == "porthole" || word.starts_with("porthole-"));
    let tasks = cell.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| *word == "xtask");
    ours.chain(tasks).map(str::to_owned).collect()
}

fn check_room(
    package: &Package,
    rooms: &BTreeSet<&str>,
    table: &BTreeMap<String, BTreeSet<String>>,
) -> Vec<Finding> {
    let room = package.name.as_str();
    let mut findings = Vec::new();
    if package.license.as_deref() != Some(LICENSE) {
        findings.push(Finding(format!("{room}: its Cargo.toml must say license {LICENSE}")));
    }
    if package.description.as_deref().unwrap_or_default().is_empty() {
        findings.push(Finding(format!("{room}: its Cargo.toml must have a description")));
    }
    let Some(allowed) = table.get(room) else {
        findings.push(Finding(format!("ARCHITECTURE.md: the table has no row for {room}")));
        return findings;
    };
    let used = package.dependencies.iter();
    for used in used.filter(|used| used.kind != DependencyKind::Development) {
        let name = used.name.as_str();
        if rooms.contains(name) && !allowed.contains(name) {
            findings.push(Finding(format!("{room} may not use {name} (see ARCHITECTURE.md)")));
        }
        if let Some((_, owners)) = RESERVED.iter().find(|(reserved, _)| *reserved == name)
            && !owners.contains(&room)
        {
            let owners = owners.join(" and ");
            findings.push(Finding(format!("{room} may not use {name}: only {owners} may")));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_table() {
        let text = "# x\n| porthole-no | porthole |\n## Rooms and what each may use\n\nText.\n\n\
            | room | may use |\n|---|---|\n| `porthole-pixel` (protocols/pixel) | nothing |\n\
            | `porthole` | `porthole-core`, `porthole-pixel` |\n## Next\n| `xtask` | `porthole` |\n";
        let table = parse_table(text);
        assert_eq!(table.keys().collect::<Vec<_>>(), ["porthole", "porthole-pixel"]);
        assert!(table["porthole-pixel"].is_empty());
        assert!(table["porthole"].contains("porthole-core"));
        assert_eq!(table["porthole"].len(), 2);
    }
}
