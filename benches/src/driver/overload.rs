//! Overload: one site floods with several times the machine's capacity while another one continues
//! normally.
//!
//! The flood is an open loop of gzip batches. The other site is an open loop of single events,
//! whose latencies are measured, and it is queried meanwhile. The event log's limit is so small
//! that it fills within the run, so requests must be refused. Afterwards every accepted event must
//! be counted exactly once, by its message id. In the second half the flooded site runs queries
//! about all those events as fast as it can.

mod asking;
mod check;
mod installation;
mod options;
mod tell;
mod watch;

use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::time::{Instant, sleep};

use super::RunResult;
use super::child::{Load, LoadTarget};
use super::environment;
use super::report::{Report, progress};
use crate::load::report::{LoadReport, per_second};
use asking::Asking;
use check::{Accounts, check};
use installation::Installation;
use watch::{Watched, watch};

pub use options::OverloadOptions;

/// Events per request of the flood.
const BATCH: u32 = 100;
/// The load used to measure the machine's capacity, in events per second.
const SATURATING: f64 = 60_000.0;
/// The flood's load as a multiple of the measured capacity.
const TIMES: f64 = 5.25;
/// Seconds of the quiet site alone, before the flood.
const ALONE_SECONDS: f64 = 5.0;
/// The time limit for counting everything that was accepted.
const DRAIN_PATIENCE: Duration = Duration::from_secs(300);
/// The interval at which stored events are counted.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The result of a run.
struct Overload {
    options: OverloadOptions,
    /// The machine's capacity: events per second, from the first request until all are stored.
    can: f64,
    /// The quiet site's load before the flood.
    alone: LoadReport,
    flood: LoadReport,
    quiet: LoadReport,
    watched: Watched,
    /// The time from the end of the flood until everything accepted was stored.
    drained: Duration,
    flood_accounts: Accounts,
    quiet_accounts: Accounts,
    /// The second half.
    asking: Asking,
}

/// Runs the overload test and also writes a JSON file with all figures.
///
/// # Errors
///
/// When Etappe does not start or stop, or when accepted events are not stored in time.
pub async fn run(options: OverloadOptions) -> anyhow::Result<RunResult> {
    let mut report = Report::new(environment::of_run("local log"));
    progress("start");
    let installation = Installation::start(&options).await?;
    let overload = measure(&installation, options.clone()).await;
    progress("stop");
    installation.stop().await?;
    report.add(tell::figures(&overload?));
    let written = report.write(&options.out)?;
    Ok(RunResult {
        table: format!("{report}\nall figures: {}\n", written.display()),
        failed: report.below(),
    })
}

async fn measure(
    installation: &Installation,
    options: OverloadOptions,
) -> anyhow::Result<Overload> {
    let target = |site: &etappe_tests::site::TestSite| {
        LoadTarget::etappe(installation.listen.clone(), &site.write_key, Vec::new()).with_ledger()
    };
    let quiet_target = target(&installation.quiet);
    let flood_target = target(&installation.flooded).with_connections(options.connections);
    progress("the quiet site alone");
    let alone = Load::open(0, options.quiet_rate, ALONE_SECONDS)
        .run(&quiet_target)
        .await?;
    progress("what the machine can do");
    let started = Instant::now();
    let saturating = Load::open(BATCH, SATURATING, options.measure_seconds);
    let before = saturating.run(&flood_target).await?;
    let flooded = &installation.flooded.name;
    stored(installation, flooded, before.accepted_events).await?;
    let can = per_second(before.accepted_events, started.elapsed().as_secs_f64());
    let rate = options.rate.unwrap_or(can * TIMES);
    progress(&format!(
        "it can do {can:.0} events/s; the flood: {rate:.0}"
    ));
    let seconds = Duration::from_secs(options.seconds).as_secs_f64();
    let flood = Load::open(BATCH, rate, seconds);
    let quiet = Load::open(0, options.quiet_rate, seconds);
    let loads = async { tokio::try_join!(flood.run(&flood_target), quiet.run(&quiet_target)) };
    let ((flood, quiet), watched) = watch(installation, loads).await?;
    let ended = Instant::now();
    progress(&format!(
        "{} of {} events accepted: wait until they are stored",
        flood.accepted_events, flood.offered_events
    ));
    let accepted = quiet.accepted_events + alone.accepted_events;
    let sent = before.accepted_events + flood.accepted_events;
    stored(installation, flooded, sent).await?;
    stored(installation, &installation.quiet.name, accepted).await?;
    let drained = ended.elapsed();
    progress("check every message");
    let flood_accounts = check(
        installation,
        &installation.flooded,
        BATCH,
        &[&before, &flood],
    )
    .await?;
    let quiet_accounts = check(installation, &installation.quiet, 1, &[&alone, &quiet]).await?;
    let asking = asking::measure(installation, &quiet_target, &options).await?;
    Ok(Overload {
        options,
        can,
        alone,
        flood,
        quiet,
        watched,
        drained,
        flood_accounts,
        quiet_accounts,
        asking,
    })
}

/// Waits until at least `events` events of a site are stored.
async fn stored(installation: &Installation, site: &str, events: u64) -> anyhow::Result<()> {
    let deadline = Instant::now() + DRAIN_PATIENCE;
    loop {
        let stored = installation
            .engine
            .stored_events(site)
            .await
            .context("the engine does not report how much is stored");
        match stored {
            Ok(stored) if stored >= events => return Ok(()),
            Ok(stored) => ensure!(
                Instant::now() < deadline,
                "{stored} of {events} events of {site} are stored"
            ),
            // The engine may be too busy to answer.
            Err(error) if Instant::now() >= deadline => return Err(error),
            Err(_) => {}
        }
        sleep(LOOK_EVERY).await;
    }
}
