//! Figures of a model's stages, from every person's way through them.

use etappe_core::journey::StageTally;
use etappe_core::kpi::{KpiScope, StageFigures};
use etappe_core::time::Timestamp;

use crate::error::IndexError;
use crate::kind::EventKind;
use crate::outcomes::Outcomes;
use crate::people::{NOBODY, People};
use crate::scan::counts;
use crate::site::SiteState;

/// Returns the figures of a model's stages.
pub(crate) async fn stage_figures(
    site: &SiteState,
    outcomes: &Outcomes,
    scope: &KpiScope,
) -> Result<StageFigures, IndexError> {
    let stages = outcomes.stages(&scope.model);
    // The place of the event's stage, or none of an event without a stage in the model.
    let wanted = |kind: &EventKind| {
        counts(scope.bots, kind.is_bot).then(|| {
            let stage = outcomes.stage(kind.outcome, &scope.model);
            stage.and_then(|stage| stages.iter().position(|held| held.id == stage))
        })
    };
    let (from, to) = (scope.range.from.as_millis(), scope.range.to.as_millis());
    let mut people = People::open(site, (i64::MIN, to), wanted)?;
    let mut tally = StageTally::new(stages.clone(), scope.range.from);
    let (mut events, mut unmapped) = (0, 0);
    while let Some(person) = people.next()? {
        for (at, stage) in people.events() {
            if *at >= from {
                events += 1;
                unmapped += u64::from(stage.is_none());
            }
        }
        if person != NOBODY {
            let in_stages = people.events().iter().filter_map(|(at, stage)| {
                let stage = (*stage)?;
                Some((Timestamp::from_millis(*at), stage))
            });
            tally.person(in_stages);
        }
        people.pause().await;
    }
    let (stages, transitions) = tally.finish(&scope.stages);
    Ok(StageFigures {
        stages,
        transitions,
        events,
        unmapped,
    })
}
