//! Commands that change something, each in one commit.

use std::{
    fs,
    io::{self, Read},
    path::Path,
};

use crate::{
    cli::{Cli, CommitOptions, HowOptions},
    control::{Control, How},
    failure::Failure,
    layout::{self, Keys, LayerKeys, Layout, Plan, PortKeys, Shows},
    show::screen::{say, say_json},
};

/// No layout file is longer.
const MAX_LAYOUT: u64 = 16 << 20;

/// Makes a layout so and says what became of it.
fn change(cli: &Cli, layout: Layout, how: How) -> Result<(), Failure> {
    let mut control = Control::open(cli.wayland.as_deref())?;
    // Whether a hole is another one is known by its rectangles.
    if layout.layers.iter().any(|layer| layer.hole.is_some()) {
        control.dump()?;
    }
    let plan = Plan::new(&control.told().state, layout)?;
    let outcome = control.apply(&plan, how);
    if let (Err(Failure::Refused(refusal)), true) = (&outcome, cli.json) {
        say_json(&refusal.json())?;
    }
    let outcome = outcome?;
    if cli.json { say_json(&outcome.json()) } else { say(&outcome.text()) }
}

fn how(options: &HowOptions) -> How {
    let seconds = options.when_ready;
    let wait = seconds.map(|seconds| (seconds.clamp(0.0, 3600.0) * 1000.0).round());
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at most an hour, and positive"
    )]
    let when_ready_ms = wait.map(|wait| wait as u32);
    How { test: options.test, allow_modeset: options.allow_modeset, when_ready_ms }
}

fn layer(cli: &Cli, keys: LayerKeys, how: How) -> Result<(), Failure> {
    change(cli, Layout { layers: vec![keys], ..Layout::default() }, how)
}

fn port(cli: &Cli, keys: PortKeys, how: How) -> Result<(), Failure> {
    change(cli, Layout { ports: vec![keys], ..Layout::default() }, how)
}

/// `KEY=VALUE` of a layer or port.
fn assigned<K: Keys>(settings: &[String]) -> Result<K, Failure> {
    let mut keys = K::default();
    for word in settings {
        if ["name", "id", "now"].iter().any(|key| word.split('=').next() == Some(key)) {
            return Err(Failure::Usage(format!("'{word}': the name cannot be changed")));
        }
        layout::assign(&mut keys, word)?;
    }
    keys.finish()?;
    Ok(keys)
}

pub(super) fn set(
    cli: &Cli,
    name: &str,
    is_port: bool,
    settings: &[String],
    options: &HowOptions,
) -> Result<(), Failure> {
    if is_port {
        let keys: PortKeys = assigned(settings)?;
        return port(cli, PortKeys { name: Some(name.into()), ..keys }, how(options));
    }
    let mut keys: LayerKeys = assigned(settings)?;
    keys.name = Some(name.to_owned());
    layer(cli, keys, how(options))
}

pub(super) fn commit(cli: &Cli, options: &CommitOptions) -> Result<(), Failure> {
    let (shown, text, folder) = if options.file == Path::new("-") {
        ("standard input".into(), read(io::stdin().lock(), &options.file)?, Path::new(""))
    } else {
        let file = fs::File::open(&options.file);
        let file = file.map_err(|error| Failure::Read(options.file.clone(), error))?;
        let folder = options.file.parent().unwrap_or(Path::new(""));
        (options.file.display().to_string(), read(file, &options.file)?, folder)
    };
    let mut layout = layout::read(&text)
        .map_err(|wrong| Failure::Usage(format!("{shown}:{}: {}", wrong.line, wrong.what)))?;
    layout.layers.iter_mut().for_each(|layer| layer.resolve(folder));
    change(cli, layout, how(&options.how))
}

fn read(from: impl Read, path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = from.take(MAX_LAYOUT).read_to_string(&mut text);
    read.map_err(|error| Failure::Read(path.to_owned(), error))?;
    Ok(text)
}

/// One key of one layer, given in words of its own.
pub(super) fn one(
    cli: &Cli,
    name: &str,
    (key, words): (&str, &[String]),
    options: &HowOptions,
) -> Result<(), Failure> {
    let mut keys = LayerKeys::of(name);
    layout::assign(&mut keys, &format!("{key}={}", words.join(" ")))?;
    layer(cli, keys, how(options))
}

pub(super) fn source(
    cli: &Cli,
    name: &str,
    source: &str,
    options: &HowOptions,
) -> Result<(), Failure> {
    let shows: Shows = layout::shows(source)?;
    let mut keys = LayerKeys::of(name);
    keys.shows = Some(shows);
    layer(cli, keys, how(options))
}

pub(super) fn power(cli: &Cli, name: &str, mode: &str) -> Result<(), Failure> {
    let mut keys = PortKeys { name: Some(name.to_owned()), ..PortKeys::default() };
    layout::assign(&mut keys, &format!("power={mode}"))?;
    port(cli, keys, How::default())
}

pub(super) fn resize(cli: &Cli, name: &str, mode: &str, test: bool) -> Result<(), Failure> {
    let mut keys = PortKeys { name: Some(name.to_owned()), ..PortKeys::default() };
    let (size, rate) = mode.split_once('@').map_or((mode, None), |(s, rate)| (s, Some(rate)));
    layout::assign(&mut keys, &format!("size={size}"))?;
    if let Some(rate) = rate {
        let rate = rate.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        layout::assign(&mut keys, &format!("refresh={rate}"))?;
    }
    port(cli, keys, How { test, allow_modeset: true, when_ready_ms: None })
}
