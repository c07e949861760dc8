//! The common base of every long-running command: one process, its components, its start and its
//! shutdown.
//!
//! `up` runs all components, a role some of them. Components are started from the inside out and
//! stopped in reverse, so that everything acknowledged is durable and unfinished work is repeated.

pub(crate) mod auditor;
pub(crate) mod checkpoint;
pub(crate) mod engine;
pub(crate) mod event_log;
pub(crate) mod explainer;
pub(crate) mod front_page;
pub(crate) mod greeting;
pub(crate) mod health;
pub(crate) mod journeys;
pub(crate) mod kafka;
pub(crate) mod practice;
pub(crate) mod routes;
pub(crate) mod warehouse;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use etappe_classifier::{BoardFollower, BoardPoster, Classifier, ClassifierParts};
use etappe_collector::Collector;
use etappe_collector::metrics::CollectorMetrics;
use etappe_core::ports::RecordSource;
use etappe_core::rules::RuleSet;
use etappe_core::site::SiteDirectory;
use etappe_core::watermark::Watermark;
use etappe_log::dead_letters::DeadLetterStore;
use etappe_log::medium::{Publisher, Source};
use etappe_log::sites::SiteStore;
use etappe_runtime::background::BackgroundThreads;
use etappe_runtime::clock::SystemClock;
use etappe_runtime::health::Health;
use etappe_runtime::http_server::{self, Address, ServerMetrics};
use etappe_runtime::shutdown::{Reason, Shutdown};
use etappe_warehouse::Warehouse;
use prometheus::Registry;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;

/// The timeout for stopping all components: less than the 30 s after which service managers kill
/// the process.
const END_PATIENCE: Duration = Duration::from_secs(28);

/// How often the event log's fullness metric is updated while no requests arrive.
const FULLNESS_INTERVAL: Duration = Duration::from_secs(5);

/// What all components of the process share.
pub(crate) struct Service {
    pub(crate) registry: Registry,
    pub(crate) health: Health,
    pub(crate) shutdown: Shutdown,
    pub(crate) clock: SystemClock,
    pub(crate) tasks: TaskTracker,
    pub(crate) config: Config,
    pub(crate) rules: Arc<RuleSet>,
    server_metrics: ServerMetrics,
    /// The threads that answer queries.
    questions: BackgroundThreads,
}

/// The dependencies of a classifier.
pub(crate) struct ClassifierInputs {
    pub(crate) source: Source,
    pub(crate) letters: DeadLetterStore,
    pub(crate) warehouse: Warehouse,
    /// The sites, as they change.
    pub(crate) sites: watch::Receiver<Arc<SiteDirectory>>,
    pub(crate) partitions: u32,
    pub(crate) watermark: Watermark,
    pub(crate) scope: WatermarkScope,
}

/// Which processes follow the watermark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WatermarkScope {
    /// Only this process.
    Here,
    /// Every process that answers queries.
    Everywhere,
}

impl Service {
    /// Compiles the rules and initializes logging.
    pub(crate) fn start(config: Config) -> anyhow::Result<Self> {
        let rules = Arc::new(config.compile_rules()?);
        etappe_runtime::telemetry::init(&config.telemetry)?;
        rules
            .warnings()
            .iter()
            .for_each(|warning| tracing::warn!(%warning, "rules"));
        let registry = Registry::new();
        Ok(Self {
            server_metrics: ServerMetrics::register(&registry)?,
            questions: BackgroundThreads::start("questions")?,
            registry,
            health: Health::default(),
            shutdown: Shutdown::default(),
            clock: SystemClock,
            tasks: TaskTracker::new(),
            config,
            rules,
        })
    }

    /// Runs `work`, which must end after the shutdown has begun; a signal begins it.
    pub(crate) async fn run(
        &self,
        work: impl Future<Output = anyhow::Result<()>>,
    ) -> anyhow::Result<()> {
        let signals = self.shutdown.clone();
        self.tasks
            .spawn(async move { signals.listen_to_signals().await });
        tokio::select! {
            ended = work => ended?,
            // A signal during startup loses nothing: everything acknowledged is durable.
            () = async {
                self.shutdown.begun().await;
                tokio::time::sleep(END_PATIENCE).await;
            } => anyhow::bail!("not every component stopped in time"),
        }
        match self.shutdown.reason() {
            Some(Reason::Failure(reason)) => Err(anyhow::anyhow!(reason)),
            Some(Reason::Signal(_)) | None => Ok(()),
        }
    }

    /// Serves the admin address until the shutdown.
    pub(crate) fn serve_admin(&self, listener: TcpListener, router: axum::Router) {
        let config = self.config.server.for_admin();
        let address = Address::new("admin", config, self.server_metrics.clone());
        let shutdown = self.shutdown.clone();
        self.tasks.spawn(async move {
            let begun = async move { shutdown.begun().await };
            if let Err(error) = http_server::serve(listener, router, begun, &address).await {
                tracing::debug!(%error, "requests to the admin address were cut off");
            }
        });
    }

    /// Runs the classifier until `stop`; begins the shutdown when it fails.
    pub(crate) fn start_classifier(
        &self,
        inputs: ClassifierInputs,
        stop: &CancellationToken,
    ) -> anyhow::Result<JoinHandle<anyhow::Result<()>>> {
        let topic = inputs.source.topic().to_owned();
        let (board, watermark) = (inputs.warehouse.clone(), inputs.watermark.clone());
        let damaged = inputs.letters.damaged();
        let parts = ClassifierParts {
            source: inputs.source,
            sink: inputs.warehouse.clone(),
            letters: inputs.letters,
            index: inputs.warehouse,
            clock: self.clock,
            rules: Arc::clone(&self.rules),
            sites: inputs.sites,
            config: self.config.classifier.clone(),
            partitions: inputs.partitions,
            watermark: inputs.watermark,
        };
        let classifier = Classifier::new(parts, &self.registry)?;
        classifier.metrics().record_damaged_letters(damaged);
        if inputs.scope == WatermarkScope::Everywhere {
            let poster = BoardPoster::new(board, &topic, watermark, classifier.metrics());
            self.tasks.spawn(poster.run(stop.clone()));
            let (report, watch) = (self.health.register("collectors"), classifier.collectors());
            let watching = health::watch_collectors(watch, report, self.shutdown.token());
            self.tasks.spawn(watching);
        }
        let (stop, shutdown) = (stop.clone(), self.shutdown.clone());
        Ok(self.tasks.spawn(async move {
            let ended = classifier
                .run(stop)
                .await
                .context("the classifier cannot continue");
            if let Err(error) = &ended {
                tracing::error!(error = format!("{error:#}"), "stopping");
                shutdown.begin(Reason::Failure(format!("{error:#}")));
            }
            ended
        }))
    }

    /// Returns a watermark that follows the posts of all classifiers.
    pub(crate) fn follow_watermark(&self, warehouse: &Warehouse) -> Watermark {
        let watermark = Watermark::unknown();
        let follower = BoardFollower::new(warehouse.clone(), watermark.clone());
        self.tasks.spawn(follower.run(self.shutdown.token()));
        watermark
    }

    /// Makes the collector.
    pub(crate) fn build_collector(
        &self,
        publisher: Publisher,
        sites: &SiteStore,
        metrics: CollectorMetrics,
    ) -> Arc<Collector<Publisher, SystemClock>> {
        let config = self.config.collector.clone();
        let sites = sites.subscribe();
        let spool = match &publisher {
            Publisher::Kafka(spool) => Some(spool.clone()),
            Publisher::Local(_) | Publisher::Direct(_) => None,
        };
        let collector = Collector::new(publisher, self.clock, sites, config, metrics);
        if let Some(spool) = spool {
            spool.watch_requests(collector.oldest_request());
        }
        let collector = Arc::new(collector);
        let (shown, shutdown) = (Arc::clone(&collector), self.shutdown.token());
        self.tasks.spawn(async move {
            loop {
                shown.show_log_fullness();
                tokio::select! {
                    () = shutdown.cancelled() => return,
                    () = tokio::time::sleep(FULLNESS_INTERVAL) => {}
                }
            }
        });
        collector
    }

    /// Serves the public address until the shutdown; returns once no request is open.
    pub(crate) async fn serve_public(
        &self,
        listener: TcpListener,
        router: axum::Router,
    ) -> anyhow::Result<()> {
        let shutdown = self.shutdown.clone();
        let begun = async move { shutdown.begun().await };
        let config = self.config.server.clone();
        let proxies = config.own_proxies()?;
        let mut address = Address::new("public", config, self.server_metrics.clone());
        if self.config.collector.trusted_proxies > 0 {
            address = address.behind(proxies);
        }
        let served = http_server::serve(listener, router, begun, &address).await;
        if let Err(error) = served {
            // Their events were not acknowledged: clients send them again.
            tracing::warn!(%error, "requests were cut off");
        }
        Ok(())
    }
}

/// Binds an address; `what` and `flag` name it in errors.
pub(crate) async fn bind(
    address: SocketAddr,
    what: &str,
    flag: &str,
) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on the {what} address {address}; choose another with {flag}")
    })
}
