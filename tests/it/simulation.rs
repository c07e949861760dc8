//! The figures of a simulated site are exactly what its generator knows to be true.
//!
//! The generator counts with its own code, from the definitions alone, so that this is a check of
//! every card, stage, referral figure and funnel on journeys that look like real ones.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, ensure};
use chrono::{DateTime, Duration, TimeZone, Utc};
use chrono_tz::Tz;
use etappe_simulate::{Range, Settings, Simulation, day_end, simulate};
use etappe_testkit::draw::{self, Draw};
use etappe_testkit::process::{EtappeProcess, binary_path};
use etappe_testkit::wait::{PATIENCE, until};
use etappe_tests::site::TestSite;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::{run, started};

/// Numbers computed in another order may differ by so much of themselves.
const EQUAL: f64 = 1e-9;

/// Writes the messages to a file and imports it.
async fn import(
    process: &EtappeProcess,
    site: &TestSite,
    simulation: &Simulation,
) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("simulated.ndjson");
    let lines = simulation.messages();
    let lines: Vec<String> = lines.map(|message| message.value.to_string()).collect();
    std::fs::write(&file, lines.join("\n"))?;
    let data = process.data();
    let text = |path: &Path| path.to_str().expect("text").to_owned();
    let (data, file) = (text(&data), text(&file));
    let (code, _, errors) = run(&["import", "--site", &site.name, "--data", &data, &file]).await?;
    ensure!(code == Some(0), "{errors}");
    let people = simulation.truth.events_of_people() as u64;
    let visible = site.settle(people).await?;
    ensure!(visible == people, "{visible} events, {people} were made");
    Ok(())
}

/// Adds where an answer differs from what is true; members that are not expected may be anything.
/// Returns how many values were compared.
fn compare(expected: &Value, found: &Value, place: &str, all: &mut Vec<String>) -> usize {
    match (expected, found) {
        (Value::Object(members), Value::Object(_)) => {
            let compared = members.iter().map(|(name, member)| {
                compare(member, &found[name], &format!("{place}.{name}"), all)
            });
            return compared.sum();
        }
        (Value::Array(items), Value::Array(others)) if items.len() == others.len() => {
            let pairs = items.iter().zip(others).enumerate();
            let compared = pairs.map(|(number, (item, other))| {
                let name = item["id"].as_str().map(str::to_owned);
                let name = name.unwrap_or_else(|| number.to_string());
                compare(item, other, &format!("{place}[{name}]"), all)
            });
            return compared.sum();
        }
        (Value::Number(one), Value::Number(other)) => {
            let (one, other) = (one.as_f64(), other.as_f64());
            let (one, other) = (one.unwrap_or(f64::NAN), other.unwrap_or(f64::NAN));
            if (one - other).abs() > EQUAL * one.abs().max(1.0) || one.is_nan() {
                all.push(format!("{place}: {one} is true, {other} was answered"));
            }
        }
        _ if expected == found => {}
        _ => all.push(format!("{place}: {expected} is true, {found} was answered")),
    }
    1
}

/// Sorts the moves of an answer about stages, whose order means nothing.
fn sort_moves(answer: &mut Value) {
    if let Some(moves) = answer["transitions"].as_array_mut() {
        moves.sort_by_key(ToString::to_string);
        for one in moves {
            // Only these members are compared, and both sides have them in one order.
            *one = json!([one["from"], one["to"], one["kind"], one["count"]]);
        }
    }
}

/// The questions about one site.
struct Check<'a> {
    site: &'a TestSite,
    simulation: &'a Simulation,
    zone: Tz,
    /// How many values were compared.
    compared: usize,
    /// Where answers differ.
    differences: Vec<String>,
}

impl<'a> Check<'a> {
    const fn of(site: &'a TestSite, simulation: &'a Simulation, zone: Tz) -> Self {
        Self {
            site,
            simulation,
            zone,
            compared: 0,
            differences: Vec::new(),
        }
    }

    /// Fails if an answer differed, or if fewer values than `least` were compared.
    fn ensure_equal(&self, settings: &Settings, least: usize) -> anyhow::Result<()> {
        let (found, Settings { seed, people, .. }) = (&self.differences, settings);
        ensure!(self.compared > least, "{} values", self.compared);
        ensure!(
            found.is_empty(),
            "seed {seed} with {people} people has {} differences:\n{}",
            found.len(),
            found
                .iter()
                .take(40)
                .cloned()
                .collect::<Vec<_>>()
                .join("\n")
        );
        Ok(())
    }

    /// Compares all answers about a range.
    async fn range(&mut self, from: DateTime<Utc>, to: DateTime<Utc>) -> anyhow::Result<()> {
        let zone = self.zone.name();
        let edges = format!(
            "from={}&to={}&timezone={zone}&model=aaarrr",
            from.format("%Y-%m-%dT%H:%M:%S%.3fZ"),
            to.format("%Y-%m-%dT%H:%M:%S%.3fZ")
        );
        for question in ["kpis", "stages", "referrals"] {
            let answer = self.site.get(&format!("/{question}?{edges}")).await?;
            self.compare(question, (from, to), None, answer)?;
        }
        for days in [None, Some(3), Some(30)] {
            let mut question =
                json!({ "model": "aaarrr", "from": from, "to": to, "timezone": zone });
            if let Some(days) = days {
                question["window"] = json!(format!("{days}d"));
            }
            let answer = self.site.ask("/funnel", &question).await?;
            self.compare("funnel", (from, to), days.map(Duration::days), answer)?;
        }
        Ok(())
    }

    fn compare(
        &mut self,
        question: &str,
        (from, to): (DateTime<Utc>, DateTime<Utc>),
        window: Option<Duration>,
        (status, mut answer): (u16, Value),
    ) -> anyhow::Result<()> {
        ensure!(status == 200, "{question}: {status} {answer}");
        let as_of = answer["as_of"].as_str().context("there is a watermark")?;
        let as_of = as_of.parse()?;
        let range = Range { from, to, as_of };
        let truth = &self.simulation.truth;
        let mut expected = match question {
            "kpis" => truth.kpis(range),
            "stages" => truth.stages(range),
            "referrals" => truth.referrals(range),
            _ => truth.funnel(range, window),
        };
        sort_moves(&mut expected);
        sort_moves(&mut answer);
        let place = format!("{question} {from} to {to}, window {window:?}");
        self.compared += compare(&expected, &answer, &place, &mut self.differences);
        Ok(())
    }
}

/// Simulates a site, imports it, and compares the answers about its own ranges and some others.
async fn check(process: &EtappeProcess, settings: &Settings) -> anyhow::Result<()> {
    let site = TestSite::create(process, &format!("seed-{}", settings.seed)).await?;
    let simulation = simulate(settings);
    import(process, &site, &simulation).await?;
    let mut check = Check::of(&site, &simulation, settings.zone);
    for (_, range) in simulation.truth.ranges() {
        check.range(range.from, range.to).await?;
    }
    // Ranges that begin and end in the middle of a day, and one that goes on after the end.
    let mut draw = Draw::new(settings.seed);
    let minutes = u64::from(settings.days) * 24 * 60;
    for _ in 0..2 {
        let mut back = || i64::try_from(draw.below(minutes)).expect("a few months");
        let (one, other) = (back(), back());
        let edge = |minutes| settings.end - Duration::minutes(minutes);
        check
            .range(edge(one.max(other)), edge(one.min(other)))
            .await?;
    }
    let (from, to) = (
        settings.end - Duration::days(40),
        settings.end + Duration::days(9),
    );
    check.range(from, to).await?;
    check.ensure_equal(settings, 2_000)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_figure_of_a_simulated_site_is_the_true_one() -> anyhow::Result<()> {
    let (mut process, first) = started("first").await?;
    // The watermark of a site with events is the present.
    let event = json!({ "type": "track", "event": "Signed In", "userId": "u", "messageId": "1" });
    first.send(&[event]).await?;
    first.settle(1).await?;
    let (_, answer) = first.get("/kpis").await?;
    let now: DateTime<Utc> = answer["as_of"].as_str().context("a watermark")?.parse()?;
    let seed = draw::seed();
    // Some end now, so that time is not over yet for many; some saw the clocks change.
    let spring = Utc.with_ymd_and_hms(2026, 4, 10, 22, 0, 0).single();
    let spring = spring.context("a time")?;
    let cases = [
        (150, 120, now - Duration::minutes(1), Tz::Europe__Amsterdam),
        (400, 90, spring, Tz::Europe__Amsterdam),
        (300, 120, now - Duration::hours(30), Tz::America__New_York),
        (1_200, 120, now - Duration::minutes(7), Tz::UTC),
    ];
    for (number, (people, days, end, zone)) in (0..).zip(cases) {
        let settings = Settings {
            seed: (seed % 1_000_000_000) + number,
            people,
            days,
            end,
            zone,
            currency: "EUR".to_owned(),
        };
        check(&process, &settings).await?;
    }
    process.stop().await?;
    Ok(())
}

/// Starts the command, and interrupts it once some events of the practice site are visible.
async fn interrupted(process: &EtappeProcess, arguments: &[&str]) -> anyhow::Result<TestSite> {
    let mut first = Command::new(binary_path())
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    until("the site is there", PATIENCE, async || {
        let sites = process.run("keys", &["list"]).await.unwrap_or_default();
        sites.to_string().contains("practice")
    })
    .await;
    let site = TestSite::create(process, "practice").await?;
    until("some events are visible", PATIENCE, async || {
        site.visible_events().await.is_ok_and(|seen| seen > 0)
    })
    .await;
    let id = first.id().and_then(|id| i32::try_from(id).ok());
    kill_process(id.and_then(Pid::from_raw).context("it runs")?, Signal::INT)?;
    assert_eq!(first.wait().await?.code(), Some(1), "interrupted");
    Ok(site)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_simulation_that_was_interrupted_goes_on_without_duplicates() -> anyhow::Result<()> {
    let (mut process, _) = started("first").await?;
    let settings = Settings {
        seed: draw::seed(),
        people: 6_000,
        days: 60,
        end: day_end(Tz::Europe__Amsterdam, "2026-03-31".parse()?),
        zone: Tz::Europe__Amsterdam,
        currency: "EUR".to_owned(),
    };
    let (data, seed) = (process.data(), settings.seed.to_string());
    let data = data.to_str().context("text")?;
    let arguments = [
        "simulate",
        "--data",
        data,
        "--seed",
        &seed,
        "--people",
        "6000",
        "--days",
        "60",
        "--until",
        "2026-03-31",
        "--timezone",
        "Europe/Amsterdam",
    ];
    let site = interrupted(&process, &arguments).await?;
    // Other arguments change nothing: it goes on as it was begun.
    let (code, _, errors) = run(&["simulate", "--data", data]).await?;
    assert_eq!(code, Some(0), "{errors}");
    assert!(errors.contains("interrupted"), "{errors}");
    let simulation = simulate(&settings);
    let events = simulation.truth.events_of_people() as u64;
    assert_eq!(site.settle(events).await?, events);
    assert_eq!(site.settle_down().await?, events, "none came twice");
    let mut check = Check::of(&site, &simulation, settings.zone);
    check
        .range(settings.end - Duration::days(60), settings.end)
        .await?;
    check.ensure_equal(&settings, 200)?;
    let (code, _, errors) = run(&["simulate", "--data", data]).await?;
    assert_eq!(code, Some(1));
    assert!(errors.contains("there already"), "{errors}");
    let (code, _, errors) = run(&["simulate", "--data", data, "--site", "first"]).await?;
    assert_eq!(code, Some(1));
    assert!(errors.contains("--site"), "{errors}");
    process.stop().await?;
    Ok(())
}
