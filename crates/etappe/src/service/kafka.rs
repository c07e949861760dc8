//! Kafka as a process uses it: topics checked, sites followed, both waited for where they are away.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use etappe_core::ports::{Classified, RetryClass};
use etappe_log::LogError;
use etappe_log::kafka::{KafkaCluster, KafkaTable};
use etappe_runtime::backoff::Backoff;
use etappe_runtime::health::Reporter;
use etappe_runtime::shutdown::{Reason, Shutdown};

use super::Service;
use super::health::{self, Absence};
use crate::sites::SiteStore;

/// How long a start waits for the topics before it goes on without Kafka.
const TOPICS_PATIENCE: Duration = Duration::from_secs(10);
/// How long a start waits for the table of sites before it takes what was last known.
const SITES_PATIENCE: Duration = Duration::from_secs(10);

impl Service {
    /// Makes the client of the configured Kafka; nothing is sent yet.
    pub(crate) fn kafka(&self) -> anyhow::Result<KafkaCluster> {
        let config = self.config.kafka.clone();
        KafkaCluster::new(config, Arc::new(self.clock), &self.registry)
            .context("Kafka's client cannot be made")
    }

    /// Checks the topics, making those that are missing, and waits for Kafka as long as it is away.
    pub(crate) async fn ensure_topics(
        &self,
        cluster: &KafkaCluster,
        report: &Reporter,
    ) -> anyhow::Result<()> {
        let ensured = until_ensured(cluster, report, Absence::Stops);
        tokio::select! {
            () = self.shutdown.begun() => anyhow::bail!("stopped before Kafka answered"),
            ensured = ensured => ensured.context("the topics cannot be used"),
        }
    }

    /// Does the same, but waits for a moment only and goes on in the background: for a process that
    /// works without Kafka meanwhile. Afterwards it keeps watching whether Kafka is there.
    ///
    /// # Errors
    /// When the client that watches cannot be made.
    pub(crate) async fn ensure_topics_meanwhile(
        &self,
        cluster: KafkaCluster,
        report: Reporter,
    ) -> anyhow::Result<()> {
        let shutdown = self.shutdown.clone();
        let lookout = cluster.lookout()?;
        let (done, is_done) = tokio::sync::oneshot::channel();
        self.tasks.spawn(async move {
            let ensured = tokio::select! {
                () = shutdown.begun() => return,
                ensured = until_ensured(&cluster, &report, Absence::GoesOn) => ensured,
            };
            match ensured {
                Ok(()) => report.ready(),
                Err(error) => return stop_because(&shutdown, &error),
            }
            // Whoever waited may have gone on.
            done.send(()).ok();
            health::watch_kafka(lookout, report, Absence::GoesOn, shutdown.token()).await;
        });
        // Ended or still under way: both are told by the report.
        tokio::time::timeout(TOPICS_PATIENCE, is_done).await.ok();
        Ok(())
    }

    /// Watches whether Kafka is there, in the background.
    ///
    /// # Errors
    /// When the client that watches cannot be made.
    pub(crate) fn watch_kafka(
        &self,
        cluster: &KafkaCluster,
        report: Reporter,
        absence: Absence,
    ) -> anyhow::Result<()> {
        let lookout = cluster.lookout()?;
        let watch = health::watch_kafka(lookout, report, absence, self.shutdown.token());
        self.tasks.spawn(watch);
        Ok(())
    }

    /// Opens the sites that all processes share and follows their changes; `copy` is the file of
    /// what was last known, for a start while Kafka is away.
    pub(crate) async fn share_sites(
        &self,
        cluster: &KafkaCluster,
        copy: Option<PathBuf>,
    ) -> anyhow::Result<Arc<SiteStore>> {
        let topic = &self.config.kafka.sites_topic;
        let table = KafkaTable::open(cluster, topic).await?;
        let mut rows = table.rows();
        let known = copy.as_ref().is_some_and(|file| file.exists());
        let current = async {
            while !table.is_current() {
                // The sender lives as long as the table.
                rows.changed().await.ok();
            }
        };
        tokio::select! {
            () = self.shutdown.begun() => anyhow::bail!("stopped before Kafka answered"),
            () = current => {}
            () = tokio::time::sleep(SITES_PATIENCE), if known => {
                tracing::warn!("the sites are those that were last known, until Kafka answers");
            }
        }
        let sites = Arc::new(SiteStore::open_table(table, copy.as_ref()));
        let (followed, shutdown) = (Arc::clone(&sites), self.shutdown.clone());
        self.tasks.spawn(async move {
            tokio::select! {
                () = shutdown.begun() => {}
                () = followed.follow(copy) => {}
            }
        });
        Ok(sites)
    }
}

async fn until_ensured(
    cluster: &KafkaCluster,
    report: &Reporter,
    absence: Absence,
) -> Result<(), LogError> {
    let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(10));
    loop {
        match cluster.ensure_topics().await {
            Err(error) if error.retry_class() == RetryClass::Transient => {
                absence.tell(report, error.to_string());
                tokio::time::sleep(backoff.next_delay()).await;
            }
            ended => return ended,
        }
    }
}

fn stop_because(shutdown: &Shutdown, error: &LogError) {
    tracing::error!(%error, "stopping");
    shutdown.begin(Reason::Failure(format!(
        "the topics cannot be used: {error}"
    )));
}
