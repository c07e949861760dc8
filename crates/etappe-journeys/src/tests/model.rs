//! A database in memory, a plain model of what questions are to find, and a follower of both.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use etappe_core::id::{Offset, PartitionId, SiteId};
use etappe_core::ledger::{
    LEDGER_DIMENSIONS, LedgerPositions, LedgerRow, LedgerTail, OutcomeStage,
};
use etappe_core::milestone::Milestone;
use etappe_core::ports::{JourneyLedger, RetryClass, Retryable};
use etappe_core::query::{Bots, CandidateQuery, Condition, Dimension, Hit, Selector, Unit};
use etappe_core::time::Timestamp;
use etappe_core::value::text_spelling;
use etappe_core::watermark::Watermark;
use etappe_runtime::health::Health;
use parking_lot::Mutex;
use prometheus::Registry;

use crate::config::JourneysConfig;
use crate::follower::{Follower, FollowerParts};
use crate::index::Index;
use crate::metrics::JourneysMetrics;
use crate::scan::scan;

pub(super) const TOPIC: &str = "events";
pub(super) const PARTITIONS: u32 = 2;
const SESSION: i64 = 30 * 60 * 1000;

/// An event of the model.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) topic: &'static str,
    pub(super) site: &'static str,
    pub(super) actor: u64,
    pub(super) at: i64,
    pub(super) event: String,
    pub(super) milestone: &'static str,
    pub(super) outcome: u64,
    pub(super) is_bot: bool,
    /// By dimension; empty where it has none.
    pub(super) values: [&'static str; LEDGER_DIMENSIONS.len()],
    pub(super) partition: u32,
    pub(super) offset: u64,
}

/// The database: the stored events, and whether it is away. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Ledger {
    pub(super) rows: Arc<Mutex<Vec<Event>>>,
    /// How it fails, if it does.
    pub(super) fails: Arc<Mutex<Option<RetryClass>>>,
}

#[derive(Debug, thiserror::Error)]
#[error("the database refuses")]
pub(super) struct Refused(RetryClass);

impl Retryable for Refused {
    fn retry_class(&self) -> RetryClass {
        self.0
    }
}

impl Ledger {
    fn check(&self) -> Result<(), Refused> {
        match *self.fails.lock() {
            Some(class) => Err(Refused(class)),
            None => Ok(()),
        }
    }

    /// Returns the rows in the order of the table.
    fn ordered(&self, wanted: impl Fn(&Event) -> bool) -> Vec<Event> {
        let rows = self.rows.lock();
        let mut rows: Vec<Event> = rows.iter().filter(|row| wanted(row)).cloned().collect();
        rows.sort_by_key(|row| (row.site, row.actor, row.at, row.partition, row.offset));
        rows
    }
}

fn is_before(row: &Event, positions: &LedgerPositions) -> bool {
    let next = positions.next_of(PartitionId(row.partition));
    row.topic != positions.topic || row.offset < next.0
}

fn ledger_row(row: &Event) -> LedgerRow<'_> {
    LedgerRow {
        site: row.site,
        actor: row.actor,
        at: Timestamp::from_millis(row.at),
        event: &row.event,
        milestone: row.milestone,
        outcome: row.outcome,
        is_bot: row.is_bot,
        values: row.values,
        partition: PartitionId(row.partition),
        offset: Offset(row.offset),
    }
}

/// The stage of an outcome: even ones are in stage `early` of the model `m`, odd ones in `late`.
pub(super) fn stage_of(outcome: u64) -> &'static str {
    if outcome.is_multiple_of(2) {
        "early"
    } else {
        "late"
    }
}

impl JourneyLedger for Ledger {
    type Error = Refused;

    async fn history(
        &self,
        until: &LedgerPositions,
        mut visit: impl FnMut(LedgerRow<'_>) -> ControlFlow<()> + Send,
    ) -> Result<(), Refused> {
        self.check()?;
        for row in self.ordered(|row| is_before(row, until)) {
            if visit(ledger_row(&row)).is_break() {
                break;
            }
        }
        Ok(())
    }

    async fn tail(
        &self,
        tail: &LedgerTail,
        mut visit: impl FnMut(LedgerRow<'_>) + Send,
    ) -> Result<(), Refused> {
        self.check()?;
        let is_within = |row: &Event| {
            let mut ranges = tail.ranges.iter();
            row.topic == tail.topic
                && ranges.any(|(partition, from, until)| {
                    partition.0 == row.partition && (from.0..until.0).contains(&row.offset)
                })
        };
        let rows = self.ordered(is_within);
        rows.iter()
            .take(tail.limit)
            .for_each(|row| visit(ledger_row(row)));
        Ok(())
    }

    async fn count(&self, until: &LedgerPositions) -> Result<u64, Refused> {
        self.check()?;
        Ok(self.ordered(|row| is_before(row, until)).len() as u64)
    }

    async fn outcome_stages(&self, outcomes: &[u64]) -> Result<Vec<OutcomeStage>, Refused> {
        self.check()?;
        let stage = |outcome: &u64| OutcomeStage {
            outcome: *outcome,
            model: "m".to_owned(),
            stage: stage_of(*outcome).to_owned(),
            ordinal: u8::try_from(1 + outcome % 2).unwrap(),
        };
        Ok(outcomes.iter().map(stage).collect())
    }
}

/// A database, its watermark, and a follower with its index.
pub(super) struct Bench {
    pub(super) ledger: Ledger,
    pub(super) watermark: Watermark,
    pub(super) follower: Follower<Ledger>,
    pub(super) index: Index,
    pub(super) health: Health,
}

impl Bench {
    /// Opens the index of a folder over a database, as a process does at its start.
    pub(super) async fn open(ledger: Ledger, watermark: Watermark, folder: &Path) -> Self {
        let health = Health::default();
        let follower = Follower::new(FollowerParts {
            ledger: ledger.clone(),
            watermark: watermark.clone(),
            topic: TOPIC.to_owned(),
            folder: folder.to_owned(),
            config: JourneysConfig {
                // So little that a build writes several segments.
                memory_bytes: 4_000,
                ..JourneysConfig::default()
            },
            metrics: JourneysMetrics::register(&Registry::new()).unwrap(),
            report: health.register("journeys"),
        });
        let link = follower.link();
        let mut index = Index::open(folder, Arc::clone(link.shared())).unwrap();
        let missing = follower.missing(&index);
        follower.prepare(&mut index, missing).await.unwrap();
        Self {
            ledger,
            watermark,
            follower,
            index,
            health,
        }
    }

    /// Refreshes, and compares the answers to all questions with those of the model.
    pub(super) async fn check(&mut self) {
        // Otherwise the refresh before would count for this question too.
        tokio::time::advance(Duration::from_secs(1)).await;
        self.follower.link().ask();
        assert!(self.follower.refresh(&mut self.index).await.unwrap());
        for site in ["a", "b", "c"] {
            self.check_stages(site).await;
            for query in queries(site) {
                let found = self.found(&query).await;
                assert_eq!(found, self.expected(&query), "{query:?}");
            }
        }
    }

    pub(super) async fn found(&self, query: &CandidateQuery) -> Vec<(u64, Vec<Hit>)> {
        let link = self.follower.link();
        let (site, outcomes) = (
            link.shared().site(query.site.as_str()),
            link.shared().outcomes(),
        );
        let mut found = Vec::new();
        let visit = |unit: u64, hits: &[Hit]| {
            found.push((unit, hits.to_vec()));
            ControlFlow::<()>::Continue(())
        };
        scan(&site, &outcomes, query, usize::MAX, visit)
            .await
            .unwrap();
        found
    }

    /// Returns whether every group of the index can be read.
    pub(super) async fn is_readable(&self) -> bool {
        let link = self.follower.link();
        for name in ["a", "b"] {
            let (site, outcomes) = (link.shared().site(name), link.shared().outcomes());
            let mut query = queries(name).remove(0);
            query.bots = Bots::Include;
            query.include_others = true;
            query.dimensions = LEDGER_DIMENSIONS.to_vec();
            let visit = |_: u64, _: &[Hit]| ControlFlow::<()>::Continue(());
            if scan(&site, &outcomes, &query, usize::MAX, visit)
                .await
                .is_err()
            {
                return false;
            }
        }
        true
    }

    /// The answer by its definition: every person's events in order of time and arrival.
    fn expected(&self, query: &CandidateQuery) -> Vec<(u64, Vec<Hit>)> {
        let rows = self.ledger.rows.lock();
        let mut people: BTreeMap<u64, Vec<&Event>> = BTreeMap::new();
        let until = query.until.map_or(i64::MAX, Timestamp::as_millis);
        for row in rows.iter() {
            let in_range = (query.from.as_millis()..until).contains(&row.at);
            let bots = match query.bots {
                Bots::Exclude => !row.is_bot,
                Bots::Include => true,
                Bots::Only => row.is_bot,
            };
            if row.site == query.site.as_str() && row.actor != 0 && in_range && bots {
                people.entry(row.actor).or_default().push(row);
            }
        }
        let mut units = Vec::new();
        for (person, mut rows) in people {
            // What is of another log arrived before.
            rows.sort_by_key(|row| (row.at, row.topic == TOPIC, row.partition, row.offset));
            for rows in visits(query.unit, &rows) {
                let all = rows.iter().map(|row| hit(query, row));
                let hits: Vec<Hit> = all
                    .filter(|hit| {
                        query.include_others || query.conditions.is_empty() || hit.conditions != 0
                    })
                    .collect();
                let matches = hits.iter().any(|hit| hit.conditions != 0);
                if !hits.is_empty() && (matches || query.conditions.is_empty()) {
                    units.push((person, hits));
                }
            }
        }
        units
    }
}

fn visits<'r>(unit: Unit, rows: &'r [&'r Event]) -> Vec<&'r [&'r Event]> {
    if unit == Unit::Actor {
        return vec![rows];
    }
    rows.chunk_by(|before, after| after.at - before.at <= SESSION)
        .collect()
}

fn hit(query: &CandidateQuery, row: &Event) -> Hit {
    let mut conditions = 0;
    for (number, condition) in query.conditions.iter().enumerate() {
        let meets = match &condition.selector {
            Selector::Any => true,
            Selector::Event(name) => row.event == *name,
            Selector::Milestone(milestone) => row.milestone == milestone.as_str(),
            Selector::Stage { model, stage } => {
                model == "m" && row.outcome != 0 && stage == stage_of(row.outcome)
            }
        };
        conditions |= u64::from(meets) << number;
    }
    let value = |dimension: &Dimension| {
        let place = LEDGER_DIMENSIONS
            .iter()
            .position(|known| known == dimension);
        let value = row.values[place.unwrap()];
        (!value.is_empty()).then(|| text_spelling(value).into_owned())
    };
    Hit {
        at: Timestamp::from_millis(row.at),
        conditions,
        dimensions: query.dimensions.iter().map(value).collect(),
    }
}

/// Questions of every kind that the index answers.
fn queries(site: &str) -> Vec<CandidateQuery> {
    let stage = |stage: &str| Selector::Stage {
        model: "m".to_owned(),
        stage: stage.to_owned(),
    };
    let selectors = [
        vec![Selector::Any],
        vec![
            Selector::Event("e1".to_owned()),
            Selector::Milestone(Milestone::Signup),
        ],
        vec![
            stage("early"),
            stage("late"),
            Selector::Event("e0".to_owned()),
        ],
        vec![],
    ];
    let mut queries = Vec::new();
    for selectors in &selectors {
        for (unit, bots, include_others) in [
            (Unit::Actor, Bots::Exclude, false),
            (Unit::Session, Bots::Include, false),
            (Unit::Actor, Bots::Only, true),
        ] {
            for (from, until, dimensions) in [
                (0, None, Vec::new()),
                (40_000, Some(3_000_000), vec![Dimension::Channel]),
                (
                    0,
                    None,
                    vec![Dimension::Country, Dimension::Channel, Dimension::Device],
                ),
            ] {
                let condition = |selector: &Selector| Condition {
                    selector: selector.clone(),
                    properties: Vec::new(),
                };
                queries.push(CandidateQuery {
                    site: SiteId::try_new(site).unwrap(),
                    unit,
                    bots,
                    from: Timestamp::from_millis(from),
                    until: until.map(Timestamp::from_millis),
                    conditions: selectors.iter().map(condition).collect(),
                    include_others,
                    dimensions,
                });
            }
        }
    }
    queries
}
