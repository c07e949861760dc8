//! One actor's events, in pages.

use etappe_core::event::EventKind;
use etappe_core::kpi::{ActorPage, ActorPageQuery};
use etappe_core::milestone::Milestone;
use etappe_core::ports::{JourneyStore, RowSink};
use etappe_core::time::Timestamp;

use crate::engine::TestWarehouse;
use crate::fixture::{DAY, MODEL, TestEvent, all_time, batch, scope, store};
use crate::random::START;

async fn page(test: &TestWarehouse, id: &str, limit: usize) -> Option<ActorPage> {
    test.warehouse.actor_page(&query(id, limit)).await.unwrap()
}

fn query(id: &str, limit: usize) -> ActorPageQuery {
    ActorPageQuery {
        site: scope(all_time()).site,
        id: id.to_owned(),
        after: None,
        limit,
        bytes: 1 << 20,
    }
}

#[tokio::test]
async fn no_event_appears_twice_and_none_is_missing() {
    let test = TestWarehouse::new().await;
    let odd = "u\u{0}1'\\\t\n%é";
    let events = (0..57)
        .map(|number| TestEvent::of(odd, START + (number % 5) * DAY, Some(Milestone::Visit)))
        .collect();
    let stored = store(&test.warehouse, events).await;
    let mut found = Vec::new();
    let mut query = query(odd, 10);
    loop {
        let page = test.warehouse.actor_page(&query).await.unwrap().unwrap();
        assert_eq!(page.actor, odd);
        found.extend(page.events.into_iter().map(|event| event.message_id));
        if page.next.is_none() {
            break;
        }
        query.after = page.next;
    }
    let mut expected: Vec<&TestEvent> = stored.iter().collect();
    expected.sort_by_key(|event| (event.at, event.offset));
    let expected: Vec<&str> = expected
        .iter()
        .map(|event| event.message_id.as_str())
        .collect();
    assert_eq!(found, expected);
    assert_eq!(page(&test, odd, 57).await.unwrap().next, None);
}

#[tokio::test]
async fn a_page_ends_before_it_is_too_large_and_no_event_is_lost() {
    let test = TestWarehouse::new().await;
    let sizes = [300, 0, 900, 100, 2_000, 0, 0, 400, 400, 400];
    let events = sizes.iter().zip(0..).map(|(size, number)| TestEvent {
        properties: format!(r#"{{"number":{number},"note":"{}"}}"#, "x".repeat(*size)),
        // Events come in pairs with the same time.
        ..TestEvent::of("u1", START + number / 2 * DAY, Some(Milestone::Visit))
    });
    let stored = store(&test.warehouse, events.collect()).await;
    let mut query = query("u1", 100);
    query.bytes = 1_500;
    let mut pages: Vec<Vec<String>> = Vec::new();
    loop {
        let page = test.warehouse.actor_page(&query).await.unwrap().unwrap();
        let texts = page.events.into_iter().map(|event| event.properties);
        pages.push(texts.collect());
        if page.next.is_none() {
            break;
        }
        query.after = page.next;
    }
    let lengths: Vec<usize> = pages.iter().map(Vec::len).collect();
    assert_eq!(lengths, [4, 1, 5]);
    let expected: Vec<String> = stored.into_iter().map(|event| event.properties).collect();
    assert_eq!(pages.concat(), expected);
}

#[tokio::test]
async fn any_id_of_an_actor_finds_them() {
    let test = TestWarehouse::new().await;
    let mut page_view = TestEvent::of("u1", START, Some(Milestone::Visit));
    page_view.anonymous = "a1".to_owned();
    let mut identify = TestEvent::of("u1", START, None);
    identify.kind = EventKind::Identify;
    identify.anonymous = "a2".to_owned();
    let mut alias = TestEvent::of("u1", START, None);
    alias.kind = EventKind::Alias;
    alias.previous = "old".to_owned();
    let mut only_anonymous = TestEvent::of("", START, Some(Milestone::Visit));
    only_anonymous.anonymous = "a9".to_owned();
    store(
        &test.warehouse,
        vec![page_view, identify, alias, only_anonymous],
    )
    .await;
    for id in ["u1", "a1", "a2", "old"] {
        let page = page(&test, id, 10)
            .await
            .unwrap_or_else(|| panic!("{id} is known"));
        assert_eq!(page.actor, "u1", "{id}");
        assert_eq!(page.ids, ["u1", "a1", "a2", "old"], "{id}");
        assert_eq!(page.events.len(), 1, "{id}");
    }
    assert_eq!(page(&test, "a9", 10).await.unwrap().actor, "a9");
    for nobody in ["", "no such", "u"] {
        assert_eq!(page(&test, nobody, 10).await, None, "{nobody}");
    }
}

#[tokio::test]
async fn a_page_shows_stages_rules_and_versions() {
    let test = TestWarehouse::new().await;
    let at = |day: i64, milestone| TestEvent::of("u1", START + day * DAY, milestone);
    let events = vec![
        at(0, Some(Milestone::Visit)),
        at(1, Some(Milestone::Signup)),
        at(2, Some(Milestone::Activation)),
        at(3, None),
    ];
    store(&test.warehouse, events).await;
    let page = page(&test, "u1", 10).await.unwrap();
    let since = Timestamp::from_millis(START + DAY);
    assert_eq!(
        page.stages,
        [(MODEL.to_owned(), "activation".to_owned(), since)]
    );
    let first = &page.events[0];
    assert_eq!(first.milestone, Some(Milestone::Visit));
    let decided: Vec<_> = first
        .stages
        .iter()
        .map(|stage| {
            (
                stage.model.as_str(),
                stage.stage.as_deref(),
                stage.rule.as_deref(),
                stage.version.as_str(),
            )
        })
        .collect();
    assert_eq!(
        decided,
        [
            (MODEL, Some("acquisition"), Some("rule-visit"), "m1"),
            ("other", None, None, "o1")
        ]
    );
    assert_eq!(page.events[3].milestone, None);
    assert_eq!(page.events[3].stages[0].stage, None);
    let found = test
        .warehouse
        .find_message(&scope(all_time()).site, &first.message_id)
        .await
        .unwrap()
        .expect("it is stored");
    assert_eq!(
        (&found.decided, found.user_id.as_str(), found.kind.as_str()),
        (first, "u1", "track")
    );
    let other = test
        .warehouse
        .find_message(&scope(all_time()).site, "no such")
        .await
        .unwrap();
    assert_eq!(other, None);
}

#[tokio::test]
async fn events_of_two_logs_at_the_same_position_are_all_shown() {
    let test = TestWarehouse::new().await;
    let mut expected = Vec::new();
    for topic in ["a log", "b log"] {
        let events: Vec<TestEvent> = (0..6)
            .map(|offset| TestEvent {
                topic,
                offset,
                message_id: format!("{offset} of {topic}"),
                ..TestEvent::of("u1", START, None)
            })
            .collect();
        expected.extend(events.iter().map(|event| event.message_id.clone()));
        test.warehouse.insert(&batch(&events)).await.unwrap();
    }
    expected.sort();
    for limit in 1..=13 {
        let mut query = query("u1", limit);
        let mut found = Vec::new();
        loop {
            let page = test.warehouse.actor_page(&query).await.unwrap().unwrap();
            found.extend(page.events.into_iter().map(|event| event.message_id));
            query.after = page.next;
            if query.after.is_none() {
                break;
            }
        }
        assert_eq!(found, expected, "pages of {limit}");
    }
}
