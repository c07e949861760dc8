//! Questions that are counted in one walk get what each of them would get alone.

use std::sync::Arc;

use etappe_core::journey::PeopleFigures;
use etappe_core::kpi::RetentionWeeks;
use etappe_core::query::Bots;
use etappe_core::time::Timestamp;
use etappe_core::watermark::Watermark;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::task::JoinSet;

use super::model::{Bench, Ledger, PARTITIONS};
use super::property::{event, settle};
use crate::outcomes::Outcomes;
use crate::people_walks::{PeopleQuestion, PeopleWalks};
use crate::site::SiteState;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// Questions that one walk can count, and some that need another.
fn questions() -> Vec<PeopleQuestion> {
    let mut questions = Vec::new();
    for bots in [Bots::Exclude, Bots::Include] {
        for model in [None, Some("m"), Some("another")] {
            for starts in [vec![0, 500_000], vec![0, 100_000, 400_000, 900_000]] {
                questions.push(PeopleQuestion {
                    bots,
                    model: model.map(str::to_owned),
                    starts: starts.into_iter().map(at).collect(),
                    as_of: at(2_000_000_000),
                    weeks: Some(RetentionWeeks {
                        week: at(0),
                        next_week: at(300_000),
                        end: at(600_000),
                    }),
                });
            }
        }
    }
    questions
}

async fn count(
    walks: &PeopleWalks,
    (site, outcomes): (&Arc<SiteState>, &Arc<Outcomes>),
    question: &PeopleQuestion,
) -> PeopleFigures {
    let tally = walks.count((site, outcomes), question).await.unwrap();
    let mut figures = tally.figures();
    if question.model.is_none() {
        // Whoever names no model does not ask for this.
        figures.range.unmapped_events = 0;
    }
    figures
}

#[tokio::test]
async fn one_walk_counts_for_all_and_goes_on_without_those_who_leave() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = StdRng::seed_from_u64(11);
    let mut offsets = [0; PARTITIONS as usize];
    let ledger = Ledger::default();
    for _ in 0..2_000 {
        ledger
            .rows
            .lock()
            .push(event(random.random(), &mut offsets));
    }
    let watermark = Watermark::new(PARTITIONS as usize);
    settle(&watermark, &offsets, 1_000);
    let bench = Bench::open(ledger, watermark, folder.path()).await;
    let link = bench.follower.link();
    let (site, outcomes) = (link.shared().site("a"), link.shared().outcomes());
    let mut alone = Vec::new();
    for question in questions() {
        let walks = PeopleWalks::default();
        alone.push(count(&walks, (&site, &outcomes), &question).await);
    }
    assert!(
        alone
            .iter()
            .any(|figures| figures.range.unmapped_events > 0)
    );
    assert!(alone.iter().all(|figures| figures.range.visitors > 0));

    let walks = Arc::new(PeopleWalks::default());
    let (mut stay, mut leave) = (JoinSet::new(), JoinSet::new());
    for round in 0..20 {
        for (number, question) in questions().into_iter().enumerate() {
            let current = (Arc::clone(&walks), Arc::clone(&site), Arc::clone(&outcomes));
            let asking = async move {
                let (walks, site, outcomes) = current;
                (number, count(&walks, (&site, &outcomes), &question).await)
            };
            if (number + round) % 3 == 0 {
                leave.spawn(asking);
            } else {
                stay.spawn(asking);
            }
        }
        // Some leave before they walk, some while they walk for others too.
        for _ in 0..round % 4 {
            tokio::task::yield_now().await;
        }
        leave.abort_all();
    }
    for (number, figures) in stay.join_all().await {
        assert_eq!(figures, alone[number], "question {number}");
    }
}
