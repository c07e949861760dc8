//! `etappe import`: sends files of events; it can be interrupted and resumed without duplicates.

pub(crate) mod progress;
mod report;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use etappe_core::id::SiteId;
use etappe_import::{ImportLedger, ImportResult, Importer, Reporter, Sender};
use etappe_runtime::shutdown::Shutdown;
use tokio::task::JoinSet;

use crate::cli::ImportArguments;
use crate::control::ControlClient;
use crate::data_dir::DataDir;
use progress::Progress;
use report::report;

/// Imports every named file; files that were imported before are refused.
pub(crate) async fn run(arguments: ImportArguments) -> anyhow::Result<()> {
    let site = SiteId::try_new(&arguments.site)?;
    let (root, sender) = destination(&arguments, &site).await?;
    let importer = Importer::new(ImportLedger::open(&root, &site)?, sender, arguments.all);
    let shutdown = Shutdown::default();
    let signals = shutdown.clone();
    // Ends with the command.
    let mut listening = JoinSet::new();
    listening.spawn(async move { signals.listen_to_signals().await });
    let (mut refused, mut failed) = (Vec::new(), Vec::new());
    for path in &arguments.files {
        let progress = Arc::new(Progress::of(path)?);
        let shown = Arc::clone(&progress);
        let reporter: Reporter = Arc::new(move |event| shown.show(event));
        let result = importer.import(path, &shutdown, &reporter).await;
        progress.finish();
        let result = result?;
        let name = path.display().to_string();
        report(arguments.json, &site, &name, &result);
        match result {
            ImportResult::Finished { .. } => {}
            ImportResult::ImportedBefore { .. } => refused.push(name),
            ImportResult::WrongShape { .. } | ImportResult::NothingAccepted { .. } => {
                failed.push(name);
            }
            ImportResult::Interrupted => {
                bail!("interrupted; run the same command again to continue where it stopped")
            }
        }
    }
    let mut problems = Vec::new();
    if !refused.is_empty() {
        problems.push(format!(
            "not imported again because imported before: {}",
            refused.join(", ")
        ));
    }
    if !failed.is_empty() {
        problems.push(format!("nothing was accepted from: {}", failed.join(", ")));
    }
    if !problems.is_empty() {
        bail!("{}", problems.join("; "));
    }
    Ok(())
}

/// Determines where progress is stored and where events are sent.
async fn destination(
    arguments: &ImportArguments,
    site: &SiteId,
) -> anyhow::Result<(PathBuf, Sender)> {
    if let Some(url) = &arguments.url {
        let key = write_key(arguments)?;
        let sender = Sender::new(url, key, site.clone())?;
        return Ok((arguments.state.clone(), sender));
    }
    let data = DataDir::existing(&arguments.data)?;
    let control = ControlClient::of(&data)?;
    let key = control.ephemeral_key(site).await?;
    Ok((
        data.root().to_owned(),
        Sender::new(&control.public_url(), key, site.clone())?,
    ))
}

/// Returns the key for `--url`.
fn write_key(arguments: &ImportArguments) -> anyhow::Result<String> {
    let Some(file) = &arguments.write_key_file else {
        let key = arguments.write_key.clone();
        return key.context(
            "--url needs a write key of the site: in the variable ETAPPE_WRITE_KEY, or in a file that \
             --write-key-file names",
        );
    };
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read the write key in {}", file.display()))?;
    Ok(text.trim().to_owned())
}
