//! Implements the port that answers questions about journeys.

use std::ops::ControlFlow;

use etappe_core::id::SiteId;
use etappe_core::journey::{KnownFigures, ReferralRow, SaleRow, ScoreRow};
use etappe_core::kpi::{
    ActorPage, ActorPageQuery, KpiFigures, KpiScope, ReferralFigures, StageFigures,
};
use etappe_core::ports::JourneyStore;
use etappe_core::query::{Bots, CandidateQuery, Hit, NameKind, UnitQuery, ViewQuery};
use etappe_core::unmapped::{UnmappedNames, UnmappedQuery};
use serde::de::DeserializeOwned;

use crate::error::WarehouseError;
use crate::read::candidate::Stopped;
use crate::warehouse::Warehouse;

impl JourneyStore for Warehouse {
    type Error = WarehouseError;

    /// For the unit session, `visit` is called once per visit, with the hash of its actor. It runs
    /// on the calling task between two pieces of the answer.
    async fn candidates<B: Send>(
        &self,
        query: &CandidateQuery,
        visit: impl FnMut(u64, &[Hit]) -> ControlFlow<B> + Send,
    ) -> Result<ControlFlow<B>, WarehouseError> {
        match self.stream_candidates(query, visit).await {
            Ok(()) => Ok(ControlFlow::Continue(())),
            Err(Stopped::ByVisitor(value)) => Ok(ControlFlow::Break(value)),
            Err(Stopped::ByError(error)) => Err(error),
        }
    }

    async fn count_units(&self, query: &UnitQuery) -> Result<u64, WarehouseError> {
        self.read_unit_count(query).await
    }

    async fn known_names(
        &self,
        site: &SiteId,
        kind: NameKind,
    ) -> Result<Vec<String>, WarehouseError> {
        self.read_known_names(site, kind).await
    }

    async fn view_rows<R: DeserializeOwned + Send>(
        &self,
        query: &ViewQuery,
    ) -> Result<Vec<R>, WarehouseError> {
        self.read_view_rows(query).await
    }

    async fn kpi_figures(
        &self,
        scope: &KpiScope,
        known: KnownFigures,
    ) -> Result<KpiFigures, WarehouseError> {
        Box::pin(self.read_kpi_figures(scope, known)).await
    }

    async fn sales(
        &self,
        site: &SiteId,
        bots: Bots,
        limit: usize,
    ) -> Result<Option<Vec<SaleRow>>, WarehouseError> {
        self.read_sales_rows(site, bots, limit).await
    }

    async fn scores(
        &self,
        site: &SiteId,
        bots: Bots,
        limit: usize,
    ) -> Result<Option<Vec<ScoreRow>>, WarehouseError> {
        self.read_scores(site, bots, limit).await
    }

    async fn referral_rows(
        &self,
        site: &SiteId,
        bots: Bots,
        limit: usize,
    ) -> Result<Option<Vec<ReferralRow>>, WarehouseError> {
        self.read_referral_rows(site, bots, limit).await
    }

    async fn stage_figures(&self, scope: &KpiScope) -> Result<StageFigures, WarehouseError> {
        self.read_stage_figures(scope).await
    }

    async fn referral_figures(&self, scope: &KpiScope) -> Result<ReferralFigures, WarehouseError> {
        self.read_referral_figures(scope).await
    }

    async fn unmapped_names(&self, query: &UnmappedQuery) -> Result<UnmappedNames, WarehouseError> {
        self.read_unmapped_names(query).await
    }

    async fn actor_page(
        &self,
        query: &ActorPageQuery,
    ) -> Result<Option<ActorPage>, WarehouseError> {
        self.read_actor_page(query).await
    }
}
