//! New, returning, resurrecting and dormant people, compared with a brute force over random
//! journeys.

use std::collections::{BTreeMap, BTreeSet};

use etappe_core::kpi::KpiScope;
use etappe_core::ports::JourneyStore;
use etappe_core::query::{Bots, ViewParameter, ViewQuery};
use etappe_core::time::Timestamp;
use serde::Deserialize;

use crate::brute::counted;
use crate::engine::TestWarehouse;
use crate::fixture::{DAY, TestEvent, all_time, scope, store};
use crate::random::{DAYS, START, journeys, seed};

/// A row of the view.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
struct Row {
    period: usize,
    new_actors: u64,
    returning: u64,
    resurrecting: u64,
    dormant: u64,
}

async fn by_view(test: &TestWarehouse, scope: &KpiScope, starts: &[i64]) -> Vec<Row> {
    let instants = starts.iter().copied().map(Timestamp::from_millis);
    let query = ViewQuery {
        view: "kpi_lifecycle",
        site: scope.site.clone(),
        parameters: vec![
            ("bots", ViewParameter::Bots(scope.bots)),
            ("starts", ViewParameter::Instants(instants.collect())),
        ],
    };
    let mut rows: Vec<Row> = test.warehouse.view_rows(&query).await.unwrap();
    rows.sort();
    rows
}

/// Counts period by period and person by person; periods without anybody are left out.
fn by_hand(events: &[TestEvent], scope: &KpiScope, starts: &[i64]) -> Vec<Row> {
    let mut seen: BTreeMap<&str, BTreeSet<i64>> = BTreeMap::new();
    for event in counted(events, scope) {
        if !event.actor().is_empty() {
            seen.entry(event.actor()).or_default().insert(event.at);
        }
    }
    let mut rows = Vec::new();
    for (period, bounds) in starts.windows(3).enumerate() {
        let mut row = Row {
            period,
            new_actors: 0,
            returning: 0,
            resurrecting: 0,
            dormant: 0,
        };
        for times in seen.values() {
            let was_active = times.range(bounds[0]..bounds[1]).next().is_some();
            let was_seen = times.range(..bounds[1]).next().is_some();
            let is_active = times.range(bounds[1]..bounds[2]).next().is_some();
            if is_active && !was_seen {
                row.new_actors += 1;
            } else if is_active && was_active {
                row.returning += 1;
            } else if is_active {
                row.resurrecting += 1;
            } else if was_active {
                row.dormant += 1;
            }
        }
        if row.new_actors + row.returning + row.resurrecting + row.dormant > 0 {
            rows.push(row);
        }
    }
    rows
}

#[tokio::test]
async fn the_life_cycle_equals_a_count_by_hand() {
    let test = TestWarehouse::new().await;
    // Few events a person, so that people stay away for whole periods.
    let events = store(&test.warehouse, journeys(seed(), 300)).await;
    let days = |from: i64, until: i64, step: usize| -> Vec<i64> {
        let days = (from..=until).step_by(step);
        days.map(|day| START + day * DAY).collect()
    };
    let cases = [
        days(-1, DAYS + 2, 1),
        days(-7, DAYS + 14, 7),
        days(20, 50, 10),
        // Periods of different lengths, as months have.
        vec![
            START - DAY,
            START,
            START + 31 * DAY,
            START + 59 * DAY,
            START + 90 * DAY,
        ],
        vec![START + 10 * DAY, START + 11 * DAY + 1, START + 12 * DAY],
        vec![0, DAY, 2 * DAY],
        vec![-DAY, 0, START + 200 * DAY],
    ];
    for bots in [Bots::Exclude, Bots::Include, Bots::Only] {
        let scope = KpiScope {
            bots,
            ..scope(all_time())
        };
        for starts in &cases {
            let expected = by_hand(&events, &scope, starts);
            let found = by_view(&test, &scope, starts).await;
            assert_eq!(found, expected, "{bots:?} {starts:?}");
        }
    }
}
