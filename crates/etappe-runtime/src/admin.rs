//! The admin endpoints: metrics and health, on a separate address.

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{StatusCode, header};
use prometheus::{Encoder, Registry, TextEncoder};
use serde_json::json;

use crate::health::Health;
use crate::metrics::component_states;

#[derive(Clone)]
struct AdminState {
    registry: Registry,
    health: Health,
}

/// Makes the router of `/metrics`, `/healthz` and `/readyz`.
pub fn router(registry: Registry, health: Health) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .with_state(AdminState { registry, health })
}

async fn metrics(State(state): State<AdminState>) -> Response {
    let mut text = Vec::new();
    let mut families = state.registry.gather();
    families.extend(component_states(&state.health));
    match TextEncoder::new().encode(&families, &mut text) {
        Ok(()) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "metrics cannot be encoded");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// 200 while no component has failed; else 503: the process should be restarted.
async fn healthz(State(state): State<AdminState>) -> Response {
    answer(state.health.is_healthy(), &state.health)
}

/// 200 while every component works; otherwise 503, naming those that do not.
async fn readyz(State(state): State<AdminState>) -> Response {
    answer(state.health.is_ready(), &state.health)
}

fn answer(good: bool, health: &Health) -> Response {
    let status = if good {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (
        status,
        Json(json!({ "ok": good, "components": health.components() })),
    )
        .into_response()
}
