//! `etappe backup` and `etappe restore`: copy everything in a data folder while it is in use, and
//! restore it.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use etappe_engine::backups_dir;
use etappe_runtime::blocking::run_blocking;
use etappe_warehouse::{Warehouse, WarehouseConfig};
use indicatif::HumanBytes;
use prometheus::Registry;
use serde_json::json;

use crate::answer::answer;
use crate::backup::files;
use crate::backup::{DATABASE, FOLDERS, Manifest, SECRETS};
use crate::cli::{BackupArguments, RestoreArguments};
use crate::config::{Config, Needs};
use crate::control::ControlClient;
use crate::data_dir::DataDir;
use crate::service::engine::{EngineCommand, library};
use crate::service::warehouse;

/// The folder in which a data folder is assembled if the target exists already.
const WITHIN: &str = ".restoring";
/// The parts of a data folder, in the order in which they are moved into place.
const PARTS: [&str; 5] = ["engine", "imports", "dead-letters", "log", "sites.json"];
/// The engine's name for the backup that it restores.
const RESTORED: &str = "restored";

/// Asks the running `etappe up` for a backup.
pub(crate) async fn back_up(arguments: BackupArguments) -> anyhow::Result<()> {
    let to = std::path::absolute(&arguments.folder)?;
    let control = ControlClient::of(&DataDir::existing(&arguments.data)?)?;
    let made = control.back_up(&to).await?;
    if arguments.json {
        let folder = to.display().to_string();
        answer!(
            "{}",
            json!({ "folder": folder, "bytes": made.manifest.bytes(), "seconds": made.seconds,
                "begun_at": made.manifest.begun_at, "ended_at": made.manifest.ended_at })
        );
        return Ok(());
    }
    answer!(
        "{}: {} in {:.1} s; contains everything acknowledged before {}",
        to.display(),
        HumanBytes(made.manifest.bytes()),
        made.seconds,
        made.manifest.begun_at
    );
    Ok(())
}

/// Restores a data folder from a backup. The folder appears only once it is complete.
pub(crate) async fn restore(arguments: RestoreArguments) -> anyhow::Result<()> {
    let config = Config::load(&arguments.config, Vec::new(), Needs::NOTHING)?;
    etappe_runtime::telemetry::init(&config.telemetry)?;
    let target = std::path::absolute(&arguments.data)?;
    if !files::is_free(&target, WITHIN) {
        bail!(
            "{} is not empty: a backup is restored into a new folder, which --data names",
            target.display()
        );
    }
    let from = arguments.folder.clone();
    let manifest = run_blocking(move || Manifest::verify(&from)).await?;
    let least = manifest.least_retention();
    if config.log.retention < least {
        bail!(
            "making the backup took long: set `log.retention` to at least {} s, here and for the first start",
            least.as_secs() + 1
        );
    }
    let partial = partial_folder(&target)?;
    let data = DataDir::open(&partial)?;
    // Another restore may be running there; leftovers of an interrupted one are removed.
    let lock = data.lock().await?;
    files::empty_folder_but(&partial, "lock")?;
    let (from, root) = (arguments.folder.clone(), data.clone());
    run_blocking(move || copy_parts(&from, &root)).await?;
    let command = EngineCommand {
        data: data.path("engine"),
        library: library(arguments.engine_library).await?,
        config: arguments.config,
    };
    restore_tables(&command, &config).await?;
    let (root, place) = (data.root().to_owned(), target.clone());
    run_blocking(move || put_in_place(&root, &place)).await?;
    drop(lock);
    answer!(
        "restored {} into {}: everything acknowledged before {}, nothing after {}",
        HumanBytes(manifest.bytes()),
        target.display(),
        manifest.begun_at,
        manifest.ended_at
    );
    answer!(
        "start it with `etappe up --data {}`; keys and passwords are those at the time of the backup",
        target.display()
    );
    Ok(())
}

/// Returns where a data folder is assembled, on the same file system as its target: inside an
/// existing folder, which may be a mount point, otherwise beside it.
fn partial_folder(target: &Path) -> anyhow::Result<PathBuf> {
    if target.exists() {
        return Ok(target.join(WITHIN));
    }
    let name = target
        .file_name()
        .context("--data does not name a folder")?;
    let mut partial = name.to_owned();
    partial.push(".restoring");
    Ok(target.with_file_name(partial))
}

/// Copies everything except the tables, which go to where the engine looks for them.
fn copy_parts(from: &Path, data: &DataDir) -> anyhow::Result<()> {
    for folder in FOLDERS.iter().chain(&["log"]) {
        files::copy_folder(&from.join(folder), &data.path(folder))?;
    }
    files::copy_file(&from.join("sites.json"), &data.path("sites.json"))?;
    let engine = data.path("engine");
    files::copy_file(&from.join(SECRETS), &engine.join(SECRETS))?;
    files::copy_folder(&from.join(DATABASE), &backups_dir(&engine).join(RESTORED))
}

/// Lets an engine restore its tables from the backup in the new folder.
async fn restore_tables(command: &EngineCommand, config: &Config) -> anyhow::Result<()> {
    let engine = command.start(None).await?;
    let (user, password) = command.login()?;
    let warehouse = WarehouseConfig {
        url: format!("http://{}", engine.address()),
        user,
        password,
        database: warehouse::DATABASE.to_owned(),
        ..config.clickhouse.clone()
    };
    let restored = async {
        let warehouse = Warehouse::connect(warehouse, &Registry::new())?;
        warehouse.restore(RESTORED).await?;
        // A backup of another version fails here instead of at the next start.
        warehouse.migrate().await?;
        anyhow::Ok(())
    };
    let restored = restored.await;
    let stopped = engine.stop().await;
    restored.context("the tables cannot be restored")?;
    stopped?;
    let backups = backups_dir(&command.data);
    run_blocking(move || files::remove_folder(&backups)).await
}

/// Moves a complete folder into place.
fn put_in_place(partial: &Path, target: &Path) -> anyhow::Result<()> {
    files::sync_file_system(partial)?;
    let failed = || format!("cannot move {} to {}", partial.display(), target.display());
    if partial.parent() == Some(target) {
        // The sites come last: without them the folder does not start.
        for name in PARTS {
            std::fs::rename(partial.join(name), target.join(name)).with_context(failed)?;
        }
        std::fs::remove_dir_all(partial).with_context(failed)?;
    } else {
        std::fs::rename(partial, target).with_context(failed)?;
    }
    files::sync_file_system(target)
}
