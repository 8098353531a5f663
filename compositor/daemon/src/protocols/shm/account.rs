//! How much memory a client's pictures take.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use porthole_core::{Name, Priority, account::Counter, budget::Refused};

use crate::accounts::SocketAccount;

/// A client's memory, by what is done with it.
#[derive(Debug)]
pub(crate) struct Account {
    pools: Meter,
    copies: Meter,
    /// That of all clients of its socket.
    socket: Option<Arc<SocketAccount>>,
}

#[derive(Debug)]
struct Meter {
    used: AtomicU64,
    most: u64,
}

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Memory of the client that is, or may be, mapped.
    Pool,
    /// Memory of ours with what the client has drawn.
    Copy,
}

/// More than a client, its socket, or all together may have.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum OverLimit {
    #[error("{what} would take {wanted} bytes; a client may have {most}")]
    Client { what: &'static str, wanted: u64, most: u64 },
    #[error("pictures of socket '{socket}' {why}")]
    Socket { socket: Name, why: Refused },
}

/// Bytes that are given back when they are no longer used.
#[derive(Debug)]
pub(crate) struct Charge {
    account: Arc<Account>,
    kind: Kind,
    bytes: u64,
}

impl Account {
    /// Nothing used, of so many bytes.
    pub(crate) const fn new(pools: u64, copies: u64, socket: Option<Arc<SocketAccount>>) -> Self {
        let used = AtomicU64::new(0);
        let pools = Meter { used, most: pools };
        let used = AtomicU64::new(0);
        Self { pools, copies: Meter { used, most: copies }, socket }
    }

    /// Counts for the client's socket.
    pub(super) fn count(&self, counter: Counter, count: u64) {
        if let Some(socket) = &self.socket {
            socket.count(counter, count);
        }
    }

    /// The name of its client's socket; empty for none of ours.
    pub(super) fn socket_name(&self) -> &str {
        self.socket.as_ref().map_or("", |socket| socket.name.as_str())
    }

    /// How much its client matters.
    pub(super) fn priority(&self) -> Priority {
        self.socket.as_ref().map(|socket| socket.priority()).unwrap_or_default()
    }

    const fn meter(&self, kind: Kind) -> &Meter {
        match kind {
            Kind::Pool => &self.pools,
            Kind::Copy => &self.copies,
        }
    }

    fn take(&self, kind: Kind, bytes: u64) -> Result<(), OverLimit> {
        let meter = self.meter(kind);
        let add = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= meter.most);
        let taken = meter.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        taken.map_err(|used| OverLimit::Client {
            what: match kind {
                Kind::Pool => "shared memory",
                Kind::Copy => "pictures copied out of unsealed pools",
            },
            wanted: used.saturating_add(bytes),
            most: meter.most,
        })?;
        let Some(socket) = &self.socket else { return Ok(()) };
        socket.take_memory(bytes).map_err(|why| {
            meter.used.fetch_sub(bytes, Ordering::Relaxed);
            OverLimit::Socket { socket: socket.name.clone(), why }
        })
    }

    fn give_back(&self, kind: Kind, bytes: u64) {
        self.meter(kind).used.fetch_sub(bytes, Ordering::Relaxed);
        if let Some(socket) = &self.socket {
            socket.give_memory_back(bytes);
        }
    }
}

impl Charge {
    pub(super) fn new(account: &Arc<Account>, kind: Kind, bytes: u64) -> Result<Self, OverLimit> {
        account.take(kind, bytes)?;
        Ok(Self { account: account.clone(), kind, bytes })
    }

    /// Takes more for the same purpose, up to `bytes` in all.
    pub(super) fn grow(&mut self, bytes: u64) -> Result<(), OverLimit> {
        self.account.take(self.kind, bytes.saturating_sub(self.bytes))?;
        self.bytes = self.bytes.max(bytes);
        Ok(())
    }

    pub(super) const fn account(&self) -> &Arc<Account> {
        &self.account
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.account.give_back(self.kind, self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_can_be_had_again() {
        let account = Arc::new(Account::new(100, 10, None));
        let mut first = Charge::new(&account, Kind::Pool, 60).unwrap();
        let error = Charge::new(&account, Kind::Pool, 41).unwrap_err();
        assert_eq!(error.to_string(), "shared memory would take 101 bytes; a client may have 100");
        first.grow(100).unwrap();
        first.grow(101).unwrap_err();
        Charge::new(&account, Kind::Copy, 10).unwrap();
        Charge::new(&account, Kind::Copy, u64::MAX).unwrap_err();
        drop(first);
        Charge::new(&account, Kind::Pool, 100).unwrap();
    }
    #[test]
    fn a_refusal_takes_nothing() {
        let name = Name::new("ivi").unwrap();
        let memory = crate::accounts::Memory::default();
        memory.lock().set_limit(100);
        let socket = Arc::new(SocketAccount::new(&name, memory.clone()));
        let account = |most| Arc::new(Account::new(most, 10, Some(socket.clone())));
        let (small, large) = (account(50), account(1000));
        Charge::new(&small, Kind::Pool, 51).unwrap_err();
        let held = Charge::new(&small, Kind::Pool, 50).unwrap();
        let error = Charge::new(&large, Kind::Pool, 51).unwrap_err();
        let text =
            "pictures of socket 'ivi' would take 51 bytes more; of the budget 50 are free for it";
        assert_eq!(error.to_string(), text);
        assert_eq!(memory.lock().sums(), (50, 0));
        drop(held);
        Charge::new(&large, Kind::Pool, 100).unwrap();
        assert_eq!(memory.lock().sums(), (0, 0));
    }
}
