//! Changes as they come.

use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

use crate::{
    cli::Cli,
    control::Control,
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
    let now = clock_gettime(ClockId::Monotonic);
    if let Some(map) = value.as_object_mut() {
        map.insert("event".to_owned(), json!(event));
        let time = now.tv_sec.saturating_mul(1_000_000_000).saturating_add(now.tv_nsec);
        map.insert("time_ns".to_owned(), json!(time));
    }
    value
}
