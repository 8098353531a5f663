//! Commands that only look.

use std::path::Path;

use porthole_client::capture::still::{Subject, take};
use serde_json::json;

use crate::{
    cli::Cli,
    control::Control,
    failure::Failure,
    layout::find_port,
    picture::Picture,
    show::{
        accounts, json,
        screen::{Style, is_styled, say, say_json, width},
        table::Table,
        text, tree,
    },
};

/// State with what no event tells.
fn look(cli: &Cli) -> Result<Control, Failure> {
    let mut control = Control::open(cli.wayland.as_deref())?;
    control.look()?;
    Ok(control)
}

fn say_table<const N: usize>(table: &Table<N>, none: &str) -> Result<(), Failure> {
    let styled = is_styled();
    if table.is_empty() {
        return say(&Style::Faint.paint(none, styled));
    }
    say(&table.lines(styled, width()).join("\n"))
}

const NO_PORTS: &str = "no ports: this socket has no right to any";
const NO_LAYERS: &str = "no layers";
const NO_STREAMS: &str = "no guests or programs";

pub(super) fn ports(cli: &Cli) -> Result<(), Failure> {
    let control = look(cli)?;
    let state = &control.told().state;
    if cli.json {
        return say_json(&json!({ "port": json::ports(state) }));
    }
    say_table(&text::ports(state), NO_PORTS)
}

pub(super) fn layers(cli: &Cli, all: bool) -> Result<(), Failure> {
    let control = look(cli)?;
    let state = &control.told().state;
    if cli.json {
        return say_json(&json!({ "layer": json::layers(state, all) }));
    }
    say_table(&text::layers(state, all), NO_LAYERS)
}

pub(super) fn streams(cli: &Cli) -> Result<(), Failure> {
    let mut control = Control::open(cli.wayland.as_deref())?;
    // Who may not see accounts is shown the rest.
    let accounts = control.has_accounts();
    if accounts {
        control.start_accounts(u32::MAX)?;
    }
    let state = &control.told().state;
    if cli.json {
        let mut all = json!({ "stream": json::streams(state) });
        if let Some(map) = all.as_object_mut().filter(|_| accounts) {
            map.insert("account".to_owned(), json!(accounts::json(&state.accounts)));
            map.insert("budget".to_owned(), accounts::budget_json(&state.accounts));
        }
        return say_json(&all);
    }
    say_table(&text::streams(state), NO_STREAMS)?;
    if !accounts {
        return Ok(());
    }
    say("")?;
    say_table(&accounts::table(&state.accounts), NO_STREAMS)?;
    accounts::budget(&state.accounts).iter().try_for_each(|line| say(line))
}

pub(super) fn state(cli: &Cli) -> Result<(), Failure> {
    let control = look(cli)?;
    let state = &control.told().state;
    if cli.json {
        return say_json(&json::state(state));
    }
    say_table(&text::ports(state), NO_PORTS)?;
    say("")?;
    say_table(&text::layers(state, false), NO_LAYERS)?;
    say("")?;
    say_table(&text::streams(state), NO_STREAMS)
}

pub(super) fn dump(cli: &Cli) -> Result<(), Failure> {
    let mut control = Control::open(cli.wayland.as_deref())?;
    let dump = control.dump()?;
    if cli.json {
        return say_json(&dump);
    }
    let lines = tree::lines(&control.told().state, &dump, is_styled());
    if lines.is_empty() { say(NO_PORTS) } else { say(&lines.join("\n")) }
}

pub(super) fn screenshot(cli: &Cli, port: &str, file: &Path, pointer: bool) -> Result<(), Failure> {
    let control = Control::open(cli.wayland.as_deref())?;
    find_port(&control.told().state, port)?;
    let subject = Subject::Port { name: port.to_owned(), pointer };
    let still = take(control.connection(), &subject)?;
    let size = [still.size().width, still.size().height];
    Picture::write(file, size, still.words())?;
    let path = file.display().to_string();
    if cli.json {
        return say_json(&json!({ "file": path, "port": port, "size": size }));
    }
    say(&format!("{path}: {}", text::size(size)))
}
