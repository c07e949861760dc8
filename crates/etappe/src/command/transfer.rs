//! `etappe move`: moves an installation from a single folder to Kafka and ClickHouse without loss.
//!
//! First it finishes pending work: a batch that was being stored when the last `up` ended. Then it
//! transfers sites, tables and the rest of the event log, in this order. Each step can be repeated,
//! so after a failure the command is simply run again. Transferred data stays in the folder but
//! counts as consumed there: it is a backup, not something to continue from.

use std::time::Duration;

use anyhow::{Context, bail};
use etappe_core::ports::{Clock, RecordSource, RetryClass, Retryable, SourceEvent};
use etappe_core::time::Timestamp;
use etappe_core::watermark::Watermark;
use etappe_log::kafka::KafkaCluster;
use etappe_log::local::LocalLog;
use etappe_log::medium::Source;
use etappe_log::sites::SiteStore;
use etappe_warehouse::{CopyLimits, CopyProgress, Warehouse, copy};
use prometheus::Registry;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::answer::answer;
use crate::cli::MoveArguments;
use crate::config::{Config, Needs};
use crate::data_dir::DataDir;
use crate::service::event_log;
use crate::service::warehouse::Embedded;
use crate::service::{ClassifierInputs, Service, WatermarkScope};

/// How often the progress of pending work is checked.
const LOOK: Duration = Duration::from_millis(100);

/// The result of a transfer.
#[derive(Debug, Serialize)]
struct Moved {
    sites: usize,
    rows: u64,
    records: u64,
}

/// Moves the installation.
pub(crate) async fn run(arguments: MoveArguments) -> anyhow::Result<()> {
    let needs = Needs {
        kafka: true,
        server: true,
    };
    let config = Config::load(
        &arguments.config,
        arguments.outside.flags().collect(),
        needs,
    )?;
    let service = Service::start(config)?;
    let data = DataDir::existing(&arguments.data)?;
    let _lock = data.lock().await.context(
        "stop the running `etappe up` first; events are accepted again once the collectors are started",
    )?;
    let json = arguments.json;
    let transfer = Transfer {
        service,
        data,
        arguments,
    };
    let moved = transfer.run().await?;
    print(&moved, json)
}

struct Transfer {
    service: Service,
    data: DataDir,
    arguments: MoveArguments,
}

impl Transfer {
    async fn run(&self) -> anyhow::Result<Moved> {
        let cluster = self.service.kafka()?;
        cluster.ensure_topics().await?;
        let target = self.connect_target().await?;
        let stop_engine = CancellationToken::new();
        let embedded = Embedded {
            data: self.data.path("engine"),
            library: self.arguments.engine_library.clone(),
            config: self.arguments.config.clone(),
        };
        let (source, engine) = self.service.start_engine(embedded, &stop_engine).await?;
        let moved = self.copy(&cluster, (&source, &target)).await;
        stop_engine.cancel();
        engine.await.context("the engine's supervisor failed")?;
        moved
    }

    async fn connect_target(&self) -> anyhow::Result<Warehouse> {
        let config = self.service.config.clickhouse.clone();
        let target = Warehouse::connect(config, &Registry::new())?;
        target
            .migrate()
            .await
            .context("the tables of the target cannot be brought up to date")?;
        Ok(target)
    }

    async fn copy(
        &self,
        cluster: &KafkaCluster,
        (source, target): (&Warehouse, &Warehouse),
    ) -> anyhow::Result<Moved> {
        self.finish_what_was_begun(source).await?;
        let sites = self.copy_sites(cluster).await?;
        tracing::info!(sites, "sites copied");
        let tell = |progress: CopyProgress| {
            let CopyProgress {
                table, rows, of, ..
            } = progress;
            tracing::info!(table, rows, of, "copying tables");
        };
        let copied = copy(source, target, CopyLimits::default(), tell)
            .await
            .context("the tables cannot be copied")?;
        let records = self.drain(cluster).await?;
        Ok(Moved {
            sites,
            rows: copied.tables.iter().map(|(_, rows)| rows).sum(),
            records,
        })
    }

    /// Lets the classifier finish pending batches, and those that an unclean shutdown may have
    /// lost: a row of such a batch may be in one table and missing from another.
    async fn finish_what_was_begun(&self, warehouse: &Warehouse) -> anyhow::Result<()> {
        loop {
            let log = self.open_log().await?;
            let partitions = self.service.config.log.partitions;
            let has_begun = has_begun_ranges(&log.source(), partitions).await?;
            log.close().await?;
            if !has_begun {
                return Ok(());
            }
            tracing::info!("finishing pending batches");
            self.classify_all(warehouse).await?;
        }
    }

    /// Runs the classifier until everything in the log is visible.
    async fn classify_all(&self, warehouse: &Warehouse) -> anyhow::Result<()> {
        let log = self.open_log().await?;
        let source = log.source();
        let partitions = self.service.config.log.partitions;
        let watermark = Watermark::new(usize::try_from(partitions)?);
        let inputs = ClassifierInputs {
            letters: event_log::open_letters(&self.data, source.topic(), self.service.clock)?,
            source: Source::Local(source),
            warehouse: warehouse.clone(),
            sites: self.local_sites()?.subscribe(),
            partitions,
            watermark: watermark.clone(),
            scope: WatermarkScope::Here,
        };
        let stop = CancellationToken::new();
        let started = self.service.clock.now();
        let classifier = self.service.start_classifier(inputs, &stop)?;
        while watermark.as_of(self.service.clock.now()) < started && !classifier.is_finished() {
            tokio::time::sleep(LOOK).await;
        }
        stop.cancel();
        classifier.await.context("the classifier failed")??;
        log.close().await.map_err(Into::into)
    }

    fn local_sites(&self) -> anyhow::Result<SiteStore> {
        Ok(SiteStore::open_file(self.data.path("sites.json"))?)
    }

    async fn copy_sites(&self, cluster: &KafkaCluster) -> anyhow::Result<usize> {
        let file = self.local_sites()?;
        let shared = self.service.share_sites(cluster, None).await?;
        Ok(shared.adopt(&file).await?)
    }

    /// Publishes the records that the classifier has not consumed.
    async fn drain(&self, cluster: &KafkaCluster) -> anyhow::Result<u64> {
        let log = self.open_log().await?;
        let publisher = cluster.publisher()?;
        let drained = log
            .drain_into(&publisher, key_of, |progress| {
                let (moved, left) = (progress.moved, progress.left);
                tracing::info!(moved, left, "publishing the rest of the event log");
            })
            .await;
        let records = match drained {
            Ok(records) => records,
            Err(error) if error.retry_class() == RetryClass::Transient => {
                bail!("the event log is not published completely: {error}; run the command again")
            }
            Err(error) => return Err(error).context("the event log cannot be published"),
        };
        log.close().await?;
        Ok(records)
    }

    async fn open_log(&self) -> anyhow::Result<LocalLog> {
        let (config, clock) = (&self.service.config, self.service.clock);
        event_log::open_local(config, &self.data, clock, &Registry::new()).await
    }
}

/// Returns whether any partition has a pending range or one that must be repeated.
async fn has_begun_ranges(
    source: &impl RecordSource<Error = etappe_log::LogError>,
    partitions: u32,
) -> anyhow::Result<bool> {
    let mut has_begun = false;
    for _ in 0..partitions {
        let SourceEvent::Assigned {
            progress, replay, ..
        } = source.changed().await?
        else {
            bail!("the local log revoked a partition");
        };
        has_begun |= !replay.is_empty() || progress.is_some_and(|known| known.pending.is_some());
    }
    Ok(has_begun)
}

/// Returns a record's key and time of receipt.
fn key_of(payload: &[u8]) -> Option<(u64, Timestamp)> {
    let event = etappe_wire::record::decode(payload).ok()?;
    Some((
        etappe_wire::record::partition_key(&event),
        event.received_at,
    ))
}

fn print(moved: &Moved, json: bool) -> anyhow::Result<()> {
    if json {
        answer!("{}", serde_json::to_string(moved)?);
    } else {
        answer!(
            "{} sites, {} rows and {} records moved: start the collectors, classifiers and \
             insights now",
            moved.sites,
            moved.rows,
            moved.records
        );
    }
    Ok(())
}
