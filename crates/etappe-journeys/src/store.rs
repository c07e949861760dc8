//! The index in front of a store: what it can answer, it answers.

use std::ops::ControlFlow;
use std::sync::Arc;

use etappe_core::id::SiteId;
use etappe_core::journey::{KnownFigures, ReferralRow, SaleRow, ScoreRow};
use etappe_core::kpi::{
    ActorPage, ActorPageQuery, KpiFigures, KpiScope, ReferralFigures, StageFigures,
};
use etappe_core::ports::{JourneyLedger, JourneyStore};
use etappe_core::query::{Bots, CandidateQuery, Hit, NameKind, UnitQuery, ViewQuery};
use etappe_core::unmapped::{UnmappedNames, UnmappedQuery};
use serde::de::DeserializeOwned;

use crate::error::{IndexError, StoreError};
use crate::facts::{FactsKey, KeptFacts};
use crate::facts_view::FactsView;
use crate::follower::{Follower, Link};
use crate::metrics::JourneysMetrics;
use crate::outcomes::Outcomes;
use crate::people_figures::{PeriodView, people_figures};
use crate::people_walks::PeopleWalks;
use crate::scan::{ScanEnd, can_answer, dimensions_of, scan};
use crate::site::SiteState;
use crate::stages::stage_figures;

/// A store with an index of its events, or without one.
#[derive(Debug)]
pub struct IndexedStore<S> {
    store: S,
    index: Option<Reader>,
}

/// How the index is read.
#[derive(Debug)]
struct Reader {
    link: Arc<Link>,
    metrics: JourneysMetrics,
    facts: KeptFacts,
    walks: PeopleWalks,
    kinds: usize,
    unit_bytes: usize,
}

impl Reader {
    /// Returns a site's runs, if the index can answer about it now.
    async fn current(&self, site: &SiteId) -> Option<(Arc<SiteState>, Arc<Outcomes>)> {
        self.current_with(site, &[]).await
    }

    /// Returns a site's runs, if the index can answer about it now and holds these dimensions.
    async fn current_with(
        &self,
        site: &SiteId,
        dimensions: &[usize],
    ) -> Option<(Arc<SiteState>, Arc<Outcomes>)> {
        let current = self.link.current(site.as_str()).await;
        let current = current.filter(|(site, _)| {
            let mut plans = site.runs().map(|run| &run.plan);
            plans.all(|plan| plan.kinds.len() <= self.kinds && plan.holds(dimensions))
        });
        let who = if current.is_some() {
            "index"
        } else {
            "database"
        };
        self.metrics.answered_by(who);
        current
    }

    fn note<E>(&self, error: &StoreError<E>) {
        if let StoreError::Index(error) = error {
            self.note_damage(error);
        }
    }

    fn note_damage(&self, error: &IndexError) {
        if matches!(error, IndexError::Damaged { .. }) {
            self.link.report_damage();
        }
    }
}

impl<S> IndexedStore<S> {
    /// Puts a follower's index in front of `store`.
    #[must_use]
    pub fn new<L: JourneyLedger>(store: S, follower: &Follower<L>) -> Self {
        Self {
            store,
            index: Some(Reader {
                link: follower.link(),
                metrics: follower.metrics().clone(),
                facts: KeptFacts::default(),
                walks: PeopleWalks::default(),
                kinds: follower.config().kinds,
                unit_bytes: follower.config().unit_bytes,
            }),
        }
    }

    /// Lets `store` answer everything.
    #[must_use]
    pub const fn without_index(store: S) -> Self {
        Self { store, index: None }
    }
}

impl<S: JourneyStore> IndexedStore<S> {
    /// Returns what the index and the facts say of the cards; nothing if the index cannot say.
    async fn known_figures(
        &self,
        reader: &Reader,
        scope: &KpiScope,
    ) -> Result<KnownFigures, StoreError<S::Error>> {
        let Some((site, outcomes)) = reader.current(&scope.site).await else {
            return Ok(KnownFigures::default());
        };
        let current = (&site, &outcomes);
        let people = async { Ok(people_figures(&reader.walks, current, scope).await?) };
        let facts = reader.facts.get(&self.store, FactsKey::of(scope), &site);
        let found = tokio::try_join!(people, facts);
        let (people, facts) = found.inspect_err(|error| reader.note(error))?;
        let sales = facts.sales.as_ref();
        let referrals = sales.zip(facts.referrals.as_ref()).map(|(sales, all)| {
            let ordered = sales.who_ordered(scope.range);
            all.figures(scope.range, |person| ordered.contains(&person))
        });
        Ok(KnownFigures {
            people: Some(people),
            sales: sales.and_then(|sales| sales.figures(scope.range)),
            nps_scores: facts.scores.as_ref().map(|all| all.counts(scope.range)),
            referrals,
        })
    }

    /// Returns the rows of a view that follow from a site's facts, if the index can say.
    async fn fact_rows(
        &self,
        reader: &Reader,
        view: &FactsView,
    ) -> Result<Option<Vec<serde_json::Value>>, StoreError<S::Error>> {
        let key = view.facts();
        let Some((site, _)) = reader.current(&key.site).await else {
            return Ok(None);
        };
        let facts = reader.facts.get(&self.store, key, &site).await;
        let facts = facts.inspect_err(|error| reader.note(error))?;
        Ok(view.rows(&facts))
    }

    async fn from_index<B: Send>(
        reader: &Reader,
        (site, outcomes): (&SiteState, &Outcomes),
        query: &CandidateQuery,
        visit: impl FnMut(u64, &[Hit]) -> ControlFlow<B> + Send,
    ) -> Result<ControlFlow<B>, StoreError<S::Error>> {
        match scan(site, outcomes, query, reader.unit_bytes, visit).await {
            Ok(()) => Ok(ControlFlow::Continue(())),
            Err(ScanEnd::ByVisitor(value)) => Ok(ControlFlow::Break(value)),
            Err(ScanEnd::UnitTooLarge { unit, limit }) => {
                Err(StoreError::UnitTooLarge { unit, limit })
            }
            Err(ScanEnd::ByError(error)) => {
                reader.note_damage(&error);
                Err(error.into())
            }
        }
    }
}

impl<S: JourneyStore> JourneyStore for IndexedStore<S> {
    type Error = StoreError<S::Error>;

    async fn candidates<B: Send>(
        &self,
        query: &CandidateQuery,
        visit: impl FnMut(u64, &[Hit]) -> ControlFlow<B> + Send,
    ) -> Result<ControlFlow<B>, Self::Error> {
        if let Some(reader) = &self.index
            && can_answer(query)
            && let Some((site, outcomes)) = reader
                .current_with(&query.site, &dimensions_of(query))
                .await
        {
            return Self::from_index(reader, (&site, &outcomes), query, visit).await;
        }
        let answer = self.store.candidates(query, visit).await;
        answer.map_err(StoreError::Store)
    }

    async fn count_units(&self, query: &UnitQuery) -> Result<u64, Self::Error> {
        let candidates = query.any_event();
        if let Some(reader) = &self.index
            && can_answer(&candidates)
            && let Some((site, outcomes)) = reader.current(&query.site).await
        {
            let mut units = 0;
            let count = |_: u64, _: &[Hit]| {
                units += 1;
                ControlFlow::<()>::Continue(())
            };
            let current = (&*site, &*outcomes);
            // It never breaks.
            _ = Self::from_index(reader, current, &candidates, count).await?;
            return Ok(units);
        }
        let answer = self.store.count_units(query).await;
        answer.map_err(StoreError::Store)
    }

    async fn known_names(&self, site: &SiteId, kind: NameKind) -> Result<Vec<String>, Self::Error> {
        let answer = self.store.known_names(site, kind).await;
        answer.map_err(StoreError::Store)
    }

    async fn view_rows<R: DeserializeOwned + Send>(
        &self,
        query: &ViewQuery,
    ) -> Result<Vec<R>, Self::Error> {
        if let Some(reader) = &self.index
            && let Some(view) = PeriodView::of(query)
            && let Some((site, outcomes)) = reader.current(&query.site).await
        {
            let rows = view.rows(&reader.walks, (&site, &outcomes)).await;
            let rows = rows.inspect_err(|error| reader.note_damage(error))?;
            return rows_of(query, rows);
        }
        if let Some(reader) = &self.index
            && let Some(view) = FactsView::of(query)
            && let Some(rows) = self.fact_rows(reader, &view).await?
        {
            return rows_of(query, rows);
        }
        let answer = self.store.view_rows(query).await;
        answer.map_err(StoreError::Store)
    }

    async fn kpi_figures(
        &self,
        scope: &KpiScope,
        known: KnownFigures,
    ) -> Result<KpiFigures, Self::Error> {
        let known = match &self.index {
            Some(reader) => known.or(self.known_figures(reader, scope).await?),
            None => known,
        };
        let answer = self.store.kpi_figures(scope, known).await;
        answer.map_err(StoreError::Store)
    }

    async fn sales(
        &self,
        site: &SiteId,
        bots: Bots,
        limit: usize,
    ) -> Result<Option<Vec<SaleRow>>, Self::Error> {
        store_answer(self.store.sales(site, bots, limit).await)
    }

    async fn referral_rows(
        &self,
        site: &SiteId,
        bots: Bots,
        limit: usize,
    ) -> Result<Option<Vec<ReferralRow>>, Self::Error> {
        store_answer(self.store.referral_rows(site, bots, limit).await)
    }

    async fn scores(
        &self,
        site: &SiteId,
        bots: Bots,
        limit: usize,
    ) -> Result<Option<Vec<ScoreRow>>, Self::Error> {
        store_answer(self.store.scores(site, bots, limit).await)
    }

    async fn stage_figures(&self, scope: &KpiScope) -> Result<StageFigures, Self::Error> {
        if let Some(reader) = &self.index
            && let Some((site, outcomes)) = reader.current(&scope.site).await
        {
            let figures = stage_figures(&site, &outcomes, scope).await;
            return Ok(figures.inspect_err(|error| reader.note_damage(error))?);
        }
        let answer = self.store.stage_figures(scope).await;
        answer.map_err(StoreError::Store)
    }

    async fn referral_figures(&self, scope: &KpiScope) -> Result<ReferralFigures, Self::Error> {
        if let Some(reader) = &self.index
            && let Some(figures) = self.known_figures(reader, scope).await?.into_referrals()
        {
            return Ok(figures);
        }
        store_answer(self.store.referral_figures(scope).await)
    }

    async fn unmapped_names(&self, query: &UnmappedQuery) -> Result<UnmappedNames, Self::Error> {
        let answer = self.store.unmapped_names(query).await;
        answer.map_err(StoreError::Store)
    }

    async fn actor_page(&self, query: &ActorPageQuery) -> Result<Option<ActorPage>, Self::Error> {
        let answer = self.store.actor_page(query).await;
        answer.map_err(StoreError::Store)
    }
}

fn store_answer<T, E>(answer: Result<T, E>) -> Result<T, StoreError<E>> {
    answer.map_err(StoreError::Store)
}

/// Reads rows that the index counted as the rows of a view.
fn rows_of<R: DeserializeOwned, E>(
    query: &ViewQuery,
    rows: Vec<serde_json::Value>,
) -> Result<Vec<R>, StoreError<E>> {
    let read = |row| serde_json::from_value(row).map_err(|_| StoreError::Row(query.view));
    rows.into_iter().map(read).collect()
}
