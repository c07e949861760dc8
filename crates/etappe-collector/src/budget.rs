//! Limits the memory of all requests in progress and shares it among holders.
//!
//! A request grows its lease before it allocates. Nothing waits: a request that does not fit is
//! refused at once, so that the client waits and not the server. One holder (a site, or a network
//! before the site is known) gets at most half, so a flood from one leaves room for the others.
//!
//! The accounts are one map and not part of each site's traffic, because the total and a holder's
//! part change together, and because networks are holders too.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use prometheus::IntGauge;

use crate::site_traffic::SiteTraffic;

/// The account that memory is charged to.
#[derive(Debug, Clone)]
pub(crate) enum Holder {
    /// A site, once its key has been checked.
    Site(Arc<SiteTraffic>),
    /// A network, before the site is known.
    Network(Option<IpAddr>),
}

// A site has one `SiteTraffic` as long as anything holds it, so its address stands for the site and
// no name needs to be hashed.
impl PartialEq for Holder {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Site(one), Self::Site(other)) => Arc::ptr_eq(one, other),
            (Self::Network(one), Self::Network(other)) => one == other,
            (Self::Site(_), Self::Network(_)) | (Self::Network(_), Self::Site(_)) => false,
        }
    }
}

impl Eq for Holder {}

impl Hash for Holder {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Site(traffic) => Arc::as_ptr(traffic).hash(state),
            Self::Network(network) => network.hash(state),
        }
    }
}

/// The memory of requests in progress.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: usize,
    share: usize,
    gauge: IntGauge,
    accounts: Mutex<Accounts>,
}

#[derive(Debug, Default)]
struct Accounts {
    total: usize,
    holders: HashMap<Holder, usize>,
}

impl Accounts {
    fn of(&self, holder: &Holder) -> usize {
        self.holders.get(holder).copied().unwrap_or(0)
    }

    fn add(&mut self, holder: &Holder, bytes: usize) {
        self.total += bytes;
        match self.holders.get_mut(holder) {
            Some(held) => *held += bytes,
            None => {
                self.holders.insert(holder.clone(), bytes);
            }
        }
    }

    fn subtract(&mut self, holder: &Holder, bytes: usize) {
        self.total -= bytes;
        if let Some(held) = self.holders.get_mut(holder) {
            *held -= bytes;
            if *held == 0 {
                self.holders.remove(holder);
            }
        }
    }
}

/// The budget is used up.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Exhausted;

impl Budget {
    pub(crate) fn new(limit: usize, gauge: IntGauge) -> Self {
        Self {
            limit,
            share: limit / 2,
            gauge,
            accounts: Mutex::default(),
        }
    }

    /// Returns an empty lease.
    pub(crate) fn lease(self: &Arc<Self>, holder: Holder) -> Lease {
        Lease {
            budget: Arc::clone(self),
            holder,
            bytes: 0,
        }
    }

    fn show(&self, accounts: &Accounts) {
        self.gauge
            .set(i64::try_from(accounts.total).unwrap_or(i64::MAX));
    }

    fn fits(&self, accounts: &Accounts, holder: &Holder, more: usize) -> bool {
        accounts.total.saturating_add(more) <= self.limit
            && accounts.of(holder).saturating_add(more) <= self.share
    }
}

/// Memory reserved by one request; returned on drop.
#[derive(Debug)]
pub(crate) struct Lease {
    budget: Arc<Budget>,
    holder: Holder,
    bytes: usize,
}

impl Lease {
    /// Returns the account that the lease is charged to.
    pub(crate) const fn holder(&self) -> &Holder {
        &self.holder
    }

    /// Resizes the lease to `bytes` in total, more or fewer than before.
    pub(crate) fn resize(&mut self, bytes: usize) -> Result<(), Exhausted> {
        let mut accounts = self.budget.accounts.lock();
        if bytes > self.bytes {
            let more = bytes - self.bytes;
            if !self.budget.fits(&accounts, &self.holder, more) {
                return Err(Exhausted);
            }
            accounts.add(&self.holder, more);
        } else {
            accounts.subtract(&self.holder, self.bytes - bytes);
        }
        self.budget.show(&accounts);
        drop(accounts);
        self.bytes = bytes;
        Ok(())
    }

    /// Charges the lease to `holder`.
    pub(crate) fn move_to(&mut self, holder: Holder) -> Result<(), Exhausted> {
        if self.holder == holder {
            return Ok(());
        }
        let mut accounts = self.budget.accounts.lock();
        accounts.subtract(&self.holder, self.bytes);
        let fits = self.budget.fits(&accounts, &holder, self.bytes);
        let holder = if fits { holder } else { self.holder.clone() };
        accounts.add(&holder, self.bytes);
        drop(accounts);
        self.holder = holder;
        if fits { Ok(()) } else { Err(Exhausted) }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut accounts = self.budget.accounts.lock();
        accounts.subtract(&self.holder, self.bytes);
        self.budget.show(&accounts);
    }
}

#[cfg(test)]
mod tests {
    use etappe_core::id::SiteId;
    use tokio::time::Instant;

    use super::*;

    fn site(name: &str) -> Holder {
        let id = SiteId::try_new(name).unwrap();
        Holder::Site(Arc::new(SiteTraffic::new(id, Instant::now())))
    }

    fn budget() -> Arc<Budget> {
        Arc::new(Budget::new(
            100,
            IntGauge::new("test_bytes", "test").unwrap(),
        ))
    }

    fn is_empty(budget: &Budget) -> bool {
        let accounts = budget.accounts.lock();
        accounts.total == 0 && accounts.holders.is_empty()
    }

    #[test]
    fn one_site_gets_at_most_half_of_the_budget() {
        let (budget, a) = (budget(), site("a"));
        let mut first = budget.lease(a.clone());
        let mut second = budget.lease(a);
        let mut other = budget.lease(site("b"));
        assert_eq!(first.resize(40), Ok(()));
        assert_eq!(second.resize(20), Err(Exhausted));
        assert_eq!(second.resize(10), Ok(()));
        assert_eq!(other.resize(50), Ok(()));
        assert_eq!(budget.lease(site("c")).resize(1), Err(Exhausted));
        assert_eq!(budget.gauge.get(), 100);
    }

    #[test]
    fn returned_bytes_can_be_taken_again() {
        let (budget, a) = (budget(), site("a"));
        let mut lease = budget.lease(a.clone());
        assert_eq!(lease.resize(50), Ok(()));
        assert_eq!(lease.resize(10), Ok(()));
        drop(lease);
        assert!(is_empty(&budget));
        assert_eq!(budget.lease(a).resize(50), Ok(()));
    }

    #[test]
    fn a_lease_moves_only_to_an_account_with_room() {
        let (budget, a, b) = (budget(), site("a"), site("b"));
        let mut lease = budget.lease(Holder::Network(None));
        let mut held = budget.lease(a.clone());
        assert_eq!((lease.resize(30), held.resize(30)), (Ok(()), Ok(())));
        assert_eq!(lease.move_to(a), Err(Exhausted));
        assert_eq!(lease.move_to(b.clone()), Ok(()));
        assert_eq!(budget.accounts.lock().of(&b), 30);
        drop((lease, held));
        assert!(is_empty(&budget));
    }
}
