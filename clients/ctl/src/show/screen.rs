//! Standard output: plain words for programs, a little emphasis for people.

use std::{
    env,
    io::{self, IsTerminal, Write},
};

use serde_json::Value;

use crate::failure::Failure;

/// How much a word stands out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Style {
    /// Not at all.
    #[default]
    Plain,
    /// A heading.
    Strong,
    /// Something to leave aside.
    Faint,
    /// Something to look after.
    Warn,
}

impl Style {
    /// A text in this style where styles are wanted.
    pub(crate) fn paint(self, text: &str, styled: bool) -> String {
        let code = match self {
            Self::Plain => return text.to_owned(),
            Self::Strong => "1",
            Self::Faint => "2",
            Self::Warn => "33",
        };
        if styled { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Whether standard output is a terminal that wants styles (see no-color.org).
pub(crate) fn is_styled() -> bool {
    let silenced = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
    !silenced && !dumb && io::stdout().is_terminal()
}

/// How many characters a line of the terminal has; none where standard output is none.
pub(crate) fn width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    (size.ws_col > 0).then_some(size.ws_col.into())
}

/// Writes lines.
pub(crate) fn say(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).map_err(Failure::Output)
}

/// Writes JSON: a line where a program reads it, spread where a person does.
pub(crate) fn say_json(value: &Value) -> Result<(), Failure> {
    if io::stdout().is_terminal() { say(&escaped(&format!("{value:#}"))) } else { say_line(value) }
}

/// Writes JSON as one line.
pub(crate) fn say_line(value: &Value) -> Result<(), Failure> {
    say(&escaped(&value.to_string()))
}

/// JSON whose texts do nothing to a terminal: JSON by itself only escapes the older control characters.
pub(crate) fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_control() && c != '\n' {
            text.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            text.push(c);
        }
    }
    text
}

/// A text that others chose, as it may be shown.
pub(crate) fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
