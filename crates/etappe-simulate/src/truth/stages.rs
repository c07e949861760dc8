//! People per stage, the moves between stages, and how long stays last.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Range, Truth, percentile, share};
use crate::act::Stage;

/// A stay of a person in a stage.
struct Stay {
    stage: Stage,
    began: i64,
    ended: Option<i64>,
}

impl Truth {
    /// Returns the answer to `GET …/stages` for the model `aaarrr`.
    #[must_use]
    pub fn stages(&self, range: Range) -> Value {
        let span = range.span();
        let mut moves: BTreeMap<(Option<Stage>, Stage, Option<&str>), u64> = BTreeMap::new();
        let (mut stock, mut entered) = (BTreeMap::new(), BTreeMap::new());
        let mut dwells: BTreeMap<Stage, Vec<i64>> = BTreeMap::new();
        for person in 0..self.journeys.len() {
            let stays = self.stays(person, span.to);
            for (number, stay) in stays.iter().enumerate() {
                match stay.ended {
                    None => *stock.entry(stay.stage).or_insert(0_u64) += 1,
                    Some(ended) if span.contains(ended) => {
                        dwells
                            .entry(stay.stage)
                            .or_default()
                            .push(ended - stay.began);
                    }
                    Some(_) => {}
                }
                if span.contains(stay.began) {
                    *entered.entry(stay.stage).or_insert(0_u64) += 1;
                    let kind = kind_of(&stays[..number], stay.stage);
                    let before = number.checked_sub(1).map(|before| stays[before].stage);
                    *moves.entry((before, stay.stage, kind)).or_default() += 1;
                }
            }
        }
        let of = |counts: &BTreeMap<Stage, u64>, stage| counts.get(&stage).copied().unwrap_or(0);
        let stages = Stage::ALL.into_iter().map(|stage| {
            let mut times = dwells.remove(&stage).unwrap_or_default();
            times.sort_unstable();
            json!({
                "id": stage.id(), "gate": stage.is_gate(), "stock": of(&stock, stage),
                "entered": of(&entered, stage), "left": times.len(),
                "dwell": {
                    "p50_s": percentile(&times, 0.5), "p90_s": percentile(&times, 0.9),
                    "open": of(&stock, stage),
                },
            })
        });
        let stages: Vec<Value> = stages.collect();
        let moves = moves.into_iter().map(|((before, stage, kind), count)| {
            json!({
                "from": before.map(Stage::id), "to": stage.id(), "kind": kind, "count": count,
            })
        });
        let (events, unmapped) = self.events_in(span);
        json!({
            "model": "aaarrr", "stages": stages, "transitions": moves.collect::<Vec<_>>(),
            "events": events, "unmapped": unmapped, "unmapped_share": share(unmapped, events),
        })
    }

    /// Returns a person's stays up to an instant, as it was known then.
    fn stays(&self, person: usize, to: i64) -> Vec<Stay> {
        let mut stays: Vec<Stay> = Vec::new();
        for happening in self.journeys[person].iter().filter(|it| it.at < to) {
            let Some(stage) = happening.act.stage() else {
                continue;
            };
            if stays.last().is_some_and(|last| last.stage == stage) {
                continue;
            }
            if let Some(last) = stays.last_mut() {
                last.ended = Some(happening.at);
            }
            stays.push(Stay {
                stage,
                began: happening.at,
                ended: None,
            });
        }
        stays
    }
}

/// Returns the kind of a move into a stage, after these stays; `None` for the first one.
fn kind_of(before: &[Stay], stage: Stage) -> Option<&'static str> {
    let place = |stage: Stage| Stage::ALL.iter().position(|it| *it == stage).unwrap_or(0);
    let last = before.last()?.stage;
    if before.iter().any(|stay| stay.stage == stage) {
        return Some("revisit");
    }
    Some(match place(stage).cmp(&place(last)) {
        std::cmp::Ordering::Greater if place(stage) > place(last) + 1 => "skip",
        std::cmp::Ordering::Greater => "progress",
        _ => "regress",
    })
}
