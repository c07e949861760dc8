//! Serves the settings that trackers fetch before they send anything.
//!
//! Segment's browser library fetches its settings from the host it is loaded with, RudderStack's
//! its source configuration. Without an answer they send nothing. With this one they send their
//! events here and load nothing from elsewhere.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use etappe_core::ports::Clock;
use http::request::Parts;
use http::{Method, header};
use serde_json::{Value, json};

use crate::access::{Access, basic_key};
use crate::collector::Collector;
use crate::cors::CorsRequest;
use crate::error::IntakeError;
use crate::refused_request::{RefusedRequest, note_unknown_sender};
use crate::response::refused;
use crate::sender::Sender;

const METHODS: &str = "GET, HEAD, OPTIONS";

/// Answers `GET /v1/projects/{key}/settings` of Segment's browser library.
pub(crate) async fn segment_settings<P, C: Clock>(
    State(collector): State<Arc<Collector<P, C>>>,
    Path(key): Path<String>,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    answer_settings(&collector, &parts, || {
        let access = check_key(&collector, &key, &parts)?;
        record_fetched(&collector, &access, &parts);
        let protocol = Sender::of(&parts, &collector.config).protocol();
        Ok(segment(&key, host(&parts), protocol))
    })
}

/// Answers `GET /sourceConfig/` of RudderStack's browser library.
pub(crate) async fn source_config<P, C: Clock>(
    State(collector): State<Arc<Collector<P, C>>>,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    answer_settings(&collector, &parts, || {
        let key = match basic_key(&parts.headers)? {
            Some(key) => key,
            None => {
                let query = parts.uri.query().unwrap_or_default();
                let query = etappe_wire::pixel::PixelQuery::parse(query);
                query.write_key().ok_or(IntakeError::MissingKey)?.to_owned()
            }
        };
        let access = check_key(&collector, &key, &parts)?;
        record_fetched(&collector, &access, &parts);
        Ok(rudderstack(&key, access.traffic.site().as_str()))
    })
}

fn answer_settings<P, C: Clock>(
    collector: &Collector<P, C>,
    parts: &Parts,
    settings: impl FnOnce() -> Result<Value, IntakeError>,
) -> Response {
    let cors = CorsRequest::of(&parts.headers);
    let outcome = match parts.method {
        Method::OPTIONS => return cors.preflight(METHODS),
        Method::GET | Method::HEAD => settings(),
        _ => Err(IntakeError::MethodNotAllowed { allowed: METHODS }),
    };
    cors.allow(match outcome {
        Ok(settings) => ([(header::CACHE_CONTROL, "no-cache")], Json(settings)).into_response(),
        Err(error) => {
            note_unknown_sender(collector, &error);
            refused(&error)
        }
    })
}

/// Returns what the key of a tracker allows; its site's owner sees why a tracker was refused.
fn check_key<P, C: Clock>(
    collector: &Collector<P, C>,
    key: &str,
    parts: &Parts,
) -> Result<Access, IntakeError> {
    let sites = &collector.sites;
    // A page fetches its settings without an `Origin` if they are on its own host.
    let cors = CorsRequest::of(&parts.headers);
    let access = match Access::to_messages(sites, key, cors.origin()) {
        Err(IntakeError::OriginNotAllowed) if cors.origin().is_none() => {
            Access::to_pixel(sites, key)
        }
        outcome => outcome,
    };
    access.inspect_err(|error| {
        if let Some(site) = sites.traffic_of_key(key) {
            let origin = cors.origin();
            let refused = RefusedRequest {
                error,
                kind: None,
                origin,
                bytes: 0,
            };
            refused.note(collector, Some(&site));
        }
    })
}

fn record_fetched<P, C: Clock>(collector: &Collector<P, C>, access: &Access, parts: &Parts) {
    if parts.method == Method::GET {
        let sending = &access.traffic.sending;
        sending.record_settings_fetched(collector.clock.now());
    }
}

fn host(parts: &Parts) -> &str {
    parts
        .headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default()
}

fn segment(key: &str, host: &str, protocol: &str) -> Value {
    json!({
        "integrations": {
            "Segment.io": {
                "apiKey": key,
                "apiHost": format!("{host}/v1"),
                "protocol": protocol,
                "unbundledIntegrations": [],
                "addBundledMetadata": true,
                "versionSettings": { "version": "4.4.7", "componentTypes": ["browser"] },
            },
        },
        "plan": { "track": { "__default": { "enabled": true, "integrations": {} } } },
        "edgeFunction": {},
        "analyticsNextEnabled": true,
        "middlewareSettings": {},
        "enabledMiddleware": {},
        "metrics": { "sampleRate": 0 },
        "legacyVideoPluginsEnabled": false,
        "remotePlugins": [],
    })
}

fn rudderstack(key: &str, site: &str) -> Value {
    json!({
        "source": {
            "id": site,
            "name": site,
            "writeKey": key,
            "enabled": true,
            "workspaceId": site,
            "config": { "statsCollection": { "errors": { "enabled": false }, "metrics": { "enabled": false } } },
            "destinations": [],
            "connections": [],
        },
    })
}
