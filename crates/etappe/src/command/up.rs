//! `etappe up`: runs everything on this machine, with its data in one folder.
//!
//! With `--kafka` events go through an outside Kafka, with `--clickhouse` they are stored in an
//! outside ClickHouse. Everything else is in the folder.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use etappe_collector::metrics::CollectorMetrics;
use etappe_core::event::KeyScope;
use etappe_core::id::SiteId;
use etappe_core::ports::RecordSource;
use etappe_core::site::KeyHash;
use etappe_core::watermark::Watermark;
use etappe_engine::backups_dir;
use etappe_log::dead_letters::DeadLetterStore;
use etappe_log::kafka::{KafkaCluster, KafkaSource};
use etappe_log::local::LocalLog;
use etappe_log::medium::{Publisher, Source};
use etappe_log::sites::SiteStore;
use etappe_log::spool::SpoolingPublisher;
use etappe_runtime::health::Reporter;
use etappe_runtime::random_key::random_key;
use etappe_warehouse::Warehouse;
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::backup::files;
use crate::backup::maker::BackupMaker;
use crate::cli::UpArguments;
use crate::config::{Config, Needs};
use crate::control::{self, Control};
use crate::data_dir::parts::{Kept, Part};
use crate::data_dir::{DataDir, DataLock, RunInfo};
use crate::service::auditor::{Auditor, Positions};
use crate::service::checkpoint::Checkpoint;
use crate::service::event_log;
use crate::service::explainer::StoredEvents;
use crate::service::front_page::Purpose;
use crate::service::greeting::{Greeting, first_account_token};
use crate::service::health::Reports;
use crate::service::journeys::JourneysPlace;
use crate::service::practice::{PracticeMaker, PracticeParts};
use crate::service::routes::LaterRoutes;
use crate::service::warehouse::Embedded;
use crate::service::{ClassifierInputs, Service, WatermarkScope, bind, health, routes};

/// The site created at the first start.
const DEMO: &str = "demo";

/// Runs until a signal or a failure; a clean stop is a success.
pub(crate) async fn run(arguments: UpArguments) -> anyhow::Result<()> {
    let flags = arguments.outside.flags().chain(arguments.address.flags());
    let config = Config::load(&arguments.config, flags.collect(), Needs::NOTHING)?;
    let service = Service::start(config)?;
    let data = DataDir::open(&arguments.data)?;
    let lock = data.lock().await?;
    let missing = check_parts(&service.config, &data, &arguments)?;
    let public = bind(service.config.listen, "public", "--listen").await?;
    let admin = bind(service.config.admin, "admin", "--admin").await?;
    let up = Up {
        service,
        data,
        arguments,
        begins_engine: missing.contains(&Part::Engine),
    };
    let ended = up.service.run(up.work(public, admin)).await;
    up.data.remove_run_info();
    drop::<DataLock>(lock);
    ended
}

/// Checks that the data folder still holds what it held before; returns the missing parts that may
/// start empty.
fn check_parts(
    config: &Config,
    data: &DataDir,
    arguments: &UpArguments,
) -> anyhow::Result<Vec<Part>> {
    let kept = Kept {
        log: !config.uses_kafka(),
        engine: !config.uses_server(),
    };
    let missing = data.check_parts(kept, &arguments.accept_missing)?;
    if missing.contains(&Part::Engine) {
        // A log without its shutdown state delivers everything that it still holds again.
        event_log::forget_how_it_was_left(data)?;
    }
    let imports = data.path("imports");
    std::fs::create_dir_all(&imports)
        .with_context(|| format!("cannot create {}", imports.display()))?;
    Ok(missing)
}

struct Up {
    service: Service,
    data: DataDir,
    arguments: UpArguments,
    /// The engine existed before, is missing, and starts empty.
    begins_engine: bool,
}

/// The opened event log.
enum OpenLog {
    Local(LocalLog),
    Kafka(SpoolingPublisher),
}

impl OpenLog {
    /// Returns who follows the classifier's watermark.
    const fn scope(&self) -> WatermarkScope {
        match self {
            Self::Local(_) => WatermarkScope::Here,
            Self::Kafka(_) => WatermarkScope::Everywhere,
        }
    }

    async fn close(self) -> anyhow::Result<()> {
        match self {
            Self::Local(log) => log
                .close()
                .await
                .context("the event log was not closed cleanly"),
            Self::Kafka(spool) => {
                spool.close().await;
                Ok(())
            }
        }
    }
}

/// The parts of the log that other components use.
struct LogParts {
    log: OpenLog,
    publisher: Publisher,
    source: Source,
    letters: DeadLetterStore,
    positions: Positions,
    partitions: u32,
    checkpoint: Option<JoinHandle<Checkpoint>>,
}

impl Up {
    async fn work(&self, public: TcpListener, admin: TcpListener) -> anyhow::Result<()> {
        let service = &self.service;
        let addresses = (public.local_addr()?, admin.local_addr()?);
        let reports = Reports::register(&service.health);
        // Served from the start, so that anyone waiting can see the reason.
        let later = LaterRoutes::default();
        service.serve_admin(admin, routes::admin(service).merge(later.router()));
        let cluster = service
            .config
            .uses_kafka()
            .then(|| service.kafka())
            .transpose()?;
        let sites = self.open_sites(cluster.as_ref()).await?;
        let stop_engine = CancellationToken::new();
        let opened = self.open_warehouse(&reports.warehouse, &stop_engine);
        let (warehouse, engine_task) = opened.await?;
        let parts = self.open_log(cluster.as_ref(), &stop_engine).await?;
        let control_token = random_key("ec");
        later.open(self.control(&control_token, &sites, (&warehouse, &parts)));

        let stop_classifier = CancellationToken::new();
        let mut watermark = Watermark::new(usize::try_from(parts.partitions)?);
        let scope = parts.log.scope();
        let journeys = JourneysPlace::new(&self.data, parts.source.topic());
        let inputs = ClassifierInputs {
            source: parts.source,
            letters: parts.letters,
            warehouse: warehouse.clone(),
            sites: sites.subscribe(),
            partitions: parts.partitions,
            watermark: watermark.clone(),
            scope,
        };
        let classifier = service.start_classifier(inputs, &stop_classifier)?;
        if scope == WatermarkScope::Everywhere {
            watermark = service.follow_watermark(&warehouse);
        }
        let metrics = CollectorMetrics::register(&service.registry)?;
        let collector = service.build_collector(parts.publisher.clone(), &sites, metrics);
        let practice = self.practice(&sites, addresses.0, watermark.clone())?;
        let read = (warehouse.clone(), watermark);
        let insights = routes::insights(service, read, &sites, Some(journeys))?;
        let router = routes::intake(&collector, &sites).merge(insights);
        let router = router.merge(routes::web(service, &sites, Purpose::Both, Some(practice))?);
        self.watch(reports, parts.publisher, warehouse);
        self.greet(&sites, addresses, control_token).await?;

        let mut ended = service.serve_public(public, router).await;
        // No more input: finish pending writes, then close from the outside in.
        stop_classifier.cancel();
        ended = ended.and(classifier.await.context("the classifier failed")?);
        ended = ended.and(parts.log.close().await);
        stop_engine.cancel();
        if let Some(task) = engine_task {
            task.await.context("the engine's supervisor failed")?;
        }
        if let Some(checkpoint) = parts.checkpoint {
            let checkpoint = checkpoint.await.context("keeping the checkpoint failed")?;
            ended = ended.and(checkpoint.close().await);
        }
        ended
    }

    fn practice(
        &self,
        sites: &Arc<SiteStore>,
        listen: SocketAddr,
        watermark: Watermark,
    ) -> anyhow::Result<PracticeMaker> {
        PracticeMaker::new(PracticeParts {
            data: self.data.root().to_owned(),
            url: format!("http://{listen}"),
            sites: Arc::clone(sites),
            watermark,
            tasks: self.service.tasks.clone(),
            shutdown: self.service.shutdown.clone(),
        })
    }

    async fn open_sites(&self, cluster: Option<&KafkaCluster>) -> anyhow::Result<Arc<SiteStore>> {
        let file = self.data.path("sites.json");
        let Some(cluster) = cluster else {
            return Ok(Arc::new(SiteStore::open_file(file)?));
        };
        let report = self.service.health.register("kafka");
        let service = &self.service;
        service
            .ensure_topics_meanwhile(cluster.clone(), report)
            .await?;
        self.service.share_sites(cluster, Some(file)).await
    }

    async fn open_warehouse(
        &self,
        report: &Reporter,
        stop: &CancellationToken,
    ) -> anyhow::Result<(Warehouse, Option<JoinHandle<()>>)> {
        if self.service.config.uses_server() {
            let warehouse = self.service.connect_server(report).await?;
            return Ok((warehouse, None));
        }
        // Left over from a backup that was killed.
        files::remove_folder(&backups_dir(&self.data.path("engine")))?;
        let embedded = Embedded {
            data: self.data.path("engine"),
            library: self.arguments.engine_library.clone(),
            config: self.arguments.config.clone(),
        };
        let (warehouse, task) = self.service.start_engine(embedded, stop).await?;
        Ok((warehouse, Some(task)))
    }

    async fn open_log(
        &self,
        cluster: Option<&KafkaCluster>,
        stop: &CancellationToken,
    ) -> anyhow::Result<LogParts> {
        let Service {
            config,
            clock,
            registry,
            ..
        } = &self.service;
        if let Some(cluster) = cluster {
            let shared = (*clock, registry);
            let spool = event_log::open_spool(config, &self.data, cluster, shared).await?;
            let (source, checkpoint) = self.open_source(cluster, stop)?;
            return Ok(LogParts {
                publisher: Publisher::Kafka(spool.clone()),
                source: Source::Kafka(source),
                checkpoint,
                letters: DeadLetterStore::Kafka(cluster.dead_letters()?),
                positions: Positions::Kafka(cluster.clone()),
                partitions: config.kafka.partitions,
                log: OpenLog::Kafka(spool),
            });
        }
        let log = event_log::open_local(config, &self.data, *clock, registry).await?;
        let source = log.source();
        Ok(LogParts {
            publisher: Publisher::Local(log.publisher()),
            letters: event_log::open_letters(&self.data, source.topic(), *clock)?,
            positions: Positions::Local(log.reader()),
            source: Source::Local(source),
            partitions: config.log.partitions,
            checkpoint: None,
            log: OpenLog::Local(log),
        })
    }

    /// Joins the consumer group. If the engine is in the data folder, also tracks how much of the
    /// topic it holds durably.
    fn open_source(
        &self,
        cluster: &KafkaCluster,
        stop: &CancellationToken,
    ) -> anyhow::Result<(KafkaSource, Option<JoinHandle<Checkpoint>>)> {
        let config = &self.service.config;
        if config.uses_server() {
            return Ok((cluster.source()?, None));
        }
        let kafka = &config.kafka;
        let topic = (kafka.topic.as_str(), kafka.partitions);
        let checkpoint = Checkpoint::open(&self.data, topic, self.begins_engine)?;
        let source = cluster.source_rewound(checkpoint.rewind())?;
        let keep = checkpoint.keep(cluster.clone(), source.rewind(), stop.clone());
        Ok((source, Some(self.service.tasks.spawn(keep))))
    }

    /// Makes the control endpoints that commands use.
    fn control(
        &self,
        control_token: &str,
        sites: &Arc<SiteStore>,
        (warehouse, parts): (&Warehouse, &LogParts),
    ) -> Router {
        control::router(Control {
            token: KeyHash::of(control_token),
            sites: Arc::clone(sites),
            events: StoredEvents {
                warehouse: warehouse.clone(),
                rules: Arc::clone(&self.service.rules),
            },
            replayer: event_log::replayer(
                parts.letters.clone(),
                parts.publisher.clone(),
                self.service.clock,
            ),
            auditor: Auditor {
                topic: parts.source.topic().to_owned(),
                positions: parts.positions.clone(),
                warehouse: warehouse.clone(),
            },
            backups: self.backups(warehouse, &parts.log),
        })
    }

    fn backups(&self, warehouse: &Warehouse, log: &OpenLog) -> Arc<BackupMaker> {
        let config = &self.service.config;
        Arc::new(BackupMaker {
            data: self.data.clone(),
            warehouse: warehouse.clone(),
            log: match log {
                OpenLog::Local(log) if !config.uses_server() => Some(log.reader()),
                OpenLog::Local(_) | OpenLog::Kafka(_) => None,
            },
            retention: config.log.retention,
            turn: Mutex::default(),
            tasks: self.service.tasks.clone(),
            shutdown: self.service.shutdown.token(),
        })
    }

    /// Reports the components' health.
    fn watch(&self, reports: Reports, publisher: Publisher, warehouse: Warehouse) {
        let Service {
            tasks, shutdown, ..
        } = &self.service;
        reports.classifier.ready();
        reports.collector.ready();
        let report = reports.event_log;
        tasks.spawn(health::watch_event_log(publisher, report, shutdown.token()));
        let report = reports.warehouse;
        tasks.spawn(health::watch_warehouse(warehouse, report, shutdown.token()));
    }

    /// Creates the demo site at the first start and prints the addresses.
    async fn greet(
        &self,
        sites: &SiteStore,
        (listen, admin): (SocketAddr, SocketAddr),
        control_token: String,
    ) -> anyhow::Result<()> {
        let run_info = RunInfo {
            pid: std::process::id(),
            listen: listen.to_string(),
            admin: admin.to_string(),
            control_token,
        };
        self.data.write_run_info(&run_info)?;
        let mut greeting = Greeting::new(&run_info, DEMO);
        if sites.is_empty() {
            let (admin_token, demo) = (sites.create_admin_token().await?, SiteId::try_new(DEMO)?);
            let keys = sites.create_keys(&demo, KeyScope::Browser).await?;
            greeting = greeting.with_keys(keys, admin_token);
        }
        if let Some(token) = first_account_token(sites).await {
            greeting = greeting.with_welcome(&token);
        }
        greeting.print(self.arguments.json)
    }
}
