//! A site's facts: its sales, referrals and scores, worked out from its rare rows once for each of its
//! states.
//!
//! A page asks several questions at once, and each of them for several ranges; all of them find the
//! same facts. What arrives makes another state, and with it other facts.

use std::sync::{Arc, Weak};

use etappe_core::id::SiteId;
use etappe_core::journey::{Referrals, Sales, SalesTerms, Scores};
use etappe_core::kpi::KpiScope;
use etappe_core::ports::JourneyStore;
use etappe_core::query::Bots;
use parking_lot::Mutex;
use tokio::sync::OnceCell;

use crate::error::StoreError;
use crate::referrals::referrals_of;
use crate::site::SiteState;

/// A site with more rows of a kind is asked about by the database's views: about 20 MB are read for
/// these.
const MOST_ROWS: usize = 250_000;
/// The facts that are kept take no more memory than this, roughly.
const KEPT_BYTES: usize = 64 << 20;

/// The site, the choice of bots and the terms of money that facts belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FactsKey {
    pub(crate) site: SiteId,
    pub(crate) bots: Bots,
    /// None asks for what the terms do not change.
    pub(crate) terms: Option<SalesTerms>,
}

impl FactsKey {
    pub(crate) fn of(scope: &KpiScope) -> Self {
        Self {
            site: scope.site.clone(),
            bots: scope.bots,
            terms: Some(SalesTerms {
                currency: scope.currency.as_str().into(),
                browser_refunds: scope.browser_refunds,
            }),
        }
    }

    /// Returns whether the facts of this key are those that `other` asks for.
    fn serves(&self, other: &Self) -> bool {
        self.site == other.site
            && self.bots == other.bots
            && (other.terms.is_none() || self.terms == other.terms)
    }
}

/// The facts of a site.
#[derive(Debug)]
pub(crate) struct Facts {
    /// None if there are too many rows of money.
    pub(crate) sales: Option<Sales>,
    /// None if there are too many rows of referral.
    pub(crate) referrals: Option<Referrals>,
    /// None if there are too many answers.
    pub(crate) scores: Option<Scores>,
    /// The memory that they take, roughly.
    bytes: usize,
}

impl Facts {
    /// Reads the rows of a site and works out its facts.
    async fn read<S: JourneyStore>(
        store: &S,
        key: &FactsKey,
        site: &SiteState,
    ) -> Result<Self, StoreError<S::Error>> {
        let rows = tokio::try_join!(
            store.sales(&key.site, key.bots, MOST_ROWS),
            store.referral_rows(&key.site, key.bots, MOST_ROWS),
            store.scores(&key.site, key.bots, MOST_ROWS),
        );
        let (sales, referrals, scores) = rows.map_err(StoreError::Store)?;
        let referrals = match referrals {
            Some(rows) => Some(referrals_of(site, key.bots, &rows).await?),
            None => None,
        };
        let terms = key.terms.clone().unwrap_or_else(|| SalesTerms {
            currency: "".into(),
            browser_refunds: false,
        });
        let sales = sales.map(|rows| Sales::of(&rows, &terms));
        let scores = scores.map(Scores::of);
        let bytes = sales.as_ref().map_or(0, Sales::memory)
            + referrals.as_ref().map_or(0, Referrals::memory)
            + scores.as_ref().map_or(0, Scores::memory);
        Ok(Self {
            sales,
            referrals,
            scores,
            bytes,
        })
    }
}

/// Facts that may be asked for again.
#[derive(Debug)]
struct Kept {
    key: FactsKey,
    /// The state that they are those of. It is not kept alive for them.
    state: Weak<SiteState>,
    facts: Arc<OnceCell<Arc<Facts>>>,
}

impl Kept {
    fn is_of(&self, key: &FactsKey, state: &Arc<SiteState>) -> bool {
        self.key.serves(key) && self.state.as_ptr() == Arc::as_ptr(state)
    }

    fn memory(&self) -> usize {
        size_of::<Self>() + self.facts.get().map_or(0, |facts| facts.bytes)
    }
}

/// The facts of the latest states.
#[derive(Debug, Default)]
pub(crate) struct KeptFacts(Mutex<Vec<Kept>>);

impl KeptFacts {
    /// Returns the facts of a state of a site. Who asks at the same time shares them.
    pub(crate) async fn get<S: JourneyStore>(
        &self,
        store: &S,
        key: FactsKey,
        state: &Arc<SiteState>,
    ) -> Result<Arc<Facts>, StoreError<S::Error>> {
        let place = self.place(&key, state);
        let read = || async { Facts::read(store, &key, state).await.map(Arc::new) };
        let facts = place.get_or_try_init(read).await?;
        self.keep_few();
        Ok(Arc::clone(facts))
    }

    /// Returns the place of the facts; those of another state of the site are dropped.
    fn place(&self, key: &FactsKey, state: &Arc<SiteState>) -> Arc<OnceCell<Arc<Facts>>> {
        let mut kept = self.0.lock();
        if let Some(found) = kept.iter().find(|kept| kept.is_of(key, state)) {
            return Arc::clone(&found.facts);
        }
        kept.retain(|kept| kept.state.strong_count() > 0 && !kept.key.serves(key));
        let facts = Arc::default();
        kept.push(Kept {
            key: key.clone(),
            state: Arc::downgrade(state),
            facts: Arc::clone(&facts),
        });
        facts
    }

    /// Drops the oldest facts until the rest takes little memory.
    fn keep_few(&self) {
        let mut kept = self.0.lock();
        let mut bytes: usize = kept.iter().map(Kept::memory).sum();
        while bytes > KEPT_BYTES && !kept.is_empty() {
            bytes -= kept.remove(0).memory();
        }
    }
}
