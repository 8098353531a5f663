//! Accounts for people and for programs.

use serde_json::{Map, Value, json};

use super::{
    screen::Style,
    table::{Cell, Table},
};
use crate::control::accounts::{Account, Accounts, COUNTERS, SAID};

const NANOSECONDS: u64 = 1_000_000_000;

/// Bytes with a unit that leaves few digits.
pub(crate) fn bytes(bytes: u64) -> String {
    match bytes {
        0 => "0".to_owned(),
        1..0x10_0000 => format!("{} KiB", bytes.div_ceil(1 << 10)),
        0x10_0000..0x2_8000_0000 => format!("{} MiB", bytes.div_ceil(1 << 20)),
        _ => format!("{} GiB", bytes.div_ceil(1 << 30)),
    }
}

/// A table of accounts: what happened in the last second, and what is held now.
pub(crate) fn table(accounts: &Accounts) -> Table<12> {
    let mut table = Table::new([
        "ACCOUNT",
        "KIND",
        "PRIORITY",
        "CLIENTS",
        "MEMORY",
        "OF",
        "FPS",
        "LATE",
        "DROPPED",
        "REQUESTS/S",
        "CPU",
        "REFUSED",
    ]);
    for account in accounts.all.values() {
        let rate = |name: &str| account.count(name).1.to_string();
        let warned = |count: u64| -> Cell {
            match count {
                0 => "0".into(),
                _ => Cell::styled(count.to_string(), Style::Warn),
            }
        };
        table.row([
            account.name.clone().into(),
            kind(account).into(),
            account.priority.to_string().into(),
            account.clients.to_string().into(),
            bytes(account.used).into(),
            bytes(account.most).into(),
            rate("shown").into(),
            warned(account.count("late").1),
            rate("dropped").into(),
            rate("requests").into(),
            format!("{}%", (account.count("busy_ns").1 * 100).div_ceil(NANOSECONDS)).into(),
            warned(account.count("refusals").0),
        ]);
    }
    table
}

/// What is left of the budget, in a sentence; nothing where there is none.
pub(crate) fn budget(accounts: &Accounts) -> Vec<String> {
    let budget = accounts.budget;
    let mut lines = Vec::new();
    if budget.memory != u64::MAX {
        let held = budget.used.saturating_add(budget.set_aside);
        lines.push(format!(
            "memory: {} of {} used, {} set aside, {} free",
            bytes(budget.used),
            bytes(budget.memory),
            bytes(budget.set_aside),
            bytes(budget.memory.saturating_sub(held)),
        ));
    }
    if budget.pixel_rate != u64::MAX {
        let (used, limit) = (budget.used_pixel_rate, budget.pixel_rate);
        lines.push(format!(
            "pixels a second: {used} of {limit} used, {} free",
            limit.saturating_sub(used)
        ));
    }
    lines
}

const fn kind(account: &Account) -> &'static str {
    if account.is_guest { "guest" } else { "programs" }
}

/// All accounts.
pub(crate) fn json(accounts: &Accounts) -> Vec<Value> {
    accounts.all.iter().map(|(id, account)| one(*id, account)).collect()
}

fn one(id: u32, account: &Account) -> Value {
    let named = |take: fn(&(u64, u64)) -> u64| -> Map<String, Value> {
        let named = COUNTERS.iter().zip(&account.counts);
        named.map(|(name, counts)| ((*name).to_owned(), json!(take(counts)))).collect()
    };
    let said = SAID.iter().zip(&account.said);
    let said: Map<String, Value> =
        said.map(|(name, number)| ((*name).to_owned(), json!(number))).collect();
    json!({
        "name": account.name,
        "kind": kind(account),
        "priority": account.priority,
        "clients": { "now": account.clients, "most": account.most_clients },
        "memory": { "used": account.used, "most": account.most, "reserved": account.reserved },
        "total": named(|(total, _)| *total),
        "per_second": named(|(_, rate)| *rate),
        "device_says": (!said.is_empty()).then_some(said),
        "id": id,
    })
}

/// What all have together.
pub(crate) fn budget_json(accounts: &Accounts) -> Value {
    let budget = accounts.budget;
    let limit = |limit: u64| (limit != u64::MAX).then_some(limit);
    json!({
        "memory": {
            "limit": limit(budget.memory), "used": budget.used, "set_aside": budget.set_aside,
        },
        "pixels_per_second": {
            "limit": limit(budget.pixel_rate), "used": budget.used_pixel_rate,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::accounts::Budget;

    #[test]
    fn amounts_have_few_digits() {
        for (amount, text) in [
            (0, "0"),
            (1, "1 KiB"),
            (1 << 20, "1 MiB"),
            (2 << 30, "2048 MiB"),
            (64 << 30, "64 GiB"),
        ] {
            assert_eq!(bytes(amount), text);
        }
    }

    #[test]
    fn a_budget_says_what_is_free() {
        let mut accounts = Accounts::default();
        assert!(budget(&accounts).is_empty());
        accounts.budget =
            Budget { memory: 100 << 20, used: 30 << 20, set_aside: 20 << 20, ..Budget::default() };
        let lines = ["memory: 30 MiB of 100 MiB used, 20 MiB set aside, 50 MiB free"];
        assert_eq!(budget(&accounts), lines);
        let mut counts = vec![(0, 0); COUNTERS.len()];
        counts[5] = (600, 60);
        counts[2] = (0, NANOSECONDS / 50);
        let account = Account {
            name: "ivi".into(),
            priority: 9,
            counts,
            said: vec![7, 1],
            ..Account::default()
        };
        accounts.all.insert(3, account);
        let line = table(&accounts).lines(false, None).pop().unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words, ["ivi", "programs", "9", "0", "0", "0", "60", "0", "0", "0", "2%", "0"]);
        let all = json(&accounts);
        assert_eq!(all[0]["total"]["shown"], 600);
        assert_eq!(all[0]["per_second"]["shown"], 60);
        assert_eq!(all[0]["device_says"], json!({ "commands": 7, "refused": 1 }));
    }
}
