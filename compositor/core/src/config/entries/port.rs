//! Ports.

use std::path::{Component, Path, PathBuf};

use porthole_pixel::Size;

use super::super::fields::{Report, Table, integer};
use super::super::{Connector, Port, PortKind, ResizedBy, limits};
use super::{color, small, transform};
use crate::model::Gamma;
use crate::refresh::Refresh;
use crate::scale::Scale;

pub(in crate::config) fn port(report: &mut Report<'_>, table: &Table<'_>) -> Option<Port> {
    let name = table.needed_name(report, "name");
    let is_drm = table.choice(report, "kind", &[("headless", false), ("drm", true)]);
    let connector = connector(report, table, is_drm);
    if !table.has("size") && connector.is_none() {
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
        size: match (size, &connector) {
            (Some([width, height]), _) => Size { width, height },
            (None, Some(_)) => limits::UNKNOWN_SCREEN,
            (None, None) => Size::default(),
        },
        kind: connector.map_or(PortKind::Headless, PortKind::Drm),
        refresh: refresh.unwrap_or_default(),
        scale: scale.unwrap_or_default(),
        resized_by: resized_by.unwrap_or_default(),
        background: background.unwrap_or_default(),
        pipelines: small(pipelines).unwrap_or(limits::DEFAULT_PIPELINES),
        transform: transform(report, table),
        gamma: gamma.unwrap_or_default(),
    })
}

/// What a port of a graphics card is connected to. A port that should have a connector gets one even if
/// that is wrong, so that nothing else about it is called wrong too.
fn connector(
    report: &mut Report<'_>,
    table: &Table<'_>,
    is_drm: Option<bool>,
) -> Option<Connector> {
    if is_drm != Some(true) {
        // A kind that is not known was reported.
        let unread = ["connector", "card"].into_iter().find(|key| table.has(key));
        if let Some(key) = unread.filter(|_| is_drm.is_some() || !table.has("kind")) {
            let what = format!("'{key}' means nothing for a port of kind \"headless\"");
            report.add(table.at(key), what, "add kind = \"drm\", or leave it out");
        }
        return None;
    }
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
    let (own_size, own_refresh) = (!table.has("size"), !table.has("refresh"));
    Some(Connector { name: name.to_owned(), card, own_size, own_refresh })
}

/// Whether it is a path of a device file, with nothing in it that leads elsewhere.
fn is_device(path: &Path) -> bool {
    path.starts_with("/dev")
        && !path.as_os_str().as_encoded_bytes().contains(&0)
        && path.components().all(|part| !matches!(part, Component::ParentDir))
}
