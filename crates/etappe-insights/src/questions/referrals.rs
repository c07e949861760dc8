//! `GET …/referrals`: the referral figures.

use etappe_core::id::ActorHash;
use etappe_core::kpi::ReferralFigures;
use etappe_core::ports::{Clock, JourneyStore};
use serde::Serialize;
use utoipa::ToSchema;

use super::person::all_called;
use crate::csv::CsvTable;
use crate::error::InsightsError;
use crate::field::{Fields, Problems};
use crate::parameter::Parameter;
use crate::query_limit::store_error;
use crate::question::{Answer, Frame, Method, Question, RequestInfo};
use crate::rate::rate;
use crate::scope::{SCOPE, Scope};
use crate::state::InsightsParts;

/// The referral figures.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReferralsAnswer {
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
    /// The actors who referred the most others; empty over a share link.
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
    /// Their name; null if no `identify` gave one.
    name: Option<String>,
    /// How many actors they referred.
    referred: u64,
}

/// The question for the referral figures.
pub(crate) struct Referrals(Scope);

impl Question for Referrals {
    type Answer = ReferralsAnswer;

    const METHOD: Method = Method::Get;
    const PATH: &'static str = "referrals";
    const SUMMARY: &'static str = "Returns the referral figures.";
    const DESCRIPTION: &'static str = "With `Accept: text/csv` the advocates come as a table.";
    const PARAMETERS: &'static [&'static [Parameter]] = SCOPE;
    const IN_SHARES: bool = true;

    fn read(
        fields: &mut Fields,
        request: &RequestInfo<'_>,
        problems: &mut Problems,
    ) -> Option<Self> {
        Scope::read(fields, request, problems).map(Self)
    }

    fn frame(&self) -> Frame {
        self.0.frame()
    }

    async fn answer<S: JourneyStore, C: Clock>(
        &self,
        parts: &InsightsParts<S, C>,
    ) -> Result<ReferralsAnswer, InsightsError> {
        let scope = self.0.figures(self.0.span.range);
        let figures = parts.store.referral_figures(&scope).await;
        let mut answer = ReferralsAnswer::new(figures.map_err(store_error)?);
        if self.0.shared.is_some() {
            answer.advocates.clear();
        }
        let hash_of = |advocate: &AdvocateAnswer| ActorHash::of(&advocate.actor).0;
        let hashes = answer.advocates.iter().map(hash_of).collect();
        let mut called = all_called(parts, &scope.site, hashes).await?;
        for advocate in &mut answer.advocates {
            let called = called.remove(&hash_of(advocate));
            advocate.name = called.and_then(|called| called.name);
        }
        Ok(answer)
    }
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
    fn new(figures: ReferralFigures) -> Self {
        Self {
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
                .map(|(actor, referred)| AdvocateAnswer {
                    actor,
                    name: None,
                    referred,
                })
                .collect(),
        }
    }
}

impl Answer for ReferralsAnswer {
    const HAS_TABLE: bool = true;

    /// One row per advocate.
    fn table(&self) -> Option<CsvTable> {
        let mut table = CsvTable::new(["actor", "name", "referred"]);
        for advocate in &self.advocates {
            table.push_text(&advocate.actor);
            table.push_text(advocate.name.as_deref().unwrap_or_default());
            table.push_number(Some(advocate.referred));
            table.end_row();
        }
        Some(table)
    }
}
