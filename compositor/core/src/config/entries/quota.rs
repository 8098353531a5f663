//! `[limits]`, `[budget]`, and what guests and sockets say of both.

use super::{keys, single, small};
use crate::config::fields::{Report, Table, integer};
use crate::config::{Budget, Limits, Standing, limits as ranges};
use crate::share::Priority;

/// The keys of `[limits]`, and of `limits` of a guest or socket.
pub(super) const LIMITS: &[&str] =
    &["memory", "clients", "objects", "surfaces", "buffers", "requests", "pictures"];

/// Reads what holds for all sockets.
pub(in crate::config) fn limits(report: &mut Report<'_>, top: &Table<'_>) -> Option<Limits> {
    let table = single(report, top, "limits")?;
    Some(of_table(report, &table))
}

fn of_table(report: &mut Report<'_>, table: &Table<'_>) -> Limits {
    let mut count = |key, range| small(table.integer(report, key, range));
    Limits {
        clients: count("clients", &ranges::CLIENTS),
        objects: count("objects", &ranges::OBJECTS),
        surfaces: count("surfaces", &ranges::SURFACES),
        buffers: count("buffers", &ranges::BUFFERS),
        requests: count("requests", &ranges::REQUESTS),
        pictures: count("pictures", &ranges::PICTURES),
        memory: bytes(report, table, "memory"),
    }
}

/// Reads what all may have together.
pub(in crate::config) fn budget(report: &mut Report<'_>, top: &Table<'_>) -> Option<Budget> {
    let table = single(report, top, "budget")?;
    let rate = table.integer(report, "pixels_per_second", &(1..=i64::MAX));
    Some(Budget {
        memory: bytes(report, &table, "memory"),
        pixels_per_second: rate.and_then(|rate| u64::try_from(rate).ok()),
    })
}

/// Reads how much a guest or socket matters, and what it may have.
pub(in crate::config) fn standing(report: &mut Report<'_>, table: &Table<'_>) -> Standing {
    let last = i64::from(Priority::HIGHEST.get());
    let priority = table.integer(report, "priority", &(0..=last));
    let priority = priority.and_then(|number| Priority::new(u8::try_from(number).ok()?));
    let own = table.value("limits").and_then(|value| {
        let Some(entries) = value.get_ref().as_table() else {
            table.wrong(report, "limits", "write limits = { memory = \"64 MiB\" }");
            return None;
        };
        let (_, keys) = keys("limits");
        let table = Table::new(report, "limits", value.span().start, entries, keys);
        Some(of_table(report, &table))
    });
    Standing {
        priority: priority.unwrap_or_default(),
        reserve: bytes(report, table, "reserve").unwrap_or_default(),
        limits: own.unwrap_or_default(),
    }
}

/// An amount of memory: a whole number of bytes, or one with a unit.
fn bytes(report: &mut Report<'_>, table: &Table<'_>, key: &str) -> Option<u64> {
    let value = table.value(key)?.get_ref();
    let amount = match value.as_str() {
        Some(text) => with_unit(text),
        None => integer(value).and_then(|bytes| u64::try_from(bytes).ok()),
    };
    if amount.is_none() {
        table.wrong(report, key, "write an amount such as \"64 MiB\", in KiB, MiB or GiB");
    }
    amount
}

fn with_unit(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(digits)?;
    let shift = match unit.trim_start_matches(' ') {
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_a_unit() {
        for (text, bytes) in [("1 KiB", 1024), ("512MiB", 512 << 20), ("2 GiB", 2 << 30)] {
            assert_eq!(with_unit(text), Some(bytes));
        }
        for text in ["", "12", "MiB", "1 MB", "1.5 GiB", "-1 KiB", "99999999999999 GiB", "1 KiB "] {
            assert_eq!(with_unit(text), None, "{text}");
        }
    }
}
