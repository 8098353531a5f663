//! How much memory a client's pictures take.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// A client's memory, by what is done with it.
#[derive(Debug)]
pub(crate) struct Account {
    pools: Meter,
    copies: Meter,
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

/// More than a client may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{what} would take {wanted} bytes; a client may have {most}")]
pub(crate) struct OverLimit {
    what: &'static str,
    wanted: u64,
    most: u64,
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
    pub(crate) const fn new(pools: u64, copies: u64) -> Self {
        let used = AtomicU64::new(0);
        let pools = Meter { used, most: pools };
        let used = AtomicU64::new(0);
        Self { pools, copies: Meter { used, most: copies } }
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
        taken.map(drop).map_err(|used| OverLimit {
            what: match kind {
                Kind::Pool => "shared memory",
                Kind::Copy => "pictures copied out of unsealed pools",
            },
            wanted: used.saturating_add(bytes),
            most: meter.most,
        })
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
        self.account.meter(self.kind).used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_can_be_had_again() {
        let account = Arc::new(Account::new(100, 10));
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
}
