//! What entries say of each other.

use std::collections::BTreeMap;

use porthole_pixel::Rect;

use super::entries::{Entries, Entry};
use super::fields::{Report, Table};
use super::{
    Budget, Config, Content, Input, Layer, Limits, Port, PortKind, Quota, Render, Seat, Standing,
    limits, suggest,
};
use crate::devices::Destination;
use crate::name::Name;

/// Checks all entries together and takes them over.
pub(super) fn all(
    report: &mut Report<'_>,
    mut found: Entries<'_>,
    (limits, budget): (Limits, Budget),
) -> Config {
    names(report, &found);
    connectors(report, &found.ports);
    memory(report, &found.ports);
    // Layers first get the rectangle that they were not given.
    for entry in &mut found.layers {
        let (layer, given) = &mut entry.item;
        let port = found.ports.iter().find(|port| port.item.name == layer.port);
        if let Some(port) = port.filter(|_| !*given) {
            layer.rect = Rect::from_size(port.item.area());
        }
    }
    for entry in &found.layers {
        references(report, &found, entry);
    }
    layers_together(report, &found);
    rights(report, &found);
    programs(report, &found);
    devices(report, &found);
    reservations(report, &found, limits, budget);
    pixel_rate(report, &found.ports, budget);
    Config {
        splash: None,
        input: Input::default(),
        seat: None,
        devices: items(found.devices),
        render: Render::default(),
        limits,
        budget,
        ports: items(found.ports),
        guests: items(found.guests),
        layers: found.layers.into_iter().map(|entry| entry.item.0).collect(),
        sockets: items(found.sockets),
        programs: items(found.programs),
    }
}

fn items<T>(entries: Vec<Entry<'_, T>>) -> Vec<T> {
    entries.into_iter().map(|entry| entry.item).collect()
}

fn names(report: &mut Report<'_>, found: &Entries<'_>) {
    unique(report, "port", found.ports.iter().map(|e| (&e.item.name, &e.table)));
    unique(report, "layer", found.layers.iter().map(|e| (&e.item.0.name, &e.table)));
    unique(report, "program", found.programs.iter().map(|e| (&e.item.name, &e.table)));
    unique(report, "guest", found.guests.iter().map(|e| (&e.item.name, &e.table)));
    unique(report, "socket", found.sockets.iter().map(|e| (&e.item.name, &e.table)));
    for entry in &found.sockets {
        let name = &entry.item.name;
        if found.guests.iter().any(|guest| guest.item.name == *name) {
            let what = format!("socket '{name}' has the name of a guest, whose socket it would be");
            report.add(entry.table.at("name"), what, "give it another name");
        }
    }
}

/// Whether the file says which size a port has.
const fn has_size(port: &Port) -> bool {
    !matches!(&port.kind, PortKind::Drm(connector) if connector.own_size)
}

/// A connector is one port's.
fn connectors(report: &mut Report<'_>, ports: &[Entry<'_, Port>]) {
    let mut taken = BTreeMap::new();
    for entry in ports.iter().filter(|entry| entry.sound) {
        let PortKind::Drm(connector) = &entry.item.kind else { continue };
        let of = (&connector.name, &connector.card);
        if let Some(first) = taken.insert(of, &entry.item.name) {
            let (name, port) = (&connector.name, &entry.item.name);
            let what = format!("ports '{first}' and '{port}' are both on connector '{name}'");
            report.add(entry.table.at("connector"), what, "have one port on each connector");
        }
    }
}

fn unique<'e, 't: 'e>(
    report: &mut Report<'_>,
    kind: &str,
    names: impl Iterator<Item = (&'e Name, &'e Table<'t>)>,
) {
    let mut seen = std::collections::BTreeSet::new();
    for (name, table) in names {
        if !seen.insert(name) {
            let what = format!("there is a {kind} '{name}' already");
            report.add(table.at("name"), what, "give each its own name");
        }
    }
}

fn memory(report: &mut Report<'_>, ports: &[Entry<'_, Port>]) {
    let mut used = 0_u64;
    for entry in ports {
        let needed = limits::frame_bytes(entry.item.size, entry.item.is_window());
        used = used.saturating_add(needed);
        if used > limits::FRAME_MEMORY {
            let what = format!(
                "the frames of the ports up to '{}' take {} MiB",
                entry.item.name,
                used.div_ceil(1 << 20)
            );
            let limit = limits::FRAME_MEMORY >> 20;
            let remedy = format!("make ports smaller or fewer, to stay within {limit} MiB");
            report.add(entry.table.at("size"), what, remedy);
            // Once is enough; the ports after it would all be told the same.
            return;
        }
    }
}

/// What a layer names, and its place on its port.
fn references(report: &mut Report<'_>, found: &Entries<'_>, entry: &Entry<'_, (Layer, bool)>) {
    let (layer, given) = &entry.item;
    match found.ports.iter().find(|port| port.item.name == layer.port) {
        None => {
            let known = found.ports.iter().map(|port| port.item.name.as_str());
            unknown(report, entry.table.at("port"), "port", &layer.port, known);
        }
        // A screen's own size is not known here: what reaches out of it is cut.
        Some(port) if *given && port.sound && !layer.rect.is_empty() && has_size(&port.item) => {
            let size = port.item.area();
            if !Rect::from_size(size).contains_rect(layer.rect) {
                let what = format!(
                    "layer '{}' reaches outside port '{}', which is {} x {}",
                    layer.name, layer.port, size.width, size.height
                );
                let remedy = "move it or make it smaller; to show a part of a picture, use source";
                report.add(entry.table.at("rect"), what, remedy);
            }
        }
        Some(_) => {}
    }
    match &layer.content {
        Content::Guest { guest, scanout } => {
            let known = || found.guests.iter().map(|guest| guest.item.name.as_str());
            match found.guests.iter().find(|entry| entry.item.name == *guest) {
                None => unknown(report, entry.table.at("guest"), "guest", guest, known()),
                Some(owner) if owner.sound && *scanout >= owner.item.scanouts => {
                    let scanouts = owner.item.scanouts;
                    let what = format!(
                        "guest '{guest}' has no scanout {scanout}: it has {scanouts}, from 0"
                    );
                    let remedy = "use a smaller one, or raise the guest's scanouts";
                    report.add(entry.table.at("scanout"), what, remedy);
                }
                Some(_) => {}
            }
        }
        Content::App { socket, .. } => {
            let known = || found.sockets.iter().map(|socket| socket.item.name.as_str());
            if !known().any(|name| *socket == *name) {
                unknown(report, entry.table.at("socket"), "socket", socket, known());
            }
        }
    }
}

/// Order, content and number of the layers of each port.
fn layers_together(report: &mut Report<'_>, found: &Entries<'_>) {
    let mut orders = BTreeMap::new();
    let mut contents = BTreeMap::new();
    let mut counts = BTreeMap::<&Name, u32>::new();
    for entry in &found.layers {
        let (layer, _) = &entry.item;
        // An order that could not be read was reported; its stand-in is nobody's.
        if entry.sound {
            if let Some(first) = orders.insert((&layer.port, layer.order), &layer.name) {
                let what = format!(
                    "layers '{first}' and '{}' both have order {} on port '{}'",
                    layer.name, layer.order, layer.port
                );
                report.add(entry.table.at("order"), what, "give each its own; larger is above");
            }
            if let Some(first) = contents.insert(&layer.content, &layer.name) {
                let what = format!("{} is shown by layer '{first}' already", layer.content);
                report.add(entry.table.at("name"), what, "show it by one layer only");
            }
        }
        let count = counts.entry(&layer.port).or_default();
        *count += 1;
        let port = found.ports.iter().find(|port| port.item.name == layer.port);
        // Told once, by the first layer that is too many.
        if port.is_some_and(|port| port.sound && *count == port.item.pipelines + 1) {
            let (name, port) = (&layer.name, &layer.port);
            let what = format!("port '{port}' has no pipeline left for layer '{name}'");
            report.add(entry.table.at("port"), what, "raise the port's pipelines");
        }
    }
}

fn rights(report: &mut Report<'_>, found: &Entries<'_>) {
    let known = || found.ports.iter().map(|port| port.item.name.as_str());
    for entry in &found.sockets {
        for right in entry.item.rights.iter() {
            let Some(port) = right.port() else { continue };
            if !known().any(|name| *port == *name) {
                let what = format!("right '{right}' is for a port that does not exist");
                let remedy = suggest::remedy(port.as_str(), known());
                report.add(entry.table.at("rights"), what, remedy);
            }
        }
    }
}

/// What is set aside for one is within its quota, and for all within the budget.
fn reservations(report: &mut Report<'_>, found: &Entries<'_>, all: Limits, budget: Budget) {
    let guests = found.guests.iter().map(|e| (&e.item.name, e.item.standing, &e.table));
    let sockets = found.sockets.iter().map(|e| (&e.item.name, e.item.standing, &e.table));
    let mut sum = 0_u64;
    for (name, Standing { reserve, limits, .. }, table) in guests.chain(sockets) {
        let most = Quota::new(limits.or(all)).memory;
        if reserve > most {
            let what =
                format!("'{name}' would have {reserve} bytes set aside, and may have {most}");
            report.add(table.at("reserve"), what, "lower reserve, or raise its limits.memory");
        }
        sum = sum.saturating_add(reserve);
        if let Some(most) = budget.memory.filter(|most| sum > *most) {
            let what = format!(
                "what is set aside up to '{name}' takes {sum} bytes, and the budget has {most}"
            );
            report.add(table.at("reserve"), what, "lower it, or raise memory of [budget]");
            // Once is enough; those after it would all be told the same.
            return;
        }
    }
}

fn pixel_rate(report: &mut Report<'_>, ports: &[Entry<'_, Port>], budget: Budget) {
    let Some(most) = budget.pixels_per_second else { return };
    let mut needed = 0_u64;
    for entry in ports {
        needed = needed.saturating_add(limits::pixel_rate(entry.item.size, entry.item.refresh));
        if needed > most {
            let what = format!(
                "the ports up to '{}' draw {needed} pixels a second, and the budget has {most}",
                entry.item.name
            );
            let remedy = "make ports smaller or slower, or raise pixels_per_second of [budget]";
            report.add(entry.table.at("size"), what, remedy);
            return;
        }
    }
}

/// What rules for devices name.
fn devices(report: &mut Report<'_>, found: &Entries<'_>) {
    let ports = || found.ports.iter().map(|port| port.item.name.as_str());
    let guests = || found.guests.iter().map(|guest| guest.item.name.as_str());
    for entry in &found.devices {
        match &entry.item.to {
            Some(Destination::Port(port) | Destination::Seat { port, .. }) => {
                if !ports().any(|name| *port == *name) {
                    unknown(report, entry.table.at("port"), "port", port, ports());
                }
            }
            Some(Destination::Guest(guest)) => {
                if !guests().any(|name| *guest == *name) {
                    unknown(report, entry.table.at("guest"), "guest", guest, guests());
                }
            }
            Some(Destination::Nowhere) | None => {}
        }
    }
}

/// What the seat of the machine names; without one, rules for devices mean nothing.
pub(super) fn seat(
    report: &mut Report<'_>,
    config: &Config,
    seat: Option<&(Seat, usize)>,
    devices_at: usize,
) {
    match seat {
        Some((Seat { port: Some(port), .. }, at)) => {
            let known = || config.ports.iter().map(|port| port.name.as_str());
            if !known().any(|name| *port == *name) {
                unknown(report, *at, "port", port, known());
            }
        }
        None if !config.devices.is_empty() => {
            let what = "[[device]] means nothing where the machine's devices are not used";
            report.add(devices_at, what, "add a line [seat]");
        }
        _ => {}
    }
}

fn programs(report: &mut Report<'_>, found: &Entries<'_>) {
    let sockets = || found.sockets.iter().map(|socket| socket.item.name.as_str());
    let known = || sockets().chain(found.guests.iter().map(|guest| guest.item.name.as_str()));
    for entry in &found.programs {
        let socket = &entry.item.socket;
        if !known().any(|name| *socket == *name) {
            let list: Vec<&str> = known().collect();
            let at = entry.table.at("socket");
            unknown(report, at, "socket or guest", socket, list.iter().copied());
        }
    }
}

fn unknown<'a>(
    report: &mut Report<'_>,
    at: usize,
    kind: &str,
    name: &Name,
    known: impl Iterator<Item = &'a str> + Clone,
) {
    let what = format!("there is no {kind} '{name}'");
    report.add(at, what, suggest::remedy(name.as_str(), known));
}
