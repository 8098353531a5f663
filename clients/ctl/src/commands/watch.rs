//! Changes as they come.

use serde_json::{Value, json};

use crate::{
    cli::Cli,
    control::{Control, now_ns},
    failure::Failure,
    show::{accounts, difference, json, screen::say_line},
};

/// Accounts that change all the time are told so often.
const INTERVAL_MS: u32 = 1000;

/// Tells the state, then every change. When the service goes it says so, and begins again when the
/// service is back.
pub(super) fn watch(cli: &Cli, count: Option<u64>, with_accounts: bool) -> Result<(), Failure> {
    let mut control = Control::open(cli.wayland.as_deref())?;
    let mut left = count;
    loop {
        match watch_on(&mut control, &mut left, with_accounts) {
            Err(Failure::Lost(_)) => {
                say_line(&stamped("away", json!({})))?;
                control = Control::open_when_there(cli.wayland.as_deref())?;
            }
            end => return end,
        }
    }
}

/// The same until the service goes, or enough was told.
fn watch_on(
    control: &mut Control,
    left: &mut Option<u64>,
    with_accounts: bool,
) -> Result<(), Failure> {
    control.look()?;
    if with_accounts {
        control.start_accounts(INTERVAL_MS)?;
    }
    let mut before = control.told().state.clone();
    let mut state = json::state(&before);
    if let Some(map) = state.as_object_mut().filter(|_| with_accounts) {
        map.insert("account".to_owned(), json!(accounts::json(&before.accounts)));
        map.insert("budget".to_owned(), accounts::budget_json(&before.accounts));
    }
    say_line(&stamped("state", state))?;
    while *left != Some(0) {
        let after = control.next_change()?;
        if let Some(changed) = difference::between(&before, &after) {
            say_line(&stamped("changed", changed))?;
            *left = left.map(|left| left - 1);
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
