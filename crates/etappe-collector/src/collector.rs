//! The state that all requests share, and the routes.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::{Json, http::StatusCode};
use etappe_core::event::EventKind;
use etappe_core::id::SiteId;
use etappe_core::ports::{Clock, EventPublisher};
use etappe_core::site::SiteDirectory;
use etappe_core::time::Timestamp;
use etappe_runtime::forwarded::client_address;
use etappe_runtime::http_server::ViaProxy;
use etappe_wire::native::Limits;
use http::request::Parts;
use tokio::sync::watch;
use uuid::Uuid;

use crate::admission::Admission;
use crate::budget::Budget;
use crate::config::CollectorConfig;
use crate::country::stated_country;
use crate::metrics::CollectorMetrics;
use crate::rate_limit::RateLimits;
use crate::receptions::Receptions;
use crate::rejection_log::RejectionLog;
use crate::warning_log::WarningLog;

/// How many bytes of a `User-Agent` are stored.
const KEPT_USER_AGENT: usize = 512;

/// Receives events over HTTP and publishes them to an event log.
#[derive(Debug)]
pub struct Collector<P, C> {
    pub(crate) publisher: P,
    pub(crate) clock: C,
    pub(crate) directory: watch::Receiver<Arc<SiteDirectory>>,
    pub(crate) config: CollectorConfig,
    pub(crate) metrics: CollectorMetrics,
    pub(crate) budget: Arc<Budget>,
    pub(crate) admission: Admission,
    pub(crate) rates: RateLimits,
    pub(crate) receptions: Receptions,
    rejections: RejectionLog,
    warnings: WarningLog,
    /// When counting started.
    started_at: Timestamp,
}

/// What a path accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// A single message of a kind.
    Message(EventKind),
    /// A batch.
    Batch,
    /// A batch sent while a page unloads: its key is in the query.
    Beacon,
}

impl Endpoint {
    /// Returns the name used in metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Message(_) => "message",
            Self::Batch | Self::Beacon => "batch",
        }
    }
}

/// The paths of the native protocol; each is also served with a trailing slash.
const ENDPOINTS: [(&str, Endpoint); 16] = [
    ("/v1/track", Endpoint::Message(EventKind::Track)),
    ("/v1/t", Endpoint::Message(EventKind::Track)),
    ("/v1/identify", Endpoint::Message(EventKind::Identify)),
    ("/v1/i", Endpoint::Message(EventKind::Identify)),
    ("/v1/page", Endpoint::Message(EventKind::Page)),
    ("/v1/p", Endpoint::Message(EventKind::Page)),
    ("/v1/screen", Endpoint::Message(EventKind::Screen)),
    ("/v1/s", Endpoint::Message(EventKind::Screen)),
    ("/v1/group", Endpoint::Message(EventKind::Group)),
    ("/v1/g", Endpoint::Message(EventKind::Group)),
    ("/v1/alias", Endpoint::Message(EventKind::Alias)),
    ("/v1/a", Endpoint::Message(EventKind::Alias)),
    ("/v1/batch", Endpoint::Batch),
    ("/v1/b", Endpoint::Batch),
    ("/v1/import", Endpoint::Batch),
    ("/beacon/v1/batch", Endpoint::Beacon),
];

impl<P: EventPublisher, C: Clock> Collector<P, C> {
    /// Makes a collector. Changes of `directory` apply from the next request on.
    pub fn new(
        publisher: P,
        clock: C,
        directory: watch::Receiver<Arc<SiteDirectory>>,
        config: CollectorConfig,
        metrics: CollectorMetrics,
    ) -> Self {
        Self {
            budget: Arc::new(Budget::new(
                config.in_flight_bytes,
                metrics.in_flight_bytes.clone(),
            )),
            rejections: RejectionLog::new(config.rejection_log_bytes),
            warnings: WarningLog::new(config.rejection_log_bytes),
            started_at: clock.now(),
            admission: Admission::new(&config, metrics.admission.clone()),
            rates: RateLimits::default(),
            receptions: Receptions::default(),
            publisher,
            clock,
            directory,
            config,
            metrics,
        }
    }

    /// Returns a function that returns when the oldest request in progress was received.
    pub fn oldest_request(&self) -> impl Fn() -> Option<Timestamp> + Send + Sync + 'static {
        let receptions = self.receptions.clone();
        move || receptions.oldest()
    }

    /// Updates the metric of the event log's fullness. Requests update it too; without requests,
    /// the metric would keep its last value unless this is called.
    pub fn show_log_fullness(&self) {
        self.admission.show_fullness(&self.publisher);
    }

    /// Makes the router of the public paths: the native protocol, the pixel, and the settings that
    /// trackers fetch. It can be merged with others; it has no fallback.
    pub fn router(self: Arc<Self>) -> Router {
        let mut router = Router::new();
        for (path, endpoint) in ENDPOINTS {
            let handler = any(
                move |State(collector): State<Arc<Self>>, request: Request| async move {
                    collector.intake(endpoint, request).await
                },
            );
            router = router
                .route(path, handler.clone())
                .route(&format!("{path}/"), handler);
        }
        let pixel = any(
            |State(collector): State<Arc<Self>>, request: Request| async move {
                collector.pixel(request).await
            },
        );
        router
            .route("/v1/pixel.gif", pixel.clone())
            .route("/v1/pixel.gif/", pixel)
            .route("/v1/projects/{key}/settings", any(Self::segment_settings))
            .route("/sourceConfig", any(Self::source_config))
            .route("/sourceConfig/", any(Self::source_config))
            .with_state(self)
    }

    /// Makes the router of `GET /v1/sites/{site}/rejections` and `/warnings`: the latest ones of a
    /// site, newest first. It checks no key; the caller must protect it.
    pub fn rejections_router(self: Arc<Self>) -> Router {
        Router::new()
            .route("/v1/sites/{site}/rejections", get(Self::list_rejections))
            .route("/v1/sites/{site}/warnings", get(Self::list_warnings))
            .with_state(self)
    }

    async fn list_rejections(
        State(collector): State<Arc<Self>>,
        Path(site): Path<String>,
    ) -> Response {
        match collector.known_site(&site) {
            Some(site) => {
                let rejections = collector.rejections.list(&site);
                Json(serde_json::json!({ "site": site, "rejections": rejections })).into_response()
            }
            None => StatusCode::NOT_FOUND.into_response(),
        }
    }

    async fn list_warnings(
        State(collector): State<Arc<Self>>,
        Path(site): Path<String>,
    ) -> Response {
        match collector.known_site(&site) {
            Some(site) => Json(serde_json::json!({
                "site": site,
                "since": collector.started_at,
                "counts": collector.warnings.counts(&site),
                "warnings": collector.warnings.list(&site),
            }))
            .into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        }
    }

    fn known_site(&self, name: &str) -> Option<SiteId> {
        let site = SiteId::try_new(name).ok()?;
        let is_known = self.directory.borrow().site(site.as_str()).is_some();
        is_known.then_some(site)
    }

    /// Returns the warnings of every site.
    pub const fn warnings(&self) -> &WarningLog {
        &self.warnings
    }

    /// Returns the latest rejections of every site.
    pub const fn rejections(&self) -> &RejectionLog {
        &self.rejections
    }

    /// Returns the current sites and keys.
    pub(crate) fn sites(&self) -> Arc<SiteDirectory> {
        Arc::clone(&self.directory.borrow())
    }

    /// Returns the limits of a single message.
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            event_bytes: self.config.event_bytes,
            ..Limits::default()
        }
    }

    /// Returns the number of own proxies that a request passed.
    pub(crate) fn proxies_before(&self, parts: &Parts) -> usize {
        match parts.extensions.get::<ViaProxy>() {
            Some(ViaProxy) => self.config.trusted_proxies,
            None => 0,
        }
    }

    /// Returns the client address of a request.
    pub(crate) fn client_address(&self, parts: &Parts) -> Option<std::net::IpAddr> {
        let peer = parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map(|info| info.0);
        client_address(&parts.headers, peer, self.proxies_before(parts))
    }

    /// Returns the client's country as stated by a trusted proxy.
    pub(crate) fn country(&self, parts: &Parts) -> Option<&'static str> {
        if self.proxies_before(parts) == 0 {
            return None;
        }
        stated_country(&parts.headers, &self.config.country_header)
    }
}

/// Returns the `User-Agent` of a request that was made by a page or by an image in it, if it is
/// text.
///
/// A program that sends events for others (a server, a script, `curl`) sends its own user agent,
/// not a visitor's. If that were used, all its events would count as a bot's.
pub(crate) fn user_agent(parts: &Parts) -> Option<String> {
    let has = |name: &str| parts.headers.contains_key(name);
    let accept = parts
        .headers
        .get(http::header::ACCEPT)
        .and_then(|value| value.to_str().ok());
    let wants_image = accept.is_some_and(|types| types.contains("image/"));
    if !(has("origin") || has("sec-fetch-site") || wants_image) {
        return None;
    }
    let value = parts.headers.get(http::header::USER_AGENT)?;
    let text = value.to_str().ok().filter(|text| !text.is_empty())?;
    // Header values that are text are ASCII, so no character is cut.
    text.get(..text.len().min(KEPT_USER_AGENT))
        .map(str::to_owned)
}

/// Returns a new UUIDv7 for messages received at `at`.
pub(crate) fn first_id(at: Timestamp) -> Uuid {
    let millis = u64::try_from(at.as_millis()).unwrap_or(0);
    let nanos = u32::try_from(millis % 1_000 * 1_000_000).unwrap_or(0);
    Uuid::new_v7(uuid::Timestamp::from_unix(
        uuid::NoContext,
        millis / 1_000,
        nanos,
    ))
}
