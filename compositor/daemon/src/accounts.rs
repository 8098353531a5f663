//! What each guest and each group of programs may have, and what it has used.
//!
//! An account belongs to a socket, which is the identity of its clients. It is counted in from where
//! things happen: requests in the relay, memory where it is taken, pictures where they are shown.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU32, Ordering},
};

use porthole_core::{
    Name, Priority,
    account::{Account, Counter},
    budget::{Allowance, Ledger, Refused},
    config::{Config, Quota},
};

use crate::clock;

/// Whose memory is how large, over all sockets; shared with everything that takes some.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory(Arc<Mutex<Ledger<Name>>>);

impl Memory {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Ledger<Name>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what a configuration says of memory. What somebody has stays.
    pub(crate) fn apply(&self, config: &Config) {
        let mut ledger = self.lock();
        ledger.set_limit(config.budget.memory.unwrap_or(u64::MAX));
        let guests = config.guests.iter().map(|guest| &guest.name);
        let names = || guests.clone().chain(config.sockets.iter().map(|socket| &socket.name));
        for name in names() {
            let reserve = config.standing(name.as_str()).reserve;
            let most = config.quota(name.as_str()).memory;
            ledger.allow(name, Allowance { reserve, most });
        }
        ledger.retain(|owner| names().any(|name| name == owner));
    }
}

/// The account of one socket.
#[derive(Debug)]
pub(crate) struct SocketAccount {
    /// Never used twice.
    pub(crate) id: u32,
    pub(crate) name: Name,
    memory: Memory,
    granted: Mutex<(Priority, Quota)>,
    counts: Mutex<Account>,
}

impl SocketAccount {
    /// An account with nothing in it.
    pub(crate) fn new(name: &Name, memory: Memory) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            name: name.clone(),
            memory,
            granted: Mutex::default(),
            counts: Mutex::default(),
        }
    }

    /// Takes what a configuration says of the socket.
    pub(crate) fn grant(&self, priority: Priority, quota: Quota) {
        *self.granted.lock().unwrap_or_else(PoisonError::into_inner) = (priority, quota);
    }

    pub(crate) fn priority(&self) -> Priority {
        self.granted.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    pub(crate) fn quota(&self) -> Quota {
        self.granted.lock().unwrap_or_else(PoisonError::into_inner).1
    }

    /// Counts something that happens now.
    pub(crate) fn count(&self, counter: Counter, count: u64) {
        self.count_all(&[(counter, count)]);
    }

    /// Counts several things that happen now.
    pub(crate) fn count_all(&self, counts: &[(Counter, u64)]) {
        let now = clock::now();
        let mut account = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().for_each(|(counter, count)| account.add(*counter, *count, now));
    }

    /// What was counted.
    pub(crate) fn counts(&self) -> Account {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn take_memory(&self, bytes: u64) -> Result<(), Refused> {
        self.memory.lock().take(&self.name, bytes)
    }

    pub(crate) fn give_memory_back(&self, bytes: u64) {
        self.memory.lock().give_back(&self.name, bytes);
    }
}
