//! Kafka as used by a process: checks topics, follows sites, waits for both during an outage.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use etappe_core::ports::{RetryClass, Retryable};
use etappe_log::LogError;
use etappe_log::kafka::{KafkaCluster, KafkaTable};
use etappe_log::sites::SiteStore;
use etappe_runtime::backoff::Backoff;
use etappe_runtime::health::Reporter;
use etappe_runtime::shutdown::{Reason, Shutdown};

use super::Service;
use super::health::{self, Absence};

/// How long a start waits for the topics before it continues without Kafka.
const TOPICS_PATIENCE: Duration = Duration::from_secs(10);
/// How long a start waits for the table of sites before it uses the last known ones.
const SITES_PATIENCE: Duration = Duration::from_secs(10);

impl Service {
    /// Makes the client of the configured Kafka; sends nothing yet.
    pub(crate) fn kafka(&self) -> anyhow::Result<KafkaCluster> {
        let config = self.config.kafka.clone();
        KafkaCluster::new(config, Arc::new(self.clock), &self.registry)
            .context("Kafka's client cannot be made")
    }

    /// Checks the topics, creates missing ones, and waits for Kafka without limit.
    pub(crate) async fn ensure_topics(
        &self,
        cluster: &KafkaCluster,
        report: &Reporter,
    ) -> anyhow::Result<()> {
        let ensured = until_ensured(cluster, report, Absence::Stops);
        tokio::select! {
            () = self.shutdown.begun() => Err(why_stopped(&self.shutdown)),
            ensured = ensured => ensured.context("the topics cannot be used"),
        }
    }

    /// Does the same, but waits only briefly and continues in the background, for a process that
    /// works without Kafka meanwhile. Afterwards it keeps monitoring Kafka.
    ///
    /// # Errors
    /// When the monitoring client cannot be made.
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
            // The waiting side may have gone on.
            done.send(()).ok();
            health::watch_kafka(lookout, report, Absence::GoesOn, shutdown.token()).await;
        });
        // Finished or still running: the health report shows which.
        tokio::time::timeout(TOPICS_PATIENCE, is_done).await.ok();
        Ok(())
    }

    /// Monitors Kafka in the background.
    ///
    /// # Errors
    /// When the monitoring client cannot be made.
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

    /// Opens the shared sites and follows their changes; `copy` is the file of the last known
    /// sites, for a start during a Kafka outage.
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
            () = self.shutdown.begun() => return Err(why_stopped(&self.shutdown)),
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
                backoff.pause().await;
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

/// Returns the error of a start that waited for Kafka when the shutdown began: the shutdown's own
/// reason if something has failed.
fn why_stopped(shutdown: &Shutdown) -> anyhow::Error {
    match shutdown.reason() {
        Some(Reason::Failure(reason)) => anyhow::Error::msg(reason),
        Some(Reason::Signal(_)) | None => anyhow::anyhow!("stopped before Kafka answered"),
    }
}
