//! Who was there, who signed up and activated, and who came back, in a range or in periods.

use etappe_core::journey::{EventTraits, PeopleFigures, PeopleTally, PeriodFigures};
use etappe_core::kpi::KpiScope;
use etappe_core::milestone::Milestone;
use etappe_core::query::{Bots, ViewParameter, ViewQuery};
use etappe_core::time::Timestamp;
use serde_json::{Value, json};

use crate::error::IndexError;
use crate::kind::EventKind;
use crate::outcomes::Outcomes;
use crate::people::{NOBODY, People};
use crate::scan::counts;
use crate::site::SiteState;

/// Returns the figures of a range.
pub(crate) async fn people_figures(
    site: &SiteState,
    outcomes: &Outcomes,
    scope: &KpiScope,
) -> Result<PeopleFigures, IndexError> {
    let starts = vec![scope.range.from, scope.range.to];
    let mut tally = PeopleTally::new(starts, scope.as_of, Some(scope.weeks));
    walk(site, outcomes, (&scope.model, scope.bots), &mut tally).await?;
    Ok(tally.figures())
}

/// A view whose rows the index can count.
pub(crate) struct PeriodView {
    row: fn(usize, PeriodFigures) -> Option<Value>,
    model: String,
    bots: Bots,
    starts: Vec<Timestamp>,
    as_of: Timestamp,
}

impl PeriodView {
    /// Returns the view that a query asks for, if it is one of these.
    pub(crate) fn of(query: &ViewQuery) -> Option<Self> {
        let mut view = Self {
            row: match query.view {
                "trend_activity" => activity_row,
                "trend_signups" => signup_row,
                _ => return None,
            },
            model: String::new(),
            bots: Bots::Exclude,
            starts: Vec::new(),
            as_of: Timestamp::EPOCH,
        };
        for (name, parameter) in &query.parameters {
            match (*name, parameter) {
                ("model", ViewParameter::Text(model)) => view.model.clone_from(model),
                ("bots", ViewParameter::Bots(bots)) => view.bots = *bots,
                ("starts", ViewParameter::Instants(starts)) => view.starts.clone_from(starts),
                ("as_of", ViewParameter::Instant(as_of)) => view.as_of = *as_of,
                _ => return None,
            }
        }
        Some(view)
    }

    /// Returns the view's rows.
    pub(crate) async fn rows(
        self,
        site: &SiteState,
        outcomes: &Outcomes,
    ) -> Result<Vec<Value>, IndexError> {
        let mut tally = PeopleTally::new(self.starts, self.as_of, None);
        walk(site, outcomes, (&self.model, self.bots), &mut tally).await?;
        let periods = tally.periods().into_iter().enumerate();
        let rows = periods.filter_map(|(place, figures)| (self.row)(place, figures));
        Ok(rows.collect())
    }
}

/// A row of `trend_activity`. Periods without events have none.
fn activity_row(period: usize, figures: PeriodFigures) -> Option<Value> {
    (figures.events > 0).then(|| {
        json!({
            "period": period, "visitors": figures.visitors, "events": figures.events,
            "unmapped_events": figures.unmapped_events,
        })
    })
}

/// A row of `trend_signups`. Periods without signups have none.
fn signup_row(period: usize, figures: PeriodFigures) -> Option<Value> {
    (figures.signups > 0).then(|| {
        json!({
            "period": period, "signups": figures.signups,
            "activation_eligible": figures.activation_eligible, "activated": figures.activated,
        })
    })
}

/// Passes everybody's events to the tally.
async fn walk(
    site: &SiteState,
    outcomes: &Outcomes,
    (model, bots): (&str, Bots),
    tally: &mut PeopleTally,
) -> Result<(), IndexError> {
    let signups = [Milestone::Signup, Milestone::ReferredSignup].map(Milestone::as_str);
    let wanted = |kind: &EventKind| {
        counts(bots, kind.is_bot).then(|| EventTraits {
            is_signup: signups.contains(&kind.milestone.as_str()),
            is_activation: kind.milestone == Milestone::Activation.as_str(),
            has_stage: outcomes.stage(kind.outcome, model).is_some(),
        })
    };
    let mut people = People::open(site, (i64::MIN, i64::MAX), wanted)?;
    let mut events = Vec::new();
    while let Some(person) = people.next()? {
        events.clear();
        let each = people.events().iter();
        events.extend(each.map(|(at, traits)| (Timestamp::from_millis(*at), *traits)));
        if person == NOBODY {
            tally.nobody(&events);
        } else {
            tally.person(&events);
        }
        people.pause().await;
    }
    Ok(())
}
