//! Changes as they come.

use serde_json::{Value, json};

use crate::{
    cli::Cli,
    control::{Control, now_ns},
    failure::Failure,
    show::{difference, json, screen::say_line},
};

/// Tells the state, then every change.
pub(super) fn watch(cli: &Cli, count: Option<u64>) -> Result<(), Failure> {
    let mut control = Control::open(cli.wayland.as_deref())?;
    control.dump()?;
    let mut before = control.told().state.clone();
    say_line(&stamped("state", json::state(&before)))?;
    let mut left = count;
    while left != Some(0) {
        let after = control.next_change()?;
        if let Some(changed) = difference::between(&before, &after) {
            say_line(&stamped("changed", changed))?;
            left = left.map(|left| left - 1);
        }
        before = after;
    }
    Ok(())
}

/// With what it is, and when, on the clock of presentation times.
fn stamped(event: &str, mut value: Value) -> Value {
    if let Some(map) = value.as_object_mut() {
        map.insert("event".to_owned(), json!(event));
        map.insert("time_ns".to_owned(), json!(now_ns()));
    }
    value
}
