//! One reader for each kind of entry. What an entry says of others is the checks' business.

use std::collections::BTreeMap;

use toml::de::DeValue;

use super::fields::{Report, Table, integer};
use super::suggest;
use super::{
    Clipboard, Guest, Input, Keymap, Layer, Port, Program, Render, Renderer, Repeat, Restart,
    Socket, limits,
};
use crate::chord::Chord;
use crate::color::Color;
use crate::devices::Rule;
use crate::owner::Owner;
use crate::rights::{Right, RightError, SocketRights};
use crate::scene::Transform;

mod layer;
mod port;
mod quota;
mod seat;

pub(super) use layer::layer;
pub(super) use port::port;
pub(super) use quota::{budget, limits, standing};
pub(super) use seat::{device, seat};

/// An entry as far as it could be read.
#[derive(Debug)]
pub(super) struct Entry<'t, T> {
    pub(super) item: T,
    /// The table it was read from, for the places of its values.
    pub(super) table: Table<'t>,
    /// Whether nothing in it is wrong by itself.
    pub(super) sound: bool,
}

/// All entries of a file.
#[derive(Debug)]
pub(super) struct Entries<'t> {
    pub(super) ports: Vec<Entry<'t, Port>>,
    pub(super) guests: Vec<Entry<'t, Guest>>,
    pub(super) layers: Vec<Entry<'t, (Layer, bool)>>,
    pub(super) sockets: Vec<Entry<'t, Socket>>,
    pub(super) programs: Vec<Entry<'t, Program>>,
    pub(super) devices: Vec<Entry<'t, Rule>>,
}

/// How an entry of a kind is read: `None` when it lacks what it is known by.
type Read<T> = fn(&mut Report<'_>, &Table<'_>) -> Option<T>;

/// Title and keys of each kind of entry.
pub(super) fn keys(kind: &str) -> (&'static str, &'static [&'static str]) {
    match kind {
        "input" => ("[input]", &["escape", "repeat_rate", "repeat_delay"]),
        "seat" => ("[seat]", &["backend", "port", "keymap"]),
        "render" => ("[render]", &["renderer"]),
        "device" => ("[[device]]", seat::DEVICE),
        "port" => (
            "[[port]]",
            &[
                "name",
                "kind",
                "connector",
                "card",
                "backlight",
                "pointer",
                "boot_picture",
                "parent",
                "title",
                "app_id",
                "fullscreen",
                "on_close",
                "shortcuts",
                "clipboard",
                "clipboard_types",
                "size",
                "refresh",
                "scale",
                "resize",
                "background",
                "pipelines",
                "rotation",
                "flip",
                "mirror",
                "gamma",
            ],
        ),
        "limits" => ("[limits]", quota::LIMITS),
        "budget" => ("[budget]", &["memory", "pixels_per_second"]),
        "guest" => (
            "[[guest]]",
            &["name", "keymap", "scanouts", "owner", "clipboard", "priority", "reserve", "limits"],
        ),
        "layer" => (
            "[[layer]]",
            &[
                "name",
                "port",
                "guest",
                "scanout",
                "app_id",
                "socket",
                "rect",
                "order",
                "opacity",
                "source",
                "fit",
                "lead",
                "pixels",
                "filter",
                "rotation",
                "flip",
                "mirror",
                "alpha",
                "key",
                "mask",
                "hole",
                "input",
                "fallback",
                "deadline",
                "rate_limit",
                "keyboard",
            ],
        ),
        "socket" => {
            ("[[socket]]", &["name", "mode", "owner", "rights", "priority", "reserve", "limits"])
        }
        _ => ("[[program]]", &["name", "command", "socket", "restart", "env"]),
    }
}

/// A table that is there once.
fn single<'t>(report: &mut Report<'_>, top: &Table<'t>, kind: &'static str) -> Option<Table<'t>> {
    let value = top.value(kind)?;
    let (title, keys) = keys(kind);
    let Some(entries) = value.get_ref().as_table() else {
        top.wrong(report, kind, format!("begin it with a line {title}"));
        return None;
    };
    Some(Table::new(report, title, value.span().start, entries, keys))
}

/// Reads the one table for all ports.
pub(super) fn render(report: &mut Report<'_>, top: &Table<'_>) -> Option<Render> {
    let table = single(report, top, "render")?;
    let choices = [("auto", Renderer::Auto), ("cpu", Renderer::Cpu), ("gles", Renderer::Gles)];
    let renderer = table.choice(report, "renderer", &choices).unwrap_or_default();
    Some(Render { renderer })
}

/// Reads the one table for all people.
pub(super) fn input(report: &mut Report<'_>, top: &Table<'_>) -> Option<Input> {
    let table = single(report, top, "input")?;
    let known = Repeat::default();
    let rate = small(table.integer(report, "repeat_rate", &limits::REPEAT_RATE));
    let delay = small(table.integer(report, "repeat_delay", &limits::REPEAT_DELAY));
    let repeat = Repeat { rate: rate.unwrap_or(known.rate), delay: delay.unwrap_or(known.delay) };
    let escape = match table.string(report, "escape") {
        None => Some(Chord::default()),
        Some("none") => None,
        Some(text) => match Chord::parse(text) {
            Ok(chord) => Some(chord),
            Err(error) => {
                let remedy = format!("write escape = \"{}\" or \"none\"", Chord::default());
                report.add(table.at("escape"), error, remedy);
                None
            }
        },
    };
    Some(Input { escape, repeat })
}

/// Reads all entries of a kind.
pub(super) fn list<'t, T>(
    report: &mut Report<'_>,
    top: &Table<'t>,
    kind: &'static str,
    read: Read<T>,
) -> Vec<Entry<'t, T>> {
    let (title, keys) = keys(kind);
    let Some(value) = top.value(kind) else { return Vec::new() };
    let tables = value.get_ref().as_array().map_or(&[][..], |array| array);
    if tables.iter().any(|item| !item.get_ref().is_table()) || !value.get_ref().is_array() {
        top.wrong(report, kind, format!("begin each {kind} with a line {title}"));
        return Vec::new();
    }
    if tables.len() > limits::ENTRIES {
        let remedy = format!("have at most {} of each kind", limits::ENTRIES);
        report.add(top.at(kind), format!("too many {kind} entries"), remedy);
        return Vec::new();
    }
    let mut found = Vec::with_capacity(tables.len());
    for item in tables {
        let Some(entries) = item.get_ref().as_table() else { continue };
        let before = report.count();
        let table = Table::new(report, title, item.span().start, entries, keys);
        if let Some(item) = read(report, &table) {
            found.push(Entry { item, table, sound: report.count() == before });
        }
    }
    found
}

fn color(report: &mut Report<'_>, table: &Table<'_>, key: &str) -> Option<Color> {
    let color = Color::parse(table.string(report, key)?);
    if color.is_none() {
        table.wrong(report, key, "write a colour as \"#rrggbb\"");
    }
    color
}

/// How something is turned: flipped and mirrored first, then rotated.
fn transform(report: &mut Report<'_>, table: &Table<'_>) -> Transform {
    let flip = table.boolean(report, "flip").unwrap_or_default();
    let mirror = table.boolean(report, "mirror").unwrap_or_default();
    let turns = table.value("rotation").map_or(Some(0), |value| match integer(value.get_ref()) {
        Some(degrees @ (0 | 90 | 180 | 270)) => u32::try_from(degrees / 90).ok(),
        _ => None,
    });
    if turns.is_none() {
        table.wrong(report, "rotation", "use 0, 90, 180 or 270 (clockwise)");
    }
    Transform::from_wfd((flip, mirror), turns.unwrap_or_default())
}

pub(super) fn guest(report: &mut Report<'_>, table: &Table<'_>) -> Option<Guest> {
    let name = table.needed_name(report, "name");
    let keymap = keymap_at(report, table);
    let scanouts = table.integer(report, "scanouts", &limits::SCANOUTS);
    let owner = owner(report, table);
    let clipboard = table.choice(report, "clipboard", &Clipboard::WORDS).unwrap_or_default();
    Some(Guest {
        name: name?,
        keymap: keymap.unwrap_or_default(),
        scanouts: small(scanouts).unwrap_or(1),
        owner,
        clipboard,
        standing: standing(report, table),
    })
}

/// The layout of the key `keymap`.
fn keymap_at(report: &mut Report<'_>, table: &Table<'_>) -> Option<Keymap> {
    let keymap = keymap(table.string(report, "keymap")?);
    if keymap.is_none() {
        let remedy = "write an XKB layout such as \"us\", or with a variant \"de:nodeadkeys\"";
        table.wrong(report, "keymap", remedy);
    }
    keymap
}

/// Layout and variant become file names and lines of XKB's grammar, so they are plain words.
fn keymap(text: &str) -> Option<Keymap> {
    let word = |word: &str| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        ((1..=64).contains(&word.len()) && word.bytes().all(plain)).then(|| word.to_owned())
    };
    match text.split_once(':') {
        None => Some(Keymap { layout: word(text)?, variant: None }),
        Some((layout, variant)) => {
            Some(Keymap { layout: word(layout)?, variant: Some(word(variant)?) })
        }
    }
}

fn owner(report: &mut Report<'_>, table: &Table<'_>) -> Option<Owner> {
    let text = match integer(table.value("owner")?.get_ref()) {
        Some(id) => id.to_string(),
        None => table.string(report, "owner")?.to_owned(),
    };
    let owner = Owner::parse(&text);
    if owner.is_none() {
        table.wrong(report, "owner", "write \"USER\" or \"USER:GROUP\", by name or number");
    }
    owner
}

pub(super) fn socket(report: &mut Report<'_>, table: &Table<'_>) -> Option<Socket> {
    let name = table.needed_name(report, "name");
    let mode = table.string(report, "mode").and_then(|text| {
        let octal = text.bytes().all(|b| matches!(b, b'0'..=b'7')) && text.len() <= 4;
        let mode = if octal { u32::from_str_radix(text, 8).ok() } else { None };
        // Connecting needs the right to write.
        let mode = mode.filter(|mode| *mode <= 0o777 && mode & 0o222 != 0);
        if mode.is_none() {
            table.wrong(report, "mode", "write permission bits such as \"0700\" or \"0770\"");
        }
        mode
    });
    let owner = owner(report, table);
    let mut rights = Vec::new();
    for (text, at) in table.strings(report, "rights").unwrap_or_default() {
        match Right::parse(text) {
            Ok(right) => rights.push(right),
            Err(why) => {
                let remedy = match &why {
                    RightError::Unknown(verb) => suggest::remedy(verb, Right::VERBS),
                    RightError::NoPort => "write \"watch\"".to_owned(),
                    _ => format!("write \"{}:PORT\"", text.split(':').next().unwrap_or(text)),
                };
                report.add(at, format!("'{text}' is not a right: {why}"), remedy);
            }
        }
    }
    let rights: SocketRights = rights.into_iter().collect();
    let standing = standing(report, table);
    Some(Socket { name: name?, mode: mode.unwrap_or(0o700), owner, rights, standing })
}

pub(super) fn program(report: &mut Report<'_>, table: &Table<'_>) -> Option<Program> {
    let name = table.needed_name(report, "name");
    let socket = table.needed_name(report, "socket");
    if !table.has("command") {
        table.missing(report, "command", "add command = [\"program\", \"argument\"]");
    }
    let command: Vec<String> = table
        .strings(report, "command")
        .unwrap_or_default()
        .iter()
        .map(|(text, _)| (*text).to_owned())
        .collect();
    let empty = command.first().is_none_or(String::is_empty);
    if table.value("command").is_some_and(|value| value.get_ref().is_array())
        && (empty || command.iter().any(|text| text.contains('\0')))
    {
        table.wrong(report, "command", "name the program first, then its arguments");
    }
    let choices = [("never", Restart::Never), ("on-failure", Restart::OnFailure)];
    let restart = table.choice(report, "restart", &choices);
    let env = environment(report, table);
    let restart = restart.unwrap_or_default();
    Some(Program { name: name?, command, socket: socket?, restart, env })
}

fn environment(report: &mut Report<'_>, table: &Table<'_>) -> BTreeMap<String, String> {
    let mut env = BTreeMap::new();
    let Some(value) = table.value("env") else { return env };
    let Some(entries) = value.get_ref().as_table() else {
        table.wrong(report, "env", "write env = { NAME = \"value\" }");
        return env;
    };
    for (key, value) in entries {
        let (name, at) = (key.get_ref().as_ref(), key.span().start);
        let DeValue::String(text) = value.get_ref() else {
            report.add(at, format!("variable '{name}' is not a text"), "put it in quotes");
            continue;
        };
        if name.is_empty() || name.contains(['=', '\0']) || text.contains('\0') {
            let remedy = "use a name without '=', and no NUL in name or value";
            report.add(at, format!("'{name}' cannot be a variable"), remedy);
        } else if matches!(name, "WAYLAND_DISPLAY" | "WAYLAND_SOCKET") {
            let remedy = "leave it out, and name the socket with socket = \"...\"";
            report.add(at, format!("'{name}' is the service's to set"), remedy);
        } else {
            env.insert(name.to_owned(), text.as_ref().to_owned());
        }
    }
    env
}

/// A number from a range that is known to be small and not negative.
fn small(number: Option<i64>) -> Option<u32> {
    u32::try_from(number?).ok()
}
