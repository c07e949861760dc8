//! A trial: a fleet under load, faults one after the other, then the comparison with the ledger.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use anyhow::Context;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use tokio::time::Instant;

use super::checker::{Database, DeadLetterPlace, Verdict, check};
use super::fault::{Fault, Lengths, Victim};
use super::sender::{SendPlan, Senders};
use crate::fleet::{Fleet, Sizes};
use crate::site::TestSite;

/// How long the system may take to be well again before the trial has failed.
const RECOVERED_WITHIN: Duration = Duration::from_secs(180);
/// How often a probe is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What a trial consists of.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Decides everything that is random.
    pub seed: u64,
    /// The processes.
    pub sizes: Sizes,
    /// How many faults there are at least.
    pub faults: usize,
    /// Which faults there are.
    pub kinds: Vec<Fault>,
    /// How long causes last.
    pub lengths: Lengths,
    /// Clients.
    pub clients: usize,
    /// What they send.
    pub send: SendPlan,
}

/// What came of a trial.
#[derive(Debug)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// Messages that were acknowledged.
    pub acknowledged: u64,
    /// Requests that were sent, repetitions included.
    pub requests: u64,
    /// Answers other than 200, and requests without one.
    pub refusals: u64,
    /// Each fault, and how long after its cause was gone a new event was counted again.
    pub recoveries: Vec<(Fault, Duration)>,
    /// What the checker found.
    pub verdict: Verdict,
    /// From the first message to the verdict.
    pub took: Duration,
}

impl Outcome {
    /// Returns the share of faults that the system recovered from within `limit`.
    #[must_use]
    pub fn recovered_within(&self, limit: Duration) -> f64 {
        let quick = self.recoveries.iter().filter(|(_, took)| *took <= limit);
        #[expect(clippy::cast_precision_loss, reason = "some hundred faults")]
        let share = quick.count() as f64 / self.recoveries.len().max(1) as f64;
        share
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "seed {}: {} messages acknowledged in {} requests ({} without a 200), {} faults, {:.0} s",
            self.seed,
            self.acknowledged,
            self.requests,
            self.refusals,
            self.recoveries.len(),
            self.took.as_secs_f64()
        )?;
        let mut by_kind: BTreeMap<Fault, Vec<f64>> = BTreeMap::new();
        for (fault, took) in &self.recoveries {
            by_kind.entry(*fault).or_default().push(took.as_secs_f64());
        }
        for (fault, mut seconds) in by_kind {
            seconds.sort_by(f64::total_cmp);
            let median = seconds[seconds.len() / 2];
            let longest = seconds.last().copied().unwrap_or_default();
            writeln!(
                f,
                "  {:18} {:3} times, recovered in {median:.1} s (median), {longest:.1} s (longest)",
                format!("{fault:?}"),
                seconds.len()
            )?;
        }
        writeln!(
            f,
            "  {:.0} % recovered within 10 s",
            100.0 * self.recovered_within(Duration::from_secs(10))
        )?;
        write!(f, "{}", self.verdict)
    }
}

/// Runs a trial; `tell` hears of each fault once the system has recovered from it.
///
/// # Errors
/// When the system does not recover from a fault, or cannot be asked.
pub async fn run(plan: Plan, mut tell: impl FnMut(&str)) -> anyhow::Result<Outcome> {
    let begun = Instant::now();
    let (mut fleet, proxy) = Fleet::start_for_faults(plan.sizes).await?;
    let site = fleet.create_site("ledger", 0).await?;
    let probes = fleet.create_site("probes", 0).await?;
    let collectors: Vec<String> = fleet
        .collectors
        .iter()
        .map(|collector| collector.said("listen"))
        .collect();
    let through = |client: usize| site.through(&collectors[client % collectors.len()]);
    let senders = Senders::start((0..plan.clients).map(through).collect(), plan.send);
    let mut poisoned = 0;
    let victim = Victim {
        fleet: &mut fleet,
        proxy: &proxy,
        lengths: plan.lengths,
        poisoned: &mut poisoned,
    };
    let recoveries = break_everything(&plan, victim, (&probes, &senders), &mut tell).await?;
    let acknowledged = senders.finish().await;
    let total: u64 = acknowledged.by_client.iter().sum();
    site.settle(total).await?;
    let database = Database::of(fleet.clickhouse())?;
    let letters = dead_letters(&fleet).await?;
    let ledger = (&acknowledged, plan.send.seed);
    let mut verdict = check(&database, &site, ledger, &letters).await?;
    if letters.len() as u64 != poisoned {
        let line = format!("{} dead letters, expected {poisoned}", letters.len());
        verdict.figures.push(line);
    }
    audit(&fleet, &mut verdict).await;
    fleet.stop().await?;
    Ok(Outcome {
        seed: plan.seed,
        acknowledged: total,
        requests: acknowledged.requests,
        refusals: acknowledged.refusals,
        recoveries,
        verdict,
        took: begun.elapsed(),
    })
}

/// Does one fault after the other, in rounds of all kinds, until there were enough and all messages
/// are sent.
async fn break_everything(
    plan: &Plan,
    mut victim: Victim<'_>,
    (probes, senders): (&TestSite, &Senders),
    tell: &mut impl FnMut(&str),
) -> anyhow::Result<Vec<(Fault, Duration)>> {
    let mut random = StdRng::seed_from_u64(plan.seed);
    let mut recoveries = Vec::new();
    let mut kinds = Vec::new();
    while recoveries.len() < plan.faults || !senders.are_done() {
        if kinds.is_empty() {
            kinds.clone_from(&plan.kinds);
            kinds.shuffle(&mut random);
        }
        let gap = random.random_range(200..1_500);
        tokio::time::sleep(Duration::from_millis(gap)).await;
        let fault = kinds.pop().context("there are faults")?;
        victim
            .suffer(fault, &mut random)
            .await
            .with_context(|| format!("{fault:?}"))?;
        let took = recover(victim.fleet, probes, recoveries.len())
            .await
            .with_context(|| format!("after {fault:?}; {}", victim.fleet.last_words()))?;
        recoveries.push((fault, took));
        tell(&format!(
            "{:4} {fault:?}: well again after {:.1} s; {} acknowledged",
            recoveries.len(),
            took.as_secs_f64(),
            senders.acknowledged()
        ));
    }
    Ok(recoveries)
}

/// Sends a probe until it is taken and waits until it is counted; returns how long that took.
async fn recover(fleet: &Fleet, probes: &TestSite, number: usize) -> anyhow::Result<Duration> {
    let begun = Instant::now();
    let name = format!("Probe {number}");
    let probe = json!({
        "type": "track", "messageId": format!("probe-{number}"), "userId": "probe", "event": name,
    });
    let collector = number % fleet.collectors.len();
    let probes = probes.through(&fleet.collectors[collector].said("listen"));
    let recovered = async {
        while !matches!(
            probes.send(std::slice::from_ref(&probe)).await,
            Ok((200, _))
        ) {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        while !matches!(
            probes.funnel(&[json!({ "event": name })]).await.as_deref(),
            Ok([1])
        ) {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::time::timeout(RECOVERED_WITHIN, recovered)
        .await
        .with_context(|| format!("not well again after {RECOVERED_WITHIN:?}"))?;
    Ok(begun.elapsed())
}

/// Returns where the dead letters stood.
async fn dead_letters(fleet: &Fleet) -> anyhow::Result<Vec<DeadLetterPlace>> {
    let letters = fleet.run(&["dead-letters", "list"]).await?;
    let letters = letters.as_array().context("a list of letters")?;
    let place = |letter: &serde_json::Value| {
        let name = letter["letter"].as_str().unwrap_or_default();
        DeadLetterPlace::parse(name).with_context(|| format!("`{name}` is no letter"))
    };
    letters.iter().map(place).collect()
}

/// The product's own audit must come to the same end.
async fn audit(fleet: &Fleet, verdict: &mut Verdict) {
    let audit = ["audit", "--clickhouse", fleet.clickhouse()];
    if let Err(error) = fleet.run(&audit).await {
        verdict.figures.push(format!("the audit failed: {error}"));
    }
}
