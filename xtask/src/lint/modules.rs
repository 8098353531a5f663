//! Every source file must be part of a crate: an orphan compiles nowhere and rots.

use std::collections::BTreeSet;
use std::fs;

use cargo_metadata::MetadataCommand;
use porthole_rig::error::Context;
use porthole_rig::{Result, RigError, cache};

use super::Finding;

pub(super) fn check(tracked: &[String]) -> Result<Vec<Finding>> {
    let mut command = MetadataCommand::new();
    command.manifest_path(cache::workspace().join("Cargo.toml")).no_deps();
    let metadata = command.exec().map_err(|error| RigError::failed(error.to_string()))?;
    let mut reached = BTreeSet::new();
    for target in metadata.packages.iter().flat_map(|package| &package.targets) {
        let root = target.src_path.strip_prefix(cache::workspace());
        if let Ok(root) = root {
            follow(root.as_str(), true, &mut reached)?;
        }
    }
    let sources = tracked.iter().filter(|path| path.ends_with(".rs"));
    let orphans = sources.filter(|path| !reached.contains(path.as_str()));
    Ok(orphans.map(|path| Finding(format!("{path}: no module declares this file"))).collect())
}

/// Adds a file and the files of the modules that it declares.
fn follow(path: &str, is_root: bool, reached: &mut BTreeSet<String>) -> Result<()> {
    let file = cache::workspace().join(path);
    if !file.is_file() || !reached.insert(path.to_owned()) {
        return Ok(());
    }
    let text = fs::read_to_string(&file).at("read", &file)?;
    for candidate in declared(path, is_root, &text) {
        follow(&candidate, false, reached)?;
    }
    Ok(())
}

/// The files that the `mod name;` lines of a file may mean.
fn declared(path: &str, is_root: bool, text: &str) -> Vec<String> {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = file.trim_end_matches(".rs");
    // Children of `a.rs` live in `a/`, children of a root or of `mod.rs` beside it.
    let children =
        if is_root || stem == "mod" { folder.into() } else { format!("{folder}/{stem}") };
    let mut files = Vec::new();
    let mut special = None;
    for line in text.lines().map(str::trim) {
        if let Some(path) = line.strip_prefix("#[path = \"") {
            special = path.split('"').next().map(str::to_owned);
        }
        let declaration = line.strip_suffix(';').and_then(|line| line.rsplit_once("mod "));
        let Some((before, name)) = declaration else { continue };
        let is_visibility = before.is_empty() || before.starts_with("pub");
        if !is_visibility || !name.chars().all(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        match special.take() {
            Some(path) => files.push(normal(&format!("{folder}/{path}"))),
            None => {
                files.push(format!("{children}/{name}.rs"));
                files.push(format!("{children}/{name}/mod.rs"));
            }
        }
    }
    files
}

/// The path without `..`.
fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_declared_modules() {
        let text =
            "//! mod x;\nmod a;\n    pub(crate) mod b;\n#[path = \"../t/c.rs\"]\nmod c;\nmod d {";
        assert_eq!(
            declared("p/src/lib.rs", true, text),
            ["p/src/a.rs", "p/src/a/mod.rs", "p/src/b.rs", "p/src/b/mod.rs", "p/t/c.rs"]
        );
        assert_eq!(declared("p/src/a.rs", false, "mod e;")[0], "p/src/a/e.rs");
        assert_eq!(declared("p/src/a/mod.rs", false, "mod e;")[0], "p/src/a/e.rs");
    }
}
