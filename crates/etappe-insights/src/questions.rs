//! The questions, one file each.

pub(crate) mod actor;
mod changes;
mod funnel;
pub(crate) mod kpis;
mod lifecycle;
mod meaning;
mod models;
mod people;
mod person;
mod referrals;
mod search;
mod stages;
mod unmapped;

use etappe_core::ports::{Clock, JourneyStore};
use utoipa_axum::router::OpenApiRouter;

use crate::handler::{ask, ask_either};
use crate::live;
use crate::state::InsightsState;

/// Adds every question. A new one is a file in this folder, a view if it needs one, and a line
/// here.
pub(crate) fn register<S: JourneyStore, C: Clock>(
    router: OpenApiRouter<InsightsState<S, C>>,
) -> OpenApiRouter<InsightsState<S, C>> {
    router
        .routes(ask::<funnel::Funnel, S, C>())
        .routes(ask::<stages::Stages, S, C>())
        .routes(ask::<kpis::Kpis, S, C>())
        .routes(ask::<changes::Changes, S, C>())
        .routes(ask::<referrals::Referrals, S, C>())
        .routes(ask::<lifecycle::Lifecycle, S, C>())
        .routes(ask::<unmapped::Unmapped, S, C>())
        .routes(ask::<meaning::WhatIf, S, C>())
        .routes(ask_either::<search::Search, people::People, S, C>())
        .routes(ask::<actor::Actor, S, C>())
        .routes(ask::<models::Models, S, C>())
        .routes(live::route::<S, C>())
}
