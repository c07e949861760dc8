//! Figures of stages by their definition: a list of every stay, counted afterwards.

use std::collections::BTreeMap;

use etappe_core::id::SiteId;
use etappe_core::kpi::{
    KpiScope, RetentionWeeks, StageFigure, StageFigures, TransitionFigure, TransitionKind,
};
use etappe_core::query::{Bots, TimeRange};
use etappe_core::time::Timestamp;

use super::model::{Bench, Event, TOPIC, stage_of};
use crate::stages::stage_figures;

/// A stay: the stages that the person was in before it, its own, and when it began and ended.
struct Stay {
    before: Vec<&'static str>,
    stage: &'static str,
    entered: i64,
    left: Option<i64>,
}

fn stays(mut events: Vec<&Event>) -> Vec<Stay> {
    events.sort_by_key(|row| (row.at, row.topic == TOPIC, row.partition, row.offset));
    let mut stays: Vec<Stay> = Vec::new();
    for event in events.iter().filter(|event| event.outcome != 0) {
        let stage = stage_of(event.outcome);
        let before: Vec<&str> = stays.iter().map(|stay| stay.stage).collect();
        match stays.last_mut() {
            Some(last) if last.stage == stage => continue,
            Some(last) => last.left = Some(event.at),
            None => {}
        }
        stays.push(Stay {
            before,
            stage,
            entered: event.at,
            left: None,
        });
    }
    stays
}

fn expected(rows: &[Event], scope: &KpiScope) -> StageFigures {
    let (from, to) = (scope.range.from.as_millis(), scope.range.to.as_millis());
    let counted: Vec<&Event> = rows
        .iter()
        .filter(|row| row.site == scope.site.as_str() && !row.is_bot && row.at < to)
        .collect();
    let mut people: BTreeMap<u64, Vec<&Event>> = BTreeMap::new();
    for row in counted.iter().filter(|row| row.actor != 0) {
        people.entry(row.actor).or_default().push(row);
    }
    let stays: Vec<Stay> = people.into_values().flat_map(stays).collect();
    let figure = |id: &String| {
        let own: Vec<&Stay> = stays.iter().filter(|stay| stay.stage == id).collect();
        let ended = own
            .iter()
            .filter(|stay| stay.left.is_some_and(|left| left >= from));
        let mut lengths: Vec<i64> = ended
            .map(|stay| stay.left.unwrap() - stay.entered)
            .collect();
        lengths.sort_unstable();
        let stock = own.iter().filter(|stay| stay.left.is_none()).count() as u64;
        StageFigure {
            stage: id.clone(),
            stock,
            entered: own.iter().filter(|stay| stay.entered >= from).count() as u64,
            left: lengths.len() as u64,
            dwell_p50_s: percentile(&lengths, 0.5),
            dwell_p90_s: percentile(&lengths, 0.9),
            open: stock,
        }
    };
    let in_range: Vec<&&Event> = counted.iter().filter(|row| row.at >= from).collect();
    StageFigures {
        stages: scope.stages.iter().map(figure).collect(),
        transitions: moves(&stays, from),
        events: in_range.len() as u64,
        unmapped: in_range.iter().filter(|row| row.outcome == 0).count() as u64,
    }
}

fn moves(stays: &[Stay], from: i64) -> Vec<TransitionFigure> {
    let mut moves: BTreeMap<(Option<&str>, &str, &str), u64> = BTreeMap::new();
    for stay in stays.iter().filter(|stay| stay.entered >= from) {
        let kind = match stay.before.last() {
            None => "",
            Some(_) if stay.before.contains(&stay.stage) => "revisit",
            Some(_) if stay.stage == "late" => "progress",
            Some(_) => "regress",
        };
        *moves
            .entry((stay.before.last().copied(), stay.stage, kind))
            .or_default() += 1;
    }
    let transition = |((before, stage, kind), count): ((Option<&str>, &str, &str), u64)| {
        let kinds = [
            TransitionKind::Progress,
            TransitionKind::Regress,
            TransitionKind::Revisit,
        ];
        TransitionFigure {
            from: before.map(str::to_owned),
            to: stage.to_owned(),
            kind: kinds.into_iter().find(|known| known.as_str() == kind),
            count,
        }
    };
    moves.into_iter().map(transition).collect()
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "small numbers"
)]
fn percentile(sorted: &[i64], share: f64) -> Option<f64> {
    let rank = share * (sorted.len().checked_sub(1)? as f64);
    let low = sorted[rank.floor() as usize] as f64;
    let high = sorted[rank.ceil() as usize] as f64;
    Some((low + (high - low) * (rank - rank.floor())) / 1_000.0)
}

impl Bench {
    /// Compares the figures of stages with those by their definition.
    pub(super) async fn check_stages(&self, name: &str) {
        for (from, to) in [(0, 3_000_000), (400_000, 600_000), (0, 500_000_000_000)] {
            let scope = scope(name, from, to);
            let link = self.follower.link();
            let (site, outcomes) = (link.shared().site(name), link.shared().outcomes());
            let found = stage_figures(&site, &outcomes, &scope).await.unwrap();
            let rows = self.ledger.rows.lock().clone();
            assert_eq!(found, expected(&rows, &scope), "{name} from {from} to {to}");
        }
    }
}

fn scope(site: &str, from: i64, to: i64) -> KpiScope {
    let at = Timestamp::from_millis;
    KpiScope {
        site: SiteId::try_new(site).unwrap(),
        range: TimeRange {
            from: at(from),
            to: at(to),
        },
        model: "m".to_owned(),
        stages: ["early", "late", "never"].map(str::to_owned).to_vec(),
        weeks: RetentionWeeks {
            week: at(0),
            next_week: at(0),
            end: at(0),
        },
        bots: Bots::Exclude,
        as_of: at(to),
        currency: "EUR".to_owned(),
        browser_refunds: false,
    }
}
