//! The flooded installation: `etappe up` with a small log, and two sites.

use anyhow::Context;
use etappe_testkit::process::EtappeProcess;
use etappe_tests::site::TestSite;
use tempfile::TempDir;

use super::super::embedded::EmbeddedEngine;
use super::options::OverloadOptions;
use crate::process::Pid;

const SEGMENT_BYTES: u64 = 4 << 20;

/// A running installation; dropping it ends it and removes its folder.
pub(super) struct Installation {
    etappe: EtappeProcess,
    /// Host and port of the public address.
    pub(super) listen: String,
    /// The flooded site.
    pub(super) flooded: TestSite,
    /// The other site.
    pub(super) quiet: TestSite,
    pub(super) engine: EmbeddedEngine,
    /// Our processes and the engine, each with its role.
    pub(super) processes: Vec<(String, Pid)>,
    _folder: TempDir,
}

impl Installation {
    /// Starts it on an empty folder.
    pub(super) async fn start(options: &OverloadOptions) -> anyhow::Result<Self> {
        let folder = options.make_folder()?;
        let config = folder.path().join("etappe.toml");
        // Consumed records are deleted soon, so that only unconsumed ones count towards the limit.
        let text = format!(
            "[log]\nmax_bytes = {}\nsegment_bytes = {SEGMENT_BYTES}\nretention = \"1s\"\n",
            options.log_bytes
        );
        std::fs::write(&config, text)?;
        let arguments = vec!["--config".into(), config.into_os_string()];
        let etappe = EtappeProcess::start_with(folder.path(), arguments).await?;
        let pid = etappe.id().context("Etappe has ended")?;
        let engine = EmbeddedEngine::find(pid, &etappe.data()).await?;
        Ok(Self {
            listen: etappe.listen.clone(),
            flooded: TestSite::create(&etappe, "flooded").await?,
            quiet: TestSite::create(&etappe, "quiet").await?,
            processes: vec![
                ("ours without the engine".to_owned(), pid),
                ("engine".to_owned(), engine.pid),
            ],
            engine,
            etappe,
            _folder: folder,
        })
    }

    /// Stops it cleanly.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        let stopped = self.etappe.stop().await;
        stopped.context("Etappe did not stop cleanly")?;
        Ok(())
    }
}
