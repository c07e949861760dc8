//! The handle to a server: what every reader and writer here starts from.

use std::sync::Arc;
use std::time::Duration;

use clickhouse::{Client, Compression};
use etappe_core::id::SiteId;
use etappe_core::ports::Classified;
use etappe_core::time::Timestamp;
use etappe_runtime::fair_queue::FairQueue;
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use prometheus::Registry;
use tokio::sync::OnceCell;

use crate::config::WarehouseConfig;
use crate::error::{WarehouseError, is_new_enough};
use crate::message_index::OtherTopics;
use crate::metrics::Metrics;
use crate::past::Progress;
use crate::tls::with_tls;

/// How long to wait for a TCP connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Servers close idle connections after 3 s by default; a shorter time here avoids losing that race.
const IDLE_TIMEOUT: Duration = Duration::from_secs(2);

/// A ClickHouse server; cheap to clone, clones share connections and metrics.
#[derive(Debug, Clone)]
pub struct Warehouse {
    inner: Arc<Inner>,
    client: Arc<Client>,
}

#[derive(Debug)]
struct Inner {
    /// Turns to ask the server, site by site.
    turns: FairQueue<SiteId>,
    config: WarehouseConfig,
    metrics: Metrics,
    progress: Progress,
    other_topics: OtherTopics,
    started: OnceCell<Timestamp>,
}

impl Warehouse {
    /// Makes a handle and registers its metrics; nothing is sent yet.
    ///
    /// # Errors
    /// [`WarehouseError::Config`] for the first problem of `config`, [`WarehouseError::Metrics`]
    /// when `registry` has the warehouse's metrics already.
    pub fn connect(config: WarehouseConfig, registry: &Registry) -> Result<Self, WarehouseError> {
        if let Some(problem) = config.problems().into_iter().next() {
            return Err(WarehouseError::Config(problem));
        }
        let config = config.resolved().map_err(WarehouseError::Config)?;
        let metrics = Metrics::register(registry).map_err(WarehouseError::Metrics)?;
        let client = build_client(&config)?;
        let questions = config.concurrent_questions;
        Ok(Self {
            client: Arc::new(client),
            inner: Arc::new(Inner {
                turns: FairQueue::shared_out(questions, questions.div_ceil(2)),
                config,
                metrics,
                progress: Progress::default(),
                other_topics: OtherTopics::default(),
                started: OnceCell::new(),
            }),
        })
    }

    /// Returns a handle with connections of its own; everything else is shared.
    ///
    /// Connections are worked on by the runtime in which they were opened. So what must not wait for
    /// the threads of questions has connections that no question has opened.
    ///
    /// # Errors
    /// [`WarehouseError::Config`] when the authorities' certificates cannot be read any more.
    pub fn with_own_connections(&self) -> Result<Self, WarehouseError> {
        Ok(Self {
            inner: Arc::clone(&self.inner),
            client: Arc::new(build_client(self.config())?),
        })
    }

    /// Asks the server for a sign of life.
    ///
    /// # Errors
    /// When the server does not answer or refuses the credentials.
    pub async fn ping(&self) -> Result<(), WarehouseError> {
        let ping = self.client().query_raw("SELECT 1").fetch_one::<u8>();
        self.within(self.config().query_timeout, "ping the server", ping)
            .await?;
        Ok(())
    }

    /// Returns when this process first asked, by the server's clock.
    pub(crate) async fn started(&self) -> Result<Timestamp, WarehouseError> {
        let started = self.inner.started.get_or_try_init(|| async {
            let now = self
                .client()
                .query_raw("SELECT toUnixTimestamp64Milli(now64(3))")
                .fetch_one::<i64>();
            let limit = self.config().query_timeout;
            let now = self.within(limit, "read the server's clock", now).await?;
            Ok::<_, WarehouseError>(Timestamp::from_millis(now))
        });
        started.await.copied()
    }

    pub(crate) fn progress(&self) -> &Progress {
        &self.inner.progress
    }

    pub(crate) fn other_topics(&self) -> &OtherTopics {
        &self.inner.other_topics
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn turns(&self) -> &FairQueue<SiteId> {
        &self.inner.turns
    }

    pub(crate) fn config(&self) -> &WarehouseConfig {
        &self.inner.config
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }

    /// Returns the error for a refusal of the server.
    pub(crate) fn refused(
        &self,
        action: &'static str,
        source: clickhouse::error::Error,
    ) -> WarehouseError {
        WarehouseError::Server {
            record: None,
            action,
            host: self.config().host(),
            source,
        }
    }

    /// Checks that the server is new enough.
    ///
    /// # Errors
    /// [`WarehouseError::ServerTooOld`] when it is not; else when it cannot be asked.
    pub async fn check_server(&self) -> Result<(), WarehouseError> {
        let client = self.client().clone().with_database("system");
        let version = client.query_raw("SELECT version()").fetch_one::<String>();
        let limit = self.config().query_timeout;
        let found = self
            .within(limit, "read the server's version", version)
            .await?;
        if is_new_enough(&found) {
            return Ok(());
        }
        Err(WarehouseError::ServerTooOld {
            host: self.config().host(),
            found,
        })
    }

    /// Waits for an answer of the client, at most `limit`, and counts its failure.
    pub(crate) async fn within<T>(
        &self,
        limit: Duration,
        action: &'static str,
        answer: impl Future<Output = Result<T, clickhouse::error::Error>>,
    ) -> Result<T, WarehouseError> {
        let result = match tokio::time::timeout(limit, answer).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(source)) => self.refused(action, source),
            Err(_) => WarehouseError::TimedOut {
                action,
                host: self.config().host(),
                after: limit,
            },
        };
        self.metrics().record_error("query", result.retry_class());
        Err(result)
    }
}

fn build_client(config: &WarehouseConfig) -> Result<Client, WarehouseError> {
    let mut connector = HttpConnector::new();
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    connector.set_nodelay(true);
    connector.set_keepalive(Some(Duration::from_secs(60)));
    connector.enforce_http(false);
    let http = HttpClient::builder(TokioExecutor::new())
        .pool_idle_timeout(IDLE_TIMEOUT)
        .build(with_tls(connector, config)?);
    let compression = if config.is_local() {
        Compression::None
    } else {
        Compression::Lz4
    };
    Ok(Client::with_http_client(http)
        .with_url(&config.url)
        .with_database(&config.database)
        .with_user(&config.user)
        .with_password(&config.password)
        .with_compression(compression)
        .with_product_info("etappe", env!("CARGO_PKG_VERSION")))
}
