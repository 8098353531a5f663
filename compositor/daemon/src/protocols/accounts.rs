//! `porthole_account_v1`: tells what each guest and each socket uses, and what ports show, to those who may
//! know.
//!
//! Nothing runs while nobody watches, or while nothing changes. Whoever watches is told what changed, at
//! most once in its interval, and once more when the rates of the last second have come to rest.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use porthole_core::{
    Name, Priority,
    account::{Account, Counter, Frames},
    budget::Allowance,
};
use porthole_wayland::account::server::{
    porthole_account_manager_v1::{self as manager, PortholeAccountManagerV1 as Manager},
    porthole_accounts_v1::{self as accounts, Kind, PortholeAccountsV1 as Object},
};
use smithay::reexports::wayland_server::{
    Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, Resource, backend::ClientId,
};

use super::globals::{Filtered, filtered_manager};

/// How often somebody may be told, in milliseconds.
const INTERVAL: std::ops::RangeInclusive<u32> = 100..=60_000;

/// What the compositor must answer.
pub(crate) trait AccountsHandler {
    fn accounts(&mut self) -> &mut AccountsState;
}

/// An account as it is now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    /// Never used twice.
    pub(crate) id: u32,
    pub(crate) is_guest: bool,
    pub(crate) name: Name,
    pub(crate) priority: Priority,
    /// How many there are and may be.
    pub(crate) clients: (u32, u32),
    pub(crate) used: u64,
    pub(crate) allowance: Allowance,
    pub(crate) account: Account,
    /// What its process says by itself.
    pub(crate) said: Option<Arc<[u64]>>,
}

/// What a port showed until now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Shows {
    /// Never used twice.
    pub(crate) port: u32,
    pub(crate) frames: Frames,
}

/// What all have together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Sums {
    /// Limit, what is used, and what is set aside and not used.
    pub(crate) memory: (u64, u64, u64),
    /// Limit and what is used.
    pub(crate) pixel_rate: (u64, u64),
}

/// All counts with their rates.
type Values = [(u64, u64); Counter::ALL.len()];

/// What somebody was told of an account.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Told {
    priority: Priority,
    clients: (u32, u32),
    memory: (u64, Allowance),
    values: Values,
    said: Option<Arc<[u64]>>,
}

#[derive(Debug)]
struct Watcher {
    object: Object,
    interval: Duration,
    /// When it was told last; never before that.
    last: Option<Duration>,
    told: BTreeMap<u32, Told>,
    ports: BTreeMap<u32, [(u64, u64); 2]>,
    sums: Option<Sums>,
}

/// All that there is to tell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now<'a> {
    pub(crate) entries: &'a [Entry],
    pub(crate) ports: &'a [Shows],
    pub(crate) sums: Sums,
    pub(crate) at: Duration,
}

/// All who watch.
#[derive(Debug)]
pub(crate) struct AccountsState {
    watchers: Vec<Watcher>,
}

impl AccountsState {
    /// Announces the global to the clients that `filter` lets see it.
    pub(crate) fn new<D>(
        display: &DisplayHandle,
        filter: impl Fn(&Client) -> bool + Send + Sync + 'static,
    ) -> Self
    where
        D: GlobalDispatch<Manager, Filtered> + 'static,
    {
        display.create_global::<D, Manager, _>(3, Filtered::new(filter));
        Self { watchers: Vec::new() }
    }

    /// Whether anybody wants to know.
    pub(crate) const fn is_watched(&self) -> bool {
        !self.watchers.is_empty()
    }

    /// Tells each watcher whose interval is over what changed. Gives the time at which somebody is to
    /// be told more; `None` when all is told and nothing changes by itself any more.
    pub(crate) fn tell(&mut self, all: Now<'_>) -> Option<Duration> {
        let now = all.at;
        let moves = all.entries.iter().any(|entry| !entry.account.is_still(now))
            || all.ports.iter().any(|port| !port.frames.is_still(now));
        let mut next: Option<Duration> = None;
        for watcher in &mut self.watchers {
            let due = watcher.last.map(|last| last + watcher.interval);
            let again = match due.filter(|due| now < *due) {
                Some(due) => (moves || watcher.is_behind(all)).then_some(due),
                None => {
                    watcher.tell(all);
                    moves.then(|| now + watcher.interval)
                }
            };
            next = [next, again].into_iter().flatten().min();
        }
        next
    }

    /// Ends what clients may not know any more.
    pub(crate) fn stop_unless(&mut self, may: impl Fn(&Client) -> bool) {
        self.watchers.retain(|watcher| watcher.object.client().is_some_and(|client| may(&client)));
    }
}

fn values(account: &Account, now: Duration) -> Values {
    Counter::ALL.map(|counter| (account.total(counter), account.per_second(counter, now)))
}

const fn halves(value: u64) -> (u32, u32) {
    #[expect(clippy::cast_possible_truncation, reason = "the halves of a number")]
    ((value >> 32) as u32, value as u32)
}

impl Told {
    fn of(entry: &Entry, now: Duration) -> Self {
        Self {
            priority: entry.priority,
            clients: entry.clients,
            memory: (entry.used, entry.allowance),
            values: values(&entry.account, now),
            said: entry.said.clone(),
        }
    }
}

impl Watcher {
    /// Whether there is anything to tell.
    fn is_behind(&self, all: Now<'_>) -> bool {
        let Now { entries, ports, sums, at } = all;
        self.sums != Some(sums)
            || self.told.len() != entries.len()
            || entries.iter().any(|entry| self.told.get(&entry.id) != Some(&Told::of(entry, at)))
            || (self.knows_ports()
                && (self.ports.len() != ports.len()
                    || ports.iter().any(|p| self.ports.get(&p.port) != Some(&p.frames.values(at)))))
    }

    fn knows_ports(&self) -> bool {
        self.object.version() >= accounts::EVT_PORT_SINCE
    }

    fn tell(&mut self, all: Now<'_>) {
        let Now { entries, ports, sums, at: now } = all;
        let first = self.last.is_none();
        let mut news = first;
        for entry in entries {
            let is = Told::of(entry, now);
            let was = self.told.get(&entry.id);
            if was == Some(&is) {
                continue;
            }
            news = true;
            self.tell_entry(entry, was, &is);
            self.told.insert(entry.id, is);
        }
        let object = &self.object;
        self.told.retain(|id, _| {
            let stays = entries.iter().any(|entry| entry.id == *id);
            if !stays {
                object.account_removed(*id);
                news = true;
            }
            stays
        });
        news |= self.tell_ports(ports, now);
        if self.sums != Some(sums) {
            news = true;
            self.sums = Some(sums);
            let ((limit, used, aside), (rate_limit, rate)) = (sums.memory, sums.pixel_rate);
            let ((a, b), (c, d), (e, f)) = (halves(limit), halves(used), halves(aside));
            self.object.budget(a, b, c, d, e, f);
            let ((a, b), (c, d)) = (halves(rate_limit), halves(rate));
            self.object.pixel_rate(a, b, c, d);
        }
        if news {
            let (hi, lo) = halves(u64::try_from(now.as_nanos()).unwrap_or(u64::MAX));
            self.object.done(hi, lo);
            self.last = Some(now);
        }
    }

    /// Tells what of the ports is otherwise; true when something was.
    fn tell_ports(&mut self, ports: &[Shows], now: Duration) -> bool {
        if !self.knows_ports() {
            return false;
        }
        let (object, mut news) = (&self.object, false);
        for Shows { port, frames } in ports {
            let is = frames.values(now);
            if self.ports.insert(*port, is) != Some(is) {
                let words = is.iter().flat_map(|(total, rate)| [*total, *rate]);
                object.port(*port, words.flat_map(u64::to_ne_bytes).collect());
                news = true;
            }
        }
        self.ports.retain(|id, _| {
            let stays = ports.iter().any(|port| port.port == *id);
            if !stays {
                object.port_removed(*id);
                news = true;
            }
            stays
        });
        news
    }

    /// Tells what of an account is otherwise.
    fn tell_entry(&self, entry: &Entry, was: Option<&Told>, is: &Told) {
        let (object, id) = (&self.object, entry.id);
        if was.is_none_or(|was| was.priority != is.priority) {
            let kind = if entry.is_guest { Kind::Guest } else { Kind::Programs };
            object.account(id, kind, entry.name.to_string(), is.priority.get().into());
        }
        if was.is_none_or(|was| was.clients != is.clients) {
            object.clients(id, is.clients.0, is.clients.1);
        }
        if was.is_none_or(|was| was.memory != is.memory) {
            let (used, Allowance { reserve, most }) = is.memory;
            let ((a, b), (c, d), (e, f)) = (halves(used), halves(most), halves(reserve));
            object.memory(id, a, b, c, d, e, f);
        }
        if was.is_none_or(|was| was.values != is.values) {
            let words = is.values.iter().flat_map(|(total, rate)| [*total, *rate]);
            object.counters(id, words.flat_map(u64::to_ne_bytes).collect());
        }
        if was.and_then(|was| was.said.as_ref()) != is.said.as_ref()
            && object.version() >= accounts::EVT_SAID_SINCE
        {
            let said = is.said.iter().flat_map(|said| said.iter());
            object.said(id, said.flat_map(|number| number.to_ne_bytes()).collect());
        }
    }
}

filtered_manager!(AccountsState, Manager);

impl<D> Dispatch<Manager, (), D> for AccountsState
where
    D: AccountsHandler + Dispatch<Manager, ()> + Dispatch<Object, ()> + 'static,
{
    fn request(
        state: &mut D,
        _: &Client,
        _: &Manager,
        request: manager::Request,
        (): &(),
        _: &DisplayHandle,
        init: &mut DataInit<'_, D>,
    ) {
        let manager::Request::GetAccounts { id, interval } = request else { return };
        let interval = interval.clamp(*INTERVAL.start(), *INTERVAL.end());
        state.accounts().watchers.push(Watcher {
            object: init.init(id, ()),
            interval: Duration::from_millis(interval.into()),
            last: None,
            told: BTreeMap::new(),
            ports: BTreeMap::new(),
            sums: None,
        });
    }
}

impl<D> Dispatch<Object, (), D> for AccountsState
where
    D: AccountsHandler + Dispatch<Object, ()> + 'static,
{
    fn request(
        _: &mut D,
        _: &Client,
        _: &Object,
        _: accounts::Request,
        (): &(),
        _: &DisplayHandle,
        _: &mut DataInit<'_, D>,
    ) {
        // Only `destroy`, a destructor.
    }

    fn destroyed(state: &mut D, _: ClientId, object: &Object, (): &()) {
        state.accounts().watchers.retain(|watcher| watcher.object != *object);
    }
}

macro_rules! delegate_accounts {
    ($state:ty) => {
        const _: () = {
            use porthole_wayland::account::server::{
                porthole_account_manager_v1::PortholeAccountManagerV1,
                porthole_accounts_v1::PortholeAccountsV1,
            };
            use smithay::reexports::wayland_server;
            use $crate::protocols::{accounts::AccountsState, globals::Filtered};
            wayland_server::delegate_global_dispatch!($state: [PortholeAccountManagerV1: Filtered] => AccountsState);
            wayland_server::delegate_dispatch!($state: [PortholeAccountManagerV1: ()] => AccountsState);
            wayland_server::delegate_dispatch!($state: [PortholeAccountsV1: ()] => AccountsState);
        };
    };
}
pub(crate) use delegate_accounts;
