//! The routes of the public address.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::{Json, Router, http::StatusCode};
use etappe_core::event::EventKind;
use etappe_core::ports::{Clock, EventPublisher};
use serde_json::{Value, json};

use crate::collector::Collector;
use crate::intake::{Endpoint, intake};
use crate::pixel::pixel;
use crate::site_traffic::SiteTraffic;
use crate::sites::Sites;
use crate::tracker_settings::{segment_settings, source_config};

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

/// Makes the router of the public paths: the native protocol, the pixel, and the settings that
/// trackers fetch. It can be merged with others; it has no fallback.
pub fn router<P: EventPublisher, C: Clock>(collector: Arc<Collector<P, C>>) -> Router {
    let mut router = Router::new();
    for (path, endpoint) in ENDPOINTS {
        let handler = any(
            move |State(collector): State<Arc<Collector<P, C>>>, request: Request| async move {
                intake(&collector, endpoint, request).await
            },
        );
        router = router
            .route(path, handler.clone())
            .route(&format!("{path}/"), handler);
    }
    router
        .route("/v1/pixel.gif", any(pixel::<P, C>))
        .route("/v1/pixel.gif/", any(pixel::<P, C>))
        .route("/v1/projects/{key}/settings", any(segment_settings::<P, C>))
        .route("/sourceConfig", any(source_config::<P, C>))
        .route("/sourceConfig/", any(source_config::<P, C>))
        .with_state(collector)
}

/// Makes the router of `GET /v1/sites/{site}/rejections` and `/warnings`, the latest ones of a
/// site, newest first, and of `/sending`, which says whether sending works. It checks no key; the
/// caller must protect it.
pub fn owner_router<P: EventPublisher, C: Clock>(collector: Arc<Collector<P, C>>) -> Router {
    Router::new()
        .route("/v1/sites/{site}/rejections", get(list_rejections::<P, C>))
        .route("/v1/sites/{site}/warnings", get(list_warnings::<P, C>))
        .route("/v1/sites/{site}/sending", get(report_sending::<P, C>))
        .with_state(collector)
}

async fn list_rejections<P, C>(
    State(collector): State<Arc<Collector<P, C>>>,
    Path(site): Path<String>,
) -> Response {
    answer_owner(
        &collector.sites,
        &site,
        |traffic| json!({ "site": site, "rejections": traffic.rejections.list() }),
    )
}

async fn list_warnings<P, C>(
    State(collector): State<Arc<Collector<P, C>>>,
    Path(site): Path<String>,
) -> Response {
    answer_owner(&collector.sites, &site, |traffic| {
        json!({
            "site": site,
            "since": collector.started_at,
            "counts": traffic.warning_counts(),
            "warnings": traffic.warnings.list(),
        })
    })
}

async fn report_sending<P, C>(
    State(collector): State<Arc<Collector<P, C>>>,
    Path(site): Path<String>,
) -> Response {
    answer_owner(&collector.sites, &site, |traffic| {
        let refused = traffic.rejections.newest();
        let unknown = collector.sites.unknown_sender();
        let since = collector.started_at;
        json!(traffic.sending.report(&site, since, refused, unknown))
    })
}

fn answer_owner(sites: &Sites, site: &str, answer: impl FnOnce(&SiteTraffic) -> Value) -> Response {
    match sites.directory().site(site) {
        Some(site) => Json(answer(&sites.traffic_of(&site.id))).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
