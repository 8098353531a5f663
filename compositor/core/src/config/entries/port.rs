//! Ports.

use std::path::{Component, Path, PathBuf};

use porthole_pixel::Size;

use super::super::fields::{Report, Table, integer};
use super::super::{
    Clipboard, ClipboardPolicy, Connector, OnClose, Port, PortKind, ResizedBy, Window, limits,
};
use super::{color, small, transform};
use crate::model::Gamma;
use crate::refresh::Refresh;
use crate::scale::Scale;

pub(in crate::config) fn port(report: &mut Report<'_>, table: &Table<'_>) -> Option<Port> {
    let name = table.needed_name(report, "name");
    let kinds = [("headless", Kind::Headless), ("drm", Kind::Drm), ("window", Kind::Window)];
    let kind = table.choice(report, "kind", &kinds);
    // A kind that is not known was reported.
    let known = kind.or_else(|| (!table.has("kind")).then_some(Kind::Headless));
    if let Some(known) = known {
        strangers(report, table, known);
    }
    let kind = match known.unwrap_or(Kind::Headless) {
        Kind::Headless => PortKind::Headless,
        Kind::Drm => PortKind::Drm(connector(report, table)),
        Kind::Window => PortKind::Window(window(report, table)),
    };
    if !table.has("size") && kind == PortKind::Headless {
        table.missing(report, "size", "add size = [1280, 720]");
    }
    let remedy = format!(
        "write size = [WIDTH, HEIGHT] with sides of {} to {} pixels",
        limits::PORT_SIDE.start(),
        limits::PORT_SIDE.end()
    );
    let size = table.numbers(report, "size", &remedy, |value| {
        let side = integer(value).filter(|side| limits::PORT_SIDE.contains(side))?;
        u32::try_from(side).ok()
    });
    let remedy = "use a number of Hz from 1 to 240";
    let refresh = table.number(report, "refresh", remedy, Refresh::from_hz);
    let remedy = "use a number from 1 to 4, in steps of 1/120";
    let scale = table.number(report, "scale", remedy, Scale::new);
    let resizes = [("config", ResizedBy::Configuration), ("viewers", ResizedBy::Viewers)];
    let resized_by = table.choice(report, "resize", &resizes);
    let background = color(report, table, "background");
    let remedy = "use a number from 0.25 to 4";
    let gamma = table.number(report, "gamma", remedy, Gamma::new);
    let pipelines = table.integer(report, "pipelines", &limits::PIPELINES);
    Some(Port {
        name: name?,
        size: match (size, &kind) {
            (Some([width, height]), _) => Size { width, height },
            (None, PortKind::Drm(_)) => limits::UNKNOWN_SCREEN,
            (None, PortKind::Window(_)) => limits::NEW_WINDOW,
            (None, PortKind::Headless) => Size::default(),
        },
        refresh: refresh.unwrap_or_default(),
        scale: scale.unwrap_or_default(),
        // Who makes a window larger wants to see more.
        resized_by: resized_by.unwrap_or(match kind {
            PortKind::Window(_) => ResizedBy::Viewers,
            PortKind::Headless | PortKind::Drm(_) => ResizedBy::Configuration,
        }),
        kind,
        background: background.unwrap_or_default(),
        pipelines: small(pipelines).unwrap_or(limits::DEFAULT_PIPELINES),
        transform: transform(report, table),
        gamma: gamma.unwrap_or_default(),
    })
}

/// What a port is made of, in the file's words.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Headless,
    Drm,
    Window,
}

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Self::Headless => "headless",
            Self::Drm => "drm",
            Self::Window => "window",
        }
    }

    /// The keys that mean something to ports of this kind alone.
    const fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Headless => &[],
            Self::Drm => &["connector", "card", "backlight", "pointer", "boot_picture"],
            Self::Window => &[
                "parent",
                "title",
                "app_id",
                "fullscreen",
                "on_close",
                "shortcuts",
                "clipboard",
                "clipboard_types",
            ],
        }
    }
}

/// Reports the first key of another kind.
fn strangers(report: &mut Report<'_>, table: &Table<'_>, own: Kind) {
    for other in [Kind::Drm, Kind::Window].into_iter().filter(|kind| *kind != own) {
        if let Some(key) = other.keys().iter().find(|key| table.has(key)) {
            let what = format!("'{key}' means nothing for a port of kind \"{}\"", own.word());
            let remedy = format!("add kind = \"{}\", or leave it out", other.word());
            report.add(table.at(key), what, remedy);
        }
    }
}

/// What a window is like. One with a mistake is still read, so that nothing else about it is called
/// wrong too.
fn window(report: &mut Report<'_>, table: &Table<'_>) -> Window {
    let parent = table.string(report, "parent").map(PathBuf::from);
    let fits = |path: &PathBuf| {
        let bytes = path.as_os_str().as_encoded_bytes();
        path.is_absolute() && !bytes.contains(&0) && bytes.len() <= limits::PARENT_PATH
    };
    if parent.as_ref().is_some_and(|parent| !fits(parent)) {
        let remedy =
            "name the socket of the other compositor: parent = \"/run/user/1000/wayland-1\"";
        table.wrong(report, "parent", remedy);
    }
    let mut text = |key: &str| {
        let text = table.string(report, key).map(str::to_owned);
        let plain = |text: &String| {
            text.len() <= limits::WINDOW_TEXT && !text.chars().any(char::is_control)
        };
        if text.as_ref().is_some_and(|text| !plain(text)) {
            let remedy = format!("use a line of at most {} bytes", limits::WINDOW_TEXT);
            table.wrong(report, key, remedy);
        }
        text
    };
    let (title, app_id) = (text("title"), text("app_id"));
    let closes = [("ignore", OnClose::Ignore), ("off", OnClose::Off), ("end", OnClose::End)];
    let shortcuts = [("parent", false), ("port", true)];
    Window {
        parent,
        title,
        app_id,
        fullscreen: table.boolean(report, "fullscreen").unwrap_or_default(),
        on_close: table.choice(report, "on_close", &closes).unwrap_or_default(),
        shortcuts: table.choice(report, "shortcuts", &shortcuts).unwrap_or_default(),
        clipboard: ClipboardPolicy {
            way: table.choice(report, "clipboard", &Clipboard::WORDS).unwrap_or_default(),
            types: clipboard_types(report, table),
        },
    }
}

/// What may be copied besides text.
fn clipboard_types(report: &mut Report<'_>, table: &Table<'_>) -> Vec<String> {
    let types = table.strings(report, "clipboard_types").unwrap_or_default();
    if types.len() > limits::CLIPBOARD_TYPES || !types.iter().all(|(kind, _)| is_type(kind)) {
        let remedy =
            format!("name at most {} types, such as \"image/png\"", limits::CLIPBOARD_TYPES,);
        table.wrong(report, "clipboard_types", remedy);
    }
    types.into_iter().map(|(kind, _)| kind.to_owned()).collect()
}

/// Whether it may name a type of data.
fn is_type(kind: &str) -> bool {
    (1..=limits::CLIPBOARD_TYPE).contains(&kind.len()) && kind.bytes().all(|b| b.is_ascii_graphic())
}

/// What a port of a graphics card is connected to. A port that should have a connector gets one even if
/// that is wrong, so that nothing else about it is called wrong too.
fn connector(report: &mut Report<'_>, table: &Table<'_>) -> Connector {
    if !table.has("connector") {
        table.missing(report, "connector", "add connector = \"HDMI-A-1\" or what it is called");
    }
    let name = table.string(report, "connector").unwrap_or_default();
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    let fits = (1..=limits::CONNECTOR_NAME).contains(&name.len()) && name.bytes().all(plain);
    if table.value("connector").is_some_and(|value| value.get_ref().as_str().is_some()) && !fits {
        let remedy = "name it as below /sys/class/drm, without the card: \"HDMI-A-1\"";
        report.add(table.at("connector"), format!("'{name}' is no connector"), remedy);
    }
    let card = table.string(report, "card").map(PathBuf::from);
    if card.as_deref().is_some_and(|card| !is_device(card)) {
        table.wrong(report, "card", "name a device file, such as card = \"/dev/dri/card0\"");
    }
    let backlight = table.string(report, "backlight").map(PathBuf::from);
    if backlight.as_deref().is_some_and(|folder| !is_plain(folder)) {
        let remedy = "name its folder: backlight = \"/sys/class/backlight/intel_backlight\"";
        table.wrong(report, "backlight", remedy);
    }
    let pointers = [("auto", false), ("picture", true)];
    Connector {
        name: name.to_owned(),
        card,
        backlight,
        paints_pointer: table.choice(report, "pointer", &pointers).unwrap_or_default(),
        boot_picture: table.boolean(report, "boot_picture").unwrap_or_default(),
        own_size: !table.has("size"),
        own_refresh: !table.has("refresh"),
    }
}

/// Whether it is a path of a device file, with nothing in it that leads elsewhere.
pub(super) fn is_device(path: &Path) -> bool {
    path.starts_with("/dev") && is_plain(path)
}

fn is_plain(path: &Path) -> bool {
    path.is_absolute()
        && !path.as_os_str().as_encoded_bytes().contains(&0)
        && path.components().all(|part| !matches!(part, Component::ParentDir))
}
