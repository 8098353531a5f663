//! From TOML to the types of the configuration.
//!
//! An entry with a mistake is still read, with a default in the place of what is wrong, so that
//! what refers to it is not called wrong too. Such a configuration never leaves this module.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::check;
use super::entries;
use super::fields::{Report, Table, integer};
use super::{Config, ConfigErrors, limits};

/// The keys outside all tables of the file, and the names of these.
pub(super) const KEYS: &[&str] = &[
    "version", "splash", "input", "seat", "render", "limits", "budget", "port", "guest", "layer",
    "socket", "program", "device",
];

/// Reads the file, up to the largest size that a configuration may have.
pub(super) fn text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let file = std::fs::File::open(path)?;
    let read = file.take(limits::FILE_BYTES + 1).read_to_string(&mut text)?;
    if u64::try_from(read).unwrap_or(u64::MAX) > limits::FILE_BYTES {
        let what = format!("it is larger than {} bytes", limits::FILE_BYTES);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, what));
    }
    Ok(text)
}

pub(super) fn config(text: &str, file: &str) -> Result<Config, ConfigErrors> {
    let mut report = Report::new(file, text);
    let config = checked(&mut report, text);
    match ConfigErrors::from_list(report.into_errors()) {
        None => Ok(config),
        Some(errors) => Err(errors),
    }
}

/// What the file says; it is right only if nothing was reported.
fn checked(report: &mut Report<'_>, text: &str) -> Config {
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let at = error.span().map_or(0, |span| span.start);
        // The reader's messages may have several lines; ours have one.
        let what = error.message().replace('\n', ", ");
        report.add(at, format!("not TOML: {what}"), "mend the line, see https://toml.io");
    }
    // After a mistake of syntax the rest may be read wrongly, and another version may mean
    // something else by the same words: in both cases further messages would mislead.
    if !errors.is_empty() || !version(report, document.get_ref()) {
        return Config::default();
    }
    let top = Table::new(report, "the file", 0, document.get_ref(), KEYS);
    let found = entries::Entries {
        ports: entries::list(report, &top, "port", entries::port),
        guests: entries::list(report, &top, "guest", entries::guest),
        layers: entries::list(report, &top, "layer", entries::layer),
        sockets: entries::list(report, &top, "socket", entries::socket),
        programs: entries::list(report, &top, "program", entries::program),
        devices: entries::list(report, &top, "device", entries::device),
    };
    let limits = entries::limits(report, &top).unwrap_or_default();
    let budget = entries::budget(report, &top).unwrap_or_default();
    let mut config = check::all(report, found, (limits, budget));
    config.splash = splash(report, &top);
    if let Some(input) = entries::input(report, &top) {
        config.input = input;
    }
    let seat = entries::seat(report, &top);
    check::seat(report, &config, seat.as_ref(), top.at("device"));
    config.seat = seat.map(|(seat, _)| seat);
    if let Some(render) = entries::render(report, &top) {
        config.render = render;
    }
    config
}

/// Whether the file is of the version that is read here.
fn version(report: &mut Report<'_>, top: &DeTable<'_>) -> bool {
    let Some(value) = top.get("version") else {
        report.add(0, "the file has no 'version'", "add version = 1 as its first line");
        return false;
    };
    let known = integer(value.get_ref()) == Some(limits::VERSION);
    if !known {
        let found = match value.get_ref() {
            DeValue::Integer(number) => format!("version {number} of the configuration"),
            other => format!("'version' cannot be this {}", other.type_str()),
        };
        let remedy = "this release reads version = 1";
        report.add(value.span().start, format!("{found} is not known"), remedy);
    }
    known
}

fn splash(report: &mut Report<'_>, top: &Table<'_>) -> Option<PathBuf> {
    let text = top.string(report, "splash")?;
    let path = report.path(text);
    if path.is_none() {
        top.wrong(report, "splash", "name a PNG file, or leave it out for the built-in picture");
    }
    path
}
