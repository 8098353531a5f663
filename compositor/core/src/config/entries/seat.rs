//! The machine's own devices.

use std::path::{Path, PathBuf};

use porthole_pixel::Rect;

use super::super::fields::{Report, Table, integer, number};
use super::super::{Seat, SeatBackend, limits};
use super::{keymap_at, port::is_device, single};
use crate::devices::{Calibration, Destination, Kind, Manner, Match, Property, Rule};

/// The keys of a rule.
pub(super) const DEVICE: &[&str] = &[
    "model",
    "id",
    "path",
    "type",
    "property",
    "port",
    "seat",
    "guest",
    "ignore",
    "keymap",
    "speed",
    "acceleration",
    "natural_scroll",
    "left_handed",
    "tap",
    "matrix",
    "area",
];

/// Reads the one table for all devices.
pub(in crate::config) fn seat(report: &mut Report<'_>, top: &Table<'_>) -> Option<(Seat, usize)> {
    let table = single(report, top, "seat")?;
    let backends = [
        ("auto", SeatBackend::Auto),
        ("libseat", SeatBackend::Libseat),
        ("direct", SeatBackend::Direct),
    ];
    let backend = table.choice(report, "backend", &backends).unwrap_or_default();
    let port = table.name(report, "port");
    let keymap = keymap_at(report, &table).unwrap_or_default();
    Some((Seat { backend, port, keymap }, table.at("port")))
}

pub(in crate::config) fn device(report: &mut Report<'_>, table: &Table<'_>) -> Option<Rule> {
    let devices = devices(report, table);
    let to = destination(report, table);
    let keymap = keymap_at(report, table);
    Some(Rule { devices, to, keymap, manner: manner(report, table) })
}

fn devices(report: &mut Report<'_>, table: &Table<'_>) -> Match {
    if !["model", "id", "path", "type", "property"].into_iter().any(|key| table.has(key)) {
        table.missing(report, "model", "say which devices: model, id, path, type or property");
    }
    let mut text = |key: &str, fits: fn(&str) -> bool, remedy: &str| {
        let text = table.string(report, key)?;
        if !fits(text) {
            table.wrong(report, key, remedy);
        }
        Some(text.to_owned())
    };
    let model = text(
        "model",
        |text| (1..=limits::DEVICE_TEXT).contains(&text.len()) && !text.contains(char::is_control),
        "name it as /proc/bus/input/devices does; a * stands for any text",
    );
    let id = text(
        "id",
        |text| hexadecimal(text).is_some(),
        "write maker and product as lsusb does: id = \"046d:c52b\"",
    );
    let path = text(
        "path",
        |text| text.len() <= limits::DEVICE_TEXT && is_device(Path::new(text)),
        "name a file below /dev/input, best one in /dev/input/by-path",
    );
    let property = text(
        "property",
        |text| text.len() <= limits::DEVICE_TEXT && property(text).is_some(),
        "write it as udevadm info does: property = \"ID_SERIAL=...\"; a * in the value stands for any text",
    );
    let kind = table.choice(report, "type", &Kind::WORDS);
    Match {
        model,
        id: id.as_deref().and_then(hexadecimal),
        path: path.map(PathBuf::from),
        kind,
        property: property.as_deref().and_then(self::property),
    }
}

/// A name, and mostly a value.
fn property(text: &str) -> Option<Property> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (text, None),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    let fits = !name.is_empty()
        && name.chars().all(plain)
        && !value.unwrap_or_default().contains(char::is_control);
    fits.then(|| Property { name: name.to_owned(), value: value.map(str::to_owned) })
}

/// Two numbers of four hexadecimal digits.
fn hexadecimal(text: &str) -> Option<(u32, u32)> {
    let number = |digits: &str| {
        let plain = digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_hexdigit());
        plain.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
    };
    let (maker, product) = text.split_once(':')?;
    Some((number(maker)?, number(product)?))
}

fn destination(report: &mut Report<'_>, table: &Table<'_>) -> Option<Destination> {
    let port = table.name(report, "port");
    let seat = table.name(report, "seat");
    let guest = table.name(report, "guest");
    let ignored = table.boolean(report, "ignore").unwrap_or_default();
    let said = [table.has("port"), table.has("guest"), ignored];
    if said.into_iter().filter(|said| *said).count() > 1 {
        let key = if table.has("guest") { "guest" } else { "ignore" };
        let what = format!("'{key}' sends the device elsewhere than the other keys");
        report.add(table.at(key), what, "have only one of port, guest and ignore");
    }
    if seat.is_some() && !table.has("port") {
        table.missing(report, "port", "say at which port the seat is: add port = \"...\"");
    }
    match (port, seat, guest) {
        _ if ignored => Some(Destination::Nowhere),
        (_, _, Some(guest)) => Some(Destination::Guest(guest)),
        (Some(port), Some(seat), None) => Some(Destination::Seat { port, seat }),
        (Some(port), None, None) => Some(Destination::Port(port)),
        (None, _, None) => None,
    }
}

fn manner(report: &mut Report<'_>, table: &Table<'_>) -> Manner {
    let speed = table.number(report, "speed", "use a number from -1 to 1", |speed| {
        (-1.0..=1.0).contains(&speed).then_some(speed)
    });
    let flat = table.choice(report, "acceleration", &[("adaptive", false), ("flat", true)]);
    let remedy = "write six numbers [a, b, c, d, e, f]: (x, y) is at (ax + by + c, dx + ey + f)";
    let matrix: Option<[f64; 6]> = table.numbers(report, "matrix", remedy, number);
    let calibration = matrix.and_then(Calibration::new);
    if matrix.is_some() && calibration.is_none() {
        table.wrong(report, "matrix", remedy);
    }
    let remedy = "write area = [X, Y, WIDTH, HEIGHT] in pixels of the port";
    let area = table.numbers(report, "area", remedy, |value| i32::try_from(integer(value)?).ok());
    let area = area.and_then(|[x, y, width, height]| {
        let area = (width > 0 && height > 0).then(|| Rect::new(x, y, width, height));
        if area.is_none() {
            table.wrong(report, "area", remedy);
        }
        area
    });
    Manner {
        speed,
        flat,
        natural_scroll: table.boolean(report, "natural_scroll"),
        left_handed: table.boolean(report, "left_handed"),
        tap: table.boolean(report, "tap"),
        calibration: calibration.unwrap_or_default(),
        area,
    }
}
