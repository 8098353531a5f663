//! `docs/limits.md` says what the code says: each default is its constant, each kind of object is there,
//! and each test that is named exists.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use porthole_tests::{Failure, Result};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn text(path: &str) -> Result<String> {
    let text = fs::read_to_string(root().join(path));
    text.map_err(|error| Failure::new(format!("{path}: {error}")))
}

/// The cells of the rows of all tables.
fn rows(text: &str) -> Vec<Vec<&str>> {
    let rows = text.lines().filter(|line| line.starts_with("| ") && line.ends_with('|'));
    rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

/// The words in backticks.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// A number of the table in the unit that it has there; durations in milliseconds.
fn said(cell: &str) -> Option<u64> {
    let (number, unit) = cell.split_once(' ').unwrap_or((cell, ""));
    let number: u64 = number.parse().ok()?;
    let factor = match unit {
        "" | "ms" => 1,
        "s" => 1000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    Some(number * factor)
}

/// The value of a term of the code.
fn term(term: &str) -> Option<u64> {
    let term = term.trim();
    for (call, factor) in [("Duration::from_secs(", 1000), ("Duration::from_millis(", 1)] {
        if let Some(inner) = term.strip_prefix(call) {
            return Some(inner.trim_end_matches(')').parse::<u64>().ok()? * factor);
        }
    }
    if let Some((_, end)) = term.split_once("..=") {
        return self::term(end);
    }
    if let Some((number, shift)) = term.split_once("<<") {
        return Some(self::term(number)? << self::term(shift)?);
    }
    if let Some((a, b)) = term.split_once('*') {
        return Some(self::term(a)? * self::term(b)?);
    }
    term.replace('_', "").parse().ok()
}

/// The value of a constant, of a field of a default, or of a default of the command line.
fn value(code: &str, name: &str) -> Option<u64> {
    let constant = format!("const {name}: ");
    if let Some(line) = code.lines().find(|line| line.contains(&constant)) {
        return term(line.split_once(" = ")?.1.trim_end_matches(';'));
    }
    let argument = format!("pub {name}: ");
    let before = code.split_once(&argument).map(|(before, _)| before);
    let default = before.and_then(|b| b.rsplit_once("default_value_t = "));
    if let Some((_, default)) = default {
        return term(default.split([',', ')']).next()?);
    }
    let field = format!("{name}: ");
    let fields = code.split([',', '{', '}', '\n']).map(str::trim);
    fields.filter_map(|part| part.strip_prefix(&field)).find_map(term)
}

#[test]
fn defaults_are_the_constants_of_the_code() -> Result<()> {
    let doc = text("docs/limits.md")?;
    let mut checked = 0;
    for row in rows(&doc) {
        let [_, default, constant, .., test] = row[..] else { continue };
        let [path, name] = quoted(constant)[..] else { continue };
        let code = text(path)?;
        let is = value(&code, name);
        assert!(is.is_some(), "{path} has no {name} that can be read");
        assert_eq!(said(default), is, "{name} of {path}");
        assert!(!quoted(test).is_empty(), "no test is named for {name} of {path}");
        checked += 1;
    }
    assert!(checked > 30, "{checked} limits were found");
    Ok(())
}

#[test]
fn each_kind_of_object_is_listed() -> Result<()> {
    let doc = text("docs/limits.md")?;
    let code = text("compositor/daemon/src/limits.rs")?;
    let in_code: BTreeMap<String, u64> = code
        .lines()
        .filter_map(|line| {
            let (name, most) = line.trim().strip_prefix("(\"")?.split_once("\", ")?;
            Some((name.to_owned(), term(most.trim_end_matches("),"))?))
        })
        .collect();
    let in_doc: BTreeMap<String, u64> = rows(&doc)
        .into_iter()
        .filter_map(|row| {
            let [kind, most] = row[..] else { return None };
            Some(((*quoted(kind).first()?).to_owned(), said(most)?))
        })
        .collect();
    assert_eq!(in_doc, in_code);
    assert!(in_code.len() > 40);
    // And so are the other constants of that file.
    for line in code.lines().filter(|line| line.starts_with("pub(crate) const ")) {
        let name = line.split([' ', ':']).nth(2).unwrap_or_default();
        assert!(doc.contains(&format!("`{name}`")) || name == "OBJECTS", "{name}");
    }
    Ok(())
}

/// The names of all tests below a folder.
fn tests_below(folder: &Path, found: &mut BTreeSet<String>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            tests_below(&path, found)?;
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let code = fs::read_to_string(&path)?;
            let names = code.lines().filter_map(|line| line.trim().strip_prefix("fn "));
            found.extend(names.filter_map(|rest| rest.split('(').next()).map(str::to_owned));
        }
    }
    Ok(())
}

#[test]
fn each_test_that_is_named_exists() -> Result<()> {
    let doc = text("docs/limits.md")?;
    let mut known = BTreeSet::new();
    for folder in ["compositor", "clients", "protocols", "tests/tests"] {
        tests_below(&root().join(folder), &mut known)?;
    }
    // A test's name is a sentence.
    let named = doc.split('`').skip(1).step_by(2);
    let is_name = |word: &&str| word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let named: Vec<&str> = named.filter(is_name).filter(|w| w.matches('_').count() > 3).collect();
    for name in &named {
        assert!(known.contains(*name), "{name} is no test");
    }
    assert!(named.len() > 20, "{}", named.len());
    Ok(())
}
