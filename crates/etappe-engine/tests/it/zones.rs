//! Time zones use memory until the engine ends, so readers may use only a few and compute none.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use crate::harness::TestEngine;

/// `ACCESS_DENIED` and `LIMIT_EXCEEDED`.
const DENIED: u16 = 403;
const LIMIT_EXCEEDED: i32 = 290;

#[tokio::test]
async fn readers_may_name_known_time_zones_but_not_compute_them() {
    let engine = TestEngine::start().await;
    for (settings, statement) in [
        (None, "SELECT toTimeZone(now(), 'Fixed/UTC+00:00:01')"),
        (None, "SELECT toString(now(), concat('UTC', ''))"),
        (
            None,
            "SELECT toString(now(), z) FROM (SELECT 'UTC' AS z FROM numbers(3))",
        ),
        (None, "SELECT now()::DateTime('Fixed/UTC+00:00:01')"),
        (Some("Fixed/UTC+00:00:01"), "SELECT now()"),
    ] {
        let settings: Vec<(&str, &str)> = settings
            .map(|zone| ("session_timezone", zone))
            .into_iter()
            .collect();
        let answer = engine.reader.try_query(&settings, statement).await;
        assert_eq!(answer.status, DENIED, "{statement}: {}", answer.text());
    }
    let named = "SELECT toString(toDateTime('2026-07-01 00:00:00', 'UTC'), 'Europe/Amsterdam')";
    assert_eq!(engine.reader.query(named).await, "2026-07-01 02:00:00");
    let zones = engine
        .client
        .query("SELECT time_zone FROM system.time_zones LIMIT 60")
        .await;
    let mut refused = None;
    for zone in zones.lines() {
        let statement = format!("SELECT toTimeZone(now(), '{zone}')");
        let answer = engine.reader.try_query(&[], &statement).await;
        if answer.status != 200 {
            refused = Some((statement, answer.code));
            break;
        }
    }
    let (statement, code) = refused.expect("there is an end to it");
    assert_eq!(code, Some(LIMIT_EXCEEDED), "{statement}");
    assert_eq!(engine.reader.query(named).await, "2026-07-01 02:00:00");
    engine.client.query(&statement).await;
}

/// How many functions each run tests, each with several kinds of arguments.
const FUNCTIONS: usize = 120;

const ARGUMENTS: &[&str] = &[
    "toDateTime('2020-01-01 00:00:00', 'UTC')",
    "toDateTime64('2020-01-01 00:00:00', 3, 'UTC')",
    "toDate('2020-01-01')",
    "'2020-01-01 00:00:00'",
    "'day'",
    "'%Y'",
    "1",
    "toInt64(1)",
    "INTERVAL 1 DAY",
];

#[tokio::test]
async fn a_reader_cannot_pass_a_computed_time_zone_to_a_function() {
    let seed = std::env::var_os("ETAPPE_TEST_SEED").map_or_else(rand::random, |seed| {
        let seed = seed.to_str().and_then(|seed| seed.parse().ok());
        seed.expect("ETAPPE_TEST_SEED is a number")
    });
    println!("ETAPPE_TEST_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let engine = TestEngine::start().await;
    let listed: Vec<&str> = include_str!("../../names/functions.txt")
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .collect();
    let mut functions: Vec<&str> = listed.sample(&mut random, FUNCTIONS).copied().collect();
    // Functions known to take a time zone; the test must find at least these.
    functions.extend(["toString", "dateDiff", "CAST", "toStartOfInterval"]);
    let mut found = 0;
    for function in functions {
        for count in 0..=3 {
            for _ in 0..3 {
                let draw = |random: &mut StdRng| ARGUMENTS[random.random_range(0..ARGUMENTS.len())];
                let before: String = (0..count)
                    .map(|_| draw(&mut random).to_owned() + ", ")
                    .collect();
                for zone in ["No/Such", "DateTime(''No/Such'')"] {
                    let written = format!("SELECT {function}({before}'{zone}')");
                    let answer = engine.client.try_query(&[], &written).await;
                    if !answer.text().contains("Cannot load time zone") {
                        continue;
                    }
                    found += 1;
                    let computed = format!("SELECT {function}({before}concat('', '{zone}'))");
                    let answer = engine.reader.try_query(&[], &computed).await;
                    assert_eq!(answer.status, DENIED, "{computed}: {}", answer.text());
                    let answer = engine.reader.try_query(&[], &written).await;
                    assert_eq!(answer.status, DENIED, "{written}: {}", answer.text());
                }
            }
        }
    }
    assert!(found > 0);
}
