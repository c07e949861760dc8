//! `GET …/referrals`: the referral figures.

use axum::extract::{Query, State};
use axum::response::Response;
use etappe_core::kpi::ReferralFigures;
use etappe_core::ports::{Clock, JourneyStore};
use etappe_core::time::Timestamp;
use http::HeaderMap;
use serde::Serialize;
use utoipa::ToSchema;

use crate::access::Access;
use crate::csv::CsvTable;
use crate::error::InsightsError;
use crate::funnel::rate;
use crate::query_limit::store_error;
use crate::response::{Problem, Table, answer_table};
use crate::scope::{ScopeParameters, ScopeQuestion};
use crate::state::InsightsState;

/// The referral figures.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReferralsAnswer {
    /// The counted unit, except where a figure counts invitations.
    #[schema(example = "actor")]
    unit: &'static str,
    /// The zone that dates are in.
    timezone: &'static str,
    /// The watermark.
    #[schema(value_type = String, format = DateTime)]
    as_of: Timestamp,
    /// The first instant of the range.
    #[schema(value_type = String, format = DateTime)]
    from: Timestamp,
    /// The first instant after it.
    #[schema(value_type = String, format = DateTime)]
    to: Timestamp,
    /// Invitations sent.
    invitations: u64,
    /// Actors who sent an invitation.
    inviters: u64,
    /// Invitations that converted within 30 days.
    converted: u64,
    /// Actors with an event in the range.
    active_actors: u64,
    /// Customers.
    customers: u64,
    /// Referred actors who signed up or bought.
    referred: u64,
    /// Referred actors who activated.
    referred_activated: u64,
    /// Invitations per active actor × share of invitations that converted; null if there are no
    /// active actors or no invitations.
    k_factor: Option<f64>,
    /// Referred actors who activated / active actors; null if there are none.
    k_observed: Option<f64>,
    /// Referred actors who signed up or bought / customers; null if there are none.
    referrals_per_customer: Option<f64>,
    /// Time from the inviter's activation to the invitee's.
    viral_cycle_time_s: CycleTimeAnswer,
    /// Actors per generation of the referral tree; an uninvited actor invited generation 1.
    generations: Vec<GenerationAnswer>,
    /// The actors who referred the most others.
    advocates: Vec<AdvocateAnswer>,
}

/// Durations in seconds.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CycleTimeAnswer {
    /// Median; null if there are none.
    p50: Option<f64>,
}

/// One generation of the referral tree.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GenerationAnswer {
    /// Its number.
    generation: u32,
    /// How many actors belong to it.
    actors: u64,
}

/// An actor who referred others.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AdvocateAnswer {
    /// The actor's id.
    actor: String,
    /// How many actors they referred.
    referred: u64,
}

/// Returns the referral figures.
///
/// With `Accept: text/csv` the advocates come as a table.
#[utoipa::path(
    get,
    path = "/v1/sites/{site}/referrals",
    tag = "questions",
    params(("site" = String, Path, description = "The site's name.", example = "demo"), ScopeParameters),
    responses(
        (status = 200, description = "The referrals.", content((ReferralsAnswer = "application/json"), (String = "text/csv"))),
        (status = 401, description = "No token, or an unknown one.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token reads another site.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The question is invalid.", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "The store failed.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many questions, or the store is unavailable; try again.", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "The answer took too long.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("read_token" = [])),
)]
pub(crate) async fn show_referrals<S: JourneyStore, C: Clock>(
    State(state): State<InsightsState<S, C>>,
    access: Access,
    headers: HeaderMap,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<Response, InsightsError> {
    let catalog = &state.parts().catalog;
    let question = ScopeQuestion::parse(pairs, &access, catalog, (state.now(), state.as_of()))?;
    let scope = question.scope(question.span.range);
    let figures = state
        .run(&access.site, async {
            state
                .parts()
                .store
                .referral_figures(&scope)
                .await
                .map_err(store_error)
        })
        .await?;
    Ok(answer_table(
        &headers,
        &ReferralsAnswer::new(&question, figures),
    ))
}

/// Returns invitations per active actor × share of invitations that converted; `None` if there are
/// no active actors or no invitations.
pub(crate) fn k_factor(figures: &ReferralFigures) -> Option<f64> {
    let per_actor = rate(figures.invitations, Some(figures.active_actors))?;
    let converted_share = rate(figures.converted, Some(figures.invitations))?;
    Some(per_actor * converted_share)
}

/// Returns referred actors who activated / active actors; `None` if there are none.
pub(crate) fn k_observed(figures: &ReferralFigures) -> Option<f64> {
    rate(figures.referred_activated, Some(figures.active_actors))
}

impl ReferralsAnswer {
    fn new(question: &ScopeQuestion<'_>, figures: ReferralFigures) -> Self {
        Self {
            unit: "actor",
            timezone: question.span.zone.name(),
            as_of: question.as_of,
            from: question.span.range.from,
            to: question.span.range.to,
            invitations: figures.invitations,
            inviters: figures.inviters,
            converted: figures.converted,
            active_actors: figures.active_actors,
            customers: figures.customers,
            referred: figures.referred,
            referred_activated: figures.referred_activated,
            k_factor: k_factor(&figures),
            k_observed: k_observed(&figures),
            referrals_per_customer: rate(figures.referred, Some(figures.customers)),
            viral_cycle_time_s: CycleTimeAnswer {
                p50: figures.viral_cycle_p50_s,
            },
            generations: figures
                .generations
                .into_iter()
                .map(|(generation, actors)| GenerationAnswer { generation, actors })
                .collect(),
            advocates: figures
                .advocates
                .into_iter()
                .map(|(actor, referred)| AdvocateAnswer { actor, referred })
                .collect(),
        }
    }
}

impl Table for ReferralsAnswer {
    /// One row per advocate.
    fn to_csv(&self) -> String {
        let mut table = CsvTable::new(["actor", "referred"]);
        for advocate in &self.advocates {
            table.push_text(&advocate.actor);
            table.push_number(Some(advocate.referred));
            table.end_row();
        }
        table.into_text()
    }
}
