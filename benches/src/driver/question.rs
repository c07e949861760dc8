//! Query latencies at the size reached, and an ad-hoc funnel beside plain `windowFunnel`.

use anyhow::ensure;
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::bench::Bench;
use super::report::Figure;
use super::round::Rounds;
use crate::latency::LatencyHistogram;

const STEPS: [&str; 3] = ["Product Viewed", "Checkout Started", "Order Completed"];
const WINDOW_MILLIS: u64 = 30 * 86_400_000;

struct Question {
    name: &'static str,
    path: &'static str,
    body: Option<Value>,
}

/// Runs every query several times.
pub(crate) async fn run(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let (events, actors) = bench.engine.size(&bench.site.name).await?;
    let size = format!("{events} events, {actors} actors; the target is for 100 M and 1 M");
    let mut figures = Vec::new();
    let questions = questions();
    for (index, question) in questions.iter().enumerate() {
        // Each query gets an equal part of the time; the funnel below is the last one.
        let others = u32::try_from(questions.len() - index)?;
        let reserve = bench.seconds_left() * (1.0 - 1.0 / f64::from(others + 1));
        let mut latencies = LatencyHistogram::default();
        let mut rounds = Rounds::new(bench.pace.questions);
        while rounds.next(bench.seconds_left(), reserve).is_some() {
            let started = Instant::now();
            ask(bench, question).await?;
            latencies.record(started.elapsed());
        }
        let summary = latencies.summary();
        figures.push(
            Figure::new(format!("{}, p95", question.name), summary.p95_ms, "ms")
                .at_most(300.0, 100.0)
                .note(format!(
                    "p50 {:.0} ms of {}; {size}",
                    summary.p50_ms, summary.count
                )),
        );
    }
    figures.extend(ad_hoc(bench, events).await?);
    Ok(figures)
}

fn questions() -> Vec<Question> {
    let get = |name, path| Question {
        name,
        path,
        body: None,
    };
    vec![
        get(
            "cards (kpis)",
            "/kpis?from=2020-01-01&to=2100-01-01&model=aaarrr",
        ),
        get("stocks (stages)", "/stages?model=aaarrr"),
        get("referrals", "/referrals?from=2020-01-01&to=2100-01-01"),
        Question {
            name: "funnel of a model",
            path: "/funnel",
            body: Some(json!({"model": "aaarrr", "from": "2020-01-01", "to": "2100-01-01"})),
        },
    ]
}

/// Measures the ad-hoc funnel and `windowFunnel` over the same events, alternating.
async fn ad_hoc(bench: &Bench, events: u64) -> anyhow::Result<Vec<Figure>> {
    let steps: Vec<Value> = STEPS.iter().map(|event| json!({"event": event})).collect();
    let question = Question {
        name: "funnel of steps",
        path: "/funnel",
        body: Some(json!({
            "steps": steps, "window": "30d", "from": "2020-01-01", "to": "2100-01-01"
        })),
    };
    let plain = window_funnel(&bench.site.name);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let mut rounds = Rounds::new(bench.pace.questions);
    while rounds.next(bench.seconds_left(), 0.0).is_some() {
        let started = Instant::now();
        ask(bench, &question).await?;
        ours.push(started.elapsed().as_secs_f64() * 1e3);
        let started = Instant::now();
        bench.engine.database.run(&plain, &[], Bytes::new()).await?;
        theirs.push(started.elapsed().as_secs_f64() * 1e3);
    }
    Ok(vec![
        Figure::of_rounds("funnel of steps (ad hoc), median", &ours, "ms")
            .at_most(300.0, 300.0)
            .note(format!(
                "{events} events; the target is for 10 M, and 1 s for 100 M"
            )),
        Figure::of_rounds("limit: windowFunnel over events, median", &theirs, "ms"),
        Figure::ratio("windowFunnel to ours: times as fast", &theirs, &ours)
            .at_least(2.0, 5.0)
            .note(format!("{} pairs", ours.len())),
    ])
}

fn window_funnel(site: &str) -> String {
    let conditions: Vec<String> = STEPS
        .iter()
        .map(|event| format!("event = '{event}'"))
        .collect();
    format!(
        "SELECT level, count() FROM (SELECT actor_hash, windowFunnel({WINDOW_MILLIS})\
         (toUInt64(toUnixTimestamp64Milli(occurred_at)), {}) AS level \
         FROM events WHERE site = '{site}' GROUP BY actor_hash) GROUP BY level FORMAT TSV",
        conditions.join(", ")
    )
}

async fn ask(bench: &Bench, question: &Question) -> anyhow::Result<()> {
    let (status, answer) = match &question.body {
        Some(body) => bench.site.ask(question.path, body).await?,
        None => bench.site.get(question.path).await?,
    };
    ensure!(status == 200, "{} got {status}: {answer}", question.name);
    Ok(())
}
