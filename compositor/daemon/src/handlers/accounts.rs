//! Who is told what guests and sockets use, and when.

use std::time::Duration;

use porthole_core::{account::Counter, model::PortId};
use serde_json::{Map, Value, json};
use smithay::reexports::{
    calloop::{
        RegistrationToken,
        timer::{TimeoutAction, Timer},
    },
    wayland_server::Client,
};

use crate::{
    clock,
    ports::Port,
    protocols::accounts::{
        AccountsHandler, AccountsState, Entry, Now, Shows, Sums, delegate_accounts,
    },
    sockets::{SocketKind, socket_of},
    state::State,
};

/// When somebody is to be told more; nothing is armed while nobody watches or nothing changes.
#[derive(Debug, Default)]
pub(crate) struct Telling {
    timer: Option<(Duration, RegistrationToken)>,
}

/// Whether a client may read the accounts.
pub(crate) fn may_account(client: &Client) -> bool {
    socket_of(client).is_some_and(|s| s.with_rights(|rights| rights.may_account()))
}

impl AccountsHandler for State {
    fn accounts(&mut self) -> &mut AccountsState {
        &mut self.globals.accounts
    }
}

impl State {
    /// The accounts as they are now.
    fn entries(&self) -> Vec<Entry> {
        let memory = self.sockets.memory.lock();
        let entry = |info: &crate::sockets::SocketInfo| {
            let account = &info.account;
            let clients = u32::try_from(info.clients()).unwrap_or(u32::MAX);
            Entry {
                id: account.id,
                is_guest: info.kind == SocketKind::Guest,
                name: account.name.clone(),
                priority: account.priority(),
                clients: (clients, account.quota().clients),
                used: memory.used_by(&account.name),
                allowance: memory.allowance(&account.name),
                account: account.counts(),
                said: self.globals.processes.said(account.id),
            }
        };
        self.sockets.infos().map(entry).collect()
    }

    fn sums(&self) -> Sums {
        let memory = self.sockets.memory.lock();
        let (used, aside) = memory.sums();
        let limit = self.config.budget.pixels_per_second.unwrap_or(u64::MAX);
        Sums {
            memory: (memory.limit(), used, aside),
            pixel_rate: (limit, self.device.pixel_rate()),
        }
    }

    /// Tells those who watch what changed, if it is time to.
    pub(crate) fn tell_accounts(&mut self) {
        let next = if self.globals.accounts.is_watched() {
            let (entries, sums) = (self.entries(), self.sums());
            let shows = |(id, port): (PortId, &Port)| Shows { port: id.get(), frames: port.frames };
            let ports: Vec<Shows> = self.ports.iter().map(shows).collect();
            let now = Now { entries: &entries, ports: &ports, sums, at: clock::now() };
            self.globals.accounts.tell(now)
        } else {
            None
        };
        self.arm_telling(next);
    }

    fn arm_telling(&mut self, next: Option<Duration>) {
        let armed = self.statistics.telling.timer.as_ref().map(|(at, _)| *at);
        if armed == next {
            return;
        }
        if let Some((_, token)) = self.statistics.telling.timer.take() {
            self.handle.remove(token);
        }
        let Some(at) = next else { return };
        let wait = Timer::from_duration(at.saturating_sub(clock::now()));
        let timer = self.handle.insert_source(wait, |_, (), state| {
            // The turn that this wakes up tells.
            state.statistics.telling.timer = None;
            TimeoutAction::Drop
        });
        match timer {
            Ok(token) => self.statistics.telling.timer = Some((at, token)),
            Err(error) => tracing::error!("no timer for accounts: {error}"),
        }
    }

    /// Ends what a reload took the right to.
    pub(crate) fn stop_forbidden_accounts(&mut self) {
        self.globals.accounts.stop_unless(may_account);
    }

    /// The accounts, for the statistics.
    pub(crate) fn account_statistics(&self) -> Value {
        let all = self.entries().into_iter().map(|entry| {
            let counts: Map<String, Value> = Counter::ALL
                .iter()
                .map(|counter| (counter.name().to_owned(), json!(entry.account.total(*counter))))
                .chain([("memory".to_owned(), json!(entry.used))])
                .collect();
            (entry.name.to_string(), Value::Object(counts))
        });
        Value::Object(all.collect())
    }
}

delegate_accounts!(State);
