//! Visitors, signups, activated signups and people who came back, in a range or in periods.

use std::sync::Arc;

use etappe_core::journey::{PeopleFigures, PeriodFigures};
use etappe_core::kpi::KpiScope;
use etappe_core::query::{Bots, ViewParameter, ViewQuery};
use etappe_core::time::Timestamp;
use serde_json::{Value, json};

use crate::error::IndexError;
use crate::outcomes::Outcomes;
use crate::people_walks::{PeopleQuestion, PeopleWalks};
use crate::site::SiteState;

/// Returns the figures of a range.
pub(crate) async fn people_figures(
    walks: &PeopleWalks,
    (site, outcomes): (&Arc<SiteState>, &Arc<Outcomes>),
    scope: &KpiScope,
) -> Result<PeopleFigures, IndexError> {
    let question = PeopleQuestion {
        bots: scope.bots,
        model: Some(scope.model.clone()),
        starts: vec![scope.range.from, scope.range.to],
        as_of: scope.as_of,
        weeks: Some(scope.weeks),
    };
    let tally = walks.count((site, outcomes), &question).await?;
    Ok(tally.figures())
}

/// A view whose rows the index can count.
pub(crate) struct PeriodView {
    row: fn(usize, PeriodFigures) -> Option<Value>,
    question: PeopleQuestion,
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
            question: PeopleQuestion {
                bots: Bots::Exclude,
                model: None,
                starts: Vec::new(),
                as_of: Timestamp::EPOCH,
                weeks: None,
            },
        };
        let question = &mut view.question;
        for (name, parameter) in &query.parameters {
            match (*name, parameter) {
                ("model", ViewParameter::Text(model)) => question.model = Some(model.clone()),
                ("bots", ViewParameter::Bots(bots)) => question.bots = *bots,
                ("starts", ViewParameter::Instants(starts)) => {
                    question.starts.clone_from(starts);
                }
                ("as_of", ViewParameter::Instant(as_of)) => question.as_of = *as_of,
                _ => return None,
            }
        }
        Some(view)
    }

    /// Returns the view's rows.
    pub(crate) async fn rows(
        self,
        walks: &PeopleWalks,
        current: (&Arc<SiteState>, &Arc<Outcomes>),
    ) -> Result<Vec<Value>, IndexError> {
        let tally = walks.count(current, &self.question).await?;
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
