//! Stock, moves and dwell, compared with a brute force over random journeys.

use etappe_core::kpi::{StageFigures, TransitionKind};
use etappe_core::milestone::Milestone;
use etappe_core::ports::JourneyStore;

use crate::brute;
use crate::engine::TestWarehouse;
use crate::fixture::{DAY, TestEvent, all_time, range, scope, store};
use crate::kpis::scopes;
use crate::random::{START, journeys, seed};

#[tokio::test]
async fn stages_equal_a_count_by_hand() {
    let test = TestWarehouse::new().await;
    let events = store(&test.warehouse, journeys(seed(), 3_000)).await;
    for scope in scopes() {
        let figures = test.warehouse.stage_figures(&scope).await.unwrap();
        assert_same(figures, brute::stages(&events, &scope));
    }
}

/// Compares figures; transitions may come in any order, dwell may differ in the last digit.
fn assert_same(mut found: StageFigures, mut expected: StageFigures) {
    for figures in [&mut found, &mut expected] {
        figures
            .transitions
            .sort_by_key(|t| (t.from.clone(), t.to.clone(), t.kind.map(|k| k.as_str())));
    }
    for (found, expected) in found.stages.iter_mut().zip(&expected.stages) {
        for (found, expected) in [
            (&mut found.dwell_p50_s, expected.dwell_p50_s),
            (&mut found.dwell_p90_s, expected.dwell_p90_s),
        ] {
            if let (Some(seconds), Some(expected)) = (found, expected)
                && (*seconds - expected).abs() < 1e-6 * expected.max(1.0)
            {
                *seconds = expected;
            }
        }
    }
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_journey_is_listed_move_by_move() {
    let test = TestWarehouse::new().await;
    let at = |day: i64, milestone| TestEvent::of("u1", START + day * DAY, Some(milestone));
    let events = vec![
        at(0, Milestone::Visit),
        at(1, Milestone::Visit),
        at(2, Milestone::Signup),
        at(5, Milestone::Purchase),
        at(6, Milestone::Login),
        at(7, Milestone::Visit),
    ];
    store(&test.warehouse, events).await;
    let figures = test
        .warehouse
        .stage_figures(&scope(all_time()))
        .await
        .unwrap();
    let mut kinds: Vec<_> = figures.transitions.iter().filter_map(|t| t.kind).collect();
    kinds.sort_by_key(|kind| kind.as_str());
    assert_eq!(
        kinds,
        [
            TransitionKind::Progress,
            TransitionKind::Regress,
            TransitionKind::Revisit,
            TransitionKind::Skip
        ]
    );
    let acquisition = &figures.stages[1];
    assert_eq!(
        (acquisition.stock, acquisition.entered, acquisition.left),
        (1, 2, 1)
    );
    assert_eq!(
        (acquisition.dwell_p50_s, acquisition.open),
        (Some(2.0 * 86_400.0), 1)
    );
    let middle = test
        .warehouse
        .stage_figures(&scope(range(START + DAY, START + 6 * DAY)))
        .await
        .unwrap();
    assert_eq!(middle.stages[4].stock, 1);
    assert_eq!(middle.stages[1].entered, 0);
}
