//! People whom a text may mean, and their names.

use etappe_core::event::EventKind;
use etappe_core::id::ActorHash;
use etappe_core::milestone::Milestone;
use etappe_core::ports::JourneyStore;
use etappe_core::query::{Bots, ViewParameter, ViewQuery};
use serde::Deserialize;

use crate::engine::TestWarehouse;
use crate::fixture::{TestEvent, all_time, scope, store};

/// A row of the view `found_people`.
#[derive(Deserialize)]
struct Found {
    actor_hash: u64,
    closeness: u8,
}

/// A row of the view `people_names`.
#[derive(Deserialize)]
struct Name {
    actor_hash: u64,
    last_name: String,
    last_email: String,
}

const PEOPLE: [&str; 7] = ["u1", "u10", "u1-bot", "anna", "Ümit", "o-9", "unseen"];

fn identified(user: &str, at: i64, traits: &str) -> TestEvent {
    TestEvent {
        kind: EventKind::Identify,
        traits: traits.to_owned(),
        ..TestEvent::of(user, at, None)
    }
}

fn events() -> Vec<TestEvent> {
    vec![
        TestEvent {
            anonymous: "device-77".to_owned(),
            ..TestEvent::of("u1", 10, Some(Milestone::Visit))
        },
        TestEvent {
            order_id: "o-9".to_owned(),
            ..TestEvent::of("u1", 20, Some(Milestone::Purchase))
        },
        TestEvent::of("u10", 10, Some(Milestone::Visit)),
        TestEvent {
            bot: "crawler".to_owned(),
            ..TestEvent::of("u1-bot", 10, Some(Milestone::Visit))
        },
        TestEvent::of("anna", 10, Some(Milestone::Visit)),
        TestEvent::of("Ümit", 10, Some(Milestone::Visit)),
        TestEvent::of("o-9", 10, Some(Milestone::Visit)),
        TestEvent {
            site: "elsewhere",
            ..TestEvent::of("u1", 10, Some(Milestone::Visit))
        },
        identified(
            "anna",
            1,
            r#"{"name":"Anna Oud","email":"old@example.com"}"#,
        ),
        identified("anna", 2, r#"{"name":"Anna u1 Nieuw","plan":"pro"}"#),
        identified(
            "Ümit",
            1,
            r#"{"firstName":"Ümit","lastName":"Öz","email":"Umit@Example.com"}"#,
        ),
        identified("unseen", 1, r#"{"name":"Anna Unseen"}"#),
    ]
}

fn name_of(hash: u64) -> &'static str {
    let known = PEOPLE.iter();
    let mut known = known.filter(|name| ActorHash::of(name).0 == hash);
    known.next().unwrap()
}

async fn find(test: &TestWarehouse, text: &str, bots: Bots) -> Vec<(&'static str, u8)> {
    let query = ViewQuery {
        view: "found_people",
        site: scope(all_time()).site,
        parameters: vec![
            ("bots", ViewParameter::Bots(bots)),
            ("text", ViewParameter::Text(text.to_owned())),
        ],
    };
    let rows: Vec<Found> = test.warehouse.view_rows(&query).await.unwrap();
    let found = rows
        .iter()
        .map(|row| (name_of(row.actor_hash), row.closeness));
    let mut found: Vec<_> = found.collect();
    found.sort_by_key(|(name, closeness)| (*closeness, *name));
    found
}

#[tokio::test]
async fn people_are_found_by_id_order_name_and_address() {
    let test = TestWarehouse::new().await;
    store(&test.warehouse, events()).await;
    let cases: [(&str, &[(&str, u8)]); 12] = [
        ("u1", &[("u1", 0), ("u10", 2), ("anna", 3)]),
        ("device-77", &[("u1", 0)]),
        ("device", &[("u1", 2)]),
        ("o-9", &[("o-9", 0), ("u1", 1)]),
        ("anna", &[("anna", 0)]),
        ("nieuw", &[("anna", 3)]),
        ("OUD", &[("anna", 3)]),
        ("ümit öz", &[("Ümit", 3)]),
        ("umit@example", &[("Ümit", 3)]),
        ("nna", &[("anna", 3)]),
        ("%", &[]),
        ("nobody", &[]),
    ];
    for (text, expected) in cases {
        assert_eq!(find(&test, text, Bots::Exclude).await, expected, "{text}");
    }
    let with_bots = find(&test, "u1-", Bots::Include).await;
    assert_eq!(with_bots, [("u1-bot", 2)]);
}

#[tokio::test]
async fn people_have_the_name_and_the_address_of_their_last_identification_with_one() {
    let test = TestWarehouse::new().await;
    store(&test.warehouse, events()).await;
    let people = PEOPLE.map(|name| ActorHash::of(name).0).to_vec();
    let query = ViewQuery {
        view: "people_names",
        site: scope(all_time()).site,
        parameters: vec![("people", ViewParameter::Actors(people))],
    };
    let rows: Vec<Name> = test.warehouse.view_rows(&query).await.unwrap();
    let mut found: Vec<_> = rows
        .iter()
        .map(|row| (name_of(row.actor_hash), &*row.last_name, &*row.last_email))
        .collect();
    found.sort_unstable();
    assert_eq!(
        found,
        [
            ("anna", "Anna u1 Nieuw", "old@example.com"),
            ("unseen", "Anna Unseen", ""),
            ("Ümit", "Ümit Öz", "Umit@Example.com"),
        ]
    );
}
