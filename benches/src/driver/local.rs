//! Measures `etappe up` on the local log, scenario by scenario.

use anyhow::Context;
use etappe_testkit::process::EtappeProcess;
use etappe_tests::site::TestSite;
use tempfile::TempDir;
use tokio::time::Instant;

use super::bench::{Bench, Installation};
use super::child::Relay;
use super::collector::Behind;
use super::embedded::EmbeddedEngine;
use super::options::Options;
use super::run::{Run, settled};
use super::{RunResult, backlog, collector, import, lag, question, whole_path};

/// The share of the time by which the whole path has been measured.
const WHOLE_PATH: f64 = 0.72;

/// A running `etappe up` on an empty folder, which is removed on drop.
struct Local {
    etappe: EtappeProcess,
    bench: Bench,
    _folder: TempDir,
}

/// Runs all scenarios.
pub(crate) async fn run(options: Options) -> anyhow::Result<RunResult> {
    let mut run = Run::begin(&options, WHOLE_PATH);
    let Local {
        mut etappe,
        bench,
        _folder,
    } = Local::start(&options).await?;
    let started = Instant::now();
    let batches = Box::pin(settled(&bench, collector::batches(&bench)));
    run.stage(&bench, "collector, batches", 0.33, batches).await;
    let singles = async {
        let relay = Relay::start(&bench.folder("relay-single")?, "raw").await?;
        collector::singles(&bench, &relay, Behind::Stopped).await
    };
    let singles = Box::pin(settled(&bench, singles));
    run.stage(&bench, "collector, single events", 0.45, singles)
        .await;
    run.wait_until_steady(started).await;
    let whole_path = Box::pin(settled(&bench, whole_path::run(&bench)));
    run.stage(&bench, "whole path", WHOLE_PATH, whole_path)
        .await;
    let lag = Box::pin(settled(&bench, lag::run(&bench)));
    run.stage(&bench, "acknowledged to visible", 0.86, lag)
        .await;
    let import = Box::pin(settled(&bench, import::run(&bench, &etappe)));
    run.stage(&bench, "import", 0.91, import).await;
    let questions = Box::pin(settled(&bench, question::run(&bench)));
    run.stage(&bench, "questions", 1.0, questions).await;
    run.add(bench.peak_memory()?);
    run.add_criterion(&options);
    run.tell("stop");
    let stopped = etappe.stop().await;
    let outcome = run.finish(&options)?;
    stopped.context("Etappe did not stop cleanly")?;
    Ok(outcome)
}

/// Fills the log while the engine is stopped, then resumes the engine and measures how the backlog
/// drains.
pub(crate) async fn drain_backlog(options: Options) -> anyhow::Result<RunResult> {
    let mut run = Run::begin(&options, 0.0);
    let Local {
        mut etappe,
        bench,
        _folder,
    } = Local::start(&options).await?;
    let drained = Box::pin(async {
        let (_, server) = bench.ours.first().context("Etappe runs")?;
        let paused = bench.engine.pause()?;
        let events = backlog::fill(&bench, bench.options.backlog.unwrap_or_default()).await?;
        drop(paused);
        backlog::drain(&bench, *server, events, Instant::now()).await
    });
    backlog::stage(&mut run, &bench, drained).await;
    run.add(bench.peak_memory()?);
    run.tell("stop");
    let stopped = etappe.stop().await;
    let outcome = run.finish(&options)?;
    stopped.context("Etappe did not stop cleanly")?;
    Ok(outcome)
}

impl Local {
    async fn start(options: &Options) -> anyhow::Result<Self> {
        let folder = options.make_folder()?;
        let etappe = EtappeProcess::start_with(folder.path(), Vec::new()).await?;
        let pid = etappe.id().context("Etappe has ended")?;
        let keys = (etappe.write_key.clone(), etappe.read_token.clone());
        let installation = Installation {
            site: TestSite::of(&etappe.listen, &etappe.listen, &etappe.site, keys)?,
            listen: etappe.listen.clone(),
            engine: EmbeddedEngine::find(pid, &etappe.data()).await?,
            ours: vec![("server".to_owned(), pid)],
            beside: Vec::new(),
            folder: folder.path().to_owned(),
        };
        Ok(Self {
            bench: Bench::of(options.clone(), installation),
            etappe,
            _folder: folder,
        })
    }
}
