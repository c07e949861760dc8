//! What a simulation promises, without the product.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use chrono::{DateTime, TimeZone, Utc};
use chrono_tz::Tz;
use etappe_simulate::{Message, Range, Settings, Simulation, simulate};
use serde_json::Value;

fn settings(seed: u64, people: u32) -> Settings {
    Settings {
        seed,
        people,
        days: Settings::DAYS,
        end: Utc.with_ymd_and_hms(2026, 10, 31, 23, 0, 0).unwrap(),
        zone: Tz::Europe__Amsterdam,
        currency: "EUR".to_owned(),
    }
}

fn text<'a>(message: &'a Value, name: &str) -> &'a str {
    message[name].as_str().unwrap_or_default()
}

/// Returns the person of a message, as the product tells people apart.
fn person(message: &Value) -> &str {
    let user = text(message, "userId");
    if user.is_empty() {
        return text(message, "anonymousId");
    }
    user
}

fn whole(simulation: &Simulation) -> Range {
    simulation.truth.ranges()[0].1
}

#[test]
fn a_seed_always_gives_the_same_messages_and_another_seed_shares_none() {
    let (one, again) = (simulate(&settings(7, 80)), simulate(&settings(7, 80)));
    assert!(one.messages().eq(again.messages()));
    let ids = |simulation: &Simulation| -> HashSet<String> {
        let messages = simulation.messages();
        messages
            .flat_map(|it| [text(&it.value, "messageId"), person(&it.value)].map(str::to_owned))
            .collect()
    };
    let different = Settings {
        days: 119,
        ..settings(7, 80)
    };
    let elsewhere = Settings {
        zone: Tz::UTC,
        ..settings(7, 80)
    };
    for other in [settings(8, 80), settings(7, 81), different, elsewhere] {
        assert!(ids(&one).is_disjoint(&ids(&simulate(&other))));
    }
}

#[test]
fn messages_are_in_order_and_no_two_of_a_person_have_the_same_time() {
    let simulation = simulate(&settings(3, 300));
    let end = settings(3, 300).end;
    let mut before = DateTime::UNIX_EPOCH;
    let mut seen = HashSet::new();
    for message in simulation.messages() {
        assert!(before <= message.at && message.at < end);
        before = message.at;
        assert!(seen.insert((person(&message.value).to_owned(), message.at)));
        let time = text(&message.value, "timestamp");
        assert_eq!(DateTime::parse_from_rfc3339(time).unwrap(), message.at);
    }
}

#[test]
fn everybody_has_one_id_and_some_share_a_device() {
    let simulation = simulate(&settings(5, 600));
    let messages: Vec<Message> = simulation.messages().collect();
    let mut users: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for message in &messages {
        let device = text(&message.value, "anonymousId");
        if !device.is_empty() {
            users
                .entry(device)
                .or_default()
                .insert(person(&message.value));
        }
    }
    let shared: Vec<_> = users.values().filter(|people| people.len() > 1).collect();
    assert!(shared.len() >= 10, "{}", shared.len());
    // A device that is known by itself alone belongs to nobody who is known.
    for (device, people) in &users {
        assert!(!people.contains(device) || people.len() == 1, "{people:?}");
    }
    let people: BTreeSet<&str> = messages.iter().map(|it| person(&it.value)).collect();
    // The crawler is one more.
    assert_eq!(people.len(), 601);
}

#[test]
fn addresses_lead_nowhere() {
    let simulation = simulate(&settings(2, 300));
    for message in simulation.messages() {
        let address = text(&message.value["traits"], "email");
        assert!(address.is_empty() || address.ends_with("@example.com"));
    }
}

#[test]
fn the_shop_looks_like_one() {
    let simulation = simulate(&settings(Settings::SEED, Settings::PEOPLE));
    let events = simulation.truth.events();
    assert!((40_000..60_000).contains(&events), "{events} events");
    let answer = simulation.truth.kpis(whole(&simulation));
    let kpi = |id: &str| {
        let mut kpis = answer["kpis"].as_array().unwrap().iter();
        let found = kpis.find(|it| it["id"] == id).unwrap();
        found["value"]
            .as_f64()
            .unwrap_or_else(|| panic!("{id} has no value"))
    };
    let expected = [
        ("visitors", 2_000.0, 2_000.0),
        ("signups", 600.0, 1_400.0),
        ("activation_rate", 0.55, 0.85),
        ("customers", 250.0, 900.0),
        ("repeat_rate", 0.15, 0.6),
        ("referrals_per_customer", 0.05, 0.6),
        ("k_factor", 0.02, 0.5),
        ("retention_rate", 0.1, 0.6),
        ("nps", -20.0, 70.0),
        ("unmapped_share", 0.0001, 0.05),
    ];
    for (id, low, high) in expected {
        let value = kpi(id);
        assert!((low..=high).contains(&value), "{id}: {value}");
    }
}

#[test]
fn the_biggest_leak_is_paying_by_telephone() {
    for seed in 1..=3 {
        let simulation = simulate(&settings(seed, Settings::PEOPLE));
        let (name, last) = &simulation.truth.ranges()[1];
        assert_eq!(name, "last 30 days");
        let leak = &simulation.truth.kpis(*last)["biggest_leak"];
        assert_eq!(leak["stage"], "revenue", "seed {seed}: {leak}");
        assert!(leak["lost"].as_f64().unwrap() > 30.0, "seed {seed}: {leak}");
    }
}

#[test]
fn payments_fail_on_telephones_in_the_last_quarter() {
    let simulation = simulate(&settings(Settings::SEED, Settings::PEOPLE));
    let trouble = settings(1, 1).end - chrono::Duration::days(30);
    let mut payments: BTreeMap<(bool, bool), (f64, f64)> = BTreeMap::new();
    for message in simulation.messages() {
        let agent = text(&message.value["context"], "userAgent");
        let is_telephone = agent.contains("iPhone") || agent.contains("Android");
        let counts = payments
            .entry((is_telephone, message.at >= trouble))
            .or_default();
        match text(&message.value, "event") {
            "Payment Info Entered" => counts.0 += 1.0,
            "Payment Failed" => counts.1 += 1.0,
            _ => {}
        }
    }
    let failed = |key| payments[&key].1 / payments[&key].0;
    assert!(
        failed((true, true)) > 0.85 && failed((true, false)) < 0.2,
        "{payments:?}"
    );
    assert!(
        failed((false, true)) < 0.1 && failed((false, false)) < 0.1,
        "{payments:?}"
    );
}
