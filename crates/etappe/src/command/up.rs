//! `etappe up`: everything on this machine, with its data in one folder.
//!
//! Starts from the inside out (folder, engine, tables, log, classifier) and serves last; stops the
//! other way round, so that what was acknowledged is on disk and what is half done is done again.

pub(crate) mod engine;
mod explainer;
mod greeting;
mod health;
mod routes;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use etappe_classifier::{Classifier, ClassifierParts, DeadLetterFile};
use etappe_collector::Collector;
use etappe_collector::metrics::CollectorMetrics;
use etappe_core::event::KeyScope;
use etappe_core::id::SiteId;
use etappe_core::ports::RecordSource;
use etappe_core::rules::RuleSet;
use etappe_core::watermark::Watermark;
use etappe_log::local::{LocalLog, LocalPublisher, current_boot_id};
use etappe_runtime::clock::SystemClock;
use etappe_runtime::health::Health;
use etappe_runtime::shutdown::{Reason, Shutdown};
use etappe_warehouse::{Warehouse, WarehouseConfig};
use prometheus::Registry;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cli::UpArguments;
use crate::command::engine::library;
use crate::command::migrate::DATABASE;
use crate::config::Config;
use crate::data_dir::{DataDir, DataLock, RunInfo};
use crate::site_store::{SiteStore, random_key};
use engine::{EngineCommand, supervise};
use greeting::Greeting;

/// The site that a first start makes.
const DEMO: &str = "demo";
/// The most that the file of dead letters may take; when it is full, the classifier waits.
const DEAD_LETTER_BYTES: u64 = 1 << 30;

/// Runs until a signal or a failure; succeeds after a clean stop.
pub(crate) async fn run(arguments: UpArguments) -> anyhow::Result<()> {
    let mut flags = Vec::new();
    flags.extend(
        arguments
            .listen
            .map(|address| ("listen", address.to_string())),
    );
    flags.extend(
        arguments
            .admin
            .map(|address| ("admin", address.to_string())),
    );
    let mut config = Config::load(&arguments.config, flags)?;
    let rules = Arc::new(config.compile_rules()?);
    etappe_runtime::telemetry::init(&config.telemetry)?;
    rules
        .warnings()
        .iter()
        .for_each(|warning| tracing::warn!(%warning, "rules"));

    let data = DataDir::open(&arguments.data)?;
    let lock = data.lock().await?;
    let public = bind(config.listen, "public").await?;
    let admin = bind(config.admin, "admin").await?;
    config.log.directory = data.path("log");

    let process = Process {
        registry: Registry::new(),
        health: Health::default(),
        shutdown: Shutdown::default(),
        clock: SystemClock,
        tasks: TaskTracker::new(),
        config,
        rules,
        data,
    };
    let signals = process.shutdown.clone();
    process
        .tasks
        .spawn(async move { signals.listen_to_signals().await });
    let ended = tokio::select! {
        ended = process.run(&arguments, (public, admin)) => ended,
        // A signal while starting: nothing was acknowledged that is not on disk.
        () = async {
            process.shutdown.begun().await;
            tokio::time::sleep(Duration::from_secs(28)).await;
        } => Err(anyhow::anyhow!("not everything ended in time")),
    };
    process.data.remove_run_info();
    drop::<DataLock>(lock);
    ended?;
    match process.shutdown.reason() {
        Some(Reason::Failure(reason)) => Err(anyhow::anyhow!(reason)),
        Some(Reason::Signal(_)) | None => Ok(()),
    }
}

async fn bind(address: std::net::SocketAddr, what: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!(
            "cannot listen on the {what} address {address}; choose another with --listen or --admin"
        )
    })
}

/// What all parts of the process share.
struct Process {
    registry: Registry,
    health: Health,
    shutdown: Shutdown,
    clock: SystemClock,
    tasks: TaskTracker,
    config: Config,
    rules: Arc<RuleSet>,
    data: DataDir,
}

impl Process {
    async fn run(
        &self,
        arguments: &UpArguments,
        (public, admin): (TcpListener, TcpListener),
    ) -> anyhow::Result<()> {
        let reports = Reports::register(&self.health);
        let (listen, admin_address) = (public.local_addr()?, admin.local_addr()?);
        let sites = Arc::new(SiteStore::open(self.data.path("sites.json"))?);
        let stop_engine = CancellationToken::new();
        let (warehouse, engine_task) = self
            .start_engine(arguments, &stop_engine, reports.engine)
            .await?;
        let control_token = random_key("ec");
        let admin_routes =
            routes::admin(self, &control_token, Arc::clone(&sites), warehouse.clone());
        self.serve_admin(admin, admin_routes);

        let log = self.open_log().await?;
        let stop_classifier = CancellationToken::new();
        let watermark = Watermark::new(usize::try_from(self.config.log.partitions)?);
        let parts = (log.source(), warehouse.clone(), watermark.clone());
        let classifier = self.start_classifier(parts, &stop_classifier)?;
        let metrics = CollectorMetrics::register(&self.registry)?;
        let collector = self.build_collector(log.publisher(), &sites, metrics.clone());
        let insights = (warehouse.clone(), watermark);
        let router = routes::public(self, collector, insights, &sites)?;

        reports.classifier.ready();
        reports.collector.ready();
        self.tasks.spawn(health::watch_event_log(
            log.publisher(),
            reports.event_log,
            self.shutdown.token(),
        ));
        self.tasks.spawn(health::watch_warehouse(
            warehouse.clone(),
            reports.warehouse,
            self.shutdown.token(),
        ));
        let run_info = RunInfo {
            pid: std::process::id(),
            listen: listen.to_string(),
            admin: admin_address.to_string(),
            control_token,
        };
        self.data.write_run_info(&run_info)?;
        greet(&sites, &run_info, arguments.json)?;

        let shutdown = self.shutdown.clone();
        let begun = async move { shutdown.begun().await };
        let served =
            etappe_collector::serve::run(public, router, begun, &self.config.collector, &metrics);
        let mut ended = served.await.context("requests were cut off");
        // Nothing comes in any more: finish what is being written, then close from the outside in.
        stop_classifier.cancel();
        ended = ended.and(classifier.await.context("the classifier broke")?);
        ended = ended.and(
            log.close()
                .await
                .context("the event log was not closed cleanly"),
        );
        stop_engine.cancel();
        engine_task.await.context("the engine's supervisor broke")?;
        ended
    }

    /// Starts the engine and brings its tables up to date.
    async fn start_engine(
        &self,
        arguments: &UpArguments,
        stop: &CancellationToken,
        report: etappe_runtime::health::Reporter,
    ) -> anyhow::Result<(Warehouse, JoinHandle<()>)> {
        let command = EngineCommand {
            data: self.data.path("engine"),
            library: library(arguments.engine_library.clone()).await?,
            config: arguments.config.clone(),
        };
        let engine = command.start(None).await?;
        let (user, password) = command.login()?;
        let url = format!("http://{}", engine.address());
        let config = WarehouseConfig::new(&url, DATABASE, &user, &password);
        let warehouse = Warehouse::connect(config, &self.registry)?;
        warehouse
            .migrate()
            .await
            .context("the tables cannot be brought up to date")?;
        let task = self
            .tasks
            .spawn(supervise(command, engine, report, stop.clone()));
        Ok((warehouse, task))
    }

    async fn open_log(&self) -> anyhow::Result<LocalLog> {
        let (config, clock, registry) = (
            self.config.log.clone(),
            Arc::new(self.clock),
            self.registry.clone(),
        );
        let open = move || LocalLog::open(config, clock, &current_boot_id()?, &registry);
        let opened = tokio::task::spawn_blocking(open)
            .await
            .context("the log broke")?;
        opened.context("the event log cannot be opened")
    }

    fn start_classifier(
        &self,
        (source, warehouse, watermark): (etappe_log::local::LocalSource, Warehouse, Watermark),
        stop: &CancellationToken,
    ) -> anyhow::Result<JoinHandle<anyhow::Result<()>>> {
        let letters =
            open_dead_letters(&self.data.path("dead-letters"), source.topic(), self.clock)?;
        let parts = ClassifierParts {
            source,
            sink: warehouse.clone(),
            letters,
            index: warehouse,
            clock: self.clock,
            rules: Arc::clone(&self.rules),
            config: self.config.classifier.clone(),
            partitions: self.config.log.partitions,
            watermark,
        };
        let classifier = Classifier::new(parts, &self.registry)?;
        let (stop, shutdown) = (stop.clone(), self.shutdown.clone());
        Ok(self.tasks.spawn(async move {
            let ended = classifier
                .run(stop)
                .await
                .context("the classifier cannot go on");
            if let Err(error) = &ended {
                tracing::error!(error = format!("{error:#}"), "stopping");
                shutdown.begin(Reason::Failure(format!("{error:#}")));
            }
            ended
        }))
    }

    fn build_collector(
        &self,
        publisher: LocalPublisher,
        sites: &SiteStore,
        metrics: CollectorMetrics,
    ) -> Arc<Collector<LocalPublisher, SystemClock>> {
        let config = self.config.collector.clone();
        Arc::new(Collector::new(
            publisher,
            self.clock,
            sites.subscribe(),
            config,
            metrics,
        ))
    }

    fn serve_admin(&self, listener: TcpListener, router: axum::Router) {
        let shutdown = self.shutdown.clone();
        self.tasks.spawn(async move {
            let ended = async move { shutdown.begun().await };
            if let Err(error) = axum::serve(listener, router)
                .with_graceful_shutdown(ended)
                .await
            {
                tracing::error!(%error, "the admin address is not served any more");
            }
        });
    }
}

fn open_dead_letters(
    folder: &Path,
    topic: &str,
    clock: SystemClock,
) -> anyhow::Result<DeadLetterFile<SystemClock>> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot create {}", folder.display()))?;
    let file = folder.join("letters.ndjson");
    let opened = DeadLetterFile::open(&file, topic, DEAD_LETTER_BYTES, clock);
    opened.context("the dead letters cannot be opened")
}

/// The components' health.
struct Reports {
    engine: etappe_runtime::health::Reporter,
    warehouse: etappe_runtime::health::Reporter,
    event_log: etappe_runtime::health::Reporter,
    classifier: etappe_runtime::health::Reporter,
    collector: etappe_runtime::health::Reporter,
}

impl Reports {
    fn register(health: &Health) -> Self {
        Self {
            engine: health.register("engine"),
            warehouse: health.register("warehouse"),
            event_log: health.register("event_log"),
            classifier: health.register("classifier"),
            collector: health.register("collector"),
        }
    }
}

/// Makes the demo site at the first start, and says where everything is.
fn greet(sites: &SiteStore, run: &RunInfo, as_json: bool) -> anyhow::Result<()> {
    let mut greeting = Greeting::new(run, DEMO);
    if sites.is_empty() {
        let admin_token = sites.create_admin_token()?;
        let keys = sites.create_keys(&SiteId::try_new(DEMO)?, KeyScope::Browser)?;
        greeting = greeting.with_keys(keys, admin_token);
    }
    greeting.print(as_json)
}
