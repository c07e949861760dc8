//! A running collector with an in-memory log.

use std::sync::Arc;
use std::time::Duration;

use etappe_collector::Collector;
use etappe_collector::config::CollectorConfig;
use etappe_collector::metrics::CollectorMetrics;
use etappe_core::event::KeyScope;
use etappe_core::id::SiteId;
use etappe_core::meaning::Meanings;
use etappe_core::ports::{Clock, EventPublisher, OutgoingRecord, PublishError};
use etappe_core::site::{Grant, KeyHash, KeyRecord, Site, SiteDirectory, SiteSettings};
use etappe_core::time::Timestamp;
use etappe_runtime::http_server::{self, Address, ServeError, ServerConfig, ServerMetrics};
use parking_lot::Mutex;
use prometheus::Registry;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::client::{Answer, Connection};

pub(crate) const SERVER_KEY: &str = "server-key-0123456789";
pub(crate) const BROWSER_KEY: &str = "browser-key-0123456789";
pub(crate) const PIXEL_KEY: &str = "pixel-key-0123456789";
pub(crate) const READ_TOKEN: &str = "read-token-0123456789";
pub(crate) const OTHER_KEY: &str = "other-key-0123456789";

/// A clock that never advances.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::parse("2024-03-10T12:00:00Z").expect("a time")
    }
}

/// An in-memory log that fails on demand.
#[derive(Debug, Clone)]
pub(crate) struct MemoryLog {
    records: Arc<Mutex<Vec<OutgoingRecord>>>,
    /// Records that contain this text are refused for now.
    refused: Arc<Mutex<Option<&'static str>>>,
    /// Publishing takes a permit and returns it.
    gate: Arc<Semaphore>,
    /// How often publishing was attempted.
    arrivals: watch::Sender<usize>,
    limit: usize,
    /// The fullness that the log reports.
    fullness: Arc<Mutex<f64>>,
}

impl MemoryLog {
    fn new() -> Self {
        Self {
            records: Arc::default(),
            refused: Arc::default(),
            gate: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
            arrivals: watch::channel(0).0,
            limit: 60_000,
            fullness: Arc::default(),
        }
    }

    /// Refuses records that contain `text` from now on.
    pub(crate) fn refuse(&self, text: Option<&'static str>) {
        *self.refused.lock() = text;
    }

    /// Reports this fullness from now on.
    pub(crate) fn fill(&self, fullness: f64) {
        *self.fullness.lock() = fullness;
    }

    /// Blocks all publishing until the permits are returned.
    pub(crate) fn close(&self) {
        self.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    pub(crate) fn open(&self) {
        self.gate.add_permits(100);
    }

    /// Waits until publishing was attempted `times` times.
    pub(crate) async fn reached(&self, times: usize) {
        let mut arrivals = self.arrivals.subscribe();
        arrivals
            .wait_for(|count| *count >= times)
            .await
            .expect("the log lives");
    }

    pub(crate) fn clear(&self) {
        self.records.lock().clear();
    }

    pub(crate) fn texts(&self) -> Vec<String> {
        let records = self.records.lock();
        records
            .iter()
            .map(|record| String::from_utf8(record.payload.to_vec()).unwrap())
            .collect()
    }

    pub(crate) fn values(&self) -> Vec<Value> {
        self.texts()
            .iter()
            .map(|text| serde_json::from_str(text).unwrap())
            .collect()
    }
}

impl EventPublisher for MemoryLog {
    async fn publish(&self, records: Vec<OutgoingRecord>) -> Vec<Result<(), PublishError>> {
        self.arrivals.send_modify(|count| *count += 1);
        let _permit = self
            .gate
            .acquire()
            .await
            .expect("the gate is never closed for good");
        let refused = *self.refused.lock();
        let mut outcomes = Vec::new();
        for record in records {
            etappe_wire::record::decode(&record.payload).expect("a record");
            let text = std::str::from_utf8(&record.payload).expect("text");
            outcomes.push(
                if record.payload.len() > self.limit || text.contains("TOO LARGE") {
                    Err(PublishError::TooLarge {
                        size: record.payload.len(),
                        limit: self.limit,
                    })
                } else if refused.is_some_and(|refused| text.contains(refused)) {
                    let reason = "the disk is full".to_owned();
                    let retry_after = Duration::from_millis(4_200);
                    Err(PublishError::Unavailable {
                        reason,
                        retry_after,
                    })
                } else {
                    self.records.lock().push(record);
                    Ok(())
                },
            );
        }
        outcomes
    }

    fn fullness(&self) -> f64 {
        *self.fullness.lock()
    }
}

pub(crate) fn directory(settings: SiteSettings) -> SiteDirectory {
    let key = |text: &str, grant| KeyRecord {
        hash: KeyHash::of(text),
        grant,
        created: None,
    };
    let write = |text: &str, scope| key(text, Grant::Write(scope));
    let shop = Site {
        id: SiteId::try_new("shop").unwrap(),
        settings,
        meanings: Meanings::new(),
        keys: vec![
            write(SERVER_KEY, KeyScope::Server),
            write(BROWSER_KEY, KeyScope::Browser),
            write(PIXEL_KEY, KeyScope::Pixel),
            key(READ_TOKEN, Grant::Read),
        ],
    };
    let other = Site {
        id: SiteId::try_new("other").unwrap(),
        settings: SiteSettings::default(),
        meanings: Meanings::new(),
        keys: vec![write(OTHER_KEY, KeyScope::Server)],
    };
    SiteDirectory::new([shop, other])
}

/// A collector behind its server.
pub(crate) struct Service {
    pub(crate) log: MemoryLog,
    pub(crate) collector: Arc<Collector<MemoryLog, FixedClock>>,
    pub(crate) sites: watch::Sender<Arc<SiteDirectory>>,
    pub(crate) registry: Registry,
    pub(crate) address: std::net::SocketAddr,
    stop: CancellationToken,
    server: Option<JoinHandle<Result<(), ServeError>>>,
}

impl Service {
    pub(crate) async fn start() -> Self {
        Self::start_with(CollectorConfig::default(), SiteSettings::default()).await
    }

    pub(crate) async fn start_with(config: CollectorConfig, settings: SiteSettings) -> Self {
        Self::start_served(config, settings, ServerConfig::default()).await
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the handle is kept and joined in `stop`"
    )]
    pub(crate) async fn start_served(
        config: CollectorConfig,
        settings: SiteSettings,
        server: ServerConfig,
    ) -> Self {
        let registry = Registry::new();
        let metrics = CollectorMetrics::register(&registry).unwrap();
        let (sites, receiver) = watch::channel(Arc::new(directory(settings)));
        let log = MemoryLog::new();
        let collector = Arc::new(Collector::new(
            log.clone(),
            FixedClock,
            receiver,
            config.clone(),
            metrics,
        ));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = etappe_collector::router(Arc::clone(&collector))
            .merge(etappe_collector::owner_router(Arc::clone(&collector)));
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        let counted = ServerMetrics::register(&registry).unwrap();
        let mut public = Address::new("public", server.clone(), counted);
        if config.trusted_proxies > 0 {
            public = public.behind(server.own_proxies().unwrap());
        }
        let server =
            tokio::spawn(
                async move { http_server::serve(listener, router, stopped, &public).await },
            );
        Self {
            log,
            collector,
            sites,
            registry,
            address,
            stop,
            server: Some(server),
        }
    }

    /// Begins to stop; `stopped` waits for the end.
    pub(crate) fn begin_stop(&self) {
        self.stop.cancel();
    }

    pub(crate) async fn stopped(mut self) -> Result<(), ServeError> {
        self.begin_stop();
        self.server
            .take()
            .expect("stopped once")
            .await
            .expect("the server does not panic")
    }

    pub(crate) async fn connect(&self) -> Connection {
        Connection::open(self.address).await
    }

    /// Sends one request on its own connection.
    pub(crate) async fn send(&self, head: &str, headers: &[&str], body: &[u8]) -> Answer {
        let mut connection = self.connect().await;
        connection.request(head, headers, body).await;
        connection.answer().await
    }

    /// Posts with the server key.
    pub(crate) async fn post(&self, path: &str, body: impl AsRef<[u8]>) -> Answer {
        let headers = [basic(SERVER_KEY)];
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        self.send(&format!("POST {path}"), &headers, body.as_ref())
            .await
    }

    /// Waits until a connection has ended with `result`.
    pub(crate) async fn ended(&self, result: &str) {
        let patience = tokio::time::Instant::now() + Duration::from_secs(20);
        while self.metric("etappe_runtime_connections_total", result) < 0.5 {
            assert!(
                tokio::time::Instant::now() < patience,
                "no connection ended: {result}"
            );
            tokio::task::yield_now().await;
        }
    }

    /// Returns the value of the only sample that starts with `name` and contains `label`.
    pub(crate) fn metric(&self, name: &str, label: &str) -> f64 {
        let text = prometheus::TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .unwrap();
        text.lines()
            .filter(|line| line.starts_with(name) && line.contains(label))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.abort();
        }
    }
}

pub(crate) fn basic(key: &str) -> String {
    use base64::Engine;
    let credentials = base64::engine::general_purpose::STANDARD.encode(format!("{key}:"));
    format!("Authorization: Basic {credentials}")
}

pub(crate) fn gzip(text: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn track(id: &str) -> String {
    format!(r#"{{"type":"track","event":"Product Viewed","userId":"u1","messageId":"{id}"}}"#)
}

pub(crate) fn batch(messages: &[String]) -> String {
    format!("{{\"batch\":[{}]}}", messages.join(","))
}
