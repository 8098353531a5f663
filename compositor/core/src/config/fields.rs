//! Reading the keys of a table, with a mistake noted for each that is not as it should be.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{ConfigError, suggest};
use crate::name::Name;

/// The mistakes found so far.
#[derive(Debug)]
pub(super) struct Report<'a> {
    file: &'a str,
    text: &'a str,
    errors: Vec<ConfigError>,
}

impl<'a> Report<'a> {
    pub(super) const fn new(file: &'a str, text: &'a str) -> Self {
        Self { file, text, errors: Vec::new() }
    }

    /// Notes a mistake at a byte of the file.
    pub(super) fn add(&mut self, at: usize, what: impl Display, remedy: impl Display) {
        let before = self.text.as_bytes().get(..at).unwrap_or(self.text.as_bytes());
        let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
        self.errors.push(ConfigError {
            file: self.file.to_owned(),
            line: Some(line),
            what: in_one_line(&what.to_string()),
            remedy: in_one_line(&remedy.to_string()),
        });
    }

    /// A file that the configuration names, from its own folder; `None` for what is no path.
    pub(super) fn path(&self, text: &str) -> Option<PathBuf> {
        let folder = Path::new(self.file).parent().unwrap_or_else(|| Path::new(""));
        (!text.is_empty() && !text.contains('\0')).then(|| folder.join(text))
    }

    /// How many mistakes there are; an entry that added none is sound in itself.
    pub(super) const fn count(&self) -> usize {
        self.errors.len()
    }

    pub(super) fn into_errors(self) -> Vec<ConfigError> {
        self.errors
    }
}

/// A table of the file. Getters give `None` when the key is absent, and also, after noting the
/// mistake, when its value is of the wrong kind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table<'t> {
    /// How messages call it, such as `[[port]]`.
    title: &'static str,
    entries: &'t DeTable<'t>,
    at: usize,
}

impl<'t> Table<'t> {
    /// Wraps a table and notes its keys that are not among `keys`.
    pub(super) fn new(
        report: &mut Report<'_>,
        title: &'static str,
        at: usize,
        entries: &'t DeTable<'t>,
        keys: &[&'static str],
    ) -> Self {
        for key in entries.keys() {
            let typed = key.get_ref().as_ref();
            if !keys.contains(&typed) {
                let what = format!("{title} has no key '{typed}'");
                report.add(key.span().start, what, suggest::remedy(typed, keys.iter().copied()));
            }
        }
        Self { title, entries, at }
    }

    /// Where the value of a key is, or the table when it is absent.
    pub(super) fn at(&self, key: &str) -> usize {
        self.entries.get(key).map_or(self.at, |value| value.span().start)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    pub(super) fn value(&self, key: &str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.entries.get(key)
    }

    /// Notes that a key is absent.
    pub(super) fn missing(&self, report: &mut Report<'_>, key: &str, remedy: &str) {
        report.add(self.at, format!("{} has no '{key}'", self.title), remedy);
    }

    /// Notes that the value of a key is of the wrong kind.
    pub(super) fn wrong(&self, report: &mut Report<'_>, key: &str, remedy: impl Display) {
        let found = self.entries.get(key).map_or("nothing", |value| value.get_ref().type_str());
        let what = format!("'{key}' cannot be this {found}");
        report.add(self.at(key), what, remedy);
    }

    pub(super) fn string(&self, report: &mut Report<'_>, key: &str) -> Option<&'t str> {
        let text = self.value(key)?.get_ref().as_str();
        if text.is_none() {
            self.wrong(report, key, format!("write {key} = \"...\""));
        }
        text
    }

    pub(super) fn boolean(&self, report: &mut Report<'_>, key: &str) -> Option<bool> {
        let value = self.value(key)?.get_ref().as_bool();
        if value.is_none() {
            self.wrong(report, key, format!("write {key} = true or {key} = false"));
        }
        value
    }

    pub(super) fn integer(
        &self,
        report: &mut Report<'_>,
        key: &str,
        range: &RangeInclusive<i64>,
    ) -> Option<i64> {
        let number = integer(self.value(key)?.get_ref()).filter(|n| range.contains(n));
        if number.is_none() {
            let remedy = format!("use a whole number from {} to {}", range.start(), range.end());
            self.wrong(report, key, remedy);
        }
        number
    }

    /// A number with or without a fraction that `convert` accepts.
    pub(super) fn number<T>(
        &self,
        report: &mut Report<'_>,
        key: &str,
        remedy: &str,
        convert: impl Fn(f64) -> Option<T>,
    ) -> Option<T> {
        let number = number(self.value(key)?.get_ref()).and_then(convert);
        if number.is_none() {
            self.wrong(report, key, remedy);
        }
        number
    }

    /// A list of exactly `N` numbers that `convert` accepts one by one.
    pub(super) fn numbers<const N: usize, T>(
        &self,
        report: &mut Report<'_>,
        key: &str,
        remedy: &str,
        convert: impl Fn(&DeValue<'_>) -> Option<T>,
    ) -> Option<[T; N]> {
        let value = self.value(key)?.get_ref();
        let items = value.as_array().and_then(|items| {
            let items: Option<Vec<T>> = items.iter().map(|item| convert(item.get_ref())).collect();
            items?.try_into().ok()
        });
        if items.is_none() {
            self.wrong(report, key, remedy);
        }
        items
    }

    /// A list of texts, each with its place.
    pub(super) fn strings(
        &self,
        report: &mut Report<'_>,
        key: &str,
    ) -> Option<Vec<(&'t str, usize)>> {
        let value = self.value(key)?.get_ref();
        let items = value.as_array().and_then(|items| {
            items.iter().map(|i| i.get_ref().as_str().map(|text| (text, i.span().start))).collect()
        });
        if items.is_none() {
            self.wrong(report, key, format!("write {key} = [\"...\", \"...\"]"));
        }
        items
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(
        &self,
        report: &mut Report<'_>,
        key: &str,
        choices: &[(&'static str, T)],
    ) -> Option<T> {
        let typed = self.string(report, key)?;
        let found = choices.iter().find(|(word, _)| *word == typed).map(|&(_, value)| value);
        if found.is_none() {
            let remedy = suggest::remedy(typed, choices.iter().map(|&(word, _)| word));
            report.add(self.at(key), format!("'{key}' cannot be '{typed}'"), remedy);
        }
        found
    }

    /// A name, when the key is there.
    pub(super) fn name(&self, report: &mut Report<'_>, key: &str) -> Option<Name> {
        let typed = self.string(report, key)?;
        match Name::new(typed) {
            Ok(name) => Some(name),
            Err(why) => {
                report.add(self.at(key), format!("'{typed}' is not a name"), why);
                None
            }
        }
    }

    /// A name that must be there.
    pub(super) fn needed_name(&self, report: &mut Report<'_>, key: &str) -> Option<Name> {
        if !self.has(key) {
            self.missing(report, key, &format!("add {key} = \"...\""));
        }
        self.name(report, key)
    }
}

/// A whole number that fits in 64 bits.
pub(super) fn integer(value: &DeValue<'_>) -> Option<i64> {
    let integer = value.as_integer()?;
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// A finite number, whole or not.
pub(super) fn number(value: &DeValue<'_>) -> Option<f64> {
    let parsed = match value {
        DeValue::Float(float) => float.as_str().parse::<f64>().ok()?,
        // Every whole number that has a meaning here is far below 2^31.
        other => f64::from(i32::try_from(integer(other)?).ok()?),
    };
    parsed.is_finite().then_some(parsed)
}

/// What the file says may be quoted in a message, which is a line for a terminal.
fn in_one_line(text: &str) -> String {
    let shown =
        |c: char| if c.is_control() { c.escape_default().collect() } else { String::from(c) };
    text.chars().map(shown).collect()
}
