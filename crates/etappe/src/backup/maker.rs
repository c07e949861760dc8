//! Makes a backup of a running `etappe up`, which keeps receiving and storing events meanwhile.
//!
//! The tables are copied first and the event log last, so the log reaches further than the tables.
//! The copy looks like a data folder after a crash in which the engine lost its latest inserts. A
//! start on it stores the recent part of the log again and compares it with the tables, so nothing
//! is missing and nothing is stored twice. The log's `retention` limits how far back that goes, so
//! a backup must not take longer than it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use etappe_core::ports::Clock;
use etappe_engine::backups_dir;
use etappe_log::local::LocalReader;
use etappe_runtime::blocking::run_blocking;
use etappe_runtime::clock::SystemClock;
use etappe_warehouse::Warehouse;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::files;
use super::{DATABASE, FOLDERS, MANIFEST, Manifest, SECRETS};
use crate::data_dir::{DataDir, write_private};

/// Makes backups.
#[derive(Debug)]
pub(crate) struct BackupMaker {
    pub(crate) data: DataDir,
    pub(crate) warehouse: Warehouse,
    /// The log, if both it and the engine are on this machine; otherwise a backup of the folder
    /// would be incomplete.
    pub(crate) log: Option<LocalReader>,
    /// How long the log keeps stored records.
    pub(crate) retention: Duration,
    /// Held while a backup is running.
    pub(crate) turn: Mutex<()>,
    /// The tasks that make backups.
    pub(crate) tasks: TaskTracker,
    /// Cancels running backups.
    pub(crate) shutdown: CancellationToken,
}

/// A finished backup.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Made {
    /// Its manifest.
    pub(crate) manifest: Manifest,
    /// How long it took.
    pub(crate) seconds: f64,
}

impl BackupMaker {
    /// Makes a backup in the folder `to`, which must be empty or missing. If the caller goes away,
    /// the backup continues and cleans up after itself.
    pub(crate) async fn make(self: Arc<Self>, to: PathBuf) -> anyhow::Result<Made> {
        let tasks = self.tasks.clone();
        let made = tasks.spawn(async move { self.make_or_clean(to).await });
        made.await.context("making the backup failed")?
    }

    async fn make_or_clean(&self, to: PathBuf) -> anyhow::Result<Made> {
        let Some(log) = &self.log else {
            bail!(
                "the events or the tables of this installation are outside its folder: back up Kafka \
                 and ClickHouse by their own means, as docs/operations.md says"
            );
        };
        let Ok(_turn) = self.turn.try_lock() else {
            bail!("another backup is being made");
        };
        let to = files::resolved(&to)?;
        let inside = to.starts_with(self.data.root());
        if inside || !files::is_free(&to, "") {
            bail!(
                "{} has to be a new or empty folder outside the data folder",
                to.display()
            );
        }
        let was_there = to.exists();
        let made = tokio::select! {
            made = self.fill(&to, log) => made,
            () = self.shutdown.cancelled() => Err(anyhow::anyhow!("stopped before the backup was complete")),
        };
        if made.is_err() {
            self.clean(&to, was_there);
        }
        made
    }

    /// Removes what a failed backup left behind. Without its manifest it would be refused as a
    /// backup, and the next attempt would refuse the folder.
    fn clean(&self, to: &Path, was_there: bool) {
        let emptied = match was_there {
            true => files::empty_folder(to),
            false => files::remove_folder(to),
        };
        let engines = files::remove_folder(&backups_dir(&self.data.path("engine")));
        if let Err(error) = emptied.and(engines) {
            tracing::warn!(
                error = format!("{error:#}"),
                "the remains of a failed backup could not be removed"
            );
        }
    }

    async fn fill(&self, to: &Path, log: &LocalReader) -> anyhow::Result<Made> {
        let (begun_at, started) = (SystemClock.now(), Instant::now());
        std::fs::create_dir_all(to).with_context(|| format!("cannot create {}", to.display()))?;
        self.copy_tables(to).await?;
        let (data, target) = (self.data.clone(), to.to_owned());
        run_blocking(move || copy_state(&data, &target)).await?;
        log.copy_to(&to.join("log")).await?;
        let ended_at = SystemClock.now();
        if started.elapsed() > self.retention / 2 {
            bail!(
                "the backup took {:.0} s, more than half of `log.retention`: set a longer one",
                started.elapsed().as_secs_f64()
            );
        }
        let (data, target) = (self.data.clone(), to.to_owned());
        let manifest = run_blocking(move || {
            // Includes sites created meanwhile, whose events may be in the log.
            files::copy_file(&data.path("sites.json"), &target.join("sites.json"))?;
            let manifest = Manifest::of(&target, (begun_at, ended_at))?;
            write_private(&target.join(MANIFEST), &serde_json::to_vec(&manifest)?)?;
            anyhow::Ok(manifest)
        });
        let manifest = manifest.await?;
        let seconds = started.elapsed().as_secs_f64();
        tracing::info!(folder = %to.display(), bytes = manifest.bytes(), seconds, "made a backup");
        Ok(Made { manifest, seconds })
    }

    /// Lets the engine back up its tables into its own folder, and moves the backup from there.
    async fn copy_tables(&self, to: &Path) -> anyhow::Result<()> {
        let backups = backups_dir(&self.data.path("engine"));
        // Left over from a process that died during a backup.
        let left = backups.clone();
        run_blocking(move || files::remove_folder(&left)).await?;
        let made = self.warehouse.back_up(DATABASE).await;
        made.context("the engine cannot copy its tables")?;
        let target = to.join(DATABASE);
        run_blocking(move || files::move_folder(&backups.join(DATABASE), &target)).await
    }
}

/// Copies everything except the tables and the log.
fn copy_state(data: &DataDir, to: &Path) -> anyhow::Result<()> {
    for folder in FOLDERS {
        files::copy_folder_in_use(&data.path(folder), &to.join(folder))?;
    }
    files::copy_file(&data.path("engine").join(SECRETS), &to.join(SECRETS))
}
