//! The handle to a server, which all readers and writers here use.

use std::sync::Arc;
use std::time::Duration;

use clickhouse::{Client, Compression};
use etappe_core::id::SiteId;
use etappe_core::ports::Retryable;
use etappe_core::time::Timestamp;
use etappe_runtime::fair_queue::FairQueue;
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use prometheus::Registry;
use tokio::sync::OnceCell;

use crate::config::WarehouseConfig;
use crate::error::{WarehouseError, is_new_enough};
use crate::metrics::Metrics;
use crate::tls::with_tls;
use crate::write::{OtherTopics, WriteHistory};

/// How long to wait for a TCP connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Servers close idle connections after 3 s by default. Closing them earlier here avoids sending on
/// a connection that the server is closing.
const IDLE_TIMEOUT: Duration = Duration::from_secs(2);

/// A ClickHouse server; cheap to clone, clones share connections and metrics.
#[derive(Debug, Clone)]
pub struct Warehouse {
    inner: Arc<Inner>,
    client: Arc<Client>,
}

#[derive(Debug)]
struct Inner {
    /// The turns of queries, per site.
    turns: FairQueue<SiteId>,
    config: WarehouseConfig,
    metrics: Metrics,
    history: WriteHistory,
    other_topics: OtherTopics,
    started: OnceCell<Timestamp>,
}

impl Warehouse {
    /// Creates a handle and registers its metrics; nothing is sent yet.
    ///
    /// # Errors
    /// [`WarehouseError::Config`] for the first problem of `config`, [`WarehouseError::Metrics`] if
    /// `registry` already has the warehouse's metrics.
    pub fn connect(config: WarehouseConfig, registry: &Registry) -> Result<Self, WarehouseError> {
        if let Some(problem) = config.problems().into_iter().next() {
            return Err(WarehouseError::Config(problem));
        }
        let config = config.resolved().map_err(WarehouseError::Config)?;
        let metrics = Metrics::register(registry).map_err(WarehouseError::Metrics)?;
        let client = build_client(&config)?;
        let turns = config.concurrent_questions;
        Ok(Self {
            client: Arc::new(client),
            inner: Arc::new(Inner {
                turns: FairQueue::shared_out(turns, turns.div_ceil(2)),
                config,
                metrics,
                history: WriteHistory::default(),
                other_topics: OtherTopics::default(),
                started: OnceCell::new(),
            }),
        })
    }

    /// Returns a handle with separate connections; everything else is shared.
    ///
    /// A connection is driven by the runtime that opened it. So work that must not wait for the
    /// query threads uses its own connections, which no query has opened.
    ///
    /// # Errors
    /// [`WarehouseError::Config`] if the authorities' certificates can no longer be read.
    pub fn with_own_connections(&self) -> Result<Self, WarehouseError> {
        Ok(Self {
            inner: Arc::clone(&self.inner),
            client: Arc::new(build_client(self.config())?),
        })
    }

    /// Checks that the server answers.
    ///
    /// # Errors
    /// If the server does not answer or refuses the credentials.
    pub async fn ping(&self) -> Result<(), WarehouseError> {
        let ping = self.client().query_raw("SELECT 1").fetch_one::<u8>();
        self.within(self.config().query_timeout, "ping the server", ping)
            .await?;
        Ok(())
    }

    /// Returns the time of this process's first query, by the server's clock.
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

    pub(crate) fn history(&self) -> &WriteHistory {
        &self.inner.history
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

    /// Returns the error for a refusal by the server.
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

    /// Checks that the server's version is supported.
    ///
    /// # Errors
    /// [`WarehouseError::ServerTooOld`] if it is not; otherwise the query's error.
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

    /// Waits at most `limit` for the client's answer and counts a failure.
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
