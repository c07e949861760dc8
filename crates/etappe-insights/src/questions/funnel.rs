//! `POST …/funnel`: how many people reach each step, how long each step takes, and who may still
//! convert.

mod answer;
pub(crate) mod body;
pub(crate) mod breakdown;
mod hint;
pub(crate) mod question;
mod steps;
pub(crate) mod tally;

use std::ops::ControlFlow;

use etappe_core::ports::{Clock, JourneyStore};
use etappe_core::query::{Hit, Unit, UnitQuery};
use serde_json::json;

use crate::error::InsightsError;
use crate::field::{Fields, Problems};
use crate::parameter::Parameter;
use crate::query_limit::store_error;
use crate::question::{Body, Frame, Method, Question, RequestInfo};
use crate::state::InsightsParts;
use answer::FunnelAnswer;
use body::FunnelBody;
use hint::find_hints;
pub(crate) use question::Funnel;
use tally::{Tally, TallyLimits};

impl Question for Funnel {
    type Answer = FunnelAnswer;

    const METHOD: Method = Method::Post;
    const PATH: &'static str = "funnel";
    const SUMMARY: &'static str = "Counts how many people reach each step of a funnel.";
    const DESCRIPTION: &'static str = "The steps are the stages of a journey model, or your own. Each unit counts with its best attempt. The range bounds when an attempt begins; it may be completed later, within the window. With `Accept: text/csv` the answer is a table.";
    const PARAMETERS: &'static [&'static [Parameter]] = &[];
    const IN_SHARES: bool = true;

    fn body() -> Option<Body> {
        let model =
            json!({"model": "aaarrr", "from": "2024-03-01", "to": "2024-04-01", "window": "30d"});
        let steps = json!({
            "steps": [{"event": "Product Viewed"}, {"milestone": "checkout_start"}, {"milestone": "purchase", "max_gap": "1h"}],
            "from": "2024-03-01", "to": "2024-04-01", "window": "7d", "breakdown": {"by": ["channel"], "step": 1}, "trend": "week"
        });
        Some(Body::of::<FunnelBody>(vec![
            ("model", "A journey model", model),
            ("steps", "Steps of your own", steps),
        ]))
    }

    fn read(
        fields: &mut Fields,
        request: &RequestInfo<'_>,
        problems: &mut Problems,
    ) -> Option<Self> {
        Self::read_fields(fields, request, problems)
    }

    fn frame(&self) -> Frame {
        let zone = self.span.zone.name().to_owned();
        let frame = Frame::of_actors(zone, self.as_of).with_range(self.span.range);
        Frame {
            unit: unit_word(self.unit),
            ..frame
        }
    }

    async fn answer<S: JourneyStore, C: Clock>(
        &self,
        parts: &InsightsParts<S, C>,
    ) -> Result<FunnelAnswer, InsightsError> {
        match_funnel(parts, self).await
    }
}

const fn unit_word(unit: Unit) -> &'static str {
    match unit {
        Unit::Actor => "actor",
        Unit::Session => "session",
        Unit::Account => "account",
    }
}

/// Matches every unit of the site against the funnel.
async fn match_funnel<S: JourneyStore, C: Clock>(
    parts: &InsightsParts<S, C>,
    question: &Funnel,
) -> Result<FunnelAnswer, InsightsError> {
    let limits = TallyLimits {
        breakdown_values: parts.config.breakdown_values,
        duration_bytes: parts.config.duration_bytes,
    };
    let mut tally = Tally::try_new(question, question.as_of, limits)?;
    let units = UnitQuery {
        site: question.site.clone(),
        unit: question.unit,
        bots: question.bots,
        range: question.span.range,
    };
    let counting_units = async { parts.store.count_units(&units).await.map_err(store_error) };
    let ((), units) = tokio::try_join!(count(parts, &mut tally), counting_units)?;
    if let Some(mut again) = tally.again()? {
        count(parts, &mut again).await?;
        tally = again;
    }
    let hints = find_hints(parts.store.as_ref(), question, &tally).await;
    Ok(FunnelAnswer::new(question, tally.finish(), units, hints))
}

/// Counts every unit, until one makes the counts too large.
async fn count<S: JourneyStore, C: Clock>(
    parts: &InsightsParts<S, C>,
    tally: &mut Tally<'_>,
) -> Result<(), InsightsError> {
    let candidates = tally.candidates();
    let visit = |_: u64, hits: &[Hit]| match tally.visit(hits) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => ControlFlow::Break(error),
    };
    let matching = parts.store.candidates(&candidates, visit);
    let outcome = matching.await.map_err(store_error)?;
    parts.metrics.record_matching(tally.units(), tally.rows());
    outcome.break_value().map_or(Ok(()), Err)
}
