//! A trial: an installation under load, one fault after the other, then the comparison with the
//! ledger.

use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::checker::{DeadLetterPlace, Verdict, check_figures, check_stored};
use super::fault::Fault;
use super::installation::Installation;
use super::proxy::REFUSED_FOR_CONTENT;
use super::sender::{Acknowledged, SendPlan, Senders};
use super::switches::SwitchWatch;
use super::trial_result::TrialResult;
use crate::site::TestSite;

/// The time limit for recovery from a fault, after which the trial fails.
const RECOVERED_WITHIN: Duration = Duration::from_secs(180);
/// How often a probe is sent again and polled. A poll costs the database as much as an insert, so
/// more frequent polls would delay what they wait for.
const LOOK_EVERY: Duration = Duration::from_millis(300);
/// How long clients send every batch again.
const REPEATED_FOR: Duration = Duration::from_secs(5);
/// How many letters are replayed with one command.
const LETTERS: usize = 500;

/// The plan of a trial.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The seed for all random decisions.
    pub seed: u64,
    /// The minimum number of faults.
    pub faults: usize,
    /// The kinds of faults, among those of the installation; all if empty.
    pub kinds: Vec<Fault>,
    /// Clients.
    pub clients: usize,
    /// What the clients send.
    pub send: SendPlan,
}

/// Runs a trial; `tell` is called for each fault once the system has recovered from it.
///
/// # Errors
/// When the system does not recover from a fault, or a query fails.
pub async fn run(
    plan: Plan,
    mut installation: impl Installation,
    mut tell: impl FnMut(&str),
) -> anyhow::Result<TrialResult> {
    let begun = Instant::now();
    let site = installation.create_site("ledger").await?;
    let probes = installation.create_site("probes").await?;
    let collectors = installation.collectors();
    let through = |client: usize| site.through(&collectors[client % collectors.len()]);
    let senders = Senders::start((0..plan.clients).map(through).collect(), plan.send);
    let sites = (&probes, &senders);
    let mut watch = SwitchWatch::default();
    let broken = break_everything(&plan, &mut installation, (sites, &mut watch), &mut tell);
    let recoveries = broken.await?;
    let acknowledged = senders.finish().await;
    let total: u64 = acknowledged.by_client.iter().sum();
    let refused_for_content = send_poison_again(&installation, &site).await?;
    site.settle(total).await?;
    let unreadable = installation.unreadable();
    let mut verdict = check(&mut installation, &site, (&acknowledged, plan.send.seed)).await?;
    watch.note(None, &installation.spools().await?, Instant::now());
    verdict.switches = watch.unexplained().to_vec();
    installation.stop().await?;
    Ok(TrialResult {
        seed: plan.seed,
        acknowledged: total,
        requests: acknowledged.requests,
        refusals: acknowledged.refusals,
        refused_for_content,
        unreadable,
        recoveries,
        verdict,
        took: begun.elapsed(),
    })
}

/// Injects one fault after the other, in rounds of all kinds, until there were enough and all
/// messages are sent.
async fn break_everything(
    plan: &Plan,
    installation: &mut impl Installation,
    ((probes, senders), watch): ((&TestSite, &Senders), &mut SwitchWatch),
    tell: &mut impl FnMut(&str),
) -> anyhow::Result<Vec<(Fault, Duration)>> {
    let mut random = StdRng::seed_from_u64(plan.seed);
    let mut recoveries = Vec::new();
    let mut round = Vec::new();
    watch.note(None, &installation.spools().await?, Instant::now());
    while recoveries.len() < plan.faults || senders.acknowledged() < plan.send.messages {
        if round.is_empty() {
            let all = installation.faults().iter().copied();
            let is_meant = |kind: &Fault| plan.kinds.is_empty() || plan.kinds.contains(kind);
            round = all.filter(is_meant).collect();
            round.shuffle(&mut random);
        }
        let gap = random.random_range(200..1_500);
        tokio::time::sleep(Duration::from_millis(gap)).await;
        let fault = round.pop().context("none of these faults can be caused")?;
        if fault == Fault::Repeats {
            senders.repeat_all_for(REPEATED_FOR).await;
        } else {
            let suffered = installation.suffer(fault, &mut random).await;
            suffered.with_context(|| format!("{fault:?}; {}", installation.last_words()))?;
        }
        let took = recover(installation, probes, recoveries.len())
            .await
            .map_err(|error| {
                let said = installation.last_words();
                anyhow!("after {fault:?} {error}; {said}")
            })?;
        watch.note(Some(fault), &installation.spools().await?, Instant::now());
        recoveries.push((fault, took));
        tell(&format!(
            "{:4} {fault:?}: recovered after {:.1} s; {} acknowledged",
            recoveries.len(),
            took.as_secs_f64(),
            senders.acknowledged()
        ));
    }
    Ok(recoveries)
}

/// Sends a probe until it is accepted and waits until it is counted; returns how long that took.
async fn recover(
    installation: &impl Installation,
    probes: &TestSite,
    number: usize,
) -> anyhow::Result<Duration> {
    let begun = Instant::now();
    let name = format!("Probe {number}");
    let probe = json!({
        "type": "track", "messageId": format!("probe-{number}"), "userId": "probe", "event": name,
    });
    let collectors = installation.collectors();
    let probes = probes.through(&collectors[number % collectors.len()]);
    let mut seen = String::from("the probe was never answered");
    let recovered = async {
        loop {
            let answer = probes.send(std::slice::from_ref(&probe)).await;
            if matches!(answer, Ok((200, _))) {
                break;
            }
            seen = format!("the probe was last answered with {answer:?}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let accepted = begun.elapsed();
        loop {
            let counted = probes.funnel(&[json!({ "event": name })]).await;
            if matches!(counted.as_deref(), Ok([1])) {
                break;
            }
            seen = format!("accepted after {accepted:?}, the funnel says {counted:?}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    if tokio::time::timeout(RECOVERED_WITHIN, recovered)
        .await
        .is_err()
    {
        bail!("not recovered after {RECOVERED_WITHIN:?}: {seen}");
    }
    Ok(begun.elapsed())
}

/// Lets the database accept the messages it refused for their content, and replays them; returns
/// the number of letters.
async fn send_poison_again(
    installation: &impl Installation,
    site: &TestSite,
) -> anyhow::Result<u64> {
    installation.take_poison();
    site.settle_down().await?;
    let refusal = format!("Code: {REFUSED_FOR_CONTENT}.");
    let mut refused = Vec::new();
    for letter in installation.dead_letters().await? {
        let text = |field: &str| letter[field].as_str().unwrap_or_default();
        if text("reason").contains(&refusal) {
            refused.push(text("letter").to_owned());
        }
    }
    for some in refused.chunks(LETTERS) {
        installation.replay(some).await?;
    }
    Ok(refused.len() as u64)
}

/// Compares everything with the ledger and runs the product's own audit.
async fn check(
    installation: &mut impl Installation,
    site: &TestSite,
    ledger: (&Acknowledged, u64),
) -> anyhow::Result<Verdict> {
    let mut verdict = Verdict::default();
    check_figures(site, ledger, &mut verdict).await?;
    let letters = installation.dead_letters().await?;
    let places = places(&letters)?;
    let refusal = format!("Code: {REFUSED_FOR_CONTENT}.");
    let is_unreadable = |letter: &&Value| !letter["reason"].to_string().contains(&refusal);
    let unreadable = letters.iter().filter(is_unreadable).count() as u64;
    if unreadable != installation.unreadable() {
        verdict.figures.push(format!(
            "{unreadable} dead letters that cannot be read, expected {}",
            installation.unreadable()
        ));
    }
    if let Err(error) = installation.audit().await {
        verdict.figures.push(format!("the audit failed: {error}"));
    }
    let database = installation.database().await?;
    check_stored(&database, site, ledger, (&places, &mut verdict)).await?;
    Ok(verdict)
}

fn places(letters: &[Value]) -> anyhow::Result<Vec<DeadLetterPlace>> {
    let place = |letter: &Value| {
        let name = letter["letter"].as_str().unwrap_or_default();
        DeadLetterPlace::parse(name).with_context(|| format!("`{name}` is not a dead letter"))
    };
    letters.iter().map(place).collect()
}
