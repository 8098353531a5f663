//! Who may have how much of something that there is only so much of.
//!
//! Each owner has a quota of its own, and may have a reservation, which is set aside for it whether it
//! uses it or not. What an owner uses beyond its reservation comes out of what nobody has reserved.
//! So an owner that stays within its reservation is never refused because of others, and what is set
//! aside and used together never grows beyond the limit.

use std::collections::BTreeMap;

#[cfg(test)]
mod tests;

/// Why more is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// The owner would have more than its own quota.
    #[error("would take {wanted} bytes; it may have {most}")]
    Quota {
        /// What it would have then.
        wanted: u64,
        /// What it may have.
        most: u64,
    },
    /// All owners together would have more than there is.
    #[error("would take {wanted} bytes more; of the budget {free} are free for it")]
    Budget {
        /// How much more it wants.
        wanted: u64,
        /// How much more it could have now.
        free: u64,
    },
}

/// What an owner may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Allowance {
    /// Set aside for it.
    pub reserve: u64,
    /// The most that it may have.
    pub most: u64,
}

impl Default for Allowance {
    fn default() -> Self {
        Self { reserve: 0, most: u64::MAX }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Owner {
    used: u64,
    allowance: Allowance,
}

impl Owner {
    /// What nobody else can have because of it.
    fn held(&self) -> u64 {
        self.used.max(self.allowance.reserve)
    }
}

/// Who has how much.
#[derive(Clone, Debug)]
pub struct Ledger<K> {
    limit: u64,
    owners: BTreeMap<K, Owner>,
    /// The sum of what the owners hold.
    held: u64,
}

impl<K> Default for Ledger<K> {
    fn default() -> Self {
        Self { limit: u64::MAX, owners: BTreeMap::new(), held: 0 }
    }
}

impl<K: Ord + Clone> Ledger<K> {
    /// Sets how much there is. What is beyond it already stays until it is given back.
    pub const fn set_limit(&mut self, limit: u64) {
        self.limit = limit;
    }

    /// How much there is; [`u64::MAX`] for as much as anybody wants.
    #[must_use]
    pub const fn limit(&self) -> u64 {
        self.limit
    }

    /// Sets what an owner may have; what it has stays.
    pub fn allow(&mut self, who: &K, allowance: Allowance) {
        self.change(who, |owner| owner.allowance = allowance);
    }

    /// Takes away what was set aside for everybody whom `keep` does not want.
    pub fn retain(&mut self, keep: impl Fn(&K) -> bool) {
        let gone: Vec<K> = self.owners.keys().filter(|who| !keep(who)).cloned().collect();
        for who in gone {
            self.change(&who, |owner| owner.allowance = Allowance::default());
        }
    }

    /// Gives an owner so much more.
    ///
    /// # Errors
    /// When that is more than it may have, or than there is; nothing changes then.
    pub fn take(&mut self, who: &K, amount: u64) -> Result<(), Refused> {
        let Owner { used, allowance } = self.owners.get(who).copied().unwrap_or_default();
        let wanted = used.saturating_add(amount);
        if wanted > allowance.most || used.checked_add(amount).is_none() {
            return Err(Refused::Quota { wanted, most: allowance.most });
        }
        let free = self.free_for(who);
        if amount > free {
            return Err(Refused::Budget { wanted: amount, free });
        }
        self.change(who, |owner| owner.used = wanted);
        Ok(())
    }

    /// Takes back what an owner was given.
    pub fn give_back(&mut self, who: &K, amount: u64) {
        self.change(who, |owner| owner.used = owner.used.saturating_sub(amount));
    }

    /// How much an owner has.
    #[must_use]
    pub fn used_by(&self, who: &K) -> u64 {
        self.owners.get(who).map_or(0, |owner| owner.used)
    }

    /// What an owner may have.
    #[must_use]
    pub fn allowance(&self, who: &K) -> Allowance {
        self.owners.get(who).map_or_else(Allowance::default, |owner| owner.allowance)
    }

    /// How much more an owner could have now, whatever its quota is.
    #[must_use]
    pub fn free_for(&self, who: &K) -> u64 {
        let Owner { used, allowance } = self.owners.get(who).copied().unwrap_or_default();
        let own = allowance.reserve.saturating_sub(used);
        own.saturating_add(self.limit.saturating_sub(self.held))
    }

    /// What all owners have, and what is set aside and not used.
    #[must_use]
    pub fn sums(&self) -> (u64, u64) {
        let used = self.owners.values().fold(0, |sum: u64, owner| sum.saturating_add(owner.used));
        (used, self.held.saturating_sub(used))
    }

    fn change(&mut self, who: &K, change: impl FnOnce(&mut Owner)) {
        let owner = self.owners.entry(who.clone()).or_default();
        let before = owner.held();
        change(owner);
        let after = owner.held();
        if owner.used == 0 && owner.allowance == Allowance::default() {
            self.owners.remove(who);
        }
        self.held = self.held.saturating_sub(before).saturating_add(after);
    }
}
