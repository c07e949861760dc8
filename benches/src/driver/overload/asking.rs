//! The second half: the flooded site runs queries as fast as it can, and the other one continues.
//!
//! Many clients of one site run heavy queries over millions of events, each starting the next one
//! as soon as it has an answer. The other site sends single events and queries its cards once a
//! second, as it did before the first site ran queries.

use std::time::Duration;

use etappe_tests::site::TestSite;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::installation::Installation;
use super::options::OverloadOptions;
use super::watch::{CARDS, Never, Watched, ask};
use crate::driver::child::{Load, LoadTarget};
use crate::driver::report::progress;
use crate::latency::LatencyHistogram;
use crate::load::report::LoadReport;

/// How long the other site is measured alone.
const QUIET_SECONDS: u64 = 30;
/// How long a refused client waits: less than it is told to.
const PAUSE: Duration = Duration::from_millis(100);
/// How often the quiet site queries its cards.
const QUIET_EVERY: Duration = Duration::from_millis(500);

/// The measurements.
#[derive(Debug)]
pub(super) struct Asking {
    /// The other site's events and cards before the queries.
    pub(super) quiet_events: LoadReport,
    pub(super) quiet_cards: LatencyHistogram,
    /// The same during the queries.
    pub(super) events: LoadReport,
    pub(super) cards: Watched,
    /// The results of the many queries.
    pub(super) answered: u64,
    pub(super) refused: u64,
    pub(super) questions: LatencyHistogram,
}

/// The results of one client.
#[derive(Debug, Default)]
struct Client {
    answered: u64,
    refused: u64,
    questions: LatencyHistogram,
}

/// Measures the other site alone, and beside a site that runs queries.
pub(super) async fn measure(
    installation: &Installation,
    target: &LoadTarget,
    options: &OverloadOptions,
) -> anyhow::Result<Asking> {
    let quiet = &installation.quiet;
    progress("the quiet site alone, with its cards");
    let seconds = Duration::from_secs(QUIET_SECONDS).as_secs_f64();
    let load = Load::open(0, options.quiet_rate, seconds);
    let mut quiet_cards = LatencyHistogram::default();
    let quiet_events = tokio::select! {
        events = load.run(target) => events?,
        never = ask_quietly(quiet, &mut quiet_cards) => match never {},
    };
    progress(&format!("{} clients of the other site ask", options.askers));
    let end = Instant::now() + Duration::from_secs(options.ask_seconds);
    let mut clients = JoinSet::new();
    for number in 0..options.askers {
        clients.spawn(insist(installation.flooded.clone(), number, end));
    }
    let seconds = Duration::from_secs(options.ask_seconds).as_secs_f64();
    let load = Load::open(0, options.quiet_rate, seconds);
    let mut cards = Watched::default();
    let events = tokio::select! {
        events = load.run(target) => events?,
        never = ask(quiet, &mut cards) => match never {},
    };
    let mut all = Client::default();
    while let Some(client) = clients.join_next().await {
        let client = client?;
        all.answered += client.answered;
        all.refused += client.refused;
        all.questions.merge(&client.questions);
    }
    Ok(Asking {
        quiet_events,
        quiet_cards,
        events,
        cards,
        answered: all.answered,
        refused: all.refused,
        questions: all.questions,
    })
}

async fn ask_quietly(site: &TestSite, cards: &mut LatencyHistogram) -> Never {
    let mut ticks = interval(QUIET_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let started = Instant::now();
        if let Ok((200, _)) = site.get(CARDS).await {
            cards.record(started.elapsed());
        }
    }
}

/// Runs one query after the other until `end`.
async fn insist(site: TestSite, number: u32, end: Instant) -> Client {
    let mut client = Client::default();
    let questions = questions();
    for turn in usize::try_from(number).unwrap_or_default().. {
        if Instant::now() >= end {
            break;
        }
        let started = Instant::now();
        let answer = match questions.get(turn % (questions.len() + 1)) {
            Some(question) => site.ask("/funnel", question).await,
            None => site.get(CARDS).await,
        };
        if let Ok((200, _)) = answer {
            client.answered += 1;
            client.questions.record(started.elapsed());
        } else {
            client.refused += 1;
            sleep(PAUSE).await;
        }
    }
    client
}

/// Returns queries that read everything.
fn questions() -> Vec<Value> {
    let span = json!({"from": "2020-01-01", "to": "2100-01-01"});
    let with = |more: Value| {
        let mut question = span.clone();
        if let (Some(question), Value::Object(more)) = (question.as_object_mut(), more) {
            question.extend(more);
        }
        question
    };
    vec![
        with(json!({"model": "aaarrr"})),
        with(json!({
            "steps": [{"any": true}, {"any": true}, {"any": true}],
            "attempt": "best",
            "window": "30d"
        })),
        with(json!({
            "steps": [{"any": true}, {"milestone": "purchase"}],
            "breakdown": {"by": ["country"], "step": 1},
            "trend": "month"
        })),
    ]
}
