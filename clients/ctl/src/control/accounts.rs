//! What each guest and each socket uses, and may use: `porthole_account_v1`.

use std::collections::BTreeMap;

use porthole_client::connection::bind;
use porthole_wayland::account::client::{
    porthole_account_manager_v1::PortholeAccountManagerV1,
    porthole_accounts_v1::{self as accounts, Kind, PortholeAccountsV1},
};
use wayland_client::{Connection, Dispatch, QueueHandle, WEnum, delegate_noop};

use super::{Control, Told, told::Frames};
use crate::{failure::Failure, show::screen::harmless};

const NEEDS_RIGHT: &str =
    ": the socket needs the right 'watch' in the service's configuration to see accounts";

/// What is counted, in the order of the protocol.
pub(crate) const COUNTERS: [&str; 14] = [
    "requests",
    "request_bytes",
    "busy_ns",
    "pauses",
    "pictures",
    "shown",
    "late",
    "dropped",
    "put_off",
    "composed_bytes",
    "copied_bytes",
    "captures",
    "captured_bytes",
    "refusals",
];

/// What is counted of a port, in the order of the protocol.
#[cfg(test)]
const PORT_COUNTERS: [&str; 2] = ["frames", "late_frames"];

/// What the device of a guest says of its own work, in the order of `porthole_process_v1`.
pub(crate) const SAID: [&str; 9] = [
    "commands",
    "refused",
    "frames",
    "transferred_bytes",
    "repaired_bytes",
    "kicks",
    "resources",
    "picture_bytes",
    "most_picture_bytes",
];

/// A service that counts more than this is not believed.
const MAX_COUNTERS: usize = 256;

/// What a guest or the clients of a socket use.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Account {
    pub(crate) is_guest: bool,
    pub(crate) name: String,
    pub(crate) priority: u32,
    pub(crate) clients: u32,
    pub(crate) most_clients: u32,
    /// Bytes.
    pub(crate) used: u64,
    pub(crate) most: u64,
    pub(crate) reserved: u64,
    /// Since the account is there, and in the last second; in the order of [`COUNTERS`].
    pub(crate) counts: Vec<(u64, u64)>,
    /// What its process says by itself, in the order of [`SAID`]; nothing if it says nothing.
    pub(crate) said: Vec<u64>,
}

impl Account {
    /// All that was counted under a name, and what of it came in the last second.
    pub(crate) fn count(&self, name: &str) -> (u64, u64) {
        let place = COUNTERS.iter().position(|counter| *counter == name);
        place.and_then(|place| self.counts.get(place)).copied().unwrap_or_default()
    }
}

/// What all have together; [`u64::MAX`] is no limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Budget {
    pub(crate) memory: u64,
    pub(crate) used: u64,
    /// Reserved and not used.
    pub(crate) set_aside: u64,
    pub(crate) pixel_rate: u64,
    pub(crate) used_pixel_rate: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self { memory: u64::MAX, used: 0, set_aside: 0, pixel_rate: u64::MAX, used_pixel_rate: 0 }
    }
}

/// All accounts, as far as they were told.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Accounts {
    pub(crate) all: BTreeMap<u32, Account>,
    pub(crate) budget: Budget,
}

impl Control {
    /// Whether the socket may see accounts.
    pub(crate) fn has_accounts(&self) -> bool {
        let name = "porthole_account_manager_v1";
        self.globals.contents().with_list(|list| list.iter().any(|g| g.interface == name))
    }

    /// Asks for the accounts, and for changes of these at most once in so many milliseconds.
    pub(crate) fn start_accounts(&mut self, interval: u32) -> Result<(), Failure> {
        let queue = self.queue.handle();
        let manager: PortholeAccountManagerV1 = bind(&self.globals, &queue, 1..=3, NEEDS_RIGHT)?;
        manager.get_accounts(interval, &queue, ());
        self.roundtrip()
    }
}

const fn wide(high: u32, low: u32) -> u64 {
    (high as u64) << 32 | low as u64
}

fn counts(bytes: &[u8]) -> Vec<(u64, u64)> {
    let pair = |pair: &[u8; 16]| {
        let (total, rate) = pair.split_at(8);
        let number = |half: &[u8]| half.try_into().map_or(0, u64::from_ne_bytes);
        (number(total), number(rate))
    };
    bytes.as_chunks::<16>().0.iter().take(MAX_COUNTERS).map(pair).collect()
}

fn numbers(bytes: &[u8]) -> Vec<u64> {
    let words = bytes.as_chunks::<8>().0.iter().take(MAX_COUNTERS);
    words.copied().map(u64::from_ne_bytes).collect()
}

delegate_noop!(Told: PortholeAccountManagerV1);

impl Dispatch<PortholeAccountsV1, ()> for Told {
    fn event(
        told: &mut Self,
        _: &PortholeAccountsV1,
        event: accounts::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        use accounts::Event as E;
        let Accounts { all, budget } = &mut told.state.accounts;
        let ports = &mut told.state.ports;
        match event {
            E::Account { id, kind, name, priority } => {
                let account = all.entry(id).or_default();
                account.is_guest = kind == WEnum::Value(Kind::Guest);
                (account.name, account.priority) = (harmless(&name), priority);
            }
            E::AccountRemoved { id } => {
                all.remove(&id);
            }
            E::Clients { id, count, most } => {
                if let Some(account) = all.get_mut(&id) {
                    (account.clients, account.most_clients) = (count, most);
                }
            }
            E::Memory { id, used_hi, used_lo, most_hi, most_lo, reserved_hi, reserved_lo } => {
                if let Some(account) = all.get_mut(&id) {
                    account.used = wide(used_hi, used_lo);
                    account.most = wide(most_hi, most_lo);
                    account.reserved = wide(reserved_hi, reserved_lo);
                }
            }
            E::Counters { id, values } => {
                if let Some(account) = all.get_mut(&id) {
                    account.counts = counts(&values);
                }
            }
            E::Said { id, numbers: bytes } => {
                if let Some(account) = all.get_mut(&id) {
                    account.said = numbers(&bytes);
                }
            }
            E::Port { id, values } => {
                let counts = counts(&values);
                if let (Some(port), [(shown, frames), (late, lates), ..]) =
                    (ports.get_mut(&id), &*counts)
                {
                    let per_second = Some((*frames, *lates));
                    port.frames = Some(Frames { shown: *shown, late: *late, per_second });
                }
            }
            E::Budget { limit_hi, limit_lo, used_hi, used_lo, set_aside_hi, set_aside_lo } => {
                budget.memory = wide(limit_hi, limit_lo);
                budget.used = wide(used_hi, used_lo);
                budget.set_aside = wide(set_aside_hi, set_aside_lo);
            }
            E::PixelRate { limit_hi, limit_lo, used_hi, used_lo } => {
                budget.pixel_rate = wide(limit_hi, limit_lo);
                budget.used_pixel_rate = wide(used_hi, used_lo);
            }
            // Whoever watches sees whole reports only.
            E::Done { .. } => {
                if let Some(watched) = &mut told.watched {
                    watched.push_back(told.state.clone());
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names are the entries of an enum of a protocol.
    fn are_entries(names: &[&str], protocol: &str, of: &str) {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../protocols/wayland");
        let text = std::fs::read_to_string(format!("{folder}/{protocol}.xml")).unwrap();
        let (_, rest) = text.split_once(&format!("<enum name=\"{of}\"")).unwrap();
        let (of_enum, _) = rest.split_once("</enum>").unwrap();
        for (number, name) in names.iter().enumerate() {
            let entry = format!("<entry name=\"{name}\" value=\"{number}\"");
            assert!(of_enum.contains(&entry), "{entry}");
        }
        assert_eq!(of_enum.matches("<entry").count(), names.len());
    }

    #[test]
    fn names_are_those_of_the_protocols() {
        are_entries(&COUNTERS, "porthole-account-v1", "counter");
        are_entries(&PORT_COUNTERS, "porthole-account-v1", "port_counter");
        are_entries(&SAID, "porthole-process-v1", "number");
    }

    #[test]
    fn counts_are_read_as_far_as_they_are_whole() {
        let words: Vec<u8> = [3_u64, 1, 9, 0].into_iter().flat_map(u64::to_ne_bytes).collect();
        let account = Account { counts: counts(&words), ..Account::default() };
        assert_eq!(account.count("requests"), (3, 1));
        assert_eq!(account.count("request_bytes"), (9, 0));
        assert_eq!(account.count("refusals"), (0, 0));
        assert_eq!(counts(&words[..31]).len(), 1);
        assert_eq!(counts(&[0; 16 * 1000]).len(), MAX_COUNTERS);
    }
}
